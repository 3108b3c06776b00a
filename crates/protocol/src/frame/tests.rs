//! Headers whole, partial and impossible.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{FrameError, FrameHeader, peek, split};

#[test]
fn header_is_read_before_the_body_is_there() {
    let message = b"D\x00\x00\x00\x06ab";
    let header = FrameHeader { tag: b'D', len: 7 };
    for len in 0..message.len() {
        let expected = (len >= 5).then_some(header);
        assert_eq!(peek(&message[..len], 2), Ok(expected), "{len} bytes");
        assert_eq!(split(&message[..len], 2), Ok(None), "{len} bytes");
    }
    assert_eq!(split(message, 2), Ok(Some((header, &b"ab"[..]))));
    assert_eq!(split(b"Z\x00\x00\x00\x05IZ\x00", 9).unwrap().unwrap().1, b"I");
    assert_eq!(header.body_len(), 2);
}

#[test]
fn impossible_lengths_are_refused_at_once() {
    for len in 0..4_u32 {
        let bytes = [&b"D"[..], &len.to_be_bytes()].concat();
        assert_eq!(peek(&bytes, 100), Err(FrameError::TooShort { tag: b'D', len }));
    }
    for len in [105, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let bytes = [&b"D"[..], &len.to_be_bytes()].concat();
        assert_eq!(peek(&bytes, 100), Err(FrameError::TooLong { tag: b'D', len, body_max: 100 }));
    }
    assert!(peek(b"D\xff\xff\xff\xff", usize::MAX).unwrap().is_some());
}

#[test]
fn errors_say_what_to_do() {
    let error = peek(b"\x01\x00\x00\xff\xff", 10).unwrap_err().to_string();
    assert!(error.contains("raise the limit") && error.contains("\\x01"), "{error}");
}
