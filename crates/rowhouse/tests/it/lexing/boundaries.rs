//! Statements end at the semicolons at which PostgreSQL ends them.

use proptest::prelude::*;
use proptest::sample::select;
use rowhouse_protocol::statement::{examine, statements};

use super::budget;
use super::soup::{literal, space};
use super::wire::{Command, Reply, Wire};
use crate::postgres::SUPERUSER;
use crate::stand::Stand;

/// As many statements as the server completes commands, and each by itself does what it did among
/// the others.
pub fn are_the_servers(stand: &Stand) {
    let address = &stand.cluster().address;
    let mut wire = Wire::connect(address, SUPERUSER, &address.password, "it");
    let made = wire.ask(
        "create temp table ruled (a int); create temp table t (a int, \"end\" int, \"case\" int);
        create type pg_temp.atomic as (a int); create type pg_temp.begin as (a int)",
    );
    assert!(made.error.is_none(), "{made:?}");
    let mut completed = 0;
    let tried = budget::spend(&script(), |sql| {
        let reply = undone(&mut wire, &sql);
        if reply.error.is_some() {
            return Ok(());
        }
        let parts = statements(&sql);
        let commands: Vec<Command> =
            reply.commands.into_iter().filter(|command| !command.tag.is_empty()).collect();
        let texts: Vec<&str> = parts.iter().map(|part| part.text).collect();
        prop_assert_eq!(commands.len(), texts.len(), "{:?}", texts);
        prop_assert_eq!(examine(&sql).statements, texts.len());
        completed += texts.len();
        for (text, command) in texts.iter().zip(&commands) {
            let alone = undone(&mut wire, text);
            prop_assert_eq!(&alone.commands[..], std::slice::from_ref(command), "{}", text);
        }
        Ok(())
    });
    assert!(completed > tried as usize / 4, "{completed} statements in {tried} texts");
}

/// The answer to one text, whose effects are taken back.
fn undone(wire: &mut Wire, sql: &str) -> Reply {
    assert!(wire.ask("begin").error.is_none());
    let reply = wire.ask(sql);
    wire.ask("rollback");
    reply
}

fn script() -> impl Strategy<Value = String> {
    let gap = || prop_oneof![Just(String::new()), space(), comment()];
    let part = (gap(), prop_oneof![4 => query(), 3 => body(), 1 => Just(String::new())], gap());
    proptest::collection::vec(part, 0..5).prop_map(|parts| {
        let parts: Vec<String> = parts.into_iter().map(|(a, b, c)| format!("{a}{b}{c}")).collect();
        parts.join(";")
    })
}

fn comment() -> impl Strategy<Value = String> {
    select(&["/*;*/", "--;\n", "/*/*;*/'*/", "--'\r", "/*--*/"][..]).prop_map(str::to_owned)
}

/// Literals are values or names here, depending on what they are.
fn query() -> impl Strategy<Value = String> {
    let value = prop_oneof![literal(), select(VALUES).prop_map(str::to_owned)];
    let select_list = proptest::collection::vec(value, 1..4).prop_map(|values| values.join(" "));
    prop_oneof![
        3 => select_list.prop_map(|list| format!("select {list}")),
        1 => literal().prop_map(|one| format!("values ({one})")),
        2 => select(QUERIES).prop_map(str::to_owned),
    ]
}

/// Rules and routines that hold semicolons of their own.
fn body() -> impl Strategy<Value = String> {
    let inside = || {
        proptest::collection::vec(select(INSIDE).prop_map(str::to_owned), 0..4)
            .prop_map(|parts| parts.into_iter().map(|part| part + "; ").collect::<String>())
    };
    let head = select(&["create function", "create or replace function", "CREATE FUNCTION"][..]);
    let arguments = || select(ARGUMENTS);
    prop_oneof![
        3 => (head, arguments(), inside()).prop_map(|(head, arguments, inside)| {
            format!("{head} pg_temp.f({arguments}) returns int begin atomic {inside}select 1; end")
        }),
        1 => inside().prop_map(|inside| {
            format!("create or replace procedure pg_temp.p() begin/**/atomic {inside} END")
        }),
        1 => (arguments(), literal()).prop_map(|(arguments, text)| {
            format!("create function pg_temp.g({arguments}) returns text return {text}")
        }),
        1 => Just(RULE.to_owned()),
        1 => arguments().prop_map(|arguments| format!(
            "create function pg_temp.h({arguments}) returns int language sql as '{TWO}'"
        )),
    ]
}

const RULE: &str = "create rule r as on update to ruled do also (select 1; select ';'; select 2)";
const TWO: &str = "select 1; select 2";

const VALUES: &[&str] = &["1", "a", "::text", ",", "||", "as", "1;select 2", "'x'", ":", "\"x;y\""];

const QUERIES: &[&str] = &[
    "select 1 as end",
    "select 1 as \"begin\", 2 as begin, 3 as atomic",
    "select case when true then ';' end",
    "select t.end from t",
    "(select 1) union (select 2)",
    "begin",
    "savepoint atomic",
    "set local work_mem = '4MB'",
    "table t",
    "do 'begin null; end'",
    "do $$begin null; end$$",
    "explain select ';'",
    "insert into ruled values (1)",
];

const INSIDE: &[&str] = &[
    "select 1",
    "select case when true then 1 else 2 end",
    "select case 1 when 1 then case 2 when 2 then 3 end end",
    "select t.end from t",
    "select t.case from t",
    "select 1 as end",
    "select 1 as case",
    "select a as begin, \"end\", \"case\" from t",
    "select 'end', $$;end$$ /* end; */",
    "insert into ruled values (1)",
    "",
];

/// BEGIN and ATOMIC may be names.
const ARGUMENTS: &[&str] =
    &["", "a int", "begin int", "begin atomic", "begin int default 1", "atomic int", "a begin"];
