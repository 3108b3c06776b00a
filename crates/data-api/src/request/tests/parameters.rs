//! Parameters in a body.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::{LIMITS, body, check_fault, check_invalid, check_type, execute};
use crate::fault::Exception;
use crate::parameter::{SqlParameter, TypeHint, Value};
use crate::request::BatchExecuteStatement;

fn one(value: &Json) -> Json {
    json!({"parameters": [{"name": "a", "value": value}]})
}

#[test]
fn values() {
    for (field, value) in [
        (json!({"isNull": true}), Value::Null),
        (json!({"booleanValue": false}), Value::Boolean(false)),
        (json!({"longValue": i64::MIN}), Value::Long(i64::MIN)),
        (json!({"longValue": i64::MAX}), Value::Long(i64::MAX)),
        (json!({"doubleValue": 1.5}), Value::Double(1.5)),
        (json!({"doubleValue": 3}), Value::Double(3.0)),
        (json!({"doubleValue": -3}), Value::Double(-3.0)),
        (json!({"doubleValue": "Infinity"}), Value::Double(f64::INFINITY)),
        (json!({"doubleValue": "-Infinity"}), Value::Double(f64::NEG_INFINITY)),
        (json!({"stringValue": "a\u{0}é"}), Value::Text(String::from("a\u{0}é"))),
        (json!({"blobValue": "AP9o"}), Value::Blob(Bytes::from_static(b"\x00\xffh"))),
        (json!({"blobValue": "AA"}), Value::Blob(Bytes::from_static(b"\x00"))),
        (json!({"blobValue": ""}), Value::Blob(Bytes::new())),
        (json!({"longValue": 1, "stringValue": null, "other": {}}), Value::Long(1)),
        (json!({"isNull": false, "longValue": 1}), Value::Long(1)),
    ] {
        let request = execute(&one(&field)).unwrap();
        let expected = SqlParameter { name: String::from("a"), value, type_hint: None };
        assert_eq!(request.parameters, [expected]);
    }
    let nan = execute(&one(&json!({"doubleValue": "NaN"}))).unwrap();
    assert!(matches!(nan.parameters[0].value, Value::Double(value) if value.is_nan()));
}

#[test]
fn doubles_are_read_to_the_last_place() {
    // Each of these is read one unit off by a parser that is content with nearly.
    for value in [1.448_997_445_238_699_f64, 5e-324, f64::MAX, 2.225_073_858_507_201e-308] {
        let request = execute(&one(&json!({"doubleValue": value}))).unwrap();
        assert_eq!(request.parameters[0].value, Value::Double(value));
    }
}

#[test]
fn a_value_has_exactly_one_member() {
    let message = "The value of a parameter must have exactly one member: isNull (true), \
                   booleanValue, longValue, doubleValue, stringValue, blobValue or arrayValue";
    for field in [
        json!({}),
        json!(null),
        json!({"isNull": false}),
        json!({"isNull": null}),
        json!({"other": 1}),
        json!({"longValue": 1, "stringValue": "1"}),
        json!({"isNull": true, "longValue": 1}),
    ] {
        check_invalid(&one(&field), message);
    }
    check_invalid(&json!({"parameters": [{"name": "a"}]}), message);
}

#[test]
fn wrong_types() {
    for (member, value) in [
        ("isNull", json!(1)),
        ("booleanValue", json!("true")),
        ("longValue", json!("1")),
        ("longValue", json!(1.0)),
        ("longValue", json!(9_223_372_036_854_775_808_u64)),
        ("longValue", json!(1e300)),
        ("doubleValue", json!("1.5")),
        ("doubleValue", json!("nan")),
        ("doubleValue", json!(true)),
        ("stringValue", json!(1)),
        ("blobValue", json!([0])),
    ] {
        check_type(&one(&json!({member: value})), member);
    }
    check_type(&one(&json!("x")), "value");
    check_type(&json!({"parameters": [{"name": 1}]}), "name");
    check_type(&json!({"parameters": [{"typeHint": 1}]}), "typeHint");
    let blob = execute(&one(&json!({"blobValue": "not base64!"})));
    let message = "The value of 'blobValue' isn't valid base64";
    check_fault(blob, Exception::Serialization, message);
}

#[test]
fn arrays() {
    let dimensions = |count| {
        (1..count).fold(json!({"longValues": [1]}), |inner, _| json!({"arrayValues": [inner]}))
    };
    for (array, refusal) in [
        (json!({"longValues": [1, null]}), ""),
        (json!({"longValues": []}), ""),
        (json!({"doubleValues": [1.5, "NaN", 2, null]}), ""),
        (json!({"stringValues": ["", null, "\0"]}), ""),
        (json!({"booleanValues": [true, null], "longValues": null, "other": 1}), ""),
        (json!({"arrayValues": [{"longValues": [1]}, {"longValues": []}]}), ""),
        (json!({"arrayValues": []}), ""),
        (dimensions(6), ""),
        (dimensions(7), "more than 6 dimensions"),
        (dimensions(40), "more than 6 dimensions"),
        (dimensions(500), "arrayValue"),
        (json!({}), "exactly one member"),
        (json!({"arrayValues": [{}]}), "exactly one member"),
        (json!({"longValues": [1], "doubleValues": [1]}), "exactly one member"),
        (json!({"arrayValues": [{"longValues": [1]}, {"stringValues": ["1"]}]}), "one type"),
    ] {
        match execute(&one(&json!({"arrayValue": array}))) {
            Ok(_) => assert_eq!(refusal, "", "{array}"),
            Err(fault) => {
                let found = !refusal.is_empty() && fault.message.contains(refusal);
                assert!(found || refusal == "arrayValue", "{array}: {fault}");
            }
        }
    }
    assert!(execute(&one(&json!({"arrayValue": null, "longValue": 1}))).is_ok());
    for wrong in [json!([1]), json!({"longValues": ["1"]}), json!({"arrayValues": [null]})] {
        let fault = execute(&one(&json!({"arrayValue": wrong}))).unwrap_err();
        assert!(fault.message.contains("'arrayValue'"), "{wrong}: {fault}");
    }
}

#[test]
fn names_are_required() {
    let message = "Every parameter must have a name";
    for name in [json!(null), json!("")] {
        let parameter = json!({"name": name, "value": {"isNull": true}});
        check_invalid(&json!({"parameters": [parameter]}), message);
    }
}

#[test]
fn hints() {
    for (name, hint) in TypeHint::NAMES {
        let parameter = json!({"typeHint": name, "value": {"stringValue": ""}, "name": "a"});
        let request = execute(&json!({"parameters": [parameter]})).unwrap();
        assert_eq!(request.parameters[0].type_hint, Some(*hint));
    }
    let parameter = json!({"typeHint": "INT", "value": {"stringValue": ""}, "name": "a"});
    check_invalid(
        &json!({"parameters": [parameter]}),
        "1 validation error detected: Value at 'typeHint' failed to satisfy constraint: \
         Member must satisfy enum value set: [JSON, UUID, TIMESTAMP, DATE, TIME, DECIMAL]",
    );
}

#[test]
fn lists_have_limits() {
    let parameter = json!({"name": "a", "value": {"isNull": true}});
    assert!(execute(&json!({"parameters": vec![parameter.clone(); 3]})).is_ok());
    let too_long = |member: &str, max: usize| {
        format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
             Member must have length less than or equal to {max}"
        )
    };
    check_invalid(&json!({"parameters": vec![parameter.clone(); 4]}), &too_long("parameters", 3));
    for (sets, message) in [
        (json!([[], [], []]), too_long("parameterSets", 2)),
        (json!([[], vec![parameter; 4]]), too_long("parameters", 3)),
    ] {
        let batch = BatchExecuteStatement::parse(&body(&json!({"parameterSets": sets})), &LIMITS);
        check_fault(batch, Exception::Validation, &message);
    }
}
