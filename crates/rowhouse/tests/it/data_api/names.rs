//! Names of parameters as clients really write them, hints, and NULL into every type.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::names",
        &[
            ("null_goes_into_every_type", null_goes_into_every_type),
            ("hints_that_are_none", hints_that_are_none),
            ("hints", hints),
        ],
    );
    cases.extend(NAMES.iter().map(|&(sql, parameters, rows)| {
        case(format!("data_api::names::{}", sql.replace('\n', " ")), move |stand| {
            let tenant = stand.tenant("tenant_1");
            let given: Value = serde_json::from_str(parameters).unwrap();
            let call =
                given.as_object().unwrap().iter().fold(tenant.sql(sql), |call, (name, value)| {
                    match value {
                        Value::String(text) => call.text(name, text),
                        number => call.long(name, number.as_i64().unwrap()),
                    }
                });
            let rows: Value = serde_json::from_str(rows).unwrap();
            assert_eq!(call.run().rows(), rows);
        })
    }));
    cases
}

/// A statement, its parameters, its rows.
const NAMES: &[(&str, &str, &str)] = &[
    ("select :1, :2, :1", r#"{"1": 7, "2": 8}"#, "[[7, 8, 7]]"),
    ("select :0::int", r#"{"0": 7}"#, "[[7]]"),
    ("select :1, :10, :100", r#"{"1": 1, "10": 2, "100": 3}"#, "[[1, 2, 3]]"),
    ("select (array[5, 6, 7])[1:2], :1", r#"{"1": 9}"#, "[[[5, 6], 9]]"),
    ("select (array[5, 6, 7])[1:2]", "{}", "[[[5, 6]]]"),
    ("select (array[5, 6, 7])[:1 : :2]", r#"{"1": 2, "2": 3}"#, "[[[6, 7]]]"),
    ("select (array[5, 6, 7])[:2]", r#"{"2": 3}"#, "[[7]]"),
    ("select (array[5, 6, 7])[:2]", "{}", "[[[5, 6]]]"),
    ("select :p1, :p10, :p1_0", r#"{"p1": 1, "p10": 2, "p1_0": 3}"#, "[[1, 2, 3]]"),
    ("select :A, :a", r#"{"A": 1, "a": 2}"#, "[[1, 2]]"),
    ("select :größe", r#"{"größe": 1}"#, "[[1]]"),
    ("select :select, :from", r#"{"select": 1, "from": 2}"#, "[[1, 2]]"),
    ("select :v::int::text", r#"{"v": "7"}"#, r#"[["7"]]"#),
    ("select cast(:v as text[])", r#"{"v": "{a,b}"}"#, r#"[[["a", "b"]]]"#),
    ("select :r::int4range", r#"{"r": "[1,3)"}"#, r#"[["[1,3)"]]"#),
    ("select make_interval(days := :d::int)", r#"{"d": 7}"#, r#"[["7 days"]]"#),
    ("select make_interval(days =>:d::int)", r#"{"d": 7}"#, r#"[["7 days"]]"#),
    ("select 9 %:v, -:v, 1+:v", r#"{"v": 7}"#, "[[2, -7, 8]]"),
    ("select 1 limit:v", r#"{"v": 1}"#, "[[1]]"),
    (
        "select '10:30'::time, interval '1:00', :v",
        r#"{"v": 1}"#,
        r#"[["10:30:00", "01:00:00", 1]]"#,
    ),
    ("select '{\"a\": 1}'::jsonb ? :k", r#"{"k": "a"}"#, "[[true]]"),
    ("select :j::jsonb -> 'a' ->> 'b'", r#"{"j": "{\"a\": {\"b\": 1}}"}"#, r#"[["1"]]"#),
    ("select U&'\\003a:v', :v", r#"{"v": 1}"#, r#"[["::v", 1]]"#),
    ("select $a$:v$a$, $$:v$$, 'it''s :v', :v", r#"{"v": 1}"#, r#"[[":v", ":v", "it's :v", 1]]"#),
    ("select 1 -- :no\n, :v /* :no /* :no */ ' */", r#"{"v": 2}"#, "[[1, 2]]"),
    (
        "select * from (values (:v, :w)) x(\":v\", y) where \":v\" = :v",
        r#"{"v": 1, "w": 2}"#,
        "[[1, 2]]",
    ),
    ("select string_to_array(:csv, ',')::int[]", r#"{"csv": "1,2"}"#, "[[[1, 2]]]"),
];

fn null_goes_into_every_type(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let columns = ["i2", "i4", "i8", "f4", "f8", "n", "t", "v", "b", "y", "d", "ti", "ts", "tz"];
    for column in columns.iter().chain(&["u", "j", "jb", "m", "ai", "at"]) {
        for hint in ["", "JSON", "UUID", "TIMESTAMP", "DATE", "TIME", "DECIMAL"] {
            let mut parameter = json!({"name": "v", "value": {"isNull": true}});
            if !hint.is_empty() {
                parameter["typeHint"] = hint.into();
            }
            let sql = format!("insert into value ({column}) values (:v) returning {column}");
            let answer = tenant.sql(&sql).parameter(parameter).run();
            assert_eq!(answer.rows(), json!([[null]]), "{column} {hint}");
        }
    }
}

fn hints_that_are_none(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for hint in ["json", "XML", ""] {
        let parameter = json!({"name": "v", "value": {"stringValue": "1"}, "typeHint": hint});
        let answer = tenant.sql("select :v").parameter(parameter).run();
        answer.fails("ValidationException", "Value at 'typeHint' failed to satisfy constraint");
    }
    let parameter = json!({"name": "v", "value": {"stringValue": "1"}, "typeHint": null});
    assert_eq!(tenant.sql("select :v").parameter(parameter).run().value(), "1");
    // A hint is about strings.
    let parameter = json!({"name": "v", "value": {"longValue": 1}, "typeHint": "UUID"});
    assert_eq!(tenant.sql("select :v").parameter(parameter).run().value(), 1);
}

fn hints(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for (hint, text, column, value) in [
        ("DATE", "2024-02-29", "d", "2024-02-29"),
        ("DATE", "2024-02-29", "t", "2024-02-29"),
        ("TIME", "10:11:12", "ti", "10:11:12"),
        ("TIME", "10:11:12.123456", "ti", "10:11:12.123456"),
        ("TIMESTAMP", "2024-01-15 10:30:00", "ts", "2024-01-15 10:30:00"),
        ("TIMESTAMP", "2024-01-15 10:30:00.123456", "ts", "2024-01-15 10:30:00.123456"),
        ("TIMESTAMP", "2024-01-15T10:30:00.5Z", "ts", "2024-01-15 10:30:00.5"),
        ("TIMESTAMP", "2024-01-15 10:30:00", "tz", "2024-01-15 10:30:00"),
        ("TIMESTAMP", "2024-01-15 10:30:00", "d", "2024-01-15"),
        ("DECIMAL", "1e3", "n", "1000.0000"),
        ("DECIMAL", "-0.00005", "n", "-0.0001"),
        ("UUID", "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "u", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("JSON", "{\"b\": 1}", "j", "{\"b\":1}"),
        ("JSON", "{\"b\": 1}", "jb", "{\"b\":1}"),
        ("JSON", "[1, 2]", "t", "[1, 2]"),
        ("", "sad", "m", "sad"),
    ] {
        let mut parameter = json!({"name": "v", "value": {"stringValue": text}});
        if !hint.is_empty() {
            parameter["typeHint"] = hint.into();
        }
        let sql = format!("insert into value ({column}) values (:v) returning {column}");
        let answer = tenant.sql(&sql).parameter(parameter).run();
        assert_eq!(answer.value(), value, "{hint} {text}");
    }
}
