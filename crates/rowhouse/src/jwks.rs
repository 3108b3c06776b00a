//! The keys of issuers, fetched and kept.
//!
//! One task for each key set at a URL, on the main thread, fetches it: nothing fetches the same set
//! twice at a time. What it finds becomes a new [`Issuers`] that every shard sees by a version
//! check, without a lock. When a fetch fails, the keys that are there go on.

mod fetch;
mod keeper;
mod reach;

use std::cell::RefCell;
use std::sync::Arc;

use rowhouse_tenancy::jwt::{Issuers, VerificationKey};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::config::{Config, Issuer};
use crate::observe::Observer;
use fetch::FETCH_TIMEOUT;
use keeper::{Keeper, Shared};

/// The keys of all issuers; one for the process. Clones share it.
#[derive(Clone)]
pub struct Keyring {
    issuers: watch::Sender<Arc<Issuers>>,
    /// By the number of the issuer; `None` where there is nothing to fetch.
    keepers: Arc<[Option<Arc<Shared>>]>,
    fetching: Arc<[AbortHandle]>,
}

/// One shard's view of the keyring.
pub struct Keys {
    ring: Keyring,
    seen: RefCell<watch::Receiver<Arc<Issuers>>>,
}

impl Keyring {
    /// Starts to fetch, on the `LocalSet` of this thread, and waits until every key set was there
    /// or was not to be had: tokens are good from the first request on.
    pub async fn start(config: &Config, observer: &Observer) -> Keyring {
        let verifiers = config.issuers.iter().map(|issuer| issuer.verifier.clone()).collect();
        let (issuers, _) = watch::channel(Arc::new(Issuers::new(verifiers)));
        let mut keepers = Vec::with_capacity(config.issuers.len());
        let mut fetching = Vec::new();
        for (number, issuer) in config.issuers.iter().enumerate() {
            let keeper = issuer.key_set.clone().map(|source| Keeper {
                number,
                name: issuer.name.clone(),
                source,
                issuers: issuers.clone(),
                shared: Arc::default(),
                observer: observer.clone(),
            });
            keepers.push(keeper.as_ref().map(|keeper| Arc::clone(&keeper.shared)));
            if let Some(keeper) = keeper {
                fetching.push(tokio::task::spawn_local(keeper.keep()).abort_handle());
            }
        }
        let ring = Keyring { issuers, keepers: keepers.into(), fetching: fetching.into() };
        for keeper in ring.keepers.iter().flatten() {
            keeper.first_round().await;
        }
        ring
    }

    /// The view of one shard.
    pub fn keys(&self) -> Keys {
        Keys { seen: RefCell::new(self.issuers.subscribe()), ring: self.clone() }
    }

    /// Takes along what the keyring of another configuration had fetched: for the issuers that are
    /// the same there, and whose keys were not to be had just now.
    pub fn inherit(&self, own: &Config, other: &Keyring, others: &Config) {
        let not_fetched = |number: usize| {
            let keeper = self.keepers.get(number).and_then(Option::as_ref);
            keeper.is_some_and(|keeper| !keeper.has_fetched())
        };
        for (number, issuer) in own.issuers.iter().enumerate().filter(|(n, _)| not_fetched(*n)) {
            let is_same =
                |other: &Issuer| other.name == issuer.name && other.key_set == issuer.key_set;
            let Some(before) = others.issuers.iter().position(is_same) else { continue };
            let keys = other.issuers.borrow().fetched(before).to_vec();
            self.issuers.send_if_modified(|issuers| issuers_with(issuers, number, keys));
        }
    }

    /// Ends the fetching: another keyring takes its place.
    pub fn stop(&self) {
        self.fetching.iter().for_each(AbortHandle::abort);
    }

    /// Fetches every key set now, whatever its age. Does not wait for them.
    pub fn refetch(&self) {
        for keeper in self.keepers.iter().flatten() {
            keeper.refetch();
        }
    }
}

/// Puts fetched keys in force; whether they are others than before.
fn issuers_with(issuers: &mut Arc<Issuers>, number: usize, keys: Vec<VerificationKey>) -> bool {
    let other = issuers.with_fetched(number, keys);
    other.map(|other| *issuers = Arc::new(other)).is_some()
}

impl Keys {
    /// The issuers, if they are others than the last time: one load where they are the same.
    pub fn changed(&self) -> Option<Arc<Issuers>> {
        // The sender is in the keyring that we hold.
        let changed = self.seen.borrow().has_changed().unwrap_or_default();
        changed.then(|| Arc::clone(&self.seen.borrow_mut().borrow_and_update()))
    }

    /// The issuers as they are now.
    pub fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(&self.seen.borrow().borrow())
    }

    /// Waits for a fetch of this issuer's keys that is under way or may be begun. Whether there was
    /// one: the keys may be others now. May be cancelled; the fetch goes on.
    pub async fn refreshed(&self, issuer: usize) -> bool {
        let Some(Some(keeper)) = self.ring.keepers.get(issuer) else {
            return false;
        };
        // A keeper that does not come back in its own time does not hold a caller up.
        timeout(FETCH_TIMEOUT, keeper.next_round()).await.unwrap_or_default()
    }
}
