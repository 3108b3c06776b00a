//! What no HTTP library would send: cut off, trickled, too large, two in one.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::others_notice_nothing;
use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::gateway::Gateway;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "bad_input::sockets",
        &[
            ("a_body_cut_off", a_body_cut_off),
            ("a_head_cut_off", a_head_cut_off),
            ("a_body_that_trickles", a_body_that_trickles),
            ("a_head_that_trickles", a_head_that_trickles),
            ("heads_that_are_too_large", heads_that_are_too_large),
            ("no_http", no_http),
            ("requests_in_a_row", requests_in_a_row),
            ("lengths_that_lie", lengths_that_lie),
            ("in_chunks", in_chunks),
            ("expecting_to_be_asked", expecting_to_be_asked),
            ("too_many_clients", too_many_clients),
            ("idle_clients_are_let_go", idle_clients_are_let_go),
        ],
    )
}

/// Longer than the timeouts of [`impatient`], by what a busy machine may need.
const SOON: Duration = Duration::from_secs(20);

fn impatient(stand: &Stand) -> Arc<Gateway> {
    let settings =
        [("HTTP__BODY_TIMEOUT", "700ms"), ("HTTP__HEAD_TIMEOUT", "700ms"), ("POOL__SHARDS", "1")];
    stand.gateway("impatient", &settings)
}

fn select(stand: &Stand) -> Request {
    stand.tenant("tenant_1").request("select count(*) from note")
}

fn a_body_cut_off(stand: &Stand) {
    let address = stand.main().http;
    let (head, body) = {
        let request = select(stand);
        let (head, body) = request.parts(address);
        (head, body.to_vec())
    };
    for kept in [0, 1, body.len() / 2, body.len() - 1] {
        let mut client = Client::connect(address);
        client.send_bytes(&head).unwrap();
        client.send_bytes(body.get(..kept).unwrap()).unwrap();
        client.half_close();
        match client.receive() {
            Ok(answer) => assert_eq!(answer.status, 400, "{}", answer.text()),
            // Who says it is done before it is may also be hung up on.
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof),
        }
        others_notice_nothing(stand);
    }
}

fn a_head_cut_off(stand: &Stand) {
    let address = stand.main().http;
    let (head, _) = select(stand).parts(address).clone();
    for kept in [0, 1, 4, 20, head.len() / 2, head.len() - 1] {
        let mut client = Client::connect(address);
        client.send_bytes(head.get(..kept).unwrap()).unwrap();
        drop(client);
    }
    others_notice_nothing(stand);
}

fn a_body_that_trickles(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select 1");
    let (head, body) = request.parts(gateway.http);
    let mut client = Client::connect(gateway.http);
    client.send_bytes(&head).unwrap();
    let start = Instant::now();
    for byte in body.iter().take(20) {
        if client.send_bytes(&[*byte]).is_err() || start.elapsed() > Duration::from_secs(1) {
            break;
        }
        // A byte now and then, which is what this is about.
        wait::pause(Duration::from_millis(60));
    }
    let answer = client.receive().unwrap();
    answer.fails("ValidationException", "in time");
    let tenant = gateway.tenant("tenant_2");
    assert_eq!(tenant.execute("select distinct tenant from note").value(), "tenant_2");
}

fn a_head_that_trickles(stand: &Stand) {
    let gateway = impatient(stand);
    let mut client = Client::connect(gateway.http);
    client.send_bytes(b"POST /Execute HTTP/1.1\r\nHost: x\r\n").unwrap();
    let start = Instant::now();
    // Either word is fine: 408, or to hang up.
    if let Ok(answer) = client.receive() {
        assert_eq!(answer.status, 408, "{}", answer.text());
    }
    assert!(start.elapsed() < SOON);
}

fn heads_that_are_too_large(stand: &Stand) {
    let one = |bytes: usize| select(stand).header("X-Padding", vec![b'x'; bytes]);
    let many = |count: usize| {
        (0..count).fold(select(stand), |request, number| {
            request.header(&format!("X-Padding-{number}"), "x")
        })
    };
    let address = stand.main().http;
    for request in [one(8_000), many(50)] {
        assert_eq!(Client::connect(address).ask(&request).unwrap().value(), 3);
    }
    let long_path = Request { path: format!("/{}", "x".repeat(100_000)), ..select(stand) };
    for request in [one(200_000), one(1_000_000), many(500), long_path] {
        match Client::connect(address).ask(&request) {
            Ok(answer) => assert!([414, 431].contains(&answer.status), "{}", answer.status),
            // The rest of what was sent can meet a closed door before the answer is read.
            Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock),
        }
        others_notice_nothing(stand);
    }
}

fn no_http(stand: &Stand) {
    let address = stand.main().http;
    for bytes in [
        b"\r\n\r\n\r\n".as_slice(),
        b"GARBAGE\r\n\r\n",
        b"POST /Execute\r\n\r\n",
        b"POST /Execute HTTP/9.9\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nNo colon\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /Execute HTTP/1.1\r\nBad name: x\r\n\r\n",
        b"POST /Execute HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\0\x08\x04\xd2\x16\x2f",
    ] {
        let mut client = Client::connect(address);
        client.send_bytes(bytes).unwrap();
        client.half_close();
        if let Ok(answer) = client.receive() {
            assert!((400..=505).contains(&answer.status), "{bytes:?}: {}", answer.status);
            assert!(answer.status != 500, "{bytes:?}: {}", answer.text());
        }
    }
    others_notice_nothing(stand);
}

/// Sent without waiting for the answers, which come in order.
fn requests_in_a_row(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let mut client = Client::connect(stand.main().http);
    let mut bytes = Vec::new();
    for number in 0..20 {
        let request = tenant.request(&format!("select {number}"));
        let (head, body) = request.parts(stand.main().http);
        bytes.extend([head, body.to_vec()].concat());
    }
    client.send_bytes(&bytes).unwrap();
    for number in 0..20 {
        assert_eq!(client.receive().unwrap().value(), number);
    }
}

/// Two lengths for one body are how one request is smuggled inside another.
fn lengths_that_lie(stand: &Stand) {
    let address = stand.main().http;
    let inner = select(stand).parts(address).0;
    let both = select(stand).header("Content-Length", "3").header("Transfer-Encoding", "chunked");
    let mut client = Client::connect(address);
    let (head, _) = both.parts(address);
    client.send_bytes(&[head, b"0\r\n\r\n".to_vec(), inner].concat()).unwrap();
    client.half_close();
    let mut answers = 0;
    while let Ok(answer) = client.receive() {
        answers += 1;
        assert_ne!(answer.status, 200, "{}", answer.text());
    }
    assert!(answers <= 2);
    others_notice_nothing(stand);
}

fn in_chunks(stand: &Stand) {
    let address = stand.main().http;
    let chunked = |chunks: &[u8]| {
        let request = select(stand).header("Transfer-Encoding", "chunked");
        let mut client = Client::connect(address);
        let (head, _) = request.parts(address);
        client.send_bytes(&[head, chunks.to_vec()].concat()).unwrap();
        if !chunks.ends_with(b"0\r\n\r\n") {
            client.half_close();
        }
        client.receive()
    };
    let body = select(stand).body;
    let (first, rest) = body.split_at(10);
    let piece = |bytes: &[u8]| {
        [format!("{:x}\r\n", bytes.len()).into_bytes(), bytes.to_vec(), b"\r\n".to_vec()].concat()
    };
    let whole = [piece(first), piece(rest), b"0\r\n\r\n".to_vec()].concat();
    assert_eq!(chunked(&whole).unwrap().value(), 3);
    for bad in [
        [piece(first), piece(rest)].concat(),
        [piece(first), b"xyz\r\n".to_vec()].concat(),
        b"ffffffffffffffffff\r\nx".to_vec(),
        b"-1\r\nx\r\n0\r\n\r\n".to_vec(),
    ] {
        if let Ok(answer) = chunked(&bad) {
            assert_eq!(answer.status, 400, "{}", answer.text());
        }
        others_notice_nothing(stand);
    }
}

/// `Expect: 100-continue`, as some SDKs send it: the body comes when it is asked for.
fn expecting_to_be_asked(stand: &Stand) {
    let address = stand.main().http;
    let request = select(stand).header("Expect", "100-continue");
    let (head, body) = request.parts(address);
    let mut client = Client::connect(address);
    client.send_bytes(&head).unwrap();
    assert_eq!(client.receive().unwrap().status, 100);
    client.send_bytes(body).unwrap();
    assert_eq!(client.receive().unwrap().value(), 3);
    // Who is refused anyway is not asked.
    let nobody = Request::post("/Execute", &json!({})).header("Expect", "100-continue");
    let mut client = Client::connect(address);
    client.send_bytes(&nobody.parts(address).0).unwrap();
    assert_eq!(client.receive().unwrap().status, 403);
}

fn too_many_clients(stand: &Stand) {
    let settings = [("HTTP__CONNECTIONS_MAX", "3"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("few_clients", &settings);
    let tenants: Vec<_> = (0..3).map(|_| gateway.tenant("tenant_1")).collect();
    for tenant in &tenants {
        assert_eq!(tenant.execute("select count(*) from note").value(), 3);
    }
    assert!(gateway.tenant("tenant_1").try_execute("select 1").is_err());
    assert!(gateway.metric("rowhouse_client_connections_turned_away_total", "") >= 1.0);
    drop(tenants);
    wait::until_true("there is room again", SOON, || {
        gateway.tenant("tenant_1").try_execute("select 1").is_ok()
    });
}

fn idle_clients_are_let_go(stand: &Stand) {
    let settings = [("HTTP__IDLE_TIMEOUT", "1s"), ("POOL__SHARDS", "1")];
    let gateway = stand.gateway("idle_clients", &settings);
    let request = gateway.tenant("tenant_1").request("select 1");
    let mut client = Client::connect(gateway.http);
    client.ask(&request).unwrap().ok();
    let start = Instant::now();
    assert!(client.is_closed());
    assert!(start.elapsed() < SOON);
}
