//! Rows, columns and parameter types, with counts and lengths that lie.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let len = value.map_or(-1, |value| i32::try_from(value.len()).unwrap());
        body.extend(len.to_be_bytes());
        body.extend(value.unwrap_or_default());
    }
    body
}

#[test]
fn rows_come_back() {
    let many = vec![None; 65_535];
    let cases: [&[Option<&[u8]>]; 4] =
        [&[], &[None], &[Some(b""), Some(b"42"), None, Some(b"\xff\x00")], &many];
    for values in cases {
        let body = row(values);
        let decoded = DataRow::decode(&body).unwrap();
        assert_eq!((decoded.len(), decoded.is_empty()), (values.len(), values.is_empty()));
        assert!(decoded.iter().eq(values.iter().copied()));
        assert_eq!(decoded.into_iter().len(), values.len());
    }
}

#[test]
fn rows_cut_off_are_refused() {
    let body = row(&[Some(b"42"), None, Some(b"abc")]);
    for len in 0..body.len() {
        assert_eq!(DataRow::decode(&body[..len]), Err(DecodeError::Truncated), "{len}");
    }
    let long = [&body[..], b"x"].concat();
    assert_eq!(DataRow::decode(&long), Err(DecodeError::Trailing));
}

#[test]
fn lengths_that_lie_are_refused() {
    for len in [-2, i32::MIN] {
        let body = [&b"\x00\x01"[..], &len.to_be_bytes(), b"abc"].concat();
        assert_eq!(DataRow::decode(&body), Err(DecodeError::InvalidLength), "{len}");
    }
    let body = [&b"\x00\x01"[..], &i32::MAX.to_be_bytes(), b"abc"].concat();
    assert_eq!(DataRow::decode(&body), Err(DecodeError::Truncated));
}

#[test]
fn columns_come_back() {
    let body = b"\x00\x02id\x00\x00\x00\x40\x00\x00\x01\x00\x00\x00\x17\x00\x04\xff\xff\xff\xff\
        \x00\x00n\xc3\xa4me\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x13\xff\xff\x00\x00\x00\x18\
        \x00\x01";
    let columns = Columns::decode(body).unwrap().columns;
    let id = Column {
        name: "id".into(),
        table_oid: 0x4000,
        attribute: 1,
        type_oid: crate::oid::INT4,
        type_size: 4,
        type_modifier: -1,
        format: 0,
    };
    assert_eq!(columns[0], id);
    assert_eq!((columns[1].name.as_str(), columns[1].type_oid), ("näme", crate::oid::VARCHAR));
    assert_eq!((columns[1].type_size, columns[1].type_modifier, columns[1].format), (-1, 24, 1));
    for len in 0..body.len() {
        assert_eq!(Columns::decode(&body[..len]), Err(DecodeError::Truncated), "{len}");
    }
    assert_eq!(Columns::decode(b"\x00\x00x"), Err(DecodeError::Trailing));
    assert_eq!(Columns::decode(b"\x00\x01\xff\x00"), Err(DecodeError::InvalidUtf8));
}

#[test]
fn parameter_types_come_back() {
    let body = b"\x00\x02\x00\x00\x00\x17\x00\x00\x00\x19";
    assert_eq!(parameter_types(body), Ok(vec![23, 25]));
    for len in 0..body.len() {
        assert_eq!(parameter_types(&body[..len]), Err(DecodeError::Truncated), "{len}");
    }
    assert_eq!(parameter_types(b"\xff\xff"), Err(DecodeError::Truncated));
}
