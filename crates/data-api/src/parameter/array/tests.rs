//! Arrays as PostgreSQL reads them, and that the reader of its own arrays reads them back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;
use rowhouse_protocol::oid;
use rowhouse_protocol::text::{Element, parse_array};

use super::ArrayValue::{self, Arrays, Booleans, Doubles, Longs, Strings};
use crate::parameter::TypeHint;

fn strings(values: &[Option<&str>]) -> ArrayValue {
    Strings(values.iter().map(|value| value.map(str::to_owned)).collect())
}

#[test]
fn texts() {
    for (array, text) in [
        (Longs(vec![Some(1), None, Some(i64::MIN)]), "{1,NULL,-9223372036854775808}"),
        (Longs(vec![]), "{}"),
        (Booleans(vec![Some(true), Some(false), None]), "{t,f,NULL}"),
        (Doubles(vec![Some(0.1), Some(f64::NAN), Some(f64::NEG_INFINITY)]), "{0.1,NaN,-Infinity}"),
        (strings(&[Some("a"), Some(""), None, Some("NULL")]), r#"{"a","",NULL,"NULL"}"#),
        (strings(&[Some(r#"a"b\{},"#)]), r#"{"a\"b\\{},"}"#),
        (Arrays(vec![Longs(vec![Some(1)]), Longs(vec![Some(2)])]), "{{1},{2}}"),
        (Arrays(vec![]), "{}"),
    ] {
        assert_eq!(array.text(), text);
    }
}

#[test]
fn types_of_elements() {
    let uuid = Some(TypeHint::Uuid);
    for (array, hint, element) in [
        (Longs(vec![]), uuid, Some(oid::INT8)),
        (Doubles(vec![]), None, Some(oid::FLOAT8)),
        (Booleans(vec![]), None, Some(oid::BOOL)),
        (strings(&[]), None, Some(oid::TEXT)),
        (strings(&[]), uuid, Some(oid::UUID)),
        (strings(&[]), Some(TypeHint::Json), Some(oid::JSONB)),
        (Arrays(vec![Arrays(vec![Longs(vec![])])]), None, Some(oid::INT8)),
        (Arrays(vec![Longs(vec![]), strings(&[])]), None, None),
        (Arrays(vec![]), None, Some(oid::TEXT)),
    ] {
        assert_eq!(array.element_type(hint), element, "{array:?}");
    }
}

fn element(value: Option<String>) -> Element<'static> {
    Element::Item(value.map(Cow::Owned))
}

/// What the reader should find.
fn elements(array: &ArrayValue) -> Vec<Element<'static>> {
    let of = |value: &Option<f64>| element(value.map(|value| format!("{value:?}")));
    match array {
        Booleans(values) => values
            .iter()
            .map(|value| element(value.map(|value| if value { "t" } else { "f" }.to_owned())))
            .collect(),
        Longs(values) => values.iter().map(|v| element(v.map(|v| v.to_string()))).collect(),
        Doubles(values) => values.iter().map(of).collect(),
        Strings(values) => values.iter().map(|value| element(value.clone())).collect(),
        Arrays(arrays) => arrays.iter().map(|array| Element::Array(elements(array))).collect(),
    }
}

fn any_array() -> impl Strategy<Value = ArrayValue> {
    let text = prop_oneof![any::<String>(), r#"[{}",\\ nNuUlL\t]{0,6}"#];
    let finite = any::<f64>().prop_filter("spelled otherwise", |value| value.is_finite());
    let flat = prop_oneof![
        vec(any::<Option<bool>>(), 0..5).prop_map(Booleans),
        vec(any::<Option<i64>>(), 0..5).prop_map(Longs),
        vec(proptest::option::of(finite), 0..5).prop_map(Doubles),
        vec(proptest::option::of(text), 0..5).prop_map(Strings),
    ];
    flat.prop_recursive(5, 64, 4, |inner| vec(inner, 0..4).prop_map(Arrays))
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(array in any_array()) {
        let text = array.text();
        let text = std::str::from_utf8(&text).unwrap();
        prop_assert_eq!(parse_array(text, b',').unwrap(), elements(&array));
    }
}
