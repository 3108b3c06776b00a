//! Clients that announce what they do not send, leave half-way, or never read.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{SOON, serve_with_role};
use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::gateway::Gateway;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "hostile::guests",
        &[
            ("who_never_reads", who_never_reads),
            ("lengths_as_bombs", lengths_as_bombs),
            ("who_leaves_before_a_clean_connection", who_leaves_before_a_clean_connection),
            ("who_leaves_is_counted", who_leaves_is_counted),
        ],
    )
}

/// The gateway's own constant for a client that takes nothing of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client announces is not what memory is taken for.
fn lengths_as_bombs(stand: &Stand) {
    let mut gateway = Gateway::serve(&stand.cluster().address, &[("HTTP__BODY_TIMEOUT", "2s")]);
    let door = gateway.http;
    let body = gateway.app().body(json!({"sql": "select 1"}));
    for length in ["1000000000000", "9223372036854775807", "18446744073709551615", "4194305"] {
        for person in [gateway.app(), gateway.tenant("tenant_1")] {
            let request = Request::post("/Execute", &body).header("Content-Length", length);
            let request = person.prove(&request);
            let (head, body) = request.parts(door);
            let mut client = Client::connect(door);
            client.send_bytes(&head).unwrap();
            client.send_bytes(body.get(..10).unwrap()).unwrap();
            // So that the gateway meets a body that has begun, and then more of it.
            wait::pause(Duration::from_millis(50));
            // It may have hung up by now, which is fine.
            let _ = client.send_bytes(body.get(10..).unwrap());
            others_are_served(&gateway, length);
            match client.receive() {
                // The last of what fits into 64 bits is no length for the HTTP library either.
                Ok(answer) => assert!([400, 431].contains(&answer.status), "{length}: {answer:?}"),
                Err(error) => assert!(client.is_closed(), "{length}: {error}"),
            }
        }
    }
    assert!(gateway.process.ended().is_none(), "{}", gateway.process.last_lines());
    assert!(gateway.process.stop().success());
}

#[track_caller]
fn others_are_served(gateway: &Gateway, after: &str) {
    let tenant = gateway.tenant("tenant_2");
    let answer = tenant.execute("select distinct tenant from note");
    assert_eq!(answer.value(), "tenant_2", "{after}");
}

/// A request that ends while its connection is reset takes the connection along, not its place.
fn who_leaves_before_a_clean_connection(stand: &Stand) {
    let server = &stand.cluster().address;
    server.query("it", "create role it_leaving login password 'it_leaving'");
    let settings = [("POOL__SHARDS", "1"), ("POOL__SLOW_CONNECTIONS", "1")];
    let mut gateway = serve_with_role(server, "it_leaving", &settings);
    let person = gateway.app().via("it_leaving");
    for round in 0..100 {
        // New every time: what is known to be fast does not use the one connection.
        assert_eq!(person.execute(&format!("select {round}")).value(), round);
        let mut client = Client::connect(gateway.http);
        client.send(&person.request("select pg_backend_pid()")).unwrap();
        // Until somewhere in the reset, or the statement behind it.
        wait::pause(Duration::from_micros(15 * round));
        drop(client);
    }
    let mut direct = server.connect("it");
    let mut backends = || -> u32 {
        let sql = "select count(*) from pg_stat_activity where usename = 'it_leaving'";
        direct.value(sql).parse().unwrap()
    };
    // One slow and two fast; the probe has a role of its own.
    wait::until_true("the others are closed", SOON, || backends() <= 3);
    let start = Instant::now();
    for round in 0..20 {
        person.execute("select pg_backend_pid()").ok();
        assert_eq!(person.execute(&format!("select {round}, 1")).rows(), json!([[round, 1]]));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "they have waited for somebody who left");
    assert!(backends() <= 3, "{}", backends());
    assert!(gateway.process.stop().success());
}

/// What a client has begun is done although it left, and counts once, as what it is.
fn who_leaves_is_counted(stand: &Stand) {
    let mut gateway = Gateway::serve(&stand.cluster().address, &[("POOL__SHARDS", "1")]);
    let count = |label: &str| gateway.metric("rowhouse_requests_total", label);
    let tenant = gateway.tenant("tenant_1");
    let sql = "insert into written select 'tenant_1', 'left while written' from pg_sleep(0.3)";
    let mut client = Client::connect(gateway.http);
    client.send(&tenant.request(sql)).unwrap();
    wait::until_true("it runs", SOON, || runs(stand, "left while written"));
    drop(client);
    let written = || {
        let sql = "select count(*) from written where mark = 'left while written'";
        stand.tenant("tenant_1").execute(sql).value()
    };
    wait::until_true("it is written", SOON, || written() == 1);
    wait::until_true("it is counted", SOON, || count("outcome=\"client_gone\"") >= 1.0);
    // Nobody may run it again or count it again, which would show a little later.
    wait::pause(Duration::from_millis(500));
    assert_eq!(written(), 1);
    assert!((count("outcome=\"client_gone\"") - 1.0).abs() < 0.5);
    assert!((count("") - 1.0).abs() < 0.5, "{}", count(""));
    assert!(gateway.process.stop().success());
}

fn runs(stand: &Stand, mark: &str) -> bool {
    let sql = format!(
        "select count(*) from pg_stat_activity
        where wait_event = 'PgSleep' and query like '%{mark}%'"
    );
    stand.cluster().address.connect("it").value(&sql) != "0"
}

/// A client that asks and asks and takes nothing is hung up on, and what it asked for is let go.
fn who_never_reads(stand: &Stand) {
    let mut gateway = Gateway::serve(&stand.cluster().address, &[("POOL__SHARDS", "1")]);
    let tenant = gateway.tenant("tenant_1");
    let request = tenant.request("select repeat('x', 1000000)");
    let mut client = Client::connect(gateway.http);
    for _ in 0..150 {
        client.send(&request).unwrap();
    }
    let clients = || gateway.metric("rowhouse_client_connections", "");
    wait::until_true("it is there", SOON, || clients() >= 1.0);
    drop(tenant);
    let start = Instant::now();
    while start.elapsed() < WRITE_TIMEOUT / 2 {
        others_are_served(&gateway, "meanwhile");
        wait::pause(Duration::from_secs(1));
    }
    wait::until_true("it is hung up on", WRITE_TIMEOUT, || clients() <= 0.0);
    others_are_served(&gateway, "afterwards");
    // What was on its way when it was hung up on can be read, and it is not everything.
    let answers = (0..150).take_while(|_| client.receive().is_ok()).count();
    assert!(answers < 150);
    assert!(gateway.process.stop().success());
}
