//! What operators type, and what the console takes it for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn what_is_typed_is_understood() {
    let cases = [
        ("SHOW POOLS;", "SHOW POOLS"),
        ("  show stats_totals ; ;", "SHOW STATS_TOTALS"),
        ("/* who */ show clients -- now", "SHOW CLIENTS"),
        ("pause", "PAUSE"),
        ("PAUSE shop", "PAUSE \"shop\""),
        ("resume \"My \"\"db\";", "RESUME \"My \\\"db\""),
        ("kill_client 17", "KILL_CLIENT 17"),
        ("wait_close", "WAIT_CLOSE"),
        ("disable shop", "DISABLE \"shop\""),
        ("begin isolation level serializable", "BEGIN"),
        ("start transaction", "BEGIN"),
        ("set extra_float_digits = 3", "SET"),
        ("discard all", "DISCARD ALL"),
        (" ; ", ""),
    ];
    for (text, understood) in cases {
        assert_eq!(Command::parse(text).unwrap().to_string(), understood, "{text}");
    }
}

#[test]
fn what_is_no_command_is_refused() {
    let texts = [
        "select 1",
        "show",
        "show tables",
        "show pools; show clients",
        "pause a b",
        "pause 'shop'",
        "disable",
        "kill_client x",
        "kill_client -1",
        "kill_client 99999999999999999999",
        "reload now",
        "shutdown",
        "start",
        "\"show\" pools",
        "set",
    ];
    for text in texts {
        let error = Command::parse(text).unwrap_err();
        assert!(error.to_string().contains("SHOW HELP"), "{text}");
    }
}
