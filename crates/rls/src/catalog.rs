//! What `doctor` knows of a database: the rows of a few queries, as values.
//!
//! Every query gives one JSON object a row. They read catalogs that every role may read, so that
//! doctor needs no privilege; names come back quoted where SQL needs it.

mod relation;
mod seal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use relation::{Column, Relation, RelationKind};
pub use seal::{KeyReader, SEAL_ROLE, Seal};

/// The `search_path` a connection must have when it runs these queries: names and operators in them
/// are not qualified, and those of the database's users must not be found instead.
pub const SEARCH_PATH: &str = "pg_catalog, pg_temp";

/// A question to the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The server, the database, the role.
    Server,
    /// Tables and views.
    Relations,
    /// Policies.
    Policies,
    /// Indexes.
    Indexes,
    /// Foreign keys.
    ForeignKeys,
    /// Functions.
    Functions,
    /// What views read.
    ViewReads,
    /// Sequences.
    Sequences,
    /// Roles.
    Roles,
    /// The sealed context.
    Seal,
}

impl Part {
    /// All of them, in the order of their progress.
    pub const ALL: [Part; 10] = [
        Part::Server,
        Part::Relations,
        Part::Policies,
        Part::Indexes,
        Part::ForeignKeys,
        Part::Functions,
        Part::ViewReads,
        Part::Sequences,
        Part::Roles,
        Part::Seal,
    ];

    /// The query for what tenants' statements meet when they run as `role`. One statement without
    /// parameters, to be run with [`SEARCH_PATH`].
    pub fn query(self, role: &str) -> String {
        self.text().replace(":role", &quote_literal(role))
    }

    fn text(self) -> &'static str {
        match self {
            Part::Server => include_str!("catalog/server.sql"),
            Part::Relations => include_str!("catalog/relations.sql"),
            Part::Policies => include_str!("catalog/policies.sql"),
            Part::Indexes => include_str!("catalog/indexes.sql"),
            Part::ForeignKeys => include_str!("catalog/foreign_keys.sql"),
            Part::Functions => include_str!("catalog/functions.sql"),
            Part::ViewReads => include_str!("catalog/view_reads.sql"),
            Part::Sequences => include_str!("catalog/sequences.sql"),
            Part::Roles => include_str!("catalog/roles.sql"),
            Part::Seal => include_str!("catalog/seal.sql"),
        }
    }
}

/// The catalog of one database, as far as the walls are concerned, seen by one role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// The server, the database and the role.
    pub server: Server,
    /// Tables, partitions, views and so on, by OID.
    pub relations: BTreeMap<u64, Relation>,
    /// Policies of all tables.
    pub policies: Vec<Policy>,
    /// Indexes of all tables.
    pub indexes: Vec<Index>,
    /// Foreign keys of all tables.
    pub foreign_keys: Vec<ForeignKey>,
    /// Functions by OID.
    pub functions: BTreeMap<u64, Function>,
    /// What each view reads, one step deep.
    pub view_reads: BTreeMap<u64, BTreeSet<u64>>,
    /// Sequences that belong to a column.
    pub sequences: Vec<Sequence>,
    /// Roles of the cluster, but PostgreSQL's own.
    pub roles: Vec<Role>,
    /// The sealed context.
    pub seal: Seal,
}

/// The server, the database and the role that tenants' statements run as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Server {
    /// `server_version_num`.
    pub version: u32,
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// It may make temporary tables.
    pub temporary: bool,
    /// It may make schemas.
    pub create_schema: bool,
    /// Predefined roles it is a member of.
    pub predefined: Vec<String>,
    /// `ALTER ROLE … SET` for it.
    pub settings: Vec<RoleSetting>,
    /// Rights that future tables give it.
    pub default_privileges: Vec<DefaultPrivilege>,
    /// Functions of PostgreSQL's it may call, among those that reach beyond a tenant.
    pub functions: BTreeSet<String>,
    /// It may read `pg_stat_activity`.
    pub activity: bool,
    /// Views of pg_stat_statements that it may read.
    pub statements: Vec<String>,
    /// Large objects it owns.
    pub large_objects: u64,
    /// Foreign servers it may use.
    pub foreign_servers: Vec<String>,
    /// Schemas in which it may create.
    pub schemas: Vec<String>,
    /// Publications of every table.
    pub all_tables_publications: Vec<String>,
}

/// One `name=value` of `ALTER ROLE … [IN DATABASE …] SET`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RoleSetting {
    /// The database it is for; all when absent.
    pub database: Option<String>,
    /// `name=value`.
    pub setting: String,
}

/// `ALTER DEFAULT PRIVILEGES … GRANT … ON TABLES`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DefaultPrivilege {
    /// Whose future tables.
    pub owner: String,
    /// In which schema; in all when absent.
    pub schema: Option<String>,
    /// To whom.
    pub grantee: String,
}

/// `pg_policy.polcmd`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum PolicyCommand {
    /// ALL.
    #[default]
    #[serde(rename = "*")]
    All,
    /// SELECT.
    #[serde(rename = "r")]
    Select,
    /// INSERT.
    #[serde(rename = "a")]
    Insert,
    /// UPDATE.
    #[serde(rename = "w")]
    Update,
    /// DELETE.
    #[serde(rename = "d")]
    Delete,
}

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Policy {
    /// Its table.
    pub table: u64,
    /// Its name, quoted where SQL needs it.
    pub name: String,
    /// PERMISSIVE (OR) and not RESTRICTIVE (AND).
    pub permissive: bool,
    /// Which commands it is for.
    pub command: PolicyCommand,
    /// The roles it is for, quoted where SQL needs it.
    pub roles: Vec<String>,
    /// It applies to the role.
    pub applies: bool,
    /// USING.
    pub using: Option<String>,
    /// WITH CHECK.
    pub check: Option<String>,
    /// Other relations it reads.
    pub reads: Vec<u64>,
    /// Functions it calls, of users'.
    pub calls: Vec<u64>,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Index {
    /// Its table.
    pub table: u64,
    /// Schema-qualified and quoted.
    pub name: String,
    /// UNIQUE.
    pub unique: bool,
    /// The primary key's.
    pub primary: bool,
    /// An exclusion constraint's.
    pub exclusion: bool,
    /// Complete: CREATE INDEX CONCURRENTLY may leave one that is not.
    pub valid: bool,
    /// It has a WHERE.
    pub partial: bool,
    /// The constraint it stands for.
    pub constraint: Option<String>,
    /// Key columns in order; 0 for an expression.
    pub columns: Vec<i16>,
}

/// A foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The table that refers.
    pub table: u64,
    /// Its columns.
    pub columns: Vec<i16>,
    /// The table that is referred to.
    pub referenced: u64,
    /// Its columns, in the same order.
    pub referenced_columns: Vec<i16>,
    /// `confdeltype`: a no action, r restrict, c cascade, n set null, d set default.
    pub on_delete: char,
    /// `confupdtype`.
    pub on_update: char,
}

/// A function or procedure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Function {
    /// Its OID.
    pub oid: u64,
    /// The schema, as the catalog has it.
    pub schema: String,
    /// Schema-qualified, with its arguments.
    pub name: String,
    /// Its owner.
    pub owner: String,
    /// The owner is a superuser or has BYPASSRLS.
    pub owner_exempt: bool,
    /// SECURITY DEFINER.
    pub definer: bool,
    /// i immutable, s stable, v volatile.
    pub volatility: char,
    /// LEAKPROOF.
    pub leakproof: bool,
    /// Its SET clauses, as `name=value`.
    pub settings: Vec<String>,
    /// The role may call it.
    pub callable: bool,
    /// Its body.
    pub source: String,
    /// The language of the body.
    pub language: String,
    /// Tables whose triggers call it.
    pub triggers: Vec<u64>,
}

/// A sequence that belongs to a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Sequence {
    /// Schema-qualified and quoted.
    pub name: String,
    /// Its table.
    pub table: u64,
    /// Its column.
    pub column: i16,
    /// It is GENERATED AS IDENTITY's: an INSERT needs no right to it.
    pub identity: bool,
    /// The role may read it.
    pub read: bool,
    /// The role may take values.
    pub advance: bool,
    /// The role may set it.
    pub set: bool,
}

/// A role of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its name, quoted where SQL needs it.
    pub name: String,
    /// It may log in.
    pub login: bool,
    /// SUPERUSER.
    pub superuser: bool,
    /// BYPASSRLS.
    pub bypass: bool,
    /// CREATEROLE.
    pub create_role: bool,
    /// REPLICATION.
    pub replication: bool,
}

/// Rows that the queries cannot have returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCatalog {
    part: Part,
    reason: String,
}

impl Catalog {
    /// Takes in the rows of one query. A row that is not understood is an error: a doctor who
    /// overlooks a table does harm.
    pub fn take<'a>(
        &mut self,
        part: Part,
        rows: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), InvalidCatalog> {
        let rows = rows.into_iter();
        match part {
            Part::Server => self.server = one(part, rows)?,
            Part::Seal => self.seal = one(part, rows)?,
            Part::Relations => {
                let relations = read::<Relation>(part, rows)?;
                self.relations = relations.into_iter().map(|one| (one.oid, one)).collect();
            }
            Part::Policies => self.policies = read(part, rows)?,
            Part::Indexes => self.indexes = read(part, rows)?,
            Part::ForeignKeys => self.foreign_keys = read(part, rows)?,
            Part::Functions => {
                let functions = read::<Function>(part, rows)?;
                self.functions = functions.into_iter().map(|one| (one.oid, one)).collect();
            }
            Part::ViewReads => {
                for ViewRead { view, reads } in read(part, rows)? {
                    self.view_reads.entry(view).or_default().insert(reads);
                }
            }
            Part::Sequences => self.sequences = read(part, rows)?,
            Part::Roles => self.roles = read(part, rows)?,
        }
        Ok(())
    }

    /// Everything a view reads, through other views as well.
    pub fn read_by(&self, view: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        let mut open = vec![view];
        while let Some(one) = open.pop() {
            for &next in self.view_reads.get(&one).into_iter().flatten() {
                if found.insert(next) {
                    open.push(next);
                }
            }
        }
        found
    }
}

/// A string constant. `standard_conforming_strings` is on in every session of ours.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[derive(Deserialize)]
struct ViewRead {
    view: u64,
    reads: u64,
}

fn one<'a, T: DeserializeOwned>(
    part: Part,
    rows: impl Iterator<Item = &'a str>,
) -> Result<T, InvalidCatalog> {
    let mut found = read(part, rows)?;
    match (found.pop(), found.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => {
            let reason = "not exactly one row; is there such a role?".to_owned();
            Err(InvalidCatalog { part, reason })
        }
    }
}

fn read<'a, T: DeserializeOwned>(
    part: Part,
    rows: impl Iterator<Item = &'a str>,
) -> Result<Vec<T>, InvalidCatalog> {
    rows.map(|row| {
        serde_json::from_str(row)
            .map_err(|error| InvalidCatalog { part, reason: error.to_string() })
    })
    .collect()
}

impl fmt::Display for InvalidCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, reason } = self;
        write!(
            f,
            "the catalog query {part:?} returned what it cannot ({reason}); check that the server \
             is PostgreSQL 15 to 18"
        )
    }
}

impl std::error::Error for InvalidCatalog {}

#[cfg(test)]
mod tests;
