//! Values written as PostgreSQL writes them come out as the same values.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use rowhouse_protocol::oid;
use serde_json::{Value, json};

use super::{DECIMALS_AS_NUMBERS, LONGS_AS_STRINGS, PLAIN, written};
use crate::field::{FieldType, ResultSetOptions};
use crate::formatted;

fn field_with(options: ResultSetOptions, type_oid: u32, text: &str) -> Value {
    serde_json::from_str(&written(type_oid, options, Some(text.as_bytes()))).unwrap()
}

fn field(type_oid: u32, text: &str) -> Value {
    field_with(PLAIN, type_oid, text)
}

/// The value in formatted records.
fn formatted(type_oid: u32, text: &str) -> Value {
    let mut out = Vec::new();
    formatted::write_value(&mut out, FieldType::of(type_oid, None, PLAIN), Some(text.as_bytes()));
    serde_json::from_slice(&out).unwrap()
}

/// A text in an array, with quotes where `array_out` writes them.
fn in_array(text: &str) -> String {
    let bare = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|c: char| {
            matches!(c, '"' | '\\' | '{' | '}' | ',') || c.is_ascii_whitespace() || c == '\u{b}'
        });
    if bare {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn array<T>(values: &[Option<T>], text: impl Fn(&T) -> String) -> String {
    let items: Vec<String> = values
        .iter()
        .map(|value| {
            value.as_ref().map_or_else(|| "NULL".to_owned(), |value| in_array(&text(value)))
        })
        .collect();
    format!("{{{}}}", items.join(","))
}

/// A double as `float8out` spells it: an exponent of at least two digits below 1e-4 and from 1e15.
fn float8(value: f64) -> String {
    if !value.is_finite() || value == 0.0 || (1e-4..1e15).contains(&value.abs()) {
        return format!("{value}").replace("inf", "Infinity");
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap();
    let sign = if exponent.starts_with('-') { '-' } else { '+' };
    format!("{mantissa}e{sign}{:0>2}", exponent.trim_start_matches('-'))
}

fn same_double(found: &Value, value: f64) -> bool {
    match found {
        Value::Number(number) => number.as_f64().unwrap().to_bits() == value.to_bits(),
        Value::String(text) => *text == float8(value),
        _ => false,
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        r#"[ "\\:,{}\[\]]{0,8}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    /// A moment on a clock somewhere, and how PostgreSQL writes it there.
    fn any_moment()(
        (year, month, day) in (1i16..9998, 1i8..=12, 1i8..=28),
        (hour, minute, second) in (0i8..24, 0i8..60, 0i8..60),
        micros in prop_oneof![Just(0), 0i32..1_000_000],
        offset in (-15 * 60 + 1..15 * 60i32).prop_map(|minutes| minutes * 60),
    ) -> (DateTime, i32, String) {
        let local = DateTime::new(year, month, day, hour, minute, second, micros * 1000).unwrap();
        let fraction = format!("{micros:06}").trim_end_matches('0').to_owned();
        let point = if fraction.is_empty() { "" } else { "." };
        let (sign, distance) = if offset < 0 { ('-', -offset) } else { ('+', offset) };
        let minutes = match distance / 60 % 60 {
            0 => String::new(),
            minutes => format!(":{minutes:02}"),
        };
        let date = format!("{year:04}-{month:02}-{day:02}");
        let clock = format!("{hour:02}:{minute:02}:{second:02}{point}{fraction}");
        let text = format!("{date} {clock}{sign}{:02}{minutes}", distance / 3600);
        (local, offset, text)
    }
}

/// The moment in UTC, without trailing zeros.
fn in_utc(local: DateTime, offset: i32) -> String {
    let offset = Offset::from_seconds(offset).unwrap();
    let utc = Offset::UTC.to_datetime(offset.to_timestamp(local).unwrap());
    let fraction = format!("{:09}", utc.subsec_nanosecond()).trim_end_matches('0').to_owned();
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}", utc.strftime("%Y-%m-%d %H:%M:%S"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn integers(value: i64, list in vec(option::of(any::<i64>()), 0..5)) {
        let text = value.to_string();
        prop_assert_eq!(field(oid::INT8, &text), json!({"longValue": value}));
        prop_assert_eq!(formatted(oid::INT8, &text), json!(value));
        let strings = field_with(LONGS_AS_STRINGS, oid::INT8, &text);
        prop_assert_eq!(strings, json!({"stringValue": text}));
        let text = array(&list, i64::to_string);
        prop_assert_eq!(field(oid::INT8_ARRAY, &text), json!({"arrayValue": {"longValues": list}}));
    }

    #[test]
    fn doubles(value: f64, list in vec(option::of(any::<f64>()), 0..5)) {
        let text = float8(value);
        prop_assert!(same_double(&field(oid::FLOAT8, &text)["doubleValue"], value), "{}", text);
        prop_assert!(same_double(&formatted(oid::FLOAT8, &text), value), "{}", text);
        let found = field(oid::FLOAT8_ARRAY, &array(&list, |value| float8(*value)));
        let found = found["arrayValue"]["doubleValues"].as_array().unwrap();
        prop_assert_eq!(found.len(), list.len());
        for (found, value) in found.iter().zip(list) {
            prop_assert!(value.map_or(found.is_null(), |value| same_double(found, value)));
        }
    }

    #[test]
    fn floats_keep_their_digits(value in any::<f32>().prop_filter("a number", |v| v.is_finite())) {
        let text = format!("{value}");
        let found = written(oid::FLOAT4, PLAIN, Some(text.as_bytes()));
        let digits = found.trim_start_matches("{\"doubleValue\":").trim_end_matches('}');
        prop_assert_eq!(digits.trim_end_matches(".0"), text.trim_end_matches(".0"));
        prop_assert_eq!(digits.parse::<f32>().unwrap().to_bits(), value.to_bits());
    }

    #[test]
    fn decimals(text in r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?") {
        // No numeric is a negative zero.
        prop_assume!(text != "-0");
        prop_assert_eq!(field(oid::NUMERIC, &text), json!({"stringValue": text}));
        let number = field_with(DECIMALS_AS_NUMBERS, oid::NUMERIC, &text);
        match text.parse::<i64>() {
            Ok(long) => prop_assert_eq!(number, json!({"longValue": long})),
            _ => prop_assert_eq!(number["doubleValue"].as_f64(), text.parse().ok()),
        }
    }

    #[test]
    fn moments((local, offset, text) in any_moment()) {
        let utc = in_utc(local, offset);
        prop_assert_eq!(field(oid::TIMESTAMPTZ, &text), json!({"stringValue": utc}));
        let list = field(oid::TIMESTAMPTZ_ARRAY, &format!("{{\"{text}\",NULL}}"));
        prop_assert_eq!(list, json!({"arrayValue": {"stringValues": [utc, null]}}));
    }

    #[test]
    fn texts(value: String, list in vec(option::of(any::<String>()), 0..5)) {
        prop_assert_eq!(field(oid::TEXT, &value), json!({"stringValue": value}));
        prop_assert_eq!(formatted(oid::TEXT, &value), json!(value));
        let text = array(&list, String::clone);
        prop_assert_eq!(formatted(oid::TEXT_ARRAY, &text), json!(list));
        let found = field(oid::TEXT_ARRAY, &text);
        prop_assert_eq!(found, json!({"arrayValue": {"stringValues": list}}));
    }

    #[test]
    fn blobs(bytes: Vec<u8>) {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = field(oid::BYTEA, &format!("\\x{hex}"));
        let decoded = STANDARD.decode(found["blobValue"].as_str().unwrap()).unwrap();
        prop_assert_eq!(decoded, bytes);
    }

    #[test]
    fn documents(value in any_json()) {
        let compact = serde_json::to_string(&value).unwrap();
        let spaced = serde_json::to_string_pretty(&value).unwrap();
        for text in [&compact, &spaced] {
            prop_assert_eq!(field(oid::JSONB, text), json!({"stringValue": compact}));
        }
        let list = field(oid::JSON_ARRAY, &array(&[Some(spaced), None], String::clone));
        prop_assert_eq!(list, json!({"arrayValue": {"stringValues": [compact, null]}}));
    }
}
