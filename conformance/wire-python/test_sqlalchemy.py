"""SQLAlchemy on psycopg and on asyncpg: sessions, reflection, streams, savepoints."""

import asyncio

import door
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine


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
