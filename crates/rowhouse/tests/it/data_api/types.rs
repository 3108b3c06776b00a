//! Every type there is, out: to the byte, alone and in a transaction, as fields, and what a strict
//! database returns of it.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::types",
        &[
            ("strict_refuses_several_dimensions", strict_refuses_several_dimensions),
            ("strict_survives_in_a_transaction", strict_survives_in_a_transaction),
            ("settings_of_the_transaction", settings_of_the_transaction),
            ("a_large_array", a_large_array),
        ],
    );
    let each = SCALARS.iter().map(|row| (row, scalar(row.2)));
    let each = each.chain(ARRAYS.iter().map(|row| (row, array(row.2))));
    cases.extend(each.map(|(&(expression, strict, _), field)| {
        case(format!("data_api::types::{expression}"), move |stand| {
            comes_out(stand, expression, strict, &field);
        })
    }));
    cases
}

/// An expression; the name under which strict refuses its type, if it does; the text it comes out
/// as, or its JSON where it is no text.
type Row = (&'static str, &'static str, &'static str);

const SCALARS: &[Row] = &[
    ("26::oid", "", "26"),
    ("4294967295::oid", "", "4294967295"),
    ("'a'::\"char\"", "\"CHAR\"", "a"),
    ("''::\"char\"", "\"CHAR\"", ""),
    ("'a'::bpchar", "", "a"),
    ("'ab'::char(5)", "", "ab   "),
    ("'ab  '::varchar(3)", "", "ab "),
    ("current_database()", "", "it"),
    ("pg_sleep(0)", "", ""),
    ("date '0044-03-15 BC'", "", "0044-03-15 BC"),
    ("date 'infinity'", "", "infinity"),
    ("time '00:00:00.000001'", "", "00:00:00.000001"),
    ("time '24:00:00'", "", "24:00:00"),
    ("time(0) '23:59:59.4'", "", "23:59:59"),
    ("timestamp '2024-01-15 10:30:00.100'", "", "2024-01-15 10:30:00.1"),
    ("timestamp '2024-01-15 00:00:00'", "", "2024-01-15 00:00:00"),
    ("timestamp '-infinity'", "", "-infinity"),
    ("timestamp '0044-03-15 12:00 BC'", "", "0044-03-15 12:00:00 BC"),
    ("timestamptz '2024-03-31 01:30:00.5+05:45'", "", "2024-03-30 19:45:00.5"),
    ("timestamptz '0044-03-15 12:00+00 BC'", "", "0044-03-15 12:00:00 BC"),
    ("timestamptz '294276-12-31 23:59:59.999999+00'", "", "294276-12-31 23:59:59.999999"),
    ("timetz '22:41:04.968123+02'", "timetz", "20:41:04.968123"),
    ("interval '1 year 2 days 03:04:05.5'", "interval", "1 year 2 days 03:04:05.5"),
    ("1::numeric / 3", "", "0.33333333333333333333"),
    ("'1e20'::numeric", "", "100000000000000000000"),
    ("'-Infinity'::numeric", "", "-Infinity"),
    ("'{\"a\" :  [1, \"x  y\", 1.10, 1e400]}'::json", "", "{\"a\":[1,\"x  y\",1.10,1e400]}"),
    ("'{\"b\": null, \"a\": \"\\u00e9 \\\"\"}'::jsonb", "", "{\"a\":\"é \\\"\",\"b\":null}"),
    ("'\"text\"'::jsonb", "", "\"text\""),
    ("'192.168.1.1'::inet", "", "192.168.1.1"),
    ("'192.168.1.1/24'::inet", "", "192.168.1.1/24"),
    ("'::1'::inet", "", "::1"),
    ("'10.0.0.0/8'::cidr", "", "10.0.0.0/8"),
    ("'08:00:2b:01:02:03'::macaddr", "macaddr", "08:00:2b:01:02:03"),
    ("'12.34'::money", "money", "$12.34"),
    ("'<a> b</a>'::xml", "xml", "<a> b</a>"),
    ("B'101'", "bit", "101"),
    ("B'101'::varbit", "varbit", "101"),
    ("point '(1,2)'", "point", "(1,2)"),
    ("box '(1,1),(0,0)'", "box", "(1,1),(0,0)"),
    ("'[1,5)'::int4range", "", "[1,5)"),
    ("'[1.5,2]'::numrange", "", "[1.5,2]"),
    ("'[1,5)'::int8range", "int8range", "[1,5)"),
    ("'{[1,5),[7,9)}'::int4multirange", "int4multirange", "{[1,5),[7,9)}"),
    ("'[2024-01-01 00:00+02,)'::tstzrange", "tstzrange", "[\"2023-12-31 22:00:00+00\",)"),
    ("to_tsvector('simple', 'a b')", "tsvector", "'a':1 'b':2"),
    ("'int4'::regtype", "regtype", "integer"),
    ("'note'::regclass", "regclass", "note"),
    ("row(1, 'a b', null)", "record", "(1,\"a b\",)"),
    ("row(1, 'a b')::pair", "pair", "(1,\"a b\")"),
    ("'happy'::mood", "", "happy"),
    ("5::positive::text", "", "5"),
    ("'0/16B3748'::pg_lsn", "pg_lsn", "0/16B3748"),
    ("'1 2'::int2vector", "int2vector", "1 2"),
    ("'$.a'::jsonpath", "jsonpath", "$.\"a\""),
    ("'Straße'::ci", "ci", "Straße"),
    // Not texts.
    ("5::positive", "", "=5"),
    ("5::above_one", "", "=5"),
    ("'-0'::float8", "", "=-0.0"),
    ("'1e15'::float8", "", "=1000000000000000.0"),
    ("'1.1'::float4", "", "=1.1"),
    ("'3.4028235e38'::float4", "", "=3.4028235e38"),
];

const ARRAYS: &[Row] = &[
    ("'{sad,NULL,ok}'::mood[]", "_mood", r#"{"stringValues":["sad",null,"ok"]}"#),
    ("'{}'::mood[]", "_mood", r#"{"stringValues":[]}"#),
    ("'{a}'::\"Mixed Case\"[]", "_Mixed Case", r#"{"stringValues":["a"]}"#),
    ("array[row(1, 'a b'), null]::pair[]", "_pair", r#"{"stringValues":["(1,\"a b\")",null]}"#),
    ("'{1,2}'::positive[]", "_positive", r#"{"longValues":[1,2]}"#),
    ("'{2}'::above_one[]", "_above_one", r#"{"longValues":[2]}"#),
    ("'{\"{1,2}\"}'::ints[]", "_ints", r#"{"stringValues":["{1,2}"]}"#),
    ("'{1,2}'::ints", "", r#"{"longValues":[1,2]}"#),
    ("array['A','a,b']::ci[]", "_ci", r#"{"stringValues":["A","a,b"]}"#),
    ("'{1,NULL}'::int2[]", "", r#"{"longValues":[1,null]}"#),
    ("'{NULL,NULL}'::int[]", "", r#"{"longValues":[null,null]}"#),
    ("'[2:3]={5,6}'::int[]", "", r#"{"longValues":[5,6]}"#),
    ("'{26}'::oid[]", "_oid", r#"{"stringValues":["26"]}"#),
    ("'{1.10,NaN,2}'::numeric[]", "", r#"{"stringValues":["1.10","NaN","2"]}"#),
    ("'{0.1,NaN,-Infinity,2}'::float8[]", "", r#"{"doubleValues":[0.1,"NaN","-Infinity",2.0]}"#),
    ("'{2024-02-29,infinity}'::date[]", "", r#"{"stringValues":["2024-02-29","infinity"]}"#),
    ("'{23:59:59.5}'::time[]", "", r#"{"stringValues":["23:59:59.5"]}"#),
    (
        "array[timestamp '2024-01-15 10:30:00.500', null]",
        "",
        r#"{"stringValues":["2024-01-15 10:30:00.5",null]}"#,
    ),
    (
        "array[timestamptz '2024-01-15 10:30:00+02']",
        "",
        r#"{"stringValues":["2024-01-15 08:30:00"]}"#,
    ),
    ("array[timetz '01:00+02']", "_timetz", r#"{"stringValues":["23:00:00"]}"#),
    ("array['{\"a\": [1, 2]}', null]::json[]", "", r#"{"stringValues":["{\"a\":[1,2]}",null]}"#),
    ("array['\"x  y\"']::jsonb[]", "", r#"{"stringValues":["\"x  y\""]}"#),
    ("array['\\x00ff'::bytea]", "_bytea", r#"{"stringValues":["\\x00ff"]}"#),
    ("'{ab}'::char(4)[]", "", r#"{"stringValues":["ab  "]}"#),
    ("'{a}'::name[]", "", r#"{"stringValues":["a"]}"#),
    ("'{101}'::bit(3)[]", "", r#"{"stringValues":["101"]}"#),
    (
        "array[box '(1,1),(0,0)', '(2,2),(1,1)']",
        "_box",
        r#"{"stringValues":["(1,1),(0,0)","(2,2),(1,1)"]}"#,
    ),
    (
        "array[E'\\n\\t\\\\', '\"', '{,}', ' ', '']",
        "",
        r#"{"stringValues":["\n\t\\","\"","{,}"," ",""]}"#,
    ),
    ("'{1.1.1.1}'::inet[]", "_inet", r#"{"stringValues":["1.1.1.1"]}"#),
    ("'{note}'::regclass[]", "_regclass", r#"{"stringValues":["note"]}"#),
    ("null::information_schema.sql_identifier[]", "_sql_identifier", ""),
];

fn scalar(text: &str) -> Value {
    match text.strip_prefix('=') {
        None => json!({"stringValue": text}),
        Some(number) if number.contains('.') => {
            json!({"doubleValue": number.parse::<f64>().unwrap()})
        }
        Some(number) => json!({"longValue": number.parse::<i64>().unwrap()}),
    }
}

fn array(list: &str) -> Value {
    match list {
        "" => json!({"isNull": true}),
        list => json!({"arrayValue": serde_json::from_str::<Value>(list).unwrap()}),
    }
}

fn comes_out(stand: &Stand, expression: &str, refused: &str, field: &Value) {
    let sql = format!("select {expression}");
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for answer in [tenant.execute(&sql), transaction.execute(&sql), tenant.execute(&sql)] {
        assert_eq!(&answer.ok().json()["records"][0][0], field);
    }
    transaction.rollback().ok();
    let strict = stand.tenant("tenant_1").strictly();
    for (format, member) in [("NONE", "records"), ("JSON", "formattedRecords")] {
        let answer = strict.sql(&sql).with("formatRecordsAs", format).run();
        if refused.is_empty() {
            assert!(answer.ok().json().get(member).is_some());
        } else {
            let text = format!("The result contains the unsupported data type {refused}.");
            answer.fails("UnsupportedResultException", &text);
        }
    }
}

fn strict_refuses_several_dimensions(stand: &Stand) {
    let sql = "select '{{1,2},{3,NULL}}'::int[] as a";
    let nested = json!([{"longValues": [1, 2]}, {"longValues": [3, null]}]);
    let answer = stand.tenant("tenant_1").execute(sql).ok().json();
    assert_eq!(answer["records"][0][0], json!({"arrayValue": {"arrayValues": nested}}));
    let json = stand.tenant("tenant_1").sql(sql).with("formatRecordsAs", "JSON").run().ok().json();
    assert_eq!(json["formattedRecords"], r#"[{"a":[[1,2],[3,null]]}]"#);
    let strict = stand.tenant("tenant_1").strictly();
    let refusal = ("UnsupportedResultException", "multidimensional array");
    strict.execute(sql).fails(refusal.0, refusal.1);
    strict.sql(sql).with("formatRecordsAs", "JSON").run().fails(refusal.0, refusal.1);
    assert_eq!(strict.execute("select '{}'::int[], '{{1}}'::text").rows(), json!([[[], "{{1}}"]]));
}

fn strict_survives_in_a_transaction(stand: &Stand) {
    let strict = stand.tenant("tenant_1").strictly();
    let transaction = strict.begin();
    transaction.execute("insert into written values ('tenant_1', 'strict')").ok();
    transaction.execute("select '1'::money").fails("UnsupportedResultException", "money");
    assert_eq!(transaction.execute("select '1'::money::text").value(), "$1.00");
    transaction.commit().ok();
    let written = strict.execute("select count(*) from written where mark = 'strict'");
    assert_eq!(written.value(), 1);
}

/// What a caller sets in its own transaction is its own affair; fields stay fields.
fn settings_of_the_transaction(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for (setting, expression, value) in [
        (
            "timezone = 'America/St_Johns'",
            "timestamptz '2024-01-15 10:30+00'",
            "2024-01-15 10:30:00",
        ),
        ("timezone = 'Asia/Kolkata'", "timestamptz '2024-12-31 20:00+00'", "2024-12-31 20:00:00"),
        (
            "timezone = 'Asia/Kolkata'",
            "array[timestamptz '2024-12-31 20:00+00']::text",
            "{\"2025-01-01 01:30:00+05:30\"}",
        ),
        ("bytea_output = 'escape'", "'\\x00ff41'::bytea", "AP9B"),
        ("extra_float_digits = 0", "0.1::float8 + 0.2::float8", "0.3"),
        ("datestyle = 'German'", "date '2024-02-29'", "29.02.2024"),
        ("intervalstyle = 'iso_8601'", "interval '1 day'", "P1D"),
        ("lc_monetary = 'C'", "'1.5'::money", "$1.50"),
    ] {
        let transaction = tenant.begin();
        transaction.execute(&format!("set local {setting}")).ok();
        let found = transaction.execute(&format!("select {expression}")).word();
        transaction.rollback().ok();
        assert_eq!(found, value, "{setting}: {expression}");
    }
}

fn a_large_array(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answer = tenant.execute("select array_agg(n) from generate_series(1, 100000) n").value();
    assert_eq!(answer.as_array().map(Vec::len), Some(100_000));
    let sql = "select array_agg(n) from generate_series(1, 300000) n";
    tenant.execute(sql).fails("BadRequestException", "size limit");
}
