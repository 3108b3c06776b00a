"""SQLAlchemy's dialect for the Data API: core and ORM, types, transactions, reflection."""

import datetime
import decimal
import enum

import pytest
import sqlalchemy as sa
from callers import CLUSTER_ARN, admin, app, secret_arn, tenant
from conftest import wall_off
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID, insert
from sqlalchemy.orm import DeclarativeBase, Session, relationship, selectinload
from sqlalchemy_aurora_data_api import register_dialects

register_dialects()
SCHEMA = "conformance_sqlalchemy"


class Base(DeclarativeBase):
    metadata = sa.MetaData(schema=SCHEMA)


class Mood(enum.Enum):
    sad = 1
    happy = 2


class User(Base):
    __tablename__ = "user"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), unique=True, nullable=False)
    doc = sa.Column(JSONB)
    plain = sa.Column(sa.JSON)
    # The dialect has no way back from text to `uuid.UUID`.
    key = sa.Column(UUID(as_uuid=False))
    mood = sa.Column(sa.Enum(Mood, name="mood", inherit_schema=True))
    born = sa.Column(sa.Date)
    at = sa.Column(sa.Time)
    seen = sa.Column(sa.DateTime)
    price = sa.Column(sa.Numeric(10, 2))
    weight = sa.Column(sa.Float)
    ok = sa.Column(sa.Boolean)
    data = sa.Column(sa.LargeBinary)
    tags = sa.Column(ARRAY(sa.Text))
    posts = relationship("Post", back_populates="author", order_by="Post.id")


class Post(Base):
    __tablename__ = "post"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text, nullable=False)
    author_id = sa.Column(sa.ForeignKey(User.id), nullable=False)
    author = relationship(User, back_populates="posts")


class Order(Base):
    __tablename__ = "order"
    id = sa.Column(sa.Integer, primary_key=True)
    tenant_id = sa.Column(sa.Integer, nullable=False)


def engine(client, secret):
    return sa.create_engine(
        "postgresql+auroradataapi://:@/postgres",
        connect_args={
            "aurora_cluster_arn": CLUSTER_ARN,
            "secret_arn": secret_arn(secret),
            "rds_data_client": client,
        },
    )


@pytest.fixture(scope="module")
def operator(schema):
    assert schema == SCHEMA
    made = engine(admin(), "admin")
    Base.metadata.create_all(made)
    wall_off(f'{SCHEMA}."order"')
    return made


@pytest.fixture
def session(operator):
    with Session(operator) as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(sa.delete(table))
        session.commit()
        yield session


def test_create_all_finds_what_is_there(operator):
    Base.metadata.create_all(operator)
    seen = sa.inspect(operator)
    assert sorted(seen.get_table_names(schema=SCHEMA)) == ["order", "post", "user"]
    columns = {column["name"]: column for column in seen.get_columns("user", schema=SCHEMA)}
    assert isinstance(columns["doc"]["type"], JSONB)
    assert isinstance(columns["tags"]["type"], ARRAY)
    assert columns["name"]["type"].length == 50 and not columns["name"]["nullable"]
    [key] = seen.get_foreign_keys("post", schema=SCHEMA)
    assert (key["referred_table"], key["constrained_columns"]) == ("user", ["author_id"])
    assert [found["labels"] for found in seen.get_enums(schema=SCHEMA)] == [["sad", "happy"]]


def test_constraints_that_are_there(operator):
    seen = sa.inspect(operator)
    assert seen.get_pk_constraint("post", schema=SCHEMA)["constrained_columns"] == ["id"]
    assert seen.get_unique_constraints("user", schema=SCHEMA)[0]["column_names"] == ["name"]


VALUES = {
    "name": "Robert'); drop table students; --",
    "doc": {"foo": [1, 2, {"bar": None}], "ü": "🐘"},
    "plain": ["a", {"b": 1.5}],
    "key": "7f6d1fd1-4d5c-4a7b-8a0e-000000000001",
    "mood": Mood.happy,
    "born": datetime.date(2024, 2, 29),
    "at": datetime.time(23, 59, 59),
    "seen": datetime.datetime(2024, 1, 15, 10, 30, 0, 120000),
    "price": decimal.Decimal("123.40"),
    "weight": 0.1,
    "ok": True,
    "data": b"\x00\xff",
    "tags": ["one, two", "{three}", 'fo"ur'],
}


def test_every_type_there_and_back(session):
    session.add(User(**VALUES))
    session.commit()
    session.expire_all()
    user = session.scalars(sa.select(User)).one()
    for name, value in VALUES.items():
        assert getattr(user, name) == value, name


def test_conditions_on_types(session):
    session.add(User(**VALUES))
    session.add(User(name="other"))
    session.flush()
    for condition in (
        User.key == VALUES["key"],
        User.mood == Mood.happy,
        User.born == VALUES["born"],
        User.seen < datetime.datetime(2025, 1, 1),
        User.price > 100,
        User.tags.any("{three}"),
        User.name.in_([VALUES["name"]]),
    ):
        found = session.scalars(sa.select(User.name).where(condition)).all()
        assert found == [VALUES["name"]], str(condition)


def test_conditions_inside_documents(session):
    session.add(User(**VALUES))
    session.flush()
    found = session.scalars(sa.select(User.name).where(User.doc["foo"][0].as_integer() == 1)).all()
    assert found == [VALUES["name"]]


def test_relations_joins_aggregates(session):
    session.add(User(name="a", posts=[Post(title="1"), Post(title="2")]))
    session.add(User(name="b"))
    session.commit()
    users = session.scalars(
        sa.select(User).options(selectinload(User.posts)).order_by(User.name)
    ).all()
    assert [[post.title for post in user.posts] for user in users] == [["1", "2"], []]
    counted = session.execute(
        sa.select(User.name, sa.func.count(Post.id)).outerjoin(Post).group_by(User.name)
        .order_by(User.name).limit(10).offset(0)
    ).all()  # fmt: skip
    assert counted == [("a", 2), ("b", 0)]


def test_many_rows_updates_upserts(session):
    session.execute(sa.insert(User), [{"name": f"user{index}"} for index in range(100)])
    changed = session.execute(sa.update(User).where(User.name < "user2").values(ok=True))
    assert changed.rowcount == 12
    upsert = insert(User).values(name="user0", ok=False)
    upsert = upsert.on_conflict_do_update(index_elements=["name"], set_={"ok": False})
    [[ok]] = session.execute(upsert.returning(User.ok)).all()
    assert ok is False
    assert session.execute(sa.delete(User)).rowcount == 100


def test_text_with_casts_and_literals(session):
    row = session.execute(
        sa.text("select :a ::int as a, '\\:b' as b, cast(:c as jsonb) ->> 'x' as c -- \\:d"),
        {"a": 1, "c": '{"x": "y"}'},
    ).one()
    assert row._asdict() == {"a": 1, "b": ":b", "c": "y"}


def test_transactions_and_savepoints(session, operator):
    session.add(User(name="outer"))
    session.flush()
    with pytest.raises(sa.exc.DatabaseError), session.begin_nested():
        session.execute(sa.insert(User).values(name="outer"))
    with session.begin_nested():
        session.add(User(name="inner"))
    session.commit()
    session.add(User(name="gone"))
    session.flush()
    session.rollback()
    names = session.scalars(sa.select(User.name).order_by(User.name)).all()
    assert names == ["inner", "outer"]


def test_errors(session):
    with pytest.raises(sa.exc.DBAPIError, match="42P01"):
        session.execute(sa.text("select * from attic"))
    session.rollback()
    session.add(User(name="a"))
    session.flush()
    with pytest.raises(sa.exc.DBAPIError, match="23505"):
        session.execute(sa.insert(User).values(name="a"))


def test_an_application_says_its_tenant_first(session):
    session.add_all([Order(id=1, tenant_id=1), Order(id=2, tenant_id=2)])
    session.commit()
    with Session(engine(app(), "app_user")) as application:
        choose = sa.select(sa.func.set_config("app.current_tenant", "2", True))
        application.execute(choose)
        assert [order.id for order in application.scalars(sa.select(Order))] == [2]
        application.commit()
        assert application.scalars(sa.select(Order)).all() == []


def test_a_tenant_needs_to_say_nothing(session):
    session.add_all([Order(id=1, tenant_id=1), Order(id=2, tenant_id=2)])
    session.commit()
    with Session(engine(tenant("2"), "app_user")) as own:
        assert [order.id for order in own.scalars(sa.select(Order))] == [2]
        own.add(Order(id=3, tenant_id=1))
        with pytest.raises(sa.exc.DatabaseError, match="42501"):
            own.flush()
