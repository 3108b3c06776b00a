"""aurora-data-api: Python's DB-API 2.0 on the Data API, every call of it."""

import datetime
import decimal
import ipaddress
import json
import uuid

import aurora_data_api
import pytest
from aurora_data_api.exceptions import DatabaseError, NotSupportedError, PostgreSQLError
from callers import CLUSTER_ARN, admin, app, secret_arn, tenant
from conftest import as_admin, wall_off


def connect(client=None, secret="admin", **more):
    return aurora_data_api.connect(
        aurora_cluster_arn=CLUSTER_ARN,
        secret_arn=secret_arn(secret),
        rds_data_client=client or admin(),
        database="postgres",
        **more,
    )


@pytest.fixture(scope="module", autouse=True)
def table(schema):
    name = f"{schema}.item"
    as_admin(
        f"create table {name} (id serial, name text, doc jsonb, ts timestamp(0), born date,"
        " at time, price decimal, weight float8, ok boolean, data bytea, key uuid, tags text[],"
        " tenant_id integer)"
    )
    wall_off(name)
    return name


@pytest.fixture(autouse=True)
def rows(table):
    as_admin(f"truncate {table} restart identity")
    as_admin(f"insert into {table} (name) select 'row' || n from generate_series(0, 2047) n")


def fill(table):
    """The same, by the library's own batches of a thousand."""
    as_admin(f"truncate {table} restart identity")
    documents = [
        {
            "name": f"row{index}",
            "doc": json.dumps({"x": index, "y": str(index), "z": [index, index * index, 1]}),
            "born": datetime.date(2024, 2, 29) if index % 2 else None,
            "at": datetime.time(10, 11, 12) if index % 2 else None,
        }
        for index in range(2048)
    ]
    insert = (
        f"insert into {table} (name, doc, born, at, ts)"
        " values (:name, cast(:doc as jsonb), :born, :at, current_timestamp)"
    )
    with connect() as connection, connection.cursor() as cursor:
        cursor.executemany(insert, documents)


def test_iterators(table):
    fill(table)
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table}")
        assert cursor.fetchone()[0] == 2048
        cursor.execute(f"select id, name, doc, born, at from {table} order by id")
        found = list(cursor)
        assert found[0] == (1, "row0", '{"x":0,"y":"0","z":[0,0,1]}', None, None)
        assert found[1][3:] == (datetime.date(2024, 2, 29), datetime.time(10, 11, 12))
        assert json.loads(found[-1][2])["x"] == 2047
        cursor.execute(f"select * from {table} order by id")
        assert [len(cursor.fetchmany(1001)) for _ in range(3)] == [1001, 1001, 46]
        cursor.execute(f"select id from {table} where id > :id", {"id": 2040})
        assert cursor.fetchone() == (2041,)
        assert len(cursor.fetchall()) == 7
        cursor.execute(f"select id from {table} where id > 9999")
        assert cursor.fetchone() is None and cursor.fetchall() == []


def test_description(table):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"select id, name, price, ts, ok, key from {table} limit 1")
        assert [column.name for column in cursor.description] == [
            "id", "name", "price", "ts", "ok", "key",
        ]  # fmt: skip
        types = [column.type_code for column in cursor.description]
        assert types[1:] == [str, decimal.Decimal, datetime.datetime, bool, uuid.uuid4]


def test_values_there_and_back(table):
    values = {
        "name": "it's; -- :name",
        "price": decimal.Decimal("123456789012345678.90"),
        "weight": 0.1,
        "ok": False,
        "data": bytes(range(256)),
        "key": uuid.UUID("7f6d1fd1-4d5c-4a7b-8a0e-000000000001"),
        "born": datetime.date(2024, 2, 29),
        "at": datetime.time(1, 2, 3),
        "ts": datetime.datetime(2024, 1, 15, 10, 30, 1),
    }
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"insert into {table} ({names}) values ({places}) returning {names}", values)
        expected = [str(value) if name == "key" else value for name, value in values.items()]
        assert list(cursor.fetchone()) == expected


def test_scalars_of_the_catalogue_of_types():
    with connect() as connection, connection.cursor() as cursor:
        cases = [
            ("null", None),
            ("9223372036854775807", 9223372036854775807),
            ("array[1, null, 3]", [1, None, 3]),
            ("array[]::text[]", []),
            ("array['a,b', 'c']", ["a,b", "c"]),
            ("1.50::numeric", decimal.Decimal("1.50")),
            ("'192.168.1.1'::inet::text", "192.168.1.1/32"),
            ("'2024-01-15 10:30:00'::timestamp", datetime.datetime(2024, 1, 15, 10, 30)),
            ("'23:59:59'::time", datetime.time(23, 59, 59)),
        ]
        for sql, expected in cases:
            cursor.execute(f"select {sql}")
            assert cursor.fetchone() == (expected,), sql
        cursor.execute("select :a::inet", {"a": ipaddress.ip_address("192.168.1.1")})
        assert cursor.fetchone() == ("192.168.1.1",)


def test_arrays_as_their_texts():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select cast(:tags as text[])", {"tags": '{"one, two",three}'})
        assert cursor.fetchone() == (["one, two", "three"],)
        with pytest.raises(NotSupportedError):
            cursor.execute("select :a", ["a"])


def test_rowcount(table):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from {table} limit 8")
        assert cursor.rowcount == 8
        cursor.execute(f"update {table} set name = 'x' where id <= 4")
        assert cursor.rowcount == 4
        cursor.execute(f"delete from {table} where id <= 2 returning id")
        assert cursor.rowcount == 2
        cursor.execute(f"select * from {table} where false")
        assert cursor.rowcount == 0
        assert cursor.lastrowid is None


def test_commit_and_rollback(table):
    count = f"select count(*) from {table}"
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {table}")
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchone() == (2048,)
        cursor.execute(f"delete from {table} where id > 10")
    connection.commit()
    with pytest.raises(RuntimeError), connect() as failing, failing.cursor() as cursor:
        cursor.execute(f"delete from {table}")
        raise RuntimeError("changed my mind")
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchone() == (10,)


def test_savepoints(table):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("savepoint s")
        with pytest.raises(PostgreSQLError.ER_SYNTAX_ERR):
            cursor.execute("selec 1")
        cursor.execute("rollback to savepoint s")
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)


def test_errors_have_the_class_of_their_state(table):
    cases = [
        ("select * from attic", PostgreSQLError.ER_UNDEF_TABLE),
        ("select attic", PostgreSQLError.ER_UNDEF_COL),
        ("selec 1", PostgreSQLError.ER_SYNTAX_ERR),
        ("select attic(1)", PostgreSQLError.ER_UNDEF_FUNC),
    ]
    for sql, error in cases:
        with pytest.raises(error) as caught, connect() as connection:
            connection.cursor().execute(sql)
        assert caught.value.response["Error"]["Code"] == "DatabaseErrorException"
    # Without a position the library looks no further.
    with pytest.raises(DatabaseError, match="SQLState: 22012"), connect() as connection:
        connection.cursor().execute("select 1/0")


def test_a_failed_batch_is_an_error_of_the_sdk(table):
    client = admin()
    with pytest.raises(client.exceptions.DatabaseErrorException), connect() as connection:
        connection.cursor().executemany(
            f"insert into {table} (id, ok) values (:id, :ok::boolean)",
            [{"id": 1, "ok": "yes"}, {"id": 2, "ok": "perhaps"}],
        )


def test_paging_by_hand(table):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"declare c scroll cursor for select id from {table} order by id")
        cursor.execute("fetch 3 from c")
        assert cursor.fetchall() == [(1,), (2,), (3,)]
        cursor.execute("move relative -2 from c")
        cursor.execute("fetch 2 from c")
        assert cursor.fetchall() == [(2,), (3,)]


def test_results_beyond_the_limit_are_paged_by_the_library(table):
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"select id, repeat('x', 1000) from {table} where id <= :n", {"n": 2000})
        found = cursor.fetchall()
        assert len(found) == 2000
        assert sorted(row[0] for row in found) == list(range(1, 2001))


def test_an_application_says_its_tenant_first(table):
    as_admin(f"insert into {table} (name, tenant_id) values ('one', 1), ('two', 2)")
    with connect(app(), "app_user") as connection, connection.cursor() as cursor:
        cursor.execute("set local app.current_tenant = 2")
        cursor.execute(f"select name from {table}")
        assert cursor.fetchall() == [("two",)]
    with connect(app(), "app_user") as connection, connection.cursor() as cursor:
        cursor.execute(f"select name from {table}")
        assert cursor.fetchall() == []


def test_a_tenant_needs_to_say_nothing(table):
    as_admin(f"insert into {table} (name, tenant_id) values ('one', 1), ('two', 2)")
    with connect(tenant("2"), "app_user") as connection, connection.cursor() as cursor:
        cursor.execute(f"select name from {table}")
        assert cursor.fetchall() == [("two",)]
        with pytest.raises(DatabaseError, match="SQLState: 42501"):
            cursor.execute("set app.current_tenant = 1")
