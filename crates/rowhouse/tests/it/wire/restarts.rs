//! The server goes away and comes back: who notices, and what they are told.

use rowhouse_protocol::frontend::{self, copy_data};

use super::client::Client;
use super::limits::{SOON, wait_at};
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::postgres::OwnServer;
use crate::stand::Stand;
use crate::{schema, wait};

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("wire_restarts", &[("who_notices", who_notices)])
}

/// A stop of the server in good order, then a crash: each time with clients in every state.
fn who_notices(stand: &Stand) {
    let mut server = OwnServer::start_like(stand.cluster());
    schema::make(&server.address);
    let gateway = Gateway::serve(&server.address, &[("POOL__SHARDS", "1")]);
    let login = |user: &str| Client::login(&gateway, user, "it");
    let mut idle = [login("one"), login("two"), login("app")];
    let idle_ask = |idle: &mut [Client; 3]| {
        for client in idle {
            assert_eq!(client.ask("select 1").shown(), "1");
        }
    };
    idle_ask(&mut idle);
    stopped(&gateway, &mut server, &mut idle[0]);
    idle_ask(&mut idle);
    crashed(&gateway, &server);
    // Whoever asks meanwhile waits, or is told to come again; nobody's session has ended.
    wait::until_true("clients go on", SOON, || {
        idle.iter_mut().all(|client| {
            let reply = client.ask("select 1");
            let retryable = reply.error.as_ref().is_none_or(|error| {
                assert!(!error.is_fatal() && error.code.as_str().starts_with("57P"), "{error}");
                false
            });
            retryable && reply.shown() == "1"
        })
    });
    drop(idle);
}

/// Whoever has something on the connection, and the mark by which it is found.
struct Busy {
    inside: Client,
    pinned: Client,
    running: Client,
    piped: Client,
    copying: Client,
}

fn busy(gateway: &Gateway, server: &OwnServer, mark: &str) -> Busy {
    let login = |user: &str| Client::login(gateway, user, "it");
    let mut busy = Busy {
        inside: login("one"),
        pinned: login("app"),
        running: login("one"),
        piped: login("two"),
        copying: login("admin"),
    };
    busy.inside.ask("begin");
    assert!(busy.inside.ask("select 1").error.is_none());
    assert!(busy.pinned.ask("set a.b = '1'").error.is_none());
    let sql = format!("select pg_sleep(60), '{mark} running'");
    busy.running.send(|buf| frontend::query(buf, &sql).unwrap());
    let sql = format!("select pg_sleep(60), '{mark} piped'");
    busy.piped.send(|buf| {
        frontend::parse(buf, "named", "select 1", &[]).unwrap();
        frontend::parse(buf, "", &sql, &[]).unwrap();
        frontend::bind(buf, "", "", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    busy.copying.ask("copy written from stdin");
    busy.copying.send(|buf| copy_data(buf, b"tenant_1\tlost\n").unwrap());
    for one in ["running", "piped"] {
        wait_at(&server.address, &format!("{mark} {one}"));
    }
    busy
}

fn stopped(gateway: &Gateway, server: &mut OwnServer, idle: &mut Client) {
    let Busy { mut inside, mut pinned, mut running, mut piped, mut copying } =
        busy(gateway, server, "stopped");
    server.stop();
    // What was lost with the connection is told as the end.
    for lost in [&mut inside, &mut pinned] {
        assert_eq!(lost.last_words().code.as_str(), "57P01");
    }
    // What ran and was not committed is told as an error like others.
    for client in [&mut running, &mut piped, &mut copying] {
        let reply = client.reply();
        let error = reply.error.as_ref().unwrap();
        assert_eq!((error.code.as_str(), error.is_fatal()), ("57P01", false), "{error}");
        assert!(reply.order.ends_with("EZ"), "{}", reply.order);
    }
    // Data of a COPY that has failed may still come.
    copying.send(|buf| copy_data(buf, b"tenant_1\tlate\n").unwrap());
    // Who asks while there is no server waits for it.
    idle.send(|buf| frontend::query(buf, "select 'waited'").unwrap());
    server.start();
    assert_eq!(idle.reply().shown(), "waited");
    let marks = "select count(*) from written where mark in ('lost', 'late')";
    assert_eq!(copying.ask(marks).shown(), "0");
    assert_eq!(running.ask("select distinct tenant from note").shown(), "tenant_1");
    // A statement that was prepared beside what failed is gone; a new one is not.
    piped.send(|buf| {
        frontend::parse(buf, "next", "select distinct tenant from note", &[]).unwrap();
        frontend::bind(buf, "", "next", &[]).unwrap();
        frontend::execute(buf, "", 0).unwrap();
        frontend::sync(buf);
    });
    assert_eq!(piped.reply().shown(), "tenant_2");
}

/// All of the server's processes end at once, without another word.
fn crashed(gateway: &Gateway, server: &OwnServer) {
    let Busy { mut inside, mut pinned, running, piped, copying } = busy(gateway, server, "crashed");
    server.kill_a_backend("it");
    for lost in [&mut inside, &mut pinned] {
        let code = lost.last_words().code;
        assert!(["57P02", "57P03"].contains(&code.as_str()), "{code}");
    }
    // Whether it was done nobody knows, and that is told as the end.
    for mut client in [running, piped, copying] {
        let code = client.last_words().code;
        assert_eq!(code.as_str(), "08007");
    }
    server.wait_until_it_answers();
    let parameters = [("user", "one"), ("database", "it")];
    wait::until_true("one is let in", SOON, || {
        Client::begin(gateway, &parameters, KEY_SECRET).is_ok()
    });
}
