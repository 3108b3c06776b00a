"""The flow of the reference architecture "Relational database pooled isolation", step by step.

A token comes in and is checked; an IAM role is assumed for its tenant; with that the database
credentials are read from Secrets Manager; the gateway logs in with the password and sets
app.current_tenant; row-level security shows the tenant's own rows. docs/seeds.md tells it in words.
"""

import re
import urllib.parse

import pytest
from callers import CLUSTER_ARN, refusal

ROLE_ARN = "arn:aws:iam::123456789012:role/tenant-access"
POOLED = "arn:aws:secretsmanager:us-east-1:123456789012:secret:pooled"
TARGET = {"resourceArn": CLUSTER_ARN, "secretArn": POOLED}
BLOCKS = f"""
[[secret]]
arn = "{POOLED}"
aws_secret_id = "pooled/{{tenant}}/database"
aws_assume_role = "{ROLE_ARN}"
principals = ["tenant"]
"""
SQL = (
    "select current_user::text, current_setting('app.current_tenant'), string_agg(distinct "
    "tenant_id, ',') from users"
)


@pytest.fixture
def gateway(serve, moto, role):
    for number in (1, 2):
        name = role(f"pooled_tenant{number}", f"password-{number}")
        moto.put(f"pooled/tenant{number}/database", name, f"password-{number}")
    gateway = serve(BLOCKS)
    moto.record()
    return gateway


def calls(moto):
    """The requests of the gateway: (action, what it says, the access key that signed it)."""
    found = []
    for request in moto.requests():
        headers = {name.lower(): value for name, value in request["headers"].items()}
        key = re.search(r"Credential=(\w+)/", headers["authorization"])[1]
        said = request["body"]
        if "x-amz-target" in headers:
            found.append((headers["x-amz-target"].rpartition(".")[2], said, key))
        else:
            form = dict(urllib.parse.parse_qsl(said))
            found.append((form["Action"], form, key))
    return found


def row(client):
    records = client.execute_statement(**TARGET, sql=SQL)["records"]
    return [field["stringValue"] for field in records[0]]


def test_the_flow(gateway, moto):
    # 1 and 2: the token is checked, and one that does not hold makes no call of AWS.
    forged = gateway.tenant("tenant1", "some other key, quite as long as the one")
    assert refusal(forged.execute_statement, **TARGET, sql=SQL)[1] == "AccessDeniedException"
    assert calls(moto) == []

    # 3 to 5, in one request of the caller.
    role, setting, tenants = row(gateway.tenant("tenant1"))
    assert (role, setting, tenants) == ("pooled_tenant1", "tenant1", "tenant1")

    (assume, form, own_key), (read, secret, session_key) = calls(moto)
    # 3: the role is assumed by the gateway's own credentials, for this tenant and nobody else.
    assert (assume, own_key) == ("AssumeRole", "AKIAROWHOUSEGATEWAY0")
    assert (form["RoleArn"], form["RoleSessionName"]) == (ROLE_ARN, "rowhouse-tenant1")
    tag = (form["Tags.member.1.Key"], form["Tags.member.1.Value"])
    assert tag == ("tenant_id", "tenant1") and "Tags.member.2.Key" not in form
    # 4: the secret is read with what came of that.
    assert read == "GetSecretValue" and '"pooled/tenant1/database"' in secret
    assert session_key != own_key


def test_each_tenant_has_its_own_credentials(gateway, moto):
    for _ in range(5):
        for tenant in ("tenant1", "tenant2"):
            assert row(gateway.tenant(tenant)) == [f"pooled_{tenant}", tenant, tenant]
    # Two shards, ten requests, and each secret is read once.
    assert [action for action, _, _ in calls(moto)].count("GetSecretValue") == 2


@pytest.mark.parametrize(
    "tenant, exception",
    [
        ("tenant3", "SecretsErrorException"),
        ("tenant1/database/../../tenant2", "AccessDeniedException"),
        ("tenant2/database", "AccessDeniedException"),
        ("*", "AccessDeniedException"),
    ],
)
def test_a_tenant_without_a_secret(gateway, tenant, exception):
    answer = refusal(gateway.tenant(tenant).execute_statement, **TARGET, sql=SQL)
    assert answer[1] == exception


def test_an_arn_that_aws_takes_for_anothers(serve, moto, role):
    """AWS accepts an ARN without its last six characters: with them as its id, a tenant would be
    another."""
    name = role("pooled_tenant1", "password-1")
    moto.put("db-tenant1", name, "password-1")
    arn = moto.secrets.describe_secret(SecretId="db-tenant1")["ARN"]
    blocks = BLOCKS.replace("pooled/{tenant}/database", arn.rpartition(":")[0] + ":db-{tenant}")
    gateway = serve(blocks)
    assert row(gateway.tenant("tenant1"))[0] == "pooled_tenant1"
    suffixed = arn.rpartition("db-")[2]
    assert suffixed.startswith("tenant1-")
    answer = refusal(gateway.tenant(suffixed).execute_statement, **TARGET, sql=SQL)
    assert answer[1] == "SecretsErrorException"
