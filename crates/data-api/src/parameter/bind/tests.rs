//! Statements and values as they go to PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Bytes;
use proptest::prelude::*;
use rowhouse_protocol::oid;

use super::super::{SqlParameter, TypeHint, Value};
use super::{bind, bind_sets, double_text};
use crate::fault::Exception;

fn parameter(name: &str, value: Value, type_hint: Option<TypeHint>) -> SqlParameter {
    SqlParameter { name: name.to_owned(), value, type_hint }
}

fn long(name: &str, value: i64) -> SqlParameter {
    parameter(name, Value::Long(value), None)
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn types_and_values() {
    let hint = Some;
    for (value, hint, type_oid, fallback, bytes) in [
        (Value::Null, None, 0, oid::TEXT, None),
        (Value::Null, hint(TypeHint::Uuid), 0, oid::TEXT, None),
        (Value::Null, hint(TypeHint::Json), 0, oid::JSONB, None),
        (Value::Boolean(true), None, oid::BOOL, oid::BOOL, Some("t")),
        (Value::Boolean(false), None, oid::BOOL, oid::BOOL, Some("f")),
        (Value::Long(-5), None, oid::INT8, oid::INT8, Some("-5")),
        (Value::Long(5), hint(TypeHint::Date), oid::INT8, oid::INT8, Some("5")),
        (Value::Double(0.1), None, oid::FLOAT8, oid::FLOAT8, Some("0.1")),
        (text("x"), None, 0, oid::TEXT, Some("x")),
        (text(""), None, 0, oid::TEXT, Some("")),
        (text("{}"), hint(TypeHint::Json), 0, oid::JSONB, Some("{}")),
        (text("1.5"), hint(TypeHint::Decimal), oid::NUMERIC, oid::NUMERIC, Some("1.5")),
        (text("d"), hint(TypeHint::Date), oid::DATE, oid::DATE, Some("d")),
        (text("t"), hint(TypeHint::Time), oid::TIME, oid::TIME, Some("t")),
        (text("t"), hint(TypeHint::Timestamp), oid::TIMESTAMP, oid::TIMESTAMP, Some("t")),
        (text("u"), hint(TypeHint::Uuid), oid::UUID, oid::UUID, Some("u")),
    ] {
        let bound = bind("select :a", &[parameter("a", value, hint)]).unwrap();
        assert_eq!((&*bound.sql, &bound.types[..]), ("select $1", &[type_oid][..]));
        assert_eq!(bound.values[0].fallback_type, fallback);
        assert_eq!(bound.values[0].value.as_deref(), bytes.map(str::as_bytes));
        assert!(!bound.values[0].binary);
    }
}

#[test]
fn blobs_go_in_binary() {
    let blob = Value::Blob(Bytes::from_static(b"\x00\xff"));
    let bound = bind("select :a", &[parameter("a", blob, None)]).unwrap();
    assert_eq!((bound.types[0], bound.values[0].binary), (oid::BYTEA, true));
    assert_eq!(bound.values[0].value.as_deref(), Some(&b"\x00\xff"[..]));
}

#[test]
fn doubles() {
    for (value, text) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "Infinity"),
        (f64::NEG_INFINITY, "-Infinity"),
        (10.0, "10.0"),
        (-0.0, "-0.0"),
        (1e300, "1e300"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(double_text(value), text);
    }
}

#[test]
fn names_become_numbers() {
    let given = [long("b", 2), long("unused", 3), long("1", 1), long("a", 0)];
    for (sql, numbered, values) in [
        ("select 1", "select 1", &[][..]),
        ("select :a", "select $1", &["0"]),
        ("select :b, :a, :b", "select $1, $2, $1", &["2", "0"]),
        ("select :1::text, x[1:2]", "select $1::text, x[1:2]", &["1"]),
        ("select ':a', \":a\" -- :a", "select ':a', \":a\" -- :a", &[]),
    ] {
        let bound = bind(sql, &given).unwrap();
        let found: Vec<_> = bound.values.iter().map(|value| value.value.clone().unwrap()).collect();
        assert_eq!(
            (&*bound.sql, found),
            (numbered, values.iter().copied().map(Bytes::from).collect())
        );
    }
}

#[test]
fn positions_lead_back_to_the_callers_text() {
    let bound = bind("select :long_name + x", &[long("long_name", 1)]).unwrap();
    assert_eq!(&*bound.sql, "select $1 + x");
    assert_eq!(bound.original_position(1), 1);
    assert_eq!(bound.original_position(13), 21);
    let untouched = bind("select x", &[]).unwrap();
    assert_eq!(untouched.original_position(8), 8);
}

#[test]
fn names_without_a_value_and_with_two() {
    let missing = bind("select :missing", &[long("Missing", 1)]).unwrap_err();
    assert_eq!(missing.exception, Exception::Validation);
    assert_eq!(missing.message, "Cannot find parameter: missing");
    let twice = bind("select 1", &[long("a", 1), long("a", 1)]).unwrap_err();
    assert_eq!(twice.exception, Exception::Validation);
}

#[test]
fn sets_share_one_text() {
    let sets = [
        vec![long("a", 1), long("b", 2)],
        vec![parameter("a", Value::Null, None), long("b", 3)],
        vec![long("b", 5), long("unused", 6), long("a", 4)],
    ];
    let bound = bind_sets("values (:a, :b)", &sets).unwrap();
    assert_eq!(bound.len(), 3);
    for statement in &bound {
        assert_eq!(&*statement.sql, "values ($1, $2)");
        assert!(std::ptr::eq(&raw const *bound[0].sql, &raw const *statement.sql));
    }
    assert_eq!(bound[1].types, [0, oid::INT8]);
    assert_eq!(bound[2].values[0].value.as_deref(), Some(&b"4"[..]));
    assert_eq!(bound[2].values.len(), 2);
    assert!(bind_sets("values (:a)", &[]).unwrap().is_empty());
}

#[test]
fn a_set_that_lacks_a_name_or_has_it_twice() {
    let first = vec![long("a", 1), long("b", 2)];
    for (set, message) in [
        (vec![], "Cannot find parameter: a"),
        (vec![long("a", 1)], "Cannot find parameter: b"),
        (vec![long("b", 1), long("b", 1)], "The parameter b is given more than once. Remove one"),
    ] {
        let fault = bind_sets("values (:a, :b)", &[first.clone(), set]).unwrap_err();
        assert_eq!((fault.exception, fault.message.as_str()), (Exception::Validation, message));
    }
}

proptest! {
    #[test]
    fn a_double_reads_back_as_itself(value in any::<f64>()) {
        let text = String::from_utf8(double_text(value).to_vec()).unwrap();
        let read: f64 = text.parse().unwrap();
        prop_assert!(read == value || (read.is_nan() && value.is_nan()));
    }

    #[test]
    fn nothing_panics(sql in r#"[:a-c0-2 '"$\[\]\-/*é]{0,40}"#) {
        let _ = bind(&sql, &[long("a", 1), long("1", 2)]);
    }
}
