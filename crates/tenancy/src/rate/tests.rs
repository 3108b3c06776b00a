//! The arithmetic of rates, by the millisecond.

use std::time::Duration;

use super::{Meter, Rate};

const MS: u64 = 1_000_000;

/// Rate and burst, when requests come (ms), and which of them may go on.
const CASES: &[(u32, u32, &[u64], &str)] = &[
    // A burst at once, and then nothing.
    (10, 3, &[0, 0, 0, 0, 0], "yyynn"),
    // One interval later there is one again, not two.
    (10, 3, &[0, 0, 0, 100, 100], "yyyyn"),
    // A pause brings back no more than the burst.
    (10, 3, &[0, 0, 0, 100_000, 100_000, 100_000, 100_000], "yyyyyyn"),
    // Who keeps to the rate is never refused.
    (10, 1, &[0, 100, 200, 300, 400], "yyyyy"),
    // Who comes early is refused and loses nothing by it.
    (10, 1, &[0, 50, 90, 100, 150, 200], "ynnyny"),
    // Nought is one: a limit that refuses everything is a suspension, which has its own word.
    (0, 0, &[0, 500, 1000], "yny"),
];

#[test]
fn requests_are_granted_by_rate_and_burst() {
    for (per_second, burst, arrivals, expected) in CASES {
        let (rate, meter) = (Rate::new(*per_second, *burst), Meter::default());
        let granted = arrivals.iter().map(|at| meter.ask(rate, 1_000 * MS + at * MS).granted);
        let told: String = granted.map(|granted| if granted { 'y' } else { 'n' }).collect();
        assert_eq!(&told, expected, "{per_second}/s, {burst} at once, at {arrivals:?}");
    }
}

#[test]
fn a_refusal_says_when_to_come_again_and_is_right() {
    let (rate, meter) = (Rate::new(4, 2), Meter::default());
    assert_eq!(meter.ask(rate, 0).remaining, 1);
    assert_eq!(meter.ask(rate, 0).remaining, 0);
    let refused = meter.ask(rate, 100 * MS);
    assert!(!refused.granted);
    assert_eq!(refused.retry_in, Duration::from_millis(150));
    assert_eq!(refused.refilled_in, Duration::from_millis(400));
    assert!(!meter.ask(rate, 249 * MS).granted);
    assert!(meter.ask(rate, 250 * MS).granted);
}

#[test]
fn what_is_charged_afterwards_is_paid_back_first() {
    let (rate, meter) = (Rate::new(1000, 1000), Meter::default());
    assert!(meter.look(rate, 0).granted);
    // Three seconds' worth, of which one second may be owed.
    meter.charge(rate, 0, 3000);
    assert!(!meter.look(rate, 0).granted);
    // A millisecond beyond what may be owed.
    assert_eq!(meter.look(rate, 0).retry_in, Duration::from_millis(2001));
    assert!(!meter.look(rate, 1999 * MS).granted);
    assert!(meter.look(rate, 2001 * MS).granted);
    assert_eq!(meter.look(rate, 9000 * MS).remaining, 1000);
}

#[test]
fn the_ends_of_the_clock_are_no_trouble() {
    let (rate, meter) = (Rate::new(1, u32::MAX), Meter::default());
    assert!(meter.ask(rate, u64::MAX).granted);
    meter.charge(rate, u64::MAX, u64::MAX);
    meter.look(rate, 0);
    assert_eq!(Rate::new(u32::MAX, 1).window(), Duration::ZERO);
    assert!(Meter::default().ask(Rate::new(u32::MAX, 1), 5).granted);
}
