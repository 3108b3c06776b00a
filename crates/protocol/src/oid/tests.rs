//! Names, elements and arrays belong together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn names() {
    let cases = [
        (INT4, Some("int4")),
        (TEXT_ARRAY, Some("_text")),
        (JSONB, Some("jsonb")),
        (TIMESTAMPTZ, Some("timestamptz")),
        (VOID, Some("void")),
        (UNKNOWN, Some("unknown")),
        (UNSPECIFIED, None),
        (16_384, None),
    ];
    for (oid, name) in cases {
        assert_eq!(type_name(oid), name, "{oid}");
    }
}

#[test]
fn every_type_and_its_array_know_each_other() {
    for oid in WITH_ARRAYS.iter().copied() {
        let array = array_of(oid).unwrap();
        assert_eq!(element_of(array), Some(oid));
        assert_eq!(array_of(array), None);
        assert_eq!(element_of(oid), None);
        assert_eq!(type_name(array).unwrap(), format!("_{}", type_name(oid).unwrap()));
    }
    assert!(WITH_ARRAYS.is_sorted());
}

#[test]
fn only_boxes_are_parted_by_semicolons() {
    let odd: Vec<u32> = WITH_ARRAYS.iter().copied().filter(|o| delimiter_of(*o) != b',').collect();
    assert_eq!(odd, [BOX]);
}
