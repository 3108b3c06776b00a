//! Bodies as callers write them, well and badly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod parameters;
mod transaction;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{
    Access, BatchExecuteStatement, BeginTransaction, CommitTransaction, ExecuteStatement,
    ExecuteTransaction, RequestLimits, RollbackTransaction,
};
use crate::fault::{Exception, Fault};
use crate::field::{DecimalReturnType, LongReturnType, ResultSetOptions};
use crate::result::RecordsFormat;

const LIMITS: RequestLimits = RequestLimits {
    sql_chars_max: 40,
    parameters_max: 3,
    parameter_sets_max: 2,
    transaction_statements_max: 2,
};

/// An ExecuteStatement of `members` and the required ones that it does not have itself.
fn body(members: &Json) -> Vec<u8> {
    let mut body = json!({"resourceArn": "arn:r", "secretArn": "arn:s", "sql": "select 1"});
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body.to_string().into_bytes()
}

fn execute(members: &Json) -> Result<ExecuteStatement, Fault> {
    ExecuteStatement::parse(&body(members), &LIMITS)
}

#[track_caller]
fn check_fault(result: Result<impl Sized, Fault>, exception: Exception, message: &str) {
    let Err(fault) = result else { panic!("accepted; expected {message}") };
    assert_eq!((fault.exception, fault.message.as_str()), (exception, message));
}

#[track_caller]
fn check_invalid(members: &Json, message: &str) {
    check_fault(execute(members), Exception::Validation, message);
}

#[track_caller]
fn check_type(members: &Json, member: &str) {
    let message =
        format!("The value of '{member}' doesn't have the JSON type that the API prescribes");
    check_fault(execute(members), Exception::Serialization, &message);
}

#[test]
fn a_statement_with_nothing_optional() {
    let request = execute(&json!({})).unwrap();
    let expected = ExecuteStatement {
        access: Access {
            resource_arn: String::from("arn:r"),
            secret_arn: String::from("arn:s"),
            database: None,
            schema: None,
        },
        sql: String::from("select 1"),
        transaction_id: None,
        parameters: Vec::new(),
        include_result_metadata: false,
        continue_after_timeout: false,
        result_set_options: ResultSetOptions::default(),
        records_format: RecordsFormat::Fields,
    };
    assert_eq!(request, expected);
    let nulls = json!({
        "database": null, "schema": null, "transactionId": null, "parameters": null,
        "includeResultMetadata": null, "continueAfterTimeout": null, "resultSetOptions": null,
        "formatRecordsAs": null, "parameterSets": null,
    });
    assert_eq!(execute(&nulls).unwrap(), expected);
    let strangers = json!({
        "database": "", "schema": "", "parameters": [], "parameterSets": 5, "Sql": 5, "sqls": {},
        "resultSetOptions": {"other": [], "longReturnType": null}, "formatRecordsAs": "NONE",
    });
    assert_eq!(execute(&strangers).unwrap(), expected);
}

#[test]
fn a_statement_with_everything_optional() {
    let request = execute(&json!({
        "database": "shop", "transactionId": "AAA", "includeResultMetadata": true,
        "continueAfterTimeout": true, "formatRecordsAs": "JSON",
        "resultSetOptions": {"decimalReturnType": "DOUBLE_OR_LONG", "longReturnType": "STRING"},
        "parameters": [{"name": "a", "value": {"longValue": 1}}],
    }))
    .unwrap();
    assert_eq!(request.access.database.as_deref(), Some("shop"));
    assert_eq!(request.transaction_id.as_deref(), Some("AAA"));
    assert!(request.include_result_metadata && request.continue_after_timeout);
    assert_eq!(request.records_format, RecordsFormat::Json);
    let options = request.result_set_options;
    assert_eq!(options.decimal_return_type, DecimalReturnType::DoubleOrLong);
    assert_eq!(options.long_return_type, LongReturnType::String);
    assert_eq!(request.parameters.len(), 1);
}

#[test]
fn the_other_operations() {
    let all =
        body(&json!({"database": "shop", "transactionId": "AAA", "parameterSets": [[], null]}));
    let batch = BatchExecuteStatement::parse(&all, &LIMITS).unwrap();
    assert_eq!((batch.sql.as_str(), batch.parameter_sets.len()), ("select 1", 2));
    assert_eq!(batch.transaction_id.as_deref(), Some("AAA"));
    let begin = BeginTransaction::parse(&all, &LIMITS).unwrap();
    assert_eq!(begin.access.database.as_deref(), Some("shop"));
    let commit = CommitTransaction::parse(&all, &LIMITS).unwrap();
    assert_eq!(commit.transaction_id, "AAA");
    let rollback = RollbackTransaction::parse(&all, &LIMITS).unwrap();
    assert_eq!(rollback.access.secret_arn, "arn:s");
}

#[test]
fn required_members() {
    let null = "failed to satisfy constraint: Member must not be null";
    check_invalid(
        &json!({"sql": null}),
        &format!("1 validation error detected: Value null at 'sql' {null}"),
    );
    check_invalid(
        &json!({"resourceArn": null, "secretArn": null}),
        &format!(
            "2 validation errors detected: Value null at 'resourceArn' {null}; \
             Value null at 'secretArn' {null}"
        ),
    );
    for nothing in ["", "{}"] {
        let commit = CommitTransaction::parse(nothing.as_bytes(), &LIMITS);
        let fault = commit.unwrap_err();
        assert!(fault.message.starts_with("3 validation errors detected: "), "{fault}");
        assert!(fault.message.contains("'transactionId'"), "{fault}");
    }
}

#[test]
fn lengths_are_counted_in_characters() {
    let too_long = |member: &str, max: usize| {
        check_invalid(
            &json!({member: "é".repeat(max + 1)}),
            &format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                 Member must have length less than or equal to {max}"
            ),
        );
        assert!(execute(&json!({member: "é".repeat(max)})).is_ok(), "{member}");
    };
    too_long("resourceArn", 100);
    too_long("secretArn", 100);
    too_long("database", 64);
    too_long("schema", 64);
    too_long("transactionId", 192);
    let message = "Number of characters in SQLStatement is longer than 40";
    check_invalid(&json!({"sql": "é".repeat(41)}), message);
    assert!(execute(&json!({"sql": "é".repeat(40)})).is_ok());
}

#[test]
fn statements_that_are_none() {
    check_invalid(&json!({"sql": ""}), "SQL is empty");
    check_invalid(&json!({"sql": " \n\t"}), "SQL is empty");
    check_invalid(&json!({"sql": "a\0b"}), "SQL contains a NUL character. Remove it");
}

#[test]
fn a_schema_is_taken_as_it_is() {
    let all = body(&json!({"schema": "public"}));
    let public = Some("public");
    assert_eq!(ExecuteStatement::parse(&all, &LIMITS).unwrap().access.schema.as_deref(), public);
    assert_eq!(BeginTransaction::parse(&all, &LIMITS).unwrap().access.schema.as_deref(), public);
    assert_eq!(
        BatchExecuteStatement::parse(&all, &LIMITS).unwrap().access.schema.as_deref(),
        public
    );
}

#[test]
fn names_outside_of_their_set() {
    for (members, member, set) in [
        (json!({"formatRecordsAs": "json"}), "formatRecordsAs", "NONE, JSON"),
        (
            json!({"resultSetOptions": {"decimalReturnType": "X"}}),
            "decimalReturnType",
            "STRING, DOUBLE_OR_LONG",
        ),
        (json!({"resultSetOptions": {"longReturnType": ""}}), "longReturnType", "STRING, LONG"),
    ] {
        check_invalid(
            &members,
            &format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                 Member must satisfy enum value set: [{set}]"
            ),
        );
    }
}

#[test]
fn wrong_types_are_named_without_their_value() {
    check_type(&json!({"sql": 5}), "sql");
    check_type(&json!({"sql": ["x"]}), "sql");
    check_type(&json!({"database": {}}), "database");
    check_type(&json!({"includeResultMetadata": "true"}), "includeResultMetadata");
    check_type(&json!({"continueAfterTimeout": 1}), "continueAfterTimeout");
    check_type(&json!({"formatRecordsAs": 1}), "formatRecordsAs");
    check_type(&json!({"resultSetOptions": "LONG"}), "resultSetOptions");
    check_type(&json!({"resultSetOptions": {"longReturnType": 1}}), "resultSetOptions");
    check_type(&json!({"parameters": {}}), "parameters");
    check_type(&json!({"parameters": [null]}), "parameters");
    check_type(&json!({"parameters": ["a"]}), "parameters");
}

#[test]
fn what_is_no_json_object() {
    for text in ["[]", "5", "null", "\"x\""] {
        let message = "The request body must be a JSON object";
        let request = ExecuteStatement::parse(text.as_bytes(), &LIMITS);
        check_fault(request, Exception::Serialization, message);
    }
    let deep = format!("{{\"x\":{}", "[".repeat(1_000_000));
    for bytes in [
        &b"{"[..],
        b" ",
        b"{\"sql\":",
        b"{\"sql\":\"a\"} x",
        b"{\"sql\":\"\xff\"}",
        b"{\"sql\":\"\\ud800\"}",
        b"{\"parameters\":[{\"name\":\"a\",\"value\":{\"doubleValue\":1e999}}]}",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ] {
        let fault = ExecuteStatement::parse(bytes, &LIMITS).unwrap_err();
        assert_eq!(fault.exception, Exception::Serialization, "{fault}");
        assert!(fault.message.starts_with("The request body isn't valid JSON"), "{fault}");
    }
}

#[test]
fn a_body_cut_off_anywhere_is_refused() {
    let whole = body(&json!({
        "parameters": [
            {"name": "a", "value": {"blobValue": "AA=="}, "typeHint": "JSON"},
            {"name": "é", "value": {"doubleValue": 1.5}},
        ],
        "resultSetOptions": {"longReturnType": "LONG"},
        "other": [{"x": [1, 2.5, null, true]}],
    }));
    assert!(ExecuteStatement::parse(&whole, &LIMITS).is_ok());
    // Cut at 0 there is no body, which is one without members.
    for end in 1..whole.len() {
        let fault = ExecuteStatement::parse(&whole[..end], &LIMITS).unwrap_err();
        assert_eq!(fault.exception, Exception::Serialization, "{end}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(bytes in any::<Vec<u8>>(), at in any::<prop::sample::Index>(), byte: u8) {
        let _ = ExecuteStatement::parse(&bytes, &LIMITS);
        let mut damaged = body(&json!({
            "parameters": [{"name": "a", "value": {"longValue": 1}, "typeHint": "DATE"}],
        }));
        let at = at.index(damaged.len());
        damaged[at] = byte;
        let _ = ExecuteStatement::parse(&damaged, &LIMITS);
        let _ = BatchExecuteStatement::parse(&damaged, &LIMITS);
        let _ = ExecuteTransaction::parse(&damaged, &LIMITS);
        let _ = CommitTransaction::parse(&damaged, &LIMITS);
    }
}
