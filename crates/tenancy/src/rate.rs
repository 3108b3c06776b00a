//! How often somebody may ask: the generic cell rate algorithm, with the time as an argument.
//!
//! One number stands for the past: the theoretical arrival time, when a caller that had kept to its
//! rate would come next (ITU-T I.371, Annex A). A request that comes earlier than its burst allows
//! is refused and changes nothing. What a request has cost can be charged afterwards as well.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// So many in a second on average, and so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What one of them takes of the time, in nanoseconds.
    interval: u64,
    /// How many at once.
    burst: u32,
}

/// What has been used of a rate: the theoretical arrival time, in nanoseconds since the beginning
/// of a clock that never goes back. Shared by all threads.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

/// What becomes of a request, and what is left for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may go on.
    pub granted: bool,
    /// How many more may come at once now.
    pub remaining: u32,
    /// How long until all of the burst is there again.
    pub refilled_in: Duration,
    /// How long until one may come; zero where one may.
    pub retry_in: Duration,
}

impl Rate {
    /// A rate. Nought of either would refuse everything for good: it counts as one.
    pub fn new(per_second: u32, burst: u32) -> Rate {
        Rate { interval: NANOS_PER_SECOND / u64::from(per_second.max(1)), burst: burst.max(1) }
    }

    /// How many may come at once.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// In which time as many come as at once.
    pub fn window(self) -> Duration {
        Duration::from_nanos(self.tolerance())
    }

    fn tolerance(self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst))
    }

    fn standing(self, granted: bool, arrival: u64, now: u64) -> Standing {
        let debt = arrival.saturating_sub(now);
        let room = self.tolerance().saturating_sub(debt);
        let remaining = u32::try_from(room / self.interval.max(1)).unwrap_or(u32::MAX);
        let missing = debt.saturating_add(self.interval).saturating_sub(self.tolerance());
        Standing {
            granted,
            remaining,
            refilled_in: Duration::from_nanos(debt),
            retry_in: Duration::from_nanos(if remaining == 0 { missing } else { 0 }),
        }
    }
}

impl Meter {
    /// Asks for one, at `now` nanoseconds.
    pub fn ask(&self, rate: Rate, now: u64) -> Standing {
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let next = arrival.max(now).saturating_add(rate.interval);
            if next.saturating_sub(now) > rate.tolerance() {
                return rate.standing(false, arrival, now);
            }
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return rate.standing(true, next, now),
                Err(other) => arrival = other,
            }
        }
    }

    /// How things stand, without asking for anything.
    pub fn look(&self, rate: Rate, now: u64) -> Standing {
        let standing = rate.standing(true, self.0.load(Ordering::Relaxed), now);
        Standing { granted: standing.remaining > 0, ..standing }
    }

    /// Charges for `count` of them, granted or not: what has been used is used.
    pub fn charge(&self, rate: Rate, now: u64, count: u64) {
        let cost = rate.interval.saturating_mul(count);
        let charged = |arrival: u64| Some(arrival.max(now).saturating_add(cost));
        // The closure never declines.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    }
}

#[cfg(test)]
mod tests;
