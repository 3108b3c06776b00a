//! Codes are five characters, named once, in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{NAMED, SqlState};

#[test]
fn only_five_digits_and_capitals_are_a_code() {
    assert_eq!(SqlState::from_bytes(b"42P01"), Some(SqlState::UNDEFINED_TABLE));
    for bad in [&b""[..], b"4201", b"420011", b"42p01", b"42 01", b"42\xff01", b"42P0\0"] {
        assert_eq!(SqlState::from_bytes(bad), None, "{bad:?}");
    }
}

#[test]
fn named_codes_are_codes_in_order() {
    for code in NAMED {
        assert_eq!(SqlState::from_bytes(code.as_bytes()), Some(*code));
    }
    assert!(NAMED.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn text_and_class() {
    let code = SqlState::UNIQUE_VIOLATION;
    assert_eq!((code.as_str(), code.class(), code.to_string()), ("23505", "23", "23505".into()));
    assert_eq!(format!("{code:?}"), "23505");
}
