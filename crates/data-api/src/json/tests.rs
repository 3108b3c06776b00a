//! Escaping, compaction and number checks against serde_json as the judge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::{escape_compact, is_long, is_number, string};

fn written(text: &[u8]) -> String {
    let mut out = Vec::new();
    string(&mut out, text);
    String::from_utf8(out).unwrap()
}

fn compacted(document: &str) -> String {
    let mut out = vec![b'"'];
    escape_compact(&mut out, document.as_bytes());
    out.push(b'"');
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn strings() {
    for (text, json) in [
        (&b""[..], r#""""#),
        (b"plain text, longer than one lane", r#""plain text, longer than one lane""#),
        (b"seven77\"x", r#""seven77\"x""#),
        (b"a\"b\\c/d", r#""a\"b\\c/d""#),
        (b"\n\r\t\x08\x0c", r#""\n\r\t\b\f""#),
        (b"\x00\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\""),
        ("grüße \u{2028}🦀".as_bytes(), "\"grüße \u{2028}🦀\""),
        (b"not \xff utf-8", "\"not \u{fffd} utf-8\""),
    ] {
        assert_eq!(written(text), json);
    }
}

#[test]
fn a_special_byte_is_found_at_every_place() {
    for special in [b'"', b'\\', b'\0', 0x1f] {
        for at in 0..40 {
            let mut text = vec![b'~'; 40];
            text[at] = special;
            let read: String = serde_json::from_str(&written(&text)).unwrap();
            assert_eq!(read.as_bytes(), text);
        }
    }
}

#[test]
fn compact_documents() {
    for (document, compact) in [
        (r#"{"x": 0, "y": "0", "z": [0, 0, 1]}"#, r#"{"x":0,"y":"0","z":[0,0,1]}"#),
        ("[ 1.10 ,\t1e5,\r\n -0 ]", "[1.10,1e5,-0]"),
        (r#""a b""#, r#""a b""#),
        (r#"{" k ": " \" \\"}"#, r#"{" k ":" \" \\"}"#),
        ("  null  ", "null"),
        (r#"["unterminated "#, r#"["unterminated "#),
        ("", ""),
    ] {
        assert_eq!(compacted(document), compact);
    }
}

#[test]
fn numbers() {
    for text in ["0", "-0", "10", "1.5", "-0.05", "1e+300", "1E-05", "123456789012345678901234"] {
        assert!(is_number(text.as_bytes()), "{text}");
    }
    for text in ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "NaN", "1 ", " 1", "0x1", "1.5.2"] {
        assert!(!is_number(text.as_bytes()), "{text}");
    }
}

#[test]
fn longs() {
    for text in ["0", "-1", "9223372036854775807", "-9223372036854775808"] {
        assert!(is_long(text.as_bytes()), "{text}");
    }
    for text in ["", "-", "00", "01", "1.0", "1e3", "9223372036854775808", "+1", "1a", "٣"] {
        assert!(!is_long(text.as_bytes()), "{text}");
    }
}

proptest! {
    #[test]
    fn every_string_reads_back(text in any::<String>()) {
        let read: String = serde_json::from_str(&written(text.as_bytes())).unwrap();
        prop_assert_eq!(read, text);
    }

    #[test]
    fn any_bytes_make_a_json_string(bytes in any::<Vec<u8>>()) {
        let read: String = serde_json::from_str(&written(&bytes)).unwrap();
        prop_assert_eq!(read, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_compacts_to_a_json_string(text in r#"[\[\]{}:," \\a0\n\x01]*"#) {
        compacted(&text);
    }

    #[test]
    fn what_is_called_a_number_is_one(text in "-?[0-9.eE+-]{0,12}") {
        let json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        // serde_json refuses what no double can hold; the grammar does not.
        prop_assert!(is_number(text.as_bytes()) == json || text.to_lowercase().contains('e'));
    }
}
