//! The console of operators: what it shows, what it steers, and who is not let in.

use std::time::Duration;

use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend::{self, Parameter, cancel_request};

use super::client::{Client, Reply};
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::stand::Stand;
use crate::{token, wait};

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_console",
        &[
            ("everything_is_shown", everything_is_shown),
            ("strangers_find_no_console", strangers_find_no_console),
            ("nothing_but_commands_is_taken", nothing_but_commands_is_taken),
            ("a_paused_database_makes_wait", a_paused_database_makes_wait),
            ("a_cancelled_pause_is_none", a_cancelled_pause_is_none),
            ("connections_are_replaced", connections_are_replaced),
            ("clients_are_sent_away", clients_are_sent_away),
            ("a_closed_database_lets_nobody_in", a_closed_database_lets_nobody_in),
            ("a_reload_tells_its_problems", a_reload_tells_its_problems),
            ("there_is_always_room_for_operators", there_is_always_room_for_operators),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
const CONSOLE: &str = "rowhouse";

fn console(gateway: &Gateway) -> Client {
    Client::login(gateway, "admin", CONSOLE)
}

fn gateway(stand: &Stand, settings: &[(&str, &str)]) -> Gateway {
    Gateway::serve(&stand.cluster().address, settings)
}

/// What is shown of a command by both protocols, which has to be the same but for times.
fn both(client: &mut Client, sql: &str) -> Reply {
    let simple = client.ask(sql);
    assert!(simple.error.is_none(), "{sql}: {}", simple.shown());
    client.send(|buf| {
        frontend::parse(buf, "", sql, &[]).unwrap();
        frontend::describe_statement(buf, "").unwrap();
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    let extended = client.reply();
    assert_eq!(extended.rows.len(), simple.rows.len(), "{sql}");
    assert!(extended.order.starts_with("1t"), "{sql}: {}", extended.order);
    assert_eq!(extended.commands, simple.commands, "{sql}");
    simple
}

/// The rows of a command that hold a value in a column.
fn rows<'r>(reply: &'r Reply, column: usize, value: &str) -> Vec<&'r Vec<Option<String>>> {
    reply.rows.iter().filter(|row| row[column].as_deref() == Some(value)).collect()
}

fn everything_is_shown(stand: &Stand) {
    let gateway = stand.main();
    let mut one = Client::login(&gateway, "one", "it");
    assert_eq!(one.ask("begin; select 1").status, TransactionStatus::InTransaction);
    let mut operator = console(&gateway);
    let columns = [
        ("show version", 1),
        ("show pools", 26),
        ("show clients", 27),
        ("show servers", 27),
        ("show databases", 20),
        ("show users", 11),
        ("show stats", 25),
        ("show stats_totals", 13),
        ("show stats_averages", 13),
        ("show totals", 2),
        ("show lists", 2),
        ("show config", 4),
        ("show mem", 5),
        ("show state", 2),
    ];
    for (sql, count) in columns {
        let reply = both(&mut operator, sql);
        assert!(!reply.rows.is_empty(), "{sql}");
        assert!(reply.rows.iter().all(|row| row.len() == count), "{sql}");
    }
    let help = operator.ask("show help");
    assert_eq!((help.order.as_str(), help.rows.len()), ("NCZ", 0));
    // The client in its transaction, and the connection it has.
    let clients = operator.ask("show clients");
    let own = rows(&clients, 1, "one");
    let own = own.iter().find(|row| row[4].as_deref() == Some("active")).expect("no client");
    assert_eq!(own[2].as_deref(), Some("it"));
    assert_eq!(own[21].as_deref(), Some("tenant"));
    assert_eq!(own[22].as_deref(), Some("tenant_1"));
    let servers = operator.ask("show servers");
    let linked = rows(&servers, 14, own[15].as_deref().unwrap());
    assert_eq!(linked.len(), 1, "{}", servers.shown());
    assert_eq!(linked[0][4].as_deref(), Some("active"));
    assert_eq!(linked[0][23].as_deref(), Some("wire"));
    assert_eq!(linked[0][15], own[14]);
    let pid = one.ask("select pg_backend_pid()").shown();
    assert_eq!(linked[0][16].as_deref(), Some(pid.as_str()));
    // No secret is in what is shown of the configuration.
    let config = operator.ask("show config").shown();
    assert!(config.contains("pool.shards|2") && !config.contains(KEY_SECRET), "{config}");
    assert!(!config.contains(token::KEY));
    one.ask("rollback");
    let queries = |reply: &Reply| reply.rows[0][3].as_ref().unwrap().parse::<u64>().unwrap();
    let before = queries(&operator.ask("show stats"));
    assert!(before >= 2);
    one.ask("select 1");
    assert!(queries(&operator.ask("show stats")) > before);
    assert!(gateway.metric("rowhouse_console_commands_total", "done") >= 14.0);
    wait::until_true("the gauge of clients", SOON, || {
        gateway.metric("rowhouse_wire_clients", "idle") >= 1.0
    });
}

fn strangers_find_no_console(stand: &Stand) {
    let gateway = stand.main();
    let told = |user: &str, database: &str, password: &str| {
        let parameters = [("user", user), ("database", database)];
        Client::begin(&gateway, &parameters, password).err().map(|error| error.to_string())
    };
    let token = token::token("tenant_1");
    for (user, password) in [("one", KEY_SECRET), ("app", KEY_SECRET), ("jwt", token.as_str())] {
        let error = told(user, CONSOLE, password).expect("let in");
        let unknown = told(user, "nowhere", password).unwrap();
        assert_eq!(error, unknown.replace("nowhere", CONSOLE), "{user}");
        assert!(error.contains("3D000"), "{error}");
    }
    assert!(told("admin", CONSOLE, "wrong").unwrap().contains("28P01"));
    // Who has only a part of the name, or another case of it, hears the same.
    for name in ["ROWHOUSE", "rowhouse ", "pgbouncer"] {
        assert!(told("admin", name, KEY_SECRET).unwrap().contains("3D000"), "{name}");
    }
}

fn nothing_but_commands_is_taken(stand: &Stand) {
    let gateway = stand.main();
    let mut operator = console(&gateway);
    let texts = [
        "select 1",
        "show pools; select 1",
        "show passwords",
        "pause \"it\"; drop table note",
        "pause nowhere",
        "resume nowhere",
        "kill_client 0",
        "copy note to stdout",
        "shutdown",
    ];
    for sql in texts {
        let reply = operator.ask(sql);
        assert!(reply.error.is_some() && reply.order == "EZ", "{sql}: {}", reply.shown());
    }
    // Parameters are none of it, and a failed series is left out up to its Sync.
    operator.send(|buf| {
        frontend::parse(buf, "", "show pools", &[]).unwrap();
        frontend::bind(buf, "", "", &[Parameter::text("x")]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    assert_eq!(operator.reply().order, "1EZ");
    assert_eq!(operator.ask("begin").status, TransactionStatus::InTransaction);
    assert_eq!(operator.ask("nonsense").status, TransactionStatus::Failed);
    assert!(operator.ask("show version").shown().starts_with("25P02"));
    assert_eq!(operator.ask("rollback").status, TransactionStatus::Idle);
    assert!(operator.ask("show version").shown().starts_with("Rowhouse"));
    // A message that no command has.
    operator.send(|buf| frontend::query(buf, &"x".repeat(100_000)).unwrap());
    assert_eq!(operator.last_words().code.as_str(), "08P01");
}

fn a_paused_database_makes_wait(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "2"), ("POOL__WAIT_TIMEOUT", "1s")]);
    let mut inside = Client::login(&gateway, "one", "it");
    let mut outside = Client::login(&gateway, "two", "it");
    assert_eq!(outside.ask("select 1").shown(), "1");
    inside.ask("begin");
    let mut operator = console(&gateway);
    let mut other = console(&gateway);
    operator.send(|buf| frontend::query(buf, "pause it").unwrap());
    let paused = |other: &mut Client| other.ask("show state").shown().contains("paused|yes");
    wait::until_true("it is paused", SOON, || paused(&mut other));
    // Who is in a transaction goes on; who wants one waits, for longer than for its turn.
    assert_eq!(inside.ask("select 1").shown(), "1");
    outside.send(|buf| frontend::query(buf, "select 'waited'").unwrap());
    wait::until_true("somebody waits", SOON, || {
        let clients = other.ask("show clients");
        let waiting = rows(&clients, 4, "waiting");
        waiting.iter().any(|row| row[11].as_deref().unwrap().parse::<u64>().unwrap() >= 2)
    });
    let databases = other.ask("show databases");
    let marked = rows(&databases, 0, "it");
    assert!(marked.iter().all(|row| row[15].as_deref() == Some("1")), "{}", databases.shown());
    // Requests of the Data API are told to come again.
    let answer = gateway.tenant("tenant_1").execute("select 1");
    assert!(answer.status >= 500, "{}", answer.text());
    wait::until_true("it is not ready", SOON, || gateway.probe("/readyz").status == 503);
    assert!(gateway.metric("rowhouse_paused_databases", "") >= 1.0);
    inside.ask("commit");
    let reply = operator.reply();
    assert_eq!(reply.commands, ["PAUSE"], "{}", reply.shown());
    assert_eq!(rows(&other.ask("show servers"), 2, "it").len(), 0);
    assert!(other.ask("resume elsewhere").error.is_some());
    assert_eq!(other.ask("resume").commands, ["RESUME"]);
    assert_eq!(outside.reply().shown(), "waited");
    assert_eq!(inside.ask("select 1").shown(), "1");
    assert!(other.ask("resume").error.is_some());
    wait::until_true("it is ready again", SOON, || gateway.probe("/readyz").status == 200);
    assert_eq!(gateway.metric("rowhouse_paused_databases", ""), 0.0);
    let answer = gateway.tenant("tenant_1").execute("select 1");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn a_cancelled_pause_is_none(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
    let mut inside = Client::login(&gateway, "one", "it");
    inside.ask("begin");
    let mut operator = console(&gateway);
    let mut other = console(&gateway);
    let paused = |other: &mut Client| other.ask("show state").shown().contains("paused|yes");
    operator.send(|buf| frontend::query(buf, "pause").unwrap());
    wait::until_true("it is paused", SOON, || paused(&mut other));
    let (pid, secret) = operator.key.clone();
    Client::knock(gateway.pg.unwrap()).send(|buf| cancel_request(buf, pid, &secret).unwrap());
    assert_eq!(operator.reply().error.unwrap().code.as_str(), "57014");
    assert!(!paused(&mut other));
    // An operator that leaves changes nothing: it stays paused.
    operator.send(|buf| frontend::query(buf, "pause").unwrap());
    wait::until_true("it is paused again", SOON, || paused(&mut other));
    drop(operator);
    inside.ask("commit");
    assert_eq!(other.ask("pause").commands, ["PAUSE"]);
    assert_eq!(other.ask("resume").commands, ["RESUME"]);
    assert_eq!(inside.ask("select 1").shown(), "1");
}

fn connections_are_replaced(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
    let mut client = Client::login(&gateway, "one", "it");
    let mut busy = Client::login(&gateway, "two", "it");
    let pid = client.ask("select pg_backend_pid()").shown();
    busy.ask("begin");
    let mut operator = console(&gateway);
    assert_eq!(operator.ask("wait_close").commands, ["WAIT_CLOSE"]);
    assert_eq!(operator.ask("reconnect it").commands, ["RECONNECT"]);
    let servers = operator.ask("show servers");
    assert!(!rows(&servers, 13, "1").is_empty(), "{}", servers.shown());
    operator.send(|buf| frontend::query(buf, "wait_close it").unwrap());
    assert_ne!(client.ask("select pg_backend_pid()").shown(), pid);
    assert_eq!(busy.ask("select 1").shown(), "1");
    busy.ask("commit");
    assert_eq!(operator.reply().commands, ["WAIT_CLOSE"]);
    assert!(rows(&operator.ask("show servers"), 13, "1").is_empty());
    assert_eq!(busy.ask("select 1").shown(), "1");
}

fn clients_are_sent_away(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "2")]);
    let mut operator = console(&gateway);
    let parameters = [("user", "one"), ("database", "it"), ("application_name", "to be sent")];
    for sql in ["select 1", "begin", "set a.b = 1", "select pg_sleep(60)"] {
        let mut client = Client::begin(&gateway, &parameters, KEY_SECRET).unwrap();
        if sql.contains("sleep") {
            client.send(|buf| frontend::query(buf, sql).unwrap());
        } else {
            assert!(client.ask(sql).error.is_none());
        }
        let clients = operator.ask("show clients");
        let found = rows(&clients, 18, "to be sent");
        assert_eq!(found.len(), 1, "{}", clients.shown());
        let id = found[0][20].clone().unwrap();
        assert_eq!(operator.ask(&format!("kill_client {id}")).commands, ["KILL_CLIENT"]);
        assert_eq!(client.last_words().code.as_str(), "57P01", "{sql}");
        wait::until_true("it is gone", SOON, || {
            rows(&operator.ask("show clients"), 18, "to be sent").is_empty()
        });
    }
    // Operators can be sent away as well, themselves included.
    let clients = operator.ask("show clients");
    let id = rows(&clients, 2, CONSOLE)[0][20].clone().unwrap();
    operator.send(|buf| frontend::query(buf, &format!("kill_client {id}")).unwrap());
    let mut told = Vec::new();
    while let Some((kind, _)) = operator.message() {
        told.push(kind);
    }
    assert!(told.contains(&b'E'), "{told:?}");
}

fn a_closed_database_lets_nobody_in(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
    let mut inside = Client::login(&gateway, "one", "it");
    let mut operator = console(&gateway);
    let begin = || Client::begin(&gateway, &[("user", "two"), ("database", "it")], KEY_SECRET);
    assert_eq!(operator.ask("disable it").commands, ["DISABLE"]);
    assert_eq!(begin().err().unwrap().code.as_str(), "57P03");
    assert_eq!(inside.ask("select 1").shown(), "1");
    let databases = operator.ask("show databases");
    assert!(rows(&databases, 0, "it").iter().all(|row| row[16].as_deref() == Some("1")));
    assert_eq!(operator.ask("enable it").commands, ["ENABLE"]);
    assert!(begin().is_ok());
}

fn a_reload_tells_its_problems(stand: &Stand) {
    let address = &stand.cluster().address;
    let gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
    let mut operator = console(&gateway);
    let user = "[[user]]\nname = 'three'\npassword = 'a password of three'\n\
                principal = 'tenant'\ntenant = 'tenant_3'\nsecret = ";
    gateway.configure(address, &format!("{user}'nothing'\n"));
    let error = operator.ask("reload").shown();
    assert!(error.contains("no [[secret]]"), "{error}");
    let arn = crate::person::secret("app_user");
    gateway.configure(address, &format!("{user}'{arn}'\n"));
    assert_eq!(operator.ask("reload").commands, ["RELOAD"]);
    let parameters = [("user", "three"), ("database", "it")];
    wait::until_true("three is let in", SOON, || {
        Client::begin(&gateway, &parameters, "a password of three").is_ok()
    });
    assert_eq!(rows(&operator.ask("show users"), 0, "three").len(), 1);
    // What waits for a restart is told.
    gateway.rewrite(&configuration(address).replace("leeway = '1s'", "leeway = '2s'"));
    assert_eq!(operator.ask("reload").order, "CZ");
    gateway.configure(address, "[limits]\nstatement_timeout = '44s'\n");
    let reply = operator.ask("reload");
    assert_eq!(reply.order, "NCZ", "{}", reply.shown());
}

fn there_is_always_room_for_operators(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "1"), ("WIRE__CONNECTIONS_MAX", "1")]);
    let _inside = Client::login(&gateway, "one", "it");
    let begin = |user: &str, database: &str| {
        Client::begin(&gateway, &[("user", user), ("database", database)], KEY_SECRET)
    };
    for (user, database) in [("two", "it"), ("admin", "it"), ("two", CONSOLE)] {
        let code = begin(user, database).err().unwrap().code;
        assert_eq!(code.as_str(), "53300", "{user} {database}");
    }
    let mut operator = begin("admin", CONSOLE).unwrap();
    let reply = operator.ask("show lists").shown();
    assert!(reply.contains("used_clients|2"), "{reply}");
}
