//! Statements that are over before they end: procedures that commit half-way run once, and what
//! became of them is told as far as it is known.

use super::SOON;
use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::person::Person;
use crate::postgres::Direct;
use crate::stand::Stand;
use crate::wait;

use serde_json::json;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "hostile::ends",
        &[
            ("a_procedure_whose_backend_ends", a_procedure_whose_backend_ends),
            ("a_procedure_that_fails_behind_its_commit", a_procedure_that_fails_behind_its_commit),
            ("a_function_that_fails_like_a_type", a_function_that_fails_like_a_type),
        ],
    )
}

/// What a procedure can do that no other statement can. `mark` tells the trials apart.
const PROCEDURES: &str = "
    create table if not exists done_once (mark text not null);
    grant select, insert on done_once to it_app;
    create or replace procedure work(mark text) language plpgsql as $f$
        begin insert into done_once values (mark); commit; perform pg_sleep(60); end $f$;
    create or replace procedure work_badly(mark text, code text) language plpgsql as $f$
        begin insert into done_once values (mark); commit;
        raise exception 'as raised: %', mark using errcode = code; end $f$;
    create or replace function fail_badly(mark text, code text) returns int language plpgsql as $f$
        begin raise exception 'as raised: %', mark using errcode = code; end $f$;";

/// A connection past the gateway, to a database with the procedures.
fn prepared(stand: &Stand) -> Direct {
    let mut direct = stand.cluster().address.connect("it");
    // Trials run at the same time, and so would this.
    direct.query(&format!("select pg_advisory_lock(4712); {PROCEDURES}"));
    direct.query("select pg_advisory_unlock(4712)");
    direct
}

fn count(direct: &mut Direct, mark: &str) -> String {
    direct.value(&format!("select count(*) from done_once where mark = '{mark}'"))
}

/// From 18 on a statement behind another one of the same `Sync` is in an implicit transaction
/// block, where no procedure may commit: behind a prologue it fails before it could.
/// <https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-PIPELINING>
fn may_commit(direct: &mut Direct) -> bool {
    let version: u32 = direct.value("show server_version_num").parse().unwrap();
    version < 180_000
}

/// Committed, and then its backend is ended: nobody knows that but the table.
fn a_procedure_whose_backend_ends(stand: &Stand) {
    let mut direct = prepared(stand);
    type Way = fn(&Person, &str) -> Answer;
    let ways: [(&str, Way); 3] = [
        ("ended", |app, mark| app.execute(&format!("call work('{mark}')"))),
        ("ended, by parameter", |app, mark| app.sql("call work(:m)").text("m", mark).run()),
        ("ended, in a batch", |app, mark| {
            let set = json!([{"name": "m", "value": {"stringValue": mark}}]);
            app.batch("call work(:m)", &json!([set]))
        }),
    ];
    for (mark, way) in ways {
        if !may_commit(&mut direct) {
            way(&stand.app(), mark).fails_with("2D000");
            assert_eq!(count(&mut direct, mark), "0", "{mark}");
            continue;
        }
        let answer = std::thread::scope(|scope| {
            let answer = scope.spawn(|| way(&stand.app(), mark));
            wait::until_true("it is committed", SOON, || count(&mut direct, mark) != "0");
            let sleeper = "from pg_stat_activity where wait_event = 'PgSleep'
                and query like 'call work(%' and usename = 'it_app'";
            let sql = format!("select pg_terminate_backend(pid) {sleeper}");
            wait::until_true("it is ended", SOON, || !direct.query(&sql).is_empty());
            answer.join().unwrap()
        });
        answer.fails_with("08007");
        assert_eq!(count(&mut direct, mark), "1", "{mark}");
    }
}

/// Errors that look as if a parameter's type could not be inferred are no reason to run it again.
fn a_procedure_that_fails_behind_its_commit(stand: &Stand) {
    let mut direct = prepared(stand);
    if !may_commit(&mut direct) {
        return;
    }
    for code in ["42725", "42P18", "42P08", "26000", "0A000", "57014", "40001", "22012"] {
        let app = stand.app();
        let mark = format!("failed with {code}");
        let sql = "call work_badly(:m, :c)";
        let answer = app.sql(sql).text("m", &mark).text("c", code).run();
        as_raised(answer, &mark, code);
        assert_eq!(count(&mut direct, &mark), "1", "{mark}");
        let mark = format!("{mark}, in a batch");
        let field =
            |name: &str, value: &str| json!({"name": name, "value": {"stringValue": value}});
        let answer = app.batch(sql, &json!([[field("m", &mark), field("c", code)]]));
        as_raised(answer, &mark, code);
        assert_eq!(count(&mut direct, &mark), "1", "{mark}");
    }
}

fn a_function_that_fails_like_a_type(stand: &Stand) {
    prepared(stand);
    for code in ["42725", "42P18", "42P08"] {
        for person in [stand.app(), stand.tenant("tenant_1")] {
            let call = person.sql("select fail_badly(:m, :c)").text("m", "a mark").text("c", code);
            as_raised(call.run(), "a mark", code);
            let transaction = person.begin();
            let sql = "select fail_badly(:m, :c), 1";
            let call = transaction.sql(sql).text("m", "a mark").text("c", code);
            as_raised(call.run(), "a mark", code);
            transaction.rollback().ok();
        }
    }
}

#[track_caller]
fn as_raised(answer: Answer, mark: &str, code: &str) {
    if code == "57014" {
        // Nobody can tell it from the timeout.
        answer.fails("StatementTimeoutException", "");
    } else {
        assert!(answer.message().contains(&format!("as raised: {mark}")), "{}", answer.text());
        answer.fails_with(code);
    }
}
