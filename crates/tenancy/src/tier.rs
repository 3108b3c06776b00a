//! A tier: what its tenants get of what all share, and what they are limited to by default.

use crate::limits::Limits;

pub use crate::ids::TierName;

/// One tier of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// How records and credentials name it.
    pub name: TierName,
    /// Its share where tenants of several tiers wait for the same connections: one with weight 4
    /// gets four times as much as one with weight 1.
    pub weight: u32,
    /// What holds for each of its tenants, unless the tenant's record says otherwise.
    pub limits: Limits,
}
