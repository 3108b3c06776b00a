//! Values as they stand in formatted records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use rowhouse_protocol::oid;

use super::{write_java_double, write_value};
use crate::field::{DecimalReturnType, FieldType, LongReturnType, ResultSetOptions};

const NUMBERS: ResultSetOptions = ResultSetOptions {
    decimal_return_type: DecimalReturnType::DoubleOrLong,
    long_return_type: LongReturnType::String,
};

fn written(type_oid: u32, options: ResultSetOptions, value: Option<&str>) -> String {
    let mut out = Vec::new();
    write_value(&mut out, FieldType::of(type_oid, None, options), value.map(str::as_bytes));
    String::from_utf8(out).unwrap()
}

#[test]
fn values() {
    for (type_oid, text, json) in [
        (oid::INT4, "7", "7"),
        (oid::FLOAT8, "10", "10.0"),
        (oid::FLOAT8, "NaN", r#""NaN""#),
        (oid::NUMERIC, "1.50", r#""1.50""#),
        (oid::BOOL, "t", "true"),
        (oid::BYTEA, r"\x6869", r#""aGk=""#),
        (oid::TEXT, "a\"b", r#""a\"b""#),
        (oid::DATE, "2024-02-29", r#""2024-02-29""#),
        (oid::TIMESTAMPTZ, "2024-01-15 10:30:00+00", r#""2024-01-15 10:30:00""#),
        (oid::JSONB, r#"{"a": [1, 2]}"#, r#""{\"a\":[1,2]}""#),
        (oid::INT4_ARRAY, "{1,NULL,3}", "[1,null,3]"),
        (oid::INT4_ARRAY, "{{1},{2}}", "[[1],[2]]"),
        (oid::FLOAT8_ARRAY, "{1,2.5}", "[1.0,2.5]"),
        (oid::TEXT_ARRAY, r#"{a,"b,c"}"#, r#"["a","b,c"]"#),
        (oid::TEXT_ARRAY, "{broken", r#""{broken""#),
        (oid::INT4, "broken", r#""broken""#),
    ] {
        assert_eq!(written(type_oid, ResultSetOptions::default(), Some(text)), json);
    }
    assert_eq!(written(oid::INT4, ResultSetOptions::default(), None), "null");
}

#[test]
fn number_options_apply() {
    for (type_oid, text, json) in [
        (oid::INT8, "7", r#""7""#),
        (oid::NUMERIC, "7", "7"),
        (oid::NUMERIC, "10000000.50", "1.00000005E7"),
        (oid::NUMERIC_ARRAY, "{7,1.50}", "[7,1.5]"),
    ] {
        assert_eq!(written(type_oid, NUMBERS, Some(text)), json);
    }
}

#[test]
fn doubles_are_spelled_as_java_spells_them() {
    for (server, java) in [
        ("0", "0.0"),
        ("-0", "-0.0"),
        ("10", "10.0"),
        ("1.5", "1.5"),
        ("100", "100.0"),
        ("123456.789", "123456.789"),
        ("9999999", "9999999.0"),
        ("9999999.5", "9999999.5"),
        ("10000000", "1.0E7"),
        ("12345678", "1.2345678E7"),
        ("1e+15", "1.0E15"),
        ("1e+300", "1.0E300"),
        ("1.7976931348623157e+308", "1.7976931348623157E308"),
        ("0.001", "0.001"),
        ("0.0015", "0.0015"),
        ("0.0009", "9.0E-4"),
        ("1e-05", "1.0E-5"),
        ("-1.25e-07", "-1.25E-7"),
        ("5e-324", "4.9E-324"),
        ("-5e-324", "-4.9E-324"),
        ("1e-323", "9.9E-324"),
        ("2e-323", "2.0E-323"),
        ("2.2250738585072014e-308", "2.2250738585072014E-308"),
        ("1e-45", "1.0E-45"),
        ("1e99999999999", "1e99999999999"),
    ] {
        let mut out = Vec::new();
        write_java_double(&mut out, server.as_bytes());
        assert_eq!(String::from_utf8(out).unwrap(), java);
    }
}

proptest! {
    #[test]
    fn the_spelling_keeps_the_value(value in any::<f64>()) {
        prop_assume!(value.is_finite());
        let mut out = Vec::new();
        write_java_double(&mut out, format!("{value:e}").as_bytes());
        let java = String::from_utf8(out).unwrap();
        prop_assert_eq!(java.parse::<f64>().unwrap(), value);
        prop_assert!(serde_json::from_str::<f64>(&java).is_ok(), "{java}");
    }

    #[test]
    fn any_value_is_valid_json(
        type_oid in proptest::sample::select(oid::WITH_ARRAYS), array: bool,
        text in r#"[-+0-9.eE{},"\\ tfNULnax:\x00é]{0,30}"#
    ) {
        let array = oid::array_of(type_oid).filter(|_| array);
        for options in [ResultSetOptions::default(), NUMBERS] {
            let json = written(array.unwrap_or(type_oid), options, Some(&text));
            prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
        }
    }
}
