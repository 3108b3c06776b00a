//! Gateways that are killed at work: what callers have been answered is what was counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use rowhouse_protocol::frontend;

use super::ground::{Meter, SOON};
use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::stand::Stand;
use crate::wait;
use crate::wire::client::Client;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("usage", &[("killed_twenty_times", killed_twenty_times)])
}

/// How often.
const TIMES: u64 = 20;
/// Callers of each door.
const CALLERS: usize = 3;
/// Answers before the end.
const ANSWERS: u64 = 150;

/// What callers have been answered.
#[derive(Default)]
struct Heard {
    requests: AtomicU64,
    conversations: AtomicU64,
}

impl Heard {
    fn all(&self) -> u64 {
        self.requests.load(Ordering::Relaxed) + self.conversations.load(Ordering::Relaxed)
    }
}

fn killed_twenty_times(stand: &Stand) {
    let meter = Meter::new(stand, "usage_killed");
    let heard = Arc::new(Heard::default());
    for time in 0..TIMES {
        // Half of them are adding up as they die.
        let interval = if time % 2 == 0 { "100ms" } else { "1h" };
        let mut gateway = meter.gateway_with(&[("USAGE__FOLD_INTERVAL", interval)]);
        let before = heard.all();
        let stop = Arc::new(AtomicBool::new(false));
        let callers = callers(&gateway, &heard, &stop);
        wait::until_true("callers are answered", SOON, || heard.all() >= before + ANSWERS);
        gateway.process.kill();
        stop.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().unwrap();
        }
    }
    let report = meter.report(&["--by", "operation"]);
    let answered = heard.all();
    let counted = report["total"]["requests"].as_u64().unwrap();
    assert!(counted >= answered, "{answered} answers, and only {counted} are counted");
    assert!(meter.gateway().process.stop().success());
    let report = meter.report(&["--by", "operation"]);
    assert_eq!(report["not_folded"], 0);
    assert_eq!(report["total"]["requests"], counted, "added up is what was in the journal");
    assert_eq!(meter.sum(), counted);
    // What is more than was answered was being sent by the last write of a shard.
    let in_doubt = report["in_doubt"].as_u64().unwrap();
    assert!(counted <= answered + in_doubt, "{counted} counted, {answered} answered, {in_doubt}");
    assert!(in_doubt <= TIMES * 2 * (CALLERS as u64) * 2, "{in_doubt} in doubt");
}

fn callers(gateway: &Gateway, heard: &Arc<Heard>, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    let mut callers = Vec::new();
    for number in 0..CALLERS {
        let person = gateway.tenant(&format!("tenant_{number}"));
        let (told, stopped) = (Arc::clone(heard), Arc::clone(stop));
        callers.push(std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                // Cut off by the end, nobody knows what it would have been.
                let Ok(answer) = person.try_execute("select 1") else { return };
                answer.ok();
                told.requests.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let mut client = Client::login(gateway, "one", "it");
        let (told, stopped) = (Arc::clone(heard), Arc::clone(stop));
        callers.push(std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if client.say(|buf| frontend::query(buf, "select 1").unwrap()).is_err() {
                    return;
                }
                let (reply, is_whole) = client.heard();
                if !is_whole {
                    return;
                }
                assert_eq!(reply.shown(), "1");
                told.conversations.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    callers
}
