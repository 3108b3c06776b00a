//! The same call to a lenient and to a strict database: what AWS refuses, the one answers.

use serde_json::json;

use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::strictness",
        &[
            ("both_answer_what_aws_answers", both_answer_what_aws_answers),
            ("several_statements", several_statements),
            ("a_schema", a_schema),
        ],
    )
}

fn both_answer_what_aws_answers(stand: &Stand) {
    for tenant in [stand.tenant("tenant_1"), stand.tenant("tenant_1").strictly()] {
        let rows = tenant.execute("select distinct tenant from note;").rows();
        assert_eq!(rows, json!([["tenant_1"]]));
        let transaction = tenant.begin();
        assert_eq!(transaction.execute("select count(*) from note").value(), 3);
        transaction.commit().ok();
    }
}

fn several_statements(stand: &Stand) {
    let (exception, sentence) = ("ValidationException", "Multistatements aren't supported.");
    let strict = stand.tenant("tenant_1").strictly();
    strict.execute("select 1; select 2").fails(exception, sentence);
    let transaction = strict.begin();
    transaction.execute("select 1; select 2").fails(exception, sentence);
    assert_eq!(transaction.execute("select 3;").value(), 3);
    transaction.commit().ok();
    assert_eq!(stand.tenant("tenant_1").execute("select 1; select 2").value(), 2);
}

fn a_schema(stand: &Stand) {
    let (exception, sentence) = ("ValidationException", "The schema parameter isn't supported");
    let strict = stand.tenant("tenant_1").strictly();
    let said = json!({"schema": "public", "parameterSets": [[]]});
    for path in ["/Execute", "/BatchExecute", "/BeginTransaction", "/ExecuteTransaction"] {
        let mut body = strict.body(said.clone());
        if path == "/ExecuteTransaction" {
            body["statements"] = json!([{"sql": "select 1"}]);
        } else {
            body["sql"] = "select 1".into();
        }
        strict.call(path, &body).fails(exception, sentence);
        body["schema"] = "".into();
        strict.call(path, &body).ok();
    }
}
