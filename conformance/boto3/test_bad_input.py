"""Requests that nobody should send: each gets its AWS error, and the gateway goes on as before."""

import http.client
import json
import urllib.parse

import pytest
from callers import TARGET, app, endpoint, post, refusal, tenant, token

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def usable_afterwards():
    yield
    for client in (app(), tenant("1")):
        answer = client.execute_statement(**TARGET, sql="select 1")
        assert answer["records"] == [[{"longValue": 1}]]


def execute(body):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return post("/Execute", body, {"Authorization": f"Bearer {token('1')}"})


def with_sql(sql, **more):
    return TARGET | {"sql": sql} | more


def parameter(value, **more):
    return with_sql("select :a", parameters=[{"name": "a", "value": value} | more])


SERIALIZATION = (400, "SerializationException")
VALIDATION = (400, "ValidationException")

BODIES = {
    # Not what restJson1 is written in.
    "empty": (b"", {SERIALIZATION, VALIDATION}),
    "not JSON": (b"select 1", {SERIALIZATION}),
    "cut off": (json.dumps(with_sql("select 1")).encode()[:-1], {SERIALIZATION}),
    "something after it": (json.dumps(with_sql("select 1")).encode() + b"}", {SERIALIZATION}),
    "a list": ([], {SERIALIZATION}),
    "invalid UTF-8": (b'{"sql": "\xff\xfe"}', {SERIALIZATION}),
    "half a surrogate pair": (b'{"sql": "\\ud800"}', {SERIALIZATION}),
    "nested 100,000 deep": (b"[" * 100_000, {SERIALIZATION}),
    # JSON, but not of the members' types.
    "sql is a number": (with_sql(1), {SERIALIZATION}),
    "sql is a list": (with_sql(["select 1"]), {SERIALIZATION}),
    "parameters is a text": (with_sql("select 1", parameters="a"), {SERIALIZATION}),
    "a flag is a text": (with_sql("select 1", includeResultMetadata="yes"), {SERIALIZATION}),
    "a long is a text": (parameter({"longValue": "1"}), {SERIALIZATION}),
    "a long is a fraction": (parameter({"longValue": 1.5}), {SERIALIZATION}),
    "a long is too long": (parameter({"longValue": 2**63}), {SERIALIZATION}),
    "a blob is not base64": (parameter({"blobValue": "§"}), {SERIALIZATION, VALIDATION}),
    # Of the right types, but not acceptable.
    "no members": ({}, {VALIDATION}),
    "no sql": (TARGET, {VALIDATION}),
    "sql is null": (with_sql(None), {VALIDATION}),
    "empty sql": (with_sql(""), {VALIDATION}),
    "70,000 characters of sql": (with_sql("select '" + "x" * 70_000 + "'"), {VALIDATION}),
    "NUL in sql": (with_sql("select '\0'"), {VALIDATION}),
    "a second statement hides": (
        with_sql("select 1 /* ; */; drop table nosuch"),
        {(400, "DatabaseErrorException")},
    ),
    "schema": (with_sql("select 1", schema="pg_temp"), {VALIDATION}),
    "missing parameter": (with_sql("select :a"), {VALIDATION}),
    "empty value": (parameter({}), {VALIDATION, SERIALIZATION}),
    "two values": (parameter({"longValue": 1, "stringValue": "1"}), {VALIDATION, SERIALIZATION}),
    "unknown type hint": (parameter({"stringValue": "a"}, typeHint="MONEY"), {VALIDATION}),
    "transaction id too long": (with_sql("select 1", transactionId="A" * 193), {VALIDATION}),
    # Acceptable, but naming what is not there.
    "unknown transaction": (
        with_sql("select 1", transactionId="AAAA"),
        {(404, "TransactionNotFoundException")},
    ),
    "transaction id is SQL": (
        with_sql("select 1", transactionId="'; rollback; --"),
        {(404, "TransactionNotFoundException"), VALIDATION},
    ),
    "unknown cluster": (
        with_sql("select 1", resourceArn=TARGET["resourceArn"] + "x"),
        {(400, "HttpEndpointNotEnabledException"), (404, "DatabaseNotFoundException")},
    ),
    "unknown secret": (
        with_sql("select 1", secretArn=TARGET["secretArn"] + "x"),
        {(400, "SecretsErrorException")},
    ),
    "unknown database": (
        with_sql("select 1", database="attic"),
        {(400, "DatabaseErrorException")},
    ),
    # PostgreSQL's own refusals.
    "a second statement hides": (
        with_sql("select 1 /* ; */; drop table tenant"),
        {(400, "DatabaseErrorException")},
    ),
    "unknown table": (with_sql("select * from attic"), {(400, "DatabaseErrorException")}),
    "syntax": (with_sql("selec 1"), {(400, "DatabaseErrorException")}),
    "NUL in a parameter": (
        parameter({"stringValue": "a\0b"}),
        {(400, "DatabaseErrorException")},
    ),
    "division by zero": (with_sql("select 1/0"), {(400, "DatabaseErrorException")}),
    "copy": (with_sql("copy tenant to stdout"), {(400, "DatabaseErrorException")}),
    "copy in": (with_sql("copy tenant from stdin"), {(400, "DatabaseErrorException")}),
}


@pytest.mark.parametrize("body, expected", BODIES.values(), ids=BODIES.keys())
def test_bodies(body, expected):
    status, name, message = execute(body)
    assert (status, name) in expected, message
    assert message, "it says what is wrong"


def test_the_words_of_aws():
    cases = [
        (
            with_sql("select * from attic"),
            'ERROR: relation "attic" does not exist; Position: 15; SQLState: 42P01',
        ),
        (
            with_sql("selec 1"),
            'ERROR: syntax error at or near "selec"; Position: 1; SQLState: 42601',
        ),
    ]
    for body, expected in cases:
        assert execute(body)[2] == expected


def test_the_position_is_that_of_the_text_that_was_sent():
    sql = "select :long_parameter_name::int, no_such_column"
    body = with_sql(sql, parameters=[{"name": "long_parameter_name", "value": {"longValue": 1}}])
    position = sql.index("no_such_column") + 1
    assert f"Position: {position};" in execute(body)[2]


def test_no_value_is_echoed():
    body = with_sql("select 1", parameters="a secret value")
    assert "secret" not in execute(body)[2]


@pytest.mark.parametrize("path", ["/execute", "/Execute/", "/Attic", "/%00", "/ExecuteStatement"])
def test_unknown_operations(path):
    status, name, _ = post(path, b"{}", {"Authorization": f"Bearer {token('1')}"})
    assert (status, name) == (404, "UnknownOperationException")


def test_the_deprecated_operation_is_refused():
    status, name, _ = refusal(
        app().execute_sql,
        awsSecretStoreArn=TARGET["secretArn"],
        dbClusterOrInstanceArn=TARGET["resourceArn"],
        sqlStatements="select 1",
    )
    assert status in (400, 404)
    assert name in ("BadRequestException", "UnknownOperationException")


def test_a_body_of_five_mebibytes():
    sql = with_sql("select 1", padding="x" * (5 * MIB))
    assert too_large(json.dumps(sql).encode())


def too_large(body):
    """The gateway may answer before it has read everything, and close: both are refusals."""
    try:
        status, name, _ = execute(body)
    except (ConnectionError, OSError):
        return True
    return (status, name) in {(413, "RequestEntityTooLargeException"), VALIDATION}


def test_raw_bytes_that_are_not_http():
    cases = [
        b"hello\r\n\r\n",
        b"\0" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /Execute HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
        b"POST /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    for sent in cases:
        status = first_status(sent)
        assert status is None or 400 <= status < 500, (sent[:60], status)


def first_status(sent):
    """The status of the answer; None when the gateway closed without one."""
    host = urllib.parse.urlsplit(endpoint())
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=10)
    connection.connect()
    try:
        connection.sock.sendall(sent)
        answer = connection.sock.recv(65_536)
    except (ConnectionError, BrokenPipeError):
        return None
    finally:
        connection.close()
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def test_one_connection_survives_its_errors():
    host = urllib.parse.urlsplit(endpoint())
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=10)
    headers = {"Authorization": f"Bearer {token('1')}", "Content-Type": "application/json"}
    bodies = [b"not JSON", b"{}", json.dumps(with_sql("select 1/0")).encode()]
    for body in bodies * 3 + [json.dumps(with_sql("select 1")).encode()]:
        connection.request("POST", "/Execute", body, headers)
        answer = connection.getresponse()
        text = answer.read()
    assert answer.status == 200
    assert json.loads(text)["records"] == [[{"longValue": 1}]]
    connection.close()
