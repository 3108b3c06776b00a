//! Who wants a connection, and whose statements it then carries, where that has to be told apart.

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Context;

use crate::admission::Party;

/// Who wants a connection.
#[derive(Debug, Clone)]
pub struct Borrower {
    /// Whose statements it will carry.
    pub occupant: Occupant,
    /// Whose share it is taken from.
    pub party: Party,
}

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
