//! Which types pass, and the service's sentence about those that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rowhouse_protocol::backend::Column;
use rowhouse_protocol::oid;

use super::check_type;
use crate::catalog::{ArrayType, ColumnFacts, NamedType, TypeKind};

/// The name of the type in the refusal; empty if there is none.
fn refused(type_oid: u32, named: Option<NamedType>) -> String {
    let column = Column {
        name: String::new(),
        table_oid: 0,
        attribute: 0,
        type_oid,
        type_size: -1,
        type_modifier: -1,
        format: 0,
    };
    let facts = ColumnFacts { origin: None, named_type: named.map(Into::into) };
    let Err(fault) = check_type(&column, Some(&facts)) else { return String::new() };
    assert_eq!(fault.exception.name(), "UnsupportedResultException");
    let name = fault.message.strip_prefix("The result contains the unsupported data type ");
    name.unwrap().strip_suffix('.').unwrap().to_owned()
}

#[test]
fn built_in_types() {
    for (type_oid, name) in [
        (oid::INT4, ""),
        (oid::OID, ""),
        (oid::TIMESTAMPTZ, ""),
        (oid::VOID, ""),
        (oid::INT4RANGE, ""),
        (oid::UUID_ARRAY, ""),
        (oid::BIT_ARRAY, ""),
        (oid::CHAR, "\"CHAR\""),
        (oid::REGTYPE, "regtype"),
        (oid::MONEY, "money"),
        (oid::POINT, "point"),
        (oid::MACADDR, "macaddr"),
        (oid::BIT, "bit"),
        (oid::INT8RANGE, "int8range"),
        (oid::INTERVAL, "interval"),
        (oid::XML, "xml"),
        (oid::INET_ARRAY, "_inet"),
        (oid::BYTEA_ARRAY, "_bytea"),
        (99_999, "unknown"),
    ] {
        assert_eq!(refused(type_oid, None), name);
    }
}

#[test]
fn other_types() {
    let array =
        Some(ArrayType { element_kind: TypeKind::Enum, element_oid: 99_998, delimiter: b',' });
    for (name, kind, array, refusal) in [
        ("mood", TypeKind::Enum, None, ""),
        ("vector", TypeKind::Other, None, ""),
        ("citext", TypeKind::Other, None, "citext"),
        ("pair", TypeKind::Composite, None, "pair"),
        ("_mood", TypeKind::Other, array, "_mood"),
    ] {
        let named = NamedType { name: name.to_owned(), kind, array };
        assert_eq!(refused(99_999, Some(named)), refusal);
    }
}
