//! How long a property is tried: a few seconds of the same cases each time, more when asked for.

use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

/// Seconds for each property, for whoever looks for more than CI has time for.
const SECONDS: &str = "ROWHOUSE_PROPERTY_SECONDS";
/// What CI has time for.
const SECONDS_DEFAULT: u64 = 3;
/// Cases between two looks at the clock.
const ROUND: u32 = 64;

/// Tries a property on generated values until the time is over; the values are the same each time,
/// so that what fails once fails again. Gives the number of values.
#[track_caller]
pub fn spend<S>(strategy: &S, mut holds: impl FnMut(S::Value) -> Result<(), TestCaseError>) -> u32
where
    S: Strategy,
    S::Value: Clone,
{
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok());
    let deadline = Instant::now() + Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT));
    let mut rounds = 0;
    while Instant::now() < deadline {
        rounds += 1;
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&u32::to_le_bytes(rounds));
        let config = Config {
            cases: ROUND,
            failure_persistence: None,
            max_shrink_iters: 2000,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(config, rng);
        // The runner wants a function without a state of its own; the connection has one.
        let holds = std::cell::RefCell::new(&mut holds);
        match runner.run(strategy, |value| (holds.borrow_mut())(value)) {
            Ok(()) => {}
            Err(TestError::Fail(why, value)) => panic!("{why}\nfor {value:?}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    }
    rounds * ROUND
}
