//! What our own client half writes is read back; what nobody should send is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::BytesMut;

use super::*;
use crate::frame;
use crate::frontend::{self, EncodeError, Parameter};

type Encode = fn(&mut BytesMut) -> Result<(), EncodeError>;

#[test]
fn what_is_written_is_read() {
    use Named::{Portal, Statement};
    let cases: [(Encode, Request<'_>); 9] = [
        (|b| frontend::query(b, "select 1"), Request::Query { sql: "select 1" }),
        (
            |b| frontend::parse(b, "s", "q", &[23, 0]),
            Request::Parse { name: "s", sql: "q", types: vec![23, 0] },
        ),
        (
            |b| frontend::bind(b, "p", "s", &[Parameter::NULL]),
            Request::Bind {
                portal: "p",
                statement: "s",
                rest: b"\x00\x00\x00\x01\xff\xff\xff\xff\x00\x00",
            },
        ),
        (|b| frontend::describe_statement(b, "s"), Request::Describe(Statement, "s")),
        (|b| frontend::describe_portal(b, ""), Request::Describe(Portal, "")),
        (|b| frontend::execute(b, "p", 7), Request::Execute { portal: "p" }),
        (|b| frontend::close_statement(b, "s"), Request::Close(Statement, "s")),
        (|b| frontend::close_portal(b, "p"), Request::Close(Portal, "p")),
        (|b| frontend::copy_data(b, b"x"), Request::CopyData),
    ];
    for (encode, expected) in cases {
        let mut buf = BytesMut::new();
        encode(&mut buf).unwrap();
        let (header, body) = frame::split(&buf, 1000).unwrap().unwrap();
        assert_eq!(Request::decode(header.tag, body), Ok(expected));
        for end in 0..body.len() {
            // Cut off anywhere it is no panic; most of it is an error.
            let _ = Request::decode(header.tag, &body[..end]);
        }
    }
}

#[test]
fn messages_without_a_body() {
    let cases = [
        (tag::SYNC, Request::Sync),
        (tag::FLUSH, Request::Flush),
        (tag::TERMINATE, Request::Terminate),
        (tag::COPY_DONE, Request::CopyDone),
    ];
    for (tag_byte, expected) in cases {
        assert_eq!(Request::decode(tag_byte, b""), Ok(expected));
        assert_eq!(Request::decode(tag_byte, b"x"), Err(DecodeError::Trailing));
    }
}

#[test]
fn what_is_malformed_is_refused() {
    let cases: [(u8, &[u8], DecodeError); 10] = [
        (tag::QUERY, b"select 1", DecodeError::Truncated),
        (tag::QUERY, b"select\x001\x00", DecodeError::Trailing),
        (tag::QUERY, b"\xff\x00", DecodeError::InvalidUtf8),
        (tag::PARSE, b"\x00q\x00\xff\xff\x00\x00\x00\x01", DecodeError::Truncated),
        (tag::PARSE, b"\x00q\x00\x00\x00x", DecodeError::Truncated),
        (tag::DESCRIBE, b"X\x00", DecodeError::UnknownCode(b'X')),
        (tag::CLOSE, b"", DecodeError::Truncated),
        (tag::EXECUTE, b"\x00\x00", DecodeError::Truncated),
        (b'?', b"", DecodeError::UnknownCode(b'?')),
        (0, b"", DecodeError::UnknownCode(0)),
    ];
    for (tag_byte, body, expected) in cases {
        let known = !matches!(expected, DecodeError::UnknownCode(code) if code == tag_byte);
        assert_eq!(tag::is_of_session(tag_byte), known);
        assert_eq!(Request::decode(tag_byte, body), Err(expected), "{}", body.escape_ascii());
    }
}

#[test]
fn passwords_and_sasl() {
    assert_eq!(password(b"secret\x00"), Ok("secret"));
    assert_eq!(password(b"sec\x00ret\x00"), Err(DecodeError::Trailing));
    assert_eq!(sasl_initial(b"S\x00\x00\x00\x00\x02n,"), Ok(("S", &b"n,"[..])));
    assert_eq!(sasl_initial(b"S\x00\xff\xff\xff\xff"), Ok(("S", &b""[..])));
    assert_eq!(sasl_initial(b"S\x00\x00\x00\x00\x09n,"), Err(DecodeError::Truncated));
}

#[test]
fn what_a_bind_wants_back() {
    type Formats = Result<Option<Vec<bool>>, DecodeError>;
    let cases: [(&[u8], Formats); 6] = [
        (b"\0\0\0\0\0\0", Ok(Some(vec![]))),
        (b"\0\0\0\0\0\x02\0\x01\0\0", Ok(Some(vec![true, false]))),
        (b"\0\x01\0\x01\0\0\0\0", Ok(Some(vec![]))),
        (b"\0\0\0\x01\xff\xff\xff\xff\0\0", Ok(None)),
        (b"\0\0\0\0\xff\xff\0\x01", Err(DecodeError::Truncated)),
        (b"\0\0\0\0\0\0\0", Err(DecodeError::Trailing)),
    ];
    for (rest, expected) in cases {
        assert_eq!(result_formats(rest), expected, "{rest:?}");
    }
}
