//! BatchExecuteStatement: one statement, many sets, all or nothing.

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::batches",
        &[
            ("every_set_is_run", every_set_is_run),
            ("one_bad_set_undoes_all", one_bad_set_undoes_all),
            ("no_sets_no_run", no_sets_no_run),
            ("sets_of_other_types", sets_of_other_types),
            ("in_a_transaction", in_a_transaction),
            ("a_thousand_sets", a_thousand_sets),
            ("a_set_without_a_parameter", a_set_without_a_parameter),
        ],
    )
}

const INSERT: &str = "insert into written values (:tenant, :mark)";

fn sets(tenant: &str, marks: &[&str]) -> Value {
    let set = |mark: &&str| {
        json!([
            {"name": "tenant", "value": {"stringValue": tenant}},
            {"name": "mark", "value": {"stringValue": mark}},
        ])
    };
    marks.iter().map(set).collect()
}

fn count(stand: &Stand, pattern: &str) -> Value {
    let sql = "select count(*) from written where mark like :p";
    stand.tenant("tenant_1").sql(sql).text("p", pattern).run().value()
}

fn every_set_is_run(stand: &Stand) {
    let answer = stand.tenant("tenant_1").batch(INSERT, &sets("tenant_1", &["b1 x", "b1 y"]));
    let expected = r#"{"updateResults":[{"generatedFields":[]},{"generatedFields":[]}]}"#;
    assert_eq!(answer.ok().text(), expected);
    assert_eq!(count(stand, "b1 %"), 2);
}

fn one_bad_set_undoes_all(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let mut sets = sets("tenant_1", &["b2 x", "b2 y", "b2 z"]);
    sets[2][0]["value"]["stringValue"] = "tenant_2".into();
    tenant.batch(INSERT, &sets).fails_with("42501");
    assert_eq!(count(stand, "b2 %"), 0);
}

fn no_sets_no_run(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answer = tenant.batch("insert into written values ('tenant_1', 'b3 x')", &json!([]));
    // AWS runs a batch without sets not at all; either way it must not run twice.
    assert!(answer.ok().text().starts_with(r#"{"updateResults":["#));
    assert!(count(stand, "b3 %").as_i64().unwrap() <= 1);
}

fn sets_of_other_types(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "insert into value (id, n) values (:id, :n)";
    let set = |id: i64, n: Value| {
        let id = json!({"name": "id", "value": {"longValue": id}});
        json!([id, {"name": "n", "value": n}])
    };
    let null = json!({"isNull": true});
    let sets = json!([
        set(70_001, json!({"longValue": 1})),
        set(70_002, json!({"stringValue": "2.5"})),
        set(70_003, null),
        set(70_004, json!({"doubleValue": 0.25})),
    ]);
    tenant.batch(sql, &sets).ok();
    let rows = tenant.execute("select n from value where id > 70000 order by id").rows();
    assert_eq!(rows, json!([["1.0000"], ["2.5000"], [null], ["0.2500"]]));
}

fn in_a_transaction(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let batch = |id: &str, marks: &[&str]| {
        let body = json!({
            "sql": INSERT, "parameterSets": sets("tenant_1", marks), "transactionId": id,
        });
        tenant.call("/BatchExecute", &tenant.body(body))
    };
    let undone = tenant.begin();
    batch(&undone.id, &["b4 x", "b4 y"]).ok();
    undone.rollback().ok();
    assert_eq!(count(stand, "b4 %"), 0);
    let kept = tenant.begin();
    batch(&kept.id, &["b4 x", "b4 y"]).ok();
    batch(&kept.id, &["b4 z"]).ok();
    kept.commit().ok();
    assert_eq!(count(stand, "b4 %"), 3);
}

fn a_thousand_sets(stand: &Stand) {
    let marks: Vec<String> = (0..1000).map(|number| format!("b5 {number}")).collect();
    let marks: Vec<&str> = marks.iter().map(String::as_str).collect();
    let answer = stand.tenant("tenant_1").batch(INSERT, &sets("tenant_1", &marks)).ok();
    assert_eq!(answer.json()["updateResults"].as_array().unwrap().len(), 1000);
    assert_eq!(count(stand, "b5 %"), 1000);
}

fn a_set_without_a_parameter(stand: &Stand) {
    let mut sets = sets("tenant_1", &["b6 x", "b6 y"]);
    sets[1].as_array_mut().unwrap().pop();
    let answer = stand.tenant("tenant_1").batch(INSERT, &sets);
    answer.fails("ValidationException", "Cannot find parameter: mark");
    assert_eq!(count(stand, "b6 %"), 0);
}
