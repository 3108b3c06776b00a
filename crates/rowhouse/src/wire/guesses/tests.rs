//! Who is refused, for how long, and who is not.
#![allow(clippy::unwrap_used)]

use super::*;

const MAX: usize = 30;

fn caller<'a>(address: &str, name: &'a str) -> Caller<'a> {
    Caller { address: address.parse().unwrap(), name, failures_max: MAX }
}

/// How many guesses of a series are let through.
fn tried(guesses: &Guesses, callers: impl Iterator<Item = Caller<'static>>, now: Instant) -> usize {
    callers
        .filter(|caller| {
            let may = guesses.check(*caller, now).is_ok();
            if may {
                guesses.note(*caller, now);
            }
            may
        })
        .count()
}

#[test]
fn a_name_from_an_address_has_a_third_of_what_the_address_has() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let one = || std::iter::repeat_n(caller("192.0.2.1", "one"), 1000);
    assert_eq!(tried(&guesses, one(), now), MAX / 3);
    let wait = guesses.check(caller("192.0.2.1", "one"), now).unwrap_err();
    assert_eq!(wait, Duration::from_secs(6));
    // The same name from elsewhere, and another name from there.
    assert!(guesses.check(caller("192.0.2.2", "one"), now).is_ok());
    assert!(guesses.check(caller("192.0.2.1", "two"), now).is_ok());
    // Later there is one more, and after a minute as many as at first.
    assert_eq!(tried(&guesses, one(), now + wait), 1);
    assert_eq!(tried(&guesses, one(), now + wait + WINDOW), MAX / 3);
}

#[test]
fn names_from_one_address_are_counted_together() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let names = ["a", "b", "c", "d", "e"].into_iter().cycle().take(1000);
    assert_eq!(tried(&guesses, names.map(|name| caller("2001:db8::1", name)), now), MAX);
    // The whole network is one address; the next one is another; IPv4 in IPv6 is IPv4.
    assert!(guesses.check(caller("2001:db8::ffff:1", "x"), now).is_err());
    assert!(guesses.check(caller("2001:db8:0:1::1", "x"), now).is_ok());
    let mapped = std::iter::repeat_n(caller("::ffff:192.0.2.1", "one"), 1000);
    assert_eq!(tried(&guesses, mapped, now), MAX / 3);
    assert!(guesses.check(caller("192.0.2.1", "one"), now).is_err());
}

#[test]
fn a_refusal_comes_later_each_time_wherever_it_comes_from() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let addresses = (1..=200).map(|n| format!("192.0.2.{n}"));
    let delays: Vec<Duration> =
        addresses.map(|address| guesses.note(caller(&address, "one"), now)).collect();
    assert_eq!(delays[..3], [DELAY_STEP, DELAY_STEP * 2, DELAY_STEP * 3]);
    assert!(delays.is_sorted() && delays.iter().all(|delay| *delay <= DELAY_MAX));
    assert_eq!(guesses.note(caller("192.0.2.201", "two"), now), DELAY_STEP);
}

#[test]
fn who_comes_in_is_forgiven_by_this_name_only() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let one = caller("192.0.2.1", "one");
    for _ in 0..MAX {
        guesses.note(one, now);
        guesses.note(Caller { name: "two", ..one }, now);
        guesses.forgive(one);
    }
    assert!(guesses.check(one, now).is_err(), "the address has its own");
    assert!(guesses.check(one, now + WINDOW).is_ok());
}

#[test]
fn without_a_limit_nobody_is_refused() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    let any = Caller { failures_max: 0, ..caller("192.0.2.1", "one") };
    assert_eq!(tried(&guesses, std::iter::repeat_n(any, 1000), now), 1000);
    assert_eq!(guesses.note(any, now), DELAY_MAX);
}

#[test]
fn memory_is_bounded() {
    let (guesses, now) = (Guesses::default(), Instant::now());
    for number in 0..3 * COUNTS_MAX {
        let name = number.to_string();
        guesses.note(Caller { name: &name, ..caller("192.0.2.1", "") }, now);
    }
    let counts = guesses.lock();
    assert!(counts.recent.len() <= COUNTS_MAX && counts.older.len() <= COUNTS_MAX);
}
