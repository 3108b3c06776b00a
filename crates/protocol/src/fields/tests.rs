//! Errors and notices, complete, sparse and broken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const FULL: &[u8] = b"SFEHLER\x00VERROR\x00C23505\x00Mduplicate key\x00DKey (id)=(1)\x00Htry 2\x00\
    P15\x00p3\x00qselect 1\x00Wfunction f\x00sshop\x00torders\x00cid\x00dint4\x00norders_pkey\x00\
    Fnbtinsert.c\x00L666\x00R_bt_check_unique\x00\x00";

#[test]
fn all_fields() {
    let error = ErrorFields::decode(FULL).unwrap().to_owned();
    let expected = ServerError {
        severity: "ERROR".into(),
        code: SqlState::UNIQUE_VIOLATION,
        message: "duplicate key".into(),
        detail: Some("Key (id)=(1)".into()),
        hint: Some("try 2".into()),
        position: Some(15),
        internal_position: Some(3),
        internal_query: Some("select 1".into()),
        where_: Some("function f".into()),
        schema: Some("shop".into()),
        table: Some("orders".into()),
        column: Some("id".into()),
        data_type: Some("int4".into()),
        constraint: Some("orders_pkey".into()),
        routine: Some("_bt_check_unique".into()),
    };
    assert_eq!(error, expected);
    assert!(!error.is_fatal());
    assert_eq!(error.to_string(), "ERROR: duplicate key (23505)");
}

#[test]
fn cut_off_anywhere_is_refused() {
    for len in 0..FULL.len() {
        assert_eq!(ErrorFields::decode(&FULL[..len]), Err(DecodeError::Truncated), "{len}");
    }
    assert_eq!(ErrorFields::decode(b"\x00x"), Err(DecodeError::Trailing));
}

#[test]
fn what_is_missing_or_nonsense_has_a_default() {
    let cases: [(&[u8], &str, SqlState, &str); 4] = [
        (b"\x00", "ERROR", SqlState::INTERNAL_ERROR, ""),
        (b"SFATAL\x00Cxx\x00\x00", "FATAL", SqlState::INTERNAL_ERROR, ""),
        (b"SFATAL\x00C57P01\x00Mbye\xff\x00\x00", "FATAL", SqlState::ADMIN_SHUTDOWN, "bye\u{fffd}"),
        (b"VPANIC\x00P-1\x00P7\x00\x00", "PANIC", SqlState::INTERNAL_ERROR, ""),
    ];
    for (body, severity, code, message) in cases {
        let error = ErrorFields::decode(body).unwrap().to_owned();
        assert_eq!((&*error.severity, error.code, &*error.message), (severity, code, message));
        assert_eq!(error.position, None);
        assert_eq!(error.is_fatal(), severity != "ERROR");
    }
}

#[test]
fn unknown_fields_are_kept() {
    let fields = ErrorFields::decode(b"Zfuture\x00\x00").unwrap();
    assert_eq!(fields.iter().collect::<Vec<_>>(), [(b'Z', &b"future"[..])]);
    assert_eq!(fields.get(b'Z').as_deref(), Some("future"));
}
