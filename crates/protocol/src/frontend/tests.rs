//! What clients send, byte by byte; failures leave nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::BytesMut;

use super::*;

type Encode = fn(&mut BytesMut) -> Result<(), EncodeError>;

#[test]
fn messages_are_what_the_protocol_says() {
    let cases: [(Encode, &[u8]); 21] = [
        (
            |b| startup(b, &[("user", "a"), ("database", "d")]),
            b"\x00\x00\x00\x1b\x00\x03\x00\x00user\x00a\x00database\x00d\x00\x00",
        ),
        (
            |b| {
                ssl_request(b);
                Ok(())
            },
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
        ),
        (
            |b| cancel_request(b, 7, b"keys"),
            b"\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x00\x07keys",
        ),
        (
            |b| cancel_request(b, -1, &[1; 5]),
            b"\x00\x00\x00\x11\x04\xd2\x16\x2e\xff\xff\xff\xff\x01\x01\x01\x01\x01",
        ),
        (|b| password(b, "secret"), b"p\x00\x00\x00\x0bsecret\x00"),
        (
            |b| md5_password(b, "md5_user", "password", [0x2a, 0x3d, 0x8f, 0xe0]),
            b"p\x00\x00\x00\x28md562af4dd09bbb41884907a838a3233294\x00",
        ),
        (|b| sasl_initial(b, "S", b"n,,"), b"p\x00\x00\x00\x0dS\x00\x00\x00\x00\x03n,,"),
        (|b| sasl_response(b, b"c=x"), b"p\x00\x00\x00\x07c=x"),
        (|b| query(b, "select 1"), b"Q\x00\x00\x00\x0dselect 1\x00"),
        (
            |b| parse(b, "s", "q", &[23, 0]),
            b"P\x00\x00\x00\x12s\x00q\x00\x00\x02\x00\x00\x00\x17\x00\x00\x00\x00",
        ),
        (|b| bind(b, "", "s", &[]), b"B\x00\x00\x00\x0d\x00s\x00\x00\x00\x00\x00\x00\x00"),
        (
            |b| bind(b, "", "s", &[Parameter::text("ab"), Parameter::NULL]),
            b"B\x00\x00\x00\x17\x00s\x00\x00\x00\x00\x02\x00\x00\x00\x02ab\xff\xff\xff\xff\x00\x00",
        ),
        (
            |b| bind(b, "p", "", &[Parameter::text(""), Parameter::binary(b"\x00")]),
            b"B\x00\x00\x00\x1ap\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00\
        \x00\x01\x00\x00\x00",
        ),
        (|b| describe_statement(b, "s"), b"D\x00\x00\x00\x07Ss\x00"),
        (|b| describe_portal(b, ""), b"D\x00\x00\x00\x06P\x00"),
        (|b| execute(b, "", 100), b"E\x00\x00\x00\x09\x00\x00\x00\x00\x64"),
        (|b| close_statement(b, "s"), b"C\x00\x00\x00\x07Ss\x00"),
        (|b| close_portal(b, "p"), b"C\x00\x00\x00\x07Pp\x00"),
        (|b| copy_data(b, b"1\t2\n"), b"d\x00\x00\x00\x081\t2\n"),
        (|b| copy_fail(b, "no"), b"f\x00\x00\x00\x07no\x00"),
        (
            |b| {
                copy_done(b);
                sync(b);
                flush(b);
                terminate(b);
                Ok(())
            },
            b"c\x00\x00\x00\x04S\x00\x00\x00\x04H\x00\x00\x00\x04X\x00\x00\x00\x04",
        ),
    ];
    let mut all = BytesMut::new();
    for (encode, expected) in cases {
        let start = all.len();
        encode(&mut all).unwrap();
        assert_eq!(&all[start..], expected);
    }
}

#[test]
fn failures_leave_nothing_behind() {
    let many = vec![Parameter::NULL; PARAMETERS_MAX + 1];
    let types = vec![0; PARAMETERS_MAX + 1];
    let nul: [Encode; 10] = [
        |b| startup(b, &[("user", "a\0b")]),
        |b| startup(b, &[("us\0er", "")]),
        |b| password(b, "\0"),
        |b| sasl_initial(b, "S\0", b""),
        |b| query(b, "select 1\0"),
        |b| parse(b, "", "\0", &[]),
        |b| bind(b, "", "\0", &[Parameter::NULL]),
        |b| describe_statement(b, "\0"),
        |b| execute(b, "a\0", 0),
        |b| copy_fail(b, "\0"),
    ];
    let mut buf = BytesMut::from(&b"before"[..]);
    for encode in nul {
        assert_eq!(encode(&mut buf), Err(EncodeError::NulInText));
        assert_eq!(&buf[..], b"before");
    }
    assert_eq!(bind(&mut buf, "", "", &many), Err(EncodeError::TooManyParameters));
    assert_eq!(parse(&mut buf, "", "", &types), Err(EncodeError::TooManyParameters));
    assert_eq!(&buf[..], b"before");
    assert!(bind(&mut buf, "", "", &many[1..]).is_ok());
}

#[test]
fn values_may_hold_any_byte() {
    let all: Vec<u8> = (0..=255).collect();
    let mut buf = BytesMut::new();
    bind(&mut buf, "", "", &[Parameter::binary(&all)]).unwrap();
    assert!(buf.windows(256).any(|window| window == all));
}

#[test]
fn lengths_have_a_limit() {
    assert_eq!(length(MESSAGE_LEN_MAX), Ok(0x3fff_fffe));
    for len in [MESSAGE_LEN_MAX + 1, usize::MAX] {
        assert_eq!(length(len), Err(EncodeError::TooLong));
    }
}
