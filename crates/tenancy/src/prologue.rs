//! The first words of every transaction: which settings PostgreSQL must hold before any statement
//! of the caller runs.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::ids::{SettingName, TenantId};
use crate::principal::{Principal, PrincipalKind};

/// The settings to make, in order, transaction-locally and in one call.
///
/// The values travel as bind parameters, so that no tenant id is ever part of a statement's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prologue {
    settings: Arc<[(SettingName, Value)]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Tenant(TenantId),
    /// What a policy's `nullif(current_setting(…), '')` reads as "no tenant, no rows".
    NoTenant,
}

impl Prologue {
    /// What `principal` starts a transaction with in a database whose policies read `names`.
    ///
    /// - tenant: every setting is its tenant, whatever it sent;
    /// - app: every setting is empty. Even if a session-level `SET` of another caller had survived
    ///   on the connection, this caller starts without a tenant and chooses one afterwards;
    /// - admin: nothing, its database role alone decides.
    pub fn for_principal(principal: &Principal, names: &[SettingName]) -> Self {
        let value = match (principal.kind(), principal.tenant()) {
            (PrincipalKind::Admin, _) => {
                return Self { settings: Arc::new([]) };
            }
            (PrincipalKind::Tenant, Some(tenant)) => Value::Tenant(tenant.clone()),
            (PrincipalKind::Tenant, None) | (PrincipalKind::App, _) => Value::NoTenant,
        };
        Self { settings: names.iter().map(|name| (name.clone(), value.clone())).collect() }
    }

    /// The statement that makes `n` settings at once: parameters `$1, $2` are the first name and
    /// value, and so on; empty for none. It depends on `n` only, so it is prepared once.
    ///
    /// `true` makes each setting end with the transaction.
    /// <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET>
    /// The schema is named because a `search_path` may put another schema before `pg_catalog`.
    pub fn sql(n: usize) -> String {
        let mut text = String::new();
        for index in 0..n {
            let lead = if index == 0 { "select " } else { ", " };
            let name = index.saturating_mul(2).saturating_add(1);
            let value = name.saturating_add(1);
            // Writing into a String cannot fail.
            let _ = write!(text, "{lead}pg_catalog.set_config(${name}, ${value}, true)");
        }
        text
    }

    /// The bind parameters of [`Prologue::sql`], in text format and in order.
    pub fn parameters(&self) -> impl Iterator<Item = &[u8]> {
        self.settings.iter().flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()])
    }

    /// How many settings there are: the `n` for [`Prologue::sql`].
    pub fn len(&self) -> usize {
        self.settings.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }
}

impl Value {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Tenant(tenant) => tenant.as_str().as_bytes(),
            Self::NoTenant => b"",
        }
    }
}

#[cfg(test)]
mod tests;
