//! What servers send, whole, cut off at every byte, and as noise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

#[test]
fn authentication() {
    let cases: [(&[u8], Authentication<'_>); 9] = [
        (b"\x00\x00\x00\x00", Authentication::Ok),
        (b"\x00\x00\x00\x03", Authentication::CleartextPassword),
        (b"\x00\x00\x00\x05salt", Authentication::Md5Password { salt: *b"salt" }),
        (
            b"\x00\x00\x00\x0aSCRAM-SHA-256-PLUS\x00SCRAM-SHA-256\x00\x00",
            Authentication::Sasl { mechanisms: vec!["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] },
        ),
        (b"\x00\x00\x00\x0a\x00", Authentication::Sasl { mechanisms: vec![] }),
        (b"\x00\x00\x00\x0br=x", Authentication::SaslContinue(b"r=x")),
        (b"\x00\x00\x00\x0cv=x", Authentication::SaslFinal(b"v=x")),
        (b"\x00\x00\x00\x07", Authentication::Unsupported(7)),
        (b"\xff\xff\xff\xff", Authentication::Unsupported(u32::MAX)),
    ];
    for (body, expected) in cases {
        assert_eq!(Authentication::decode(body), Ok(expected));
        assert!((0..4).all(|len| Authentication::decode(&body[..len]).is_err()));
    }
    for bad in [&b"\x00\x00\x00\x00x"[..], b"\x00\x00\x00\x05sal", b"\x00\x00\x00\x0aSCRAM\x00"] {
        assert!(Authentication::decode(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        Authentication::decode(b"\x00\x00\x00\x0a\xff\x00\x00"),
        Err(DecodeError::InvalidUtf8)
    );
}

#[test]
fn cancel_keys_of_every_length() {
    for len in 0..300 {
        let body = [&7_i32.to_be_bytes()[..], &vec![9; len]].concat();
        let decoded = BackendKeyData::decode(&body);
        assert_eq!(decoded.is_ok(), (4..=256).contains(&len), "{len}");
        if let Ok(key) = decoded {
            assert_eq!((key.pid, key.secret.len()), (7, len));
            assert!(!format!("{key:?}").contains('9'), "the key is no text");
        }
    }
}

#[test]
fn parameter_status() {
    let body = b"server_version\x0015.18\x00";
    let expected = ParameterStatus { name: "server_version", value: "15.18" };
    assert_eq!(ParameterStatus::decode(body), Ok(expected));
    assert!((0..body.len()).all(|len| ParameterStatus::decode(&body[..len]).is_err()));
    assert_eq!(ParameterStatus::decode(b"a\x00b\x00c"), Err(DecodeError::Trailing));
}

#[test]
fn ready_for_query() {
    use TransactionStatus::{Failed, Idle, InTransaction};
    for status in [Idle, InTransaction, Failed] {
        assert_eq!(ReadyForQuery::decode(&[status.as_byte()]), Ok(ReadyForQuery { status }));
    }
    assert_eq!(ReadyForQuery::decode(b"X"), Err(DecodeError::UnknownCode(b'X')));
    assert_eq!(ReadyForQuery::decode(b""), Err(DecodeError::Truncated));
    assert_eq!(ReadyForQuery::decode(b"II"), Err(DecodeError::Trailing));
}

#[test]
fn command_tags() {
    let cases = [
        ("INSERT 0 5", "INSERT", Some(5)),
        ("UPDATE 3", "UPDATE", Some(3)),
        ("SELECT 2", "SELECT", Some(2)),
        ("COPY 18446744073709551615", "COPY", Some(u64::MAX)),
        ("COPY 18446744073709551616", "COPY", None),
        ("CREATE TABLE", "CREATE", None),
        ("BEGIN", "BEGIN", None),
        ("", "", None),
        (" ", "", None),
    ];
    for (text, verb, rows) in cases {
        let body = [text.as_bytes(), b"\x00"].concat();
        let tag = CommandTag::decode(&body).unwrap();
        assert_eq!((tag.text, tag.verb(), tag.rows()), (text, verb, rows));
        assert!((0..text.len()).all(|len| CommandTag::decode(&body[..len]).is_err()));
    }
    assert_eq!(CommandTag::decode(b"\xff\x00"), Err(DecodeError::InvalidUtf8));
}

#[test]
fn errors_say_what_to_do() {
    for error in [DecodeError::Truncated, DecodeError::InvalidUtf8, DecodeError::UnknownCode(1)] {
        assert!(error.to_string().contains("; "), "{error}");
    }
}

proptest! {
    #[test]
    fn noise_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Authentication::decode(&body);
        let _ = BackendKeyData::decode(&body);
        let _ = ParameterStatus::decode(&body);
        let _ = ReadyForQuery::decode(&body);
        let _ = CommandTag::decode(&body).map(CommandTag::rows);
        let _ = Columns::decode(&body);
        let _ = parameter_types(&body);
        if let Ok(row) = DataRow::decode(&body) {
            prop_assert_eq!(row.iter().count(), row.len());
        }
        if let Ok(fields) = ErrorFields::decode(&body) {
            let _ = fields.to_owned();
        }
    }
}
