//! Statements whose words are not what they look like: whoever comes next meets a new session.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::json;

use super::SOON;
use crate::answer::Answer;
use crate::case::{Case, case, suite};
use crate::gateway::Gateway;
use crate::person::Person;
use crate::postgres::Direct;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    let named = suite(
        "hostile::words",
        &[
            ("settings_by_update", settings_by_update),
            ("sql_in_a_text", sql_in_a_text),
            ("a_seed", a_seed),
            ("statements_of_others", statements_of_others),
        ],
    );
    let tricks = TRICKS.iter().enumerate().map(|(number, sql)| {
        case(format!("hostile::words::{number:02}::{}", one_line(sql)), |stand| trick(stand, sql))
    });
    named.into_iter().chain(tricks).collect()
}

/// Each is run by tenant_1 and by an application; it may be refused.
const TRICKS: &[&str] = &[
    "select id, tenant, body, insert into temp note
        from (select 0::bigint id, ''::text tenant, ''::text as body, 1 as insert) x where false",
    "select id, tenant, body, insert into temp note
        from (select 7::bigint id, 'tenant_1' tenant, 'x' as body, 1 as insert) x",
    "select tenant, update into temp table note from (select 'tenant_1' tenant, 1 as update) x",
    "select x.merge into unlogged note_of_mine from (select 'tenant_1' tenant, 1 as merge) x",
    "select tenant, id delete into temporary note from (select 'tenant_1' tenant, 1 id) x",
    "with insert as (select 'tenant_1'::text tenant) select * into temp note from insert",
    "select treat(4711::bigint as pg_advisory_lock)",
    "select treat(4711::bigint as pg_catalog.pg_advisory_lock)",
    "select (4711::bigint).pg_advisory_lock",
    "select x.pg_advisory_lock from (values (4711::bigint)) v (x)",
    "select v.pg_try_advisory_lock from unnest(array[4711::bigint]) v",
    "select (array[4711::bigint])[1].pg_advisory_lock",
    "select treat(4711::bigint as pg_advisory_lock_shared) where :one = 1",
    "update only (pg_settings) set setting = 'off' where name = 'standard_conforming_strings'",
    "update pg_settings set setting = 'tenant_1' where name = 'app.current_tenant'",
    "update pg_catalog.pg_settings s set setting = 'Asia/Tokyo' where s.name = 'TimeZone'",
    "with w as (update pg_settings set setting = '1' where name = 'statement_timeout' returning 1)
        select 1",
    "select (treat('select to_tsvector(set_config(''app.current_tenant'',''tenant_1'',false))'
        as ts_stat))::text, (select count(*) from note)",
    "select ('select to_tsvector(set_config(''TimeZone'',''Asia/Tokyo'',false))'::text).ts_stat",
];

/// One trial at a time, so that B meets what its own A has left.
static TURN: Mutex<()> = Mutex::new(());

/// A gateway with one connection of each kind, for the trial whose turn it is.
struct Narrow<'s> {
    stand: &'s Stand,
    gateway: Arc<Gateway>,
    _turn: MutexGuard<'static, ()>,
}

fn narrow(stand: &Stand) -> Narrow<'_> {
    let settings = [
        ("POOL__SHARDS", "1"),
        ("POOL__FAST_CONNECTIONS", "1"),
        ("POOL__SLOW_CONNECTIONS", "1"),
        ("POOL__TRANSACTION_CONNECTIONS", "1"),
        ("LIMITS__STATEMENT_TIMEOUT", "3s"),
    ];
    let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
    Narrow { stand, gateway: stand.gateway("hostile", &settings), _turn: turn }
}

impl Deref for Narrow<'_> {
    type Target = Gateway;

    fn deref(&self) -> &Gateway {
        &self.gateway
    }
}

impl Drop for Narrow<'_> {
    /// What has leaked once would be seen by all that come after: they get another gateway.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.stand.replace("hostile");
        }
    }
}

fn actors(gateway: &Gateway) -> [Person; 2] {
    [gateway.tenant("tenant_1"), gateway.app()]
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Once, which may be all it needs, and often, which may take it elsewhere.
fn trick(stand: &Stand, sql: &'static str) {
    let gateway = narrow(stand);
    let mut direct = stand.cluster().address.connect("it");
    for person in actors(&gateway) {
        for times in [1, 5] {
            for _ in 0..times {
                let call = person.sql(sql);
                let call = if sql.contains(":one") { call.long("one", 1) } else { call };
                let answer = call.run();
                let refused = [400, 403].contains(&answer.status);
                assert!(answer.status == 200 || refused, "{} {}", answer.status, answer.text());
                nothing_is_left(&gateway, &mut direct);
            }
        }
    }
}

/// B has its own rows, and settings, tables and locks are those of a new session.
#[track_caller]
fn nothing_is_left(gateway: &Gateway, direct: &mut Direct) {
    let look = "select count(*), min(tenant), max(tenant), min(current_setting('TimeZone')),
        min(current_setting('standard_conforming_strings')) from note";
    let own = gateway.tenant("tenant_2").execute(look).rows();
    assert_eq!(own, json!([[3, "tenant_2", "tenant_2", "UTC", "on"]]));
    let nobody = gateway.app().execute(look).rows();
    assert_eq!(nobody, json!([[0, null, null, null, null]]));
    let sql = "select current_setting('app.current_tenant', true), current_setting('TimeZone')";
    let setting = gateway.app().execute(sql).rows();
    assert!(setting == json!([["", "UTC"]]) || setting == json!([[null, "UTC"]]), "{setting}");
    // From outside, since the look itself could tidy up; a reset is under way for a moment.
    let sql = "select count(*) from pg_locks where locktype = 'advisory' and objid = 4711";
    wait::until_true("no lock is left", SOON, || direct.value(sql) == "0");
    direct.query("drop table if exists note_of_mine");
}

/// UPDATE of this view is SET, in all its forms, and a tenant may not read SQL in another way.
fn settings_by_update(stand: &Stand) {
    let gateway = narrow(stand);
    let mut direct = stand.cluster().address.connect("it");
    for update in [
        "update only (pg_settings) set setting='off' where name='standard_conforming_strings'",
        "update only pg_settings set setting='off' where name='standard_conforming_strings'",
        "update pg_settings * set setting='off' where name='standard_conforming_strings'",
        "update only (pg_catalog.pg_settings) set setting='tenant_2'
            where name='app.current_tenant'",
        "UPDATE/**/ONLY(\"pg_settings\")SET setting='off'WHERE name='standard_conforming_strings'",
        "with w as (update only (pg_settings) set setting = 'off' where name =
            'standard_conforming_strings' returning 1) select * from w",
    ] {
        let tenant = gateway.tenant("tenant_1");
        tenant.execute(update).fails_with("42501");
        let transaction = tenant.begin();
        transaction.execute(update).fails_with("42501");
        transaction.rollback().ok();
        nothing_is_left(&gateway, &mut direct);
    }
}

/// SQL that stands in a text runs in the middle of a statement: it must not be another tenant's
/// from there on.
fn sql_in_a_text(stand: &Stand) {
    let gateway = narrow(stand);
    let tenant = gateway.tenant("tenant_1");
    let config = "select to_tsvector(set_config(''app.current_tenant'',''tenant_2'',true))";
    for sql in [
        format!("select (treat('{config}' as ts_stat))::text, (select min(tenant) from note)"),
        format!("select ('{config}'::text).ts_stat::text, (select min(tenant) from note)"),
        format!("select (ts_stat('{config}')).word, (select min(tenant) from note)"),
        format!(
            "select s::text, n.tenant from ts_stat('{config}') s,
            lateral (select tenant from note where s.ndoc > 0 limit 1) n"
        ),
        format!(
            "with s as materialized (select (treat('{config}' as ts_stat))::text as t)
            select s.t, n.tenant from s, note n"
        ),
        format!(
            "select x.ts_stat::text, (select min(tenant) from note)
            from (values ('{config}'::text)) v (x)"
        ),
    ] {
        let only_its_own = |answer: Answer| {
            if answer.status == 200 {
                for row in answer.rows().as_array().unwrap() {
                    assert_eq!(row[1], "tenant_1", "{sql}");
                }
            } else {
                assert_eq!(answer.status, 400, "{sql}: {}", answer.text());
            }
        };
        only_its_own(tenant.execute(&sql));
        let transaction = tenant.begin();
        only_its_own(transaction.execute(&sql));
        transaction.rollback().ok();
        let other = gateway.tenant("tenant_3").execute("select distinct tenant from note");
        assert_eq!(other.value(), "tenant_3");
    }
}

/// The seed of `random()` is the session's and survives DISCARD ALL.
fn a_seed(stand: &Stand) {
    let gateway = narrow(stand);
    let mut direct = stand.cluster().address.connect("it");
    direct.query("select setseed(0.5)");
    let follow: Vec<f64> =
        (0..8).map(|_| direct.value("select random()").parse().unwrap()).collect();
    for person in actors(&gateway) {
        for sql in [
            "select setseed(0.5)",
            "select treat(0.5::float8 as setseed)",
            "select (0.5::float8).setseed",
            "select x.setseed from (values (0.5::float8)) v (x)",
            "do $$ begin perform setseed(0.5); end $$",
            "select harmless('select setseed(0.5)')",
        ] {
            // Some are refused or unknown to PostgreSQL; then there is nothing to see either.
            person.execute(sql);
            for other in [gateway.tenant("tenant_2"), gateway.app()] {
                let value = other.execute("select random()").value().as_f64().unwrap();
                let known = follow.iter().any(|known| (known - value).abs() < 1e-12);
                assert!(!known, "{sql}: {value} was to be expected");
            }
        }
        let transaction = person.begin();
        transaction.execute("select setseed(0.5)");
        transaction.commit();
        let other = gateway.tenant("tenant_2");
        let other = other.begin();
        let value = other.execute("select random()").value().as_f64().unwrap();
        assert!(follow.iter().all(|known| (known - value).abs() >= 1e-12), "{value}");
        other.rollback().ok();
    }
}

/// The gateway keeps statements of all tenants on one session; none of them sees them.
fn statements_of_others(stand: &Stand) {
    let gateway = narrow(stand);
    let secret = "a secret of tenant_1";
    let tenant = gateway.tenant("tenant_1");
    let say = format!("select '{secret}', count(*) from note");
    for look in [
        "select name, statement from pg_prepared_statements",
        "select * from pg_catalog.pg_prepared_statements",
        "table pg_prepared_statements",
        "select p::text from pg_prepared_statements as p",
        "select statement from pg_prepared_statement()",
    ] {
        for _ in 0..8 {
            assert_eq!(tenant.execute(&say).rows(), json!([[secret, 3]]));
            for other in [gateway.tenant("tenant_2"), gateway.app()] {
                let text = other.execute(look).text();
                assert!(!text.contains(secret), "{look}: {text}");
            }
        }
    }
}
