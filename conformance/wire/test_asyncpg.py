"""asyncpg: binary values, prepared statements, cursors, COPY, time-outs; its own pool."""

import asyncio

import asyncpg
import pytest

from conftest import login

OWN = "select user_id from sh_vip.t_user where user_id <> $1 order by 1"


def run(program, **more):
    """One connection of t1 for a program."""
    async def connected():
        connection = await asyncpg.connect(**arguments(**more))
        try:
            return await program(connection)
        finally:
            await connection.close()
    return asyncio.run(connected())


def arguments(**more):
    words = login("t1")
    words["database"] = words.pop("dbname")
    return {**words, **more}


@pytest.mark.parametrize("cached", [0, 100])
def test_statements(cached):
    async def program(connection):
        for number in range(10):
            assert await connection.fetchval("select $1::int + 1", number) == number + 1
            assert [row["user_id"] for row in await connection.fetch(OWN, 0)] == [10]
        # Before a statement is prepared: asyncpg ends that with no Sync, and PostgreSQL then finds
        # BEGIN in the middle of a transaction, here and without a gateway.
        async with connection.transaction(isolation="serializable"):
            assert await connection.fetchval("show transaction_isolation") == "serializable"
        statement = await connection.prepare("select $1::text || 'x'")
        async with connection.transaction():
            assert await statement.fetchval("a") == "ax"
        assert await statement.fetchval("b") == "bx"
        await connection.executemany("select $1::int", [(number,) for number in range(200)])
    run(program, statement_cache_size=cached)


def test_cursors_and_copy(tmp_path):
    async def program(connection):
        async with connection.transaction():
            cursor = connection.cursor("select generate_series(1, 500)")
            assert len([row async for row in cursor]) == 500
        query = "select generate_series(1, 1000)"
        assert await connection.copy_from_query(query, output=tmp_path / "rows") == "COPY 1000"
    run(program)


def test_time_outs():
    async def program(connection):
        with pytest.raises(asyncio.TimeoutError):
            await connection.execute("select pg_sleep(60)", timeout=0.3)
        assert [row["user_id"] for row in await connection.fetch(OWN, 0)] == [10]
    run(program)


def test_a_pool():
    # By itself the pool sends RESET ALL and UNLISTEN, which are not for tenants; connections are
    # cleaned by the gateway.
    async def leave(_connection):
        pass

    async def program():
        pool = asyncpg.create_pool(**arguments(), min_size=4, max_size=8, reset=leave)
        async with pool:
            answers = await asyncio.gather(*(pool.fetch(OWN, 0) for _ in range(100)))
            assert all([row["user_id"] for row in rows] == [10] for rows in answers)
    asyncio.run(program())
