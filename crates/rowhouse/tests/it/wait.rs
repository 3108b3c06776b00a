//! Waiting for something that can only be looked at.

use std::time::{Duration, Instant};

/// Between two looks: short for a person, long for the processes that are waited for.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until there is something to see; fails when there is nothing in time.
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        pause(LOOK);
    }
}

/// The same for a condition.
pub fn until_true(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    until(what, within, || holds().then_some(()));
}

/// Stands still. The caller says why there is no event to wait for.
#[allow(clippy::disallowed_methods, reason = "tests have threads of their own, and no shard")]
pub fn pause(time: Duration) {
    // The one sleep of the suite: what is waited for sends no event.
    std::thread::sleep(time);
}
