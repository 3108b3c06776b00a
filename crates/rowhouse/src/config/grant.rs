//! What a key or a user of the configuration is: `principal`, and the `tenant` of a tenant's.

use std::net::SocketAddr;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};

use super::reader::Section;

/// What the holder of a credential may choose.
#[derive(Debug, Clone)]
pub enum Grant {
    /// A trusted application that picks the tenant itself.
    App,
    /// An operator; subject to the database role only.
    Admin,
    /// One tenant, for good.
    Tenant(TenantId),
}

impl Grant {
    /// The holder, by the name of its credential.
    pub fn principal(&self, subject: &str) -> Principal {
        match self {
            Grant::App => Principal::for_app(subject),
            Grant::Admin => Principal::for_admin(subject),
            Grant::Tenant(tenant) => Principal::for_tenant(tenant.clone(), subject),
        }
    }
}

/// `principal` of a section; a problem where it is missing.
pub fn kind(section: &Section<'_>) -> Option<PrincipalKind> {
    let kinds = [PrincipalKind::Tenant, PrincipalKind::App, PrincipalKind::Admin];
    let kind = section.word("principal", &kinds.map(|kind| (kind.as_str(), kind)));
    if kind.is_none() && !section.has("principal") {
        section.problem("principal", "is needed: \"tenant\", \"app\" or \"admin\"");
    }
    kind
}

/// What its holder is, of this kind and with this `tenant`; `holder` is how problems call it.
pub fn grant(
    section: &Section<'_>,
    kind: Option<PrincipalKind>,
    tenant: Option<&str>,
    holder: &str,
) -> Option<Grant> {
    match (kind?, tenant) {
        (PrincipalKind::Tenant, None) => {
            section.problem("tenant", format!("is needed: the tenant that this {holder} is for"));
            None
        }
        (PrincipalKind::Tenant, Some(text)) => match TenantId::parse(text) {
            Ok(tenant) => Some(Grant::Tenant(tenant)),
            Err(error) => {
                section.problem("tenant", error.to_string());
                None
            }
        },
        (_, Some(_)) => {
            section.problem("tenant", "is for principal = \"tenant\" only: take it out");
            None
        }
        (PrincipalKind::App, None) => Some(Grant::App),
        (PrincipalKind::Admin, None) => Some(Grant::Admin),
    }
}

/// What `rowhouse dev` has, everybody knows: it is for doors that only this machine reaches.
pub fn refuse_public(section: &Section<'_>, key: &str, what: &str, door: (&str, SocketAddr)) {
    let (name, listen) = door;
    if !listen.ip().is_loopback() {
        let message = format!(
            "is a {what} of `rowhouse dev`, which everybody knows: make one of your own, or let \
             {name} be a loopback address"
        );
        section.problem(key, message);
    }
}
