"""SQLAlchemy on psycopg and on asyncpg: sessions, reflection, streams, savepoints."""

import asyncio
import threading

import door
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

ROWS = 1_000_000
LARGE = 10_000_000


class Base(orm.DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"
    __table_args__ = {"schema": "wire_sqlalchemy"}

    tenant_id: orm.Mapped[str] = orm.mapped_column(
        primary_key=True, server_default=sa.FetchedValue()
    )
    id: orm.Mapped[int] = orm.mapped_column(sa.Identity(always=True), primary_key=True)
    body: orm.Mapped[str]


def url(driver):
    login = door.login()
    login["username"] = login.pop("user")
    return sa.URL.create(f"postgresql+{driver}", **login, database="postgres")


@pytest.fixture(scope="module")
def engine(schema):
    """One pool for all tenants: each transaction says whose it is."""
    engine = sa.create_engine(url("psycopg"), pool_size=3)
    yield engine
    engine.dispose()


def belongs_to(tenant):
    return sa.select(sa.func.set_config(door.SETTING, tenant, True))


def session_of(engine, tenant):
    session = orm.Session(engine)
    sa.event.listen(session, "after_begin", lambda _s, _t, c: c.execute(belongs_to(tenant)))
    return session


def test_the_orm(engine):
    with session_of(engine, "orm") as session, session.begin():
        notes = [Note(body=f"note {number}") for number in range(100)]
        session.add_all(notes)
        session.flush()
        assert {note.tenant_id for note in notes} == {"orm"}
        notes[0].body = "changed"
        session.delete(notes[1])
    with session_of(engine, "orm") as session:
        bodies = session.scalars(sa.select(Note.body).order_by(Note.id)).all()
        assert (len(bodies), bodies[0], bodies[1]) == (99, "changed", "note 2")
    with session_of(engine, "another") as session:
        assert session.scalars(sa.select(Note)).all() == []


def test_savepoints(engine):
    with session_of(engine, "save") as session, session.begin():
        session.add(Note(body="kept"))
        session.flush()
        with pytest.raises(sa.exc.DataError), session.begin_nested():
            session.add(Note(body="lost"))
            session.flush()
            session.execute(sa.text("select 1 / 0"))
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            with session.begin_nested():
                session.execute(sa.insert(Note).values(tenant_id="other", body="x"))
        assert session.scalars(sa.select(Note.body)).all() == ["kept"]


def test_the_tenant_ends_with_the_transaction(engine):
    setting = sa.text(f"select current_setting('{door.SETTING}', true)")
    with engine.connect() as connection:
        with connection.begin():
            connection.execute(belongs_to("ends"))
            assert connection.scalar(setting) == "ends"
        assert not connection.scalar(setting)
        assert connection.scalar(sa.select(sa.func.count()).select_from(Note)) == 0


def test_reflection(engine, schema):
    inspector = sa.inspect(engine)
    assert set(inspector.get_table_names(schema)) == {"note", "plain"}
    found = inspector.get_columns("note", schema)
    columns = {column["name"]: str(column["type"]) for column in found}
    assert columns == {"tenant_id": "TEXT", "id": "BIGINT", "body": "TEXT", "at": "TIMESTAMP"}
    assert inspector.get_pk_constraint("note", schema)["constrained_columns"] == ["tenant_id", "id"]
    table = sa.Table("plain", sa.MetaData(), schema=schema, autoload_with=engine)
    assert str(table.c.amount.type) == "NUMERIC(12, 2)"


def test_streams(engine):
    with engine.connect() as connection:
        streamed = connection.execution_options(stream_results=True, yield_per=500)
        numbers = streamed.scalars(sa.text("select generate_series(1, 10000)"))
        assert sum(numbers) == 50_005_000


@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_isolation_levels(engine, level):
    with engine.connect().execution_options(isolation_level=level) as connection:
        expected = "read committed" if level == "AUTOCOMMIT" else level.lower()
        assert connection.scalar(sa.text("show transaction_isolation")) == expected


def test_many_rows_in_one_statement(engine, plain):
    schema, name = plain.split(".")
    table = sa.Table(name, sa.MetaData(), schema=schema, autoload_with=engine)
    with engine.begin() as connection:
        rows = [{"id": number, "body": "x"} for number in range(5000)]
        found = connection.scalars(table.insert().returning(table.c.id), rows).all()
        assert sorted(found) == list(range(5000))


def test_an_error_inside_a_pipeline(engine):
    bodies = [{"body": f"note {number}"} for number in range(500)]
    with session_of(engine, "broken") as session:
        with pytest.raises(sa.exc.IntegrityError):
            session.execute(sa.insert(Note), [*bodies, {"body": None}, *bodies])
        with pytest.raises(sa.exc.InternalError, match="current transaction is aborted"):
            session.connection().exec_driver_sql("select 1")
        session.rollback()
        session.execute(sa.insert(Note), bodies)
        assert session.scalar(sa.select(sa.func.count()).select_from(Note)) == 500
        session.rollback()


def test_prepared_statements_across_transactions():
    # Each from its first use on; and more than psycopg keeps, so that it gives some up.
    engine = sa.create_engine(url("psycopg"), connect_args={"prepare_threshold": 0}, pool_size=1)
    with engine.connect() as connection:
        for number in range(250):
            with connection.begin():
                connection.execute(belongs_to("prepared"))
                query = sa.text(f"select {number % 125} + :n, current_setting('{door.SETTING}')")
                found = connection.execute(query, {"n": number}).one()
                assert found == (number % 125 + number, "prepared")
    engine.dispose()


def test_copy_of_a_million_rows(engine, plain):
    with engine.begin() as connection:
        # SQLAlchemy has no COPY of its own.
        cursor = connection.connection.cursor()
        with cursor.copy(f"copy {plain} (id, body) from stdin") as copy:
            for start in range(0, ROWS, 10_000):
                rows = range(start, start + 10_000)
                copy.write("".join(f"{number}\tnote {number}\n" for number in rows))
        counted = connection.execute(sa.text(f"select count(*), sum(id) from {plain}")).one()
        assert counted == (ROWS, ROWS * (ROWS - 1) // 2)


def test_large_values(engine):
    data, text = bytes(range(256)) * (LARGE // 256), "grün" * (LARGE // 5)
    with engine.connect() as connection:
        assert bytes(connection.scalar(sa.select(sa.cast(data, sa.LargeBinary)))) == data
        assert connection.scalar(sa.select(sa.cast(text, sa.Text))) == text


def test_cancel(engine):
    with engine.connect() as connection:
        driver = connection.connection.driver_connection

        def when_it_runs():
            door.until_running("% /* sqlalchemy */")
            driver.cancel_safe()

        thread = threading.Thread(target=when_it_runs)
        thread.start()
        with pytest.raises(sa.exc.OperationalError, match="canceling statement"):
            connection.execute(sa.text("select pg_sleep(60) /* sqlalchemy */"))
        thread.join()
        connection.rollback()
        assert connection.scalar(sa.select(1)) == 1


def test_asyncpg_below(schema):
    async def program():
        engine = create_async_engine(url("asyncpg"), pool_size=3)

        async def write(tenant):
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(belongs_to(tenant))
                session.add_all([Note(body=f"{tenant} {number}") for number in range(5)])
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(belongs_to(tenant))
                return (await session.scalars(sa.select(Note.body).order_by(Note.id))).all()

        tenants = [f"async-{number}" for number in range(12)]
        for tenant, found in zip(tenants, await asyncio.gather(*map(write, tenants))):
            assert found == [f"{tenant} {number}" for number in range(5)]
        async with engine.connect() as connection:
            streamed = await connection.stream(sa.text("select generate_series(1, 1000)"))
            assert sum([row[0] async for row in streamed]) == 500_500
        await engine.dispose()

    asyncio.run(program())
