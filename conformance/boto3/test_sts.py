"""An SDK that knows AWS's environment variables only, and becomes a tenant by them.

The programs below run in processes of their own, with nothing else in their environment: no key, no
endpoint in the code, nothing that knows of Rowhouse.
"""

import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import boto3
import botocore
import botocore.config
import botocore.exceptions
import jwt
import pytest
from callers import (
    CLUSTER_ARN,
    DATA_DIR,
    PROGRAM,
    REGION,
    SECRET_ARN,
    TARGET,
    endpoint,
    refusal,
    signing_key,
    token,
    with_key,
)

ROLE = "arn:aws:iam::123456789012:role/service/tenant"

SQL = "select * from tenant"
ROWS = {
    "1": [[{"longValue": 1}, {"stringValue": "Tenant1"}, {"stringValue": "50000"}]],
    "2": [[{"longValue": 2}, {"stringValue": "Tenant2"}, {"stringValue": "60000"}]],
}

# As anybody would write it for AWS.
SELECT = f"""
    import boto3, json
    answer = boto3.client("rds-data").execute_statement(
        resourceArn={CLUSTER_ARN!r}, secretArn={SECRET_ARN!r}, database="postgres", sql={SQL!r}
    )
    print(json.dumps(answer["records"]))
"""
WHO_AM_I = """
    import boto3, json
    answer = boto3.client("sts").get_caller_identity()
    print(json.dumps([answer["Arn"], answer["Account"], answer["UserId"]]))
"""


def environment(folder, **more):
    """The environment of a program: nothing of the caller's own."""
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
    return own | more


def with_web_identity(folder, tenant):
    """What a cluster's operator sets for a job: a file with a JWT, and a role."""
    file = folder / f"token-of-{tenant}"
    file.write_text(token(tenant) + "\n")
    return environment(
        folder,
        AWS_WEB_IDENTITY_TOKEN_FILE=str(file),
        AWS_ROLE_ARN=ROLE,
        AWS_ENDPOINT_URL_STS=endpoint(),
        AWS_ENDPOINT_URL_RDS_DATA=endpoint(),
        AWS_DEFAULT_REGION=REGION,
    )


def with_process(folder, tenant, *options):
    """What a developer writes into ~/.aws/config."""
    words = [PROGRAM, "token", "--aws", "--tenant", tenant, "--data-dir", str(DATA_DIR), *options]
    return with_config(folder, " ".join(words))


def with_config(folder, process):
    config = f"""
        [profile tenant]
        region = {REGION}
        services = rowhouse
        credential_process = {process}

        [services rowhouse]
        rds_data =
          endpoint_url = {endpoint()}
        sts =
          endpoint_url = {endpoint()}
    """
    file = folder / "config"
    file.write_text(textwrap.dedent(config))
    return environment(folder, AWS_CONFIG_FILE=str(file), AWS_PROFILE="tenant")


def run(command, variables):
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def python(program, variables):
    return run([sys.executable, "-c", textwrap.dedent(program)], variables)


def aws(variables, *words):
    """The AWS CLI."""
    return run([sys.executable, "-m", "awscli", *words, "--output", "json"], variables)


def aws_select(variables):
    words = ["rds-data", "execute-statement", "--database", "postgres", "--sql", SQL]
    words += ["--resource-arn", CLUSTER_ARN, "--secret-arn", SECRET_ARN]
    return aws(variables, *words)["records"]


WAYS = {"web identity": with_web_identity, "credential_process": with_process}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


@ways
@pytest.mark.parametrize("tenant", ["1", "2"])
def test_boto3_works_as_that_tenant(way, tenant, tmp_path):
    assert python(SELECT, way(tmp_path, tenant)) == ROWS[tenant]


@ways
def test_the_cli_works_as_that_tenant(way, tmp_path):
    assert aws_select(way(tmp_path, "2")) == ROWS["2"]


def test_who_am_i(tmp_path):
    arn, account, user = python(WHO_AM_I, with_web_identity(tmp_path, "1"))
    assert arn.startswith("arn:aws:sts::123456789012:assumed-role/tenant/botocore-session-")
    assert account == "123456789012"
    assert user.startswith("AROA") and user.rpartition(":")[2] == arn.rpartition("/")[2]
    told = aws(with_process(tmp_path, "1"), "sts", "get-caller-identity")
    assert told["Arn"].endswith(":assumed-role/rowhouse-token/rowhouse-token")


def test_who_a_long_lived_key_is():
    sts = boto3.client(
        "sts",
        endpoint_url=endpoint(),
        region_name=REGION,
        aws_access_key_id="ROWHOUSEDEV",
        aws_secret_access_key="rowhouse-dev-secret",
    )
    answer = sts.get_caller_identity()
    assert answer["Arn"] == "arn:aws:iam::000000000000:user/ROWHOUSEDEV"
    assert answer["Account"] == "000000000000"


def sts_client():
    config = botocore.config.Config(
        signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1}
    )
    return boto3.client("sts", endpoint_url=endpoint(), region_name=REGION, config=config)


def assume(jwt, **more):
    arguments = {"RoleArn": ROLE, "RoleSessionName": "me@work", "WebIdentityToken": jwt} | more
    return sts_client().assume_role_with_web_identity(**arguments)


def with_credentials(credentials):
    return with_key(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_what_an_exchange_answers():
    answer = assume(token("1"), DurationSeconds=900)
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA") and len(credentials["AccessKeyId"]) == 20
    assert len(credentials["SecretAccessKey"]) == 40
    assert len(credentials["SessionToken"]) < 2048
    assert 0 < credentials["Expiration"].timestamp() - time.time() <= 900
    assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/tenant/me@work")
    assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":me@work")
    assert answer["Provider"] == "rowhouse-dev" and answer["Audience"] == "rowhouse"
    assert answer["SubjectFromWebIdentityToken"] == "rowhouse-token"
    metadata = answer["ResponseMetadata"]
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


def test_one_tenant_is_never_another():
    first, second = (with_credentials(assume(token(t))["Credentials"]) for t in ("1", "2"))
    select = {"sql": SQL, "database": "postgres"} | TARGET
    assert first.execute_statement(**select)["records"] == ROWS["1"]
    assert second.execute_statement(**select)["records"] == ROWS["2"]
    for sql in ("set app.current_tenant = 2", "select set_config('app.current_tenant', '2', true)"):
        status, name, _ = refusal(first.execute_statement, **(select | {"sql": sql}))
        assert (status, name) == (400, "DatabaseErrorException")
    begun = first.begin_transaction(**TARGET, database="postgres")["transactionId"]
    answer = refusal(second.execute_statement, **select, transactionId=begun)
    assert answer[:2] == (404, "TransactionNotFoundException")
    first.rollback_transaction(resourceArn=CLUSTER_ARN, secretArn=SECRET_ARN, transactionId=begun)


def test_mixed_up_credentials_are_refused():
    first, second = (assume(token(t))["Credentials"] for t in ("1", "2"))
    select = {"sql": "select 1"} | TARGET
    for part in ("AccessKeyId", "SecretAccessKey", "SessionToken"):
        client = with_credentials(first | {part: second[part]})
        status, name, _ = refusal(client.execute_statement, **select)
        names = ("UnrecognizedClientException", "InvalidSignatureException")
        assert status == 403 and name in names, part


def test_they_end():
    command = [PROGRAM, "token", "--aws", "--tenant", "1", "--ttl", "2s", "--data-dir", DATA_DIR]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    credentials = json.loads(made.stdout)
    assert credentials["Version"] == 1
    client = with_credentials(credentials)
    select = {"sql": "select 1"} | TARGET
    assert client.execute_statement(**select)["records"] == [[{"longValue": 1}]]
    # The end sends no event: it is asked for until it has come.
    deadline = time.monotonic() + 20
    answer = None
    while answer is None and time.monotonic() < deadline:
        try:
            client.execute_statement(**select)
        except botocore.exceptions.ClientError as error:
            answer = error.response
    assert answer["Error"]["Code"] == "ExpiredTokenException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403


TWICE = f"""
    import boto3, json
    client = boto3.client("rds-data")
    for _ in range(2):
        answer = client.execute_statement(
            resourceArn={CLUSTER_ARN!r}, secretArn={SECRET_ARN!r}, database="postgres", sql={SQL!r}
        )
    print(json.dumps(answer["records"]))
"""


def test_an_sdk_fetches_new_ones_by_itself(tmp_path):
    # Credentials that end within ten minutes are renewed before they are used.
    calls = tmp_path / "calls"
    script = tmp_path / "process"
    command = f"{PROGRAM} token --aws --tenant 1 --ttl 60s --data-dir {DATA_DIR}"
    script.write_text(f"#!/bin/sh\necho called >> {calls}\nexec {command}\n")
    script.chmod(0o700)
    assert python(TWICE, with_config(tmp_path, str(script))) == ROWS["1"]
    assert len(calls.read_text().splitlines()) >= 2


def test_errors_are_classes_of_the_sdk():
    sts = sts_client()
    with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
        sts.assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="me", WebIdentityToken="none at all"
        )
    with pytest.raises(sts.exceptions.ExpiredTokenException):
        sts.assume_role_with_web_identity(
            RoleArn=ROLE, RoleSessionName="me", WebIdentityToken=expired()
        )
    for wrong in ({"Policy": "{}"}, {"PolicyArns": [{"arn": ROLE}]}, {"DurationSeconds": 43200}):
        status, name, message = refusal(assume, jwt=token("1"), **wrong)
        assert (status, name) == (400, "ValidationError") and message
    status, name, _ = refusal(sts.get_caller_identity)
    assert (status, name) == (403, "MissingAuthenticationToken")
    status, name, _ = refusal(with_key_for_sts("ROWHOUSEDEV", "another secret").get_caller_identity)
    assert (status, name) == (403, "SignatureDoesNotMatch")
    status, name, _ = refusal(with_key_for_sts("ROWHOUSEDEV").get_session_token)
    assert (status, name) == (400, "InvalidAction")


def expired():
    good = jwt.decode(token("1"), options={"verify_signature": False})
    headers = jwt.get_unverified_header(token("1"))
    headers.pop("alg")
    return jwt.encode(good | {"exp": int(time.time()) - 3600}, signing_key(), "HS256", headers)


def with_key_for_sts(access_key, secret="rowhouse-dev-secret"):
    return boto3.client(
        "sts",
        endpoint_url=endpoint(),
        region_name=REGION,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def test_answers_are_well_formed_whatever_the_names_are():
    for action in ("</Message><Code>x", "\x00\x1b]]>&amp;", "ü" * 500):
        form = urllib.parse.urlencode({"Action": action, "Version": "2011-06-15"}).encode()
        with pytest.raises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(endpoint() + "/", form, timeout=60)
        root = ElementTree.fromstring(raised.value.read())
        names = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert names == ["ErrorResponse", "Error", "Type", "Code", "Message", "RequestId"]
