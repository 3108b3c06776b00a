"""asyncpg, which speaks the protocol itself and in binary only."""

import asyncio
import functools
import io

import asyncpg
import door
import pytest

LARGE = 10_000_000
COPIED = 1_000_000


def told(program):
    """A test that is a coroutine."""

    @functools.wraps(program)
    def run(*arguments, **named):
        return asyncio.run(asyncio.wait_for(program(*arguments, **named), 120))

    return run


@told
async def test_queries_of_a_tenant(note):
    connection = await door.connect_async("a")
    other = await door.connect_async("b")
    insert = f"insert into {note} (body) values ($1) returning tenant_id, body"
    assert tuple(await connection.fetchrow(insert, "of a")) == ("a", "of a")
    assert tuple(await other.fetchrow(insert, "of b")) == ("b", "of b")
    assert await connection.fetchval(f"select string_agg(body, ',') from {note}") == "of a"
    assert await connection.execute(f"update {note} set body = 'mine'") == "UPDATE 1"
    assert await other.fetchval(f"select body from {note}") == "of b"
    await connection.executemany(
        f"insert into {note} (body) values ($1)", [(f"note {n}",) for n in range(1000)]
    )
    assert await connection.fetchval(f"select count(*) from {note}") == 1001
    # RESET ALL and more: what its pool does with a connection that comes back.
    await connection.reset()
    assert await connection.fetchval(f"select count(*) from {note}") == 1001
    for each in (connection, other):
        await each.close()


@told
async def test_transactions_and_savepoints(note):
    connection = await door.connect_async("save")
    insert = f"insert into {note} (body) values ($1)"
    async with connection.transaction(isolation="serializable"):
        await connection.execute(insert, "outer")
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connection.transaction():
                await connection.execute(insert, "lost")
                await connection.fetchval("select 1 / 0")
        assert await connection.fetchval("show transaction_isolation") == "serializable"
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with connection.transaction(readonly=True):
            await connection.execute(insert, "refused")
    transaction = connection.transaction()
    await transaction.start()
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.fetch("select * from nowhere")
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await connection.fetch("select 1")
    await transaction.rollback()
    assert [row["body"] for row in await connection.fetch(f"select body from {note}")] == ["outer"]
    await connection.close()


@told
async def test_prepared_statements():
    connection = await door.connect_async(1)
    query = "select $1::int + 1, current_setting('app.current_tenant')"
    statement = await connection.prepare(query)
    assert [parameter.name for parameter in statement.get_parameters()] == ["int4"]
    for number in range(5):
        assert tuple(await statement.fetchrow(number)) == (number + 1, "1")
        async with connection.transaction():
            assert tuple(await statement.fetchrow(number)) == (number + 1, "1")
    # More than its cache of 100 holds, so that it closes some.
    for number in range(250):
        assert await connection.fetchval(f"select {number} + $1::int", 1) == number + 1
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await connection.prepare("selec 1")
    assert tuple(await statement.fetchrow(41)) == (42, "1")
    await connection.close()


@told
async def test_cursors():
    connection = await door.connect_async(1)
    async with connection.transaction():
        numbers = connection.cursor("select generate_series(1, $1::int)", 5000, prefetch=100)
        assert sum([record[0] async for record in numbers]) == 12_502_500
        cursor = await connection.cursor("select generate_series(1, 10)")
        assert [record[0] for record in await cursor.fetch(3)] == [1, 2, 3]
        await cursor.forward(2)
        assert (await cursor.fetchrow())[0] == 6
    await connection.close()


@told
async def test_copy(plain):
    connection = await door.connect_async(1)
    schema, table = plain.split(".")
    records = ((number, f"note {number}", None) for number in range(COPIED))
    copied = await connection.copy_records_to_table(table, schema_name=schema, records=records)
    assert copied == f"COPY {COPIED}"
    out = io.BytesIO()
    query = f"select id, body from {plain} order by id limit 2"
    assert await connection.copy_from_query(query, output=out, format="csv") == "COPY 2"
    assert out.getvalue() == b"0,note 0\n1,note 1\n"
    await connection.close()


@told
async def test_an_error_inside_a_pipeline(note):
    connection = await door.connect_async("broken")
    insert = f"insert into {note} (body) values ($1)"
    bodies = [(f"note {number}",) for number in range(500)]
    # executemany is a pipeline, and one transaction.
    with pytest.raises(asyncpg.NotNullViolationError):
        await connection.executemany(insert, [*bodies, (None,), *bodies])
    assert await connection.fetchval(f"select count(*) from {note}") == 0
    async with connection.transaction():
        with pytest.raises(asyncpg.NotNullViolationError):
            async with connection.transaction():
                await connection.executemany(insert, [*bodies, (None,)])
        await connection.executemany(insert, bodies)
    assert await connection.fetchval(f"select count(*) from {note}") == 500
    await connection.close()


@told
async def test_cancel_and_timeout():
    connection = await door.connect_async(1)
    with pytest.raises(asyncio.TimeoutError):
        # asyncpg cancels by a connection of its own.
        await connection.fetch("select pg_sleep(60)", timeout=2)
    assert await connection.fetchval("select 1") == 1
    task = asyncio.create_task(connection.fetch("select pg_sleep(60) /* asyncpg */"))
    await asyncio.to_thread(door.until_running, "% /* asyncpg */")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await connection.fetchval("select 2") == 2
    await connection.close()


@told
async def test_large_values():
    connection = await door.connect_async(1)
    text = "x" * LARGE
    assert await connection.fetchval("select $1::text", text) == text
    assert await connection.fetchval("select $1::bytea", text.encode()) == text.encode()
    await connection.close()


@told
async def test_notices_and_notifications():
    connection, other = await door.connect_async(1), await door.connect_async(1)
    heard, said = asyncio.get_running_loop().create_future(), []
    connection.add_log_listener(lambda _, message: said.append(message.message))
    await connection.execute("do $$ begin raise notice 'hello'; end $$")
    await connection.add_listener("news_of_asyncpg", lambda *news: heard.set_result(news[2:]))
    await other.execute("select pg_notify('news_of_asyncpg', 'payload')")
    assert await asyncio.wait_for(heard, 60) == ("news_of_asyncpg", "payload")
    await connection.fetchval("select 1")
    assert said == ["hello"]
    for each in (connection, other):
        await each.close()


@told
async def test_a_pool(note):
    settings = {door.SETTING: "pool"}
    async with asyncpg.create_pool(
        **door.login(), database="postgres", min_size=2, max_size=5, server_settings=settings
    ) as pool:
        insert = f"insert into {note} (body) values ($1)"
        await asyncio.gather(*(pool.execute(insert, str(number)) for number in range(100)))
        assert await pool.fetchval(f"select count(*) from {note}") == 100
