//! Who goes next where not all can: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996),
//! with several served at once (Jin, Chase and Kaur, SIGMETRICS 2004).
//!
//! Everybody has a tag that grows with what they have been given, divided by their weight; who
//! waits goes in the order of these tags. Whoever was away begins at the tags of now, so nobody
//! saves up. The tags are shared by all threads, and each thread has a queue of its own: what
//! somebody was given by one counts in the queues of all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest weight, so that no product overflows.
pub const WEIGHT_MAX: u32 = 10_000;
/// One unit of cost at weight 1, in tags: so fine that it can be divided by any weight. 64 bits are
/// enough for 58 years in which one connection is held and waited for all the time.
const SCALE: u64 = 10_000;

/// The tags of now.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

/// One that shares: the tag behind what it was given.
#[derive(Debug, Default)]
pub struct Flow(AtomicU64);

/// A place among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    tag: u64,
    /// Among equals, who came first.
    number: u64,
}

/// Those that wait in one queue.
#[derive(Debug)]
pub struct Line<T> {
    waiting: BTreeMap<Place, T>,
    numbers: u64,
}

impl Clock {
    /// What has this tag is served now.
    pub fn serve(&self, tag: u64) {
        // Most often it is not news, and then nobody else's cache is disturbed.
        if self.0.load(Ordering::Relaxed) < tag {
            self.0.fetch_max(tag, Ordering::Relaxed);
        }
    }
}

impl Flow {
    /// Puts down a request of about this cost. Gives its tag.
    pub fn begin(&self, clock: &Clock, weight: u32, cost: u64) -> u64 {
        let now = clock.0.load(Ordering::Relaxed);
        let share = share(weight, cost);
        let put = |own: u64| Some(own.max(now).saturating_add(share));
        // The closure never declines, so both arms are what stood there before.
        let before = match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, put) {
            Ok(before) | Err(before) => before,
        };
        before.max(now)
    }

    /// The request has cost something else than it was put down for.
    pub fn settle(&self, weight: u32, expected: u64, actual: u64) {
        let change = |own: u64| {
            Some(if actual >= expected {
                own.saturating_add(share(weight, actual - expected))
            } else {
                own.saturating_sub(share(weight, expected - actual))
            })
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

fn share(weight: u32, cost: u64) -> u64 {
    cost.saturating_mul(SCALE) / u64::from(weight.clamp(1, WEIGHT_MAX))
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Line { waiting: BTreeMap::new(), numbers: 0 }
    }
}

impl<T> Line<T> {
    /// Joins those that wait.
    pub fn join(&mut self, tag: u64, who: T) -> Place {
        let place = Place { tag, number: self.numbers };
        self.numbers = self.numbers.wrapping_add(1);
        self.waiting.insert(place, who);
        place
    }

    /// Leaves without having been served.
    pub fn leave(&mut self, place: Place) -> Option<T> {
        self.waiting.remove(&place)
    }

    /// Who goes next, with the tag that the clock goes on to.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        self.waiting.pop_first().map(|(place, who)| (place.tag, who))
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests;
