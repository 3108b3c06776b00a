//! What somebody may use: a tier's limits, in the form in which they are asked.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::ids::TierName;
use rowhouse_tenancy::limits::Limits;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use rowhouse_tenancy::rate::Rate;
use rowhouse_tenancy::record::TenantRecord;

use super::account::Account;
use crate::config::{Admission, Mode};

/// Milliseconds of database time that may be owed before a tenant has to wait: as much as it may
/// use in this many seconds. Short work is never held up by one statement that took longer.
const COST_SECONDS: u32 = 5;

/// Somebody and what it may use. Clones share the account.
#[derive(Debug, Clone)]
pub struct Party {
    /// What it has used.
    pub account: Arc<Account>,
    /// What it may use.
    pub terms: Arc<Terms>,
}

/// What somebody may use.
#[derive(Debug)]
pub struct Terms {
    /// What becomes of requests beyond a limit.
    pub mode: Mode,
    /// Whether it is served at all.
    pub permitted: bool,
    /// Its tier; `None` for who is no tenant.
    pub tier: Option<TierName>,
    /// Its share where many wait.
    pub weight: u32,
    /// Requests that may wait at once.
    pub waiting_max: usize,
    /// Its requests.
    pub rate: Option<Rate>,
    /// Its milliseconds of database time.
    pub cost: Option<Rate>,
    /// The limits as they were written.
    pub limits: Limits,
}

impl Terms {
    /// What a caller may use: for a tenant, what its record says, else its tier. The tier is what
    /// the record names, else what the credential names, as far as there is such a tier; else it
    /// is the first one.
    pub fn of(
        admission: &Admission,
        record: Option<&TenantRecord>,
        principal: &Principal,
    ) -> Terms {
        let mut terms = Terms {
            mode: admission.mode,
            permitted: true,
            tier: None,
            weight: admission.app_weight,
            waiting_max: usize::MAX,
            rate: None,
            cost: None,
            limits: Limits::default(),
        };
        if principal.kind() != PrincipalKind::Tenant {
            return terms;
        }
        let tier = |name: Option<&TierName>| name.and_then(|name| admission.tier(name));
        let noted = tier(record.and_then(|record| record.tier.as_ref()));
        let named = noted.or_else(|| tier(principal.tier()));
        let Some(tier) = named.or_else(|| admission.tiers.first()) else { return terms };
        terms.tier = Some(tier.name.clone());
        terms.weight = tier.weight;
        terms.waiting_max = admission.waiting_per_tenant_max;
        let own = record.map(|record| record.limits.over(&tier.limits));
        terms.limit(own.unwrap_or_else(|| tier.limits.clone()));
        terms
    }

    /// The word for the tier in metrics.
    pub fn tier_name(&self) -> &str {
        self.tier.as_ref().map_or("-", TierName::as_str)
    }

    /// A statement's timeout, where `usual` is everybody's.
    pub fn statement_timeout(&self, usual: Duration) -> Duration {
        self.limits.statement_timeout.map_or(usual, |own| own.min(usual))
    }

    /// The bytes of a result, where `usual` is everybody's.
    pub fn result_bytes_max(&self, usual: usize) -> usize {
        let own = self.limits.result_bytes_max.and_then(|own| usize::try_from(own).ok());
        own.map_or(usual, |own| own.min(usual))
    }

    fn limit(&mut self, limits: Limits) {
        self.rate = limits.requests_per_second.map(|rate| {
            let burst = limits.burst.unwrap_or(rate);
            Rate::new(rate, burst)
        });
        self.cost = limits
            .database_ms_per_second
            .map(|rate| Rate::new(rate, rate.saturating_mul(COST_SECONDS)));
        self.limits = limits;
    }
}
