//! The leak oracle: whatever one caller does, the next one meets the session as if it were new.
//!
//! Gateways with one connection of a kind. Caller A does one of the acts, by itself or in a
//! transaction; then two callers B, an application without a tenant and another tenant, look at
//! everything they can see. Most looks are statements that the gateway takes for harmless, so that
//! no reset comes before them and whatever A has left would be met. The same through the PostgreSQL
//! door is in [`wire`].

pub mod acts;
mod oracle;
mod wire;

use std::time::Duration;

use serde_json::json;

use crate::case::{Case, case, suite};
use crate::client::Client;
use crate::person::{Person, Transaction};
use crate::stand::Stand;
use crate::wait;
use acts::{ACTS, Act};
use oracle::{Oracle, Who};

/// Far above what a look takes.
const SOON: Duration = Duration::from_secs(20);
/// Enough runs for a statement that is taken for harmless and fast to get into the fast lane.
const OFTEN: usize = 5;

/// The trials.
pub fn cases() -> Vec<Case> {
    let whos = [Who::App, Who::Tenant, Who::Admin];
    let mut cases = suite(
        "leak",
        &[
            ("the_oracle_sees", the_oracle_sees),
            ("an_abandoned_transaction", an_abandoned_transaction),
            ("looks_are_fast", looks_are_fast),
        ],
    );
    for (number, act) in ACTS.iter().enumerate() {
        // An administrator in the role of tenants is an application by another name: some will do.
        for who in whos.into_iter().filter(|who| *who != Who::Admin || number % 4 == 0) {
            let name = format!("leak::{}::{number:03}::{}", who.name(), act.name());
            cases.push(case(name, move |stand| no_trace(stand, who, act)));
        }
    }
    cases.extend(wire::cases());
    cases
}

/// An act in every way it can be done, and looks after each.
fn no_trace(stand: &Stand, who: Who, act: &Act) {
    let oracle = Oracle::of(stand, who);
    let person = oracle.caller();
    do_it(&oracle, &person, act);
    oracle.look("done once");
    if !act.takes_time() {
        for _ in 0..OFTEN {
            do_it(&oracle, &person, act);
        }
        oracle.look("done often");
        in_transaction(&oracle, &person, act).commit();
        oracle.look("committed");
    }
    in_transaction(&oracle, &person, act).rollback();
    oracle.look("rolled back");
    oracle.look_closely("rolled back");
}

fn in_transaction<'p>(oracle: &Oracle<'_>, person: &'p Person, act: &Act) -> Transaction<'p> {
    let transaction = person.begin();
    for sql in act.sql().split(" THEN ") {
        check(&transaction.execute(&oracle.spell(sql)));
    }
    // The act may have ended it, so that there is nothing left to end.
    transaction
}

fn do_it(oracle: &Oracle<'_>, person: &Person, act: &Act) {
    for sql in oracle.spell(act.sql()).split(" THEN ") {
        match act {
            Act::Run(_) | Act::Slow(_) => check(&person.execute(sql)),
            Act::Leave(_) => {
                // Gone while it runs, or before it has begun.
                let mut client = Client::connect(person.door);
                client.send(&person.request(sql)).unwrap();
                wait::pause(Duration::from_millis(50));
            }
        }
    }
}

/// An act may be refused, but by the caller's fault or PostgreSQL's, not by a defect of ours.
#[track_caller]
fn check(answer: &crate::answer::Answer) {
    // 504 is what becomes of a caller that ends its own backend.
    let refused = [400, 403, 404, 504].contains(&answer.status);
    assert!(answer.status == 200 || refused, "{} {}", answer.status, answer.text());
}

/// What is left behind where nothing cleans up is seen: otherwise the trials above say nothing.
fn the_oracle_sees(stand: &Stand) {
    let oracle = Oracle::of(stand, Who::App);
    let mut direct = stand.cluster().address.connect_as("it_app", "it_app", "it");
    let before = direct.query(&oracle.looks());
    for (act, trace) in [
        ("set app.current_tenant = 'tenant_3'", "tenant"),
        ("set app.current_tenant = 'tenant_3'", "row"),
        ("set timezone = 'Asia/Tokyo'", "setting"),
        ("set search_path = 'nosuch'", "schema"),
        ("set role it_member", "identity"),
        ("create temp table secret_app as select 1", "temp"),
        ("create temp table note as select 'tenant_3' as tenant", "row"),
        ("prepare secret as select 1", "prepared"),
        ("declare secret cursor with hold for select 1", "cursor"),
        ("select pg_advisory_lock(KEY)", "lock"),
        ("listen secret", "channel"),
        ("select nextval('numbers')", "lastval"),
    ] {
        direct.query(&oracle.spell(act));
        // A look that is refused has seen enough.
        let after = direct.try_query(&oracle.looks());
        let seen = after.as_ref().map_or(true, |rows| {
            rows.iter().any(|row| row[0].as_deref() == Some(trace) && !before.contains(row))
        });
        assert!(seen, "{act}: {after:?}");
        direct.query("discard all");
        assert_eq!(direct.query(&oracle.looks()), before, "{act}");
    }
}

/// Everything at once, in a transaction that nobody ends.
fn an_abandoned_transaction(stand: &Stand) {
    for who in [Who::App, Who::Tenant] {
        let oracle = Oracle::of(stand, who);
        let person = oracle.caller();
        let cut = || oracle.gateway.metric("rowhouse_transactions_cut_total", "");
        let before = cut();
        let transaction = person.begin();
        for sql in [
            "set search_path = 'nosuch', public",
            "select innocent('app.current_tenant', 'tenant_3')",
            "create temp table secret_WHO as select 'tenant_3' as tenant",
            "prepare secret as select 1",
            "declare secret cursor with hold for select 1",
            "select pg_advisory_lock(KEY)",
            "select nextval('numbers')",
            "listen secret",
        ] {
            let _ = transaction.execute(&oracle.spell(sql));
        }
        wait::until_true("it is rolled back", SOON, || cut() > before);
        oracle.look("abandoned");
        oracle.look_closely("abandoned");
        transaction.commit().fails("TransactionNotFoundException", "");
    }
}

/// Looks that should be met in the fast lane are: its connections have a short statement timeout.
fn looks_are_fast(stand: &Stand) {
    let oracle = Oracle::of(stand, Who::App);
    let person = oracle.gateway.tenant("tenant_2");
    let sql = "select current_setting('statement_timeout')";
    // A busy machine can make a statement look slow for a while.
    wait::until_true("it is fast", Duration::from_secs(60), || {
        person.execute(sql).rows() == json!([[format!("{}ms", oracle::FAST_STATEMENT_TIMEOUT_MS)]])
    });
}
