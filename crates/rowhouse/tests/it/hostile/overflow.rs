//! Answers that are too large say how they ended all the same.

use serde_json::json;

use crate::answer::Answer;
use crate::case::{Case, suite};
use crate::person::Person;
use crate::postgres::Direct;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "hostile::overflow",
        &[
            ("of_one_statement", of_one_statement),
            ("of_a_batch", of_a_batch),
            ("in_a_transaction", in_a_transaction),
            ("at_the_commit", at_the_commit),
            ("of_what_only_reads", of_what_only_reads),
        ],
    )
}

/// Uniqueness is looked at in the end, when everything has been returned.
const TABLES: &str = "
    create table if not exists pledge (id int, mark text,
        unique (mark, id) deferrable initially deferred);
    grant select, insert on pledge to it_app;
    create table if not exists loud (mark text);
    grant select, insert on loud to it_app;
    -- Of all that is not an error, INFO alone reaches a client whatever it has set.
    create or replace function shout() returns trigger language plpgsql as $f$
        begin for i in 1..5000 loop raise info '%', repeat('x', 200); end loop;
        if new.mark like '%refused%' then raise exception 'refused' using errcode = '23514'; end if;
        return null; end $f$;
    create or replace function loudly(mark text) returns int language plpgsql as $f$
        begin for i in 1..5000 loop raise info '%', repeat('x', 200); end loop;
        insert into loud values (mark || ' too'); return 1; end $f$;
    drop trigger if exists shout on loud;
    create constraint trigger shout after insert on loud
        deferrable initially deferred for each row execute function shout();";
/// A row of it, or one that is too large by itself.
const SHAPES: [(&str, u32, u32); 3] =
    [("many", 100, 100_000), ("one", 1, 5_000_000), ("small", 300_000, 20)];
/// Enough runs to get into the fast lane, if this were a statement for it.
const OFTEN: usize = 6;

fn prepared(stand: &Stand) -> Direct {
    let mut direct = stand.cluster().address.connect("it");
    // Trials run at the same time, and so would this.
    direct.query(&format!("select pg_advisory_lock(4713); {TABLES}"));
    direct.query("select pg_advisory_unlock(4713)");
    direct
}

fn count(direct: &mut Direct, mark: &str) -> String {
    direct.value(&format!("select count(*) from pledge where mark = '{mark}'"))
}

/// Inserts this many rows, the last one `again` if it is to fail.
fn insert(mark: &str, rows: u32, bytes: u32, fails: bool) -> String {
    let again = if fails { "union all select 1" } else { "" };
    format!(
        "insert into pledge select i, '{mark}' from (select generate_series(1, {rows}) {again}) \
         as given (i) returning repeat('x', {bytes})"
    )
}

fn people(stand: &Stand) -> [(&'static str, Person); 2] {
    [("app", stand.app()), ("tenant", stand.tenant("tenant_1"))]
}

#[track_caller]
fn committed_and_said_so(answer: Answer) {
    answer.fails("DatabaseErrorException", "is committed");
}

fn of_one_statement(stand: &Stand) {
    let mut direct = prepared(stand);
    for (who, person) in people(stand) {
        for (shape, rows, bytes) in SHAPES {
            let mark = format!("alone {who} {shape}");
            for _ in 0..OFTEN {
                person.execute(&insert(&mark, rows, bytes, true)).fails_with("23505");
                assert_eq!(count(&mut direct, &mark), "0", "{mark}");
            }
            committed_and_said_so(person.execute(&insert(&mark, rows, bytes, false)));
            assert_eq!(count(&mut direct, &mark), rows.to_string(), "{mark}");
        }
        // The session goes on, with its answers in order.
        assert_eq!(person.execute("select 'in order'").value(), "in order");
    }
}

fn of_a_batch(stand: &Stand) {
    let mut direct = prepared(stand);
    for (who, person) in people(stand) {
        let mark = format!("batch {who}");
        let sql = "insert into pledge select :i, :m from generate_series(1, 20) \
                   returning repeat('x', 100000)";
        let sets = |ids: [i64; 2]| {
            let set = |id: i64| {
                json!([{"name": "i", "value": {"longValue": id}},
                       {"name": "m", "value": {"stringValue": mark}}])
            };
            json!(ids.map(set))
        };
        person.batch(sql, &sets([1, 2])).fails_with("23505");
        assert_eq!(count(&mut direct, &mark), "0", "{mark}");
        let sql = sql.replace(":i, :m from", "i + :i, :m from").replace("20)", "20) i");
        // Nobody wants the rows of a batch: they are dropped as they come.
        person.batch(&sql, &sets([0, 100])).ok();
        assert_eq!(count(&mut direct, &mark), "40", "{mark}");
    }
}

/// In a transaction it says nothing of a commit that has not come yet, and changes nothing of it.
fn in_a_transaction(stand: &Stand) {
    let mut direct = prepared(stand);
    for (who, person) in people(stand) {
        for (shape, rows, bytes) in SHAPES {
            let mark = format!("inside {who} {shape}");
            let transaction = person.begin();
            let answer = transaction.execute(&insert(&mark, rows, bytes, true));
            let answer = answer.fails("DatabaseErrorException", "size limit");
            assert!(!answer.message().contains("committed"), "{}", answer.text());
            transaction.commit().fails_with("23505");
            assert_eq!(count(&mut direct, &mark), "0", "{mark}");
            let transaction = person.begin();
            let answer = transaction.execute(&insert(&mark, rows, bytes, false));
            answer.fails("DatabaseErrorException", "size limit");
            assert_eq!(transaction.execute("select 'it goes on'").value(), "it goes on");
            transaction.commit().ok();
            assert_eq!(count(&mut direct, &mark), rows.to_string(), "{mark}");
        }
    }
}

/// A commit that says a thousand things besides is a commit.
fn at_the_commit(stand: &Stand) {
    let mut direct = prepared(stand);
    for (who, person) in people(stand) {
        let mut count =
            |mark: &str| direct.value(&format!("select count(*) from loud where mark = '{mark}'"));
        let mark = format!("committed {who}");
        let transaction = person.begin();
        transaction.execute(&format!("insert into loud values ('{mark}')")).ok();
        let answer = transaction.commit().ok();
        assert_eq!(answer.json()["transactionStatus"], "Transaction Committed");
        assert_eq!(count(&mark), "1");
        let mark = format!("refused {who}");
        let transaction = person.begin();
        transaction.execute(&format!("insert into loud values ('{mark}')")).ok();
        transaction.commit().fails_with("23514");
        assert_eq!(count(&mark), "0");
        // By itself the statement is its own commit.
        let mark = format!("alone {who}");
        let answer = person.execute(&format!("insert into loud values ('{mark}')"));
        if answer.status != 200 {
            committed_and_said_so(answer);
        }
        assert_eq!(count(&mark), "1");
        let mark = format!("alone, refused {who}");
        person.execute(&format!("insert into loud values ('{mark}')")).fails_with("23514");
        assert_eq!(count(&mark), "0");
        let mark = format!("by a function {who}");
        let answer = person.execute(&format!("select loudly('{mark}')"));
        if answer.status != 200 {
            committed_and_said_so(answer);
        }
        assert_eq!(count(&format!("{mark} too")), "1");
    }
}

fn of_what_only_reads(stand: &Stand) {
    for (_, person) in people(stand) {
        for sql in [
            "select repeat('x', 5000000)",
            "select repeat('x', 100000) from generate_series(1, 100)",
        ] {
            for _ in 0..OFTEN {
                let answer = person.execute(sql).fails("BadRequestException", "size limit");
                assert!(!answer.message().contains("committed"), "{}", answer.text());
            }
        }
        let sql = "select 1 / (100 - i), repeat('x', 100000) from generate_series(1, 100) i";
        for _ in 0..OFTEN {
            // Nobody waits for the end of what only reads: whether it fails there is not seen.
            let answer = person.execute(sql);
            assert_eq!(answer.status, 400, "{}", answer.text());
            let known = ["BadRequestException", "DatabaseErrorException"];
            assert!(known.contains(&answer.exception()), "{}", answer.text());
        }
    }
}
