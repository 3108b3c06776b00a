//! What the catalog of a database knows of a result's columns and RowDescription does not say:
//! where a column comes from, and what a type is that is not built in.
//!
//! Somebody else looks it up and keeps it; here is what is worth knowing, and when.

use std::sync::Arc;

use rowhouse_protocol::backend::{Column, Columns};
use rowhouse_protocol::oid;

/// What is known of one column. What is not known is left out of the answer, or guessed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Where it comes from, if it comes straight from a table or a view.
    pub origin: Option<Arc<ColumnOrigin>>,
    /// What its type is, if it is not built in.
    pub named_type: Option<Arc<NamedType>>,
}

/// Where a column comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnOrigin {
    /// The table or view.
    pub table: String,
    /// Whether it can be NULL there.
    pub nullable: bool,
    /// Whether a sequence fills it: serial, identity.
    pub auto_increment: bool,
}

/// A type that users, extensions or the catalog itself define.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedType {
    /// Its name without a schema.
    pub name: String,
    /// What kind of type it is.
    pub kind: TypeKind,
    /// What it holds, if it is an array.
    pub array: Option<ArrayType>,
}

/// The kinds of types that are described differently (`pg_type.typtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// A set of labels.
    Enum,
    /// A row of columns.
    Composite,
    /// Another type with conditions. Columns of one are described as the type below.
    Domain,
    /// Everything else.
    Other,
}

/// What an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayType {
    /// What kind of type its elements have.
    pub element_kind: TypeKind,
    /// The type of its elements; where that is a domain, the type below all domains.
    pub element_oid: u32,
    /// What parts the elements in the array's text.
    pub delimiter: u8,
}

/// Whether a type has to be looked up: built-in ones are known by their oid.
pub fn is_named(type_oid: u32) -> bool {
    oid::type_name(type_oid).is_none()
}

/// Whether a column comes straight from a table or a view.
pub fn has_origin(column: &Column) -> bool {
    column.table_oid != 0 && column.attribute != 0
}

/// Whether there is anything to look up: types that values depend on and, for a description of the
/// columns, where they come from.
pub fn is_wanting(columns: &Columns, describe: bool) -> bool {
    let mut columns = columns.columns.iter();
    columns.any(|column| is_named(column.type_oid) || (describe && has_origin(column)))
}
