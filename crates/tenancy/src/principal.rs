//! The caller as the gateway knows it: what kind, which tenant, in whose name.

use std::sync::Arc;

use crate::ids::{RoleName, TenantId, TierName};

/// The three kinds of caller, told apart by what they may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// The credential fixes the tenant; nothing the caller sends can change it.
    Tenant,
    /// The caller chooses the tenant; with none chosen it sees no rows.
    App,
    /// No tenant: subject to its database role only, and audited at every use.
    Admin,
}

/// A caller whose credential was checked. Cloning is one counter; the fields never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal(Arc<Identity>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    kind: PrincipalKind,
    tenant: Option<TenantId>,
    subject: String,
    role: Option<RoleName>,
    tier: Option<TierName>,
    expires_at: Option<u64>,
}

impl PrincipalKind {
    /// The word used in the configuration, the log and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::App => "app",
            Self::Admin => "admin",
        }
    }

    /// Reads the word that [`PrincipalKind::as_str`] writes.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Tenant, Self::App, Self::Admin].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Principal {
    /// A caller bound to one tenant.
    pub fn for_tenant(tenant: TenantId, subject: &str) -> Self {
        Self::new(PrincipalKind::Tenant, Some(tenant), subject)
    }

    /// A trusted application tier that names the tenant itself.
    pub fn for_app(subject: &str) -> Self {
        Self::new(PrincipalKind::App, None, subject)
    }

    /// An operator.
    pub fn for_admin(subject: &str) -> Self {
        Self::new(PrincipalKind::Admin, None, subject)
    }

    /// The same caller, allowed to use this one database role only.
    #[must_use]
    pub fn with_role(self, role: RoleName) -> Self {
        let identity = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Identity { role: Some(role), ..identity }))
    }

    /// The same caller, with what its issuer says about its tenant's tier.
    #[must_use]
    pub fn with_tier(self, tier: TierName) -> Self {
        let identity = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Identity { tier: Some(tier), ..identity }))
    }

    /// The same caller, no longer accepted from this second on.
    #[must_use]
    pub fn expiring_at(self, unix_s: u64) -> Self {
        let identity = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Identity { expires_at: Some(unix_s), ..identity }))
    }

    /// What the caller may choose.
    pub fn kind(&self) -> PrincipalKind {
        self.0.kind
    }

    /// The tenant; there is one exactly when the kind is [`PrincipalKind::Tenant`].
    pub fn tenant(&self) -> Option<&TenantId> {
        self.0.tenant.as_ref()
    }

    /// Who it is, for the log and the audit: a JWT's `sub`, an access key id or a user name; empty
    /// when the credential names nobody.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The one database role this caller may use; `None` leaves it to the door's configuration.
    pub fn role(&self) -> Option<&str> {
        self.0.role.as_ref().map(RoleName::as_str)
    }

    /// The tier that the credential names, bounded text; `None` where it names none.
    pub fn tier(&self) -> Option<&TierName> {
        self.0.tier.as_ref()
    }

    /// The first second (Unix time) at which the credential counts no more, leeway included. To be
    /// compared on every use, also when the principal comes from a cache.
    pub fn expires_at(&self) -> Option<u64> {
        self.0.expires_at
    }

    fn new(kind: PrincipalKind, tenant: Option<TenantId>, subject: &str) -> Self {
        let subject = subject.to_owned();
        Self(Arc::new(Identity { kind, tenant, subject, role: None, tier: None, expires_at: None }))
    }
}

#[cfg(test)]
mod tests;
