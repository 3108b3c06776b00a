//! Several statements in one text.

use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::person::Person;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::several",
        &[
            ("the_last_rows_are_answered", the_last_rows_are_answered),
            ("all_or_nothing", all_or_nothing),
            ("parameters_are_shared", parameters_are_shared),
            ("positions_are_the_texts_own", positions_are_the_texts_own),
            ("in_a_transaction", in_a_transaction),
            ("what_may_not_be_among_them", what_may_not_be_among_them),
            ("each_is_the_tenants", each_is_the_tenants),
            ("an_application_sets_its_tenant", an_application_sets_its_tenant),
        ],
    )
}

fn insert(mark: &str) -> String {
    format!("insert into written values ('tenant_1', '{mark}')")
}

fn count(person: &Person, mark: &str) -> Value {
    person.sql("select count(*) from written where mark = :m").text("m", mark).run().value()
}

fn the_last_rows_are_answered(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    assert_eq!(tenant.execute("select 1; select 2;; select 3 ; -- four").value(), 3);
    let sql = format!("select 'seen'; {}", insert("v1"));
    assert_eq!(tenant.execute(&sql).value(), "seen");
    let sql = format!("{}; update written set mark = 'v1 b' where mark = 'v1'", insert("v1"));
    let none = r#"{"generatedFields":[],"numberOfRecordsUpdated":2}"#;
    assert_eq!(tenant.execute(&sql).text(), none);
    // What looks like an end of a statement and is none.
    let sql = r#"select ';', $$;$$, ";" from (select 1 as ";") t"#;
    assert_eq!(tenant.execute(sql).rows(), json!([[";", ";", 1]]));
    assert_eq!(tenant.execute("/* ; */ select 5 -- ;\n;").value(), 5);
}

fn all_or_nothing(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let one = insert("v2");
    tenant.execute(&format!("{one}; select 1 / 0; {one}")).fails_with("22012");
    assert_eq!(count(&tenant, "v2"), 0);
    tenant.execute(&format!("{one}; {one}; select 1")).ok();
    assert_eq!(count(&tenant, "v2"), 2);
    // A savepoint is the caller's own.
    let one = insert("v2 b");
    tenant.execute(&format!("{one}; savepoint s; {one}; rollback to s; {one}")).ok();
    assert_eq!(count(&tenant, "v2 b"), 2);
    // At its end.
    let orphan = "insert into child values ('tenant_1', 1, 4711)";
    tenant.execute(&format!("{}; {orphan}", insert("v2 c"))).fails_with("23503");
    assert_eq!(count(&tenant, "v2 c"), 0);
}

fn parameters_are_shared(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let sql = "insert into written values (:t, :m); \
               select mark, :n::int from written where mark = :m";
    let call = tenant.sql(sql).text("t", "tenant_1").text("m", "v3").long("n", 5);
    assert_eq!(call.run().rows(), json!([["v3", 5]]));
    let missing = tenant.sql("select :a; select :b").text("a", "x").run();
    missing.fails("ValidationException", "Cannot find parameter: b");
    // A type that cannot be inferred, twice.
    let sql = "select :a is null; select :a is null, :b is null";
    let call = tenant.sql(sql).text("a", "x").text("b", "y");
    assert_eq!(call.run().rows(), json!([[false, false]]));
}

fn positions_are_the_texts_own(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    for sql in ["select 'é'; select :long_name, nosuch", "select 1;\n\n select nosuch;select 2"] {
        let (before, _) = sql.split_once("nosuch").unwrap();
        let position = before.chars().count() + 1;
        let expected = format!("; Position: {position}; SQLState: 42703");
        transaction.execute("savepoint s").ok();
        for call in [tenant.sql(sql), transaction.sql(sql)] {
            let answer = call.text("long_name", "x").run();
            answer.fails("DatabaseErrorException", &expected);
        }
        transaction.execute("rollback to s").ok();
    }
    transaction.rollback().ok();
}

fn in_a_transaction(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let one = insert("v5");
    let sql = format!("{one}; savepoint s; select :x is null; rollback to s");
    assert_eq!(transaction.sql(&sql).text("x", "y").run().value(), false);
    assert_eq!(count(&tenant, "v5"), 0);
    transaction.execute(&format!("{one}; select 1")).ok();
    transaction.commit().ok();
    assert_eq!(count(&tenant, "v5"), 2);
    let transaction = tenant.begin();
    transaction.execute(&format!("{one}; select nosuch; select 1")).fails_with("42703");
    transaction.execute("select 1; select 2").fails_with("25P02");
    transaction.rollback().ok();
    assert_eq!(count(&tenant, "v5"), 2);
    // Results together have the limit of one.
    let transaction = tenant.begin();
    let large = "select repeat('x', 700000)";
    let answer = transaction.execute(&format!("{large}; {large}; {large}; {large}"));
    answer.fails("BadRequestException", "size limit");
    assert_eq!(transaction.execute("select 1").value(), 1);
    transaction.commit().ok();
}

fn what_may_not_be_among_them(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let one = insert("v6");
    for bad in ["begin", "commit", "rollback", "copy note to stdout", "end", "start transaction"] {
        for sql in [format!("{one}; {bad}"), format!("{bad}; {one}")] {
            tenant.execute(&sql).fails_with("0A000");
        }
    }
    tenant.execute(&format!("{one}; vacuum note")).fails_with("25001");
    stand.admin().execute("select 1; vacuum note").fails_with("25001");
    for bad in
        ["set app.current_tenant = 'tenant_2'", "reset all", "set role it_member", "listen x"]
    {
        tenant.execute(&format!("{one}; {bad}; select 1")).fails_with("42501");
    }
    assert_eq!(count(&tenant, "v6"), 0);
}

/// Whatever the one before it did.
fn each_is_the_tenants(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for hidden in [
        "select innocent('app.current_tenant', 'tenant_2')",
        "select harmless('set app.current_tenant = ''tenant_2''')",
        "select harmless('reset all')",
        "do $$ begin perform set_config('app.current_' || 'tenant', 'tenant_2', false); end $$",
    ] {
        let sql = format!("{hidden}; select distinct tenant from note");
        let transaction = tenant.begin();
        for answer in [tenant.execute(&sql), transaction.execute(&sql)] {
            if answer.status == 200 {
                assert_eq!(answer.rows(), json!([["tenant_1"]]), "{hidden}");
            }
        }
        let sql = "select distinct tenant from note";
        assert_eq!(tenant.execute(sql).rows(), json!([["tenant_1"]]), "{hidden}");
    }
}

fn an_application_sets_its_tenant(stand: &Stand) {
    let app = stand.app();
    let sql = "set local app.current_tenant = 'tenant_2'; select distinct tenant from note";
    assert_eq!(app.execute(sql).rows(), json!([["tenant_2"]]));
    assert_eq!(app.execute("select count(*) from note; select count(*) from note").value(), 0);
    let sql = "set app.current_tenant = 'tenant_3'; select distinct tenant from note";
    assert_eq!(app.execute(sql).rows(), json!([["tenant_3"]]));
    assert_eq!(app.execute("select count(*) from note").value(), 0);
}
