//! BatchExecuteStatement: one statement, many sets, all or nothing.

use serde_json::{Value, json};

use crate::answer::Answer;
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
            ("each_set_has_its_count", each_set_has_its_count),
            ("types_that_cannot_be_inferred", types_that_cannot_be_inferred),
            ("procedures_cannot_commit_half_way", procedures_cannot_commit_half_way),
            ("what_is_no_batch", what_is_no_batch),
            ("a_failed_transaction_stays_failed", a_failed_transaction_stays_failed),
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

fn counts(answer: &Answer) -> Vec<i64> {
    let json = answer.clone().ok().json();
    let sets = json["updateResults"].as_array().unwrap();
    sets.iter().map(|set| set["numberOfRecordsUpdated"].as_i64().unwrap()).collect()
}

fn count(stand: &Stand, pattern: &str) -> Value {
    let sql = "select count(*) from written where mark like :p";
    stand.tenant("tenant_1").sql(sql).text("p", pattern).run().value()
}

fn every_set_is_run(stand: &Stand) {
    let answer = stand.tenant("tenant_1").batch(INSERT, &sets("tenant_1", &["b1 x", "b1 y"]));
    let one = r#"{"generatedFields":[],"numberOfRecordsUpdated":1}"#;
    let expected = format!(r#"{{"updateResults":[{one},{one}]}}"#);
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
    assert_eq!(answer.ok().text(), r#"{"updateResults":[]}"#);
    // An empty set is a set: this is how a batch without parameters is written.
    let sql = "insert into written values ('tenant_1', 'b3 y')";
    assert_eq!(counts(&tenant.batch(sql, &json!([[], []]))), [1, 1]);
    assert_eq!((count(stand, "b3 x"), count(stand, "b3 y")), (json!(0), json!(2)));
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

fn each_set_has_its_count(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "insert into written select 'tenant_1', 'b7' from generate_series(1, :n::int) \
               returning mark";
    let sets = |counts: &[i64]| -> Value {
        counts.iter().map(|n| json!([{"name": "n", "value": {"longValue": n}}])).collect()
    };
    assert_eq!(counts(&tenant.batch(sql, &sets(&[2, 0, 5]))), [2, 0, 5]);
    // Nobody sees the rows, so their size does not matter.
    let large = sql.replace("returning mark", "returning repeat('x', 100000)");
    assert_eq!(counts(&tenant.batch(&large, &sets(&[30, 40]))), [30, 40]);
    let transaction = tenant.begin();
    let body = json!({"sql": large, "parameterSets": sets(&[30]), "transactionId": transaction.id});
    assert_eq!(counts(&tenant.call("/BatchExecute", &tenant.body(body))), [30]);
    transaction.rollback().ok();
    let update = "update written set mark = mark where mark = 'b7' and :n > 0";
    assert_eq!(counts(&tenant.batch(update, &sets(&[1, 0, 1]))), [77, 0, 77]);
}

/// Inside a transaction as outside, and the transaction goes on.
fn types_that_cannot_be_inferred(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = |n: u32| {
        format!("insert into written select 'tenant_1', 'b8 ' || :a || {n} where :b is not null")
    };
    let set = |a: &Value, b: &Value| json!([{"name": "a", "value": a}, {"name": "b", "value": b}]);
    let (text, null) = (json!({"stringValue": "x"}), json!({"isNull": true}));
    let sets = json!([
        set(&text, &text),
        set(&text, &json!({"longValue": 1})),
        set(&text, &null),
        set(&null, &text),
    ]);
    let answer = tenant.batch(&sql(1).replace(":a", "coalesce(:a, 'x')"), &sets);
    assert_eq!(counts(&answer), [1, 1, 0, 1]);
    let transaction = tenant.begin();
    for n in [2, 2, 3] {
        let sql = sql(n).replace(":a", "coalesce(:a, 'x')");
        let body = json!({"sql": sql, "parameterSets": sets, "transactionId": transaction.id});
        assert_eq!(counts(&tenant.call("/BatchExecute", &tenant.body(body))), [1, 1, 0, 1]);
    }
    transaction.commit().ok();
    assert_eq!(count(stand, "b8 x%"), 3 + 3 * 3);
}

fn procedures_cannot_commit_half_way(stand: &Stand) {
    let sql = "create or replace procedure half_way(mark text) language plpgsql as $p$
        begin insert into written values ('tenant_1', mark); commit; end $p$";
    stand.cluster().address.query("it", sql);
    let tenant = stand.tenant("tenant_1");
    let set = json!([{"name": "m", "value": {"stringValue": "b9"}}]);
    tenant.batch("call half_way(:m)", &json!([set, set])).fails_with("2D000");
    assert_eq!(count(stand, "b9"), 0);
}

fn what_is_no_batch(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sets = json!([[], []]);
    for sql in ["select 1; select 2", "select 1;;select 2"] {
        tenant.batch(sql, &sets).fails("ValidationException", "Multistatements aren't supported.");
    }
    for sql in ["begin", "commit", "rollback", "prepare transaction 'x'", "start transaction"] {
        tenant.batch(sql, &sets).fails_with("0A000");
        let transaction = tenant.begin();
        let body = json!({"sql": sql, "parameterSets": sets, "transactionId": transaction.id});
        tenant.call("/BatchExecute", &tenant.body(body)).fails_with("0A000");
        assert_eq!(transaction.execute("select 1").value(), 1);
        transaction.rollback().ok();
    }
}

fn a_failed_transaction_stays_failed(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let mut bad = sets("tenant_1", &["b10 x", "b10 y"]);
    bad[1][0]["value"]["stringValue"] = "tenant_2".into();
    let body = |sets: &Value| {
        tenant.body(json!({"sql": INSERT, "parameterSets": sets, "transactionId": transaction.id}))
    };
    tenant.call("/BatchExecute", &body(&bad)).fails_with("42501");
    let good = sets("tenant_1", &["b10 x"]);
    tenant.call("/BatchExecute", &body(&good)).fails_with("25P02");
    transaction.commit().fails("DatabaseErrorException", "rolled back");
    assert_eq!(count(stand, "b10 %"), 0);
}
