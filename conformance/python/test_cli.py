"""The AWS CLI as a person types it: every operation, set up by the environment alone."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from callers import CLUSTER_ARN, REGION, endpoint, secret_arn
from conftest import AS_ADMIN, as_admin

AWS = pathlib.Path(sys.executable).with_name("aws")
NAMED = ["--resource-arn", CLUSTER_ARN, "--secret-arn", secret_arn("admin")]
IN_DATABASE = [*NAMED, "--database", AS_ADMIN["database"]]


def aws(operation, *arguments):
    """Runs `aws rds-data OPERATION`."""
    settings = {
        "AWS_ENDPOINT_URL_RDS_DATA": endpoint(),
        "AWS_ACCESS_KEY_ID": "ROWHOUSEADMIN",
        "AWS_SECRET_ACCESS_KEY": "rowhouse-dev-secret",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
    }
    # Whoever runs this may have settings of their own.
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [AWS, "rds-data", operation, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=own | settings, check=False)


def answer(operation, *arguments):
    done = aws(operation, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def table(schema):
    as_admin(f"create table {schema}.mytable (id int primary key, val text)")
    return f"{schema}.mytable"


def test_the_examples_of_the_user_guide(table):
    """Begin, a batch inside, a query with metadata, commit: as "Using the AWS CLI" prints them."""
    begun = answer("begin-transaction", *IN_DATABASE)["transactionId"]
    sets = [
        [
            {"name": "id", "value": {"longValue": number}},
            {"name": "val", "value": {"stringValue": text}},
        ]
        for number, text in ((1, "ValueOne"), (2, "ValueTwo"))
    ]
    done = answer(
        "batch-execute-statement", *IN_DATABASE, "--transaction-id", begun,
        "--sql", f"insert into {table} values (:id, :val)", "--parameter-sets", json.dumps(sets),
    )  # fmt: skip
    assert [result["generatedFields"] for result in done["updateResults"]] == [[], []]
    done = answer("commit-transaction", *NAMED, "--transaction-id", begun)
    assert done == {"transactionStatus": "Transaction Committed"}
    found = answer(
        "execute-statement", *IN_DATABASE, "--include-result-metadata",
        "--sql", f"select * from {table} where id > :id",
        "--parameters", '[{"name": "id", "value": {"longValue": 1}}]',
    )  # fmt: skip
    assert found["records"] == [[{"longValue": 2}, {"stringValue": "ValueTwo"}]]
    assert [column["typeName"] for column in found["columnMetadata"]] == ["int4", "text"]
    assert found["numberOfRecordsUpdated"] == 0


def test_rollback_json_and_blobs(table):
    begun = answer("begin-transaction", *IN_DATABASE)["transactionId"]
    inside = [*IN_DATABASE, "--transaction-id", begun]
    found = answer(
        "execute-statement", *inside, "--format-records-as", "JSON",
        "--sql", "select 10::float8 as a, '\\x00ff'::bytea as b",
    )  # fmt: skip
    assert found["formattedRecords"] == '[{"a":10.0,"b":"AP8="}]'
    done = answer("rollback-transaction", *NAMED, "--transaction-id", begun)
    assert done == {"transactionStatus": "Rollback Complete"}


def test_an_error_is_told_in_one_line():
    done = aws("execute-statement", *IN_DATABASE, "--sql", "select * from attic")
    assert done.returncode != 0 and not done.stdout
    assert (
        "An error occurred (DatabaseErrorException) when calling the ExecuteStatement"
        in done.stderr
    )
    assert 'relation "attic" does not exist; Position: 15; SQLState: 42P01' in done.stderr


def test_the_deprecated_operation_is_refused():
    done = aws(
        "execute-sql", "--db-cluster-or-instance-arn", CLUSTER_ARN,
        "--aws-secret-store-arn", secret_arn("admin"), "--sql-statements", "select 1",
    )  # fmt: skip
    assert done.returncode != 0 and "BadRequestException" in done.stderr
