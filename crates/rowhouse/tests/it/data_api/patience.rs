//! `continueAfterTimeout`: the caller is told that the time is up, and the statement goes on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::person::{Call, Person};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::patience",
        &[
            ("it_is_done_all_the_same", it_is_done_all_the_same),
            ("without_it_nothing_is_done", without_it_nothing_is_done),
            ("a_transaction_is_busy_and_then_goes_on", a_transaction_is_busy_and_then_goes_on),
            ("it_has_an_end", it_has_an_end),
            ("few_at_once", few_at_once),
            ("what_runs_outside_of_transactions", what_runs_outside_of_transactions),
        ],
    )
}

/// Longer than the statements take; nothing waits that long.
const SOON: Duration = Duration::from_secs(30);

/// A gateway where the time is up at once, and no statement goes on for long.
fn gateway(stand: &Stand) -> std::sync::Arc<Gateway> {
    stand.gateway(
        "patient",
        &[
            ("POOL__SHARDS", "1"),
            ("POOL__CONTINUED_STATEMENTS", "1"),
            ("LIMITS__STATEMENT_TIMEOUT", "500ms"),
            ("LIMITS__CONTINUED_STATEMENT_TIMEOUT", "4s"),
        ],
    )
}

fn slow(mark: &str, seconds: f32) -> String {
    format!("insert into written select 'tenant_1', '{mark}' from pg_sleep({seconds})")
}

fn patiently(call: Call<'_>) -> Answer {
    call.with("continueAfterTimeout", true).run()
}

#[track_caller]
fn timed_out(answer: Answer) -> Answer {
    answer.fails("StatementTimeoutException", "Request timed out")
}

fn count(person: &Person, mark: &str) -> Value {
    person.sql("select count(*) from written where mark = :m").text("m", mark).run().value()
}

fn it_is_done_all_the_same(stand: &Stand) {
    let gateway = gateway(stand);
    let tenant = gateway.tenant("tenant_1");
    assert_eq!(patiently(tenant.sql("select 1")).value(), 1);
    let answer = timed_out(patiently(tenant.sql(&slow("c1", 1.5))));
    assert!(answer.json()["dbConnectionId"].is_i64(), "{}", answer.text());
    assert_eq!(count(&tenant, "c1"), 0);
    wait::until_true("it is done", SOON, || count(&tenant, "c1") == 1);
    // Several statements as well, all of them or none.
    let both = format!("{}; {}", slow("c1 b", 1.0), slow("c1 b", 0.0));
    timed_out(patiently(tenant.sql(&both)));
    wait::until_true("both are done", SOON, || count(&tenant, "c1 b") == 2);
    // The connection goes back with the usual timeout.
    for _ in 0..4 {
        assert_eq!(tenant.execute("select current_setting('statement_timeout')").value(), "500ms");
    }
}

fn without_it_nothing_is_done(stand: &Stand) {
    let tenant = gateway(stand).tenant("tenant_1");
    let answer = timed_out(tenant.execute(&slow("c2", 1.5)));
    assert!(answer.json().get("dbConnectionId").is_none(), "{}", answer.text());
    // A second statement, as long as the first would have been: by then it would have been done.
    timed_out(patiently(tenant.sql(&slow("c2 later", 2.0))));
    wait::until_true("the later one is done", SOON, || count(&tenant, "c2 later") == 1);
    assert_eq!(count(&tenant, "c2"), 0);
}

fn a_transaction_is_busy_and_then_goes_on(stand: &Stand) {
    let tenant = gateway(stand).tenant("tenant_1");
    let transaction = tenant.begin();
    timed_out(patiently(transaction.sql(&slow("c3", 1.5))));
    let busy = "Transaction is still running a query";
    transaction.execute("select 1").fails("DatabaseErrorException", busy);
    transaction.commit().fails("DatabaseErrorException", busy);
    wait::until_true("it is free", SOON, || transaction.execute("select 1").status == 200);
    let own = "select count(*) from written where mark = 'c3'";
    assert_eq!(transaction.execute(own).value(), 1);
    assert_eq!(transaction.execute("show statement_timeout").value(), "500ms");
    transaction.commit().ok();
    assert_eq!(count(&tenant, "c3"), 1);
}

fn it_has_an_end(stand: &Stand) {
    let tenant = gateway(stand).tenant("tenant_1");
    timed_out(patiently(tenant.sql(&slow("c4", 60.0))));
    // While it goes on there is no room for another; afterwards there is.
    wait::until_true("its end", SOON, || patiently(tenant.sql("select 1")).status == 200);
    assert_eq!(count(&tenant, "c4"), 0);
}

fn few_at_once(stand: &Stand) {
    let settings = [
        ("POOL__SHARDS", "1"),
        ("POOL__SLOW_CONNECTIONS", "2"),
        // More than there is room for.
        ("POOL__CONTINUED_STATEMENTS", "9"),
        ("POOL__WAIT_TIMEOUT", "300ms"),
        ("LIMITS__STATEMENT_TIMEOUT", "300ms"),
    ];
    let gateway = stand.gateway("hurried", &settings);
    let tenant = gateway.tenant("tenant_1");
    timed_out(patiently(tenant.sql(&slow("c5", 3.0))));
    let other = gateway.tenant("tenant_2");
    patiently(other.sql("select 1")).fails("ServiceUnavailableError", "");
    let transaction = other.begin();
    patiently(transaction.sql("select 1")).fails("ServiceUnavailableError", "");
    assert_eq!(transaction.execute("select 1").value(), 1);
    transaction.rollback().ok();
    // Whoever does not ask for it is served.
    assert_eq!(other.execute("select count(*) from note").value(), 3);
    wait::until_true("it is done", SOON, || count(&tenant, "c5") == 1);
}

/// Nothing of ours goes before the statement of an administrator: what cannot run behind another
/// statement can run.
fn what_runs_outside_of_transactions(stand: &Stand) {
    let admin = gateway(stand).admin();
    patiently(admin.sql("vacuum account")).ok();
    // In a database of its own: some of it waits for the transactions of everybody else.
    let admin = stand.admin().naming("database", "it_other");
    for sql in [
        "create table account (balance int)",
        "vacuum account",
        "vacuum (analyze) account;",
        "create database it_made",
        "drop database it_made",
        "create index concurrently it_made on account (balance)",
        "reindex index concurrently it_made",
        "reindex table concurrently account",
        "drop index concurrently it_made",
        "alter system set log_lock_waits = on",
        "alter system reset log_lock_waits",
        "create type it_made as enum ('a')",
        "alter type it_made add value 'b'",
        "drop type it_made",
        "drop table account",
    ] {
        admin.execute(sql).ok();
    }
    for person in [stand.tenant("tenant_1"), stand.app(), stand.app().via("owner")] {
        for sql in ["vacuum account", "create database it_made", "alter system reset all"] {
            let answer = person.execute(sql);
            assert!(["25001", "42501"].contains(&answer.sqlstate().as_str()), "{}", answer.text());
        }
        let body = json!({"statements": [{"sql": "vacuum account"}]});
        let answer = person.call("/ExecuteTransaction", &person.body(body));
        assert!(["25001", "42501"].contains(&answer.sqlstate().as_str()), "{}", answer.text());
    }
    admin.begin().execute("vacuum").fails_with("25001");
}
