"""Who calls: an application, an operator or a tenant, each with the unmodified AWS SDK.

`rowhouse dev` writes where its doors are into DATA_DIR/endpoints.json; `rowhouse token` mints what
a login page would hand to a tenant.
"""

import functools
import json
import os
import pathlib
import subprocess
import tomllib
import urllib.error
import urllib.request

import boto3
import botocore
import botocore.config

DATA_DIR = pathlib.Path(os.environ.get("ROWHOUSE_DATA_DIR", ".rowhouse"))
PROGRAM = os.environ.get("ROWHOUSE_PROGRAM", "rowhouse")

REGION = "us-east-1"
CLUSTER_ARN = "arn:aws:rds:us-east-1:000000000000:cluster:dev"
SECRET = "rowhouse-dev-secret"


def secret_arn(name):
    return f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}"


SECRET_ARN = secret_arn("app_user")
# What every call has to name, for the programs that are not about naming it.
TARGET = {"resourceArn": CLUSTER_ARN, "secretArn": SECRET_ARN}


@functools.cache
def endpoint():
    return json.loads((DATA_DIR / "endpoints.json").read_text())["http"]


def with_key(access_key, secret=SECRET, **more):
    """An SDK client that signs with an access key."""
    return boto3.client(
        "rds-data",
        endpoint_url=endpoint(),
        region_name=more.pop("region_name", REGION),
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
        **more,
    )


@functools.cache
def app():
    """A trusted application: it chooses the tenant itself, in each transaction."""
    return with_key("ROWHOUSEDEV")


@functools.cache
def admin():
    """An operator: no tenant, only a database role."""
    return with_key("ROWHOUSEADMIN")


def with_token(token, door=None):
    """An SDK client that sends a JWT instead of a signature."""
    config = botocore.config.Config(
        signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}
    )
    client = boto3.client(
        "rds-data", endpoint_url=door or endpoint(), region_name=REGION, config=config
    )

    def add_token(params, **_):
        params["headers"]["Authorization"] = f"Bearer {token}"

    client.meta.events.register("before-call.rds-data", add_token)
    return client


@functools.cache
def token(tenant, *options):
    """What `rowhouse token` mints for a tenant."""
    command = [PROGRAM, "token", "--data-dir", DATA_DIR, "--tenant", tenant, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == done.stdout.strip() + "\n", "the token and nothing else"
    return done.stdout.strip()


@functools.cache
def tenant(name):
    """A tenant: whatever it sends, it stays this tenant."""
    return with_token(token(name))


@functools.cache
def signing_key():
    """The key that `rowhouse token` signs with, for tokens it would never mint."""
    config = tomllib.loads((DATA_DIR / "rowhouse.toml").read_text())
    signer = config["token"]
    if "secret" in signer:
        return signer["secret"].encode()
    return (DATA_DIR / signer["secret_file"]).read_text().strip().encode()


def post(path, body, headers=None):
    """A request that no SDK would send: (status, exception name, message)."""
    headers = {"Content-Type": "application/json"} | (headers or {})
    request = urllib.request.Request(endpoint() + path, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, None, answer.read().decode()
    except urllib.error.HTTPError as error:
        if error.code == 431:
            # Nobody has looked at a head of that length.
            return error.code, None, None
        body = json.loads(error.read())
        named = error.headers.get("x-amzn-ErrorType", body["__type"])
        assert named == body["__type"], "header and body name the same exception"
        return error.code, body["__type"], body.get("message")


def refusal(call, **arguments):
    """How a call of the SDK was refused: (status, exception name, message)."""
    try:
        answer = call(**arguments)
    except botocore.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"not refused: {answer}")
