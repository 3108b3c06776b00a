//! Which misspellings are recognised.

use super::*;

#[test]
fn the_nearest_known_word_is_found() {
    let known = ["listen", "shards", "connections_max", "idle_timeout"];
    for (word, expected) in [
        ("listne", Some("listen")),
        ("shard", Some("shards")),
        ("max_connections", None),
        ("connection_max", Some("connections_max")),
        ("idle-timeout", Some("idle_timeout")),
        ("", None),
        ("x", None),
    ] {
        assert_eq!(nearest(word, known), expected, "{word}");
    }
    assert_eq!(nearest(&"a".repeat(100_000), known), None);
}

#[test]
fn edits_are_counted() {
    for (from, to, expected) in [("", "", 0), ("a", "", 1), ("", "ab", 2), ("kitten", "sitting", 3)]
    {
        assert_eq!(edits(from, to), expected, "{from} {to}");
    }
}
