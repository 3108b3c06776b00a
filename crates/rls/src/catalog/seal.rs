//! What the catalog says about the sealed context, and about what it has to hold against.

use serde::Deserialize;

/// The role that owns the keys and the functions that use them.
pub const SEAL_ROLE: &str = "rowhouse_seal";

/// The sealed context as it is, seen by the role that tenants' statements run as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Seal {
    /// Who asks.
    pub user: String,
    /// It is a superuser.
    pub superuser: bool,
    /// Who can become [`SEAL_ROLE`] or has its rights.
    pub members: Vec<String>,
    /// What [`SEAL_ROLE`] can do beyond owning.
    pub powers: Vec<String>,
    /// The role may use the schema rowhouse.
    pub usage: bool,
    /// Who owns the schema rowhouse, if the role is it or can become it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Who can read or change a key.
    pub key_readers: Vec<KeyReader>,
    /// Functions that reach beyond a tenant's rows and that the role may call, with arguments.
    pub functions: Vec<String>,
    /// Views on other sessions and other tenants' values that the role may read.
    pub relations: Vec<String>,
    /// Languages that the role may write DO blocks in.
    pub languages: Vec<String>,
}

/// A right to a table of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct KeyReader {
    /// Which.
    pub table: String,
    /// Whose.
    pub role: String,
}
