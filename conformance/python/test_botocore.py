"""botocore with its own model as the judge: what is sent, what comes back, how it is refused.

The parser of an SDK forgives much: it drops members it does not know, and takes any number for a
long. So the answers are read here as they came, and held against the service's model.
"""

import base64
import json

import botocore.exceptions
import botocore.session
import pytest
from callers import CLUSTER_ARN, REGION, TARGET, admin, app
from conftest import AS_ADMIN, as_admin

MODEL = botocore.session.get_session().get_service_model("rds-data")
# Members that are ours: the SDKs ignore what they do not know, outside of unions.
EXTENSIONS = {"updateResults[].numberOfRecordsUpdated"}
# Names that the service uses and its model does not have.
UNMODELLED = {"ValidationException", "InvalidSignatureException"}

ALL = "select 1::int2, 2::int8, 1.5::float8, 'NaN'::float4, 1.50, true, null, '\\x00ff'::bytea, \
'a'::text, '2024-01-15 10:30:00+02'::timestamptz, '{}'::jsonb, array[1, null], array[true], \
array[1.5::float8, 'Infinity'], array['a', null], array[[1, 2]], array[]::int[], 26::oid"


def call(client, operation, **arguments):
    """What the SDK makes of an answer, and the answer's own bytes."""
    seen = {}

    def keep(response_dict, **_):
        seen["body"] = response_dict["body"]

    events = client.meta.events
    events.register("before-parse.rds-data", keep)
    try:
        parsed = getattr(client, operation)(**arguments)
    finally:
        events.unregister("before-parse.rds-data", keep)
    return parsed, json.loads(seen["body"])


def faults(shape, value, path=""):
    """Where a JSON value is not what the model says."""
    kind = shape.type_name
    if value is None:
        return [] if path.endswith("Values[]") else [f"{path} is null"]
    if kind == "structure":
        return structure_faults(shape, value, path)
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path} is no list"]
        return [fault for each in value for fault in faults(shape.member, each, f"{path}[]")]
    wanted = {
        "string": lambda: isinstance(value, str) and len(value) <= length_max(shape),
        "boolean": lambda: isinstance(value, bool),
        "long": lambda: is_integer(value, 63),
        "integer": lambda: is_integer(value, 31),
        "double": lambda: value in ("NaN", "Infinity", "-Infinity") or is_number(value),
        "blob": lambda: base64.b64decode(value, validate=True) is not None,
    }
    return [] if wanted[kind]() else [f"{path} is {value!r}, not a {kind}"]


def structure_faults(shape, value, path):
    if not isinstance(value, dict):
        return [f"{path} is no object"]
    found = []
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        found.append(f"{path} has {sorted(value)}: one member is a union's")
    for name, each in value.items():
        inner = f"{path}.{name}".lstrip(".")
        if name in shape.members:
            found += faults(shape.members[name], each, inner)
        elif inner not in EXTENSIONS:
            found.append(f"{inner} is in no model")
    return found


def length_max(shape):
    return shape.metadata.get("max", 2**31)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_integer(value, bits):
    return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits


def checked(client, operation, **arguments):
    """A call whose answer is exactly as the model has it."""
    parsed, body = call(client, operation, **arguments)
    name = client.meta.method_to_api_mapping[operation]
    assert faults(MODEL.operation_model(name).output_shape, body) == []
    del parsed["ResponseMetadata"]
    assert parsed.keys() == body.keys()
    return parsed


@pytest.fixture(scope="module")
def table(schema):
    as_admin(f"create table {schema}.note (id int primary key, body varchar(10) not null)")
    return f"{schema}.note"


def test_the_operations_are_those_of_the_model():
    assert sorted(MODEL.operation_names) == [
        "BatchExecuteStatement",
        "BeginTransaction",
        "CommitTransaction",
        "ExecuteSql",
        "ExecuteStatement",
        "RollbackTransaction",
    ]


def test_execute_statement(table):
    client = admin()
    plain = checked(client, "execute_statement", **AS_ADMIN, sql=ALL)
    assert plain.keys() == {"records", "numberOfRecordsUpdated"}
    told = checked(
        client, "execute_statement", **AS_ADMIN, sql=ALL, includeResultMetadata=True
    )  # fmt: skip
    members = MODEL.shape_for("ColumnMetadata").members
    assert all(column.keys() == members.keys() for column in told["columnMetadata"])
    assert len(told["columnMetadata"]) == len(told["records"][0])
    strings = {"decimalReturnType": "DOUBLE_OR_LONG", "longReturnType": "STRING"}
    for options in (strings, {"decimalReturnType": "STRING", "longReturnType": "LONG"}):
        checked(client, "execute_statement", **AS_ADMIN, sql=ALL, resultSetOptions=options)
        as_json = checked(
            client, "execute_statement", **AS_ADMIN, formatRecordsAs="JSON",
            sql="select 1 as a, 1.5 as b, 'NaN'::float8 as c", resultSetOptions=options,
        )  # fmt: skip
        assert as_json.keys() == {"formattedRecords", "numberOfRecordsUpdated"}
        json.loads(as_json["formattedRecords"])
    for sql in (f"insert into {table} values (1, 'a')", f"truncate {table}", "set work_mem = 64"):
        done = checked(client, "execute_statement", **AS_ADMIN, sql=sql)
        assert done.keys() == {"generatedFields", "numberOfRecordsUpdated"}, sql


def test_every_member_of_a_parameter():
    values = [
        {"isNull": True}, {"booleanValue": True}, {"longValue": -(2**63)}, {"doubleValue": 1.5},
        {"stringValue": ""}, {"blobValue": b"\x00"},
    ]  # fmt: skip
    parameters = [{"name": f"p{index}", "value": value} for index, value in enumerate(values)]
    hinted = {
        "JSON": "{}", "UUID": "7f6d1fd1-4d5c-4a7b-8a0e-000000000001", "DATE": "2024-02-29",
        "TIMESTAMP": "2024-02-29 10:11:12.5", "TIME": "10:11:12.5", "DECIMAL": "1.5",
    }  # fmt: skip
    assert hinted.keys() == set(MODEL.shape_for("TypeHint").enum)
    for hint, text in hinted.items():
        parameters.append({"name": hint, "typeHint": hint, "value": {"stringValue": text}})
    sql = "select " + ", ".join(f":{parameter['name']}" for parameter in parameters)
    answer = checked(admin(), "execute_statement", **AS_ADMIN, sql=sql, parameters=parameters)
    assert answer["records"] == [[parameter["value"] for parameter in parameters]]


def test_transactions_and_batches(table):
    client = admin()
    named = {key: AS_ADMIN[key] for key in ("resourceArn", "secretArn")}
    sets = [
        [{"name": "id", "value": {"longValue": id}}, {"name": "b", "value": {"stringValue": "x"}}]
        for id in range(10, 13)
    ]
    sql = f"insert into {table} values (:id, :b)"
    for operation, status, left in (
        ("rollback_transaction", "Rollback Complete", 0),
        ("commit_transaction", "Transaction Committed", 3),
    ):
        begun = checked(client, "begin_transaction", **AS_ADMIN)
        assert 0 < len(begun["transactionId"]) <= 192
        answer = checked(
            client, "batch_execute_statement", **AS_ADMIN, sql=sql, parameterSets=sets, **begun
        )
        assert [result["generatedFields"] for result in answer["updateResults"]] == [[], [], []]
        ended = checked(client, operation, **named, **begun)
        assert ended == {"transactionStatus": status}
        count = f"select count(*) from {table}"
        answer = checked(client, "execute_statement", **AS_ADMIN, sql=count)
        assert answer["records"] == [[{"longValue": left}]]
    as_admin(f"truncate {table}")
    checked(client, "batch_execute_statement", **AS_ADMIN, sql=sql, parameterSets=sets)


ONE = {"sql": "select 1"}
REFUSED = [
    ("execute_statement", {"sql": "select * from attic"}, "DatabaseErrorException"),
    ("execute_statement", ONE | {"transactionId": "AA"}, "TransactionNotFoundException"),
    ("execute_statement", ONE | {"secretArn": "nobody-knows-it"}, "SecretsErrorException"),
    ("batch_execute_statement", {"sql": "select * from attic"}, "DatabaseErrorException"),
    ("begin_transaction", {"resourceArn": "no-such-cluster"}, "HttpEndpointNotEnabledException"),
    ("begin_transaction", {"database": "attic"}, "DatabaseErrorException"),
    ("commit_transaction", {"transactionId": "AA"}, "TransactionNotFoundException"),
    ("rollback_transaction", {"transactionId": "AA"}, "TransactionNotFoundException"),
]  # fmt: skip


@pytest.mark.parametrize("operation, more, name", REFUSED)
def test_refusals_are_those_of_the_model(operation, more, name):
    client = admin()
    arguments = AS_ADMIN | more
    api_name = client.meta.method_to_api_mapping[operation]
    known = MODEL.operation_model(api_name).input_shape.members
    arguments = {key: value for key, value in arguments.items() if key in known}
    if operation == "batch_execute_statement":
        arguments["parameterSets"] = [[]]
    with pytest.raises(getattr(client.exceptions, name)) as caught:
        getattr(client, operation)(**arguments)
    answer = caught.value.response
    errors = {shape.name: shape for shape in MODEL.operation_model(api_name).error_shapes}
    assert name in errors
    assert (
        answer["ResponseMetadata"]["HTTPStatusCode"]
        == errors[name].metadata["error"]["httpStatusCode"]
    )
    assert answer["Error"]["Message"] and answer["ResponseMetadata"]["RequestId"]


def test_the_deprecated_operation_is_refused():
    client = admin()
    with pytest.raises(client.exceptions.BadRequestException):
        client.execute_sql(
            awsSecretStoreArn=AS_ADMIN["secretArn"],
            dbClusterOrInstanceArn=CLUSTER_ARN,
            sqlStatements="select 1",
        )


def test_what_botocore_itself_refuses_is_never_sent():
    for arguments in (
        {"sql": 1}, {"sql": "select 1", "resourceArn": "short"},
        {"sql": "select 1", "parameters": [{"name": "a", "value": {"longValue": "1"}}]},
        {"sql": "select 1", "parameters": [{"value": {"longValue": 1, "isNull": True}}]},
    ):  # fmt: skip
        with pytest.raises(botocore.exceptions.ParamValidationError):
            app().execute_statement(**TARGET | arguments)


def test_an_endpoint_from_the_environment(monkeypatch):
    endpoint = app().meta.endpoint_url
    for name, value in (
        ("AWS_ENDPOINT_URL_RDS_DATA", endpoint),
        ("AWS_ACCESS_KEY_ID", "ROWHOUSEDEV"),
        ("AWS_SECRET_ACCESS_KEY", "rowhouse-dev-secret"),
        ("AWS_DEFAULT_REGION", REGION),
    ):
        monkeypatch.setenv(name, value)
    client = botocore.session.get_session().create_client("rds-data")
    assert client.execute_statement(**TARGET, sql="select 1")["records"] == [[{"longValue": 1}]]
