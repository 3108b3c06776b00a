//! Arrays as parameters: of every member, with and without hints, where they fit as they are and
//! where PostgreSQL has to find out what they are.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::arrays",
        &[
            ("strict_refuses_them", strict_refuses_them),
            ("in_a_batch", in_a_batch),
            ("a_wrong_one_is_an_error_of_postgresql", a_wrong_one_is_an_error_of_postgresql),
            ("beside_strings_without_a_type", beside_strings_without_a_type),
            ("large_ones", large_ones),
        ],
    );
    cases.extend(IN.iter().map(|&(name, sql, array, hint, field)| {
        case(format!("data_api::arrays::{name}"), move |stand| {
            goes_in(stand, sql, array, hint, field);
        })
    }));
    cases
}

const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

/// A name, a statement, the array that `:v` is, its hint, and the field that comes out.
const IN: &[(&str, &str, &str, &str, &str)] = &[
    ("longs", "select :v", r#"{"longValues":[1,null,3]}"#, "", r#"{"longValues":[1,null,3]}"#),
    ("none", "select :v", r#"{"longValues":[]}"#, "", r#"{"longValues":[]}"#),
    ("cast", "select :v::int[]", r#"{"longValues":[1]}"#, "", r#"{"longValues":[1]}"#),
    (
        "doubles",
        "select :v",
        r#"{"doubleValues":[0.1,"NaN","-Infinity",null]}"#,
        "",
        r#"{"doubleValues":[0.1,"NaN","-Infinity",null]}"#,
    ),
    (
        "booleans",
        "select :v",
        r#"{"booleanValues":[true,null,false]}"#,
        "",
        r#"{"booleanValues":[true,null,false]}"#,
    ),
    (
        "strings",
        "select :v",
        r#"{"stringValues":["a,b","\"","\\","{}","","NULL","null",null," ","é🐘\n"]}"#,
        "",
        r#"{"stringValues":["a,b","\"","\\","{}","","NULL","null",null," ","é🐘\n"]}"#,
    ),
    (
        "dimensions",
        "select :v",
        r#"{"arrayValues":[{"longValues":[1,2]},{"longValues":[3,null]}]}"#,
        "",
        r#"{"arrayValues":[{"longValues":[1,2]},{"longValues":[3,null]}]}"#,
    ),
    ("length", "select cardinality(:v)", r#"{"stringValues":["a","b"]}"#, "", "2"),
    ("unnested", "select sum(n) from unnest(:v) n", r#"{"longValues":[1,2]}"#, "", r#""3""#),
    ("any", "select count(*) from note where id = any(:v)", r#"{"longValues":[1,3,9]}"#, "", "2"),
    (
        "any_text",
        "select count(*) from note where body = any(:v)",
        r#"{"stringValues":["note 1 of tenant_1"]}"#,
        "",
        "1",
    ),
    (
        "any_uuid",
        "select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid = any(:v)",
        r#"{"stringValues":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}"#,
        "",
        "true",
    ),
    ("any_enum", "select 'sad'::mood = any(:v)", r#"{"stringValues":["ok","sad"]}"#, "", "true"),
    ("overlap", "select array[1, 2]::int[] && :v", r#"{"longValues":[2]}"#, "", "true"),
    ("appended", "select array[1] || :v", r#"{"longValues":[2]}"#, "", r#"{"longValues":[1,2]}"#),
    (
        "cast_to_uuid",
        "select :v::uuid[]",
        r#"{"stringValues":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}"#,
        "",
        r#"{"stringValues":["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]}"#,
    ),
    (
        "int_column",
        "insert into value (ai) values (:v) returning ai",
        r#"{"longValues":[1,null]}"#,
        "",
        r#"{"longValues":[1,null]}"#,
    ),
    (
        "text_column",
        "insert into value (at) values (:v) returning at",
        r#"{"stringValues":["a","b"]}"#,
        "",
        r#"{"stringValues":["a","b"]}"#,
    ),
    ("json", "select to_json(:v)", r#"{"stringValues":["a"]}"#, "", r#"{"stringValue":"[\"a\"]"}"#),
    ("hint_uuid", "select pg_typeof(:v)::text", r#"{"stringValues":[]}"#, "UUID", r#""uuid[]""#),
    (
        "hint_timestamp",
        "select :v",
        r#"{"stringValues":["2024-01-15T10:30:00Z",null]}"#,
        "TIMESTAMP",
        r#"{"stringValues":["2024-01-15 10:30:00",null]}"#,
    ),
    (
        "hint_date",
        "select :v",
        r#"{"stringValues":["2024-02-29"]}"#,
        "DATE",
        r#"{"stringValues":["2024-02-29"]}"#,
    ),
    (
        "hint_decimal",
        "select :v",
        r#"{"stringValues":["1.50"]}"#,
        "DECIMAL",
        r#"{"stringValues":["1.50"]}"#,
    ),
    (
        "hint_json",
        "select :v",
        r#"{"stringValues":["{\"b\": 1}"]}"#,
        "JSON",
        r#"{"stringValues":["{\"b\":1}"]}"#,
    ),
    (
        "hint_json_to_json",
        "select :v::json[]",
        r#"{"stringValues":["[1]"]}"#,
        "JSON",
        r#"{"stringValues":["[1]"]}"#,
    ),
];

/// Alone, in a transaction that outlives the search for the type, and once more when it is known.
fn goes_in(stand: &Stand, sql: &str, array: &str, hint: &str, field: &str) {
    let array: Value = serde_json::from_str(array).unwrap();
    let mut parameter = json!({"name": "v", "value": {"arrayValue": array}});
    if !hint.is_empty() {
        parameter["typeHint"] = hint.into();
    }
    let field: Value = serde_json::from_str(field).unwrap();
    let wanted = match &field {
        Value::Object(members) if members.contains_key("stringValue") => field,
        Value::Object(_) => json!({"arrayValue": field}),
        Value::String(_) => json!({"stringValue": field}),
        Value::Bool(_) => json!({"booleanValue": field}),
        _ => json!({"longValue": field}),
    };
    // A gateway of its own shards: what one has learned, the other has not.
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for _ in 0..3 {
        let calls = [transaction.sql(sql), tenant.sql(sql)];
        for call in calls {
            let found = call.parameter(parameter.clone()).run().ok();
            assert_eq!(found.json()["records"][0][0], wanted, "{sql}");
        }
    }
    transaction.rollback().ok();
}

fn strict_refuses_them(stand: &Stand) {
    let field = json!({"arrayValue": {"longValues": [1]}});
    let refusal = ("ValidationException", "Array parameters are not supported");
    let strict = stand.tenant("tenant_1").strictly();
    strict.sql("select :v").param("v", field.clone()).run().fails(refusal.0, refusal.1);
    let transaction = strict.begin();
    transaction.sql("select :v").param("v", field.clone()).run().fails(refusal.0, refusal.1);
    assert_eq!(transaction.execute("select 1").value(), 1);
    transaction.rollback().ok();
    let sets = json!([[{"name": "v", "value": field}]]);
    strict.batch("select :v", &sets).fails(refusal.0, refusal.1);
}

fn in_a_batch(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let set = |id: i64, uuids: Value| {
        json!([{"name": "id", "value": {"longValue": id}},
               {"name": "v", "value": {"arrayValue": {"stringValues": uuids}}}])
    };
    let sets = json!([set(1, json!([UUID])), set(2, json!([])), set(3, json!([null]))]);
    let sql = "insert into value (id, at, t)
               select :id, x::text[], 'batch' from (select coalesce(:v, '{}'::uuid[]) x) q";
    tenant.batch(sql, &sets).ok();
    let found = tenant.execute("select id, at from value where t = 'batch' order by id").rows();
    assert_eq!(found, json!([[1, [UUID]], [2, []], [3, [null]]]));
}

fn a_wrong_one_is_an_error_of_postgresql(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let longs = json!({"arrayValue": {"longValues": [1]}});
    let strings = json!({"arrayValue": {"stringValues": ["x"]}});
    let ragged = json!({"arrayValue": {"arrayValues": [{"longValues": [1]}, {"longValues": []}]}});
    for (sql, field, sqlstate) in [
        ("select nosuch(:v)", longs.clone(), "42883"),
        ("select 1 where id = any(:v)", longs.clone(), "42703"),
        ("insert into value (d) values (:v)", longs, "22007"),
        ("select :v::int[]", strings.clone(), "22P02"),
        ("insert into value (u) values (:v)", strings, "22P02"),
        ("select :v::int[]", ragged, "22P02"),
        ("select :v", json!({"arrayValue": {"stringValues": ["\u{0}"]}}), "22021"),
    ] {
        let transaction = tenant.begin();
        for _ in 0..2 {
            tenant.sql(sql).param("v", field.clone()).run().fails_with(sqlstate);
        }
        transaction.sql(sql).param("v", field.clone()).run().fails_with(sqlstate);
        transaction.execute("select 1").fails_with("25P02");
        transaction.rollback().ok();
    }
}

fn beside_strings_without_a_type(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let uuids = json!({"arrayValue": {"stringValues": [UUID]}});
    for sql in [
        "select :u = any(:v::uuid[]), :t",
        "select :u::uuid = any(:v), :t",
        "select u = any(:v), :t from (select :u::uuid u) q",
    ] {
        let call = || tenant.sql(sql).param("v", uuids.clone()).text("u", UUID).text("t", "text");
        assert_eq!(call().run().rows(), json!([[true, "text"]]), "{sql}");
        assert_eq!(call().run().rows(), json!([[true, "text"]]), "{sql}");
    }
}

fn large_ones(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let longs: Vec<i64> = (0..100_000).collect();
    let field = json!({"arrayValue": {"longValues": longs}});
    let answer = tenant.sql("select cardinality(:v), (:v)[100000]").param("v", field).run();
    assert_eq!(answer.rows(), json!([[100_000, 99_999]]));
}
