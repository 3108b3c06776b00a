//! The times between two fetches.

use super::*;

#[test]
fn a_set_is_fresh_as_long_as_issuer_and_operator_say() {
    for (max_age, refresh, expected) in [
        (None, 300, 300),
        (Some(0), 300, 30),
        (Some(29), 300, 30),
        (Some(60), 300, 60),
        (Some(21_600), 300, 300),
        (Some(u64::MAX), 300, 300),
        (Some(0), 1, 1),
        (None, 1, 1),
    ] {
        let max_age = max_age.map(Duration::from_secs);
        let found = fresh_for(max_age, Duration::from_secs(refresh));
        assert_eq!(found.as_secs(), expected, "{max_age:?} {refresh}");
    }
}

#[test]
fn failures_are_repeated_ever_later() {
    let waits = [1, 2, 3, 4, 5, 6, 7, 32, 33, 34, u32::MAX].map(|n| retry_after(n).as_secs());
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
}

#[test]
fn asking_has_its_own_interval() {
    let now = Instant::now();
    assert!(Round::default().may_ask(now));
    let asked = Round { asks_from: Some(now + ASK_INTERVAL), ..Round::default() };
    assert!(!asked.may_ask(now) && asked.may_ask(now + ASK_INTERVAL));
}
