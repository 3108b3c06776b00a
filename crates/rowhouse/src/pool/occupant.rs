//! Whose statements a connection carries, where that has to be told apart.

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Context;

/// For whom a connection is wanted. Between two different occupants it is reset, whatever ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupant {
    /// Anybody: the database trusts what leaves no trace.
    Anybody,
    /// A tenant of a sealed database.
    Tenant(TenantId),
    /// Somebody else there.
    NoTenant,
}

impl Occupant {
    /// The occupant that a caller is in a database of this kind.
    pub fn of(principal: &Principal, context: Context) -> Occupant {
        match (context, principal.tenant()) {
            (Context::Standard, _) => Occupant::Anybody,
            (Context::Sealed, Some(tenant)) => Occupant::Tenant(tenant.clone()),
            (Context::Sealed, None) => Occupant::NoTenant,
        }
    }
}
