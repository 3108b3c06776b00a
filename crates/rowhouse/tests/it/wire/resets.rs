//! What a client's session goes back to: by RESET, by DISCARD ALL, by transactions that are undone.

use rowhouse_protocol::frontend::{self, parse, query, sync};

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_resets",
        &[
            ("back_to_the_tenant_of_options", back_to_the_tenant_of_options),
            ("discard_all", discard_all),
            ("resets_hold_no_connection", resets_hold_no_connection),
        ],
    )
}

const OWN: &str = "select coalesce(min(tenant), 'none'), count(distinct tenant) from note";

fn application(gateway: &Gateway) -> Client {
    let options = "-c app.current_tenant=tenant_2 -c timezone=Asia/Tokyo -c app.mine=first";
    let parameters = [("user", "app"), ("database", "it"), ("options", options)];
    Client::begin(gateway, &parameters, KEY_SECRET).unwrap()
}

/// What an application says, and whose rows it sees afterwards.
const STORIES: &[(&[&str], &str)] = &[
    (&["set app.current_tenant = 'tenant_3'"], "tenant_3"),
    (&["set app.current_tenant = 'tenant_3'", "reset app.current_tenant"], "tenant_2"),
    (&["set app.current_tenant = 'tenant_3'", "set app.current_tenant to default"], "tenant_2"),
    (&["set app.current_tenant = 'tenant_3'", "reset all"], "tenant_2"),
    (&["set app.current_tenant = 'tenant_3'", "discard all"], "tenant_2"),
    (&["set app.current_tenant = 'tenant_3'", "reset app.mine"], "tenant_3"),
    (&["begin", "set app.current_tenant = 'tenant_3'", "rollback"], "tenant_2"),
    (&["begin", "set app.current_tenant = 'tenant_3'", "select 1 / 0", "commit"], "tenant_2"),
    (&["begin", "set app.current_tenant = 'tenant_3'", "commit"], "tenant_3"),
    (&["begin; set app.current_tenant = 'tenant_3'; rollback"], "tenant_2"),
    (&["begin; set app.current_tenant = 'tenant_3'; commit"], "tenant_3"),
    (&["set app.current_tenant = 'tenant_3'; select 1 / 0"], "tenant_2"),
    (&["set app.current_tenant = 'tenant_3'", "begin", "reset all", "rollback"], "tenant_3"),
    (&["set app.current_tenant = 'tenant_3'", "begin; reset all; commit"], "tenant_2"),
    (&["begin", "set app.current_tenant = 'tenant_3'", "reset app.current_tenant"], "tenant_2"),
    (&["begin", "set local app.current_tenant = 'tenant_3'"], "tenant_3"),
    (&["begin", "set local app.current_tenant = 'tenant_3'", "commit"], "tenant_2"),
    (&["select set_config('app.current_tenant', 'tenant_3', false)"], "tenant_3"),
    (&["select set_config('app.current_tenant', 'tenant_3', false)", "reset all"], "tenant_2"),
];

fn back_to_the_tenant_of_options(stand: &Stand) {
    let gateway = stand.main();
    for (story, tenant) in STORIES {
        let mut client = application(&gateway);
        for sql in *story {
            client.ask(sql);
        }
        assert_eq!(client.ask(OWN).shown(), format!("{tenant}|1"), "{story:?}");
        assert_eq!(client.ask(OWN).shown(), format!("{tenant}|1"), "{story:?}");
    }
    // What else the session has begun with, and nothing of what it has said meanwhile.
    let mut client = application(&gateway);
    let steps = [
        ("set timezone = 'Asia/Kolkata'", ""),
        ("set app.mine = 'second'", ""),
        ("reset app.mine", ""),
        ("show app.mine", "first"),
        ("show timezone", "Asia/Kolkata"),
        ("begin", ""),
        ("reset timezone", ""),
        ("rollback", ""),
        ("show timezone", "Asia/Kolkata"),
        ("reset all", ""),
        ("show timezone", "Asia/Tokyo"),
    ];
    for (sql, expected) in steps {
        let reply = client.ask(sql);
        assert_eq!(reply.shown(), expected, "{sql}");
        // It is told of the changes that it sees.
        let changes = sql.contains("zone") && !sql.starts_with("show") || sql == "reset all";
        assert!(changes || !reply.order.contains('S'), "{sql}: {}", reply.order);
    }
}

fn discard_all(stand: &Stand) {
    let gateway = stand.main();
    let mut client = application(&gateway);
    let temporary = "select count(*) from pg_class where relname = 'discarded'";
    // As its first word, and when there is something to discard.
    for sql in ["select 1", "set work_mem = '5MB'", "create temp table discarded ()"] {
        client.ask(sql);
        client.send(|buf| {
            parse(buf, "s", "select 7", &[]).unwrap();
            sync(buf);
        });
        assert_eq!(client.reply().order, "1Z");
        let reply = client.ask("DISCARD ALL;");
        assert_eq!((reply.order.as_str(), reply.commands), ("CZ", vec!["DISCARD ALL".to_owned()]));
        // Npgsql sends it in front of what comes next, in one go.
        client.send(|buf| {
            query(buf, "discard all").unwrap();
            frontend::bind(buf, "", "s", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
            sync(buf);
        });
        assert_eq!((client.reply().order.as_str(), client.reply().order.as_str()), ("CZ", "EZ"));
        assert_eq!(client.ask(OWN).shown(), "tenant_2|1");
        assert_eq!(client.ask("show work_mem").shown(), "4MB");
        assert_eq!(client.ask("show timezone").shown(), "Asia/Tokyo");
        assert_eq!(client.ask(temporary).shown(), "0");
    }
    client.ask("set work_mem = '5MB'");
    client.send(|buf| {
        parse(buf, "", "discard all", &[]).unwrap();
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        sync(buf);
    });
    assert_eq!(client.reply().order, "12CZ");
    assert_eq!(client.ask("show work_mem").shown(), "4MB");
    // In company it is refused, as by PostgreSQL, and nothing is lost.
    client.ask("set work_mem = '5MB'");
    client.ask("begin");
    assert_eq!(client.ask("discard all").error.unwrap().code.as_str(), "25001");
    client.ask("rollback");
    assert_eq!(client.ask("show work_mem").shown(), "5MB");
    assert_eq!(client.ask("select 1; discard all").error.unwrap().code.as_str(), "25001");
    assert_eq!(client.ask("show work_mem").shown(), "5MB");
    // Whose tenant is fixed has it cleaned anyway.
    let mut tenant = Client::login(&gateway, "one", "it");
    assert_eq!(tenant.ask("discard all").error.unwrap().code.as_str(), "42501");
}

/// What pools send when a connection comes back to them keeps nobody from the only connection.
fn resets_hold_no_connection(stand: &Stand) {
    let gateway =
        stand.gateway("wire_single", &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1")]);
    let asyncpg = "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;";
    let mut clients = [application(&gateway), application(&gateway)];
    for sql in ["discard all", asyncpg, "reset all", "reset app.current_tenant", "unlisten *"] {
        for client in &mut clients {
            assert!(client.ask(sql).error.is_none(), "{sql}");
            assert_eq!(client.ask(OWN).shown(), "tenant_2|1", "{sql}");
        }
    }
    for client in &mut clients {
        client.ask("set app.current_tenant = 'tenant_3'");
        assert_eq!(client.ask(OWN).shown(), "tenant_3|1");
        client.ask("discard all");
    }
}
