//! When a key set is fetched: at the start, when it is old, when a token names a key that is not in
//! it, and when an operator says so.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowhouse_tenancy::jwt::{Issuers, KeySet, Origin};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::fetch::{Fetched, fetch};
use crate::config::KeySetSource;
use crate::observe::{Event, Observer};

/// Anybody can name a key that does not exist; the issuer hears of it no more often than this.
const ASK_INTERVAL: Duration = Duration::from_secs(30);
/// A short `max-age` asks for a new fetch no earlier than this.
const REFRESH_MIN: Duration = Duration::from_secs(30);
/// After a failed fetch the next follows soon, then ever later.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// An issuer that is down is asked this often.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Fetches one key set, for good.
pub struct Keeper {
    /// The number of the issuer.
    pub number: usize,
    /// How log and metrics name it.
    pub name: String,
    /// The set.
    pub source: KeySetSource,
    /// Where its keys go.
    pub issuers: watch::Sender<Arc<Issuers>>,
    /// How shards reach it.
    pub shared: Arc<Shared>,
    /// Where its events go.
    pub observer: Observer,
}

/// What a keeper and the shards share.
#[derive(Default)]
pub struct Shared {
    asked: Notify,
    told: Notify,
    round: watch::Sender<Round>,
}

/// How far the fetching has come.
#[derive(Debug, Default, Clone, Copy)]
struct Round {
    /// Fetches that are over.
    over: u64,
    /// Whether one is under way.
    is_running: bool,
    /// Whether one has succeeded.
    has_fetched: bool,
    /// Before this, no key that is missing leads to a fetch.
    asks_from: Option<Instant>,
}

impl Keeper {
    /// Fetches until the process ends.
    pub async fn keep(self) {
        let mut failures = 0;
        loop {
            self.shared.round.send_modify(|round| round.is_running = true);
            let fetched = fetch(&self.source).await;
            let wait = match self.take(fetched) {
                Ok(max_age) => {
                    failures = 0;
                    fresh_for(max_age, self.source.refresh)
                }
                Err(reason) => {
                    failures += 1;
                    self.observer
                        .emit(&Event::KeysNotFetched { issuer: &self.name, reason: &*reason });
                    retry_after(failures).min(self.source.refresh)
                }
            };
            self.shared.round.send_modify(|round| {
                round.is_running = false;
                round.over += 1;
            });
            self.pause(Instant::now() + wait).await;
        }
    }

    /// Puts what was fetched in force; the answer's own word on its age comes back.
    fn take(
        &self,
        fetched: Result<Fetched, super::fetch::FetchError>,
    ) -> Result<Option<Duration>, Box<dyn std::error::Error>> {
        let fetched = fetched?;
        let set = KeySet::parse(&fetched.body, &self.source.allowed, Origin::Url)?;
        let keys = set.keys.len();
        let put = |issuers: &mut _| super::issuers_with(issuers, self.number, set.keys);
        let changed = self.issuers.send_if_modified(put);
        self.shared.round.send_modify(|round| round.has_fetched = true);
        self.observer.emit(&Event::KeysFetched {
            issuer: &self.name,
            keys,
            skipped: &set.skipped,
            changed,
            at: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        });
        Ok(fetched.max_age)
    }

    /// Waits until the next fetch is due, or somebody needs it who may.
    async fn pause(&self, due: Instant) {
        loop {
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.shared.told.notified() => return,
                () = self.shared.asked.notified() => {}
            }
            let now = Instant::now();
            let may_ask = self.shared.round.send_if_modified(|round| {
                let may_ask = round.may_ask(now);
                if may_ask {
                    round.asks_from = Some(now + ASK_INTERVAL);
                }
                may_ask
            });
            if may_ask {
                return;
            }
        }
    }
}

impl Shared {
    /// Waits until the first fetch is over.
    pub async fn first_round(&self) {
        // The sender is in `self`, so the wait does not fail.
        let _ = self.round.subscribe().wait_for(|round| round.over > 0).await;
    }

    /// Whether the keys were there once.
    pub fn has_fetched(&self) -> bool {
        self.round.borrow().has_fetched
    }

    /// Waits for the fetch that is under way, or asks for one and waits for that; false when there
    /// was one too short ago.
    pub async fn next_round(&self) -> bool {
        let mut rounds = self.round.subscribe();
        let round = *rounds.borrow_and_update();
        if !round.is_running {
            if !round.may_ask(Instant::now()) {
                return false;
            }
            self.asked.notify_one();
        }
        rounds.wait_for(|later| later.over > round.over).await.is_ok()
    }

    /// Fetches now.
    pub fn refetch(&self) {
        self.told.notify_one();
    }
}

impl Round {
    fn may_ask(&self, now: Instant) -> bool {
        self.asks_from.is_none_or(|from| now >= from)
    }
}

/// 1 s, 2 s, 4 s … up to the longest.
fn retry_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    RETRY_MIN.saturating_mul(doubled).min(RETRY_MAX)
}

/// Never longer than configured: that is how long a withdrawn key may do harm.
fn fresh_for(max_age: Option<Duration>, refresh: Duration) -> Duration {
    max_age.map_or(refresh, |age| age.max(REFRESH_MIN).min(refresh))
}

#[cfg(test)]
mod tests;
