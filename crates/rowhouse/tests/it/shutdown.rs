//! How a gateway stops, and what its probes say meanwhile and otherwise.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::gateway::Gateway;
use crate::postgres::OwnServer;
use crate::schema;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "shutdown",
        &[
            ("transactions_may_end", transactions_may_end),
            ("statements_are_answered", statements_are_answered),
            ("the_deadline_holds", the_deadline_holds),
            ("nothing_to_wait_for", nothing_to_wait_for),
            ("probes", probes),
            ("ready_while_the_database_is", ready_while_the_database_is),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// What a stop with nothing to wait for may take: far below the drain's own deadline.
const PROMPT: Duration = Duration::from_secs(10);

fn gateway(stand: &Stand, settings: &[(&str, &str)]) -> Gateway {
    Gateway::serve(&stand.cluster().address, settings)
}

fn count(stand: &Stand, mark: &str) -> serde_json::Value {
    let tenant = stand.tenant("tenant_1");
    tenant.sql("select count(*) from written where mark = :m").text("m", mark).run().value()
}

fn transactions_may_end(stand: &Stand) {
    for shards in ["1", "2"] {
        let mut gateway = gateway(stand, &[("POOL__SHARDS", shards)]);
        let (inside, outside) = (gateway.tenant("tenant_1"), gateway.tenant("tenant_2"));
        let mark = format!("drained {shards}");
        let write = format!("insert into written values ('tenant_1', '{mark}')");
        let transaction = inside.begin();
        transaction.execute(&write).ok();
        outside.execute("select 1").ok();
        gateway.process.signal(Signal::TERM);
        wait::until_true("nobody may begin", SOON, || {
            let answer = outside.call("/BeginTransaction", &outside.body(json!({})));
            if answer.status == 200 {
                let id = answer.json()["transactionId"].as_str().unwrap().to_owned();
                outside.transaction(&id).rollback().ok();
            }
            answer.status == 503
        });
        wait::until_true("nobody gets in", SOON, || TcpStream::connect(gateway.http).is_err());
        transaction.execute("select 1").ok();
        assert!(gateway.process.ended().is_none(), "it has waited");
        let start = Instant::now();
        transaction.commit().ok();
        assert!(gateway.process.wait().success());
        assert!(start.elapsed() < PROMPT);
        assert_eq!(count(stand, &mark), 1);
    }
}

fn statements_are_answered(stand: &Stand) {
    for signal in [Signal::TERM, Signal::INT] {
        let mut gateway = gateway(stand, &[("POOL__SHARDS", "1")]);
        let person = gateway.tenant("tenant_1");
        let sql = "select 'said' from pg_sleep(1)";
        let mut client = Client::connect(gateway.http);
        client.send(&person.request(sql)).unwrap();
        let mut direct = stand.cluster().address.connect("it");
        let running = "select count(*) from pg_stat_activity where state = 'active' \
                       and query = 'select ''said'' from pg_sleep(1)'";
        wait::until_true("it runs", SOON, || direct.value(running) != "0");
        gateway.process.signal(signal);
        assert_eq!(client.receive().unwrap().value(), "said");
        assert!(gateway.process.wait().success());
    }
}

fn the_deadline_holds(stand: &Stand) {
    let mut gateway = gateway(stand, &[("LIMITS__DRAIN_TIMEOUT", "1s"), ("POOL__SHARDS", "2")]);
    let person = gateway.tenant("tenant_1");
    let transaction = person.begin();
    transaction.execute("insert into written values ('tenant_1', 'cut off')").ok();
    let start = Instant::now();
    assert!(gateway.process.stop().success());
    assert!(start.elapsed() >= Duration::from_millis(900), "it has waited for the transaction");
    assert!(start.elapsed() < PROMPT);
    let error = person.try_execute("select 1").unwrap_err();
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
    assert_eq!(count(stand, "cut off"), 0);
}

fn nothing_to_wait_for(stand: &Stand) {
    let mut gateway = gateway(stand, &[]);
    let idle = Client::connect(gateway.http);
    let mut begun = Client::connect(gateway.http);
    begun.send_bytes(b"POST /Execute HTTP/1.1\r\n").unwrap();
    gateway.tenant("tenant_1").execute("select 1").ok();
    let start = Instant::now();
    assert!(gateway.process.stop().success());
    assert!(start.elapsed() < PROMPT);
    drop(idle);
    assert!(gateway.process.log().contains("stopped"), "{}", gateway.process.last_lines());
}

fn probes(stand: &Stand) {
    let gateway = stand.main();
    let text = |path: &str| (gateway.probe(path).status, gateway.probe(path).text());
    assert_eq!(text("/livez"), (200, "alive\n".to_owned()));
    assert_eq!(text("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(text("/nosuch").0, 404);
    let post = Request::post_bytes("/livez", "{}");
    assert_eq!(Client::connect(gateway.admin).ask(&post).unwrap().status, 405);
    let person = stand.tenant("tenant_1");
    let ok = r#"operation="ExecuteStatement",outcome="ok""#;
    let refused = r#"outcome="sql""#;
    let before = [ok, refused].map(|labels| gateway.metric("rowhouse_requests_total", labels));
    person.execute("select 1").ok();
    person.execute("select nosuch").fails_with("42703");
    let after = [ok, refused].map(|labels| gateway.metric("rowhouse_requests_total", labels));
    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
    assert!((gateway.metric("rowhouse_server_up", "main") - 1.0).abs() < f64::EPSILON);
    // Nothing in them tells one tenant from another.
    assert!(!gateway.probe("/metrics").text().contains("tenant_1"));
}

fn ready_while_the_database_is(stand: &Stand) {
    let mut server = OwnServer::start_like(stand.cluster());
    schema::make(&server.address);
    let mut gateway = Gateway::serve(&server.address, &[("POOL__WAIT_TIMEOUT", "500ms")]);
    let person = gateway.tenant("tenant_1");
    assert_eq!(person.execute("select count(*) from note").value(), 3);
    server.stop();
    wait::until_true("it is not ready", SOON, || gateway.probe("/readyz").status == 503);
    assert_eq!(gateway.probe("/livez").status, 200);
    person.execute("select 1").fails("DatabaseUnavailableException", "");
    person
        .again()
        .call("/BeginTransaction", &person.body(json!({})))
        .fails("DatabaseUnavailableException", "");
    server.start();
    wait::until_true("it is ready again", SOON, || gateway.probe("/readyz").status == 200);
    wait::until_true("it serves again", SOON, || person.execute("select 1").status == 200);
    assert_eq!(person.execute("select count(*) from note").value(), 3);
    assert!(gateway.process.stop().success());
}
