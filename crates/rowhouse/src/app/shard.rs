//! One shard: a thread with a runtime, a listener and connections of its own.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::LocalSet;

use super::reload::Renewed;
use crate::config::Config;
use crate::http::Door;
use crate::journal::Page;
use crate::net::{Phase, adopt};
use crate::observe::{Event, Observer};
use crate::session::{Inbox, Kept, Peers, Session};
use crate::wire;

/// How often a shard tells how many transactions it has open, while it drains.
const COUNT_INTERVAL: Duration = Duration::from_millis(10);
/// After `Closing`, answers under way have this long to be sent.
const LAST_ANSWERS: Duration = Duration::from_millis(1500);

/// How often what was counted is said to be sent.
const SETTLE_INTERVAL: Duration = Duration::from_secs(1);

/// What a shard tells before it has begun to drain: not none, or the drain would be over before it
/// is.
pub const NOT_TOLD: usize = usize::MAX;

/// What a shard is made of.
pub struct Shard {
    /// Its number, which transaction ids carry.
    pub number: usize,
    /// The configuration.
    pub config: Arc<Config>,
    /// What the main thread keeps for it.
    pub kept: Kept,
    /// Where its events go, and its answers are counted.
    pub observer: Observer,
    /// The way to the other shards.
    pub peers: Peers,
    /// What the other shards send.
    pub inbox: Inbox,
    /// Its listener.
    pub listener: std::net::TcpListener,
    /// The listener of its PostgreSQL door, where that is open, and what all of them share.
    pub wire: Option<(std::net::TcpListener, wire::Shared)>,
    /// Client connections over all shards.
    pub clients: Arc<AtomicUsize>,
    /// How far a stop has come.
    pub phase: watch::Receiver<Phase>,
    /// What changes at a reload.
    pub renewed: watch::Receiver<Renewed>,
}

/// A running shard.
pub struct ShardHandle {
    /// Explicit transactions it has open; [`NOT_TOLD`] until it drains.
    pub open_transactions: Arc<AtomicUsize>,
    /// Done when it has ended.
    pub ended: oneshot::Receiver<()>,
}

impl Shard {
    /// Starts the thread.
    pub fn start(self) -> io::Result<ShardHandle> {
        let open_transactions = Arc::new(AtomicUsize::new(NOT_TOLD));
        let (ending, ended) = oneshot::channel();
        let counter = Arc::clone(&open_transactions);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name(format!("shard-{}", self.number)).spawn(move || {
            let local = LocalSet::new();
            local.block_on(&runtime, self.run(&counter));
            counter.store(0, Ordering::Relaxed);
            drop(local);
            let _ = ending.send(());
        })?;
        Ok(ShardHandle { open_transactions, ended })
    }

    async fn run(mut self, open_transactions: &AtomicUsize) {
        let listener = match adopt(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                self.observer.emit(&Event::Trouble { place: "shard", reason: &error });
                return;
            }
        };
        let observer = self.observer.clone();
        if let Some(page) = observer.page() {
            tokio::task::spawn_local(settle(page));
        }
        let config = Arc::clone(&self.config);
        let (number, peers) = (self.number, self.peers);
        let session = Session::new(config, self.kept, observer.clone(), number, peers);
        tokio::task::spawn_local(crate::session::serve_peers(Rc::clone(&session), self.inbox));
        tokio::task::spawn_local(Rc::clone(&session).sweep());
        let clients = Arc::clone(&self.clients);
        let keys = self.renewed.borrow_and_update().keyring.keys();
        let mut guests = None;
        if let Some((listener, shared)) = self.wire {
            guests = Some(Arc::clone(&shared.clients));
            let listener = match adopt(listener) {
                Ok(listener) => listener,
                Err(error) => {
                    self.observer.emit(&Event::Trouble { place: "shard", reason: &error });
                    return;
                }
            };
            let door = wire::Door::new(
                Arc::clone(&self.config),
                Rc::clone(&session),
                observer.clone(),
                shared,
                self.renewed.borrow().keyring.keys(),
            );
            tokio::task::spawn_local(follow_wire(Rc::clone(&door), self.renewed.clone()));
            tokio::task::spawn_local(door.accept(listener, self.phase.clone()));
        }
        let door = Door::new(self.config, Rc::clone(&session), observer, clients, keys);
        tokio::task::spawn_local(follow(Rc::clone(&door), self.renewed));
        door.accept(listener, self.phase.clone()).await;
        session.drain();
        let mut phase = self.phase;
        loop {
            open_transactions.store(session.open_transactions(), Ordering::Relaxed);
            let closing = phase.wait_for(|phase| *phase == Phase::Closing);
            if tokio::time::timeout(COUNT_INTERVAL, closing).await.is_ok() {
                break;
            }
        }
        session.cut_off();
        let deadline = tokio::time::Instant::now() + LAST_ANSWERS;
        let inside = || {
            let guests = guests.as_ref().map_or(0, |guests| guests.load(Ordering::Relaxed));
            self.clients.load(Ordering::Relaxed) + guests
        };
        while inside() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(COUNT_INTERVAL).await;
        }
    }
}

/// Counts that no answer has taken along, and the word that all answers are sent.
async fn settle(page: Arc<Page>) {
    loop {
        tokio::time::sleep(SETTLE_INTERVAL).await;
        page.settle();
    }
}

/// Whatever of this shard goes by a configuration that can change is told here.
async fn follow(door: Rc<Door>, mut renewed: watch::Receiver<Renewed>) {
    while renewed.changed().await.is_ok() {
        let Renewed { config, keyring } = renewed.borrow_and_update().clone();
        door.renew(&config, keyring.keys());
    }
}

async fn follow_wire(door: Rc<wire::Door>, mut renewed: watch::Receiver<Renewed>) {
    while renewed.changed().await.is_ok() {
        let Renewed { config, keyring } = renewed.borrow_and_update().clone();
        door.renew(&config, keyring.keys());
    }
}
