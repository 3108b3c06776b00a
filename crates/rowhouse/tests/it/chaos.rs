//! Many callers of many tenants for a while, and meanwhile PostgreSQL crashes and is restarted, or
//! lines are cut: answers are right or say what is known, and what was said holds afterwards.
//!
//! `ROWHOUSE_SOAK_SECONDS` sets how long; the default is for every day.

mod caller;
mod ledger;
mod lines;
mod proxy;
mod teller;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::postgres::{Direct, OwnServer};
use crate::schema::{self, TENANTS, tenant};
use crate::stand::Stand;
use crate::wait;
use caller::Caller;
use ledger::Ledger;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "chaos",
        &[
            ("every_answer_holds", every_answer_holds),
            ("lines::before_the_door", lines::before_the_door),
            ("lines::behind_the_door", lines::behind_the_door),
            ("lines::on_both_sides", lines::on_both_sides),
        ],
    )
}

/// Callers at a time.
const CALLERS: u32 = 64;
/// How long without further words.
const SOAK_SECONDS: u64 = 15;
/// After the server is back, callers are served within this time: the gateway's longest pause
/// between attempts, and a busy machine.
const RECOVERY_MAX: Duration = Duration::from_secs(15);

fn every_answer_holds(stand: &Stand) {
    let mut server = OwnServer::start_like(stand.cluster());
    schema::make(&server.address);
    let settings = [("POOL__SHARDS", "2"), ("POOL__WAIT_TIMEOUT", "5s")];
    let gateway = Gateway::serve(&server.address, &settings);
    let ledger = Arc::new(Ledger::default());
    let running = Arc::new(AtomicBool::new(true));
    let threads: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (ledger, running) = (Arc::clone(&ledger), Arc::clone(&running));
            let mut caller = Caller::new(gateway.http, number, ledger);
            std::thread::spawn(move || {
                while running.load(Ordering::Relaxed) {
                    caller.act();
                }
            })
        })
        .collect();
    disturb(&mut server, &ledger);
    running.store(false, Ordering::Relaxed);
    let panicked = threads.into_iter().filter_map(|thread| thread.join().err()).count();
    assert_eq!(panicked, 0, "callers met what they should not: see above");
    assert_works(&gateway);
    let mut direct = server.address.connect("it");
    ledger.audit(&mut direct);
    assert_sums(&mut direct);
    drop(direct);
    assert!(gateway_stops(gateway).success());
}

/// Calm, a crash, calm, a restart, calm, a crash, calm. After each the callers get on.
fn disturb(server: &mut OwnServer, ledger: &Ledger) {
    let seconds = std::env::var("ROWHOUSE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let calm = Duration::from_secs(seconds.unwrap_or(SOAK_SECONDS)) / 4;
    for disturbance in ["a crash", "a restart", "a crash", "the end"] {
        let before = ledger.done();
        let start = Instant::now();
        wait::until_true(&format!("calls before {disturbance}"), calm + RECOVERY_MAX, || {
            start.elapsed() >= calm && ledger.done() > before + u64::from(CALLERS)
        });
        match disturbance {
            "a crash" => {
                server.kill_a_backend("it");
                server.wait_until_it_answers();
            }
            "a restart" => {
                server.stop();
                server.start();
            }
            _ => {}
        }
    }
}

/// Every tenant is served, with its own rows.
fn assert_works(gateway: &Gateway) {
    for number in 0..TENANTS {
        let name = tenant(number);
        let sql = "select tenant, count(*) from note group by tenant";
        let person = gateway.tenant(&name);
        assert_eq!(person.execute(sql).rows(), json!([[name, 3]]));
        let transaction = person.begin();
        assert_eq!(transaction.execute(sql).rows(), json!([[name, 3]]));
        transaction.commit().ok();
    }
}

/// Money is moved within a tenant, and neither made nor lost.
fn assert_sums(direct: &mut Direct) {
    let sql = "select count(*) from (select tenant from account group by tenant \
               having sum(balance) <> 2000) as wrong";
    assert_eq!(direct.value(sql), "0");
    assert_eq!(direct.value("select sum(balance) from account"), format!("{}", TENANTS * 2000));
}

fn gateway_stops(mut gateway: Gateway) -> std::process::ExitStatus {
    gateway.process.stop()
}
