//! What a hostile client does with frames: each time it is let go, and nobody else notices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frames::*;
use crate::bad_input::others_notice_nothing;
use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::gateway::Gateway;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "http2::hostile",
        &[
            ("no_preface", no_preface),
            ("no_frames", no_frames),
            ("heads_without_end", heads_without_end),
            ("heads_that_are_malformed", heads_that_are_malformed),
            ("bodies_that_trickle", bodies_that_trickle),
            ("answers_nobody_takes", answers_nobody_takes),
            ("answers_taken_byte_by_byte", answers_taken_byte_by_byte),
            ("taken_back_at_once", taken_back_at_once),
            ("taken_back_when_begun", taken_back_when_begun),
            ("more_than_is_served", more_than_is_served),
            ("talk_without_requests", talk_without_requests),
            ("half_closed", half_closed),
        ],
    )
}

/// Longer than the timeouts of [`impatient`], by what a busy machine may need.
const SOON: Duration = Duration::from_secs(30);
/// How the head of a success begins: the entry `:status: 200` of the static table (RFC 7541, A).
const OK: u8 = 0x88;
const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;

fn impatient(stand: &Stand) -> Arc<Gateway> {
    let settings = [
        ("HTTP__IDLE_TIMEOUT", "2s"),
        ("HTTP__HEAD_TIMEOUT", "1s"),
        ("HTTP__BODY_TIMEOUT", "1s"),
        ("HTTP__WRITE_TIMEOUT", "1s"),
        ("HTTP__HTTP2_STREAMS_MAX", "4"),
        ("LIMITS__STATEMENT_TIMEOUT", "2s"),
        ("POOL__WAIT_TIMEOUT", "1s"),
        ("POOL__SHARDS", "1"),
    ];
    stand.gateway("impatient_with_frames", &settings)
}

/// Another client of the same gateway gets its answer.
fn still_serves(gateway: &Gateway) {
    let count = gateway.tenant("tenant_2").execute("select distinct tenant from note");
    assert_eq!(count.value(), "tenant_2");
}

fn no_preface(stand: &Stand) {
    let gateway = impatient(stand);
    for length in [1, 3, 4, 16, PREFACE.len() - 1] {
        let mut client = Client::connect(gateway.http);
        client.send_bytes(PREFACE.get(..length).unwrap()).unwrap();
        let start = Instant::now();
        if let Ok(answer) = client.receive() {
            assert!((400..=505).contains(&answer.status), "{length}: {}", answer.status);
        }
        assert!(start.elapsed() < SOON);
    }
    let mut client = Client::connect(gateway.http);
    client.send_bytes(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").unwrap();
    client.half_close();
    if let Ok(answer) = client.receive() {
        assert!((400..=505).contains(&answer.status), "{}", answer.status);
    }
    // In pieces, but whole.
    let mut client = Client::connect(gateway.http);
    for piece in PREFACE.chunks(5) {
        client.send_bytes(piece).unwrap();
        wait::pause(Duration::from_millis(20));
    }
    client.send_bytes(&frame(SETTINGS, 0, 0, b"")).unwrap();
    assert!(!client.is_closed());
    still_serves(&gateway);
}

fn no_frames(stand: &Stand) {
    let gateway = stand.main();
    for bytes in [
        vec![0xff; 64],
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        frame(DATA, 0, 1, b"x"),
        frame(HEADERS, END_HEADERS, 2, b""),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 40]),
        frame(HEADERS, END_HEADERS | 8, 1, &[200, 0]),
        frame(CONTINUATION, END_HEADERS, 1, b""),
        frame(SETTINGS, 0, 0, b"12345"),
        frame(SETTINGS, 0, 1, b""),
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(PING, 0, 0, b"short"),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        [frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])].concat(),
        frame(RST_STREAM, 0, 1, &[0; 4]),
        frame(GOAWAY, 0, 0, &[0; 8]),
        frame(DATA, 0, 0, &vec![0; 20_000]),
        frame(5, END_HEADERS, 1, &[0, 0, 0, 2]),
    ] {
        let mut client = Frames::begin(gateway.http, &[]);
        client.send(&bytes).unwrap();
        let start = Instant::now();
        client.half_close();
        client.rest();
        assert!(start.elapsed() < SOON, "{bytes:?}");
    }
    others_notice_nothing(stand);
}

/// CONTINUATION without end (CVE-2024-27316), heads that are too large, and one that never ends.
fn heads_without_end(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select 1");
    let mut client = Frames::begin(gateway.http, &[]);
    let mut piece = Vec::new();
    field(&mut piece, "x-padding", &[b'x'; 8_000]);
    let mut flood = frame(HEADERS, 0, 1, &client.head(&request));
    (0..2_000).for_each(|_| flood.extend(frame(CONTINUATION, 0, 1, &piece)));
    // It may be cut off before it is through.
    let _ = client.send(&flood);
    client.rest();
    let mut client = Frames::begin(gateway.http, &[]);
    let empty = frame(CONTINUATION, 0, 1, b"").repeat(100_000);
    let _ = client.send(&[frame(HEADERS, 0, 1, b""), empty].concat());
    client.rest();

    let mut client = Frames::begin(gateway.http, &[]);
    let large = Request { headers: Vec::new(), ..request.clone() };
    let large = (0..20).fold(large, |large, number| {
        large.header(&format!("x-padding-{number}"), vec![b'x'; 8_000])
    });
    let block = client.head(&large);
    let mut pieces = block.chunks(16_000);
    let mut head = frame(HEADERS, END_STREAM, 1, pieces.next().unwrap());
    pieces.for_each(|piece| head.extend(frame(CONTINUATION, 0, 1, piece)));
    head.extend(frame(CONTINUATION, END_HEADERS, 1, b""));
    let _ = client.send(&head);
    // 431 or a reset; and the limit holds for what was refused, too.
    client.rest();

    let mut client = Frames::begin(gateway.http, &[]);
    let head = client.head(&request);
    client.send(&frame(HEADERS, 0, 1, head.get(..10).unwrap())).unwrap();
    let start = Instant::now();
    client.rest();
    assert!(start.elapsed() < SOON);
    still_serves(&gateway);
}

/// Malformed requests are refused one by one (RFC 9113, 8.1.1).
fn heads_that_are_malformed(stand: &Stand) {
    let gateway = stand.main();
    let good = gateway.tenant("tenant_1").request("select 1");
    for (name, value) in [
        ("Upper", "x"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        (":late", "x"),
        (":path", "/twice"),
        ("content-length", "7"),
        ("content-length", "-1"),
        ("x", "a\r\nb: c"),
        ("a b", "x"),
    ] {
        let mut client = Frames::begin(gateway.http, &[]);
        let mut block = client.head(&good);
        field(&mut block, name, value.as_bytes());
        let head = frame(HEADERS, END_HEADERS, 1, &block);
        client.send(&[head, frame(DATA, END_STREAM, 1, &good.body)].concat()).unwrap();
        let refused = |reply: &Frame| {
            [RST_STREAM, GOAWAY].contains(&reply.kind) && reply.code() == Some(PROTOCOL_ERROR)
        };
        let reply = client.wait_for(|reply| reply.kind == HEADERS || refused(reply));
        let answered = |reply: &Frame| reply.kind == HEADERS && reply.payload[0] == OK;
        assert!(reply.as_ref().is_some_and(|reply| !answered(reply)), "{name}: {reply:?}");
    }
    let connect = Request { method: "CONNECT".to_owned(), body: Vec::new(), ..good };
    let mut client = Frames::begin(gateway.http, &[]);
    let bytes = client.request(1, &connect);
    client.send(&bytes).unwrap();
    let reply = client.wait_for(|frame| frame.stream == 1 || frame.kind == GOAWAY);
    assert!(reply.is_none_or(|reply| reply.payload.first() != Some(&OK)));
    others_notice_nothing(stand);
}

fn bodies_that_trickle(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select 1");
    let mut client = Frames::begin(gateway.http, &[]);
    let head = client.head(&request);
    client.send(&frame(HEADERS, END_HEADERS, 1, &head)).unwrap();
    let start = Instant::now();
    for byte in request.body.iter().take(40) {
        // A byte now and then, which is what this is about.
        wait::pause(Duration::from_millis(60));
        if client.send(&frame(DATA, 0, 1, &[*byte])).is_err() {
            break;
        }
    }
    let answer = client.wait_for(|frame| frame.kind == HEADERS && frame.stream == 1);
    assert!(answer.is_some_and(|answer| answer.payload[0] != OK));
    assert!(start.elapsed() < SOON);
    still_serves(&gateway);
}

/// A window of nothing (CVE-2019-9517).
fn answers_nobody_takes(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select repeat('x', 300000)");
    for (window, more) in [(0, 0), (20_000, 0), (0, 40_000)] {
        let mut client = Frames::begin(gateway.http, &[(INITIAL_WINDOW, window)]);
        let bytes = client.request(1, &request);
        client.send(&bytes).unwrap();
        if more > 0 {
            client.send(&frame(WINDOW_UPDATE, 0, 1, &u32::to_be_bytes(more))).unwrap();
        }
        let start = Instant::now();
        let goodbye = client.wait_for(|frame| frame.kind == GOAWAY);
        assert_eq!(goodbye.and_then(|frame| frame.code()), Some(0));
        client.rest();
        assert!(start.elapsed() < SOON);
    }
    still_serves(&gateway);
}

fn answers_taken_byte_by_byte(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select repeat('x', 300000)");
    let mut client = Frames::begin(gateway.http, &[(INITIAL_WINDOW, 0)]);
    let bytes = client.request(1, &request);
    client.send(&bytes).unwrap();
    let start = Instant::now();
    // Asks for a byte each time, until it is not listened to any more.
    while client.send(&frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])).is_ok() {
        wait::pause(Duration::from_millis(50));
        assert!(start.elapsed() < SOON);
    }
    still_serves(&gateway);
}

/// Rapid reset (CVE-2023-44487), all in one go.
fn taken_back_at_once(stand: &Stand) {
    let gateway = stand.main();
    let request = gateway.tenant("tenant_1").request("select 1 from pg_sleep(20)");
    let mut client = Frames::begin(gateway.http, &[]);
    let mut flood = Vec::new();
    for number in 0..2_000 {
        let stream = 2 * number + 1;
        flood.extend(client.request(stream, &request));
        flood.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    let before = gateway.metric("rowhouse_requests_total", "client_gone");
    let _ = client.send(&flood);
    client.rest();
    assert!(gateway.metric("rowhouse_requests_total", "client_gone") - before < 400.0);
    others_notice_nothing(stand);
}

/// The same, each after it has been begun and while its body is waited for.
fn taken_back_when_begun(stand: &Stand) {
    let gateway = stand.main();
    let request = gateway.tenant("tenant_1").request("select 1");
    let mut client = Frames::begin(gateway.http, &[]);
    let head = client.head(&request);
    let begin = |stream: u32| frame(HEADERS, END_HEADERS, stream, &head);
    let take_back = |stream: u32| frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    let mut begun = 0;
    for stream in (1..4_000).step_by(2) {
        if client.send(&begin(stream)).is_err() || !client.is_heard() {
            break;
        }
        begun += 1;
        if client.send(&take_back(stream)).is_err() {
            break;
        }
    }
    assert!((90..300).contains(&begun), "{begun}");
    // Whoever gives up now and then stays.
    let mut patient = Frames::begin(gateway.http, &[]);
    for stream in (1..600).step_by(4) {
        patient.send(&begin(stream)).unwrap();
        assert!(patient.is_heard());
        let quick = patient.request(stream + 2, &request);
        patient.send(&[take_back(stream), quick].concat()).unwrap();
        let answer = patient.wait_for(|frame| frame.stream == stream + 2).unwrap();
        assert_eq!((answer.kind, answer.payload[0]), (HEADERS, OK));
    }
    others_notice_nothing(stand);
}

fn more_than_is_served(stand: &Stand) {
    let gateway = impatient(stand);
    let request = gateway.tenant("tenant_1").request("select 1 from pg_sleep(1)");
    let mut client = Frames::begin(gateway.http, &[]);
    let bytes: Vec<u8> =
        (0..8).flat_map(|number| client.request(2 * number + 1, &request)).collect();
    client.send(&bytes).unwrap();
    let mut refused = 0;
    let mut answered = 0;
    while refused + answered < 8 {
        let frame = client.receive().unwrap();
        match frame.kind {
            RST_STREAM if frame.code() == Some(REFUSED_STREAM) => refused += 1,
            HEADERS => answered += 1,
            _ => {}
        }
    }
    assert_eq!((answered, refused), (4, 4));
    still_serves(&gateway);
}

/// PING, SETTINGS and the like without end (CVE-2019-9512, CVE-2019-9515), read or not.
fn talk_without_requests(stand: &Stand) {
    let gateway = impatient(stand);
    for talk in [
        frame(PING, 0, 0, b"hallo!!!"),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        frame(77, 0, 0, b"unknown"),
        frame(2, 0, 1, &[0, 0, 0, 0, 16]),
    ] {
        let mut client = Frames::begin(gateway.http, &[]);
        let flood = talk.repeat(4_000);
        let mut sent = 0_usize;
        while client.send(&flood).is_ok() {
            sent += flood.len();
            assert!(sent < 64 << 20, "{talk:?}");
        }
        still_serves(&gateway);
    }
    // Slowly, it is idle all the same.
    let mut client = Frames::begin(gateway.http, &[]);
    let start = Instant::now();
    while client.is_heard() {
        wait::pause(Duration::from_millis(50));
        assert!(start.elapsed() < SOON);
    }
}

fn half_closed(stand: &Stand) {
    let gateway = stand.main();
    let request = gateway.tenant("tenant_1").request("select 1");
    let mut client = Frames::begin(gateway.http, &[]);
    let bytes = client.request(1, &request);
    client.send(&bytes).unwrap();
    client.half_close();
    // With its answer or without, but to the end.
    client.rest();
    for cut in [3, 9, 30, bytes.len() - 1] {
        let mut client = Frames::begin(gateway.http, &[]);
        client.send(bytes.get(..cut).unwrap()).unwrap();
        client.half_close();
        client.rest();
    }
    others_notice_nothing(stand);
}
