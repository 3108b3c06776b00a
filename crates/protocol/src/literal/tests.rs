//! What literals stand for, checked against PostgreSQL 15.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::scan::significant;

#[test]
fn values() {
    let cases = [
        ("'plain'", Some("plain")),
        ("''", Some("")),
        ("'it''s'", Some("it's")),
        ("N'x'", Some("x")),
        ("'a'\n'b'", Some("ab")),
        ("'a' -- ' '\n 'b'", Some("ab")),
        (r"'a\n'", Some(r"a\n")),
        (r"E'a\nb\t\\\'\x41\101\u00e4\U0001F600\q'", Some("a\nb\t\\'AAä😀q")),
        (r"E'\x4\1z\x'", Some("\u{4}\u{1}z\0")),
        (r"E'\uD800'", Some("\u{fffd}")),
        (r"E'\xff'", Some("\u{fffd}")),
        ("$$a'b$$", Some("a'b")),
        ("$t$a$$b$t$", Some("a$$b")),
        ("$$$$", Some("")),
        (r"U&'\0061'", None),
        ("B'1'", None),
        ("abc", None),
        ("'open", None),
    ];
    for (sql, expected) in cases {
        let token = significant(sql).next().unwrap();
        assert_eq!(value(&token).as_deref(), expected, "{sql}");
    }
}

#[test]
fn only_simple_literals_are_plain() {
    assert_eq!(plain("'a.b'"), Some("a.b"));
    for text in ["'a''b'", "'a'\n'b'", "E'a'", "N'a'", "'", ""] {
        assert_eq!(plain(text), None, "{text}");
    }
}
