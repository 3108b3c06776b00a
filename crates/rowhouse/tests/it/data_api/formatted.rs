//! `formatRecordsAs` JSON: one JSON text, to the byte.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::formatted",
        &[
            ("it_has_a_limit_of_its_own", it_has_a_limit_of_its_own),
            ("labels_are_not_there_twice", labels_are_not_there_twice),
            ("only_of_select", only_of_select),
            ("in_a_transaction", in_a_transaction),
        ],
    );
    cases.extend(TEXTS.iter().map(|&(name, sql, options, text)| {
        case(format!("data_api::formatted::{name}"), move |stand| {
            let options: Value = serde_json::from_str(options).unwrap();
            let tenant = stand.tenant("tenant_1");
            let call = tenant.sql(sql).with("formatRecordsAs", "JSON");
            let answer = call.with("resultSetOptions", options).run().ok().json();
            assert_eq!(answer, json!({"formattedRecords": text, "numberOfRecordsUpdated": 0}));
        })
    }));
    cases
}

/// A name, a statement, `resultSetOptions`, and the text.
const TEXTS: &[(&str, &str, &str, &str)] = &[
    ("no_row", "select 1 as a where false", "{}", "[]"),
    ("no_column", "select", "{}", "[{}]"),
    ("rows", "select n as a from generate_series(1, 2) n", "{}", r#"[{"a":1},{"a":2}]"#),
    ("aws_example", "select 0 as id, 'Jane' as name", "{}", r#"[{"id":0,"name":"Jane"}]"#),
    ("aws_float", "select 10::float8 as a", "{}", r#"[{"a":10.0}]"#),
    (
        "doubles",
        "select 4.9e-324::float8 a, 1.7976931348623157e308::float8 b, 1e7::float8 c,
            0.001::float8 d, 1e-4::float8 e, 123456.7::float8 f, '-0'::float8 g, 3.14::float4 h",
        "{}",
        concat!(
            r#"[{"a":4.9E-324,"b":1.7976931348623157E308,"c":1.0E7,"#,
            r#""d":0.001,"e":1.0E-4,"f":123456.7,"g":-0.0,"h":3.14}]"#,
        ),
    ),
    (
        "not_finite",
        "select 'NaN'::float8 a, '-Infinity'::float4 b",
        "{}",
        r#"[{"a":"NaN","b":"-Infinity"}]"#,
    ),
    ("nothing", "select null as a, null::int[] as b", "{}", r#"[{"a":null,"b":null}]"#),
    (
        "booleans",
        "select true as a, array[true, null] as b",
        "{}",
        r#"[{"a":true,"b":[true,null]}]"#,
    ),
    ("blobs", "select '\\x00ff'::bytea as a", "{}", r#"[{"a":"AP8="}]"#),
    (
        "texts",
        r#"select E'"\\\n\u00e9\u2028🐘' as "a ""b""""#,
        "{}",
        "[{\"a \\\"b\\\"\":\"\\\"\\\\\\né\u{2028}🐘\"}]",
    ),
    (
        "dates",
        "select date '2024-02-29' a, timestamptz '2024-01-15 10:30+02' b",
        "{}",
        r#"[{"a":"2024-02-29","b":"2024-01-15 08:30:00"}]"#,
    ),
    ("json", r#"select '{"a": [1, 2]}'::jsonb as j"#, "{}", r#"[{"j":"{\"a\":[1,2]}"}]"#),
    (
        "enums",
        "select 'sad'::mood as m, '{sad,ok}'::mood[] as ms",
        "{}",
        r#"[{"m":"sad","ms":["sad","ok"]}]"#,
    ),
    (
        "longs",
        "select 9007199254740993 as a, array[1] as b",
        "{}",
        r#"[{"a":9007199254740993,"b":[1]}]"#,
    ),
    (
        "longs_as_strings",
        "select 9007199254740993 as a, array[1, null] as b",
        r#"{"longReturnType": "STRING"}"#,
        r#"[{"a":"9007199254740993","b":["1",null]}]"#,
    ),
    (
        "decimals",
        "select 1.50 as a, array[1.50, 2] as b",
        "{}",
        r#"[{"a":"1.50","b":["1.50","2"]}]"#,
    ),
    (
        "decimals_as_numbers",
        "select 1.50 as a, 2.0 as b, 3::numeric as c, array[1.50, 2] as d",
        r#"{"decimalReturnType": "DOUBLE_OR_LONG"}"#,
        r#"[{"a":1.5,"b":2.0,"c":3,"d":[1.5,2]}]"#,
    ),
];

fn it_has_a_limit_of_its_own(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = |count| format!("select repeat('x', 1000) as a from generate_series(1, {count})");
    let ask = |count: u32| tenant.sql(&sql(count)).with("formatRecordsAs", "JSON").run();
    let answer = ask(10_000).ok().json();
    assert_eq!(answer["formattedRecords"].as_str().map(str::len), Some(10_090_001));
    for count in [10_500, 40_000] {
        ask(count).fails("BadRequestException", "size limit");
    }
    tenant.execute(&sql(2000)).fails("BadRequestException", "size limit");
    let transaction = tenant.begin();
    let call = transaction.sql(&sql(40_000)).with("formatRecordsAs", "JSON");
    call.run().fails("BadRequestException", "size limit");
    assert_eq!(transaction.execute("select 1").value(), 1);
    transaction.commit().ok();
    let small = stand.gateway("json", &[("LIMITS__JSON_RESULT_BYTES_MAX", "2KiB")]);
    let small = small.tenant("tenant_1");
    let call = small.sql(&sql(3)).with("formatRecordsAs", "JSON");
    call.run().fails("BadRequestException", "size limit");
    small.execute(&sql(3)).ok();
}

fn labels_are_not_there_twice(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "select 1 as a, 2 as a";
    let call = tenant.sql(sql).with("formatRecordsAs", "JSON");
    call.run().fails("UnsupportedResultException", "column label \"a\" more than once");
    assert_eq!(tenant.execute(sql).rows(), json!([[1, 2]]));
}

/// "This parameter only applies to SELECT statements and is ignored for other types of statements."
fn only_of_select(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let ask = |sql: &str| tenant.sql(sql).with("formatRecordsAs", "JSON").run().ok().json();
    let insert = "insert into written values ('tenant_1', 'formatted')";
    assert_eq!(ask(insert), json!({"generatedFields": [], "numberOfRecordsUpdated": 1}));
    let returning = ask(&format!("{insert} returning mark"));
    assert_eq!(returning["records"], json!([[{"stringValue": "formatted"}]]));
    assert_eq!(ask("show server_encoding")["records"], json!([[{"stringValue": "UTF8"}]]));
    for sql in ["values (1)", "table changing limit 0", "with a as (select 1) select 1 from a"] {
        assert!(ask(sql).get("formattedRecords").is_some(), "{sql}");
    }
}

fn in_a_transaction(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let call = transaction.sql("select '{sad}'::mood[] as a").with("formatRecordsAs", "JSON");
    assert_eq!(call.run().ok().json()["formattedRecords"], r#"[{"a":["sad"]}]"#);
    transaction.rollback().ok();
}
