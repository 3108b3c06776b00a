//! The parameters of a statement as the caller wrote them, and how they are bound.
//!
//! A `typeHint` says which PostgreSQL type a `stringValue` is sent as. Whether the text is a value
//! of that type is left to PostgreSQL: its input functions are the rule, and they accept more than
//! the documented forms.
//! <https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_SqlParameter.html>

mod array;
mod bind;

pub use array::ArrayValue;
pub use bind::{BoundStatement, BoundValue, PARAMETERS_PER_STATEMENT_MAX, bind, bind_sets};

use bytes::Bytes;
use rowhouse_protocol::oid;

/// One named parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlParameter {
    /// The name without its colon; may be all digits.
    pub name: String,
    /// What to bind.
    pub value: Value,
    /// What a string is to be taken for.
    pub type_hint: Option<TypeHint>,
}

/// The value of a parameter: the one member of its `Field`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `isNull`.
    Null,
    /// `booleanValue`.
    Boolean(bool),
    /// `longValue`.
    Long(i64),
    /// `doubleValue`.
    Double(f64),
    /// `stringValue`.
    Text(String),
    /// `blobValue`, decoded.
    Blob(Bytes),
    /// `arrayValue`
    Array(ArrayValue),
}

/// What a `stringValue` is to be taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeHint {
    /// `YYYY-MM-DD`
    Date,
    /// A decimal number.
    Decimal,
    /// A JSON document.
    Json,
    /// `HH:MM:SS[.FFF]`
    Time,
    /// `YYYY-MM-DD HH:MM:SS[.FFF]`
    Timestamp,
    /// A UUID.
    Uuid,
}

impl TypeHint {
    /// The hints as they are written.
    pub(crate) const NAMES: &[(&str, TypeHint)] = &[
        ("JSON", TypeHint::Json),
        ("UUID", TypeHint::Uuid),
        ("TIMESTAMP", TypeHint::Timestamp),
        ("DATE", TypeHint::Date),
        ("TIME", TypeHint::Time),
        ("DECIMAL", TypeHint::Decimal),
    ];

    /// The type of PostgreSQL that it means; between `json` and `jsonb` the one that people use.
    pub(crate) const fn type_oid(self) -> u32 {
        match self {
            TypeHint::Date => oid::DATE,
            TypeHint::Decimal => oid::NUMERIC,
            TypeHint::Json => oid::JSONB,
            TypeHint::Time => oid::TIME,
            TypeHint::Timestamp => oid::TIMESTAMP,
            TypeHint::Uuid => oid::UUID,
        }
    }
}
