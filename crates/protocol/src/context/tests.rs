//! What a caller with a fixed tenant is refused, in hostile spellings, and what it may do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const PROTECTED: [&str; 3] = ["app.tenant_id", "session.tenant", "search_path"];

fn check(sql: &str) -> Option<ContextChange> {
    context_change(sql, &PROTECTED)
}

fn refused_as(expected: &ContextChange, cases: &[&str]) {
    for sql in cases {
        assert_eq!(check(sql).as_ref(), Some(expected), "{sql}");
    }
}

#[test]
fn settings() {
    let tenant = ContextChange::Setting { name: "app.tenant_id".into() };
    refused_as(
        &tenant,
        &[
            "set app.tenant_id = '2'",
            "SET APP.Tenant_ID TO 2",
            "set local app.tenant_id = 2",
            "set session app.tenant_id to default",
            "reset app.tenant_id",
            "set app . tenant_id = 2",
            "set \"app\".\"tenant_id\" = 2",
            "set \"app.tenant_id\" = 2",
            "set \"APP\".\"TENANT_ID\" = 2",
            "reset \"app\".tenant_id",
            "set/**/app./* x */tenant_id--\n=2",
            "select 1; set app.tenant_id = 2",
            ";;\n--\nset app.tenant_id = 2",
            "begin; select 1; set local app.tenant_id = 2; commit",
            "select set_config('app.tenant_id', '2', true)",
            "select set_config('APP.TENANT_ID', '2', true)",
            "select pg_catalog.set_config('app.tenant_id', '2', true)",
            "select set_config ( 'app.tenant_id' , 1)",
            "select \"set_config\"('app.tenant_id', '2', true)",
            "explain analyze select set_config('app.tenant_id','',true)",
            "prepare p as select set_config('app.tenant_id', '2', true)",
            "declare c cursor for select set_config('app.tenant_id', '2', true)",
            "copy (select set_config('app.tenant_id', '2', true)) to stdout",
            "create table t as select set_config('app.tenant_id', '2', true)",
            "alter function f() set app.tenant_id = 2",
            "alter routine f() reset app.tenant_id",
            "create function f() returns int language sql set app.tenant_id = 2 as 'select 1'",
            "create or replace function f() set \"app\".tenant_id from current begin atomic end",
        ],
    );
    let session = ContextChange::Setting { name: "session.tenant".into() };
    refused_as(
        &session,
        &[
            "set session.tenant = 1",
            "set session session.tenant = 1",
            "set local session.tenant = 1",
            "reset session.tenant",
            "select set_config('session.tenant', '', false)",
        ],
    );
    let path = ContextChange::Setting { name: "search_path".into() };
    refused_as(&path, &["set search_path = x", "set schema 'x'", "set local schema 'x'"]);
}

#[test]
fn long_names_are_cut_as_postgresql_cuts_them() {
    let long = "t".repeat(63);
    let name = format!("app.{long}");
    for tail in ["", "x", "xyz"] {
        let sql = format!("set app.{long}{tail} = 1");
        assert!(context_change(&sql, &[&name]).is_some(), "{sql}");
        assert!(context_change(&sql, &[&format!("{name}y")]).is_some(), "{sql}");
    }
    assert!(context_change(&format!("set app.{long} = 1"), &["app.other"]).is_none());
}

#[test]
fn roles_and_users() {
    refused_as(
        &ContextChange::Role,
        &[
            "set role admin",
            "SET ROLE 'admin'",
            "set local role x",
            "set session role x",
            "set role = x",
            "set role to x",
            "set \"role\" = x",
            "reset role",
            "reset \"role\"",
            "set/**/role none",
            "select set_config('role', 'x', true)",
            "select 1;set role x",
            "create function f() returns int language sql set role = x as ''",
        ],
    );
    refused_as(
        &ContextChange::SessionAuthorization,
        &[
            "set session authorization x",
            "set local session authorization x",
            "reset session authorization",
            "set session session authorization default",
            "set session_authorization = x",
            "reset session_authorization",
            "set \"session_authorization\" = x",
            "select set_config('session_authorization', 'x', false)",
        ],
    );
}

#[test]
fn whole_statements() {
    refused_as(&ContextChange::ResetAll, &["reset all", "RESET/**/ALL", "select 1; reset all"]);
    refused_as(&ContextChange::Discard, &["discard all", "discard temp", "Discard Plans"]);
    refused_as(
        &ContextChange::Channel,
        &[
            "listen x",
            "unlisten *",
            "notify x, 'y'",
            "select pg_notify('x', 'y')",
            "create rule r as on insert to t do also (select 1; notify x)",
        ],
    );
    refused_as(
        &ContextChange::AlterDefaults,
        &[
            "alter role x set app.tenant_id = 1",
            "alter user x createdb",
            "alter database d set a = 1",
            "alter system set a = 1",
            "ALTER  /**/ Role all reset all",
        ],
    );
}

#[test]
fn set_config_that_cannot_be_read() {
    refused_as(
        &ContextChange::SetConfig,
        &[
            "select set_config($1, $2, true)",
            "select set_config(name, '1', true) from t",
            "select set_config('app.' || 'tenant_id', '2', true)",
            "select set_config(E'app.x', '2', true)",
            "select set_config($$app.x$$, '2', true)",
            "select set_config('a''b', '2', true)",
            "select set_config(setting_name => 'x', new_value => '1', is_local => true)",
            "select set_config(new_value => '2', setting_name => 'app.tenant_id')",
            "select set_config('app.x'\n'y', '2', true)",
            "select set_config(U&'app.x', '2', true)",
            "create aggregate a(text, boolean) (sfunc = set_config, stype = text)",
            "select set_config",
            "update pg_settings set setting = '2'",
            "update pg_catalog.pg_settings set setting = 1",
            "update only \"pg_settings\" set setting = 1",
            "update only (pg_settings) set setting = 1",
            "update db.pg_catalog.pg_settings set setting = 1",
            "update pg_settings as x set setting = 1",
            "update \"pg_catalog\" . \"pg_settings\" * set setting = 1",
            "merge into pg_settings p using t on true when matched then update set setting = 1",
            "with w as (update PG_Settings set setting = 1 returning 1) select 1",
            "with w as (insert into pg_settings values (1) returning 1) select 1",
            "with w as (select 1) delete from pg_settings",
            "explain analyze update pg_settings set setting = 1",
            "select 1; update t set a = 1; prepare p as update pg_settings set setting = $1",
            "select set_config(",
            "select set_config('a'",
        ],
    );
    refused_as(
        &ContextChange::EscapedName,
        &[
            "select U&\"set\\005fconfig\"('app.tenant_id', '2', true)",
            "set U&\"app\".tenant_id = 1",
            "set app.U&\"t\" = 1",
            "reset u&\"app\"",
        ],
    );
}

#[test]
fn how_the_server_reads_sql_stays_as_it_is() {
    let strings = ContextChange::Lexing { name: "standard_conforming_strings".into() };
    refused_as(
        &strings,
        &[
            "set standard_conforming_strings = off",
            "set local \"Standard_Conforming_Strings\" to 'off'",
            "select set_config('standard_conforming_strings', 'off', false)",
            "select set_config('standard_conforming_strings', $1, false)",
        ],
    );
    let encoding = ContextChange::Lexing { name: "client_encoding".into() };
    refused_as(&encoding, &["set client_encoding = 'sjis'", "set names 'gbk'", "set names big5"]);
}

#[test]
fn hidden_sql() {
    refused_as(
        &ContextChange::HiddenSql,
        &[
            "do $$begin perform set_config('app.tenant_id', '2', true); end$$",
            "do $x$ begin execute 'select Set_Config(' || quote_literal(a); end $x$",
            "do 'begin set app.tenant_id = 2; end'",
            "do $$begin set local \"app\".\"tenant_id\" = 2; end$$",
            "DO LANGUAGE plpgsql $$begin raise notice '%', current_setting('APP.tenant_id'); end$$",
            r"do E'begin set app.t\x65nant_id = 2; end'",
            r"do E'begin set app.t\145nant\u005fid = 2; end'",
            r"do U&'begin set app.t\0065nant_id = 2; end'",
            "do 'begin set app.'\n'tenant_id = 2; end'",
            "do $$begin set role admin; end$$",
            "do $$begin if true then set role admin; end if; end$$",
            "do $$begin execute 'set role admin'; end$$",
            "do $$begin execute $q$reset all$q$; end$$",
            "do $$<<a>> begin loop set role admin; end loop; end$$",
            "do $$begin <<b>> reset role; end$$",
            "do $$begin execute 'do ''begin set role x; end'''; end$$",
            "do $$begin discard all; end$$",
            "create function f() language sql as $$select set_config('app.x', '1', true)$$",
            "create or replace procedure p() language plpgsql as $$begin set role x; end$$",
            "create function f() returns int language sql as 'select ''app.tenant_id''; select 1'",
            "execute p('app.tenant_id')",
            "execute p($$set_config$$)",
            "select query_to_xml('select set_config(''app.tenant_id'', ''2'')', true)",
            "select QUERY_TO_XML /**/ ('reset all', true, true, '')",
            "select \"query_to_xml\"('reset all',true,true,'')",
            "select query_to_xml($1, true, true, '')",
            "select query_to_xml('select ' || 1, true, true, '')",
            "select query_to_xml(U&'x', true, true, '')",
            "select ts_stat(a) from t",
            "select dblink_exec('c', 'set app.tenant_id = 2')",
            "select ('select to_tsvector(''x'')'::text).ts_stat",
            "select g.\"ts_stat\" from unnest(array['select ' || 'x']) g",
            "create operator @@@ (rightarg = text, function = ts_stat)",
            "select ('select 1'::text).crosstab",
            "select g.public.crosstab2 from g",
            "do $$begin update pg_settings set setting = 2; end$$",
            "do $$begin execute 'update ' || 'pg_settings set setting = 2'; end$$",
            "do $$begin execute 'se' || 't a.b = 2'; end$$",
            "do $$begin execute x; end$$",
            "do $$begin execute ('select 1'); end$$",
            "do $$begin EXECUTE format('a'); end$$",
            "do $$begin for r in execute s loop end loop; end$$",
            "do $$begin return query execute s using 1; end$$",
            "create function f() returns void as $$begin execute s; end$$ language plpgsql",
            "do language plperl 'spi_exec_query(1)'",
            "do 'x' language 'plpython3u'",
            "select ts_rewrite('a'::tsquery, 'select ' || 'b')",
            "select ts_rewrite(f(1, 2), g('x'))",
            "select pg_catalog.\"ts_rewrite\"(q, t.x) from t",
            "select query_to_xml('select treat(''x'' as ts_stat)', true, true, '')",
            "select 1; do $$begin set role admin; end$$; select 2",
        ],
    );
}

#[test]
fn treat_is_a_call() {
    refused_as(
        &ContextChange::Treat,
        &[
            "select (treat('select set_config(''app.x'',''2'',true)' as ts_stat))::text",
            "select TREAT /**/ (4711::bigint as pg_advisory_lock)",
            "select 1; select treat(0.5 as setseed)",
            "prepare p as select treat($1 as ts_stat)",
            "explain analyze select treat($1 as ts_stat)",
            "copy (select treat('x' as ts_stat)) to stdout",
            "create view v as select treat('x'::text as ts_stat)",
        ],
    );
}

#[test]
fn texts_in_texts_are_bounded() {
    let mut sql = "select 'x'".to_owned();
    for depth in 0..12 {
        let tag = "a".repeat(depth + 1);
        sql = format!("do ${tag}$ {sql} ${tag}$");
        assert_eq!(check(&sql).is_some(), depth > 2, "{sql}");
    }
}

#[test]
fn what_is_allowed() {
    let cases = [
        "",
        "select 1",
        "set app.other = 1",
        "set local statement_timeout = '5s'",
        "reset app.other",
        "set app.tenant_id_x = 1",
        "set time zone 'UTC'",
        "set transaction read only",
        "set names 'UTF8'",
        "set client_encoding to utf8",
        "set client_encoding = \"UTF-8\"",
        "reset client_encoding",
        "set standard_conforming_strings = on",
        "set standard_conforming_strings to default",
        "set constraints all deferred",
        "set session characteristics as transaction read only",
        "select set_config('app.other', 'x', true)",
        "select pg_catalog.set_config('jit', 'off', false)",
        "select set_config('client_encoding', 'UTF8', false)",
        "select 'set app.tenant_id = 2'",
        "select 'set_config', $$set role x$$ -- set role x",
        "select current_setting('app.tenant_id')",
        "update t set role = 'x', session_authorization = 1",
        "insert into t values ('reset all')",
        "update t set \"app.tenant_id\" = 1",
        "select role, \"role\" from t",
        "alter table t add role text",
        "alter table t alter a set default 1",
        "create table role (a int)",
        "create role_x",
        "begin",
        "create function f() language plpgsql as $$begin update t set role = 1; end$$",
        "create function f() returns int begin atomic update t set a = 1; select 1; end",
        "create function f() returns int language sql set work_mem = '1MB' as 'select 1'",
        "do $$declare a text := 'x'; begin null; end$$",
        "execute p(1, 'x')",
        "select query_to_xml('select 1', true, true, '')",
        "select U&'\\0061'",
        "select ts_rewrite('a'::tsquery, 'b', 'c')",
        "set role.x = 1",
        "alter default privileges grant select on tables to x",
        "select 'open",
        "select notify, listen from t",
        "select ts_stat('select v from t')",
        "select * from pg_settings",
        "select * from pg_settings; update t set a = 1",
        "update t set a = 1; select * from pg_settings",
        "select 'update pg_settings', 'treat(x)' from t",
        "do $$begin perform 1 from pg_settings; end$$",
        "select treat, a.treat from t",
        "select t.schedule, a.crosstab() from t",
        "set \"",
        "set",
        "reset",
        "set ;",
        "set app.",
        "reset app.",
    ];
    for sql in cases {
        assert_eq!(check(sql), None, "{sql}");
    }
}

#[test]
fn whole_literals_are_run() {
    let cases = [
        "do $$begin execute 'select 1'; end$$",
        "do $$begin execute 'select $1' into x using 1; end$$",
        "do $$begin for r in execute 'select 1' loop end loop; end$$",
        "do 'begin end' language \"plpgsql\"; select 1",
        "do language 'plpgsql' 'begin end'",
        "select ts_rewrite('a'::tsquery, 'b'::tsquery, f(x, y))",
        "select ts_rewrite(to_tsquery('a, b'), 'select t, s from aliases')",
        "select ts_rewrite from t",
    ];
    for sql in cases {
        assert_eq!(check(sql), None, "{sql}");
    }
}

#[test]
fn refusals_are_sentences() {
    for sql in [
        "set app.tenant_id = 1",
        "set role x",
        "reset all",
        "discard all",
        "listen x",
        "alter system set a = 1",
        "select set_config($1)",
        "do 'set role x'",
        "set U&\"a\" = 1",
        "set names big5",
        "set session authorization x",
        "select treat(1 as x)",
    ] {
        let text = check(sql).unwrap().to_string();
        assert!(text.len() > 40 && !text.ends_with('.'), "{text}");
    }
}

const PIECES: &[&str] = &[
    " ",
    ".",
    ",",
    ";",
    "(",
    ")",
    "=",
    "'",
    "''",
    "\"",
    "U&",
    "E",
    "$$",
    "$a$",
    "set",
    "reset",
    "do",
    "create",
    "function",
    "app",
    "tenant_id",
    "set_config",
    "query_to_xml",
    "begin",
    "\\",
    "ä",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn noise_never_panics(pieces in proptest::collection::vec(select(PIECES), 0..40)) {
        let _ = check(&pieces.concat());
    }

    /// However it is written, setting the tenant is seen.
    #[test]
    fn spellings_of_set_are_seen(
        scope in "(session|LOCAL|)",
        space in "( |\t|\n|/\\* ' \\*/|--'\n){1,3}",
        app in "([aA][pP][pP]|\"[aA][pP][pP]\")",
        tenant in "([tT]enant_[iI]D|\"TENANT_id\")",
        equals in "(=| to )",
    ) {
        let name = format!("{app}{space}.{space}{tenant}");
        let sql = format!("select ';';SET{space}{scope}{space}{name}{equals}'2'");
        prop_assert!(check(&sql).is_some(), "{}", sql);
    }
}
