//! Cancelling, waiting, leaving, stopping: what ends, and who is told.

use std::time::Duration;

use rowhouse_protocol::frontend::{self, cancel_request};
use rustix::process::Signal;

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET};
use crate::postgres::Address;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_limits",
        &[
            ("a_key_cancels_its_own_statement", a_key_cancels_its_own_statement),
            ("a_flood_of_cancels_is_bounded", a_flood_of_cancels_is_bounded),
            ("tenants_leave_connections_to_others", tenants_leave_connections_to_others),
            ("who_is_silent_is_let_go", who_is_silent_is_let_go),
            ("connections_are_waited_for", connections_are_waited_for),
            ("who_waits_may_leave", who_waits_may_leave),
            ("one_client_too_many", one_client_too_many),
            ("a_lost_connection_is_told", a_lost_connection_is_told),
            ("a_stop_lets_transactions_end", a_stop_lets_transactions_end),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

fn gateway(stand: &Stand, settings: &[(&str, &str)]) -> Gateway {
    Gateway::serve(&stand.cluster().address, settings)
}

/// Waits until a statement that says this is running.
fn wait_for(stand: &Stand, mark: &str) {
    wait_at(&stand.cluster().address, mark);
}

/// The same at another server.
pub fn wait_at(address: &Address, mark: &str) {
    let sql = format!(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%{mark}%' \
         and pid <> pg_backend_pid()"
    );
    let mut direct = address.connect("it");
    wait::until_true(mark, SOON, || direct.value(&sql) == "1");
}

fn a_key_cancels_its_own_statement(stand: &Stand) {
    let gateway = stand.main();
    let cancel = |pid: i32, secret: &[u8]| {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.send(|buf| cancel_request(buf, pid, secret).unwrap());
        assert!(client.is_closed());
    };
    let mut sleeper = Client::login(&gateway, "one", "it");
    let mut other = Client::login(&gateway, "two", "it");
    let (pid, secret) = sleeper.key.clone();
    // Nothing runs: nothing is cancelled, neither now nor later.
    cancel(pid, &secret);
    assert_eq!(sleeper.ask("select 1").shown(), "1");
    let sql = "select pg_sleep(60), 'cancelled by its key'";
    sleeper.send(|buf| frontend::query(buf, sql).unwrap());
    wait_for(stand, "cancelled by its key");
    let mut wrong = secret.clone();
    wrong[0] ^= 1;
    cancel(pid, &wrong);
    cancel(other.key.0, &other.key.1.clone());
    cancel(pid.wrapping_add(1), &secret);
    assert_eq!(other.ask("select 1").shown(), "1");
    wait_for(stand, "cancelled by its key");
    cancel(pid, &secret);
    assert_eq!(sleeper.reply().error.unwrap().code.as_str(), "57014");
    assert_eq!(sleeper.ask("select distinct tenant from note").shown(), "tenant_1");
    drop(sleeper);
    wait::until_true("a key ends with its client", SOON, || {
        cancel(pid, &secret);
        other.ask("select 1").shown() == "1"
    });
}

/// What survives being cancelled, three times; its sender asks for much more.
fn a_flood_of_cancels_is_bounded(stand: &Stand) {
    const FLOOD: usize = 60;
    let gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
    let mut client = Client::login(&gateway, "admin", "it");
    let (pid, secret) = client.key.clone();
    let cancel = || {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.send(|buf| cancel_request(buf, pid, &secret).unwrap());
        client
    };
    let sql = "do $$ declare left_over int := 3; begin while left_over > 0 loop begin \
               perform pg_sleep(60), 'flooded'; exception when query_canceled then \
               left_over := left_over - 1; end; end loop; end $$";
    client.send(|buf| frontend::query(buf, sql).unwrap());
    wait_for(stand, "left_over");
    let mut knocking: Vec<Client> = (0..FLOOD).map(|_| cancel()).collect();
    assert!(knocking.iter_mut().all(Client::is_closed));
    let sent = || gateway.metric("rowhouse_wire_cancels_total", "");
    wait::until_true("the first was sent", SOON, || sent() >= 1.0);
    assert!(sent() <= FLOOD as f64 / 2.0, "{} were sent", sent());
    let running = "select count(*) from pg_stat_activity where state = 'active' and query like \
                   '%left_over%' and pid <> pg_backend_pid()";
    let mut direct = stand.cluster().address.connect("it");
    wait::until_true("all were sent that are needed", SOON, || {
        // Closed, it has been heard: one that is still on its way would be for what comes next.
        assert!(cancel().is_closed());
        direct.value(running) == "0"
    });
    assert_eq!(client.reply().commands, ["DO"]);
    // None of them is left for what comes next.
    for _ in 0..3 {
        assert_eq!(client.ask("select 1").shown(), "1");
    }
}

fn tenants_leave_connections_to_others(stand: &Stand) {
    let gateway = gateway(
        stand,
        &[
            ("POOL__SHARDS", "1"),
            ("POOL__WIRE_CONNECTIONS", "4"),
            ("POOL__PINNED_PER_TENANT_MAX", "2"),
        ],
    );
    let login = |user: &str| Client::login(&gateway, user, "it");
    let mut one = [login("one"), login("one"), login("one")];
    // All of them prepare it while they may; what counts is when it is to run.
    for client in &mut one {
        client.send(|buf| {
            frontend::parse(buf, "keep", "set a.b = '1'", &[]).unwrap();
            frontend::sync(buf);
        });
        assert_eq!(client.reply().order, "1Z");
    }
    let run = |client: &mut Client| {
        client.send(|buf| {
            frontend::bind(buf, "", "keep", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
            frontend::sync(buf);
        });
        client.reply().shown()
    };
    let [first, second, third] = &mut one;
    assert_eq!((run(first), run(second)), (String::new(), String::new()));
    assert!(run(third).starts_with("53400"));
    for sql in ["set a.b = '2'", "select pg_advisory_lock(7)", "create temp table kept (n int)"] {
        assert!(third.ask(sql).shown().starts_with("53400"), "{sql}");
    }
    // Who keeps one keeps it, and all others go on.
    assert_eq!(first.ask("show a.b").shown(), "1");
    assert_eq!(third.ask("select distinct tenant from note").shown(), "tenant_1");
    let mut two = [login("two"), login("two")];
    assert!(two[0].ask("set a.b = '2'").error.is_none());
    // All but one of four are kept: that one is for everybody.
    assert!(two[1].ask("set a.b = '2'").shown().starts_with("53400"));
    assert_eq!(two[1].ask("select distinct tenant from note").shown(), "tenant_2");
    assert_eq!(login("app").ask("select 1").shown(), "1");
    assert_eq!(gateway.metric("rowhouse_wire_pins_total", "setting"), 3.0);
    wait::until_true("the gauge", SOON, || {
        gateway.metric("rowhouse_wire_clients", "pinned") == 3.0
    });
    drop(two);
    let [first, _second, mut third] = one;
    drop(first);
    wait::until_true("there is room again", SOON, || third.ask("set a.b = '3'").error.is_none());
}

fn who_is_silent_is_let_go(stand: &Stand) {
    let gateway = gateway(
        stand,
        &[
            ("POOL__SHARDS", "1"),
            ("LIMITS__TRANSACTION_IDLE_TIMEOUT", "300ms"),
            ("WIRE__IDLE_TIMEOUT", "600ms"),
            ("WIRE__PINNED_TIMEOUT", "300ms"),
            ("WIRE__LOGIN_TIMEOUT", "2s"),
        ],
    );
    for (sql, code) in [("begin", "25P03"), ("select 1", "57P05"), ("set a.b = 1", "57P05")] {
        let mut client = Client::login(&gateway, "one", "it");
        client.ask(sql);
        assert_eq!(client.last_words().code.as_str(), code, "{sql}");
    }
    // Half a segment holds a connection as well.
    let mut client = Client::login(&gateway, "one", "it");
    client.send(|buf| frontend::parse(buf, "", "select 1", &[]).unwrap());
    assert_eq!(client.last_words().code.as_str(), "25P03");
    let mut silent = Client::knock(gateway.pg.unwrap());
    assert!(silent.is_closed());
    let mut half = Client::knock(gateway.pg.unwrap());
    half.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
    assert!(half.message().is_some() && half.is_closed());
    assert!(gateway.metric("rowhouse_transactions_cut_total", "") >= 2.0);
}

fn connections_are_waited_for(stand: &Stand) {
    let gateway = gateway(
        stand,
        &[("POOL__SHARDS", "1"), ("POOL__WIRE_CONNECTIONS", "1"), ("POOL__WAIT_TIMEOUT", "600ms")],
    );
    let mut holder = Client::login(&gateway, "one", "it");
    let mut others = ["one", "two"].map(|user| Client::login(&gateway, user, "it"));
    // On a busy machine the connection may take longer to open than anybody waits for one.
    wait::until_true("a connection", SOON, || holder.ask("begin").error.is_none());
    for client in &mut others {
        assert!(client.ask("select 1").shown().starts_with("53300"));
        client.send(|buf| {
            frontend::parse(buf, "", "select 1", &[]).unwrap();
            frontend::bind(buf, "", "", &[]).unwrap();
            frontend::execute(buf, "", 0).unwrap();
            frontend::sync(buf);
        });
        let reply = client.reply();
        assert_eq!(reply.order, "EZ", "{}", reply.shown());
    }
    holder.ask("commit");
    for client in &mut others {
        wait::until_true("the connection is free again", SOON, || {
            client.ask("select 1").error.is_none()
        });
    }
}

fn one_client_too_many(stand: &Stand) {
    let gateway = gateway(stand, &[("POOL__SHARDS", "1"), ("WIRE__CONNECTIONS_MAX", "2")]);
    let first = Client::login(&gateway, "one", "it");
    let mut second = Client::login(&gateway, "two", "it");
    let begin = || Client::begin(&gateway, &[("user", "one"), ("database", "it")], KEY_SECRET);
    assert_eq!(begin().err().unwrap().code.as_str(), "53300");
    // Who is inside may still cancel.
    second.send(|buf| frontend::query(buf, "select pg_sleep(60), 'too many'").unwrap());
    wait_for(stand, "too many");
    let (pid, secret) = second.key.clone();
    let mut cancelling = Client::knock(gateway.pg.unwrap());
    cancelling.send(|buf| cancel_request(buf, pid, &secret).unwrap());
    assert_eq!(second.reply().error.unwrap().code.as_str(), "57014");
    drop(first);
    wait::until_true("there is room again", SOON, || begin().is_ok());
}

fn a_lost_connection_is_told(stand: &Stand) {
    let gateway = stand.main();
    let mut direct = stand.cluster().address.connect("it");
    for (sql, waits) in [("select pg_sleep(60), 'to be lost'", true), ("begin", false)] {
        let mut client = Client::login(&gateway, "one", "it");
        client.send(|buf| frontend::query(buf, sql).unwrap());
        if waits {
            wait_for(stand, "to be lost");
        } else {
            assert_eq!(client.reply().commands, ["BEGIN"]);
            let reply = client.ask("select pg_backend_pid(), 'to be lost'");
            assert!(reply.error.is_none());
        }
        direct.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like \
             '%to be lost%' and pid <> pg_backend_pid()",
        );
        // Who had more on the connection than what ran has lost its session as well.
        if waits {
            let error = client.reply().error.unwrap();
            assert_eq!((error.code.as_str(), error.is_fatal()), ("57P01", false), "{error}");
        } else {
            assert_eq!(client.last_words().code.as_str(), "57P01");
            client = Client::login(&gateway, "one", "it");
        }
        assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");
    }
}

fn a_stop_lets_transactions_end(stand: &Stand) {
    let mut gateway = gateway(stand, &[("POOL__SHARDS", "2")]);
    let mut inside = Client::login(&gateway, "one", "it");
    let mut outside = Client::login(&gateway, "two", "it");
    inside.ask("begin");
    inside.ask("insert into written values ('tenant_1', 'drained by wire')");
    gateway.process.signal(Signal::TERM);
    assert_eq!(outside.last_words().code.as_str(), "57P01");
    assert_eq!(inside.ask("commit").commands, ["COMMIT"]);
    assert_eq!(inside.last_words().code.as_str(), "57P01");
    assert!(gateway.process.wait().success());
    let count = "select count(*) from written where mark = 'drained by wire'";
    assert_eq!(Client::login(&stand.main(), "one", "it").ask(count).shown(), "1");
}

/// Who waits for a connection and leaves, or cancels, waits no more.
fn who_waits_may_leave(stand: &Stand) {
    let gateway = gateway(
        stand,
        &[
            ("POOL__SHARDS", "1"),
            ("POOL__WIRE_CONNECTIONS", "1"),
            // Longer than anybody here waits.
            ("POOL__WAIT_TIMEOUT", "10min"),
            ("WIRE__CONNECTIONS_MAX", "2"),
        ],
    );
    let mut holder = Client::login(&gateway, "one", "it");
    holder.ask("begin");
    for len in [10, 500_000] {
        let mut leaving = Client::login(&gateway, "two", "it");
        let sql = format!("insert into written values ('tenant_2', '{}')", "x".repeat(len));
        leaving.send(|buf| frontend::query(buf, &sql).unwrap());
        drop(leaving);
        let asked = [("user", "two"), ("database", "it")];
        wait::until_true("there is room for another client", SOON, || {
            Client::begin(&gateway, &asked, KEY_SECRET).is_ok()
        });
    }
    let mut cancelling = wait::until("the last one has gone as well", SOON, || {
        Client::begin(&gateway, &[("user", "two"), ("database", "it")], KEY_SECRET).ok()
    });
    cancelling.send(|buf| frontend::query(buf, "select 1").unwrap());
    let (pid, secret) = cancelling.key.clone();
    let answered = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A request that comes before the statement is for nothing.
            wait::until_true("it is cancelled", SOON, || {
                let mut client = Client::knock(gateway.pg.unwrap());
                client.send(|buf| cancel_request(buf, pid, &secret).unwrap());
                answered.load(std::sync::atomic::Ordering::Relaxed)
            });
        });
        let reply = cancelling.reply();
        answered.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(reply.error.unwrap().code.as_str(), "57014");
    });
    holder.ask("commit");
    assert_eq!(cancelling.ask("select distinct tenant from note").shown(), "tenant_2");
    assert_eq!(cancelling.ask("select count(*) from written where mark like 'xx%'").shown(), "0");
}
