"""Who comes in, and as whom: passwords, tokens, tenants that are fixed and tenants that are not."""

import door
import psycopg
import pytest
from psycopg import errors

VISIBLE = "select array_agg(tenant_id order by tenant_id) from sh_vip.t_user"


def visible(**login):
    with door.connect(database="rls_vip", **login) as connection:
        return connection.execute(VISIBLE).fetchone()[0]


@pytest.mark.parametrize(
    "user, options, expected",
    [
        ("t1", "-c app.tenant_id=1", [1]),
        ("t2", "-c app.tenant_id=2", [2]),
        ("app_user", "-c app.tenant_id=2", [2]),
        ("app_user", "--app.tenant_id=1", [1]),
        ("app_user", "", None),
        ("bypassrls_user", "", [1, 2]),
    ],
)
def test_tenants_by_user(user, options, expected):
    assert visible(user=user, options=options) == expected


def test_wrong_passwords():
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        door.connect(user="t1", password="guess")
    with pytest.raises(psycopg.OperationalError, match="authentication failed|does not exist"):
        door.connect(user="nobody", password="guess")


@pytest.mark.skipif(door.is_direct(), reason="PostgreSQL itself knows neither tokens nor tenants")
class TestTheDoor:
    @pytest.mark.parametrize("user", ["anybody", "shop", "x" * 60])
    def test_a_token_is_a_password(self, user):
        assert visible(user=user, password=door.token(2)) == [2]
        assert visible(user=user, password=door.token(1), options="-c app.tenant_id=1") == [1]

    def test_a_tenant_is_fixed(self):
        with pytest.raises(psycopg.OperationalError, match="app.tenant_id"):
            visible(user="t1", options="-c app.tenant_id=2")
        with door.connect(user="t1", database="rls_vip", autocommit=True) as connection:
            for statement in (
                "set app.tenant_id = 2",
                "select set_config('app.tenant_id', '2', false)",
                "set local app.tenant_id = 2",
                "reset all",
                "set role t2",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(statement)
            assert connection.execute(VISIBLE).fetchone() == ([1],)

    def test_a_token_that_was_changed(self):
        good = door.token(1)
        head, body, mark = good.split(".")
        for bad in (f"{head}.{body}.{mark[::-1]}", f"{head}.{body}.", good[:-4]):
            with pytest.raises(psycopg.OperationalError, match="authentication failed"):
                visible(user="anybody", password=bad)
