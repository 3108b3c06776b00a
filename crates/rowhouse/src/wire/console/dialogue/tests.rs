//! Drivers at the console: what they send, and what they are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rowhouse_protocol::frontend::{self, Parameter};

use super::*;
use crate::wire::console::table::Answer;

/// The tags of all messages that come of these, with every command done.
fn told(dialogue: &mut Dialogue, build: impl FnOnce(&mut BytesMut)) -> String {
    let (mut incoming, mut out) = (BytesMut::new(), BytesMut::new());
    build(&mut incoming);
    loop {
        match dialogue.next(&mut incoming, &mut out).unwrap() {
            Next::Heard => {}
            Next::Missing | Next::Goodbye => break,
            Next::Run(command) => {
                let row = command.headings().map(|all| all.iter().map(|_| None).collect());
                dialogue.answer(Ok(Answer::of(row.into_iter().collect())), &mut out);
            }
        }
    }
    let mut tags = String::new();
    while let Some(header) = frame::peek(&out, 1 << 20).unwrap() {
        tags.push(char::from(header.tag));
        out.advance(header.len);
    }
    tags
}

fn ask(dialogue: &mut Dialogue, sql: &str) -> String {
    told(dialogue, |buf| frontend::query(buf, sql).unwrap())
}

/// Parse, Describe, Bind, Execute, Sync.
fn prepare(buf: &mut BytesMut, sql: &str, values: &[Parameter<'_>]) {
    frontend::parse(buf, "s", sql, &[]).unwrap();
    frontend::describe_statement(buf, "s").unwrap();
    frontend::bind(buf, "", "s", values).unwrap();
    frontend::execute(buf, "", 0).unwrap();
    frontend::sync(buf);
}

#[test]
fn simple_commands() {
    let cases = [
        ("show version", "TDCZ"),
        ("pause", "CZ"),
        ("", "IZ"),
        ("select 1", "EZ"),
        ("set application_name = 'x'", "CZ"),
    ];
    for (sql, expected) in cases {
        assert_eq!(ask(&mut Dialogue::default(), sql), expected, "{sql}");
    }
}

#[test]
fn commands_of_the_extended_protocol() {
    let cases: [(&str, &[Parameter<'_>], &str); 5] = [
        ("show pools", &[], "1tT2DCZ"),
        ("resume", &[], "1tn2CZ"),
        ("", &[], "1tn2IZ"),
        ("select 1", &[], "EZ"),
        ("show pools", &[Parameter::NULL], "1tTEZ"),
    ];
    for (sql, values, expected) in cases {
        let tags = told(&mut Dialogue::default(), |buf| prepare(buf, sql, values));
        assert_eq!(tags, expected, "{sql}");
    }
}

#[test]
fn a_transaction_is_what_drivers_expect_of_one() {
    let mut dialogue = Dialogue::default();
    let steps = [
        ("begin", "CZ", TransactionStatus::InTransaction),
        ("show state", "TDCZ", TransactionStatus::InTransaction),
        ("nonsense", "EZ", TransactionStatus::Failed),
        ("show state", "EZ", TransactionStatus::Failed),
        ("commit", "CZ", TransactionStatus::Idle),
    ];
    for (sql, tags, status) in steps {
        assert_eq!(ask(&mut dialogue, sql), tags, "{sql}");
        assert_eq!(dialogue.status, status, "{sql}");
    }
}

#[test]
fn what_is_kept_has_a_bound() {
    let mut dialogue = Dialogue::default();
    let many = |buf: &mut BytesMut| {
        for number in 0..=KEPT_MAX {
            frontend::parse(buf, &format!("s{number}"), "show pools", &[]).unwrap();
        }
        frontend::sync(buf);
    };
    let tags = told(&mut dialogue, many);
    assert_eq!(tags, format!("{}EZ", "1".repeat(KEPT_MAX)));
}

#[test]
fn nonsense_ends_the_session() {
    let cases: [&[u8]; 4] = [b"p\0\0\0\x04", b"Q\0\0\0\x02", b"Q\x7f\0\0\0", b"P\0\0\0\x06a\0"];
    for bytes in cases {
        let (mut incoming, mut out) = (BytesMut::from(bytes), BytesMut::new());
        assert!(Dialogue::default().next(&mut incoming, &mut out).is_err(), "{bytes:?}");
    }
}
