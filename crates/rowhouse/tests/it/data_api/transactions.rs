//! Explicit transactions.

use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::person::Person;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::transactions",
        &[
            ("commit_and_rollback", commit_and_rollback),
            ("the_seeds_own_program", the_seeds_own_program),
            ("own_commit_ends_it", own_commit_ends_it),
            ("own_rollback_ends_it", own_rollback_ends_it),
            ("a_failed_one_commits_nothing", a_failed_one_commits_nothing),
            ("savepoints", savepoints),
            ("somebody_elses", somebody_elses),
            ("another_target", another_target),
            ("one_statement_at_a_time", one_statement_at_a_time),
            ("over_many_connections", over_many_connections),
            ("idle_for_too_long", idle_for_too_long),
            ("too_old", too_old),
            ("a_constraint_that_fails_at_commit", a_constraint_that_fails_at_commit),
            ("every_connection_is_owned", every_connection_is_owned),
            ("the_tenant_stays", the_tenant_stays),
            ("a_backend_that_ends", a_backend_that_ends),
        ],
    )
}

/// Long enough for a busy machine; nothing waits that long.
const SOON: Duration = Duration::from_secs(20);

fn write(mark: &str) -> String {
    format!("insert into written values ('tenant_1', '{mark}')")
}

fn count(person: &Person, mark: &str) -> Value {
    person.sql("select count(*) from written where mark = :m").text("m", mark).run().value()
}

fn commit_and_rollback(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let kept = tenant.begin();
    kept.execute(&write("t1 kept")).ok();
    assert_eq!(count(&tenant, "t1 kept"), 0);
    assert_eq!(kept.execute("select count(*) from written where mark = 't1 kept'").value(), 1);
    assert_eq!(kept.commit().ok().text(), r#"{"transactionStatus":"Transaction Committed"}"#);
    assert_eq!(count(&tenant, "t1 kept"), 1);
    let undone = tenant.begin();
    undone.execute(&write("t1 undone")).ok();
    assert_eq!(undone.rollback().ok().text(), r#"{"transactionStatus":"Rollback Complete"}"#);
    assert_eq!(count(&tenant, "t1 undone"), 0);
    assert_ne!(kept.id, undone.id);
    for ended in [&kept, &undone] {
        ended.execute("select 1").fails("TransactionNotFoundException", "isn't found");
        ended.commit().fails("TransactionNotFoundException", &ended.id);
        ended.rollback().fails("TransactionNotFoundException", &ended.id);
    }
}

/// Begin, SET of the session, select, commit; the next caller sees nothing of it.
fn the_seeds_own_program(stand: &Stand) {
    let app = stand.app();
    for _ in 0..5 {
        let transaction = app.begin();
        transaction.execute("SET app.current_tenant = 'tenant_2'").ok();
        let rows = transaction.execute("select distinct tenant from note").rows();
        assert_eq!(rows, json!([["tenant_2"]]));
        transaction.commit().ok();
        assert_eq!(app.execute("select count(*) from note").value(), 0);
        assert_eq!(app.begin().execute("select count(*) from note").value(), 0);
    }
}

fn own_commit_ends_it(stand: &Stand) {
    for (end, mark) in [("commit", "t3 a"), ("END", "t3 b"), ("Commit work", "t3 c")] {
        let tenant = stand.tenant("tenant_1");
        let transaction = tenant.begin();
        transaction.execute(&write(mark)).ok();
        transaction.execute(end).ok();
        assert_eq!(count(&tenant, mark), 1);
        let answer = transaction.execute(&write("t3 after"));
        answer.fails("TransactionNotFoundException", "");
        transaction.commit().fails("TransactionNotFoundException", "");
        assert_eq!(count(&tenant, "t3 after"), 0);
    }
}

fn own_rollback_ends_it(stand: &Stand) {
    for (end, mark) in [("rollback", "t4 a"), ("abort", "t4 b")] {
        let tenant = stand.tenant("tenant_1");
        let transaction = tenant.begin();
        transaction.execute(&write(mark)).ok();
        transaction.execute(end).ok();
        assert_eq!(count(&tenant, mark), 0);
        transaction.execute("select 1").fails("TransactionNotFoundException", "");
    }
}

fn a_failed_one_commits_nothing(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    transaction.execute(&write("t5")).ok();
    transaction.execute("select 1 / 0").fails_with("22012");
    transaction.execute("select 1").fails_with("25P02");
    transaction.sql("select :x").text("x", "?").run().fails_with("25P02");
    transaction.commit().fails("DatabaseErrorException", "rolled back");
    assert_eq!(count(&tenant, "t5"), 0);
    transaction.commit().fails("TransactionNotFoundException", "");
}

fn savepoints(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    transaction.execute(&write("t6 before")).ok();
    transaction.execute("savepoint s").ok();
    transaction.execute(&write("t6 inside")).ok();
    transaction.execute("select 1 / 0").fails_with("22012");
    transaction.execute("rollback to s").ok();
    assert_eq!(transaction.execute("select count(*) from note").value(), 3);
    transaction.execute("release savepoint s").ok();
    transaction.execute(&write("t6 after")).ok();
    transaction.commit().ok();
    let sql = "select mark from written where mark like 't6 %' order by mark";
    assert_eq!(tenant.execute(sql).rows(), json!([["t6 after"], ["t6 before"]]));
}

fn somebody_elses(stand: &Stand) {
    let owner = stand.tenant("tenant_1");
    let transaction = owner.begin();
    transaction.execute(&write("t7")).ok();
    let strangers = [
        stand.tenant("tenant_2"),
        stand.app(),
        stand.admin().via("app_user"),
        Person::with_key(owner.door, "ITTENANT", crate::gateway::KEY_SECRET),
    ];
    for stranger in &strangers {
        let foreign = stranger.transaction(&transaction.id);
        for answer in [foreign.execute("select 1"), foreign.rollback(), foreign.commit()] {
            let unknown = "Transaction may be expired.";
            answer.fails("TransactionNotFoundException", unknown);
        }
    }
    transaction.commit().ok();
    assert_eq!(count(&owner, "t7"), 1);
}

fn another_target(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let elsewhere = tenant.again().naming("database", "it_other");
    let answer = elsewhere.transaction(&transaction.id).execute("select 1");
    assert_eq!(answer.status, 400, "{}", answer.text());
    let other_role = tenant.again().via("reader");
    let answer = other_role.transaction(&transaction.id).execute("select 1");
    assert_eq!(answer.status, 400, "{}", answer.text());
    // To name none, or the one it began with, is the same.
    let same = tenant.again().naming("database", "it");
    assert_eq!(same.transaction(&transaction.id).execute("select 1").value(), 1);
    assert_eq!(transaction.execute("select count(*) from note").value(), 3);
    transaction.rollback().ok();
}

fn one_statement_at_a_time(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let pid = transaction.execute("select pg_backend_pid()").word();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let other = stand.tenant("tenant_1");
            other.transaction(&transaction.id).execute("select 1 from pg_sleep(1.5)")
        });
        let mut direct = stand.cluster().address.connect("it");
        let sql = format!("select state from pg_stat_activity where pid = {pid}");
        wait::until_true("it runs", SOON, || direct.value(&sql) == "active");
        let busy = "Transaction is still running a query";
        for answer in [transaction.execute("select 2"), transaction.commit()] {
            let text = answer.fails("DatabaseErrorException", busy).message();
            assert_eq!(text, busy);
        }
        assert_eq!(slow.join().unwrap().value(), 1);
    });
    transaction.commit().ok();
}

fn over_many_connections(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for round in 0..4 {
        let transaction = tenant.begin();
        for number in 1..=10 {
            // The kernel spreads new connections over the shards.
            let other = tenant.again();
            let here = other.transaction(&transaction.id);
            here.execute(&write(&format!("t9 {round}"))).ok();
            let sql = format!("select count(*) from written where mark = 't9 {round}'");
            assert_eq!(here.execute(&sql).value(), number);
        }
        tenant.again().transaction(&transaction.id).commit().ok();
        assert_eq!(count(&tenant, &format!("t9 {round}")), 10);
    }
}

fn idle_for_too_long(stand: &Stand) {
    let settings = [("LIMITS__TRANSACTION_IDLE_TIMEOUT", "1s"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("idle", &settings);
    let tenant = gateway.tenant("tenant_1");
    let (forgotten, used) = (tenant.begin(), tenant.begin());
    forgotten.execute(&write("t10")).ok();
    wait::until_true("it is rolled back", SOON, || {
        used.execute("select 1").ok();
        gateway.metric("rowhouse_transactions_cut_total", "") >= 1.0
    });
    let answer = forgotten.execute("select 1");
    answer.fails("TransactionNotFoundException", "Transaction may be expired.");
    forgotten.commit().fails("TransactionNotFoundException", "");
    assert_eq!(count(&tenant, "t10"), 0);
    used.commit().ok();
}

fn too_old(stand: &Stand) {
    let settings = [("LIMITS__TRANSACTION_AGE_MAX", "2s"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("old", &settings);
    let tenant = gateway.tenant("tenant_1");
    let transaction = tenant.begin();
    transaction.execute(&write("t11")).ok();
    wait::until_true("it is rolled back", SOON, || transaction.execute("select 1").status == 404);
    transaction.commit().fails("TransactionNotFoundException", "");
    assert_eq!(count(&tenant, "t11"), 0);
}

fn a_constraint_that_fails_at_commit(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let orphan = "insert into child values ('tenant_1', 1, 4711)";
    let transaction = tenant.begin();
    transaction.execute(orphan).ok();
    transaction.commit().fails_with("23503");
    transaction.commit().fails("TransactionNotFoundException", "");
    // The same in an implicit transaction: its commit comes with the answer.
    tenant.execute(orphan).fails_with("23503");
    tenant.begin().execute("commit").ok();
    let inside = tenant.begin();
    inside.execute(orphan).ok();
    inside.execute("commit").fails_with("23503");
    inside.execute("select 1").fails("TransactionNotFoundException", "");
    assert_eq!(tenant.execute("select count(*) from child").value(), 0);
}

fn every_connection_is_owned(stand: &Stand) {
    let settings = [
        ("POOL__SHARDS", "1"),
        ("POOL__TRANSACTION_CONNECTIONS", "2"),
        ("POOL__WAIT_TIMEOUT", "300ms"),
    ];
    let gateway = stand.gateway("owned", &settings);
    let tenant = gateway.tenant("tenant_1");
    let (first, second) = (tenant.begin(), tenant.begin());
    let body = tenant.body(json!({}));
    tenant.call("/BeginTransaction", &body).fails("ServiceUnavailableError", "");
    // Statements have connections of their own.
    assert_eq!(tenant.execute("select count(*) from note").value(), 3);
    first.rollback().ok();
    let third = tenant.begin();
    for transaction in [second, third] {
        transaction.commit().ok();
    }
}

/// A tenant's transaction is that tenant's in every statement, whatever ran before.
fn the_tenant_stays(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for hidden in [
        "select innocent('app.current_tenant', 'tenant_2')",
        "select harmless('set app.current_tenant = ''tenant_2''')",
        "select harmless('reset app.current_tenant')",
    ] {
        let transaction = tenant.begin();
        let _ = transaction.execute(hidden);
        let rows = transaction.execute("select distinct tenant from note").rows();
        assert_eq!(rows, json!([["tenant_1"]]), "{hidden}");
        transaction.commit().ok();
    }
    let plain = tenant.begin();
    plain.execute("set app.current_tenant = 'tenant_2'").fails_with("42501");
    plain.execute("rollback and chain").ok();
    let answer = plain.execute("select distinct tenant from note");
    let gone = answer.exception() == "TransactionNotFoundException";
    assert!(gone || answer.rows() == json!([["tenant_1"]]));
}

fn a_backend_that_ends(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    transaction.execute(&write("t16")).ok();
    let pid = transaction.execute("select pg_backend_pid()").word();
    let end = format!("select pg_terminate_backend({pid})");
    stand.cluster().address.query("it", &end);
    transaction.execute("select 1").fails("TransactionNotFoundException", "isn't found");
    transaction.commit().fails("TransactionNotFoundException", "");
    assert_eq!(count(&tenant, "t16"), 0);
}
