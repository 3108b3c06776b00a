//! What is an id, and what is none.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn ids_come_back_and_differ() {
    let (one, other) = (new_key().unwrap(), new_key().unwrap());
    assert_ne!(one, other);
    for shard in [0, 1, 255, 256, 65535] {
        let id = encode(shard, &one);
        assert!(id.starts_with('A') && id.len() <= 192, "{id}");
        assert_eq!(decode(&id), Some((shard, one)));
    }
}

#[test]
fn everything_else_is_none() {
    let id = encode(1, &new_key().unwrap());
    let cases =
        ["", "A", "nonsense", "AAAA", "\u{0}", &id[1..], &format!("{id}A"), &"A".repeat(5000)];
    for case in cases {
        assert_eq!(decode(case), None, "{case}");
    }
    assert_eq!(decode(&STANDARD.encode([7; BYTES])), None);
}
