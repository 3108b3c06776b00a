//! What callers name: resource, secret, database; and what they may not.

use serde_json::json;

use crate::case::{Case, suite};
use crate::client::Request;
use crate::person::Person;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::targets",
        &[
            ("what_is_unknown", what_is_unknown),
            ("what_is_not_for_this_caller", what_is_not_for_this_caller),
            ("what_is_required", what_is_required),
            ("another_database", another_database),
            ("each_caller_is_its_role", each_caller_is_its_role),
        ],
    )
}

fn what_is_unknown(stand: &Stand) {
    let arn = "arn:aws:rds:us-east-1:000000000000:cluster:nosuch";
    let person = stand.tenant("tenant_1").naming("resourceArn", arn);
    for answer in
        [person.execute("select 1"), person.call("/BeginTransaction", &person.body(json!({})))]
    {
        answer.fails(
            "HttpEndpointNotEnabledException",
            "HttpEndpoint isn't enabled for cluster nosuch",
        );
    }
    let person = stand.tenant("tenant_1").via("nosuch");
    person.execute("select 1").fails("SecretsErrorException", "No such secret");
    // Neither a database that is not configured nor one that is not there.
    for database in ["postgres", "nosuch", "it\"", "it; drop"] {
        let person = stand.tenant("tenant_1").naming("database", database);
        person.execute("select 1").fails("DatabaseErrorException", "; SQLState: 3D000");
    }
}

fn what_is_not_for_this_caller(stand: &Stand) {
    let denied: [(Person, &[&str]); 2] =
        [(stand.tenant("tenant_1"), &["owner", "admin", "locked_out"]), (stand.app(), &["admin"])];
    for (person, secrets) in denied {
        for secret in secrets {
            let person = person.again().via(secret);
            let answer = person.execute("select 1");
            answer.fails("AccessDeniedException", "may not use this secret");
            let begin = Request::post("/BeginTransaction", &person.body(json!({})));
            person.send(&begin).fails("AccessDeniedException", "may not use this secret");
        }
    }
    // PostgreSQL refuses the password: the operator's doing, and said without the role or its name.
    let answer = stand.app().via("locked_out").execute("select 1");
    let answer = answer.fails("InvalidSecretException", "");
    assert!(!answer.text().contains("it_reader"), "{}", answer.text());
}

fn what_is_required(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for missing in ["resourceArn", "secretArn", "sql"] {
        let mut body = tenant.body(json!({"sql": "select 1"}));
        body.as_object_mut().unwrap().remove(missing);
        tenant.call("/Execute", &body).fails("ValidationException", missing);
    }
    let answer = tenant.call("/ExecuteSql", &json!({}));
    answer.fails("BadRequestException", "ExecuteSql");
}

fn another_database(stand: &Stand) {
    let there = stand.tenant("tenant_1").naming("database", "it_other");
    assert_eq!(there.execute("select current_database()").value(), "it_other");
    there.execute("select * from note").fails_with("42P01");
    let here = there.again().naming("database", "it");
    assert_eq!(here.execute("select count(*) from note").value(), 3);
    assert_eq!(stand.tenant("tenant_1").execute("select current_database()").value(), "it");
}

fn each_caller_is_its_role(stand: &Stand) {
    let sql =
        "select session_user || ' ' || coalesce(current_setting('app.current_tenant', true), '')";
    for (person, expected) in [
        (stand.tenant("tenant_1"), "it_app tenant_1"),
        (stand.tenant("tenant_2").via("reader"), "it_reader tenant_2"),
        (stand.app(), "it_app "),
        (stand.app().via("owner"), "it_owner "),
        (stand.admin(), "postgres "),
        (stand.admin().via("app_user"), "it_app "),
    ] {
        assert_eq!(person.execute(sql).value(), expected);
    }
    stand.tenant("tenant_1").via("reader").execute("delete from note").fails_with("42501");
    assert_eq!(stand.app().execute("select count(*) from note").value(), 0);
    assert_eq!(stand.admin().execute("select count(*) from note").value(), 300);
}
