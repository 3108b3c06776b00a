//! First packets, well-formed and not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::BytesMut;

use super::*;
use crate::frontend;

fn packet(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap();
    [&len.to_be_bytes()[..], body].concat()
}

#[test]
fn what_our_own_client_half_sends_is_read() {
    let mut buf = BytesMut::new();
    frontend::startup(&mut buf, &[("user", "t1"), ("options", "-c a.b=1")]).unwrap();
    assert_eq!(packet_len(&buf), Ok(Some(buf.len())));
    let Startup::Session(session) = Startup::decode(&buf).unwrap() else { panic!() };
    assert_eq!((session.minor, session.get("user")), (0, Some("t1")));
    assert_eq!((session.get("options"), session.get("database")), (Some("-c a.b=1"), None));
    buf.clear();
    frontend::ssl_request(&mut buf);
    assert_eq!(Startup::decode(&buf), Ok(Startup::Tls));
    buf.clear();
    frontend::cancel_request(&mut buf, 7, b"keys").unwrap();
    assert_eq!(Startup::decode(&buf), Ok(Startup::Cancel { pid: 7, secret: b"keys" }));
}

#[test]
fn other_first_packets() {
    let cases: [(&[u8], Result<Startup<'_>, DecodeError>); 10] = [
        (b"\x04\xd2\x16\x30", Ok(Startup::GssEncryption)),
        (b"\x00\x02\x00\x00", Ok(Startup::OtherProtocol(2))),
        (b"\x04\xd2\x16\x2fx", Err(DecodeError::Trailing)),
        (b"\x04\xd2\x16\x2e\x00\x00\x00\x07key", Err(DecodeError::InvalidLength)),
        (b"\x00\x03\x00\x00", Err(DecodeError::Truncated)),
        (b"\x00\x03\x00\x00\x00x", Err(DecodeError::Trailing)),
        (b"\x00\x03\x00\x00user\x00", Err(DecodeError::Truncated)),
        (b"\x00\x03\x00\x00us\xffer\x00a\x00\x00", Err(DecodeError::InvalidUtf8)),
        (b"\x00\x03\x00\x00\x00", Ok(Startup::Session(Session::default()))),
        (
            b"\x00\x03\x00\x02_pq_.x\x001\x00a\x00b\x00\x00",
            Ok(Startup::Session(Session {
                minor: 2,
                parameters: vec![("a", "b")],
                unknown_options: vec!["_pq_.x"],
            })),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(Startup::decode(&packet(body)), expected, "{}", body.escape_ascii());
    }
}

#[test]
fn lengths_are_judged_before_anything_is_read() {
    let cases = [(0_u32, false), (7, false), (8, true), (10_000, true), (10_001, false)];
    for (len, good) in cases {
        assert_eq!(packet_len(&len.to_be_bytes()).is_ok(), good, "{len}");
    }
    assert!(packet_len(&u32::MAX.to_be_bytes()).is_err());
    assert_eq!(packet_len(b"\0\0\0"), Ok(None));
}

#[test]
fn parameters_are_bounded_and_the_last_counts() {
    let one = b"a\x00b\x00".repeat(PARAMETERS_MAX + 1);
    let body = [b"\x00\x03\x00\x00", &one[..], b"\x00"].concat();
    assert_eq!(Startup::decode(&packet(&body)), Err(DecodeError::InvalidLength));
    let twice = Session { parameters: vec![("a", "1"), ("a", "2")], ..Session::default() };
    assert_eq!(twice.get("a"), Some("2"));
}
