//! What is written is what the client half reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::backend::{
    Authentication, BackendKeyData, Columns, DataRow, ParameterStatus, ReadyForQuery,
};
use crate::frame;

fn body(write: impl FnOnce(&mut BytesMut)) -> (u8, Vec<u8>) {
    let mut buf = BytesMut::new();
    write(&mut buf);
    let (header, body) = frame::split(&buf, 10_000).unwrap().unwrap();
    assert_eq!(header.len, buf.len());
    (header.tag, body.to_vec())
}

#[test]
fn authentication_is_read_back() {
    type Write = fn(&mut BytesMut);
    let cases: [(Write, Authentication<'_>); 5] = [
        (authentication_ok, Authentication::Ok),
        (authentication_cleartext, Authentication::CleartextPassword),
        (
            |b| authentication_sasl(b, &["A", "B"]),
            Authentication::Sasl { mechanisms: vec!["A", "B"] },
        ),
        (|b| authentication_sasl_continue(b, b"x"), Authentication::SaslContinue(b"x")),
        (|b| authentication_sasl_final(b, b"y"), Authentication::SaslFinal(b"y")),
    ];
    for (write, expected) in cases {
        let (kind, body) = body(write);
        assert_eq!(kind, tag::AUTHENTICATION);
        assert_eq!(Authentication::decode(&body).unwrap(), expected);
    }
}

#[test]
fn what_a_session_begins_with() {
    let (_, status) = body(|b| parameter_status(b, "server_version", "18.1"));
    let status = ParameterStatus::decode(&status).unwrap();
    assert_eq!((status.name, status.value), ("server_version", "18.1"));
    let (_, key) = body(|b| backend_key_data(b, 7, &[9; 32]));
    let key = BackendKeyData::decode(&key).unwrap();
    assert_eq!((key.pid, key.secret), (7, &[9; 32][..]));
    let (_, ready) = body(|b| ready_for_query(b, TransactionStatus::Failed));
    assert_eq!(ReadyForQuery::decode(&ready).unwrap().status, TransactionStatus::Failed);
    let (kind, version) = body(|b| negotiate_protocol_version(b, 2, &["_pq_.x"]));
    assert_eq!(kind, b'v');
    assert_eq!(version, b"\x00\x03\x00\x02\x00\x00\x00\x01_pq_.x\x00");
}

#[test]
fn an_error_ends_where_its_text_has_a_nul() {
    let text = ErrorText {
        severity: Severity::Fatal,
        code: SqlState::INVALID_PASSWORD,
        message: "no\0Cforged",
    };
    let (_, written) = body(|b| error(b, text));
    let fields = ErrorFields::decode(&written).unwrap().to_owned();
    assert_eq!((fields.severity.as_str(), fields.message.as_str()), ("FATAL", "no"));
    assert_eq!(fields.code, SqlState::INVALID_PASSWORD);
}

#[test]
fn what_is_told_plainly() {
    let fields = b"SERROR\0VERROR\0C23505\0Mno\0Dvalue of a row\0Hhint\0P7\0p8\0qinternal\0W\
        where\0sschema\0ttable\0ccolumn\0dtype\0nname\0Ffile\0L1\0Rroutine\0Zunknown\0\0";
    let (kind, told) =
        body(|b| plainly(b, tag::NOTICE_RESPONSE, ErrorFields::decode(fields).unwrap()));
    assert_eq!(kind, tag::NOTICE_RESPONSE);
    assert_eq!(told, b"SERROR\0VERROR\0C23505\0Mno\0P7\0\0");
}

#[test]
fn rows_are_read_back() {
    let column = |name, oid, binary| Column { name, oid, len: -1, binary };
    let columns = [column("a", 25, false), column("b", 23, true)];
    let (kind, description) = body(|b| row_description(b, columns.into_iter()));
    assert_eq!(kind, tag::ROW_DESCRIPTION);
    let described = Columns::decode(&description).unwrap().columns;
    let names: Vec<&str> = described.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let (kind, row) = body(|b| data_row(b, [Some("x"), None, Some("")].into_iter()));
    assert_eq!(kind, tag::DATA_ROW);
    let row: Vec<Option<Vec<u8>>> =
        DataRow::decode(&row).unwrap().iter().map(|value| value.map(<[u8]>::to_vec)).collect();
    assert_eq!(row, [Some(b"x".to_vec()), None, Some(Vec::new())]);
    let (kind, told) = body(|b| notice(b, "read", "this"));
    assert_eq!(kind, tag::NOTICE_RESPONSE);
    assert!(told.ends_with(b"Mread\0Dthis\0\0"));
}
