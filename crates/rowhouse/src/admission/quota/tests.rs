//! Days and months by the calendar, and what is left of them.

use super::{Quota, Today};

/// A second (Unix time), the seconds left of its day and those of its month.
const CASES: &[(u64, u64, u64)] = &[
    // 1970-01-01T00:00:00Z
    (0, 86_400, 31 * 86_400),
    // 2026-11-21T18:27:23Z
    (1_795_285_643, 19_957, 9 * 86_400 + 19_957),
    // 2024-02-29T23:59:59Z, a leap day
    (1_709_251_199, 1, 1),
    // 2026-12-31T23:00:00Z
    (1_798_758_000, 3_600, 3_600),
];

#[test]
fn days_and_months_end_when_the_calendar_says() {
    for (now, day_left, month_left) in CASES {
        let today = Today::at(*now);
        assert_eq!((today.day_left(), today.month_left()), (*day_left, *month_left), "{now}");
    }
}

#[test]
fn a_month_has_one_number_and_the_next_another() {
    let december = Today::at(1_798_758_000);
    let january = Today::at(1_798_758_000 + 3_600);
    assert_eq!(december.month + 1, january.month);
    assert_eq!(Today::at(1_798_758_000 - 86_400).month, december.month);
}

#[test]
fn a_quota_is_taken_whole_and_begins_anew() {
    let quota = Quota::default();
    let taken = (0..5).filter(|_| quota.take(7, 3)).count();
    assert_eq!((taken, quota.left(7, 3)), (3, 0));
    quota.give_back();
    assert_eq!(quota.left(7, 3), 1);
    assert!(quota.take(8, 3));
    assert_eq!(quota.left(8, 3), 2);
}
