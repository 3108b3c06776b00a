//! Connections that many wait for go to all of them alike, or by the weights of their tiers.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::text;
use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::registry::ground::Roll;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "limits",
        &[
            ("a_flood_waits_behind_itself", a_flood_waits_behind_itself),
            ("weights_are_of_tiers", weights_are_of_tiers),
        ],
    )
}

const SOON: Duration = Duration::from_secs(60);
/// Requests of each tenant that may wait.
const WAITING_MAX: usize = 24;
const WAITING: &str = "Too many of your requests wait for a connection. Try again.";
/// One connection for all, so that everybody has to wait for it.
const SETTINGS: [(&str, &str); 4] = [
    ("POOL__SHARDS", "1"),
    ("POOL__SLOW_CONNECTIONS", "1"),
    ("POOL__WAIT_TIMEOUT", "60s"),
    ("ADMISSION__WAITING_PER_TENANT_MAX", "24"),
];

/// Who was answered, in this order.
type Order = Arc<Mutex<Vec<&'static str>>>;

/// Sends until no more may wait. Each text is another one, so that none is known to be fast.
fn fill(gateway: &Gateway, tenant: &'static str, order: &Order) -> Vec<JoinHandle<()>> {
    let (sender, refusals) = std::sync::mpsc::sync_channel(WAITING_MAX + 1);
    let threads = (0..=WAITING_MAX).map(|number| {
        let (person, order, sender) = (gateway.tenant(tenant), Arc::clone(order), sender.clone());
        thread::spawn(move || {
            let answer = person.execute(&format!("select pg_sleep(0.01) /* {tenant} {number} */"));
            if answer.status == 200 {
                order.lock().unwrap_or_else(PoisonError::into_inner).push(tenant);
            } else {
                let told = (answer.exception().to_owned(), answer.message());
                assert_eq!(told, ("ThrottlingException".to_owned(), WAITING.to_owned()));
                sender.send(()).unwrap();
            }
        })
    });
    let threads = threads.collect();
    refusals.recv_timeout(SOON).expect("the queue is full");
    threads
}

/// Lets tenants wait for the only connection, and gives the order in which they had it.
fn compete(
    stand: &Stand,
    gateway: &Gateway,
    key: u32,
    tenants: &[&'static str],
) -> Vec<&'static str> {
    let mut direct = stand.cluster().address.connect("it");
    direct.query(&format!("select pg_advisory_lock({key})"));
    let blocker = gateway.app();
    let sql = format!("select pg_advisory_xact_lock_shared({key})");
    let blocking = thread::spawn(move || blocker.execute(&sql).ok());
    let waiting = format!(
        "select 1 from pg_locks where locktype = 'advisory' and objid = {key} and not granted"
    );
    wait::until_true("the connection is taken", SOON, || {
        !stand.cluster().address.query("it", &waiting).is_empty()
    });
    let order = Order::default();
    let fill = |tenant: &&'static str| fill(gateway, tenant, &order);
    let threads: Vec<JoinHandle<()>> = tenants.iter().flat_map(fill).collect();
    direct.query(&format!("select pg_advisory_unlock({key})"));
    blocking.join().unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let order = order.lock().unwrap_or_else(PoisonError::into_inner);
    order.clone()
}

fn of(order: &[&str], tenant: &str, first: usize) -> usize {
    order.iter().take(first).filter(|who| **who == tenant).count()
}

fn a_flood_waits_behind_itself(stand: &Stand) {
    let gateway = Gateway::serve_text(&text(stand, ""), &SETTINGS);
    let order = compete(stand, &gateway, 7201, &["tenant_1", "tenant_2"]);
    assert_eq!(order.len(), 2 * WAITING_MAX);
    // All of the first came before any of the second, and yet half of the connection is theirs.
    let second = of(&order, "tenant_2", WAITING_MAX);
    assert!((8..=16).contains(&second), "{order:?}");
}

fn weights_are_of_tiers(stand: &Stand) {
    let roll = Roll::new(stand, "roll_weights");
    roll.done(&["add", "tenant_1"]);
    roll.done(&["add", "tenant_2", "--tier", "gold"]);
    let tiers = "[[tier]]\nname = 'standard'\n[[tier]]\nname = 'gold'\nweight = 3\n";
    let gateway = Gateway::serve_text(&(roll.text("") + tiers), &SETTINGS);
    let order = compete(stand, &gateway, 7202, &["tenant_1", "tenant_2"]);
    assert_eq!(order.len(), 2 * WAITING_MAX);
    let gold = of(&order, "tenant_2", WAITING_MAX);
    assert!((15..=21).contains(&gold), "{order:?}");
}
