//! The OpenAPI document, held against the running door: its paths, and real answers of each.

use std::collections::BTreeSet;

use rowhouse_data_api::operation::Operation;
use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "openapi",
        &[
            ("every_operation_is_in_it", every_operation_is_in_it),
            ("answers_are_as_it_says", answers_are_as_it_says),
        ],
    )
}

fn document(stand: &Stand) -> Value {
    let answer = stand.main().probe("/openapi.json").ok();
    assert_eq!(answer.header("content-type"), Some("application/json"));
    answer.json()
}

fn every_operation_is_in_it(stand: &Stand) {
    let document = document(stand);
    assert_eq!(document["openapi"], "3.1.0");
    let paths: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    // STS shares the door, at its root.
    let operations = Operation::ALL.map(Operation::path).into_iter().chain(["/"]).collect();
    assert_eq!(paths, operations);
    for operation in Operation::ALL {
        let id = &document["paths"][operation.path()]["post"]["operationId"];
        assert_eq!(id, operation.name());
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let path = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(path).is_some(), "{path} leads nowhere");
    }
}

fn answers_are_as_it_says(stand: &Stand) {
    let document = document(stand);
    let tenant = stand.tenant("tenant_1");
    let ask = |path: &str, said: Value| {
        let answer = tenant.call(path, &tenant.body(said));
        let responses = &document["paths"][path]["post"]["responses"];
        let response = &responses[answer.status.to_string()];
        let response = resolve(&document, response);
        let schema = &response["content"]["application/json"]["schema"];
        assert!(!schema.is_null(), "{path} {}: {}", answer.status, answer.text());
        check(&document, schema, &answer.json()).unwrap_or_else(|why| panic!("{path}: {why}"));
        answer.json()
    };
    let sql = "select 1::int8, 1.5::float8, 'NaN'::float8, 'x', true, null, '\\x00'::bytea, \
               array[1, null], array['a'], array[[true]], 1.5::numeric";
    ask("/Execute", json!({"sql": sql, "includeResultMetadata": true}));
    ask("/Execute", json!({"sql": "select 1 as a", "formatRecordsAs": "JSON"}));
    ask("/Execute", json!({"sql": "update written set mark = mark where false"}));
    ask("/Execute", json!({"sql": "oops"}));
    ask("/BatchExecute", json!({"sql": "select 1", "parameterSets": [[], []]}));
    ask("/BatchExecute", json!({"sql": 5}));
    for path in ["/CommitTransaction", "/RollbackTransaction"] {
        let id = ask("/BeginTransaction", json!({}))["transactionId"].clone();
        ask(path, json!({"transactionId": id}));
        ask(path, json!({"transactionId": id}));
    }
    let two = json!([{"sql": "select 1"}, {"sql": "delete from written where false"}]);
    ask("/ExecuteTransaction", json!({"statements": two}));
    ask("/ExecuteTransaction", json!({"statements": [{"sql": "select 1"}, {"sql": "oops"}]}));
    ask("/ExecuteSql", json!({}));
}

fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(path) => document.pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// As much of JSON Schema as the document uses for answers.
fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolve(document, schema);
    let refuse = |why: &str| Err(format!("{value}: {why} of {schema}"));
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices.iter().filter(|choice| check(document, choice, value).is_ok());
        return if fitting.count() == 1 { Ok(()) } else { refuse("not one") };
    }
    let types = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return refuse("no type"),
    };
    if !types.iter().any(|name| is_type(value, name)) {
        return refuse("not the type");
    }
    if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        return refuse("not one of the values");
    }
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| check(document, &schema["items"], item));
    }
    let Value::Object(members) = value else { return Ok(()) };
    let required = schema["required"].as_array().into_iter().flatten();
    if required.filter_map(Value::as_str).any(|name| !members.contains_key(name)) {
        return refuse("not every member");
    }
    let most = schema["maxProperties"].as_u64().unwrap_or(u64::MAX);
    if members.len() as u64 > most {
        return refuse("too many members");
    }
    members.iter().try_for_each(|(name, value)| match &schema["properties"][name] {
        Value::Null => Err(format!("{name} is not in {schema}")),
        inner => check(document, inner, value),
    })
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}
