//! Rows that somebody has written by hand, or another version.
#![allow(clippy::unwrap_used)]

use super::*;

fn read(columns: [Option<&str>; 6]) -> (Option<TenantRecord>, usize) {
    let mut odd = Vec::new();
    let row = columns.into_iter().map(|one| one.map(str::to_owned)).collect();
    (record(row, &mut odd), odd.len())
}

#[test]
fn a_plain_row() {
    let limits = r#"{"burst": 5}"#;
    let row = [Some("7"), Some("Acme"), Some("gold"), Some("active"), None, Some(limits)];
    let (record, odd) = read(row);
    let record = record.unwrap();
    assert_eq!((record.id.as_str(), record.name.as_deref(), odd), ("7", Some("Acme"), 0));
    assert_eq!(record.tier.as_ref().map(TierName::as_str), Some("gold"));
    assert_eq!((record.state, record.limits.burst), (State::Active, Some(5)));
}

#[test]
fn what_is_not_active_is_refused() {
    let long = "x".repeat(1000);
    let cases = [
        ("suspended", Some("unpaid"), "unpaid"),
        ("suspended", None, NO_REASON),
        ("suspended", Some("a\nb"), NO_REASON),
        ("suspended", Some(&long), NO_REASON),
        ("frozen", Some("by a newer version"), "by a newer version"),
        ("Active", None, NO_REASON),
        ("", None, NO_REASON),
    ];
    for (state, reason, told) in cases {
        let (record, _) = read([Some("7"), None, None, Some(state), reason, Some("{}")]);
        assert_eq!(record.unwrap().state.reason(), Some(told), "{state:?} {reason:?}");
    }
}

#[test]
fn what_cannot_be_read_is_said() {
    let active = Some("active");
    let cases = [
        ([Some(""), None, None, active, None, Some("{}")], false, 1),
        ([Some("a\nb"), None, None, active, None, Some("{}")], false, 1),
        ([None, None, None, None, None, None], false, 1),
        ([Some("7"), Some("a\u{1b}b"), None, active, None, Some("{}")], true, 0),
        ([Some("7"), None, Some("a\nb"), active, None, Some("{}")], true, 1),
        ([Some("7"), None, None, active, None, Some("[]")], true, 1),
        ([Some("7"), None, None, active, None, None], true, 1),
        ([Some("7"), None, None, active, None, Some(r#"{"a":1,"burst":0}"#)], true, 2),
    ];
    for (row, is_record, odd) in cases {
        let (record, told) = read(row);
        assert_eq!((record.is_some(), told), (is_record, odd), "{row:?}");
    }
}
