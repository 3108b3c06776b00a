//! The first words of every transaction: which settings PostgreSQL must hold before any statement
//! of the caller runs.
//!
//! What they are is a property of the database: settings that policies read, or a sealed context
//! that policies can check. A [`Prologue`] is the same for every connection; [`Words`] are made for
//! one of them, because a sealed context counts on one connection only. Nothing but words can be
//! sent, so no tenant's statement reaches a connection that could not vouch for it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::ids::{SettingName, TenantId};
use crate::principal::{Principal, PrincipalKind};
use crate::seal::SessionKey;

/// What the policies of a database believe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Context {
    /// Settings, which the caller's SQL could change as well.
    #[default]
    Standard,
    /// `rowhouse.tenant()`, which believes a token of the gateway only.
    Sealed,
}

/// The settings to make, in order, transaction-locally and in one call.
///
/// The values travel as bind parameters, so that no tenant id is ever part of a statement's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prologue(Shape);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Nothing,
    /// One `set_config` for each name.
    Settings {
        names: Arc<[SettingName]>,
        tenant: Option<TenantId>,
        /// What an application has chosen for single names.
        choices: Arc<[(SettingName, TenantId)]>,
    },
    /// One `rowhouse.enter`.
    Sealed { names: Arc<[SettingName]>, tenant: Option<TenantId> },
}

/// A prologue as one connection gets it now.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    shape: &'a Shape,
    /// The sealed context; empty for a caller without tenant.
    token: String,
}

/// The connection has no session key, and the database believes nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsealed;

impl Prologue {
    /// What `principal` starts a transaction with in a database whose policies believe `context`;
    /// `names` are the settings that receive the tenant.
    ///
    /// - tenant: every setting is its tenant, whatever it sent, and so is the sealed context;
    /// - app: every setting is empty. Even if a session-level `SET` of another caller had survived
    ///   on the connection, this caller starts without a tenant and chooses one afterwards. A
    ///   sealed database has no rows for it;
    /// - admin: nothing, its database role alone decides.
    pub fn for_principal(
        principal: &Principal,
        names: &Arc<[SettingName]>,
        context: Context,
    ) -> Self {
        if principal.kind() == PrincipalKind::Admin {
            return Self::default();
        }
        let tenant = principal.tenant().filter(|_| principal.kind() == PrincipalKind::Tenant);
        let (names, tenant) = (Arc::clone(names), tenant.cloned());
        match context {
            Context::Standard if names.is_empty() => Self::default(),
            Context::Standard => Self(Shape::Settings { names, tenant, choices: Arc::new([]) }),
            Context::Sealed => Self(Shape::Sealed { names, tenant }),
        }
    }

    /// The same, but for one setting, which is the tenant that the caller has chosen for all its
    /// transactions; where policies believe a token, it is that of this tenant. Only of an `app`
    /// there is a choice; for everybody else nothing changes.
    #[must_use]
    pub fn choosing(&self, principal: &Principal, name: &SettingName, chosen: &TenantId) -> Self {
        if principal.kind() != PrincipalKind::App {
            return self.clone();
        }
        let (names, choices) = match &self.0 {
            Shape::Settings { names, tenant: None, choices } => (names, choices),
            Shape::Sealed { names, .. } => {
                let (names, tenant) = (Arc::clone(names), Some(chosen.clone()));
                return Self(Shape::Sealed { names, tenant });
            }
            _ => return self.clone(),
        };
        let others = choices.iter().filter(|(own, _)| own != name).cloned();
        let choices = others.chain([(name.clone(), chosen.clone())]).collect();
        Self(Shape::Settings { names: Arc::clone(names), tenant: None, choices })
    }

    /// The same without the settings that are found to be somebody else's matter, by their places
    /// among the names. Only where settings are believed.
    #[must_use]
    pub fn without(&self, is_taken: impl Fn(usize) -> bool) -> Self {
        let Shape::Settings { names, tenant, choices } = &self.0 else { return self.clone() };
        let kept = names.iter().enumerate().filter(|(place, _)| !is_taken(*place));
        let names: Arc<[SettingName]> = kept.map(|(_, name)| name.clone()).collect();
        if names.is_empty() {
            return Self::default();
        }
        Self(Shape::Settings { names, tenant: tenant.clone(), choices: Arc::clone(choices) })
    }

    /// The statement that makes `n` settings at once: parameters `$1, $2` are the first name and
    /// value, and so on; empty for none. It depends on `n` only, so it is prepared once.
    ///
    /// `true` makes each setting end with the transaction.
    /// <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SET>
    /// The schema is named because a `search_path` may put another schema before `pg_catalog`.
    pub fn settings_sql(n: usize) -> String {
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

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Shape::Nothing)
    }

    /// The words for a connection with this key, at this time (Unix, seconds).
    pub fn words(&self, key: Option<&SessionKey>, now: u64) -> Result<Words<'_>, Unsealed> {
        let token = match &self.0 {
            Shape::Sealed { tenant: Some(tenant), .. } => {
                key.ok_or(Unsealed)?.token(tenant, SessionKey::expiry(now))
            }
            // Nobody's statement either goes where no key was agreed upon.
            Shape::Sealed { tenant: None, .. } => key.map(|_| String::new()).ok_or(Unsealed)?,
            Shape::Nothing | Shape::Settings { .. } => String::new(),
        };
        Ok(Words { shape: &self.0, token })
    }
}

impl Words<'_> {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        matches!(self.shape, Shape::Nothing)
    }

    /// The statement. It is the same for all callers of a database, so it is prepared once. What
    /// types its parameters have, it says itself.
    pub fn sql(&self) -> Cow<'static, str> {
        match self.shape {
            Shape::Nothing => Cow::Borrowed(""),
            Shape::Settings { names, .. } => Cow::Owned(Prologue::settings_sql(names.len())),
            Shape::Sealed { .. } => Cow::Borrowed("select rowhouse.enter($1, $2, $3)"),
        }
    }

    /// Its parameters, in text format and in order.
    pub fn parameters(&self) -> Vec<Cow<'_, [u8]>> {
        match self.shape {
            Shape::Nothing => Vec::new(),
            Shape::Settings { names, tenant, choices } => {
                let chosen = |name| choices.iter().find(|(own, _)| own == name).map(|(_, own)| own);
                let value = |name| value_of(chosen(name).or(tenant.as_ref()));
                let pairs = names.iter().flat_map(|name| [name.as_str().as_bytes(), value(name)]);
                pairs.map(Cow::Borrowed).collect()
            }
            Shape::Sealed { names, tenant } => vec![
                Cow::Borrowed(self.token.as_bytes()),
                Cow::Owned(array(names).into_bytes()),
                Cow::Borrowed(value_of(tenant.as_ref())),
            ],
        }
    }
}

/// Of no tenant it is what a policy's `nullif(current_setting(…), '')` reads as "no rows".
fn value_of(tenant: Option<&TenantId>) -> &[u8] {
    tenant.map_or(b"", |tenant| tenant.as_str().as_bytes())
}

/// A PostgreSQL array of names, which hold neither quotes nor backslashes.
fn array(names: &[SettingName]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.as_str())).collect();
    format!("{{{}}}", quoted.join(","))
}

impl fmt::Display for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is not registered with a sealing key")
    }
}

impl std::error::Error for Unsealed {}

#[cfg(test)]
mod tests;
