//! Values in the formats that drivers ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn values_in_binary() {
    let cases: [(Holds, &str, &[u8]); 7] = [
        (Holds::Text, "a", b"a"),
        (Holds::Int, "258", &[0, 0, 1, 2]),
        (Holds::Long, "258", &[0, 0, 0, 0, 0, 0, 1, 2]),
        (Holds::Numeric, "0", &[0, 0, 0, 0, 0, 0, 0, 0]),
        (Holds::Numeric, "7", &[0, 1, 0, 0, 0, 0, 0, 0, 0, 7]),
        (Holds::Numeric, "10000", &[0, 2, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]),
        (Holds::Numeric, "123456789", &[0, 3, 0, 2, 0, 0, 0, 0, 0, 1, 9, 41, 26, 133]),
    ];
    for (holds, text, expected) in cases {
        assert_eq!(binary(holds, text), expected, "{holds:?} {text}");
    }
}

#[test]
fn formats_are_for_all_or_for_each() {
    let cases: [(&[bool], Option<[bool; 3]>); 4] = [
        (&[], Some([false, false, false])),
        (&[true], Some([true, true, true])),
        (&[true, false, true], Some([true, false, true])),
        (&[true, false], None),
    ];
    for (asked, expected) in cases {
        let formats = Formats::new(asked.to_vec(), 3);
        let seen = formats.map(|formats| [0, 1, 2].map(|index| formats.is_binary(index)));
        assert_eq!(seen, expected, "{asked:?}");
    }
}
