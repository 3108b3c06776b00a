//! ExecuteTransaction: a transaction in one piece.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::person::Person;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "data_api::pieces",
        &[
            ("each_statement_has_its_answer", each_statement_has_its_answer),
            ("all_or_nothing", all_or_nothing),
            ("the_failed_one_is_named", the_failed_one_is_named),
            ("types_that_cannot_be_inferred", types_that_cannot_be_inferred),
            ("what_may_not_be_among_them", what_may_not_be_among_them),
            ("each_is_the_tenants", each_is_the_tenants),
            ("the_seeds_own_program", the_seeds_own_program),
            ("how_it_is_begun", how_it_is_begun),
            ("one_limit_for_all_results", one_limit_for_all_results),
            ("one_round_trip", one_round_trip),
        ],
    )
}

fn run(person: &Person, statements: &Value) -> Answer {
    run_with(person, statements, json!({}))
}

fn run_with(person: &Person, statements: &Value, mut more: Value) -> Answer {
    more["statements"] = statements.clone();
    person.call("/ExecuteTransaction", &person.body(more))
}

fn insert(mark: &str) -> Value {
    json!({"sql": format!("insert into written values ('tenant_1', '{mark}')")})
}

fn sql(sql: &str) -> Value {
    json!({"sql": sql})
}

fn count(person: &Person, mark: &str) -> Value {
    person.sql("select count(*) from written where mark = :m").text("m", mark).run().value()
}

fn each_statement_has_its_answer(stand: &Stand) {
    for person in [stand.tenant("tenant_1"), stand.tenant("tenant_1").strictly()] {
        let statements = json!([
            {"sql": "insert into written values (:t, :m)", "parameters": [
                {"name": "t", "value": {"stringValue": "tenant_1"}},
                {"name": "m", "value": {"stringValue": "p1"}}]},
            {"sql": "select 1::int8 as n", "includeResultMetadata": true,
             "resultSetOptions": {"longReturnType": "STRING"}},
            {"sql": "select 2 as n", "formatRecordsAs": "JSON"},
            {"sql": "delete from written where mark = :m returning mark", "parameters": [
                {"name": "m", "value": {"stringValue": "p1"}}]},
            {"sql": "-- nothing"},
        ]);
        let answer = run(&person, &statements).ok().json();
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), 5, "{answer}");
        assert_eq!(results[0], json!({"generatedFields": [], "numberOfRecordsUpdated": 1}));
        assert_eq!(results[1]["records"], json!([[{"stringValue": "1"}]]));
        assert_eq!(results[1]["columnMetadata"][0]["label"], "n");
        assert_eq!(results[2]["formattedRecords"], r#"[{"n":2}]"#);
        assert_eq!(results[3]["records"], json!([[{"stringValue": "p1"}]]));
        assert_eq!(results[4]["numberOfRecordsUpdated"], 0);
    }
}

fn all_or_nothing(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    run(&tenant, &json!([insert("p2"), insert("p2"), sql("select 1 / 0")])).fails_with("22012");
    assert_eq!(count(&tenant, "p2"), 0);
    run(&tenant, &json!([insert("p2"), insert("p2")])).ok();
    assert_eq!(count(&tenant, "p2"), 2);
    // What waits for the end belongs to no statement.
    let orphan = sql("insert into child values ('tenant_1', 1, 4711)");
    let answer = run(&tenant, &json!([insert("p2 b"), orphan])).fails_with("23503");
    assert!(answer.json().get("statementIndex").is_none(), "{}", answer.text());
    assert_eq!(count(&tenant, "p2 b"), 0);
    // Savepoints and cursors are as in any transaction.
    let statements = json!([
        insert("p2 c"),
        sql("savepoint s"),
        insert("p2 c"),
        sql("rollback to savepoint s"),
        sql("declare c cursor for select id from note order by id"),
        sql("fetch 2 from c"),
    ]);
    let answer = run(&tenant, &statements).ok().json();
    assert_eq!(answer["results"][5]["records"], json!([[{"longValue": 1}], [{"longValue": 2}]]));
    assert_eq!(count(&tenant, "p2 c"), 1);
    let half_way = "do $$ begin insert into written values ('tenant_1', 'p2 d'); commit; end $$";
    run(&tenant, &json!([insert("p2 d"), sql(half_way)])).fails_with("2D000");
    assert_eq!(count(&tenant, "p2 d"), 0);
}

fn the_failed_one_is_named(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let parameter = json!([{"name": "long_name", "value": {"longValue": 1}}]);
    let bad = json!({"sql": "select :long_name, nosuch", "parameters": parameter});
    let answer = run(&tenant, &json!([sql("select 1"), bad, sql("select 2")]));
    let answer = answer.fails_with("42703");
    let expected = "statements[1]: ERROR: column \"nosuch\" does not exist; Position: 20; \
                    SQLState: 42703";
    assert_eq!(answer.message(), expected);
    assert_eq!(answer.json()["statementIndex"], 1);
    for (bad, exception) in [
        ("select :x", "ValidationException"),
        ("select 1; select 2", "ValidationException"),
        ("commit", "DatabaseErrorException"),
        ("set role it_member", "DatabaseErrorException"),
        (" ", "ValidationException"),
    ] {
        let answer = run(&tenant, &json!([insert("p3"), insert("p3"), sql(bad)]));
        let answer = answer.fails(exception, "statements[2]: ");
        assert_eq!(answer.json()["statementIndex"], 2, "{bad}");
    }
    assert_eq!(count(&tenant, "p3"), 0);
}

fn types_that_cannot_be_inferred(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let x = json!([{"name": "x", "value": {"stringValue": "p4"}}]);
    let statements: Value = (0..6)
        .map(|n| json!({"sql": format!("select :x is null, {n}"), "parameters": x}))
        .chain([json!({"sql": "insert into written values ('tenant_1', :x)", "parameters": x})])
        .collect();
    run(&tenant, &statements).ok();
    assert_eq!(count(&tenant, "p4"), 1);
}

fn what_may_not_be_among_them(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for (bad, sqlstate) in [
        ("begin", "0A000"),
        ("COMMIT", "0A000"),
        ("/* x */ rollback and chain", "0A000"),
        ("prepare transaction 'x'", "0A000"),
        ("copy note to stdout", "0A000"),
        ("vacuum note", "25001"),
        ("create database nosuch", "25001"),
        ("discard all", "42501"),
    ] {
        run(&tenant, &json!([insert("p5"), sql(bad)])).fails_with(sqlstate);
        run(&tenant, &json!([sql(bad), insert("p5")])).fails_with(sqlstate);
    }
    assert_eq!(count(&tenant, "p5"), 0);
    let many: Value = (0..26).map(|_| sql("select 1")).collect();
    run(&tenant, &many).fails("ValidationException", "statements");
    run(&tenant, &json!([])).fails("ValidationException", "statements");
    let inside = json!({"transactionId": tenant.begin().id});
    let answer = run_with(&tenant, &json!([sql("select 1")]), inside);
    answer.fails("ValidationException", "transactionId");
}

/// Whatever the one before it did.
fn each_is_the_tenants(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    for hidden in [
        "select innocent('app.current_tenant', 'tenant_2')",
        "select harmless('set app.current_tenant = ''tenant_2''')",
        "select harmless('reset app.current_tenant')",
        "do $$ begin perform set_config('app.current_' || 'tenant', 'tenant_2', false); end $$",
    ] {
        let look = sql("select distinct tenant from note");
        let answer = run(&tenant, &json!([look, sql(hidden), look, look]));
        if answer.status == 200 {
            for at in [0, 2, 3] {
                let rows = &answer.json()["results"][at]["records"];
                assert_eq!(*rows, json!([[{"stringValue": "tenant_1"}]]), "{hidden}");
            }
        }
        let sql = "select distinct tenant from note";
        assert_eq!(tenant.execute(sql).rows(), json!([["tenant_1"]]), "{hidden}");
        assert_eq!(stand.app().execute(sql).rows(), json!([]), "{hidden}");
    }
    let theirs = sql("insert into written values ('tenant_2', 'p6')");
    run(&tenant, &json!([insert("p6"), theirs])).fails_with("42501");
    assert_eq!(count(&tenant, "p6"), 0);
    stand
        .gateway("main", &[])
        .nobody()
        .call("/ExecuteTransaction", &json!({}))
        .fails("AccessDeniedException", "");
}

/// The four requests of the first seed document, as one.
fn the_seeds_own_program(stand: &Stand) {
    let app = stand.app();
    let statements = json!([
        sql("SET LOCAL app.current_tenant = 'tenant_3'"),
        sql("select distinct tenant from note"),
    ]);
    let answer = run(&app, &statements).ok().json();
    assert_eq!(answer["results"][1]["records"], json!([[{"stringValue": "tenant_3"}]]));
    assert_eq!(app.execute("select count(*) from note").value(), 0);
}

fn how_it_is_begun(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let show = json!([sql("show transaction_isolation"), sql("show transaction_read_only")]);
    for (level, read_only, shown) in [
        ("READ_COMMITTED", false, "read committed"),
        ("REPEATABLE_READ", true, "repeatable read"),
        ("SERIALIZABLE", false, "serializable"),
        ("SERIALIZABLE", true, "serializable"),
    ] {
        let how = json!({"isolationLevel": level, "readOnly": read_only});
        let answer = run_with(&tenant, &show, how.clone()).ok().json();
        assert_eq!(answer["results"][0]["records"][0][0]["stringValue"], shown);
        let expected = if read_only { "on" } else { "off" };
        assert_eq!(answer["results"][1]["records"][0][0]["stringValue"], expected);
        let answer = run_with(&tenant, &json!([insert("p8")]), how);
        if read_only {
            answer.fails_with("25006")
        } else {
            answer.ok()
        };
    }
    assert_eq!(tenant.execute("show transaction_isolation").value(), "read committed");
}

fn one_limit_for_all_results(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let part = |bytes: u32| sql(&format!("select repeat('x', {bytes})"));
    run(&tenant, &json!([part(400_000), part(400_000)])).ok();
    for parts in [[600_000, 600_000], [10, 5_000_000], [1_000_000, 100_000]] {
        let answer = run(&tenant, &json!([part(parts[0]), part(parts[1])]));
        let answer = answer.fails("BadRequestException", "size limit");
        assert!(!answer.message().contains("committed"), "{}", answer.text());
        let answer = run(&tenant, &json!([insert("p9"), part(parts[0]), part(parts[1])]));
        answer.fails("DatabaseErrorException", "is committed");
    }
    assert_eq!(count(&tenant, "p9"), 3);
}

/// All of it is sent before anything of it is answered: what the server works is one transaction
/// that has begun and ended in one exchange.
fn one_round_trip(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let ids = sql("select pg_current_xact_id()::text, now()::text, pg_backend_pid()::text");
    let answer = run(&tenant, &json!([ids, insert("p10"), ids])).ok().json();
    assert_eq!(answer["results"][0]["records"], answer["results"][2]["records"]);
}
