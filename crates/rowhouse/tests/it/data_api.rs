//! The five operations: what they answer, to the byte where clients depend on it.

mod arrays;
mod batches;
mod errors;
mod formatted;
mod large;
mod metadata;
mod names;
mod parameters;
mod patience;
mod pieces;
mod schemas;
mod several;
mod strictness;
mod targets;
mod transactions;
mod types;
mod values;

use serde_json::json;

use crate::case::{Case, case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api",
        &[
            ("metadata_describes_columns", metadata_describes_columns),
            ("records_as_json", records_as_json),
            ("numbers_as_the_caller_wants_them", numbers_as_the_caller_wants_them),
            ("a_large_result_is_refused", a_large_result_is_refused),
            ("a_slow_statement_is_cancelled", a_slow_statement_is_cancelled),
            ("answers_carry_ids", answers_carry_ids),
        ],
    );
    let bodies = BODIES.iter().map(|&(name, sql, body)| {
        let name = format!("data_api::body::{name}");
        case(name, move |stand| assert_eq!(stand.tenant("tenant_1").execute(sql).text(), body))
    });
    cases.extend(bodies);
    let modules = [
        arrays::cases(),
        batches::cases(),
        formatted::cases(),
        metadata::cases(),
        errors::cases(),
        large::cases(),
        names::cases(),
        parameters::cases(),
        patience::cases(),
        pieces::cases(),
        schemas::cases(),
        several::cases(),
        strictness::cases(),
        targets::cases(),
        transactions::cases(),
        types::cases(),
        values::cases(),
    ];
    cases.extend(modules.into_iter().flatten());
    cases
}

/// A name, a statement, and the whole body of its answer.
const BODIES: &[(&str, &str, &str)] = &[
    ("one_row", "select 1 as a", r#"{"records":[[{"longValue":1}]],"numberOfRecordsUpdated":0}"#),
    ("no_rows", "select 1 where false", r#"{"records":[],"numberOfRecordsUpdated":0}"#),
    ("no_columns", "select", r#"{"records":[[]],"numberOfRecordsUpdated":0}"#),
    (
        "own_rows_only",
        "select tenant, id from note where id = 2",
        r#"{"records":[[{"stringValue":"tenant_1"},{"longValue":2}]],"numberOfRecordsUpdated":0}"#,
    ),
    (
        "insert",
        "insert into written select 'tenant_1', 'body' from generate_series(1, 3)",
        r#"{"generatedFields":[],"numberOfRecordsUpdated":3}"#,
    ),
    (
        "update_of_nothing",
        "update written set mark = mark where mark = 'no such mark'",
        r#"{"generatedFields":[],"numberOfRecordsUpdated":0}"#,
    ),
    (
        "returning",
        "insert into written values ('tenant_1', 'body of returning') returning mark",
        r#"{"records":[[{"stringValue":"body of returning"}]],"numberOfRecordsUpdated":1}"#,
    ),
    (
        "foreign_rows_are_not_there",
        "delete from note where tenant = 'tenant_2'",
        r#"{"generatedFields":[],"numberOfRecordsUpdated":0}"#,
    ),
    (
        "undefined_table",
        "select * from nosuch",
        concat!(
            r#"{"__type":"DatabaseErrorException","#,
            r#""message":"ERROR: relation \"nosuch\" does not exist; "#,
            r#"Position: 15; SQLState: 42P01"}"#,
        ),
    ),
    (
        "row_of_another_tenant",
        "insert into note values ('tenant_2', 99, 'x')",
        concat!(
            r#"{"__type":"DatabaseErrorException","#,
            r#""message":"ERROR: new row violates row-level security policy for table "#,
            r#"\"note\"; SQLState: 42501"}"#,
        ),
    ),
    (
        "division_by_zero",
        "select 1 / 0",
        concat!(
            r#"{"__type":"DatabaseErrorException","#,
            r#""message":"ERROR: division by zero; SQLState: 22012"}"#,
        ),
    ),
    (
        "two_statements",
        "select 1; select 2",
        r#"{"records":[[{"longValue":2}]],"numberOfRecordsUpdated":0}"#,
    ),
    ("only_space", " ", r#"{"__type":"ValidationException","message":"SQL is empty"}"#),
];

fn metadata_describes_columns(stand: &Stand) {
    let sql = "select id, body as said from note where id = 1";
    let answer = stand.tenant("tenant_1").sql(sql).with("includeResultMetadata", true).run().ok();
    let metadata = answer.json()["columnMetadata"].clone();
    let seen: Vec<_> = metadata.as_array().unwrap().iter().collect();
    assert_eq!(seen.len(), 2, "{metadata}");
    for (column, label, type_name) in [(seen[0], "id", "int8"), (seen[1], "said", "text")] {
        assert_eq!((&column["label"], &column["typeName"]), (&json!(label), &json!(type_name)));
        for member in ["arrayBaseColumnType", "isAutoIncrement", "nullable", "precision", "type"] {
            assert!(!column[member].is_null(), "{member} of {column}");
        }
    }
    let without = stand.tenant("tenant_1").execute(sql).ok();
    assert!(without.json().get("columnMetadata").is_none());
}

fn records_as_json(stand: &Stand) {
    let sql = "select id, body, null as nothing, true as yes from note where id = 1";
    let answer = stand.tenant("tenant_1").sql(sql).with("formatRecordsAs", "JSON").run().ok();
    let json = answer.json();
    let records: serde_json::Value =
        serde_json::from_str(json["formattedRecords"].as_str().unwrap()).unwrap();
    let body = "note 1 of tenant_1";
    assert_eq!(records, json!([{"id": 1, "body": body, "nothing": null, "yes": true}]));
    assert!(json.get("records").is_none());
}

fn numbers_as_the_caller_wants_them(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "select 12::int8, 1.5::numeric";
    let ask =
        |options: serde_json::Value| tenant.sql(sql).with("resultSetOptions", options).run().rows();
    assert_eq!(ask(json!({})), json!([[12, "1.5"]]));
    assert_eq!(ask(json!({"longReturnType": "STRING"})), json!([["12", "1.5"]]));
    assert_eq!(ask(json!({"decimalReturnType": "DOUBLE_OR_LONG"})), json!([[12, 1.5]]));
}

fn a_large_result_is_refused(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let rows = |count| format!("select repeat('x', 1000) from generate_series(1, {count})");
    tenant.execute(&rows(900)).ok();
    for count in [1200, 2500, 60_000] {
        tenant.execute(&rows(count)).fails("BadRequestException", "size limit");
        assert_eq!(tenant.execute("select count(*) from note").value(), 3);
    }
    // What a statement changed before its answer turned out too large is committed, and said to be.
    let sql = "insert into written select 'tenant_1', repeat('large', 500) \
               from generate_series(1, 1000) returning mark";
    tenant.execute(sql).fails("DatabaseErrorException", "committed");
    let count = tenant.execute("select count(*) from written where mark like 'largelarge%'");
    assert_eq!(count.value(), 1000);
}

fn a_slow_statement_is_cancelled(stand: &Stand) {
    let gateway = stand.gateway("short", &[("LIMITS__STATEMENT_TIMEOUT", "300ms")]);
    let tenant = gateway.tenant("tenant_1");
    let timed_out = ("StatementTimeoutException", "Request timed out");
    tenant.execute("select pg_sleep(20)").fails(timed_out.0, timed_out.1);
    let transaction = tenant.begin();
    transaction.execute("select pg_sleep(20)").fails(timed_out.0, timed_out.1);
    transaction.execute("select 1").fails_with("25P02");
    transaction.rollback().ok();
    assert_eq!(tenant.execute("select count(*) from note").value(), 3);
}

fn answers_carry_ids(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answers = [tenant.execute("select 1"), tenant.execute("select 1"), tenant.execute("oops")];
    let mut ids: Vec<_> =
        answers.iter().map(|answer| answer.header("x-amzn-requestid").unwrap()).collect();
    assert!(answers.iter().all(|a| a.header("content-type") == Some("application/json")));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}
