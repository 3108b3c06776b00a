//! Every common type, out and in.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::values",
        &[
            ("a_wrong_text_is_an_error_of_postgresql", a_wrong_text_is_an_error_of_postgresql),
            ("numbers_from_end_to_end", numbers_from_end_to_end),
        ],
    );
    cases.extend(OUT.iter().map(|&(name, expression, field)| {
        case(format!("data_api::out::{name}"), move |stand| comes_out(stand, expression, field))
    }));
    cases.extend(IN.iter().map(|&(column, parameter, field)| {
        let name = format!("data_api::in::{column}::{parameter}");
        case(name, move |stand| goes_in(stand, column, parameter, field))
    }));
    cases
}

/// A name, an expression, and the field that it comes out as.
const OUT: &[(&str, &str, &str)] = &[
    ("int2", "(-32768)::int2", r#"{"longValue":-32768}"#),
    ("int4", "2147483647", r#"{"longValue":2147483647}"#),
    ("int8", "9223372036854775807", r#"{"longValue":9223372036854775807}"#),
    ("int8_least", "-9223372036854775808", r#"{"longValue":-9223372036854775808}"#),
    ("float4", "73849.11::float4", r#"{"doubleValue":73849.11}"#),
    ("float8", "0.1::float8", r#"{"doubleValue":0.1}"#),
    ("float8_whole", "2::float8", r#"{"doubleValue":2}"#),
    ("float8_tiny", "'5e-324'::float8", r#"{"doubleValue":5e-324}"#),
    ("nan", "'NaN'::float8", r#"{"doubleValue":"NaN"}"#),
    ("infinity", "'Infinity'::float8", r#"{"doubleValue":"Infinity"}"#),
    ("minus_infinity", "'-Infinity'::float4", r#"{"doubleValue":"-Infinity"}"#),
    ("numeric", "123456.789::numeric(10, 4)", r#"{"stringValue":"123456.7890"}"#),
    ("numeric_nan", "'NaN'::numeric", r#"{"stringValue":"NaN"}"#),
    ("text", r#"E'a"b\\c\n\té\x01'"#, r#"{"stringValue":"a\"b\\c\n\té\u0001"}"#),
    ("text_empty", "''::text", r#"{"stringValue":""}"#),
    ("text_wide", "'日本語 🐘'::text", r#"{"stringValue":"日本語 🐘"}"#),
    ("unknown", "'text'", r#"{"stringValue":"text"}"#),
    ("char", "'ab'::char(4)", r#"{"stringValue":"ab  "}"#),
    ("name", "'n'::name", r#"{"stringValue":"n"}"#),
    ("true", "true", r#"{"booleanValue":true}"#),
    ("false", "false", r#"{"booleanValue":false}"#),
    ("bytea", r"'\x00ff10'::bytea", r#"{"blobValue":"AP8Q"}"#),
    ("bytea_empty", "''::bytea", r#"{"blobValue":""}"#),
    ("date", "'2024-02-29'::date", r#"{"stringValue":"2024-02-29"}"#),
    ("time", "'23:59:59.5'::time", r#"{"stringValue":"23:59:59.5"}"#),
    (
        "timestamp",
        "'2024-01-15 10:30:00.123450'::timestamp",
        r#"{"stringValue":"2024-01-15 10:30:00.12345"}"#,
    ),
    (
        "timestamptz",
        "'2024-01-15 10:30:00+02'::timestamptz",
        r#"{"stringValue":"2024-01-15 08:30:00"}"#,
    ),
    (
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
        r#"{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}"#,
    ),
    ("json", r#"'{"a": [1, 2]}'::json"#, r#"{"stringValue":"{\"a\":[1,2]}"}"#),
    ("jsonb", r#"'{"b": 1, "a": "x y"}'::jsonb"#, r#"{"stringValue":"{\"a\":\"x y\",\"b\":1}"}"#),
    ("enum", "'happy'::mood", r#"{"stringValue":"happy"}"#),
    ("null_int", "null::int", r#"{"isNull":true}"#),
    ("null_text", "null::text", r#"{"isNull":true}"#),
    ("null_array", "null::int[]", r#"{"isNull":true}"#),
    ("int_array", "'{1,null,3}'::int[]", r#"{"arrayValue":{"longValues":[1,null,3]}}"#),
    ("bool_array", "'{t,f}'::bool[]", r#"{"arrayValue":{"booleanValues":[true,false]}}"#),
    ("float_array", "'{3.14,2.71}'::real[]", r#"{"arrayValue":{"doubleValues":[3.14,2.71]}}"#),
    ("numeric_array", "'{1.50,2}'::numeric[]", r#"{"arrayValue":{"stringValues":["1.50","2"]}}"#),
    (
        "text_array",
        r#"array['a,b', 'c"d', '', null, 'NULL', '\']"#,
        r#"{"arrayValue":{"stringValues":["a,b","c\"d","",null,"NULL","\\"]}}"#,
    ),
    ("empty_array", "'{}'::int[]", r#"{"arrayValue":{"longValues":[]}}"#),
    (
        "uuid_array",
        "array['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid]",
        r#"{"arrayValue":{"stringValues":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}}"#,
    ),
    (
        "date_array",
        "array['2024-02-29'::date]",
        r#"{"arrayValue":{"stringValues":["2024-02-29"]}}"#,
    ),
];

/// A column of `value`, the parameter that is put into it, and the field that it comes out as.
const IN: &[(&str, &str, &str)] = &[
    ("i2", r#"{"value":{"longValue":-5}}"#, r#"{"longValue":-5}"#),
    ("i4", r#"{"value":{"longValue":2147483647}}"#, r#"{"longValue":2147483647}"#),
    (
        "i8",
        r#"{"value":{"longValue":-9223372036854775808}}"#,
        r#"{"longValue":-9223372036854775808}"#,
    ),
    ("i8", r#"{"value":{"stringValue":"12"}}"#, r#"{"longValue":12}"#),
    ("i4", r#"{"value":{"isNull":true}}"#, r#"{"isNull":true}"#),
    ("f4", r#"{"value":{"doubleValue":2.5}}"#, r#"{"doubleValue":2.5}"#),
    ("f8", r#"{"value":{"doubleValue":0.1}}"#, r#"{"doubleValue":0.1}"#),
    ("f8", r#"{"value":{"doubleValue":"NaN"}}"#, r#"{"doubleValue":"NaN"}"#),
    ("f8", r#"{"value":{"doubleValue":"-Infinity"}}"#, r#"{"doubleValue":"-Infinity"}"#),
    ("f8", r#"{"value":{"longValue":3}}"#, r#"{"doubleValue":3}"#),
    (
        "n",
        r#"{"value":{"stringValue":"19.99"},"typeHint":"DECIMAL"}"#,
        r#"{"stringValue":"19.9900"}"#,
    ),
    ("n", r#"{"value":{"stringValue":"19.99"}}"#, r#"{"stringValue":"19.9900"}"#),
    ("n", r#"{"value":{"longValue":7}}"#, r#"{"stringValue":"7.0000"}"#),
    (
        "t",
        r#"{"value":{"stringValue":"it's :x -- é🐘\n"}}"#,
        r#"{"stringValue":"it's :x -- é🐘\n"}"#,
    ),
    ("t", r#"{"value":{"stringValue":""}}"#, r#"{"stringValue":""}"#),
    ("t", r#"{"value":{"isNull":true}}"#, r#"{"isNull":true}"#),
    ("v", r#"{"value":{"stringValue":"short"}}"#, r#"{"stringValue":"short"}"#),
    ("b", r#"{"value":{"booleanValue":true}}"#, r#"{"booleanValue":true}"#),
    ("b", r#"{"value":{"booleanValue":false}}"#, r#"{"booleanValue":false}"#),
    ("y", r#"{"value":{"blobValue":"AP8Q"}}"#, r#"{"blobValue":"AP8Q"}"#),
    ("y", r#"{"value":{"blobValue":""}}"#, r#"{"blobValue":""}"#),
    (
        "d",
        r#"{"value":{"stringValue":"2024-02-29"},"typeHint":"DATE"}"#,
        r#"{"stringValue":"2024-02-29"}"#,
    ),
    ("d", r#"{"value":{"stringValue":"2024-02-29"}}"#, r#"{"stringValue":"2024-02-29"}"#),
    (
        "ti",
        r#"{"value":{"stringValue":"10:11:12.5"},"typeHint":"TIME"}"#,
        r#"{"stringValue":"10:11:12.5"}"#,
    ),
    (
        "ts",
        r#"{"value":{"stringValue":"2024-01-15 10:30:00.5"},"typeHint":"TIMESTAMP"}"#,
        r#"{"stringValue":"2024-01-15 10:30:00.5"}"#,
    ),
    (
        "tz",
        r#"{"value":{"stringValue":"2024-01-15 10:30:00+02"}}"#,
        r#"{"stringValue":"2024-01-15 08:30:00"}"#,
    ),
    (
        "tz",
        r#"{"value":{"stringValue":"2024-01-15 10:30:00"},"typeHint":"TIMESTAMP"}"#,
        r#"{"stringValue":"2024-01-15 10:30:00"}"#,
    ),
    (
        "u",
        r#"{"value":{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},"typeHint":"UUID"}"#,
        r#"{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}"#,
    ),
    (
        "u",
        r#"{"value":{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}}"#,
        r#"{"stringValue":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}"#,
    ),
    (
        "j",
        r#"{"value":{"stringValue":"{\"b\": 1, \"a\": 2}"},"typeHint":"JSON"}"#,
        r#"{"stringValue":"{\"b\":1,\"a\":2}"}"#,
    ),
    (
        "jb",
        r#"{"value":{"stringValue":"{\"b\": 1, \"a\": 2}"},"typeHint":"JSON"}"#,
        r#"{"stringValue":"{\"a\":2,\"b\":1}"}"#,
    ),
    ("jb", r#"{"value":{"stringValue":"[1]"}}"#, r#"{"stringValue":"[1]"}"#),
    ("m", r#"{"value":{"stringValue":"sad"}}"#, r#"{"stringValue":"sad"}"#),
    ("ai", r#"{"value":{"stringValue":"{1,2}"}}"#, r#"{"arrayValue":{"longValues":[1,2]}}"#),
    ("at", r#"{"value":{"isNull":true}}"#, r#"{"isNull":true}"#),
];

fn comes_out(stand: &Stand, expression: &str, field: &str) {
    let field: Value = serde_json::from_str(field).unwrap();
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let sql = format!("select {expression}");
    let answers = [tenant.execute(&sql), transaction.execute(&sql)];
    for answer in answers {
        let found = answer.ok().json()["records"][0][0].clone();
        assert!(same(&found, &field), "{found} and not {field}");
    }
    transaction.rollback().ok();
}

fn goes_in(stand: &Stand, column: &str, parameter: &str, field: &str) {
    let mut parameter: Value = serde_json::from_str(parameter).unwrap();
    parameter["name"] = "v".into();
    let field: Value = serde_json::from_str(field).unwrap();
    let tenant = stand.tenant("tenant_1");
    let sql = format!("insert into value (id, {column}) values (:id, :v) returning {column}");
    let answer = tenant.sql(&sql).long("id", 1).parameter(parameter).run().ok();
    let found = answer.json()["records"][0][0].clone();
    assert!(same(&found, &field), "{found} and not {field}");
}

/// Whether two fields are the same; 2 and 2.0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one.get("doubleValue"), other.get("doubleValue")) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

fn a_wrong_text_is_an_error_of_postgresql(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for (hint, text, sqlstate) in [
        ("UUID", "no uuid", "22P02"),
        ("DATE", "2024-02-30", "22008"),
        ("DECIMAL", "1,5", "22P02"),
        ("TIME", "25:00", "22008"),
    ] {
        let parameter = json!({"name": "v", "value": {"stringValue": text}, "typeHint": hint});
        let answer = tenant.sql("select :v").parameter(parameter).run();
        let stated = answer.status == 400 && answer.exception() != "InternalServerErrorException";
        assert!(stated, "{hint}: {}", answer.text());
        if answer.exception() == "DatabaseErrorException" {
            assert_eq!(answer.sqlstate(), sqlstate, "{}", answer.text());
        }
    }
}

/// Many values in one call, out as they went in.
fn numbers_from_end_to_end(stand: &Stand) {
    let numbers: Vec<i64> =
        (0..63).flat_map(|bit| [1 << bit, -(1 << bit), (1 << bit) - 1]).collect();
    let tenant = stand.tenant("tenant_1");
    let list: Vec<String> = (0..numbers.len()).map(|index| format!(":p{index}")).collect();
    let mut call = tenant.sql(&list.join(", ").replace(":p0,", "select :p0,"));
    for (index, number) in numbers.iter().enumerate() {
        call = call.long(&format!("p{index}"), *number);
    }
    assert_eq!(call.run().rows(), json!([numbers]));
}
