//! What one client leaves, the next must not meet; and what a tenant writes to become another one.
//!
//! All clients share one connection of PostgreSQL.

use std::sync::Arc;

use rowhouse_protocol::frontend::{bind, copy_data, execute, parse, query, sync};

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::Gateway;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_walls",
        &[("nothing_is_left", nothing_is_left), ("no_tenant_is_another", no_tenant_is_another)],
    )
}

fn gateway(stand: &Stand) -> Arc<Gateway> {
    stand.gateway("wire_single", &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1")])
}

/// What a session shows of those before it. The last one runs where something clean has run.
const LOOK: &str = "select current_user, session_user, current_setting('app.current_tenant', true),
    current_setting('app.other', true), current_setting('search_path'),
    current_setting('statement_timeout'), current_setting('TimeZone'),
    current_setting('default_transaction_read_only'), current_setting('work_mem'),
    (select count(*) from pg_prepared_statements where name not like 'rowhouse%'),
    (select count(*) from pg_cursors where name not like 'rowhouse%'),
    (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()),
    (select count(*) from pg_listening_channels()),
    (select count(*) from pg_class where relpersistence = 't'),
    (select count(distinct tenant) from note), (select min(tenant) from note), has_lastval()";

/// Who does what, before it leaves.
const ACTS: &[(&str, &str)] = &[
    ("one", "select 1"),
    ("one", "set search_path = elsewhere"),
    ("one", "set statement_timeout = 1"),
    ("one", "begin; set local timezone = 'Asia/Tokyo'"),
    ("one", "begin; select * from note for update"),
    ("one", "begin; select 1 / 0"),
    ("one", "select pg_advisory_lock(77)"),
    ("one", "prepare p as select 1"),
    ("one", "begin; declare c cursor for select 1"),
    ("one", "declare c cursor with hold for select 1"),
    ("one", "begin; set timezone = 'Asia/Tokyo'; set work_mem = '1MB'; commit"),
    ("one", "select innocent('app.other', 'left')"),
    ("one", "select harmless('set default_transaction_read_only = on')"),
    ("one", "insert into described (tenant, nick, name, tags) values ('tenant_1', 'x', 'x', '{}')"),
    ("app", "set app.current_tenant = 'tenant_1'"),
    ("app", "select set_config('app.current_tenant', 'tenant_1', false)"),
    ("app", "select innocent('app.current_tenant', 'tenant_1')"),
    ("app", "begin; select innocent('app.current_tenant', 'tenant_1'); commit"),
    ("app", "select harmless('set app.current_tenant = tenant_1')"),
    ("app", "listen x"),
    ("app", "set role it_member"),
    ("app", "set session characteristics as transaction read only"),
    ("app", "set app.other = 'left'; begin; set app.current_tenant = 'tenant_1'"),
    ("admin", "set session authorization it_reader"),
    ("admin", "create temp table note (tenant text)"),
    ("admin", "set app.current_tenant = 'tenant_1'; set row_security = off"),
];

fn nothing_is_left(stand: &Stand) {
    let gateway = gateway(stand);
    let look = |user: &str| Client::login(&gateway, user, "it").ask(LOOK).shown();
    let clean = ["two", "app"].map(|user| (user, look(user)));
    assert!(clean[0].1.contains("|1|tenant_2|f"), "{}", clean[0].1);
    assert!(clean[1].1.ends_with("|0||f"), "{}", clean[1].1);
    for (user, sql) in ACTS {
        let mut client = Client::login(&gateway, user, "it");
        let reply = client.ask(sql);
        let fails = sql.contains("1 / 0");
        assert_eq!(reply.error.is_some(), fails, "{sql}: {}", reply.shown());
        drop(client);
        for (user, clean) in &clean {
            assert_eq!(look(user), *clean, "after {sql}");
        }
    }
    // Those who leave in the middle of something.
    let leave: &[fn(&mut Client)] = &[
        |client| client.send(|buf| query(buf, "select pg_sleep(60)").unwrap()),
        |client| client.send(|buf| query(buf, "select generate_series(1, 10000000)").unwrap()),
        |client| client.send(|buf| parse(buf, "", "select 1", &[]).unwrap()),
        |client| {
            client.send(|buf| {
                parse(buf, "", "begin", &[]).unwrap();
                bind(buf, "", "", &[]).unwrap();
                execute(buf, "", 0).unwrap();
            });
        },
        |client| {
            client.ask("copy (select generate_series(1, 10)) to stdout");
            client.send(|buf| {
                query(buf, "copy (select generate_series(1, 999999)) to stdout").unwrap();
            });
        },
    ];
    for (number, leave) in leave.iter().enumerate() {
        leave(&mut Client::login(&gateway, "one", "it"));
        for (user, clean) in &clean {
            assert_eq!(look(user), *clean, "after way {number} to leave");
        }
    }
    let mut admin = Client::login(&gateway, "admin", "it");
    admin.ask("copy written from stdin");
    admin.send(|buf| copy_data(buf, b"tenant_1\thalf\n").unwrap());
    drop(admin);
    for (user, clean) in &clean {
        assert_eq!(look(user), *clean, "after half a COPY");
    }
}

/// What a tenant tries, in one message; the answer must be an error, or hold no other tenant.
const TRIES: &[&str] = &[
    "set app.current_tenant = 'tenant_2'",
    "set local app.current_tenant = 'tenant_2'",
    "select set_config('app.current_tenant', 'tenant_2', true)",
    "begin; select 1; set app.current_tenant = 'tenant_2'; commit",
    "do $$ begin execute 'set app.curr' || 'ent_tenant = tenant_2'; end $$; select * from note",
    "select innocent('app.current' || '_tenant', 'tenant_2'); select tenant from note",
    "begin; select innocent('app.current' || '_tenant', 'tenant_2'); select tenant from note",
    "begin; select harmless('set app.curr' || 'ent_tenant = tenant_2'); select tenant from note",
    "begin; select harmless('reset app.curr' || 'ent_tenant'); select tenant from note",
    "execute rowhouse_prologue('app.current' || '_tenant', 'tenant_2')",
    "execute \"rowhouse_prologue\"('app.current' || '_tenant', 'tenant_2')",
    "prepare rowhouse_prologue as select 1",
    "deallocate rowhouse_prologue",
    "reset all",
    "discard all",
    "set role it_member",
    "set session authorization it_reader",
    "alter role it_app set app.current_tenant = 'tenant_2'",
    "listen x",
    "prepare transaction 'x'",
    "set standard_conforming_strings = off",
    "set client_encoding = 'SJIS'",
    "commit; begin; set app.current_tenant = 'tenant_2'",
    "update pg_settings set setting = 'tenant_2' where name = 'app.current_tenant'",
];

fn no_tenant_is_another(stand: &Stand) {
    let gateway = gateway(stand);
    let own = "select distinct tenant from note";
    for sql in TRIES {
        let mut client = Client::login(&gateway, "one", "it");
        let reply = client.ask(sql);
        // One value may be what a function of its own has told; there are three notes.
        let values = reply.rows.iter().flatten().flatten();
        let foreign = values.filter(|value| *value == "tenant_2").count();
        assert!(foreign <= 1, "{sql}: {}", reply.shown());
        client.ask("rollback");
        assert_eq!(client.ask(own).shown(), "tenant_1", "behind {sql}");
        // The same, message by message and as a pipeline.
        for piece in sql.split("; ") {
            client.ask(piece);
            let seen = client.ask(own);
            assert!(seen.error.is_some() || seen.shown() == "tenant_1", "{sql}: {piece}");
        }
        client.ask("rollback");
        client.send(|buf| {
            for piece in sql.split("; ").chain([own]) {
                parse(buf, "", piece, &[]).unwrap();
                bind(buf, "", "", &[]).unwrap();
                execute(buf, "", 0).unwrap();
            }
            sync(buf);
        });
        let seen = client.reply();
        let last = seen.rows.last().map(|row| row[0].clone());
        assert!(seen.error.is_some() || last == Some(Some("tenant_1".to_owned())), "{sql}");
    }
}
