"""Secrets that are missing, broken or wrong, and an AWS that does not answer."""

import pytest
from callers import CLUSTER_ARN, refusal
from conftest import as_admin, until

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app"
TARGET = {"resourceArn": CLUSTER_ARN, "secretArn": SECRET}
NAME = "app/database"
BLOCKS = f"""
[[secret]]
arn = "{SECRET}"
aws_secret_id = "{NAME}"
principals = ["tenant"]
"""
COSTLY = "select setseed(0.5)::text"


def answers(client):
    try:
        client.execute_statement(**TARGET, sql=COSTLY)
    except client.exceptions.ClientError:
        return False
    return True


def refused(client):
    return refusal(client.execute_statement, **TARGET, sql=COSTLY)


def test_a_missing_secret(serve, moto, role):
    gateway = serve(BLOCKS)
    client = gateway.tenant("1")
    status, name, message = refused(client)
    assert (status, name) == (400, "SecretsErrorException") and NAME not in message
    moto.put(NAME, role("kept", "password-1"), "password-1")
    until("it is found when it is there", lambda: answers(client))


@pytest.mark.parametrize(
    "text",
    ["password-1", "{", '{"username": "kept"}', '{"username": "kept", "password": 1}', "[]"],
)
def test_a_secret_that_holds_no_credentials(serve, moto, text):
    moto.secrets.create_secret(Name=NAME, SecretString=text)
    status, name, message = refused(serve(BLOCKS).tenant("1"))
    assert (status, name) == (400, "InvalidSecretException")
    assert "username" in message and text not in message


def test_a_binary_secret(serve, moto):
    moto.secrets.create_secret(Name=NAME, SecretBinary=b"\x00password-1")
    assert refused(serve(BLOCKS).tenant("1"))[1] == "InvalidSecretException"


def test_a_wrong_password(serve, moto, role):
    name = role("kept", "password-1")
    moto.put(NAME, name, "password-2")
    gateway = serve(BLOCKS)
    client = gateway.tenant("1")
    moto.record()
    for _ in range(3):
        status, exception, message = refused(client)
        assert (status, exception) == (400, "InvalidSecretException") and name not in message
    # Each refusal is answered after one look, AWSCURRENT and AWSPENDING; the readiness probe looks
    # as well.
    assert len(moto.requests()) <= 40
    assert not gateway.is_ready()
    as_admin(f"alter role {name} password 'password-2'")
    until("it is right now", lambda: answers(client))


def test_aws_away_at_the_start(serve, moto, role):
    name = role("kept", "password-1")
    moto.stop()
    gateway = serve(BLOCKS)
    client = gateway.tenant("1")
    assert refused(client)[:2] == (400, "SecretsErrorException")
    until("it is not ready", lambda: not gateway.is_ready())
    moto.start()
    moto.put(NAME, name, "password-1")
    until("AWS is back", lambda: answers(client))
    until("it is ready", gateway.is_ready)


def test_aws_away_later(serve, moto, role):
    name = role("kept", "password-1")
    moto.put(NAME, name, "password-1")
    gateway = serve(BLOCKS, POOL__SECRET_TTL="1s")
    client = gateway.tenant("1")
    assert answers(client)
    moto.stop()
    until("the loss is noticed", lambda: "cannot fetch" in gateway.log.read_text())
    for _ in range(20):
        assert answers(client), "what is known goes on being used"
    moto.start()
    moto.put(NAME, name, "password-2")
    as_admin(f"alter role {name} password 'password-2'")
    until("AWS is back", lambda: answers(client))


def test_a_secret_that_is_deleted(serve, moto, role):
    moto.put(NAME, role("kept", "password-1"), "password-1")
    client = serve(BLOCKS, POOL__SECRET_TTL="1s").tenant("1")
    assert answers(client)
    moto.secrets.delete_secret(SecretId=NAME)
    until("it serves no more", lambda: not answers(client))
    assert refused(client)[1] == "SecretsErrorException"
