//! Commands, statement boundaries, and what is known to leave a session clean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[test]
fn verbs_are_sorted() {
    assert!(VERBS.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn verbs() {
    use Verb::*;
    let cases = [
        ("", Empty),
        (" -- x\n;;", Empty),
        ("select 1", Select),
        ("((select 1) union select 2)", Select),
        ("/* a */ SeLeCt--x\n1", Select),
        ("with a as (select 1) insert into b select * from a", With),
        ("table a", Table),
        ("values (1)", Values),
        ("start transaction", Begin),
        ("begin", Begin),
        ("end", Commit),
        ("commit and chain", Commit),
        ("commit prepared 'x'", CommitPrepared),
        ("abort", Rollback),
        ("rollback work", Rollback),
        ("rollback to a", RollbackTo),
        ("rollback transaction to savepoint a", RollbackTo),
        ("rollback prepared 'x'", RollbackPrepared),
        ("prepare transaction 'x'", PrepareTransaction),
        ("prepare x as select 1", Prepare),
        ("set a = 1", Set),
        ("set session a = 1", Set),
        ("set local a = 1", SetLocal),
        ("set local.a = 1", Set),
        ("set session.a = 1", Set),
        ("set local local.a = 1", SetLocal),
        ("set role x", SetRole),
        ("set role = x", SetRole),
        ("set role.x = 1", Set),
        ("set local role none", SetRole),
        ("set session role x", SetRole),
        ("set session authorization x", SetSessionAuthorization),
        ("set local session authorization x", SetSessionAuthorization),
        ("set session session authorization x", SetSessionAuthorization),
        ("set session_authorization = x", SetSessionAuthorization),
        ("set transaction read only", SetTransaction),
        ("set session characteristics as transaction read only", Set),
        ("set constraints all deferred", SetConstraints),
        ("set", Set),
        ("reset all", Reset),
        ("analyse t", Analyze),
        ("do $$begin end$$", Do),
        ("frobnicate", Other),
        ("'a'", Other),
        ("\"select\" 1", Other),
        ("(", Other),
    ];
    for (sql, verb) in cases {
        assert_eq!(examine(sql).verb, verb, "{sql}");
    }
}

#[test]
fn statements_are_counted_and_cut() {
    let cases: [(&str, &[&str]); 13] = [
        (" ; -- x", &[]),
        ("select 1", &["select 1"]),
        (";; select 1 ; ;select ';' ;", &["select 1", "select ';'"]),
        ("select $$;$$;--;\nselect 2", &["select $$;$$", "select 2"]),
        (
            "create rule r as on insert to t do (select 1; select 2); x",
            &["create rule r as on insert to t do (select 1; select 2)", "x"],
        ),
        (
            "create function f() begin atomic select 1; select case when a then 1 end; end; x",
            &["create function f() begin atomic select 1; select case when a then 1 end; end", "x"],
        ),
        (
            "create or replace procedure p() begin atomic; end; x",
            &["create or replace procedure p() begin atomic; end", "x"],
        ),
        ("begin; atomic; end", &["begin", "atomic", "end"]),
        // Only an END that begins a statement ends the body.
        (
            "create function f() begin atomic select t.end, 1 as end, 2 end from t; end; x",
            &["create function f() begin atomic select t.end, 1 as end, 2 end from t; end", "x"],
        ),
        (
            "create function f() begin atomic select t.case from t; end; x",
            &["create function f() begin atomic select t.case from t; end", "x"],
        ),
        // An argument BEGIN of the type ATOMIC begins no body.
        (
            "create function f(begin atomic) language sql as ''; x",
            &["create function f(begin atomic) language sql as ''", "x"],
        ),
        (
            "create function f(begin int) returns int as ''; x",
            &["create function f(begin int) returns int as ''", "x"],
        ),
        ("select 'open; x", &["select 'open; x"]),
    ];
    for (sql, expected) in cases {
        let found = statements(sql);
        assert_eq!(found.iter().map(|s| s.text).collect::<Vec<_>>(), expected, "{sql}");
        assert_eq!(examine(sql).statements, expected.len(), "{sql}");
        for statement in found {
            assert!(sql[statement.start..].starts_with(statement.text));
        }
    }
}

#[test]
fn known_to_be_clean() {
    let cases = [
        "",
        "select 1;",
        "select * from t where a in (1,2) and (b or not (c))",
        "table t",
        "values (1,2),(3,4)",
        "select count(*), max(a) over (partition by b order by (c)) from t",
        "select sum(a) filter (where b) from t group by (a, b)",
        "select a::numeric(10,2) from t",
        "select a::pg_catalog.varchar(20), cast(b as character varying) from t",
        "insert into t (a, b) values ($1, $2) returning *",
        "insert into a.b.c (x) select 1",
        "insert into \"T\" (\"a\") values (1)",
        "insert into \"s\".\"T\" (a) values (default)",
        "insert into t as x (a) values (1) on conflict (a) do update set b = excluded.b",
        "insert into t (a) values (1) on conflict on constraint k do nothing",
        "update t set a = lower($1), b = now() where exists (select 1 from u)",
        "delete from t using (select 1 as a) x where t.a = x.a",
        "with recursive x(n) as (select 1 union all (select n + 1 from x)) select * from x",
        "with x (n) as not materialized (select 1), y as materialized (select 2) select 1",
        "select * from generate_series(1, 3) as g(n) join (select 1) s on (true)",
        "select * from a left join (b cross join (c) inner join(d) on true) using (id)",
        "select * from t join (select 1) x on true",
        "select a[(1)], array[(1)], row(1), (row(1)).*",
        "select pg_catalog.lower('A'), PG_Catalog . Now ( ), COALESCE(a, b)",
        "select current_setting('app.tenant', true), extract(year from now()), interval '1 day'",
        "merge into t using u on (t.a = u.a) when not matched then insert (a) values (1)",
        "select distinct on (a) a, b from t where a like ('x') order by a",
        "select mode() within group (order by a) from t group by grouping sets ((a), ())",
        "select e'x\\'', $$ set_config($$, 'nextval(1)' -- set_config('a')\n",
        "select jsonb_build_object('a', 1), b -> ('x'), b @> ('{}') from t for update",
        "(select 1) union (select 2)",
        "select a, b from unnest($1::int[], $2::text[]) as u(a, b)",
    ];
    for sql in cases {
        assert_eq!(examine(sql).session, SessionEffect::KnownClean, "{sql}");
    }
}

fn may_change(cases: &[&str]) {
    for sql in cases {
        let examined = examine(sql);
        assert_eq!(examined.session, SessionEffect::MayChange, "{sql}");
        assert!(!examined.read_only, "{sql}");
    }
}

#[test]
fn unknown_calls_may_change_it() {
    may_change(&[
        "select set_config('a.b', 'c', false)",
        "select pg_catalog.set_config('a.b','c',false)",
        "select SET_CONFIG /* x */ -- y\n ('a.b', 'c', false)",
        "select \"set_config\"('a','b',false)",
        "select pg_catalog.\"set_config\"('a','b',false)",
        "select U&'x'",
        "select 1 where pg_advisory_lock(1) is null",
        "select nextval('s')",
        "select f(1)",
        "select public.lower('a')",
        "select a.b.c(1)",
        "select \"lower\"('a')",
        "select \"pg_catalog\".lower('a')",
        "select 1; select 2",
        "select 1; set a = 2",
        "select lo_create(0)",
        "select query_to_xml('select 1', true, true, '')",
        "select distinct on (a) set_config('a','b',false) from t",
        "select * from f(1) as t(a)",
        "select conflict(1)",
        "select over(1)",
        "select filter(1)",
        "select join(1)",
        "select sets(1)",
        "select materialized(1)",
        "select not materialized(1)",
        "select recursive(1)",
        "select by(1)",
        "select insert(1)",
        "select 1 where (x).set_config('a')",
        "select x.lower(1)",
        "select 'open",
        "select /* open",
        "select $a$ open",
        "select (\"x)",
        "select a.pg_catalog.lower(1)",
        "select random()",
        "select dblink('x')",
        "select pg_notify('a', 'b')",
        "select txid_current()",
        "select 1 \\ 2",
        "select pg_terminate_backend(1)",
        "select 1 where cube(1)",
        "insert into t values (nextval('s'))",
        "insert into t select set_config('a','b',false)",
        "select within(1)",
        "select set(1)",
        "select update(1)",
        "select currval('s')",
        "update pg_settings set setting = 1",
        "update only pg_catalog.\"pg_settings\" as s set setting = 1",
        "with w as (update PG_Settings set setting = 1 returning 1) select 1",
    ]);
}

#[test]
fn other_commands_may_change_it() {
    may_change(&[
        "select * into temp t from u",
        "select 1 into t",
        "with a as (select 1) select * into b from a",
        "create temp table t()",
        "set a.b = 1",
        "set local a.b = 1",
        "reset all",
        "begin",
        "commit",
        "prepare p as select 1",
        "execute p",
        "declare c cursor with hold for select 1",
        "listen x",
        "explain analyze select set_config('a', 'b', false)",
        "do $$begin end$$",
        "call p()",
        "show a",
        "copy t to stdout",
        "frob",
        "'x'",
    ]);
}

#[test]
fn read_only() {
    let cases = [
        ("select 1", true),
        ("values (1)", true),
        ("table t", true),
        ("with a as (select 1) select * from a", true),
        ("", true),
        ("select 'update', \"insert\" from t -- delete", true),
        ("select * from t for update", false),
        ("select * from t FOR no key Update", false),
        ("select * from t for share", false),
        ("select * from t for key share", false),
        ("with a as (delete from t returning *) select * from a", false),
        ("with a as (INSERT into t (a) values (1) returning *) table a", false),
        ("with a as (update t set b = 1 returning *) table a", false),
        ("with a as (merge into t using u on true when matched then delete) select 1", false),
        ("insert into t values (1)", false),
        ("update t set a = 1", false),
    ];
    for (sql, expected) in cases {
        let examined = examine(sql);
        assert_eq!(examined.session, SessionEffect::KnownClean, "{sql}");
        assert_eq!(examined.read_only, expected, "{sql}");
    }
}

const PIECES: &[&str] = &[
    " ", ".", ",", ";", "(", ")", "'", "\"", "$", "-", "select", "set", "into", "begin", "case",
    "end", "atomic", "create", "function", "a", "ä",
];
const BEFORE: &[&str] = &[
    " ",
    "(",
    ",",
    "a",
    "by ",
    "join ",
    "over ",
    "conflict",
    "pg_catalog.",
    "distinct on (a)",
    "then ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn noise_never_panics(pieces in proptest::collection::vec(select(PIECES), 0..30)) {
        let sql = pieces.concat();
        let examined = examine(&sql);
        prop_assert_eq!(examined.statements, statements(&sql).len());
    }

    /// Whatever stands around it, a call of set_config is never clean.
    #[test]
    fn set_config_is_never_clean(
        before in proptest::collection::vec(select(BEFORE), 0..6),
        space in "( |\n|/\\* \\*/|--x\n){0,3}",
    ) {
        let sql = format!("select {} set_config{space}('a.b', 'c', false)", before.concat());
        prop_assert_eq!(examine(&sql).session, SessionEffect::MayChange);
    }
}
