"""Users whose tenant is fixed, and the operator beside them, on the ApsaraDB document's table."""

import asyncio

import asyncpg
import door
import psycopg
import pytest
from psycopg import errors

OWN = "select user_id from sh_vip.t_user order by 1"


def login(user, **more):
    return door.connect(user=user, database="rls_vip", **more)


@pytest.fixture
def t1():
    with login("t1", autocommit=True) as connection:
        yield connection


@pytest.fixture
def operator():
    with login("bypassrls_user") as connection:
        yield connection


def test_the_document(t1):
    assert t1.execute("select * from sh_vip.t_user").fetchall() == [(1, 10, "Zhang San")]
    t1.execute("insert into sh_vip.t_user values (1, 11, 'Leo')")
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
        t1.execute("insert into sh_vip.t_user values (2, 21, 'Darren')")
    assert t1.execute("update sh_vip.t_user set tenant_name = 'x' where user_id = 20").rowcount == 0
    assert t1.execute("delete from sh_vip.t_user where user_id in (11, 20)").rowcount == 1


def test_prepared_statements_outlive_transactions(t1):
    for number in range(20):
        assert t1.execute("select %s::int + 1", [number], prepare=True).fetchone() == (number + 1,)
    # More than psycopg keeps: the oldest are given up.
    for number in range(120):
        row = t1.execute(f"select {number}, %s::int", [number], prepare=True).fetchone()
        assert row == (number, number)
    assert t1.execute("select %s::int + 1", [1], prepare=True).fetchone() == (2,)


def test_transactions_in_a_pipeline(t1):
    with t1.pipeline():
        with t1.transaction():
            t1.execute("insert into sh_vip.t_user values (1, 50, 'a')")
        with t1.transaction():
            rows = t1.execute(OWN)
        with t1.transaction():
            t1.execute("delete from sh_vip.t_user where user_id = 50")
        assert rows.fetchall() == [(10,), (50,)]
    assert t1.execute(OWN).fetchall() == [(10,)]


@pytest.mark.parametrize(
    "sql, error",
    [
        ("select 1 / 0", errors.DivisionByZero),
        ("selec", errors.SyntaxError),
        pytest.param(
            "set app.tenant_id = 2",
            errors.InsufficientPrivilege,
            marks=pytest.mark.skipif(door.is_direct(), reason="PostgreSQL fixes no tenant"),
        ),
    ],
)
def test_an_error_in_a_pipeline(t1, sql, error):
    with pytest.raises(error), t1.pipeline() as pipeline:
        t1.execute("insert into sh_vip.t_user values (1, 51, 'never')")
        t1.execute(sql)
        t1.execute("select 1")
        pipeline.sync()
    assert t1.execute(OWN).fetchall() == [(10,)]


def test_savepoints_and_levels(t1):
    t1.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with t1.transaction():
        assert t1.execute("show transaction_isolation").fetchone() == ("serializable",)
        with pytest.raises(errors.DivisionByZero), t1.transaction():
            t1.execute("select 1 / 0")
        assert t1.execute(OWN).fetchall() == [(10,)]


def test_copy(operator, t1):
    with operator.cursor().copy("copy sh_vip.t_user from stdin") as copy:
        for number in range(1000):
            copy.write_row((9, number, "copied"))
    count = "select count(*) from sh_vip.t_user where tenant_id = 9"
    assert operator.execute(count).fetchone() == (1000,)
    assert t1.execute(OWN).fetchall() == [(10,)]
    operator.rollback()
    # PostgreSQL's own rule: https://www.postgresql.org/docs/current/sql-copy.html
    with pytest.raises(errors.FeatureNotSupported, match="row-level security"):
        with t1.cursor().copy("copy sh_vip.t_user from stdin") as copy:
            copy.write_row((1, 12, "x"))
    with t1.cursor().copy(f"copy ({OWN}) to stdout") as copy:
        assert list(copy.rows()) == [("10",)]


def test_an_application_picks_its_tenant():
    with login("app_user", autocommit=True) as app:
        assert app.execute(OWN).fetchall() == []
        with app.transaction():
            app.execute("select set_config('app.tenant_id', %s, true)", ["1"])
            assert app.execute(OWN).fetchall() == [(10,)]
        assert app.execute(OWN).fetchall() == []
        app.execute("set app.tenant_id = '2'")
        assert app.execute(OWN).fetchall() == [(20,)]


@pytest.mark.parametrize("cached", [0, 100])
def test_asyncpg(cached):
    async def program():
        login = door.login("t1") | {"database": "rls_vip"}
        connection = await asyncpg.connect(**login, statement_cache_size=cached)
        for number in range(10):
            assert await connection.fetchval("select $1::int + 1", number) == number + 1
            assert await connection.fetchval(OWN) == 10
        # Before a statement is prepared: asyncpg ends that with no Sync, and PostgreSQL then finds
        # BEGIN in the middle of a transaction, here and without a gateway.
        async with connection.transaction(isolation="serializable"):
            assert await connection.fetchval("show transaction_isolation") == "serializable"
        statement = await connection.prepare("select $1::text || 'x'")
        async with connection.transaction():
            assert await statement.fetchval("a") == "ax"
        assert await statement.fetchval("b") == "bx"
        await connection.executemany("select $1::int", [(number,) for number in range(200)])
        await connection.close()

    asyncio.run(program())


def test_a_pool_of_asyncpg():
    # By itself the pool sends RESET ALL and UNLISTEN, which are not for tenants; connections are
    # cleaned by the gateway.
    async def leave(_connection):
        pass

    async def program():
        login = door.login("t1") | {"database": "rls_vip"}
        async with asyncpg.create_pool(**login, min_size=4, max_size=8, reset=leave) as pool:
            answers = await asyncio.gather(*(pool.fetchval(OWN) for _ in range(100)))
            assert answers == [10] * 100

    asyncio.run(program())
