//! A grammar of ways to change a setting, a role or a session, and of garbling them.

use proptest::prelude::*;
use proptest::sample::select;
use rowhouse_protocol::scan::{TokenKind, tokens};

use super::soup::space;

/// A way to change something, written somehow.
pub fn way() -> impl Strategy<Value = String> {
    let call = (select(NAMES), select(SETTINGS), select(LOCAL))
        .prop_map(|(name, setting, local)| format!("{name}({setting}, {local})"));
    let set = (select(SETS), select(SET_NAMES)).prop_map(|(set, name)| set.replace("NAME", name));
    let hidden = (call.clone(), select(TEXTS)).prop_map(|(call, text)| {
        let quoted = call.replace('\'', "''");
        text.replace("QUOTED", &quoted).replace("CALL", &call)
    });
    let spelled = (call, select(PLACES)).prop_map(|(call, place)| place.replace("CALL", &call));
    let ways = prop_oneof![
        4 => spelled,
        2 => set,
        2 => hidden,
        2 => select(OTHERS).prop_map(str::to_owned),
    ];
    (ways, any::<u64>(), space()).prop_map(|(way, seed, gap)| spread(&way, seed, &gap))
}

/// The same with pieces of others in it, cut, doubled and exchanged.
pub fn garbled() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..4_u8, select(SPICES));
    (way(), proptest::collection::vec(edit, 0..4), way()).prop_map(|(way, edits, other)| {
        let mut pieces: Vec<&str> = tokens(&way).map(|token| token.text).collect();
        let others: Vec<&str> = tokens(&other).map(|token| token.text).collect();
        for (place, kind, spice) in edits {
            let at = place.index(pieces.len().max(1));
            match kind {
                0 => pieces.insert(at.min(pieces.len()), spice),
                1 if !pieces.is_empty() => drop(pieces.remove(at)),
                2 if !pieces.is_empty() => pieces[at] = spice,
                _ if !others.is_empty() => {
                    pieces.insert(at.min(pieces.len()), others[place.index(others.len())]);
                }
                _ => {}
            }
        }
        pieces.concat()
    })
}

/// Other space between some of the tokens, and other letters in some of the words.
fn spread(sql: &str, mut seed: u64, gap: &str) -> String {
    let mut text = String::new();
    for token in tokens(sql) {
        seed = seed.rotate_left(7) ^ token.start as u64;
        let is_word = token.kind == TokenKind::Ident;
        match seed % 5 {
            0 if token.is_space() => text.push_str(gap),
            1 if is_word => text.push_str(&token.text.to_uppercase()),
            2 if token.text == "(" => {
                text.push_str(gap);
                text.push_str(token.text);
            }
            _ => text.push_str(token.text),
        }
    }
    text
}

const NAMES: &[&str] = &[
    "set_config",
    "SET_CONFIG",
    "\"set_config\"",
    "pg_catalog.set_config",
    "\"pg_catalog\".\"set_config\"",
    "it.pg_catalog.set_config",
    "U&\"set\\005fconfig\"",
    "U&\"set\\+00005fconfig\"",
    "pg_catalog.U&\"\\0073et_config\"",
];

const SETTINGS: &[&str] = &[
    "'app.current_tenant', 'tenant_2'",
    "'APP.Current_Tenant', 'tenant_2'",
    "E'app.current\\x5ftenant', 'tenant_2'",
    "'app.current'\n'_tenant', 'tenant_2'",
    "$$app.current_tenant$$, 'tenant_2'",
    "U&'app.current\\005ftenant', 'tenant_2'",
    "'app.' || 'current_tenant', 'tenant_2'",
    "concat('app.', 'current_tenant'), 'tenant_2'",
    "N'app.current_tenant', 'tenant_2'",
    "('app.current_tenant'), 'tenant_2'",
    "cast('app.current_tenant' as text), 'tenant_2'",
    "text 'app.current_tenant', 'tenant_2'",
    "(select name from (values ('app.current_tenant')) v (name)), 'tenant_2'",
    "'role', 'it_member'",
    "'session_authorization', 'it_app'",
    "'client_encoding', 'SJIS'",
    "'standard_conforming_strings', 'off'",
    "variadic array['app.current_tenant'], 'tenant_2'",
    "lower('APP.CURRENT_TENANT'), 'tenant_2'",
    "'app.current_tenant'/**/, 'tenant_2'",
];

const LOCAL: &[&str] = &["true", "false", "1 = 1", "'t'", "null is null"];

/// Where an expression may stand.
const PLACES: &[&str] = &[
    "select CALL",
    "select * from CALL",
    "select * from CALL as x (y), note",
    "select count(*) from note, lateral CALL",
    "select * from rows from (CALL, generate_series(1, 2))",
    "select 1 where CALL is not null",
    "select 1 order by CALL",
    "select 1 group by CALL",
    "select count(*) having min(CALL) is not null",
    "select count(*) filter (where CALL is not null) from note",
    "select count(*) over (order by CALL) from (values (1)) v (x)",
    "select count(*) over w from (values (1)) v (x) window w as (partition by CALL)",
    "select 1 limit length(CALL)",
    "select 1 offset length(CALL)",
    "select case when CALL is null then 1 else 2 end",
    "select coalesce(null, CALL)",
    "select array[CALL]",
    "select array(select CALL)",
    "select (array['x'])[length(CALL)]",
    "select row(CALL)",
    "select exists (select CALL)",
    "select 1 in (select length(CALL))",
    "select (CALL)::text",
    "select cast(CALL as text)",
    "select CALL collate \"C\"",
    "select 'x' || CALL",
    "select not (CALL = 'x')",
    "select distinct on (CALL) 1",
    "values (CALL)",
    "with x as (select CALL) select * from x",
    "with x as materialized (select CALL) select 1, * from x",
    "with recursive x (y) as (select CALL union select y from x) table x",
    "select * from (select CALL) as x",
    "select * from note tablesample bernoulli (length(CALL))",
    "select * from note tablesample system (1) repeatable (length(CALL))",
    "select string_agg(CALL, ',' order by 1) from (values (1)) v (x)",
    "select percentile_disc(0.5) within group (order by CALL)",
    "select * from json_to_recordset(to_json(array[CALL])) as x (a text) where false",
    "select xmlelement(name a, CALL)",
    "select xmlforest(CALL as a)",
    "select extract(day from now() + (length(CALL) || ' days')::interval)",
    "select overlay('abc' placing CALL from 1)",
    "select position(CALL in 'x')",
    "select trim(both CALL from 'x')",
    "select substring('x' from length(CALL))",
    "select * from note join (select CALL as c) x on true limit 1",
    "select * from (values (1)) v (x) left join lateral CALL on true",
    "select 1 union all select length(CALL)",
    "select nullif(CALL, 'x')",
    "select greatest(CALL, 'x')",
    "select grouping(CALL) group by CALL",
    "insert into written values ('tenant_1', CALL)",
    "insert into written select 'tenant_1', CALL",
    "insert into written values ('tenant_1', 'x') returning CALL",
    "insert into counter values ('tenant_1', 1)
        on conflict (tenant) do update set count = length(CALL)",
    "insert into counter values ('tenant_1', 1) on conflict (tenant) do nothing returning CALL",
    "with x as (insert into written values ('tenant_1', CALL) returning 1) select * from x",
    "update counter set count = length(CALL)",
    "update counter set (count) = (select length(CALL))",
    "update counter set count = 1 from CALL as x",
    "delete from written using CALL as x where mark = x",
    "delete from written where mark = CALL",
    "merge into counter c using (select CALL as x) s on c.tenant = s.x
        when not matched then do nothing",
    "explain analyze select CALL",
    "explain (analyze, costs off) select CALL",
    "copy (select CALL) to stdout",
    "declare c cursor for select CALL; fetch c",
    "declare c cursor with hold for select CALL; commit",
    "prepare p as select CALL; execute p",
    "create temp table x as select CALL as c",
    "select CALL as c into temp x",
    "create temp table x (a text default CALL); insert into x default values",
    "create temp view x as select CALL; table x",
    "create temp table x (a text check (CALL is not null)); insert into x values ('a')",
    "create temp table x (a int); create index on x (length(CALL))",
    "do $$begin perform CALL; end$$",
    "do $$declare x text := CALL; begin null; end$$",
    "do $$begin for i in select CALL loop null; end loop; end$$",
    "do $$begin if CALL is null then null; end if; end$$",
    "do $do$begin execute 'select 1' using CALL; end$do$",
    "select 1; select CALL",
    "create function pg_temp.f() returns text language sql as $f$ select CALL $f$;
        select pg_temp.f()",
    "create function pg_temp.f() returns text begin atomic select CALL; end; select pg_temp.f()",
    "create function pg_temp.f() returns text return CALL; select pg_temp.f()",
    "create function pg_temp.f(a text default CALL) returns text language sql as 'select $1';
        select pg_temp.f()",
];

/// Where SQL stands in a text that is run.
const TEXTS: &[&str] = &[
    "select query_to_xml('select QUOTED', true, true, '')",
    "select * from query_to_xml_and_xmlschema('select QUOTED', true, true, '')",
    "select QUERY_TO_XML($$select CALL$$, true, true, '')",
    "select pg_catalog.\"query_to_xml\"('select QUOTED', true, true, '')",
    "select ts_stat('select to_tsvector(QUOTED)')",
    "select ('select to_tsvector(QUOTED)'::text).ts_stat",
    "select treat('select to_tsvector(QUOTED)' as ts_stat)",
    "select ts_rewrite('a'::tsquery, 'select to_tsquery(''a''), to_tsquery(QUOTED)')",
    "select query_to_xml('select ' || 'QUOTED', true, true, '')",
    "select query_to_xml(concat('select ', 'QUOTED'), true, true, '')",
    "select query_to_xml(query => 'select QUOTED', nulls => true, tableforest => true,
        targetns => '')",
    "select query_to_xml('select '\n'QUOTED', true, true, '')",
    "select x.ts_stat from (values ('select to_tsvector(QUOTED)'::text)) v (x)",
    "do 'begin perform QUOTED; end'",
    "do language plpgsql 'begin perform '\n'QUOTED; end'",
    "do $$begin execute 'select QUOTED'; end$$",
    "do $$begin execute $x$select CALL$x$; end$$",
    "create function pg_temp.f() returns text language sql as 'select QUOTED'; select pg_temp.f()",
];

const SETS: &[&str] = &[
    "set NAME = 'tenant_2'",
    "set NAME to tenant_2",
    "set session NAME = 'tenant_2'",
    "set local NAME to 'tenant_2'",
    "reset NAME",
    "set NAME to default",
    "set NAME = $$tenant_2$$",
    "select 1; set NAME = 'tenant_2'",
    "do $$begin set NAME = 'tenant_2'; end$$",
    "do $$begin set local NAME to 'tenant_2'; end$$",
    "do 'begin reset NAME; end'",
    "do $$<<a>>begin if true then set NAME = 'x'; end if; end$$",
    "do $$begin loop set NAME = 'x'; exit; end loop; end$$",
    "do $$begin perform 1 / 0; exception when others then set NAME = 'x'; end$$",
    "do $$begin execute 'set NAME = ''x'''; end$$",
    "do $$begin execute 'reset NAME'; end$$",
    "create function pg_temp.f() returns int language plpgsql as
        $f$ begin set NAME = 'x'; return 1; end $f$; select pg_temp.f()",
    "create procedure pg_temp.f() language plpgsql as
        $f$ begin set NAME = 'x'; end $f$; call pg_temp.f()",
];

const SET_NAMES: &[&str] = &[
    "app.current_tenant",
    "APP.current_tenant",
    "app . current_tenant",
    "\"app\".\"current_tenant\"",
    "\"app.current_tenant\"",
    "\"APP\".Current_Tenant",
    "app./**/current_tenant",
    "U&\"app\".current_tenant",
    "app.U&\"current\\005ftenant\"",
    "U&\"app!002ecurrent_tenant\" uescape '!'",
];

/// Ways without the setting's name, and much that leaves something behind.
const OTHERS: &[&str] = &[
    "reset all",
    "discard all",
    "set role it_member",
    "set role = it_member",
    "reset role",
    "set role none",
    "set local role it_member",
    "set session authorization default",
    "set session role to 'it_member'",
    "set names 'SJIS'",
    "set client_encoding = 'latin1'",
    "set standard_conforming_strings = off",
    "set local standard_conforming_strings to 0",
    "update pg_settings set setting = 'tenant_2' where name = 'app.current_tenant'",
    "update pg_settings set setting = 'off' where name = 'standard_conforming_strings'",
    "update only (pg_settings) set setting = 'SJIS' where name = 'client_encoding'",
    "with x as (update pg_catalog.pg_settings set setting = 'off'
        where name = 'standard_conforming_strings' returning 1) table x",
    "set time zone 'Asia/Tokyo'",
    "set schema 'pg_catalog'",
    "set xml option document",
    "set session characteristics as transaction read only",
    "set transaction read only",
    "select pg_advisory_lock(7)",
    "select nextval('numbers')",
    "select (7::bigint).pg_advisory_lock",
    "select treat(7::bigint as pg_advisory_lock)",
    "select x.nextval from (values
        ('numbers'::regclass)) v (x)",
    "select currval('numbers') from nextval('numbers')",
    "listen x",
    "prepare p as select 1",
    "declare c cursor with hold for select 1",
    "load 'x'",
    "create temp table x (a int)",
    "select 1 into temp x",
    "select 1 as a into x",
    "table note",
    "select * from note for update",
    "select * from note for share skip locked",
    "select * from note for no key update",
    "(select * from note limit 1 for key share)",
    "with x as (select * from note for update) select 1 from x",
    "with x as (delete from written returning 1) select * from x",
    "select count(*), min(body) from note where id = any (array[1, 2])",
    "select n.id, n.body from note n join account a using (tenant, id) where n.id in (1, 2)",
    "select row_number() over (partition by tenant order by id) from note",
    "values (1, 'a'), (2, 'b')",
    "select jsonb_build_object('a', 1) -> 'a', upper('x')",
    "update counter set count = count + 1",
    "insert into written values ('tenant_1', 'x')",
    "delete from written",
    "truncate written",
    "lock table note in access share mode",
    "select lo_create(0)",
    "select pg_notify('x', 'y')",
    "notify x",
    "select txid_current()",
    "select pg_try_advisory_xact_lock(7)",
    "select pg_export_snapshot()",
    "set local work_mem = '5MB'",
    "insert into value (id) values (1) returning *",
    "table pg_settings",
    "rollback",
    "commit",
    "commit and chain",
    "savepoint a; rollback to a",
    "end; begin",
    "set constraints all deferred",
    "create temp sequence s; select nextval('s')",
    "call p()",
    "do $$begin null; end$$",
    "select pg_catalog.pg_advisory_lock_shared(7, 8)",
    "select random()",
    "vacuum",
    "analyze note",
];

const SPICES: &[&str] = &[
    "(",
    ")",
    ",",
    ";",
    "'",
    "\"",
    "$$",
    "--",
    "/*",
    "*/",
    "\n",
    " ",
    ".",
    "::",
    "as",
    "select",
    "set_config",
    "'app.current_tenant'",
    "treat",
    "*",
    "from",
    "in",
    "over",
    "filter",
    "on",
    "conflict",
    "join",
    "insert",
    "into",
    "with",
    "temp",
    "values",
    "update",
    "delete",
    "merge",
    "E",
    "U&",
    "\\",
    "array",
    "[",
    "]",
    "lateral",
    "order by",
    "for update",
    "then",
    "case",
    "end",
    "using",
    "when",
    "not",
    "null",
    "1",
    "'x'",
    "pg_catalog.",
    "pg_settings",
    "nextval",
    "pg_advisory_lock",
    "ts_stat",
    "query_to_xml",
    "grouping",
    "sets",
    "within group",
    "by",
];
