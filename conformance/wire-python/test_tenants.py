"""Sixty-four clients of different tenants at once, on few connections of PostgreSQL."""

import asyncio
import random

import door
import psycopg

CLIENTS = 64
ROUNDS = 12


async def connect(tenant):
    login = door.login() | {"dbname": "postgres", "options": door.tenant_options(tenant)}
    return await psycopg.AsyncConnection.connect(**login, autocommit=True)


async def own_rows(connection, note, tenant):
    cursor = await connection.execute(f"select tenant_id, body from {note}")
    rows = await cursor.fetchall()
    assert {(owner, body) for owner, body in rows} <= {(tenant, f"of {tenant}")}, tenant
    return len(rows)


async def by_transaction(connection, note, body):
    async with connection.transaction():
        await connection.execute(f"insert into {note} (body) values (%s)", [body], prepare=True)
        await connection.execute(f"insert into {note} (body) values (%s)", [body], prepare=True)
    return 2


async def by_failed_transaction(connection, note, body):
    try:
        async with connection.transaction():
            await connection.execute(f"insert into {note} (body) values (%s)", [body])
            await connection.execute("select 1 / 0")
    except psycopg.errors.DivisionByZero:
        return 0


async def by_pipeline(connection, note, body):
    async with connection.pipeline():
        for _ in range(3):
            await connection.execute(f"insert into {note} (body) values (%s)", [body])
    return 3


async def by_text(connection, note, body):
    await connection.execute(f"insert into {note} (body) values ('{body}'); select 1")
    return 1


async def everybodys(connection, note, body):
    """Every row that there is to see is its own, so this touches nobody else's."""
    await connection.execute(f"update {note} set body = %s", [body])
    return 0


WAYS = [by_transaction, by_failed_transaction, by_pipeline, by_text, everybodys]


def test_no_foreign_rows(schema):
    note = f"{schema}.note"

    async def client(number):
        tenant, chance = f"tenant-{number}", random.Random(number)
        connection, expected = await connect(tenant), 0
        async with connection:
            for _ in range(ROUNDS):
                expected += await chance.choice(WAYS)(connection, note, f"of {tenant}")
                assert await own_rows(connection, note, tenant) == expected, tenant
        return expected

    async def all_of_them():
        return await asyncio.gather(*map(client, range(CLIENTS)))

    expected = asyncio.run(all_of_them())
    with door.operator() as operator:
        counted = operator.execute(
            f"select tenant_id, count(*) from {note} where body = 'of ' || tenant_id group by 1"
        )
        found = dict(counted.fetchall())
        assert found == {f"tenant-{n}": count for n, count in enumerate(expected) if count}
