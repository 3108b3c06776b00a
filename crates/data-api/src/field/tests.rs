//! Text values of every kind of type as fields, and that nothing else than one member ever comes
//! out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod round_trip;

use proptest::prelude::*;
use rowhouse_protocol::oid;
use serde_json::Value;

use crate::catalog::{ArrayType, NamedType, TypeKind};

use super::{DecimalReturnType, FieldType, LongReturnType, ResultSetOptions};

const PLAIN: ResultSetOptions = ResultSetOptions {
    decimal_return_type: DecimalReturnType::String,
    long_return_type: LongReturnType::Long,
};
const LONGS_AS_STRINGS: ResultSetOptions =
    ResultSetOptions { long_return_type: LongReturnType::String, ..PLAIN };
const DECIMALS_AS_NUMBERS: ResultSetOptions =
    ResultSetOptions { decimal_return_type: DecimalReturnType::DoubleOrLong, ..PLAIN };

fn written(type_oid: u32, options: ResultSetOptions, value: Option<&[u8]>) -> String {
    let mut out = Vec::new();
    FieldType::of(type_oid, None, options).write(&mut out, value);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(type_oid: u32, text: &str, field: &str) {
    check_with(PLAIN, type_oid, text, field);
}

#[track_caller]
fn check_with(options: ResultSetOptions, type_oid: u32, text: &str, field: &str) {
    assert_eq!(written(type_oid, options, Some(text.as_bytes())), field);
}

#[test]
fn null_is_null_in_every_type() {
    for type_oid in [oid::INT4, oid::TEXT, oid::INT4_ARRAY, oid::JSONB, oid::VOID, 0, 99_999] {
        assert_eq!(written(type_oid, PLAIN, None), r#"{"isNull":true}"#);
    }
}

#[test]
fn integers() {
    for type_oid in [oid::INT2, oid::INT4, oid::INT8] {
        check(type_oid, "-7", r#"{"longValue":-7}"#);
        check_with(LONGS_AS_STRINGS, type_oid, "-7", r#"{"stringValue":"-7"}"#);
    }
    check(oid::INT8, "9007199254740993", r#"{"longValue":9007199254740993}"#);
    check(oid::INT8, "-9223372036854775808", r#"{"longValue":-9223372036854775808}"#);
    check(oid::OID, "16384", r#"{"stringValue":"16384"}"#);
}

#[test]
fn floats_are_the_servers_own_digits() {
    check(oid::FLOAT4, "73849.11", r#"{"doubleValue":73849.11}"#);
    check(oid::FLOAT8, "1.7976931348623157e+308", r#"{"doubleValue":1.7976931348623157e+308}"#);
    check(oid::FLOAT8, "5e-324", r#"{"doubleValue":5e-324}"#);
    check(oid::FLOAT8, "10", r#"{"doubleValue":10.0}"#);
    check(oid::FLOAT8, "-0", r#"{"doubleValue":-0.0}"#);
    check(oid::FLOAT8, "NaN", r#"{"doubleValue":"NaN"}"#);
    check(oid::FLOAT8, "Infinity", r#"{"doubleValue":"Infinity"}"#);
    check(oid::FLOAT4, "-Infinity", r#"{"doubleValue":"-Infinity"}"#);
}

#[test]
fn decimals() {
    check(oid::NUMERIC, "123456.7890", r#"{"stringValue":"123456.7890"}"#);
    let options = DECIMALS_AS_NUMBERS;
    check_with(options, oid::NUMERIC, "42", r#"{"longValue":42}"#);
    check_with(options, oid::NUMERIC, "42.10", r#"{"doubleValue":42.10}"#);
    check_with(options, oid::NUMERIC, "NaN", r#"{"doubleValue":"NaN"}"#);
    let beyond_long = "9223372036854775808";
    check_with(options, oid::NUMERIC, beyond_long, r#"{"doubleValue":9223372036854775808.0}"#);
    let beyond_double = "9".repeat(400);
    let field = format!(r#"{{"stringValue":"{beyond_double}"}}"#);
    check_with(options, oid::NUMERIC, &beyond_double, &field);
}

#[test]
fn other_scalars() {
    check(oid::BOOL, "t", r#"{"booleanValue":true}"#);
    check(oid::BOOL, "f", r#"{"booleanValue":false}"#);
    check(oid::BYTEA, r"\x", r#"{"blobValue":""}"#);
    check(oid::BYTEA, r"\x00ff68", r#"{"blobValue":"AP9o"}"#);
    check(oid::BYTEA, r"\x00ff", r#"{"blobValue":"AP8="}"#);
    check(oid::BYTEA, r"a\\b\000", r#"{"blobValue":"YVxiAA=="}"#);
    check(oid::TEXT, "say \"é\"\n", r#"{"stringValue":"say \"é\"\n"}"#);
    check(oid::BPCHAR, "a   ", r#"{"stringValue":"a   "}"#);
    check(oid::VOID, "", r#"{"stringValue":""}"#);
    check(oid::DATE, "2024-02-29", r#"{"stringValue":"2024-02-29"}"#);
    check(oid::TIME, "23:23:12.432", r#"{"stringValue":"23:23:12.432"}"#);
    check(oid::TIMETZ, "01:00:00+02", r#"{"stringValue":"23:00:00"}"#);
    check(oid::TIMESTAMP, "2024-01-15 10:30:00.1", r#"{"stringValue":"2024-01-15 10:30:00.1"}"#);
    check(oid::TIMESTAMPTZ, "2024-01-15 10:30:00+00", r#"{"stringValue":"2024-01-15 10:30:00"}"#);
    check(oid::TIMESTAMPTZ, "infinity", r#"{"stringValue":"infinity"}"#);
    check(oid::JSONB, r#"{"x": 0, "y": [1, 2]}"#, r#"{"stringValue":"{\"x\":0,\"y\":[1,2]}"}"#);
    check(oid::JSON, "[1.10 , 1e400]", r#"{"stringValue":"[1.10,1e400]"}"#);
    check(oid::INET, "192.168.1.1/32", r#"{"stringValue":"192.168.1.1/32"}"#);
    check(oid::MONEY, "$1,000.00", r#"{"stringValue":"$1,000.00"}"#);
    check(oid::INT4RANGE, "[1,5)", r#"{"stringValue":"[1,5)"}"#);
    check(99_999, "an enum's label", r#"{"stringValue":"an enum's label"}"#);
}

#[test]
fn arrays_are_typed_by_their_elements() {
    check(oid::INT4_ARRAY, "{1,NULL,3}", r#"{"arrayValue":{"longValues":[1,null,3]}}"#);
    check(oid::FLOAT4_ARRAY, "{3.14,NaN}", r#"{"arrayValue":{"doubleValues":[3.14,"NaN"]}}"#);
    check(oid::BOOL_ARRAY, "{t,f,NULL}", r#"{"arrayValue":{"booleanValues":[true,false,null]}}"#);
    check(oid::TEXT_ARRAY, r#"{a,"b \"c\"","NULL"}"#, text_array(&["a", r#"b \"c\""#, "NULL"]));
    check(oid::NUMERIC_ARRAY, "{1.50,2}", text_array(&["1.50", "2"]));
    check(oid::BYTEA_ARRAY, r#"{"\\x68"}"#, text_array(&[r"\\x68"]));
    check(oid::JSONB_ARRAY, r#"{"{\"a\": 1}"}"#, text_array(&[r#"{\"a\":1}"#]));
    check(oid::BOX_ARRAY, "{(1,1),(0,0);(2,2),(1,1)}", text_array(&["(1,1),(0,0)", "(2,2),(1,1)"]));
    check(
        oid::TIMESTAMPTZ_ARRAY,
        r#"{"2024-01-15 10:30:00+01"}"#,
        text_array(&["2024-01-15 09:30:00"]),
    );
    check_with(LONGS_AS_STRINGS, oid::INT8_ARRAY, "{1}", text_array(&["1"]));
}

#[test]
fn decimals_of_an_array_are_numbers_of_one_kind() {
    let beyond = "9".repeat(400);
    for (text, value) in [
        ("{}".to_owned(), r#"{"longValues":[]}"#.to_owned()),
        ("{1,NULL,-2}".to_owned(), r#"{"longValues":[1,null,-2]}"#.to_owned()),
        ("{1,NULL,1.50}".to_owned(), r#"{"doubleValues":[1.0,null,1.50]}"#.to_owned()),
        ("{1,NaN}".to_owned(), r#"{"doubleValues":[1.0,"NaN"]}"#.to_owned()),
        (format!("{{1,{beyond}}}"), format!(r#"{{"stringValues":["1","{beyond}"]}}"#)),
        (
            "{{1,2},{3,0.5}}".to_owned(),
            r#"{"arrayValues":[{"doubleValues":[1.0,2.0]},{"doubleValues":[3.0,0.5]}]}"#.to_owned(),
        ),
    ] {
        let field = format!(r#"{{"arrayValue":{value}}}"#);
        check_with(DECIMALS_AS_NUMBERS, oid::NUMERIC_ARRAY, &text, &field);
    }
}

#[test]
fn arrays_of_types_that_are_not_built_in() {
    let of = |element_oid, delimiter| {
        let array = Some(ArrayType { element_kind: TypeKind::Other, element_oid, delimiter });
        NamedType { name: "_x".to_owned(), kind: TypeKind::Other, array }
    };
    for (named, text, value) in [
        (of(99_998, b','), r#"{sad,"a b",NULL}"#, r#"{"stringValues":["sad","a b",null]}"#),
        (of(99_998, b','), "{}", r#"{"stringValues":[]}"#),
        (of(99_998, b';'), "{a,b;c}", r#"{"stringValues":["a,b","c"]}"#),
        (of(oid::INT4, b','), "{1,2}", r#"{"longValues":[1,2]}"#),
        (of(oid::INT4_ARRAY, b','), r#"{"{1,2}"}"#, r#"{"stringValues":["{1,2}"]}"#),
    ] {
        let mut out = Vec::new();
        FieldType::of(99_999, Some(&named), PLAIN).write(&mut out, Some(text.as_bytes()));
        let field = format!(r#"{{"arrayValue":{value}}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), field);
    }
}

/// The field of a list of strings, which are given as they stand in JSON.
fn text_array(items: &[&str]) -> &'static str {
    let items: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
    format!(r#"{{"arrayValue":{{"stringValues":[{}]}}}}"#, items.join(",")).leak()
}

#[test]
fn empty_arrays_are_typed_too() {
    check(oid::INT8_ARRAY, "{}", r#"{"arrayValue":{"longValues":[]}}"#);
    check(oid::FLOAT8_ARRAY, "{}", r#"{"arrayValue":{"doubleValues":[]}}"#);
    check(oid::BOOL_ARRAY, "{}", r#"{"arrayValue":{"booleanValues":[]}}"#);
    check(oid::UUID_ARRAY, "{}", r#"{"arrayValue":{"stringValues":[]}}"#);
    check(oid::TEXT_ARRAY, "{NULL}", r#"{"arrayValue":{"stringValues":[null]}}"#);
}

#[test]
fn dimensions_are_nested() {
    check(
        oid::INT4_ARRAY,
        "{{1,2},{3,NULL}}",
        r#"{"arrayValue":{"arrayValues":[{"longValues":[1,2]},{"longValues":[3,null]}]}}"#,
    );
    check(
        oid::TEXT_ARRAY,
        "[0:0][1:1][1:1]={{{a}}}",
        r#"{"arrayValue":{"arrayValues":[{"arrayValues":[{"stringValues":["a"]}]}]}}"#,
    );
}

#[test]
fn what_is_not_its_type_is_a_string() {
    for (type_oid, text) in [
        (oid::INT4, "seven"),
        (oid::INT4, ""),
        (oid::FLOAT8, "1.5.2"),
        (oid::FLOAT8, "1e999"),
        (oid::BOOL, "true"),
        (oid::BYTEA, r"\xf"),
        (oid::INT4_ARRAY, "{1,x}"),
        (oid::INT4_ARRAY, "{1,{2}}"),
        (oid::INT4_ARRAY, "{{1},2}"),
        (oid::INT4_ARRAY, "1,2"),
        (oid::BOOL_ARRAY, "{t"),
    ] {
        let json = serde_json::to_string(text).unwrap();
        check(type_oid, text, &format!(r#"{{"stringValue":{json}}}"#));
    }
    let invalid = written(oid::TEXT_ARRAY, PLAIN, Some(b"{\xff}"));
    assert_eq!(invalid, "{\"stringValue\":\"{\u{fffd}}\"}");
}

const MEMBERS: &[&str] = &[
    "isNull",
    "booleanValue",
    "longValue",
    "doubleValue",
    "stringValue",
    "blobValue",
    "arrayValue",
];

fn options() -> impl Strategy<Value = ResultSetOptions> {
    prop_oneof![Just(PLAIN), Just(LONGS_AS_STRINGS), Just(DECIMALS_AS_NUMBERS)]
}

/// Types that are treated specially, and others.
fn types() -> impl Strategy<Value = u32> {
    let mut types = oid::WITH_ARRAYS.to_vec();
    types.extend(oid::WITH_ARRAYS.iter().filter_map(|&element| oid::array_of(element)));
    prop_oneof![proptest::sample::select(types), any::<u32>()]
}

/// Any bytes, and bytes that look like values.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let looks = r#"[-+0-9.eE{},;"\\ tfNULnax:\x00é]{0,30}"#;
    prop_oneof![any::<Vec<u8>>(), looks.prop_map(String::into_bytes)]
}

fn check_member_types(field: &Value) {
    let (member, value) = field.as_object().unwrap().iter().next().unwrap();
    let list = |check: fn(&Value) -> bool| {
        value.as_array().unwrap().iter().all(|item| item.is_null() || check(item))
    };
    let fits = match member.as_str() {
        "isNull" | "booleanValue" => value.is_boolean(),
        "longValue" => value.is_i64(),
        "doubleValue" => value.is_f64() || value.is_string(),
        "stringValue" | "blobValue" => value.is_string(),
        "arrayValue" => return check_member_types(value),
        "longValues" => list(Value::is_i64),
        "doubleValues" => list(|item| item.is_f64() || item.is_string()),
        "booleanValues" => list(Value::is_boolean),
        "stringValues" => list(Value::is_string),
        "arrayValues" => return value.as_array().unwrap().iter().for_each(check_member_types),
        _ => false,
    };
    assert!(fits, "{field}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_value_is_valid_json_with_exactly_one_member(
        type_oid in types(), options in options(), text in texts()
    ) {
        let json = written(type_oid, options, Some(&text));
        let field: Value = serde_json::from_str(&json).unwrap();
        let members: Vec<_> = field.as_object().unwrap().keys().collect();
        prop_assert!(members.len() == 1 && MEMBERS.contains(&members[0].as_str()), "{json}");
        check_member_types(&field);
    }
}
