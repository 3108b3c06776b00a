//! `schema`: where the statements of a call look for names, for that transaction and no longer.

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::person::Person;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::schemas",
        &[
            ("each_call_has_its_own", each_call_has_its_own),
            ("in_a_transaction", in_a_transaction),
            ("names_that_are_none", names_that_are_none),
            ("what_shadows_our_own", what_shadows_our_own),
        ],
    )
}

/// Two tables of one name with columns of different types, and functions that bear the names of
/// PostgreSQL's.
const SCHEMAS: &str = r#"
    create schema if not exists one;
    create schema if not exists "two, ""pg_temp""";
    create table if not exists one.thing (v int);
    create table if not exists "two, ""pg_temp""".thing (v text);
    truncate one.thing, "two, ""pg_temp""".thing;
    insert into one.thing values (1);
    insert into "two, ""pg_temp""".thing values ('two');
    create or replace function one.set_config(text, text, boolean) returns text language sql
        as $f$ select 'stolen' $f$;
    create or replace function one.current_setting(text, boolean) returns text language sql
        as $f$ select 'tenant_2' $f$;
    create or replace function one.texteq(text, text) returns boolean language sql
        as $f$ select true $f$;
    drop operator if exists one.= (text, text);
    create operator one.= (leftarg = text, rightarg = text, function = one.texteq);
    grant usage on schema one, "two, ""pg_temp""" to it_app;
    grant select, insert on one.thing, "two, ""pg_temp""".thing to it_app;"#;
const TWO: &str = r#"two, "pg_temp""#;

fn prepare(stand: &Stand) {
    // Trials run at the same time, and so would this.
    let mut direct = stand.cluster().address.connect("it");
    let ready = "select 1 from pg_operator where oprnamespace = to_regnamespace('one')";
    direct.query("select pg_advisory_lock(4714)");
    if direct.query(ready).is_empty() {
        direct.query(SCHEMAS);
    }
}

fn value(person: &Person, schema: &str, sql: &str) -> Value {
    person.sql(sql).with("schema", schema).run().value()
}

fn each_call_has_its_own(stand: &Stand) {
    prepare(stand);
    let sql = "select v from thing limit 1";
    for person in [stand.tenant("tenant_1"), stand.app(), stand.admin().via("app_user")] {
        // Often enough for the fast lane, if it were for this.
        for _ in 0..8 {
            assert_eq!(value(&person, "one", sql), 1);
            assert_eq!(value(&person, TWO, sql), "two");
            person.execute(sql).fails_with("42P01");
        }
        assert_eq!(value(&person, "no such schema", "select 1"), 1);
        assert_eq!(person.execute("show search_path").value(), "\"$user\", public");
    }
    let tenant = stand.tenant("tenant_1");
    let insert = json!({"sql": "insert into thing values (7)", "schema": "one"});
    let mut body = tenant.body(insert);
    body["parameterSets"] = json!([[]]);
    tenant.call("/BatchExecute", &body).ok();
    assert_eq!(value(&tenant, "one", "select count(*) from thing where v = 7"), 1);
    assert_eq!(value(&tenant, "one", "select v from thing; select v + 1 from thing limit 1"), 2);
    let sql = json!([{"sql": "select v from thing limit 1"}]);
    let body = tenant.body(json!({"statements": sql, "schema": TWO}));
    let answer = tenant.call("/ExecuteTransaction", &body).ok().json();
    assert_eq!(answer["results"][0]["records"], json!([[{"stringValue": "two"}]]));
}

fn in_a_transaction(stand: &Stand) {
    prepare(stand);
    let tenant = stand.tenant("tenant_1");
    let begun = tenant.call("/BeginTransaction", &tenant.body(json!({"schema": "one"}))).ok();
    let id = begun.json()["transactionId"].as_str().unwrap().to_owned();
    let transaction = tenant.transaction(&id);
    assert_eq!(transaction.execute("select v from thing limit 1").value(), 1);
    transaction.execute("select * from note").fails_with("42P01");
    transaction.rollback().ok();
    let transaction = tenant.begin();
    assert_eq!(transaction.execute("select count(*) from note").value(), 3);
    let there = transaction.sql("select v from thing limit 1").with("schema", TWO).run();
    assert_eq!(there.value(), "two");
    // From then on.
    assert_eq!(transaction.execute("select v from thing limit 1").value(), "two");
    transaction.commit().ok();
    assert_eq!(tenant.begin().execute("select count(*) from note").value(), 3);
}

fn names_that_are_none(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let long = "x".repeat(64);
    for name in ["pg_temp", "pg_catalog", "PG_toast", "a\0b", "a\nb", long.as_str()] {
        for path in ["/Execute", "/BeginTransaction"] {
            let body = tenant.body(json!({"sql": "select 1", "schema": name}));
            tenant.call(path, &body).fails("ValidationException", "schema");
        }
    }
}

/// The policies were parsed when they were made, and the prologue names its schema.
fn what_shadows_our_own(stand: &Stand) {
    prepare(stand);
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for _ in 0..3 {
        for call in [
            tenant.sql("select distinct tenant from public.note"),
            transaction.sql("select distinct tenant from public.note"),
        ] {
            assert_eq!(call.with("schema", "one").run().rows(), json!([["tenant_1"]]));
        }
    }
    transaction.commit().ok();
}
