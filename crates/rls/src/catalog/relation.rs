//! Tables, partitions and views, and their columns.

use std::collections::BTreeSet;

use serde::Deserialize;

/// `pg_class.relkind`, of what can hold rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RelationKind {
    /// A table.
    #[default]
    #[serde(rename = "r")]
    Table,
    /// A partitioned table.
    #[serde(rename = "p")]
    Partitioned,
    /// A view.
    #[serde(rename = "v")]
    View,
    /// A materialised view.
    #[serde(rename = "m")]
    MaterializedView,
    /// A foreign table.
    #[serde(rename = "f")]
    Foreign,
}

/// A table, a partition, a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Relation {
    /// Its OID.
    pub oid: u64,
    /// The schema, as the catalog has it.
    pub schema: String,
    /// Schema-qualified and quoted.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// Its owner.
    pub owner: String,
    /// The owner is a superuser or has BYPASSRLS.
    pub owner_exempt: bool,
    /// The role is its owner or a member of it.
    pub role_owns: bool,
    /// ENABLE ROW LEVEL SECURITY.
    pub row_security: bool,
    /// FORCE ROW LEVEL SECURITY.
    pub forced: bool,
    /// Rows as the last ANALYZE saw them; -1 when there was none.
    pub rows: i64,
    /// It is a partition.
    pub partition: bool,
    /// Of which partitioned or inherited tables it is a child.
    pub parents: Vec<u64>,
    /// A view with `security_invoker`.
    pub security_invoker: bool,
    /// The role may use the schema.
    pub usage: bool,
    /// What the role may do, in SQL's words.
    pub privileges: BTreeSet<String>,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Publications that send its rows unfiltered.
    pub publications: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// `attnum`.
    pub number: i16,
    /// Its name, quoted where SQL needs it.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// NOT NULL.
    pub not_null: bool,
    /// GENERATED … AS IDENTITY.
    pub identity: bool,
    /// GENERATED ALWAYS AS (…).
    pub generated: bool,
    /// Its default.
    pub default: Option<String>,
    /// ANALYZE keeps its most common values.
    pub statistics: bool,
    /// The role may update it.
    pub update: bool,
}

impl Relation {
    /// It stores rows itself, or in partitions.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::Partitioned)
    }

    /// The role may do this to it.
    pub fn allows(&self, privilege: &str) -> bool {
        self.usage && self.privileges.contains(privilege)
    }

    /// The role may read or write rows of it.
    pub fn is_reachable(&self) -> bool {
        ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|one| self.allows(one))
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column of that number.
    pub fn column_at(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }
}
