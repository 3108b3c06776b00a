//! Calls that do not look like calls, clauses that look like calls, and what stays in a session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::statement::{SessionEffect, examine};

fn all_are(expected: SessionEffect, cases: &[&str]) {
    for sql in cases {
        let examined = examine(sql);
        assert_eq!(examined.session, expected, "{sql}");
        assert!(expected == SessionEffect::KnownClean || !examined.read_only, "{sql}");
    }
}

/// <https://www.postgresql.org/docs/current/sql-keywords-appendix.html> has TREAT without a word
/// on it; the grammar makes it a call of `pg_catalog.f`.
#[test]
fn treat_is_a_call() {
    all_are(
        SessionEffect::MayChange,
        &[
            "select (treat('select to_tsvector(set_config(''a.b'',''c'',true))' as ts_stat))::text",
            "select treat(4711::bigint as pg_advisory_lock)",
            "select TREAT /**/ ('s'::regclass as pg_catalog.nextval)",
            "select treat(0 as lo_creat)",
            "select treat(1 as pg_terminate_backend)",
            "select treat(a as text) from t",
            "select \"treat\"(1)",
        ],
    );
}

/// Reproduced on PostgreSQL 15, each.
#[test]
fn fields_can_be_calls() {
    all_are(
        SessionEffect::MayChange,
        &[
            "select (4711::bigint).pg_advisory_lock",
            "select ('select 1'::text).ts_stat",
            "select (select 's'::regclass).nextval",
            "select (x).f from t",
            "select (row(1)).f1",
            "select a[1].pg_advisory_lock from t",
            "select a[1].\"f\" from t",
            "select $1.pg_advisory_lock",
            "select g.nextval from unnest(array['s'::regclass]) g",
            "select g.\"nextval\" from unnest(array['s'::regclass]) g",
            "select g . TS_Stat from unnest(array['select 1']) g",
            "select \"g\".pg_advisory_lock from unnest(array[1::bigint]) \"g\"",
            "select pg_catalog.pg_advisory_lock from unnest(array[1::bigint]) pg_catalog",
            "select \"pg_catalog\".\"pg_terminate_backend\" from t \"pg_catalog\"",
            "select s.g.pg_some_later_function from t",
            "select g.pg_stat_get_activity from unnest(array[1]) g",
            "select g.txid_status from unnest(array[1::bigint]) g",
        ],
    );
    all_are(
        SessionEffect::KnownClean,
        &[
            "select t.a, s.t.\"b\", excluded.c, t.*, (t).* from t",
            "select * from pg_catalog.pg_class c join pg_catalog.pg_namespace n on c.a = n.b",
            "select nextval, ts_stat from t",
        ],
    );
}

/// The grammar calls fixed functions of `pg_catalog` for these, or none.
#[test]
fn special_syntax_that_names_no_function() {
    all_are(
        SessionEffect::KnownClean,
        &[
            "select cast(a as public.d), cast(b as t(3)), a::t, collation for (a) from t",
            "select position('a' in b), substring(a from 1 for 2)",
            "select substring(a similar 'b' escape 'c')",
            "select overlay(a placing b from 1), trim(both 'x' from a), normalize(a, nfc) from t",
            "select extract(year from a), grouping(a) from t group by rollup, (a)",
            "select xmlserialize(content a as text), xmlparse(document b), (a, b) overlaps (c, d)",
            "select json_object('{a,1}'), nullif(a, b), a at time zone 'UTC' from t",
        ],
    );
    // Constructors of PostgreSQL 16 and 17 are anybody's functions on 15.
    all_are(
        SessionEffect::MayChange,
        &[
            "select json_value(a, 'x')",
            "select json_array(1)",
            "select json_scalar(1)",
            "select json_table(a)",
            "select merge_action()",
            "select uuidv7()",
            "select operator(pg_catalog.-) (1)",
            "select a from t tablesample system (1)",
        ],
    );
}

#[test]
fn into_may_be_select_into() {
    all_are(
        SessionEffect::MayChange,
        &[
            "select a, insert into temp t from u",
            "select a insert into temp t from u",
            "select a, merge INTO t from u",
            "with x as (select 1) select (1) insert into temp t from x",
            "with x as (select 1) select a, (1) merge into temp t from x",
            "with x as (select 1) (select (1) insert into temp t from x)",
            "with recursive x as (select 1) cycle a set b using c select (1) insert into t from x",
            "select (a) insert into temp t from u",
            "select t.insert into temp u from t",
            "select as insert into temp t",
            "values (1) insert into t",
            "explain insert into t values (1)",
        ],
    );
    all_are(
        SessionEffect::KnownClean,
        &[
            "insert into t values (1)",
            "merge into t using u on t.a = u.a when matched then delete",
            "with x as (select 1), y as (values (2)) insert into t select * from x",
            "with x (a) as materialized (select 1) merge into t using x on true when matched \
             then do nothing",
            "with x as (insert into t values (1) returning a) select * from x",
            "with x as not materialized (merge into t using u on true when matched then delete) \
             select 1",
            "with x as (insert into t values (1)), y as (select 1) insert into u table y",
        ],
    );
}

/// Views, and CURRENT_SCHEMA, need no parenthesis.
#[test]
fn what_shows_sessions_is_not_clean() {
    for name in [
        "pg_prepared_statements",
        "pg_cursors",
        "pg_locks",
        "pg_backend_memory_contexts",
        "pg_stat_activity",
        "pg_stat_progress_vacuum",
        "pg_stat_xact_user_tables",
        "pg_settings",
        "pg_file_settings",
        "pg_stat_ssl",
        "pg_stat_gssapi",
        "pg_listening_channels",
        "pg_replication_slots",
        "pg_prepared_xacts",
    ] {
        for sql in [
            format!("select * from {name}"),
            format!("select * from PG_CATALOG.{}", name.to_uppercase()),
            format!("table \"{name}\""),
            format!("select 1 from d.\"pg_catalog\" . \"{name}\" x"),
            format!("with x as (select a from t, {name} where b) delete from u"),
        ] {
            all_are(SessionEffect::MayChange, &[&sql]);
        }
    }
    all_are(
        SessionEffect::MayChange,
        &[
            "select current_schema",
            "select current_schema()",
            "select current_schemas(true)",
            "select pg_my_temp_schema()",
            "select pg_backend_pid()",
            "select inet_client_addr()",
            "select inet_server_port()",
            "select txid_current_if_assigned()",
            "select pg_current_xact_id()",
            "select * from pg_listening_channels()",
        ],
    );
    all_are(
        SessionEffect::KnownClean,
        &[
            "select version(), current_setting('a.b')",
            "select * from pg_stats, pg_class, pg_timezone_names",
            "select 'pg_locks' as a",
        ],
    );
}

#[test]
fn clause_words_can_be_functions() {
    all_are(
        SessionEffect::MayChange,
        &[
            "select a like 'b' escape join('x') from t",
            "select a at time zone join('x') from t",
            "select a from t order by a limit join('x')",
            "select sum(a) over (order by b rows join(1) preceding) from t",
            "select xmlparse(document join('x'))",
            "select * from xmltable('/a' passing b columns c text \"path\" join('x'))",
            "select a from t join ((select 1) x cross join u) on true",
            "select x.join(values) from t",
            "select a, join(values) from t",
            "select 1 from a join b on conflict('x')",
            "insert into t select 1 from a join b on conflict('x')",
            "insert into t select 1 from a join b on conflict('x') where c on conflict do nothing",
            "insert into t select 1 from a join b on conflict(f('x'))",
            "merge into t using u on conflict('x') when matched then delete",
            "select case when a then insert('x') end from t",
            "select case when a then insert(b) else c end from t",
            "merge into t using u on true when matched and insert('x') then delete",
            "select distinct on (a) over(1) from t",
            "select distinct on (a) filter(1) from t",
            "select 1 operator(pg_catalog.+) over(1)",
            "select x.as operator(pg_catalog.+) over('x') from x",
            "select x.with operator(pg_catalog.+) over('x') from x",
            "select x.into operator(pg_catalog.+) over('x') from x",
            "select a from t where a in (1) and over('x')",
            "select (a).coalesce(1)",
            "select ilike('a')",
            "select authorization('a')",
            "select freeze('a')",
            "select a between symmetric escape('x') and 1",
        ],
    );
    all_are(
        SessionEffect::KnownClean,
        &[
            "insert into t (a) values (1) on conflict (a, b) do update set c = 1",
            "insert into t (a) values (1) on conflict (lower(a)) where b do nothing",
            "insert into t select a from u join v on true on conflict (a) do nothing",
            "with x as (insert into t (a) values (1) on conflict (a) do nothing) select 1",
            "select * from a join (select 1) b on true join (values (1)) c on true",
            "select * from a join (with x as (select 1) select * from x) b on true",
            "select * from a natural join (b cross join (c full join (d) on true))",
            "select * from a left outer join (b) using (id)",
            "select * from a inner join lateral (select 1) c on true",
            "merge into t using u on t.a = u.a when not matched then insert (a, b) \
             overriding system value values (1, 2)",
            "select count(*) filter (where a) over (partition by (b)) from t",
            "select distinct a, count(*) over () from t",
            "select mode() within group (order by a) filter (where b) from t",
        ],
    );
}

#[test]
fn what_discard_all_does_not_undo() {
    all_are(
        SessionEffect::Indelible,
        &[
            "select setseed(0.5)",
            "select SetSeed(0.5)",
            "select pg_catalog.setseed(0.5)",
            "select \"setseed\"(0.5)",
            "select treat(0.5::float8 as setseed)",
            "select (0.5::float8).setseed",
            "select g.\"setseed\" from unnest(array[0.5::float8]) g",
            "select setseed from t",
            "select U&\"setse\\0065d\"(0.5)",
            "select U&\"setse!0065d\" UESCAPE '!' (0.5)",
            "select 1; select setseed(1)",
            "explain analyze select setseed(1)",
            "prepare p as select setseed($1)",
            "create function f() returns void language sql as 'select setseed(1)'",
            "do $$begin perform setseed(0.1); end$$",
            "do 'begin perform SETSEED(0.1); end'",
            r"do E'begin perform \x73etseed(0.1); end'",
            "do $$begin execute 'select ' || 'setseed(0.1)'; end$$",
            "execute p('setseed')",
            "load 'auto_explain'",
            "LOAD $$x$$",
            "select 1; load 'x'",
            "do $$begin load 'x'; end$$",
            "do $$begin execute 'load ''x'''; end$$",
            "do $$begin execute $a$load E'x'$a$; end$$",
            "create function f() returns void language sql as 'load ''x'''",
            "load",
            "do $$begin execute 'load ' || quote_literal(a); end$$",
            "select U&\"set\\005fconfig\"('a', 'b', false)",
        ],
    );
    all_are(
        SessionEffect::MayChange,
        &[
            "select f(1) -- setseed",
            "set a.b = 'x'",
            "select load(1)",
            "select f(load) from t",
            "do $$begin perform load(x); end$$",
            "select U&'x'",
            "select random()",
            "select f('load average'), 'the load'",
        ],
    );
    all_are(
        SessionEffect::KnownClean,
        &["insert into t values ('setseed', 'load ''x''')", "select load, a.load from t as a"],
    );
}

#[test]
fn texts_in_texts_are_bounded() {
    let mut sql = "select 'x'".to_owned();
    for depth in 0..12 {
        let tag = "a".repeat(depth + 1);
        sql = format!("do ${tag}$ {sql} ${tag}$");
        let expected = if depth > 2 { SessionEffect::Indelible } else { SessionEffect::MayChange };
        assert_eq!(examine(&sql).session, expected, "{sql}");
    }
}
