//! A journal that has no room, and a database that is away.

use super::ground::{Meter, SOON};
use crate::case::{Case, suite};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "usage",
        &[
            ("a_full_journal_counts_in_memory", counts_in_memory),
            ("a_full_journal_refuses_where_that_is_wished", refuses),
            ("sums_that_cannot_be_reached", sums_away),
        ],
    )
}

/// Some sixty answers.
const SMALL: (&str, &str) = ("USAGE__JOURNAL_BYTES_MAX", "4KiB");
/// More than have room.
const MANY: u64 = 100;

fn counts_in_memory(stand: &Stand) {
    let meter = Meter::new(stand, "usage_memory");
    let mut gateway = meter.gateway_with(&[SMALL]);
    let person = gateway.tenant("tenant_1");
    for _ in 0..MANY {
        person.execute("select 1").ok();
    }
    let told = || gateway.metric("rowhouse_usage_troubles_total", "journal") > 0.0;
    wait::until_true("the metrics say so", SOON, told);
    let told = || gateway.process.log().contains("journal_bytes_max is reached");
    wait::until_true("the log says so", SOON, told);
    assert!(gateway.process.stop().success());
    assert_eq!(meter.sum(), MANY, "a good end adds up memory as well");
    assert_eq!(meter.report(&[])["usage"][0]["tenant"], "tenant_1");
}

fn refuses(stand: &Stand) {
    let meter = Meter::new(stand, "usage_refuse");
    let refuse = ("USAGE__WHEN_FULL", "refuse");
    let mut gateway = meter.gateway_with(&[SMALL, refuse]);
    let person = gateway.tenant("tenant_1");
    let mut served = 0;
    let refused = loop {
        let answer = person.execute("select 1");
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(served < MANY, "it must be full by now");
    };
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(!refused.text().contains("journal"), "that is none of a tenant's business");
    assert!(gateway.process.stop().success());
    let report = meter.report(&[]);
    assert!(report["total"]["requests"].as_u64().unwrap() >= served, "{report}");
    // Added up, there is room again.
    gateway = meter.gateway_with(&[SMALL, refuse, ("USAGE__FOLD_INTERVAL", "100ms")]);
    let person = gateway.tenant("tenant_1");
    wait::until_true("it serves", SOON, || person.execute("select 1").status == 200);
    assert!(gateway.process.stop().success());
}

/// The schema is taken away and comes back: nothing is lost meanwhile.
fn sums_away(stand: &Stand) {
    let meter = Meter::new(stand, "usage_away");
    let mut gateway = meter.gateway_with(&[("USAGE__FOLD_INTERVAL", "100ms")]);
    let person = gateway.tenant("tenant_1");
    person.execute("select 1").ok();
    meter.wait_for_sum(1);
    meter.direct().query("alter table rowhouse.usage_hour rename to elsewhere");
    for _ in 0..10 {
        person.execute("select 1").ok();
    }
    let told = || gateway.metric("rowhouse_usage_troubles_total", "fold") > 0.0;
    wait::until_true("the log says so", SOON, told);
    meter.direct().query("alter table rowhouse.elsewhere rename to usage_hour");
    meter.wait_for_sum(11);
    // So is the connection, in the middle of whatever.
    meter.direct().query(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
         and application_name = 'rowhouse usage'",
    );
    person.execute("select 1").ok();
    meter.wait_for_sum(12);
    assert!(gateway.process.stop().success());
    assert_eq!(meter.sum(), 12);
}
