//! Sums that are sent on: each once, or again under the same id.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::ground::{Meter, SOON};
use crate::case::{Case, suite};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "usage",
        &[
            ("events_in_a_file", events_in_a_file),
            ("events_are_sent_until_they_are_taken", events_are_sent_until_taken),
            ("a_backlog_has_an_end", a_backlog_has_an_end),
        ],
    )
}

fn requests(events: &BTreeMap<String, Value>) -> u64 {
    events.values().filter_map(|event| event["data"]["requests"].as_u64()).sum()
}

fn events_in_a_file(stand: &Stand) {
    let meter = Meter::new(stand, "usage_file");
    let file = meter.file("events.jsonl");
    let settings =
        [("USAGE__FOLD_INTERVAL", "100ms"), ("USAGE__CLOUD_EVENTS_FILE", file.to_str().unwrap())];
    let read = || -> BTreeMap<String, Value> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let event = |line: &str| -> Value { serde_json::from_str(line).unwrap() };
        text.lines().map(event).map(|event| (event["id"].to_string(), event)).collect()
    };
    for killed in [true, false] {
        let mut gateway = meter.gateway_with(&settings);
        let person = gateway.tenant("=tenant,\"1\"");
        let before = requests(&read());
        for _ in 0..10 {
            person.execute("select 1").ok();
        }
        wait::until_true("they are in the file", SOON, || requests(&read()) >= before + 10);
        match killed {
            true => gateway.process.kill(),
            false => assert!(gateway.process.stop().success()),
        }
    }
    let events = read();
    assert_eq!(requests(&events), meter.sum());
    let event = events.values().next().unwrap();
    assert_eq!(event["subject"], "=tenant,\"1\"");
    assert_eq!(
        (&event["specversion"], &event["type"]),
        (&"1.0".into(), &"rowhouse.usage.v1".into())
    );
}

/// What came, and how often, at a receiver that does not take the first batches.
struct Receiver {
    address: SocketAddr,
    came: Arc<Mutex<Vec<(bool, Value)>>>,
}

impl Receiver {
    fn start(refused: usize) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&came);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let mut reader = BufReader::new(stream);
                let (mut length, mut authorized) = (0, false);
                for line in reader.by_ref().lines() {
                    let line = line.unwrap().to_ascii_lowercase();
                    match line.split_once(": ") {
                        Some(("content-length", value)) => length = value.parse().unwrap(),
                        Some(("authorization", value)) => authorized = value == "bearer hush",
                        Some(("content-type", value)) => {
                            assert_eq!(value, "application/cloudevents-batch+json");
                        }
                        Some(_) => {}
                        None if line.is_empty() => break,
                        None => {}
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let batch: Value = serde_json::from_slice(&body).unwrap();
                let taken = number >= refused;
                for event in batch.as_array().unwrap() {
                    kept.lock().unwrap().push((taken && authorized, event.clone()));
                }
                let status = if taken { "204 No Content" } else { "503 Service Unavailable" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                // It may have gone.
                let _ = reader.get_mut().write_all(answer.as_bytes());
            }
        });
        Receiver { address, came }
    }

    fn events(&self, taken: bool) -> BTreeMap<String, Value> {
        let came = self.came.lock().unwrap();
        let of = came.iter().filter(|(was, _)| *was == taken);
        of.map(|(_, event)| (event["id"].to_string(), event.clone())).collect()
    }
}

fn events_are_sent_until_taken(stand: &Stand) {
    let meter = Meter::new(stand, "usage_post");
    let receiver = Receiver::start(2);
    let url = format!("http://{}/events", receiver.address);
    let settings = [
        ("USAGE__FOLD_INTERVAL", "100ms"),
        ("USAGE__CLOUD_EVENTS_URL", url.as_str()),
        ("USAGE__CLOUD_EVENTS_TOKEN", "hush"),
    ];
    let mut gateway = meter.gateway_with(&settings);
    let person = gateway.tenant("tenant_1");
    for _ in 0..5 {
        person.execute("select 1").ok();
    }
    wait::until_true("they are taken", SOON, || requests(&receiver.events(true)) == 5);
    let refused = receiver.events(false);
    assert!(!refused.is_empty());
    for (id, event) in &refused {
        assert_eq!(receiver.events(true).get(id), Some(event), "the same, under the same id");
    }
    let waiting = "select count(*) from rowhouse.usage_event";
    wait::until_true("none waits", SOON, || meter.direct().value(waiting) == "0");
    assert!(gateway.metric("rowhouse_usage_troubles_total", "events") > 0.0);
    assert!(!gateway.process.log().contains("hush"));
    assert!(gateway.process.stop().success());
}

fn a_backlog_has_an_end(stand: &Stand) {
    let meter = Meter::new(stand, "usage_backlog");
    let settings = [
        ("USAGE__FOLD_INTERVAL", "100ms"),
        // Nobody listens there.
        ("USAGE__CLOUD_EVENTS_URL", "http://127.0.0.1:1/"),
        ("USAGE__CLOUD_EVENTS_BACKLOG_MAX", "3"),
    ];
    let mut gateway = meter.gateway_with(&settings);
    for number in 0..6 {
        gateway.tenant(&format!("tenant_{number}")).execute("select 1").ok();
    }
    meter.wait_for_sum(6);
    assert_eq!(meter.direct().value("select count(*) from rowhouse.usage_event"), "3");
    assert!(gateway.process.stop().success());
}
