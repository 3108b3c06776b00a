//! Columns as the JDBC driver describes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rowhouse_protocol::backend::Column;
use rowhouse_protocol::oid;
use serde_json::{Value, json};

use super::write;
use crate::catalog::{ArrayType, ColumnFacts, ColumnOrigin, NamedType, TypeKind};

fn metadata(type_oid: u32, type_modifier: i32) -> Value {
    described(type_oid, type_modifier, &ColumnFacts::default())
}

fn described(type_oid: u32, type_modifier: i32, facts: &ColumnFacts) -> Value {
    let column = Column {
        name: String::from("a \"b\""),
        table_oid: 0,
        attribute: 0,
        type_oid,
        type_size: -1,
        type_modifier,
        format: 0,
    };
    let mut out = Vec::new();
    write(&mut out, &column, facts);
    serde_json::from_slice(&out).unwrap()
}

/// type, precision, scale, isSigned, isCaseSensitive, typeName
type Row = (u32, i32, i32, i32, i32, bool, bool, &'static str);

const MAX: i32 = i32::MAX;

/// type oid, modifier → type, precision, scale, isSigned, isCaseSensitive, typeName
const DRIVER: &[Row] = &[
    (oid::INT2, -1, 5, 5, 0, true, false, "int2"),
    (oid::INT4, -1, 4, 10, 0, true, false, "int4"),
    (oid::INT8, -1, -5, 19, 0, true, false, "int8"),
    (oid::OID, -1, -5, 10, 0, false, false, "oid"),
    (oid::NUMERIC, -1, 2, 0, 0, true, false, "numeric"),
    (oid::NUMERIC, (10 << 16 | 4) + 4, 2, 10, 4, true, false, "numeric"),
    (oid::NUMERIC, (3 << 16 | 2046) + 4, 2, 3, -2, true, false, "numeric"),
    (oid::FLOAT4, -1, 7, 8, 8, true, false, "float4"),
    (oid::FLOAT8, -1, 8, 17, 17, true, false, "float8"),
    (oid::BOOL, -1, -7, 1, 0, false, false, "bool"),
    (oid::TEXT, -1, 12, MAX, 0, false, true, "text"),
    (oid::NAME, -1, 12, MAX, 0, false, true, "name"),
    (oid::VARCHAR, -1, 12, MAX, 0, false, true, "varchar"),
    (oid::VARCHAR, 24, 12, 20, 0, false, true, "varchar"),
    (oid::BPCHAR, 7, 1, 3, 0, false, true, "bpchar"),
    (oid::CHAR, -1, 1, 1, 0, false, true, "char"),
    (oid::BYTEA, -1, -2, MAX, 0, false, true, "bytea"),
    (oid::DATE, -1, 91, 13, 0, false, false, "date"),
    (oid::TIME, -1, 92, 15, 6, false, false, "time"),
    (oid::TIME, 0, 92, 8, 0, false, false, "time"),
    (oid::TIME, 1, 92, 11, 1, false, false, "time"),
    (oid::TIME, 3, 92, 12, 3, false, false, "time"),
    (oid::TIMETZ, -1, 92, 21, 6, false, false, "timetz"),
    (oid::TIMESTAMP, -1, 93, 29, 6, false, false, "timestamp"),
    (oid::TIMESTAMPTZ, -1, 93, 35, 6, false, false, "timestamptz"),
    (oid::INTERVAL, -1, 1111, 49, 6, false, false, "interval"),
    (oid::MONEY, -1, 8, MAX, 0, false, true, "money"),
    (oid::BIT, 5, -7, 5, 0, false, false, "bit"),
    (oid::VARBIT, -1, 1111, MAX, 0, false, false, "varbit"),
    (oid::UUID, -1, 1111, MAX, 0, false, true, "uuid"),
    (oid::JSONB, -1, 1111, MAX, 0, false, true, "jsonb"),
    (oid::INET, -1, 1111, MAX, 0, false, true, "inet"),
    (oid::XML, -1, 2009, MAX, 0, false, true, "xml"),
    (oid::RECORD, -1, 1111, MAX, 0, false, true, "record"),
    (oid::INT4_ARRAY, -1, 2003, 10, 0, true, false, "_int4"),
    (oid::VARCHAR_ARRAY, 24, 2003, 20, 0, false, true, "_varchar"),
    (99_999, -1, 1111, MAX, 0, false, true, ""),
];

#[test]
fn types() {
    for &(type_oid, modifier, code, precision, scale, signed, cased, name) in DRIVER {
        let found = metadata(type_oid, modifier);
        let members = ["type", "precision", "scale", "isSigned", "isCaseSensitive", "typeName"];
        let found: Vec<&Value> = members.iter().map(|member| &found[*member]).collect();
        let expected = json!([code, precision, scale, signed, cased, name]);
        assert_eq!(json!(found), expected);
    }
}

#[test]
fn all_fourteen_members_are_there() {
    let expected = json!({
        "arrayBaseColumnType": 4, "isAutoIncrement": false, "isCaseSensitive": false,
        "isCurrency": false, "isSigned": true, "label": "a \"b\"", "name": "a \"b\"",
        "nullable": 2, "precision": 10, "scale": 0, "schemaName": "", "tableName": "",
        "type": 2003, "typeName": "_int4",
    });
    assert_eq!(metadata(oid::INT4_ARRAY, -1), expected);
    assert_eq!(metadata(oid::MONEY, -1)["isCurrency"], true);
    assert_eq!(metadata(oid::TEXT, -1)["arrayBaseColumnType"], 0);
}

#[test]
fn a_column_of_a_table() {
    // type, can be NULL, is filled by a sequence → nullable, isAutoIncrement, typeName
    for (type_oid, nullable, auto_increment, expected) in [
        (oid::INT4, false, true, json!([0, true, "serial"])),
        (oid::INT8, false, true, json!([0, true, "bigserial"])),
        (oid::INT2, false, true, json!([0, true, "int2"])),
        (oid::INT4, false, false, json!([0, false, "int4"])),
        (oid::TEXT, true, false, json!([1, false, "text"])),
        (oid::TEXT_ARRAY, true, false, json!([1, false, "_text"])),
    ] {
        let origin = ColumnOrigin { table: "items".to_owned(), nullable, auto_increment };
        let facts = ColumnFacts { origin: Some(origin.into()), named_type: None };
        let found = described(type_oid, -1, &facts);
        let members = json!([found["nullable"], found["isAutoIncrement"], found["typeName"]]);
        assert_eq!(members, expected);
        assert_eq!((&found["tableName"], &found["schemaName"]), (&json!("items"), &json!("")));
    }
}

#[test]
fn types_that_are_not_built_in() {
    let array =
        |element_kind, element_oid| Some(ArrayType { element_kind, element_oid, delimiter: b',' });
    // name, kind, array → type, arrayBaseColumnType
    for (name, kind, array, expected) in [
        ("mood", TypeKind::Enum, None, json!([12, 0])),
        ("pair", TypeKind::Composite, None, json!([2002, 0])),
        ("citext", TypeKind::Other, None, json!([1111, 0])),
        ("_mood", TypeKind::Other, array(TypeKind::Enum, 99_998), json!([2003, 12])),
        ("_pair", TypeKind::Other, array(TypeKind::Composite, 99_998), json!([2003, 2002])),
        ("_positive", TypeKind::Other, array(TypeKind::Domain, oid::INT4), json!([2003, 2001])),
        ("_citext", TypeKind::Other, array(TypeKind::Other, 99_998), json!([2003, 1111])),
    ] {
        let named = NamedType { name: name.to_owned(), kind, array };
        let facts = ColumnFacts { origin: None, named_type: Some(named.into()) };
        let found = described(99_999, -1, &facts);
        assert_eq!(json!([found["type"], found["arrayBaseColumnType"]]), expected, "{name}");
        let rest = json!([found["typeName"], found["precision"], found["isCaseSensitive"]]);
        assert_eq!(rest, json!([name, MAX, true]));
    }
}

#[test]
fn no_modifier_is_too_strange() {
    for type_oid in oid::WITH_ARRAYS {
        for modifier in [i32::MIN, i32::MIN + 3, -5, 0, 3, 4, 5, i32::MAX] {
            metadata(*type_oid, modifier);
        }
    }
}
