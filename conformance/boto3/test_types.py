"""Values on their way into PostgreSQL and back: every type, every member of Field."""

import math

import pytest
from callers import TARGET, app, with_key


def ask(sql, *parameters, **more):
    return app().execute_statement(**TARGET, sql=sql, parameters=list(parameters), **more)


def one(sql, *parameters, **more):
    """The only field of the only record."""
    [[field]] = ask(sql, *parameters, **more)["records"]
    return field


def text(value):
    return {"stringValue": value}


OUT = [
    ("null", {"isNull": True}),
    ("null::int[]", {"isNull": True}),
    ("true", {"booleanValue": True}),
    ("1::int2", {"longValue": 1}),
    ("(-2147483648)::int4", {"longValue": -2147483648}),
    ("9223372036854775807", {"longValue": 9223372036854775807}),
    ("73849.11::float4", {"doubleValue": 73849.11}),
    ("0.1::float8", {"doubleValue": 0.1}),
    ("1e300::float8", {"doubleValue": 1e300}),
    ("123456.7890::numeric(10,4)", text("123456.7890")),
    ("'NaN'::numeric", text("NaN")),
    ("'\\x00ff10'::bytea", {"blobValue": b"\x00\xff\x10"}),
    ("''::bytea", {"blobValue": b""}),
    ("'a\"\\b'::text", text('a"\\b')),
    ("E'line\\nbreak\\ttab\\u0001'", text("line\nbreak\ttab\x01")),
    ("'Grüße 🐘 \u2028'", text("Grüße 🐘 \u2028")),
    ("'ab'::char(4)", text("ab  ")),
    ("'a name'::name", text("a name")),
    ("26::oid", text("26")),
    ("'2024-02-29'::date", text("2024-02-29")),
    ("'23:23:12.432'::time", text("23:23:12.432")),
    ("'2024-01-15 10:30:00'::timestamp", text("2024-01-15 10:30:00")),
    ("'2024-01-15 10:30:00.123456'::timestamp", text("2024-01-15 10:30:00.123456")),
    ("'2024-01-15 10:30:00.123+02'::timestamptz", text("2024-01-15 08:30:00.123")),
    (
        "'7f6d1fd1-4d5c-4a7b-8a0e-000000000001'::uuid",
        text("7f6d1fd1-4d5c-4a7b-8a0e-000000000001"),
    ),
    ("""'{"x": 0, "y": "a  b"}'::json""", text('{"x":0,"y":"a  b"}')),
    ("""'{"x": 0, "y": [1, 2]}'::jsonb""", text('{"x":0,"y":[1,2]}')),
    ("'192.168.1.1'::inet", text("192.168.1.1")),
    ("'10.0.0.0/8'::cidr", text("10.0.0.0/8")),
    ("array[1,null,3]", {"arrayValue": {"longValues": [1, None, 3]}}),
    ("array[]::bigint[]", {"arrayValue": {"longValues": []}}),
    ("array[1.5,2]::float8[]", {"arrayValue": {"doubleValues": [1.5, 2.0]}}),
    ("array[true,false]", {"arrayValue": {"booleanValues": [True, False]}}),
    ("array['first',null,'third']", {"arrayValue": {"stringValues": ["first", None, "third"]}}),
    (
        """array['a,b','"c"','{d}','', 'NULL']""",
        {"arrayValue": {"stringValues": ["a,b", '"c"', "{d}", "", "NULL"]}},
    ),
    ("array[1.10,2.20]::numeric[]", {"arrayValue": {"stringValues": ["1.10", "2.20"]}}),
    (
        "array[[1,2],[3,4]]",
        {"arrayValue": {"arrayValues": [{"longValues": [1, 2]}, {"longValues": [3, 4]}]}},
    ),
    # Types that the service itself refuses: the text PostgreSQL has for them.
    ("'1 day'::interval", text("1 day")),
    ("'08:00:2b:01:02:03'::macaddr", text("08:00:2b:01:02:03")),
    ("'[1,5)'::int8range", text("[1,5)")),
    ("'(1,2)'::point", text("(1,2)")),
    ("'int4'::regtype", text("integer")),
    ("pg_sleep(0)", text("")),
]


@pytest.mark.parametrize("sql, expected", OUT, ids=[sql for sql, _ in OUT])
def test_out(sql, expected):
    assert one(f"select {sql}") == expected


def test_not_a_number_and_infinity():
    assert math.isnan(one("select 'NaN'::float8")["doubleValue"])
    assert one("select '-Infinity'::float8")["doubleValue"] == -math.inf


IN = [
    ("integer", {"longValue": -7}, None, {"longValue": -7}),
    ("bigint", {"longValue": 2**63 - 1}, None, {"longValue": 2**63 - 1}),
    ("float8", {"doubleValue": 0.1}, None, {"doubleValue": 0.1}),
    ("float8", {"doubleValue": math.inf}, None, {"doubleValue": math.inf}),
    ("boolean", {"booleanValue": False}, None, {"booleanValue": False}),
    ("text", text("it's; -- \\ :a $1 🐘"), None, text("it's; -- \\ :a $1 🐘")),
    ("text", text(""), None, text("")),
    ("text", {"isNull": True}, None, {"isNull": True}),
    ("int[]", {"isNull": True}, None, {"isNull": True}),
    ("bytea", {"blobValue": bytes(range(256))}, None, {"blobValue": bytes(range(256))}),
    ("date", text("2024-02-29"), "DATE", text("2024-02-29")),
    ("time", text("23:59:59.5"), "TIME", text("23:59:59.5")),
    ("timestamp", text("2024-01-15 10:30:00.5"), "TIMESTAMP", text("2024-01-15 10:30:00.5")),
    ("numeric", text("12345678901234567890.10"), "DECIMAL", text("12345678901234567890.10")),
    ("jsonb", text('{"a": 1}'), "JSON", text('{"a":1}')),
    (
        "uuid",
        text("7f6d1fd1-4d5c-4a7b-8a0e-000000000001"),
        "UUID",
        text("7f6d1fd1-4d5c-4a7b-8a0e-000000000001"),
    ),
    # What the service itself refuses.
    (
        "int[]",
        {"arrayValue": {"longValues": [1, 2]}},
        None,
        {"arrayValue": {"longValues": [1, 2]}},
    ),
    # What people write who have no hint for it.
    ("int[]", text("{1,2}"), None, {"arrayValue": {"longValues": [1, 2]}}),
    ("inet", text("::1"), None, text("::1")),
]


@pytest.mark.parametrize("type, value, hint, expected", IN, ids=[f"{i[0]} {i[1]}" for i in IN])
def test_in(type, value, hint, expected):
    parameter = {"name": "a", "value": value} | ({"typeHint": hint} if hint else {})
    assert one(f"select :a::{type}", parameter) == expected
    # Without a cast PostgreSQL takes JSON for the text that it is, blanks and all.
    if hint and hint != "JSON":
        assert one("select :a", parameter) == expected


def test_parameters_are_found_where_they_are_and_nowhere_else():
    cases = [
        ("select :a::int + :a::int", {"longValue": 2}),
        ("select ':a'", text(":a")),
        ("select ':a' || :a::text -- :a", text(":a1")),
        ("select $x$:a$x$ /* :a /* :a */ */", text(":a")),
        ("select (array[5,6,7])[1:2]", {"arrayValue": {"longValues": [5, 6]}}),
        ('select ":a" from (select 3 as ":a") x', {"longValue": 3}),
        ("select :ab::int", {"longValue": 4}),
        ("select :1::int", {"longValue": 9}),
    ]
    values = [("a", 1), ("ab", 4), ("1", 9)]
    parameters = [{"name": name, "value": {"longValue": value}} for name, value in values]
    for sql, expected in cases:
        given = [each for each in parameters if f":{each['name']}" in sql]
        if "[1:2]" in sql:
            given = []
        assert one(sql, *given) == expected, sql


def test_long_texts_and_blobs():
    for value in ({"stringValue": "x" * 100_000}, {"blobValue": b"\xfe" * 500 * 1024}):
        kind = "bytea" if "blobValue" in value else "text"
        assert one(f"select :a::{kind}", {"name": "a", "value": value}) == value


def test_result_options():
    strings = {"longReturnType": "STRING"}
    assert one("select 1", resultSetOptions=strings) == text("1")
    numbers = {"decimalReturnType": "DOUBLE_OR_LONG"}
    assert one("select 1.5::numeric", resultSetOptions=numbers) == {"doubleValue": 1.5}


def test_records_as_json():
    answer = ask("select 1 as id, 'Jane' as name, null as gone", formatRecordsAs="JSON")
    assert answer["formattedRecords"] == '[{"id":1,"name":"Jane","gone":null}]'
    assert "records" not in answer
    assert (
        ask("select 10::float8 as a", formatRecordsAs="JSON")["formattedRecords"] == '[{"a":10.0}]'
    )


def test_metadata():
    answer = ask("select 123 as a, 'x'::text as b", includeResultMetadata=True)
    first, second = answer["columnMetadata"]
    assert (first["name"], first["label"], first["typeName"], first["type"]) == (
        "a",
        "a",
        "int4",
        4,
    )
    assert (second["typeName"], second["type"]) == ("text", 12)
    assert "columnMetadata" not in ask("select 1")


def test_the_client_of_this_program_is_an_unmodified_one():
    answer = with_key("ROWHOUSEDEV").execute_statement(**TARGET, sql="select 1")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RequestId"]
