//! The same call to a lenient and to a strict database: what AWS refuses, the one answers.

use serde_json::json;

use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("data_api::strictness", &[("both_answer_what_aws_answers", both_answer_what_aws_answers)])
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
