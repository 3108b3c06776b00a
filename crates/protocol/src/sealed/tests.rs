//! What passes into a sealed database, and what does not, in hostile spellings.

use super::Refusal::{Command, Hold, Into, Several, Show};
use super::*;

/// Commands that are not on the list.
const COMMANDS: &[&str] = &[
    "explain select 1",
    "/**/eXplain (analyze) select 1",
    "copy t to stdout",
    "copy (select 1) to program 'x'",
    "do $$begin end$$",
    "call p()",
    "prepare p as select 1",
    "prepare transaction 'x'",
    "execute p",
    "deallocate all",
    "listen c",
    "notify c",
    "unlisten *",
    "lock table t",
    "set app.x = 1",
    "set local rowhouse.context = ''",
    "set transaction isolation level serializable",
    "set constraints all deferred",
    "reset all",
    "discard all",
    "alter role current_user set row_security = off",
    "alter table t disable row level security",
    "create temp table x (a int)",
    "create function f() returns int language sql as 'select 1'",
    "create view v as select 1",
    "drop table t",
    "truncate t",
    "grant all on t to public",
    "revoke all on t from public",
    "reassign owned by a to b",
    "security label on table t is ''",
    "comment on table t is ''",
    "vacuum",
    "analyze t",
    "cluster t",
    "reindex table t",
    "refresh materialized view v",
    "import foreign schema s from server x into y",
    "load 'x'",
    "checkpoint",
    "begin",
    "start transaction",
    "commit",
    "end",
    "rollback",
    "abort",
    "commit prepared 'x'",
    "\u{feff}select 1",
    "\"select\" 1",
    "U&\"select\" 1",
    "something new",
    "$1",
];

#[test]
fn what_passes() {
    let pass = [
        "",
        " -- nothing\n",
        "select 1",
        "select 1;",
        "select 1 ; ; /* ; */ -- ;",
        "SELECT ';' || $$;$$ || E'\\';'",
        "((select 1) union (select 2))",
        "values (1), (2)",
        "table t",
        "with x as (insert into t values (1) returning *) select * from x",
        "insert into t values (1) on conflict do nothing",
        "insert into t select * from u for update",
        "update t set a = 1",
        "delete from t",
        "merge into t using u on t.a = u.a when matched then do nothing",
        "select * from t for update skip locked",
        "savepoint s",
        "release savepoint s",
        "rollback to savepoint s",
        "rollback work to s",
        "declare c cursor for select 1",
        "declare c no scroll cursor without hold for select 1",
        "declare hold cursor for select 1",
        "fetch 10 from c",
        "move all in c",
        "close all",
        "show server_version",
        "SHOW TimeZone",
        "show time zone",
        "show transaction isolation level",
    ];
    for sql in pass {
        assert_eq!(refusal(sql), None, "{sql}");
    }
}

#[test]
fn what_does_not() {
    let refused: &[(Refusal, &[&str])] = &[
        (Command, COMMANDS),
        (
            Several,
            &[
                "select 1; select 2",
                ";select 1; set a.b = 1",
                "; select 1",
                "select 1;--\nset a.b = 1",
                "select (1; set a.b = 2)",
                "create function f() returns int begin atomic select 1; end",
            ],
        ),
        (
            Into,
            &[
                "select 1 into t",
                "select 1 as a into temp t",
                "select insert into t from u",
                "with x as (select 1) select * into t from x",
                "select 1 INTO UNLOGGED t",
            ],
        ),
        (
            Hold,
            &[
                "declare c cursor with hold for select 1",
                "DECLARE c CURSOR WITH/**/HOLD FOR select 1",
            ],
        ),
        (
            Show,
            &[
                "show all",
                "show rowhouse.context",
                "show app.tenant_id",
                "show data_directory",
                "show",
                "show U&\"server_version\"",
            ],
        ),
    ];
    for (why, texts) in refused {
        for sql in *texts {
            assert_eq!(refusal(sql), Some(*why), "{sql}");
        }
    }
}

/// What clients of PostgreSQL's own protocol may say besides.
#[test]
fn what_drivers_say() {
    let pass = [
        "select 1",
        "begin",
        "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;",
        "start transaction read only",
        "commit",
        "end",
        "commit and chain",
        "rollback",
        "abort",
        "set transaction isolation level repeatable read",
        "SET extra_float_digits = 3",
        "set session application_name to 'psql';",
        "deallocate p",
        "DEALLOCATE ALL",
    ];
    for sql in pass {
        assert_eq!(refusal_of_client(sql), None, "{sql}");
    }
    let also_here = [
        "prepare transaction 'x'",
        "commit prepared 'x'",
        "rollback prepared 'x'",
        "set transaction snapshot '00000003-0000001B-1'",
        "SET TRANSACTION /**/ SnapShot '1'",
        "set session characteristics as transaction read only",
        "set extra_float_digits = -15",
        "set application_name = 'x', 'y'",
        "set local application_name = 'x'",
        "set app.x = 1",
        "set statement_timeout = 0",
        "\"begin\"",
    ];
    for sql in also_here {
        assert_eq!(refusal_of_client(sql), Some(Command), "{sql}");
    }
    for sql in ["begin; select 1", "commit; begin", "select 1; select 2", ";begin"] {
        assert_eq!(refusal_of_client(sql), Some(Several), "{sql}");
    }
    assert_eq!(refusal_of_client("declare c cursor with hold for select 1"), Some(Hold));
    let still = |sql: &str| refusal_of_client(sql).is_some();
    let drivers = ["begin", "start transaction", "commit", "end", "rollback", "abort"];
    let others = ["deallocate all", "set transaction isolation level serializable"];
    for sql in COMMANDS.iter().filter(|sql| !drivers.contains(sql) && !others.contains(sql)) {
        assert!(still(sql), "{sql}");
    }
}

#[test]
fn lists_are_sorted() {
    assert!(SHOWN.is_sorted());
}

#[test]
fn refusals_say_what_is_allowed() {
    for why in [Several, Command, Into, Hold, Show] {
        let text = why.to_string();
        assert!(text.contains("sealed database") && !text.ends_with('.'), "{text}");
    }
}
