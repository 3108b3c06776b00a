"""Secrets that rotate while statements run: no request fails, and no role comes in unseen.

Every statement here costs its connection, so that each needs the password anew.
"""

import concurrent.futures
import threading

import pytest
from callers import CLUSTER_ARN, refusal
from conftest import as_admin, secret_text, until

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:app"
TARGET = {"resourceArn": CLUSTER_ARN, "secretArn": SECRET}
NAME = "app/database"
BLOCKS = f"""
[[secret]]
arn = "{SECRET}"
aws_secret_id = "{NAME}"
principals = ["tenant"]
"""
COSTLY = "select setseed(0.5)::text, current_user::text"


def user(client):
    return client.execute_statement(**TARGET, sql=COSTLY)["records"][0][1]["stringValue"]


class Load:
    """Tenants that never stop asking; the first failure of any of them is raised at the end."""

    def __init__(self, gateway):
        self.gateway, self.answered, self.stopping = gateway, 0, threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def __enter__(self):
        self.running = [self.pool.submit(self.ask, f"tenant{n}") for n in range(4)]
        return self

    def ask(self, tenant):
        client = self.gateway.tenant(tenant)
        while not self.stopping.is_set():
            user(client)
            self.answered += 1

    def go_on(self):
        """Waits until some more have been answered, or one has failed."""
        wanted = self.answered + 12
        until(
            "answers",
            lambda: self.answered > wanted or any(one.done() for one in self.running),
        )

    def __exit__(self, *failed):
        self.stopping.set()
        for one in self.running:
            one.result()
        self.pool.shutdown()


def test_rotation_of_one_user_as_the_rotation_lambda_does_it(serve, moto, role):
    name = role("rotated", "password-1")
    first = moto.put(NAME, name, "password-1")
    gateway = serve(BLOCKS)
    with Load(gateway) as load:
        load.go_on()
        # createSecret, setSecret …
        pending = moto.secrets.put_secret_value(
            SecretId=NAME,
            SecretString=secret_text(name, "password-2"),
            VersionStages=["AWSPENDING"],
        )["VersionId"]
        as_admin(f"alter role {name} password 'password-2'")
        # … testSecret: PostgreSQL knows the new one, AWSCURRENT is still the old one …
        load.go_on()
        assert any("AWSPENDING" in request["body"] for request in moto.requests())
        # … finishSecret.
        moto.secrets.update_secret_version_stage(
            SecretId=NAME,
            VersionStage="AWSCURRENT",
            MoveToVersionId=pending,
            RemoveFromVersionId=first,
        )
        load.go_on()


def test_a_password_that_is_changed_by_hand(serve, moto, role):
    name = role("rotated", "password-1")
    moto.put(NAME, name, "password-1")
    gateway = serve(BLOCKS)
    with Load(gateway) as load:
        for number in (2, 3):
            load.go_on()
            as_admin(f"alter role {name} password 'password-{number}'")
            moto.put(NAME, name, f"password-{number}")
        load.go_on()


def test_alternating_users(serve, moto, role):
    names = [role("rotated", "password-1"), role("rotated_clone", "password-2")]
    moto.put(NAME, names[0], "password-1")
    gateway = serve(BLOCKS)
    with Load(gateway) as load:
        for number, name in ((3, names[1]), (4, names[0])):
            load.go_on()
            as_admin(f"alter role {name} password 'password-{number}'")
            moto.put(NAME, name, f"password-{number}")
            other = names[1 - names.index(name)]
            as_admin(f"alter role {other} password 'password-gone'")
            client = gateway.tenant("tenant1")
            until(f"{name} is in use", lambda: user(client) == name)
        load.go_on()


@pytest.mark.parametrize("options", ["superuser", "bypassrls", "createrole"])
def test_a_role_that_policies_do_not_bind_is_refused(serve, moto, role, options):
    good, bad = role("rotated", "password-1"), role("rotated_in", "password-2", options)
    moto.put(NAME, good, "password-1")
    gateway = serve(BLOCKS, POOL__SECRET_TTL="1s")
    client = gateway.tenant("tenant1")
    assert user(client) == good
    moto.put(NAME, bad, "password-2")

    def refused():
        try:
            assert user(client) == good, "the old one is used until the new one is known"
        except client.exceptions.ClientError:
            return True

    until("it is refused", refused)
    answer = refusal(client.execute_statement, **TARGET, sql=COSTLY)
    assert answer[1] == "InvalidSecretException" and bad not in answer[2]
    moto.put(NAME, good, "password-1")
    until("all is well again", lambda: not _refused(client))


def _refused(client):
    try:
        return user(client) is None
    except client.exceptions.ClientError:
        return True
