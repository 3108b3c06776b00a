//! What the service refuses to return, for databases that are to behave as it does.
//!
//! The list of types is that of the Aurora User Guide, "Data API operations reference", with what
//! the service has been seen to return besides: `oid`, `timestamptz`, `void`, literals of no type,
//! `int4range` and `numrange`. Types of columns decide, whether there are rows or not.

use rowhouse_protocol::backend::Column;
use rowhouse_protocol::oid;

use crate::catalog::{ColumnFacts, TypeKind};
use crate::fault::{Exception, Fault};

/// The scalar types that the service returns, enums and pgvector's `vector` aside.
const SCALARS: &[u32] = &[
    oid::BOOL,
    oid::BPCHAR,
    oid::BYTEA,
    oid::CIDR,
    oid::DATE,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::INET,
    oid::INT2,
    oid::INT4,
    oid::INT4RANGE,
    oid::INT8,
    oid::JSON,
    oid::JSONB,
    oid::NAME,
    oid::NUMERIC,
    oid::NUMRANGE,
    oid::OID,
    oid::TEXT,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::UNKNOWN,
    oid::UUID,
    oid::VARCHAR,
    oid::VOID,
];

/// The types whose arrays the service returns.
const ELEMENTS: &[u32] = &[
    oid::BIT,
    oid::BOOL,
    oid::BPCHAR,
    oid::DATE,
    oid::FLOAT4,
    oid::FLOAT8,
    oid::INT2,
    oid::INT4,
    oid::INT8,
    oid::JSON,
    oid::JSONB,
    oid::NAME,
    oid::NUMERIC,
    oid::TEXT,
    oid::TIME,
    oid::TIMESTAMP,
    oid::TIMESTAMPTZ,
    oid::UUID,
    oid::VARCHAR,
];

/// pgvector's type, which is known by its name alone.
const VECTOR: &str = "vector";

/// Refuses a column of a type that the service cannot return.
pub(crate) fn check_type(column: &Column, facts: Option<&ColumnFacts>) -> Result<(), Fault> {
    let named = facts.and_then(|facts| facts.named_type.as_deref());
    let returned = match (oid::element_of(column.type_oid), named) {
        (Some(element), _) => ELEMENTS.contains(&element),
        (None, Some(named)) => {
            named.array.is_none() && (named.kind == TypeKind::Enum || named.name == VECTOR)
        }
        (None, None) => SCALARS.contains(&column.type_oid),
    };
    if returned {
        return Ok(());
    }
    let built_in = oid::type_name(column.type_oid);
    let name = match built_in.or(named.map(|named| named.name.as_str())) {
        // PostgreSQL writes this one name with quotes, to tell it from char(n).
        Some("char") => "\"CHAR\"",
        Some(name) => name,
        None => "unknown",
    };
    let message = format!("The result contains the unsupported data type {name}.");
    Err(Fault::new(Exception::UnsupportedResult, message))
}

/// The refusal of an array of several dimensions.
pub fn refused_dimensions() -> Fault {
    Fault::new(Exception::UnsupportedResult, "The result contains a multidimensional array.")
}

#[cfg(test)]
mod tests;
