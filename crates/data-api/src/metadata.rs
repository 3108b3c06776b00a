//! `columnMetadata`: one column as JDBC's PostgreSQL driver describes it, for the service is built
//! on it.
//!
//! RowDescription has the label, the type and its modifier. What it lacks (table, nullable, serial,
//! the names of types) comes from the catalog, if somebody has looked. The name is the label as
//! well: the driver does not give the name behind an alias, nor a schema. It does qualify and quote
//! the names of types beyond the search path; here a type has the same name for everybody.
//!
//! `arrayBaseColumnType` is the element's type of `java.sql.Types`, and 0 for what is no array.

use rowhouse_protocol::backend::Column;
use rowhouse_protocol::oid;

use crate::catalog::{ColumnFacts, NamedType, TypeKind};
use crate::json;

/// `Integer.MAX_VALUE`: what the driver says of types without a length.
const UNLIMITED: i32 = i32::MAX;
/// A modifier of a type with a length counts the four bytes of the length word.
const LENGTH_WORD: i32 = 4;
/// Digits of a second's fraction when the type does not say.
const FRACTION_DIGITS: i32 = 6;

/// `java.sql.Types`
mod jdbc {
    pub(super) const BIT: i32 = -7;
    pub(super) const BIGINT: i32 = -5;
    pub(super) const BINARY: i32 = -2;
    pub(super) const CHAR: i32 = 1;
    pub(super) const NUMERIC: i32 = 2;
    pub(super) const INTEGER: i32 = 4;
    pub(super) const SMALLINT: i32 = 5;
    pub(super) const REAL: i32 = 7;
    pub(super) const DOUBLE: i32 = 8;
    pub(super) const VARCHAR: i32 = 12;
    pub(super) const DATE: i32 = 91;
    pub(super) const TIME: i32 = 92;
    pub(super) const TIMESTAMP: i32 = 93;
    pub(super) const OTHER: i32 = 1111;
    pub(super) const DISTINCT: i32 = 2001;
    pub(super) const STRUCT: i32 = 2002;
    pub(super) const ARRAY: i32 = 2003;
    pub(super) const SQLXML: i32 = 2009;
    pub(super) const REF_CURSOR: i32 = 2012;
}

/// `ResultSetMetaData`'s answers to whether a column can be NULL.
mod nullable {
    pub(super) const NO: i32 = 0;
    pub(super) const YES: i32 = 1;
    pub(super) const UNKNOWN: i32 = 2;
}

/// Writes one `ColumnMetadata`, all fourteen members.
pub(crate) fn write(out: &mut Vec<u8>, column: &Column, facts: &ColumnFacts) {
    let named = facts.named_type.as_deref();
    let origin = facts.origin.as_deref();
    let element = oid::element_of(column.type_oid);
    let base = match named {
        Some(named) => TypeFacts::named(named),
        None => TypeFacts::of(element.unwrap_or(column.type_oid), column.type_modifier),
    };
    let is_array = element.is_some() || named.is_some_and(|named| named.array.is_some());
    let (type_code, array_base) = if is_array { (jdbc::ARRAY, base.code) } else { (base.code, 0) };
    let nullable = match origin {
        None => nullable::UNKNOWN,
        Some(origin) if origin.nullable => nullable::YES,
        Some(_) => nullable::NO,
    };
    let auto_increment = origin.is_some_and(|origin| origin.auto_increment);
    let type_name = match (column.type_oid, auto_increment) {
        (oid::INT4, true) => "serial",
        (oid::INT8, true) => "bigserial",
        (type_oid, _) => {
            oid::type_name(type_oid).or(named.map(|named| named.name.as_str())).unwrap_or_default()
        }
    };

    out.push(b'{');
    number(out, "arrayBaseColumnType", array_base);
    boolean(out, "isAutoIncrement", auto_increment);
    boolean(out, "isCaseSensitive", base.case_sensitive);
    boolean(out, "isCurrency", column.type_oid == oid::MONEY);
    boolean(out, "isSigned", base.signed);
    text(out, "label", &column.name);
    text(out, "name", &column.name);
    number(out, "nullable", nullable);
    number(out, "precision", base.precision);
    number(out, "scale", base.scale);
    text(out, "schemaName", "");
    text(out, "tableName", origin.map_or("", |origin| &origin.table));
    number(out, "type", type_code);
    text(out, "typeName", type_name);
    out.push(b'}');
}

/// What the driver says about a type that is no array.
#[derive(Debug, PartialEq, Eq)]
struct TypeFacts {
    code: i32,
    precision: i32,
    scale: i32,
    signed: bool,
    case_sensitive: bool,
}

impl TypeFacts {
    fn of(type_oid: u32, modifier: i32) -> TypeFacts {
        match type_oid {
            oid::INT2 => TypeFacts::number(jdbc::SMALLINT, 5, 0),
            oid::INT4 => TypeFacts::number(jdbc::INTEGER, 10, 0),
            oid::INT8 => TypeFacts::number(jdbc::BIGINT, 19, 0),
            oid::OID => TypeFacts::plain(jdbc::BIGINT, 10, 0),
            oid::NUMERIC => {
                let (precision, scale) = numeric_modifier(modifier);
                TypeFacts::number(jdbc::NUMERIC, precision, scale)
            }
            oid::FLOAT4 => TypeFacts::number(jdbc::REAL, 8, 8),
            oid::FLOAT8 => TypeFacts::number(jdbc::DOUBLE, 17, 17),
            oid::BOOL => TypeFacts::plain(jdbc::BIT, 1, 0),
            oid::BIT => TypeFacts::plain(jdbc::BIT, length(modifier, 0), 0),
            oid::VARBIT => TypeFacts::plain(jdbc::OTHER, length(modifier, 0), 0),
            oid::TEXT | oid::NAME => TypeFacts::cased(jdbc::VARCHAR, UNLIMITED),
            oid::VARCHAR => TypeFacts::cased(jdbc::VARCHAR, length(modifier, LENGTH_WORD)),
            oid::BPCHAR => TypeFacts::cased(jdbc::CHAR, length(modifier, LENGTH_WORD)),
            oid::CHAR => TypeFacts::cased(jdbc::CHAR, 1),
            oid::BYTEA => TypeFacts::cased(jdbc::BINARY, UNLIMITED),
            oid::MONEY => TypeFacts::cased(jdbc::DOUBLE, UNLIMITED),
            oid::XML => TypeFacts::cased(jdbc::SQLXML, UNLIMITED),
            oid::REFCURSOR => TypeFacts::cased(jdbc::REF_CURSOR, UNLIMITED),
            oid::DATE => TypeFacts::plain(jdbc::DATE, 13, 0),
            oid::TIME => TypeFacts::clock(jdbc::TIME, 8, modifier),
            oid::TIMETZ => TypeFacts::clock(jdbc::TIME, 14, modifier),
            oid::TIMESTAMP => TypeFacts::clock(jdbc::TIMESTAMP, 22, modifier),
            oid::TIMESTAMPTZ => TypeFacts::clock(jdbc::TIMESTAMP, 28, modifier),
            oid::INTERVAL => TypeFacts::plain(jdbc::OTHER, 49, interval_fraction_digits(modifier)),
            _ => TypeFacts::cased(jdbc::OTHER, UNLIMITED),
        }
    }

    /// Of an array, what is said of its elements.
    fn named(named: &NamedType) -> TypeFacts {
        let kind = named.array.map_or(named.kind, |array| array.element_kind);
        let code = match kind {
            TypeKind::Enum => jdbc::VARCHAR,
            TypeKind::Composite => jdbc::STRUCT,
            TypeKind::Domain => jdbc::DISTINCT,
            TypeKind::Other => jdbc::OTHER,
        };
        TypeFacts::cased(code, UNLIMITED)
    }

    fn number(code: i32, precision: i32, scale: i32) -> TypeFacts {
        TypeFacts { signed: true, ..TypeFacts::plain(code, precision, scale) }
    }

    fn plain(code: i32, precision: i32, scale: i32) -> TypeFacts {
        TypeFacts { code, precision, scale, signed: false, case_sensitive: false }
    }

    fn cased(code: i32, precision: i32) -> TypeFacts {
        TypeFacts { case_sensitive: true, ..TypeFacts::plain(code, precision, 0) }
    }

    /// The width of a time on the screen: its own, and that of a fraction with its point. The
    /// driver gives a fraction of one digit the room of two.
    fn clock(code: i32, width: i32, modifier: i32) -> TypeFacts {
        let digits =
            if (0..=FRACTION_DIGITS).contains(&modifier) { modifier } else { FRACTION_DIGITS };
        let room = match digits {
            0 => 0,
            1 => 3,
            digits => digits + 1,
        };
        TypeFacts::plain(code, width + room, digits)
    }
}

fn length(modifier: i32, header: i32) -> i32 {
    modifier.checked_sub(header).filter(|&length| length >= 0).unwrap_or(UNLIMITED)
}

/// Precision in the upper sixteen bits, scale in the lower eleven with a sign, after the length
/// word.
fn numeric_modifier(modifier: i32) -> (i32, i32) {
    const SCALE_BITS: u32 = 11;
    let Some(packed) = modifier.checked_sub(LENGTH_WORD).filter(|&packed| packed >= 0) else {
        return (0, 0);
    };
    let scale = (packed << (i32::BITS - SCALE_BITS)) >> (i32::BITS - SCALE_BITS);
    (packed >> 16, scale)
}

/// The lower sixteen bits, all ones when the type does not say.
fn interval_fraction_digits(modifier: i32) -> i32 {
    let digits = modifier & 0xffff;
    if digits > FRACTION_DIGITS { FRACTION_DIGITS } else { digits }
}

fn number(out: &mut Vec<u8>, member: &str, value: i32) {
    key(out, member);
    json::integer(out, value);
}

fn boolean(out: &mut Vec<u8>, member: &str, value: bool) {
    key(out, member);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn text(out: &mut Vec<u8>, member: &str, value: &str) {
    key(out, member);
    json::string(out, value.as_bytes());
}

fn key(out: &mut Vec<u8>, member: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests;
