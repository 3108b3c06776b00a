//! What `node --version` prints.

use super::version;

#[test]
fn versions() {
    for (text, expected) in [
        ("v20.19.2\n", Some((20, 19))),
        ("v22.0.0-nightly2024", Some((22, 0))),
        ("20.19.2", None),
        ("v20", None),
        ("", None),
    ] {
        assert_eq!(version(text), expected, "{text}");
    }
}
