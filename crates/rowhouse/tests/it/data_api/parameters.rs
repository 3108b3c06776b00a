//! Parameters by name: where they are found, where they are not, and what PostgreSQL cannot infer.

use serde_json::{Value, json};

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::parameters",
        &[
            ("one_that_is_missing", one_that_is_missing),
            ("one_that_is_there_twice", one_that_is_there_twice),
            ("positions_of_errors_are_the_callers", positions_of_errors_are_the_callers),
            ("what_cannot_be_inferred_is_text", what_cannot_be_inferred_is_text),
            ("longs_where_only_integers_fit", longs_where_only_integers_fit),
        ],
    );
    cases.extend(FOUND.iter().map(|&(name, sql, rows)| {
        case(format!("data_api::parameters::{name}"), move |stand| {
            let tenant = stand.tenant("tenant_1");
            let rows: Value = serde_json::from_str(rows).unwrap();
            let call = tenant.sql(sql).long("x", 7).text("y", "why").text("unused", "?");
            assert_eq!(call.run().rows(), rows);
        })
    }));
    cases
}

/// A name, a statement in which `:x` is 7 and `:y` is `why`, and its rows.
const FOUND: &[(&str, &str, &str)] = &[
    ("once", "select :x", "[[7]]"),
    ("repeated", "select :x, :x + 1, :x", "[[7, 8, 7]]"),
    ("cast", "select :x::text, :y::text::varchar", r#"[["7", "why"]]"#),
    ("beside_a_cast", "select '1'::int + :x", "[[8]]"),
    ("in_a_literal", "select ':x', :x", r#"[[":x", 7]]"#),
    ("in_an_escape_string", r"select E'\':x', :x", r#"[["':x", 7]]"#),
    ("in_a_dollar_quote", "select $$:x$$, $q$ :y $q$, :x", r#"[[":x", " :y ", 7]]"#),
    ("in_an_identifier", r#"select 1 as ":x" where :x = 7"#, "[[1]]"),
    ("in_a_comment", "select /* :nosuch /* :x */ */ :x -- :nosuch", "[[7]]"),
    ("in_a_slice", "select ('{1,2,3}'::int[])[2:3], :x", "[[[2, 3], 7]]"),
    ("next_to_brackets", "select (array[:x, 2])[1]", "[[7]]"),
    ("unused", "select 1", "[[1]]"),
    ("in_a_list", "select 1 where :x in (:x, 2)", "[[1]]"),
    ("as_a_text", "select :y || '!'", r#"[["why!"]]"#),
];

fn one_that_is_missing(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answer = tenant.sql("select :there, :missing").long("there", 1).run();
    answer.fails("ValidationException", "Cannot find parameter: missing");
    tenant.execute("select :x").fails("ValidationException", "Cannot find parameter: x");
}

fn one_that_is_there_twice(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answer = tenant.sql("select :x").long("x", 1).long("x", 2).run();
    answer.fails("ValidationException", "more than once");
}

fn positions_of_errors_are_the_callers(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "select :a_long_name::int, 'é', nosuch";
    let position = sql.chars().collect::<String>().split("nosuch").next().unwrap().chars().count();
    for answer in [
        tenant.sql(sql).long("a_long_name", 1).run(),
        tenant.begin().sql(sql).long("a_long_name", 1).run(),
    ] {
        answer.fails("DatabaseErrorException", &format!("; Position: {}; ", position + 1));
    }
}

/// PostgreSQL refuses these as they stand; the API takes a string for text, and a transaction
/// outlives finding that out.
fn what_cannot_be_inferred_is_text(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    transaction.execute("insert into written values ('tenant_1', 'inferred')").ok();
    for (sql, field, rows) in [
        ("select :v as a_name_of_its_own", json!({"stringValue": "x"}), json!([["x"]])),
        ("select :v is null", json!({"isNull": true}), json!([[true]])),
        ("select pg_typeof(:v)::text", json!({"stringValue": "x"}), json!([["text"]])),
        ("select length(:v), 1", json!({"stringValue": "four"}), json!([[4, 1]])),
        ("select concat(:v, :v)", json!({"stringValue": "x"}), json!([["xx"]])),
        ("select case when :v = :v then 1 end", json!({"stringValue": "x"}), json!([[1]])),
    ] {
        for _ in 0..2 {
            assert_eq!(transaction.sql(sql).param("v", field.clone()).run().rows(), rows, "{sql}");
            assert_eq!(tenant.sql(sql).param("v", field.clone()).run().rows(), rows, "{sql}");
        }
    }
    transaction.commit().ok();
    let written = tenant.execute("select count(*) from written where mark = 'inferred'");
    assert_eq!(written.value(), 1);
}

/// PostgreSQL has these for `integer` only; a transaction outlives finding that out, and what no
/// type mends is told as it is.
fn longs_where_only_integers_fit(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for (sql, rows) in [
        (r#"select '["a", "b"]'::jsonb ->> :n"#, json!([["b"]])),
        ("select repeat('x', :n)", json!([["x"]])),
        ("select generate_subscripts(array[7], :n)", json!([[1]])),
        ("select left('abc', :n) || :t", json!([["a!"]])),
    ] {
        for _ in 0..2 {
            let call = transaction.sql(sql).long("n", 1).text("t", "!");
            assert_eq!(call.run().rows(), rows, "{sql}");
            assert_eq!(tenant.sql(sql).long("n", 1).text("t", "!").run().rows(), rows, "{sql}");
        }
    }
    transaction.commit().ok();
    let call = |sql| tenant.sql(sql).long("n", 1 << 40).run();
    call("select repeat('x', :n)").fails_with("22003");
    call("select nosuch(:n)").fails_with("42883");
    assert_eq!(call("select :n").value(), 1_i64 << 40);
}
