"""Every common type there and back: as text and in binary by psycopg, in binary by asyncpg."""

import asyncio
import datetime
import decimal
import ipaddress
import json
import uuid

import asyncpg
import door
import pytest
from psycopg.types.json import Jsonb
from psycopg.types.range import Range

UTC = datetime.timezone.utc
MOMENT = datetime.datetime(2024, 2, 29, 23, 59, 59, 999_999)
# The type, a value of it.
BOTH = [
    ("int2", -32768),
    ("int4", 2_147_483_647),
    ("int8", -9_223_372_036_854_775_808),
    ("float4", 0.5),
    ("float8", 1.7976931348623157e308),
    ("numeric", decimal.Decimal("12345678901234567890.00000000001")),
    ("numeric(10, 2)", decimal.Decimal("-0.10")),
    ("bool", True),
    ("bool", False),
    ("text", "grün, 行, 🏠, \"quoted\" 'and' \\ back"),
    ("text", ""),
    ("varchar(20)", "short"),
    ("char(3)", "abc"),
    ("bytea", bytes(range(256))),
    ("bytea", b""),
    ("date", datetime.date(2024, 2, 29)),
    ("time", datetime.time(23, 59, 59, 1)),
    ("timestamp", MOMENT),
    ("timestamptz", MOMENT.replace(tzinfo=UTC)),
    ("interval", datetime.timedelta(days=3, seconds=7, microseconds=5)),
    ("uuid", uuid.UUID("7a245486-3fc8-47ec-b303-04fefe7a58ff")),
    ("inet", ipaddress.ip_address("2001:db8::1")),
    ("cidr", ipaddress.ip_network("192.0.2.0/24")),
    ("int4[]", [1, None, -3]),
    ("int4[]", []),
    ("text[]", ["plain", None, "", 'with "quotes"', "with, comma", "{braces}", "NULL"]),
    ("float8[]", [0.1, float("inf")]),
    ("uuid[]", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)]),
    ("int4[]", [[1, 2], [3, 4]]),
    ("int4", None),
    ("text", None),
]
NAMED = [f"{number} {name}" for number, (name, _) in enumerate(BOTH)]
DOCUMENT = {"a": [1, 2.5, None, "ä"], "b": {"c": True}}


@pytest.fixture(scope="module")
def connection():
    with door.connect(1, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@pytest.mark.parametrize("name, value", BOTH, ids=NAMED)
def test_psycopg(connection, name, value):
    for mark in ("%t", "%b"):
        for binary in (False, True):
            found = connection.execute(f"select {mark}::{name}", [value], binary=binary).fetchone()
            assert found == (value,), (mark, binary)


@pytest.mark.parametrize(
    "name, value",
    [
        ("jsonb", DOCUMENT),
        ("json", DOCUMENT),
        ("int4range", Range(1, 5)),
        ("tstzrange", Range(MOMENT.replace(tzinfo=UTC), None, "()")),
    ],
    ids=["jsonb", "json", "int4range", "tstzrange"],
)
def test_psycopg_of_its_own_kind(connection, name, value):
    given = Jsonb(value) if isinstance(value, dict) else value
    for binary in (False, True):
        found = connection.execute(f"select %s::{name}", [given], binary=binary).fetchone()
        assert found == (value,)


def test_asyncpg():
    async def there_and_back():
        connection = await door.connect_async(1)
        try:
            for name, value in BOTH:
                assert await connection.fetchval(f"select $1::{name}", value) == value, name
            found = await connection.fetchval("select $1::jsonb", json.dumps(DOCUMENT))
            assert json.loads(found) == DOCUMENT
            assert await connection.fetchval("select int4range(1, 5)") == asyncpg.Range(1, 5)
            record = await connection.fetchrow("select 1 as a, row(1, 'x'::text) as b")
            assert (record["a"], tuple(record["b"])) == (1, (1, "x"))
        finally:
            await connection.close()

    asyncio.run(there_and_back())


def test_columns_say_their_types(connection):
    query = "select 1::int2 a, 'x'::varchar(7) b, 1.5::numeric(5, 1) c, now() d"
    cursor = connection.execute(query)
    described = [(column.name, column.type_display) for column in cursor.description]
    assert described == [
        ("a", "int2"),
        ("b", "varchar(7)"),
        ("c", "numeric(5,1)"),
        ("d", "timestamptz"),
    ]
