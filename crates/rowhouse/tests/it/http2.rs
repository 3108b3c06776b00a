//! HTTP/2 at the Data API's door: what HTTP/1.1 can do, many times at once.

mod client;
mod frames;
mod hostile;

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::case::{Case, suite};
use crate::client::Request;
use crate::gateway::{APP_KEY, Gateway, KEY_SECRET};
use crate::person::Person;
use crate::process;
use crate::stand::Stand;
use crate::wait;
pub use client::Http2Client;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "http2",
        &[
            ("everything_works", everything_works),
            ("signatures_hold", signatures_hold),
            ("many_at_once", many_at_once),
            ("large_bodies_and_answers", large_bodies_and_answers),
            ("requests_are_seats", requests_are_seats),
            ("curl_knows_already", curl_knows_already),
            ("idle_clients_are_told", idle_clients_are_told),
            ("statements_are_answered_before_the_end", statements_are_answered_before_the_end),
        ],
    );
    cases.extend(hostile::cases());
    cases
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

fn everything_works(stand: &Stand) {
    let gateway = stand.main();
    let tenant = gateway.tenant("tenant_1");
    let mut client = Http2Client::connect(gateway.http);
    let answer = client.ask(&tenant.request("select count(*) from note"));
    assert_eq!(answer.value(), 3);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-amzn-requestid").is_some());
    client.ask(&tenant.request("select nosuch")).fails_with("42703");

    let call = |path: &str, said| tenant.prove(&Request::post(path, &tenant.body(said)));
    let id = client.ask(&call("/BeginTransaction", json!({}))).ok().json();
    let id = &id["transactionId"];
    let sql = json!({"sql": "select count(*) from note", "transactionId": id});
    assert_eq!(client.ask(&call("/Execute", sql)).value(), 3);
    let end = |path: &str| {
        let body = json!({"resourceArn": tenant.target["resourceArn"],
            "secretArn": tenant.target["secretArn"], "transactionId": id});
        tenant.prove(&Request::post(path, &body))
    };
    client.ask(&end("/CommitTransaction")).ok();
    client.ask(&end("/CommitTransaction")).fails("TransactionNotFoundException", "");

    client.ask(&Request::post("/Execute", &json!({}))).fails("AccessDeniedException", "");
    client.ask(&call("/NoSuch", json!({}))).fails("UnknownOperationException", "");
    client.ask(&tenant.prove(&Request::get("/Execute"))).fails("UnknownOperationException", "");
    client
        .ask(&tenant.prove(&Request::post_bytes("/Execute", "{")))
        .fails("SerializationException", "");
    assert_eq!(client.ask(&tenant.request("select distinct tenant from note")).value(), "tenant_1");
}

/// What is signed as `host` comes as `:authority`.
fn signatures_hold(stand: &Stand) {
    let gateway = stand.main();
    let app = gateway.app();
    let mut client = Http2Client::connect(gateway.http);
    assert_eq!(client.ask(&app.request("select 7")).value(), 7);
    let elsewhere = Person::with_key("192.0.2.1:80".parse().unwrap(), APP_KEY, KEY_SECRET);
    let signed_for_another = elsewhere.request("select 7");
    client.ask(&signed_for_another).fails("InvalidSignatureException", "");
    // A `host` beside `:authority` is not what was asked for, whatever was signed.
    let smuggled = Request { headers: Vec::new(), ..signed_for_another.clone() };
    let smuggled = signed_for_another.headers.iter().fold(smuggled, |request, (name, value)| {
        request.header(&name.to_ascii_lowercase(), value.clone())
    });
    client.ask(&smuggled).fails("InvalidSignatureException", "");
    let changed = Request { body: b"{}".to_vec(), ..app.request("select 7") };
    client.ask(&changed).fails("InvalidSignatureException", "");
}

fn many_at_once(stand: &Stand) {
    let gateway = stand.main();
    let tenants = ["tenant_1", "tenant_2"].map(|tenant| gateway.tenant(tenant));
    let mut client = Http2Client::connect(gateway.http);
    let asked: Vec<_> = (0..300)
        .map(|number| {
            let [one, two] = &tenants;
            let tenant = if number % 2 == 0 { one } else { two };
            let sql = format!("select string_agg(distinct tenant, '') || {number} from note");
            client.send(&tenant.request(&sql))
        })
        .collect();
    for (number, sent) in asked.into_iter().enumerate() {
        let tenant = number % 2 + 1;
        assert_eq!(client.receive(sent).unwrap().value(), format!("tenant_{tenant}{number}"));
    }
}

fn large_bodies_and_answers(stand: &Stand) {
    let gateway = stand.main();
    let tenant = gateway.tenant("tenant_1");
    let mut client = Http2Client::connect(gateway.http);
    let long = "x".repeat(900_000);
    let request = |sql: &str| {
        let parameters = json!([{"name": "long", "value": {"stringValue": long}}]);
        let body = tenant.body(json!({"sql": sql, "parameters": parameters}));
        tenant.prove(&Request::post("/Execute", &body))
    };
    let asked: Vec<_> = (0..12).map(|_| client.send(&request("select :long || ''"))).collect();
    let small = client.ask(&tenant.request("select 1"));
    assert_eq!(small.value(), 1);
    for sent in asked {
        assert_eq!(client.receive(sent).unwrap().word().len(), long.len());
    }
    let too_large = Request::post_bytes("/Execute", vec![b' '; 5 << 20]);
    let answer = client.ask(&tenant.prove(&too_large));
    answer.fails("ValidationException", "larger than");
    client.ask(&request("select :long || :long")).fails("BadRequestException", "size limit");
    assert_eq!(client.ask(&tenant.request("select 1")).value(), 1);
}

/// A request beside others counts like a connection.
fn requests_are_seats(stand: &Stand) {
    let settings = [("HTTP__CONNECTIONS_MAX", "3"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("few_seats", &settings);
    let tenant = gateway.tenant("tenant_1");
    let mut client = Http2Client::connect(gateway.http);
    let asked: Vec<_> =
        (0..8).map(|_| client.send(&tenant.request("select 1 from pg_sleep(1)"))).collect();
    let answers: Vec<_> = asked.into_iter().map(|sent| client.receive(sent).unwrap()).collect();
    let (served, turned_away): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((served.len(), turned_away.len()), (3, 5));
    for answer in turned_away {
        answer.fails("ServiceUnavailableError", "");
    }
    assert_eq!(client.ask(&tenant.request("select 1")).value(), 1);
    assert_eq!(gateway.tenant("tenant_1").execute("select 1").value(), 1);
}

fn curl_knows_already(stand: &Stand) {
    let curl = Command::new("curl").arg("--version").output();
    if !curl.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("HTTP2")) {
        return;
    }
    let gateway = stand.main();
    let request = gateway.tenant("tenant_1").request("select count(*) from note");
    let token = String::from_utf8_lossy(request.values("Authorization")[0]).into_owned();
    let mut command = Command::new("curl");
    command.args(["-sS", "--http2-prior-knowledge", "-w", " %{http_version}"]);
    command.args([
        "-H",
        &format!("Authorization: {token}"),
        "-H",
        "Content-Type: application/json",
    ]);
    command.arg("--data-binary").arg(String::from_utf8_lossy(&request.body).as_ref());
    let said = process::run(command.arg(format!("http://{}/Execute", gateway.http)));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("{\"longValue\":3}") && said.ends_with(" 2"), "{said}");
}

fn idle_clients_are_told(stand: &Stand) {
    let settings = [("HTTP__IDLE_TIMEOUT", "1s"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("idle_clients", &settings);
    let tenant = gateway.tenant("tenant_1");
    let mut client = Http2Client::connect(gateway.http);
    // Served for longer than it may be idle.
    assert_eq!(client.ask(&tenant.request("select 1 from pg_sleep(2)")).value(), 1);
    let start = Instant::now();
    assert!(client.is_let_go());
    assert!(start.elapsed() < SOON);
    assert!(client.try_send(&tenant.request("select 1")).is_err());
}

fn statements_are_answered_before_the_end(stand: &Stand) {
    let mut gateway = Gateway::serve(&stand.cluster().address, &[("POOL__SHARDS", "1")]);
    let tenant = gateway.tenant("tenant_1");
    let mut client = Http2Client::connect(gateway.http);
    let sql = "select 'said on two' from pg_sleep(1)";
    let sent = client.send(&tenant.request(sql));
    let mut idle = Http2Client::connect(gateway.http);
    assert_eq!(idle.ask(&tenant.request("select 1")).value(), 1);
    let mut direct = stand.cluster().address.connect("it");
    let running = "select count(*) from pg_stat_activity where state = 'active' \
                   and query = 'select ''said on two'' from pg_sleep(1)'";
    wait::until_true("it runs", SOON, || direct.value(running) != "0");
    gateway.process.signal(Signal::TERM);
    assert_eq!(client.receive(sent).unwrap().value(), "said on two");
    assert!(client.is_let_go() && idle.is_let_go());
    assert!(gateway.process.wait().success());
}
