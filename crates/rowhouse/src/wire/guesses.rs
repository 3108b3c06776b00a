//! Wrong passwords: who has given too many waits, and nobody else does.
//!
//! Three counts, each a time until which it is in debt (GCRA), so that forgetting costs nothing:
//!
//! - of an address: a flood of guesses at many names is refused before anything is looked up;
//! - of a name from an address, at a third of that: the same for one name;
//! - of a name from anywhere: this one only delays the refusal. Who is guessed at from elsewhere
//!   comes in as before, or a name would be all it takes to keep its owner out.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What `wire.failed_logins_max` is counted over.
const WINDOW: Duration = Duration::from_secs(60);
/// One name from one address may have this part of what the address may have.
const NAME_SHARE: u32 = 3;
/// How much later each failure of a name is told than the one before it.
const DELAY_STEP: Duration = Duration::from_millis(50);
/// Nobody waits longer for a refusal: it holds a place of `wire.connections_max`.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// How long a failure of a name makes the next ones slower.
const NAME_MEMORY: Duration = Duration::from_secs(3);
/// Counts kept in one generation; two are kept. Some tens of bytes each.
const COUNTS_MAX: usize = 16_384;
/// Whoever has one address of IPv6 has its whole network of 64 bits (RFC 6177).
const NETWORK_BITS: u32 = 64;

/// What all shards remember.
#[derive(Default)]
pub struct Guesses {
    counts: Mutex<Counts>,
    /// Names are kept as hashes that nobody outside can choose.
    hasher: RandomState,
}

/// Until when each count is in debt.
#[derive(Default)]
struct Counts {
    recent: HashMap<Key, Instant>,
    older: HashMap<Key, Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Pair(IpAddr, u64),
    Name(u64),
}

/// Somebody at the door: from where, by which name, and how many failures a minute may have.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// From where.
    pub address: IpAddr,
    /// By which name.
    pub name: &'a str,
    /// `wire.failed_logins_max`; 0 for any number.
    pub failures_max: usize,
}

impl Guesses {
    /// Whether a caller may try; otherwise when it may again.
    pub fn check(&self, caller: Caller<'_>, now: Instant) -> Result<(), Duration> {
        let mut counts = self.lock();
        for (key, spacing) in self.limits(caller).into_iter().flatten() {
            let after = counts.debt(key, now) + spacing;
            if after > WINDOW {
                return Err(after - WINDOW);
            }
        }
        Ok(())
    }

    /// A caller has failed; when it is to be told.
    pub fn note(&self, caller: Caller<'_>, now: Instant) -> Duration {
        let mut counts = self.lock();
        for (key, spacing) in self.limits(caller).into_iter().flatten() {
            counts.charge(key, spacing, now);
        }
        let failures = counts.charge(Key::Name(self.hash(caller.name)), NAME_MEMORY, now);
        let failures = failures.as_millis().div_ceil(NAME_MEMORY.as_millis());
        let steps = u32::try_from(failures).unwrap_or(u32::MAX);
        DELAY_STEP.saturating_mul(steps).min(DELAY_MAX)
    }

    /// A caller has come in: by this name, what was wrong before is forgotten. What else came from
    /// its address is not, or one password of one's own would pay for guesses at others'.
    pub fn forgive(&self, caller: Caller<'_>) {
        let key = Key::Pair(network(caller.address), self.hash(caller.name));
        let mut counts = self.lock();
        counts.recent.remove(&key);
        counts.older.remove(&key);
    }

    /// What refuses, and how long each failure counts.
    fn limits(&self, caller: Caller<'_>) -> [Option<(Key, Duration)>; 2] {
        let Some(of_address) = u32::try_from(caller.failures_max).ok().filter(|max| *max > 0)
        else {
            return [None, None];
        };
        let address = network(caller.address);
        let of_pair = (of_address / NAME_SHARE).max(1);
        let pair = Key::Pair(address, self.hash(caller.name));
        [Some((Key::Address(address), WINDOW / of_address)), Some((pair, WINDOW / of_pair))]
    }

    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Nothing in here can be half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn debt(&mut self, key: Key, now: Instant) -> Duration {
        let until = self.recent.get(&key).or_else(|| self.older.get(&key));
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// One failure more, and what the debt is then. Beyond the window there is nothing to add: who
    /// is refused anyway is not kept out for longer.
    fn charge(&mut self, key: Key, spacing: Duration, now: Instant) -> Duration {
        let debt = (self.debt(key, now) + spacing).min(WINDOW.max(spacing));
        if self.recent.len() >= COUNTS_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, now + debt);
        debt
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> NETWORK_BITS << NETWORK_BITS))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests;
