//! May this login role serve tenants? Its attributes, the roles it can become, the tables it owns.
//!
//! Superusers and roles with BYPASSRLS are never subject to policies, owners only to forced ones,
//! and they can take the force away.
//! <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>

mod gate;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use gate::gate;

use crate::catalog::quote_literal;

/// The one query of the gate, for PostgreSQL 15 to 18.
///
/// To be run on a connection of the login role itself, without parameters; it needs no privilege.
/// Every row has [`GATE_COLUMNS`] columns of type text, for [`RoleFacts::from_rows`].
pub const GATE_QUERY: &str = include_str!("role/gate.sql");

/// [`GATE_QUERY`] about another role than the one that asks.
pub fn gate_query_for(role: &str) -> String {
    GATE_QUERY.replace(
        "operator(pg_catalog.=) session_user",
        &format!("operator(pg_catalog.=) {}", quote_literal(role)),
    )
}

/// The columns of [`GATE_QUERY`]: fact, role, via, detail.
pub const GATE_COLUMNS: usize = 4;

/// What makes a role unfit for tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attribute {
    /// `rolsuper`
    Superuser,
    /// `rolbypassrls`
    BypassRls,
    /// `rolreplication`
    Replication,
    /// `rolcreaterole`
    CreateRole,
    /// It is one of the predefined roles `pg_read_server_files`, `pg_write_server_files` and
    /// `pg_execute_server_program`.
    ServerFiles,
}

/// What the catalog says about one login role. Names are quoted where SQL needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFacts {
    login: String,
    attributes: BTreeSet<Attribute>,
    reachable: BTreeMap<String, Reachable>,
    tables: BTreeMap<String, Owner>,
}

/// A role that the login role can become, or whose privileges it inherits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reachable {
    /// Only those that count: of a role that is inherited and cannot become, hardly any does.
    attributes: BTreeSet<Attribute>,
    /// The roles granted to the login role itself, with which every way there begins.
    via: BTreeSet<String>,
}

/// The owner of a tenant table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
    role: String,
    /// By membership; otherwise it is the login role itself.
    inherited: bool,
}

/// Rows that [`GATE_QUERY`] cannot have returned. To be treated as a failed gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidRows {
    /// A row with another number of columns.
    Columns {
        /// How many it has.
        found: usize,
        /// How many were asked for.
        expected: usize,
    },
    /// A null where a text belongs.
    Null,
    /// A first column that is no known fact.
    Fact,
    /// A role attribute that is not known.
    Attribute,
    /// No row about the login role itself, or two.
    Login,
    /// A table whose owner is no reachable role.
    Owner,
}

impl Attribute {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Superuser, "superuser"),
        (Self::BypassRls, "bypassrls"),
        (Self::Replication, "replication"),
        (Self::CreateRole, "createrole"),
        (Self::ServerFiles, "serverfiles"),
    ];

    fn parse_list(list: &str) -> Result<BTreeSet<Self>, InvalidRows> {
        let parse = |word: &str| {
            let found = Self::ALL.into_iter().find(|(_, name)| *name == word);
            found.map(|(attribute, _)| attribute).ok_or(InvalidRows::Attribute)
        };
        list.split(',').filter(|word| !word.is_empty()).map(parse).collect()
    }
}

impl RoleFacts {
    /// Reads the rows of [`GATE_QUERY`], in any order.
    ///
    /// Nothing is skipped: a row that is not understood is an error, so that a gate which cannot
    /// read its facts does not open.
    pub fn from_rows<R, T>(rows: impl IntoIterator<Item = R>) -> Result<Self, InvalidRows>
    where
        R: AsRef<[Option<T>]>,
        T: AsRef<str>,
    {
        let mut login = None;
        let mut reachable: BTreeMap<String, Reachable> = BTreeMap::new();
        let mut tables = BTreeMap::new();
        for row in rows {
            let Row { fact, role, via, detail } = Row::read(row.as_ref())?;
            match (fact, via) {
                ("role", None) => {
                    let facts = (role.to_owned(), Attribute::parse_list(detail)?);
                    if login.replace(facts).is_some() {
                        return Err(InvalidRows::Login);
                    }
                }
                ("role", Some(via)) => {
                    let reached = reachable.entry(role.to_owned()).or_default();
                    reached.attributes.extend(Attribute::parse_list(detail)?);
                    reached.via.insert(via.to_owned());
                }
                ("table", via) => {
                    let (role, inherited) = (role.to_owned(), via.is_some());
                    tables.insert(detail.to_owned(), Owner { role, inherited });
                }
                _ => return Err(InvalidRows::Fact),
            }
        }
        let (login, attributes) = login.ok_or(InvalidRows::Login)?;
        let known = |owner: &Owner| match owner.inherited {
            true => reachable.contains_key(&owner.role),
            false => owner.role == login,
        };
        if !tables.values().all(known) {
            return Err(InvalidRows::Owner);
        }
        Ok(Self { login, attributes, reachable, tables })
    }

    /// The login role.
    pub fn login(&self) -> &str {
        &self.login
    }
}

/// One row with its columns named.
struct Row<'a> {
    fact: &'a str,
    role: &'a str,
    via: Option<&'a str>,
    detail: &'a str,
}

impl<'a> Row<'a> {
    fn read<T: AsRef<str>>(columns: &'a [Option<T>]) -> Result<Self, InvalidRows> {
        let [fact, role, via, detail] = columns else {
            let (found, expected) = (columns.len(), GATE_COLUMNS);
            return Err(InvalidRows::Columns { found, expected });
        };
        let text = |column: &'a Option<T>| column.as_ref().map(T::as_ref);
        Ok(Self {
            fact: text(fact).ok_or(InvalidRows::Null)?,
            role: text(role).ok_or(InvalidRows::Null)?,
            via: text(via),
            detail: text(detail).ok_or(InvalidRows::Null)?,
        })
    }
}

impl fmt::Display for InvalidRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Columns { found, expected } => {
                return write!(
                    f,
                    "the gate's query returned {found} columns instead of {expected}; check \
                     that the server is PostgreSQL 15 to 18"
                );
            }
            Self::Null => "a null where a text belongs",
            Self::Fact => "an unknown fact",
            Self::Attribute => "an unknown role attribute",
            Self::Login => "not exactly one row about the login role",
            Self::Owner => "a table of an owner that it did not mention",
        };
        write!(f, "the gate's query returned {what}; check that the server is PostgreSQL 15 to 18")
    }
}

impl std::error::Error for InvalidRows {}

#[cfg(test)]
mod tests;
