//! Texts of several statements that make more of a request than it is, and transactions that would
//! outlive every limit.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::postgres::OwnServer;
use crate::schema;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "hostile::texts",
        &[
            ("one_value_many_times", one_value_many_times),
            ("more_statements_than_may_be", more_statements_than_may_be),
            ("one_call_as_long_as_its_text", one_call_as_long_as_its_text),
            ("two_phases", two_phases),
            ("back_to_another_tenant", back_to_another_tenant),
        ],
    )
}

/// A value comes once and would go out with each of the statements.
fn one_value_many_times(stand: &Stand) {
    let mut gateway = Gateway::serve(&stand.cluster().address, &[("POOL__SHARDS", "1")]);
    let tenant = gateway.tenant("tenant_1");
    let large = "x".repeat(3_000_000);
    let transaction = tenant.begin();
    let sql = "select length(:a);".repeat(25);
    for call in [tenant.sql(&sql), transaction.sql(&sql)] {
        let answer = call.text("a", &large).run();
        answer.fails("ValidationException", "too much together");
    }
    // What fits, and what is named nowhere.
    let sql = "select length(:a); select length(:a);";
    assert_eq!(tenant.sql(sql).text("a", &large).run().value(), 3_000_000);
    let sql = "select 1;".repeat(25);
    assert_eq!(tenant.sql(&sql).text("a", &large).run().value(), 1);
    assert_eq!(transaction.execute("select 2").value(), 2);
    transaction.rollback().ok();
    assert!(gateway.process.stop().success());
}

/// As many as in one ExecuteTransaction.
fn more_statements_than_may_be(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    assert_eq!(tenant.execute(&"select 1;".repeat(25)).value(), 1);
    assert_eq!(transaction.execute(&"select 1;".repeat(25)).value(), 1);
    for count in [26, 7000] {
        let sql = "select 1;".repeat(count);
        for call in [tenant.sql(&sql), transaction.sql(&sql)] {
            call.run().fails("ValidationException", "at most 25 may run together");
        }
    }
    assert_eq!(transaction.execute("select 2").value(), 2);
    transaction.rollback().ok();
}

/// Each statement is short enough, and all of them are not; nobody commits the first ones.
fn one_call_as_long_as_its_text(stand: &Stand) {
    let settings = [("POOL__SHARDS", "1"), ("LIMITS__STATEMENT_TIMEOUT", "2s")];
    let mut gateway = Gateway::serve(&stand.cluster().address, &settings);
    let tenant = gateway.tenant("tenant_1");
    let transaction = tenant.begin();
    let insert = "insert into written values ('tenant_1', 'too long together');";
    let start = Instant::now();
    let sql = format!("{insert}{}", "select pg_sleep(1.1);".repeat(20));
    let answer = transaction.execute(&sql);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    answer.fails("StatementTimeoutException", "");
    transaction.commit().fails("TransactionNotFoundException", "");
    let sql = "select count(*) from written where mark = 'too long together'";
    assert_eq!(tenant.execute(sql).value(), 0);
    assert!(gateway.process.stop().success());
}

/// What is prepared is in nobody's hands: the other tenants have the same role.
fn two_phases(stand: &Stand) {
    let mut server = OwnServer::start_like(stand.cluster());
    server.address.query("postgres", "alter system set max_prepared_transactions = 10");
    server.stop();
    server.start();
    schema::make(&server.address);
    let mut gateway = Gateway::serve(&server.address, &[("POOL__SHARDS", "1")]);
    let (one, other) = (gateway.tenant("tenant_1"), gateway.tenant("tenant_2"));
    let insert = "insert into written values ('tenant_1', 'prepared')";
    for sql in ["prepare transaction 'p'", "/**/ Prepare  Transaction E'p'"] {
        let transaction = one.begin();
        transaction.execute(insert).ok();
        transaction.execute(sql).fails_with("0A000");
        transaction.execute("select 1").ok();
        transaction.rollback().ok();
        one.execute(sql).fails_with("0A000");
        one.execute(&format!("{insert}; {sql}")).fails_with("0A000");
        let statements = one.body(json!({"statements": [{"sql": sql}]}));
        one.call("/ExecuteTransaction", &statements).fails_with("0A000");
    }
    let transaction = one.begin();
    let hidden = "do $$ begin execute $t$prepare transaction 'p'$t$; end $$";
    assert_ne!(transaction.execute(hidden).status, 200);
    transaction.rollback();
    let prepared = format!("begin; {insert}; prepare transaction 'p'");
    server.address.query("it", &prepared);
    for sql in ["commit prepared 'p'", "rollback prepared 'p'"] {
        other.execute(sql).fails_with("0A000");
        let transaction = other.begin();
        transaction.execute(sql).fails_with("0A000");
        transaction.rollback().ok();
    }
    let mut direct = server.address.connect("it");
    assert_eq!(direct.value("select count(*) from pg_prepared_xacts"), "1");
    direct.query("rollback prepared 'p'");
    assert!(gateway.process.stop().success());
}

/// Steps that leave another tenant behind, take ours back, or put something in the place of what
/// says it; whatever comes of them, the next statement is the caller's tenant's.
const STEPS: [&[&str]; 7] = [
    &["select {other}", "savepoint a", "select {other}", "rollback to a"],
    &["savepoint rowhouse_infer", "select {other}", "rollback to rowhouse_infer"],
    &["savepoint rowhouse_infer", "select {other}", "release rowhouse_infer"],
    &["savepoint a", "select {other}", "savepoint b", "select 1 / 0", "rollback to b"],
    &["select {other}", "commit and chain"],
    &["select {other}", "rollback and chain"],
    &[
        "do $$ begin execute 'deallocate rowhouse_prologue'; execute 'prepare rowhouse_prologue\
         (text, text) as select 1'; perform {other}; end $$",
        "savepoint a",
        "rollback to a",
    ],
];

fn back_to_another_tenant(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let look = "select distinct tenant from note";
    let other = "length(innocent('app.current_' || 'tenant', 'tenant_2'))";
    for steps in STEPS {
        let steps: Vec<String> = steps.iter().map(|step| step.replace("{other}", other)).collect();
        let texts: Vec<&str> = steps.iter().flat_map(|step| [step.as_str(), look]).collect();
        let single: Vec<_> = texts.iter().map(|sql| json!({"sql": sql})).collect();
        let whole = tenant.call("/ExecuteTransaction", &tenant.body(json!({"statements": single})));
        let mut answers = vec![whole, tenant.execute(&texts.join(";"))];
        let transaction = tenant.begin();
        for sql in &texts {
            answers.push(transaction.execute(sql));
            // With a savepoint of ours around it, the first time.
            let probing = format!("{look} where :x is not null /* {} */", answers.len());
            answers.push(transaction.sql(&probing).text("x", "y").run());
        }
        answers.push(transaction.execute(&texts.join(";")));
        transaction.rollback();
        let texts: Vec<String> = answers.iter().map(Answer::text).collect();
        // It was another tenant for a moment.
        let changed = steps.iter().any(|step| step.starts_with("do "));
        let changed = changed || texts.iter().any(|text| text.contains(r#""longValue":8"#));
        assert!(changed, "{steps:?}: {texts:?}");
        assert!(texts.iter().any(|text| text.contains("tenant_1")), "{steps:?}: {texts:?}");
        assert!(!texts.iter().any(|text| text.contains("tenant_2")), "{steps:?}: {texts:?}");
    }
    assert_eq!(tenant.execute(look).rows(), json!([["tenant_1"]]));
}
