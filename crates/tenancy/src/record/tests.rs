//! What may stand in a record.
#![allow(clippy::unwrap_used)]

use super::InvalidText::{ControlCharacter, Empty, TooLong};
use super::*;

#[test]
fn names_are_one_short_line() {
    let (fits, long) = ("ü".repeat(200), "ü".repeat(201));
    let cases = [
        ("Acme GmbH", Ok("Acme GmbH")),
        ("  Müller & Söhne ", Ok("Müller & Söhne")),
        (&fits, Ok(fits.as_str())),
        (&long, Err(TooLong(200))),
        ("", Err(Empty)),
        (" \u{a0}", Err(Empty)),
        ("a\nb", Err(ControlCharacter)),
        ("a\u{1b}[2J", Err(ControlCharacter)),
        ("a\0", Err(ControlCharacter)),
    ];
    for (text, expected) in cases {
        assert_eq!(checked_name(text), expected.map(str::to_owned), "{text:?}");
    }
}

#[test]
fn a_suspension_says_why() {
    let suspended = State::suspended(" invoice 7 is open ").unwrap();
    assert_eq!((suspended.as_str(), suspended.reason()), ("suspended", Some("invoice 7 is open")));
    assert_eq!((State::Active.as_str(), State::Active.reason()), ("active", None));
    assert_eq!(State::suspended(" "), Err(Empty));
    assert_eq!(State::suspended(&"x".repeat(501)), Err(TooLong(500)));
}
