//! Columns as the JDBC driver describes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use rowhouse_protocol::backend::Column;
use rowhouse_protocol::oid;
use serde_json::{Value, json};

use super::write;
use crate::result::{ColumnOrigin, Nullable};

fn metadata(type_oid: u32, type_modifier: i32, origin: Option<&ColumnOrigin>) -> Value {
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
    write(&mut out, &column, origin);
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
    (oid::RECORD, -1, 2002, MAX, 0, false, true, "record"),
    (oid::INT4_ARRAY, -1, 2003, 10, 0, true, false, "_int4"),
    (oid::VARCHAR_ARRAY, 24, 2003, 20, 0, false, true, "_varchar"),
    (99_999, -1, 1111, MAX, 0, false, true, ""),
];

#[test]
fn types() {
    for &(type_oid, modifier, code, precision, scale, signed, cased, name) in DRIVER {
        let found = metadata(type_oid, modifier, None);
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
    assert_eq!(metadata(oid::INT4_ARRAY, -1, None), expected);
    assert_eq!(metadata(oid::MONEY, -1, None)["isCurrency"], true);
    assert_eq!(metadata(oid::TEXT, -1, None)["arrayBaseColumnType"], 0);
}

#[test]
fn the_catalog_knows_more() {
    let origin = ColumnOrigin {
        schema: String::new(),
        table: String::from("items"),
        nullable: Nullable::No,
        auto_increment: true,
        type_name: Some(String::from("serial")),
    };
    let found = metadata(oid::INT4, -1, Some(&origin));
    assert_eq!(found["tableName"], "items");
    assert_eq!(found["nullable"], 0);
    assert_eq!(found["isAutoIncrement"], true);
    assert_eq!(found["typeName"], "serial");
}

#[test]
fn no_modifier_is_too_strange() {
    for type_oid in oid::WITH_ARRAYS {
        for modifier in [i32::MIN, i32::MIN + 3, -5, 0, 3, 4, 5, i32::MAX] {
            metadata(*type_oid, modifier, None);
        }
    }
}
