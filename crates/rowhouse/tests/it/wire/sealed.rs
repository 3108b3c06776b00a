//! Sealed databases through the PostgreSQL door: tokens for every transaction, whatever a client
//! does with it; the list of commands; errors that tell no values; applications and their tenant.

use std::sync::Arc;
use std::thread;

use bytes::BytesMut;
use rowhouse_protocol::backend::{ErrorFields, tag};
use rowhouse_protocol::frontend::{bind, execute, parse, query, sync};

use super::client::{Client, Reply};
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::sealed::DATABASE;
use crate::stand::Stand;
use crate::token;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_sealed",
        &[
            ("tenants_see_their_own", tenants_see_their_own),
            ("commands_that_are_not_listed", commands_that_are_not_listed),
            ("reports_tell_no_values", reports_tell_no_values),
            ("applications", applications),
            ("administrators", administrators),
            ("what_clients_begin_with", what_clients_begin_with),
            ("nothing_is_left", nothing_is_left),
            ("many_tenants_at_once", many_tenants_at_once),
        ],
    )
}

/// What somebody has: its own notes.
const OWN: &str = "select count(*), min(tenant), max(tenant) from note";

fn login(stand: &Stand, user: &str) -> Client {
    Client::login(&stand.sealed().gateway, user, DATABASE)
}

/// Everything in one go, up to one Sync.
fn pipeline(buf: &mut BytesMut, texts: &[&str]) {
    for sql in texts {
        parse(buf, "", sql, &[]).unwrap();
        bind(buf, "", "", &[]).unwrap();
        execute(buf, "", 0).unwrap();
    }
    sync(buf);
}

fn run(client: &mut Client, texts: &[&str]) -> Reply {
    client.send(|buf| pipeline(buf, texts));
    client.reply()
}

/// A client that sees its own rows, by either protocol and after whatever it has said.
#[track_caller]
fn sees(client: &mut Client, expected: &str, after: &str) {
    assert_eq!(client.ask(OWN).shown(), expected, "after {after}");
    assert_eq!(run(client, &[OWN]).shown(), expected, "in the extended protocol, after {after}");
}

fn tenants_see_their_own(stand: &Stand) {
    for (user, own) in [("sealed_1", "3|tenant_1|tenant_1"), ("sealed_2", "3|tenant_2|tenant_2")] {
        let mut client = login(stand, user);
        sees(&mut client, own, "nothing");
        for texts in [
            &["begin", OWN, "commit"][..],
            &["begin isolation level serializable read only", OWN, "rollback"],
            &["start transaction", OWN, "commit and chain", OWN, "rollback and chain", OWN, "end"],
            &["begin", "savepoint s", OWN, "rollback to s", OWN, "release s", "abort"],
            // Whoever gives its context away has it again with the next statement.
            &["begin", "select rowhouse.enter('', '{}', '') is null", OWN, "rollback"],
            &["begin", "update note set body = body", OWN, "commit", OWN],
            &["begin", "declare c cursor for select 1 from note", "fetch 2 in c", "rollback"],
            &["set application_name = 'x'", "set extra_float_digits = 3", OWN],
            &["begin", "set transaction read only", OWN, "deallocate all", OWN, "commit", OWN],
        ] {
            let what = texts.join("; ");
            for sql in texts {
                let reply = client.ask(sql);
                assert!(reply.error.is_none(), "{what}: {}", reply.shown());
                assert!(*sql != OWN || reply.shown() == own, "{what}: {}", reply.shown());
            }
            sees(&mut client, own, &what);
            // The same in one go, with the ends of transactions in its middle.
            let reply = run(&mut client, texts);
            assert!(reply.error.is_none(), "{what}: {}", reply.shown());
            let others = reply.rows.iter().filter(|row| row.len() == 3);
            let seen: Vec<String> = others
                .map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join("|"))
                .collect();
            assert!(seen.iter().all(|seen| seen == own), "{what}: {seen:?}");
            assert_eq!(seen.len(), texts.iter().filter(|sql| **sql == OWN).count(), "{what}");
            sees(&mut client, own, &what);
        }
        // A failed transaction, and what goes on from a savepoint of it.
        client.ask("begin");
        client.ask("savepoint s");
        assert!(client.ask("select 1 / 0").shown().starts_with("22012"));
        assert!(client.ask(OWN).shown().starts_with("25P02"));
        client.ask("rollback to s");
        sees(&mut client, own, "rollback to s");
        client.ask("rollback");
        // Prepared once, run in transactions on any connection.
        client.send(|buf| {
            parse(buf, "own", OWN, &[]).unwrap();
            sync(buf);
        });
        client.reply();
        for _ in 0..3 {
            client.send(|buf| {
                bind(buf, "", "own", &[]).unwrap();
                execute(buf, "", 0).unwrap();
                sync(buf);
            });
            assert_eq!(client.reply().shown(), own);
        }
        // Rows of others cannot be written, either.
        let other = "insert into note values ('tenant_9', 9, 'x')";
        assert!(client.ask(other).shown().starts_with("42501"), "{user}");
        client.ask("begin");
        assert_eq!(client.ask("insert into note (id, body) values (9, 'x')").shown(), "");
        let seen = client.ask("select tenant from note where id = 9").shown();
        assert_eq!(seen, own.split('|').nth(1).unwrap());
        client.ask("rollback");
    }
}

/// Commands that reach past tables and their policies.
const UNLISTED: &[&str] = &[
    "set app.current_tenant = 'tenant_2'",
    "set local app.current_tenant = 'tenant_2'",
    "set rowhouse.context = 'x'",
    "set statement_timeout = 0",
    "set session characteristics as transaction read only",
    "set transaction snapshot '00000003-0000001B-1'",
    "set role it_sealed_app",
    "set session authorization default",
    "reset all",
    "discard all",
    "explain select 1",
    "do $$ begin end $$",
    "call p()",
    "prepare p as select 1",
    "execute rowhouse_prologue('', '{}', '')",
    "deallocate rowhouse_prologue",
    "listen x",
    "notify x",
    "lock table note",
    "create temp table x (a int)",
    "select 1 into temp x",
    "declare c cursor with hold for select 1",
    "copy note to stdout",
    "copy note from stdin",
    "copy (select 1) to stdout",
    "copy (select 1) to program 'true'",
    "prepare transaction 'x'",
    "alter role current_user set row_security = off",
    "show rowhouse.context",
    "begin; select 1; commit",
    "select 1; select 2",
];

fn commands_that_are_not_listed(stand: &Stand) {
    let mut client = login(stand, "sealed_1");
    let own = "3|tenant_1|tenant_1";
    for sql in UNLISTED {
        for begin in ["", "begin"] {
            client.ask(begin);
            let reply = client.ask(sql);
            assert!(reply.shown().starts_with("42501"), "{sql}: {}", reply.shown());
            client.ask("rollback");
            let reply = run(&mut client, &[begin, OWN, sql, OWN]);
            assert!(reply.shown().starts_with("42501"), "{sql}: {}", reply.shown());
            client.ask("rollback");
            sees(&mut client, own, sql);
        }
    }
    // PostgreSQL's own function calls, and what is taken from everybody in the database.
    client.send(|buf| {
        buf.extend_from_slice(b"F\x00\x00\x00\x0e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00");
    });
    assert!(client.reply().shown().starts_with("0A000"));
    for sql in [
        "select set_config('app.current_tenant', 'tenant_2', true)",
        "select pg_advisory_lock(1)",
        "select pg_notify('x', 'y')",
        "select pg_export_snapshot()",
        "select lo_create(0)",
        "select * from rowhouse.seal_key",
        "select rowhouse.begin_session(1, repeat('0', 32), 0, repeat('0', 64))",
    ] {
        assert!(client.ask(sql).shown().starts_with("42501"), "{sql}");
    }
    sees(&mut client, own, "all of that");
}

/// What an error holds of rows stays behind; for applications, whose SQL is the operator's, not.
fn reports_tell_no_values(stand: &Stand) {
    let mut client = login(stand, "sealed_1");
    for sql in [
        "insert into mail values (default, 'secret@tenant-two.example', 1)",
        "insert into mail values (default, 'own@tenant-one.example', -77)",
        "select 'x'::int, nosuch from mail",
        "select nosuch(1)",
    ] {
        for extended in [false, true] {
            match extended {
                false => client.send(|buf| query(buf, sql).unwrap()),
                true => client.send(|buf| pipeline(buf, &[sql])),
            }
            let mut kinds = Vec::new();
            while let Some((kind, body)) = client.message() {
                if kind == tag::ERROR_RESPONSE {
                    let fields = ErrorFields::decode(&body).unwrap();
                    let codes: String = fields.iter().map(|(code, _)| char::from(code)).collect();
                    assert!("SVCMP".starts_with(&codes), "{sql}: {codes}");
                }
                kinds.push(kind);
                if kind == tag::READY_FOR_QUERY {
                    break;
                }
            }
            assert!(kinds.contains(&tag::ERROR_RESPONSE), "{sql}");
        }
    }
    let parameters = [("user", "sealed_app"), ("database", DATABASE), ("options", CHOICE)];
    let mut app = Client::begin(&stand.sealed().gateway, &parameters, KEY_SECRET).unwrap();
    assert!(app.ask("select nosuch(1)").error.unwrap().hint.is_some());
}

const CHOICE: &str = "-c app.current_tenant=tenant_5";

/// Without a tenant an application has no rows, whatever it sets; with `options` it has a token.
fn applications(stand: &Stand) {
    let gateway = &stand.sealed().gateway;
    let mut app = login(stand, "sealed_app");
    sees(&mut app, "0||", "nothing");
    for sql in [
        "set app.current_tenant = 'tenant_1'",
        "begin; set local app.current_tenant = 'tenant_1'",
        "select rowhouse.enter('tenant_1', '{app.current_tenant}', 'tenant_1')",
    ] {
        assert!(app.ask(sql).error.is_none(), "{sql}");
        sees(&mut app, "0||", sql);
        app.ask("rollback");
    }
    drop(app);
    let begin = |options: &str| {
        let parameters = [("user", "sealed_app"), ("database", DATABASE), ("options", options)];
        Client::begin(gateway, &parameters, KEY_SECRET)
    };
    let (mut app, own) = (begin(CHOICE).unwrap(), "3|tenant_5|tenant_5");
    sees(&mut app, own, "nothing");
    for sql in [
        "begin",
        "commit and chain",
        "savepoint s",
        "set work_mem = '5MB'",
        "rollback to s",
        "reset all",
        "commit",
        "set search_path = pg_catalog, public",
        "select 1; commit; select 1",
        "reset all",
        "listen x",
        "unlisten *",
        "discard all",
        "begin; select 1; reset all",
        "rollback",
    ] {
        let reply = app.ask(sql);
        // Nothing of ours may run before it.
        let fine = reply.error.is_none() || sql == "discard all";
        assert!(fine, "{sql}: {}", reply.shown());
        sees(&mut app, own, sql);
    }
    let inside = app.ask(&format!("begin; {OWN}; commit; {OWN}; rollback; {OWN}"));
    assert_eq!(inside.shown(), [own; 3].join(";"));
    assert_eq!(run(&mut app, &["begin", OWN, "commit", OWN]).shown(), [own; 2].join(";"));
    // It would name one tenant and see another.
    for sql in [
        "set app.current_tenant = 'tenant_1'",
        "begin; set local app.current_tenant = 'tenant_1'",
        "reset app.current_tenant",
    ] {
        assert!(app.ask(sql).shown().starts_with("0A000"), "{sql}");
        app.ask("rollback");
        sees(&mut app, own, sql);
    }
    let refused = |options: &str| begin(options).err().unwrap().code.as_str().to_owned();
    assert_eq!(refused("-c search_path=public"), "0A000");
    let quoted = "-c app.note=it\\'s\\ \\\\\\ here -c work_mem=5MB";
    let mut app = begin(quoted).unwrap();
    let shown = app.ask("set jit = off; show app.note; show work_mem").shown();
    assert_eq!(shown, r"it's \ here;5MB");
}

fn administrators(stand: &Stand) {
    let parameters = [("user", "admin"), ("database", DATABASE), ("TimeZone", "Asia/Tokyo")];
    let mut admin = Client::begin(&stand.sealed().gateway, &parameters, KEY_SECRET).unwrap();
    assert_eq!(admin.ask("select count(*) from note where id <= 3").shown(), "60");
    assert_eq!(admin.ask("show timezone").shown(), "Asia/Tokyo");
    assert_eq!(admin.ask("select set_config('app.x', '1', false); show app.x").shown(), "1;1");
}

/// Parameters of the start: how results look is anybody's choice, what limits a session is not.
fn what_clients_begin_with(stand: &Stand) {
    let gateway = &stand.sealed().gateway;
    let begin = |parameters: &[(&str, &str)]| {
        let fixed = [("user", "sealed_1"), ("database", DATABASE)];
        Client::begin(gateway, &[&fixed, parameters].concat(), KEY_SECRET)
    };
    let mut client =
        begin(&[("TimeZone", "Asia/Tokyo"), ("options", "-c app.current_tenant=tenant_1")])
            .unwrap();
    for _ in 0..2 {
        assert_eq!(client.ask("show timezone").shown(), "Asia/Tokyo");
        assert_eq!(run(&mut client, &["begin", "show timezone", "commit"]).shown(), "Asia/Tokyo");
        sees(&mut client, "3|tenant_1|tenant_1", "that");
    }
    for (name, value, code) in [
        ("options", "-c app.current_tenant=tenant_2", "42501"),
        ("options", "-c rowhouse.context=x", "0A000"),
        ("options", "-c rowhouse.strict=off", "0A000"),
        ("options", "-c plpgsql.extra_errors=all", "0A000"),
        ("options", "-c statement_timeout=0", "0A000"),
        ("options", "-c search_path=pg_temp", "0A000"),
        ("options", "-c debug_print_plan=on", "0A000"),
        ("options", "-c client_min_messages=debug5", "0A000"),
        ("work_mem", "1GB", "0A000"),
        ("TimeZone", "nowhere'; drop table note; --", "22023"),
        ("TimeZone", "\\", "22023"),
    ] {
        let refused = begin(&[(name, value)]).err().unwrap();
        assert_eq!(refused.code.as_str(), code, "{name}={value}: {refused}");
    }
}

fn gateway(stand: &Stand) -> Arc<Gateway> {
    let narrow = [("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1")];
    stand.gateway_of("wire_sealed_single", || stand.sealed().gateway(&narrow))
}

/// What a session shows of those before it; PostgreSQL's numbers are not of them.
const LOOK: &str = "select current_setting('rowhouse.context', true) like '%.tenant_2',
    current_setting('app.current_tenant', true), current_setting('TimeZone'),
    current_setting('application_name'), current_setting('default_transaction_read_only'),
    (select string_agg(name, ',') from kept where name <> 'rowhouse_prologue'),
    (select count(*) from pg_class where relpersistence = 't'),
    (select count(*) from note), (select min(tenant) from note)";

fn nothing_is_left(stand: &Stand) {
    let gateway = gateway(stand);
    let client = |user: &str| Client::login(&gateway, user, DATABASE);
    let look = || {
        let mut two = client("sealed_2");
        // Where something clean has run, and on a connection as new.
        let clean = two.ask(LOOK).shown();
        two.ask("begin");
        let within = two.ask(LOOK).shown();
        assert_eq!(clean, within);
        clean
    };
    let clean = look();
    assert!(clean.ends_with("|0|3|tenant_2"), "{clean}");
    let acts: &[(&str, &[&str])] = &[
        ("sealed_1", &["select 1"]),
        ("sealed_1", &["set application_name = 'secret'"]),
        ("sealed_1", &["begin", "set application_name = 'secret'", "commit"]),
        ("sealed_1", &["begin", "declare secret cursor for select body from note"]),
        ("sealed_1", &["begin", "select 1 / 0"]),
        ("sealed_1", &["begin read only"]),
        ("sealed_1", &["select rowhouse.enter('x', '{app.current_tenant}', 'tenant_1')"]),
        ("sealed_1", &["begin", "select * from note for update"]),
        ("sealed_app", &["set app.current_tenant = 'tenant_1'"]),
        ("sealed_app", &["prepare secret as select 1"]),
        ("sealed_app", &["set timezone = 'Asia/Tokyo'"]),
        ("sealed_app", &["declare secret cursor with hold for select 1"]),
        ("sealed_app", &["set default_transaction_read_only = on"]),
    ];
    for (user, texts) in acts {
        let mut one = client(user);
        texts.iter().for_each(|sql| drop(one.ask(sql)));
        drop(one);
        assert_eq!(look(), clean, "after {texts:?}");
        let mut one = client(user);
        run(&mut one, texts);
        drop(one);
        assert_eq!(look(), clean, "after {texts:?} in one go");
    }
    // Those who leave in the middle of something.
    let leave: &[fn(&mut Client)] = &[
        |client| client.send(|buf| query(buf, "select pg_sleep(60)").unwrap()),
        |client| client.send(|buf| parse(buf, "", "select 1", &[]).unwrap()),
        |client| client.send(|buf| pipeline(buf, &["begin", "select * from note for update"])),
        |client| client.send(|buf| pipeline(buf, &["commit", OWN, "rollback", "begin"])),
    ];
    for leave in leave {
        leave(&mut client("sealed_1"));
        assert_eq!(look(), clean);
    }
}

/// Twenty tenants at once, by tokens, on few connections: nobody sees anybody.
fn many_tenants_at_once(stand: &Stand) {
    let few = [("POOL__SHARDS", "2"), ("POOL__WIRE_CONNECTIONS", "2")];
    let gateway = stand.gateway_of("wire_sealed_few", || stand.sealed().gateway(&few));
    let parameters = [("user", "anybody"), ("database", DATABASE)];
    thread::scope(|scope| {
        for number in 1..=20 {
            let gateway = &gateway;
            scope.spawn(move || {
                let tenant = format!("tenant_{number}");
                let token = token::token(&tenant);
                let own = format!("3|{tenant}|{tenant}");
                let mut client = Client::begin(gateway, &parameters, &token).unwrap();
                for round in 0..15 {
                    sees(&mut client, &own, "others");
                    let texts: &[&str] = match round % 3 {
                        0 => &["begin", OWN, "update note set body = body", OWN, "commit"],
                        1 => &["begin", OWN, "commit", OWN, "select rowhouse.enter('', '{}', '')"],
                        _ => &[OWN, "select 1 / 0", OWN],
                    };
                    let reply = run(&mut client, texts);
                    assert!(reply.error.is_none() || round % 3 == 2, "{}", reply.shown());
                    let theirs = reply.rows.iter().flatten().flatten();
                    let theirs = theirs.filter(|value| value.starts_with("tenant_"));
                    assert!(theirs.into_iter().all(|value| *value == tenant));
                }
            });
        }
    });
}
