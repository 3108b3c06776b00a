//! Transactions in one piece, well and badly written.

use serde_json::json;

use super::super::{ExecuteTransaction, IsolationLevel};
use super::*;

fn parse(members: &Json) -> Result<ExecuteTransaction, Fault> {
    let mut body = json!({"resourceArn": "arn:r", "secretArn": "arn:s"});
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    ExecuteTransaction::parse(body.to_string().as_bytes(), &LIMITS)
}

#[test]
fn statements_with_their_own_members() {
    let request = parse(&json!({
        "database": "shop", "schema": "s", "isolationLevel": "SERIALIZABLE", "readOnly": true,
        "sql": "ignored", "statements": [
            {"sql": "a :x", "parameters": [{"name": "x", "value": {"longValue": 1}}]},
            {"sql": "b", "includeResultMetadata": true, "formatRecordsAs": "JSON",
             "resultSetOptions": {"longReturnType": "STRING"}, "unknown": 1},
        ],
    }))
    .unwrap();
    assert_eq!(
        (request.access.database.as_deref(), request.access.schema.as_deref()),
        (Some("shop"), Some("s"))
    );
    assert_eq!(request.isolation_level, Some(IsolationLevel::Serializable));
    assert!(request.read_only);
    let [first, second] = request.statements.as_slice() else { panic!("{request:?}") };
    assert_eq!((first.sql.as_str(), first.parameters.len()), ("a :x", 1));
    assert!(second.include_result_metadata && second.parameters.is_empty());
    assert_eq!(second.records_format, RecordsFormat::Json);
    assert_eq!(second.result_set_options.long_return_type, LongReturnType::String);
    let plain = parse(&json!({"statements": [{"sql": "a"}], "isolationLevel": null})).unwrap();
    assert_eq!((plain.isolation_level, plain.read_only), (None, false));
}

#[test]
fn what_is_no_transaction() {
    let one = "1 validation error detected: Value";
    let must = "failed to satisfy constraint: Member must";
    let a = json!({"sql": "a"});
    for (members, message) in [
        (json!({}), format!("{one} at 'statements' {must} have length greater than or equal to 1")),
        (
            json!({"statements": [a, a, a]}),
            format!("{one} at 'statements' {must} have length less than or equal to 2"),
        ),
        (
            json!({"statements": [a, {}]}),
            format!("statements[1]: {one} null at 'sql' {must} not be null"),
        ),
        (json!({"statements": [a, {"sql": " "}]}), "statements[1]: SQL is empty".to_owned()),
        (
            json!({"statements": [{"sql": "a", "transactionId": "x"}]}),
            "statements[0]: transactionId isn't supported for one statement of a transaction"
                .to_owned(),
        ),
        (
            json!({"statements": [a], "isolationLevel": "CHAOS"}),
            format!(
                "{one} at 'isolationLevel' {must} satisfy enum value set: [READ_COMMITTED, \
                 REPEATABLE_READ, SERIALIZABLE]"
            ),
        ),
    ] {
        check_fault(parse(&members), Exception::Validation, &message);
    }
    let whole = parse(&json!({"statements": [a], "transactionId": "AAA"})).unwrap_err();
    assert!(whole.message.starts_with("transactionId isn't supported here"), "{whole}");
    for members in [json!({"statements": {}}), json!({"statements": ["a"]})] {
        let fault = parse(&members).unwrap_err();
        assert_eq!(fault.exception, Exception::Serialization);
        assert!(fault.message.contains("'statements'"), "{fault}");
    }
}

#[test]
fn a_fault_tells_its_statement_to_programs_as_well() {
    let fault = parse(&json!({"statements": [{"sql": "a"}, {"sql": ""}]})).unwrap_err();
    let body: Json = serde_json::from_slice(&fault.body()).unwrap();
    assert_eq!(body["statementIndex"], 1);
    assert_eq!(body["message"], "statements[1]: SQL is empty");
}
