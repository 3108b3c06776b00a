//! What tenants may use: how refusals are meant, and the tiers.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rowhouse_tenancy::fair::WEIGHT_MAX;
use rowhouse_tenancy::ids::TierName;
use rowhouse_tenancy::limits::{Limit, Limits};
use rowhouse_tenancy::tier::Tier;

use super::reader::Section;

/// The tier of everybody where none is configured.
const ONLY_TIER: &str = "standard";

/// How limits are meant, and which tiers there are.
#[derive(Debug)]
pub struct Admission {
    /// What becomes of requests beyond a limit.
    pub mode: Mode,
    /// Requests of one tenant that may wait for connections at once.
    pub waiting_per_tenant_max: usize,
    /// The weight of an application, which stands for many tenants.
    pub app_weight: u32,
    /// The tiers; the first one is that of tenants of which nobody says another.
    pub tiers: Vec<Arc<Tier>>,
}

/// What becomes of requests beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are refused.
    Enforce,
    /// They are counted, and go on.
    Shadow,
}

impl Admission {
    /// The tier of this name.
    pub fn tier(&self, name: &TierName) -> Option<&Arc<Tier>> {
        self.tiers.iter().find(|tier| tier.name == *name)
    }
}

/// `[admission]` and its tiers. `None` only beside a problem.
pub fn read(file: &Section<'_>) -> Option<Admission> {
    let mut admission = file.section("admission", admission);
    let mut names = BTreeSet::new();
    for tier in file.sections("tier", |section| tier(section, &mut names)) {
        admission.tiers.push(tier?);
    }
    if admission.tiers.is_empty() {
        admission.tiers.push(only_tier()?);
    }
    Some(admission)
}

/// `[admission]`; its tiers are put in afterwards.
fn admission(section: &Section<'_>) -> Admission {
    let mode = section.word("mode", &[("enforce", Mode::Enforce), ("shadow", Mode::Shadow)]);
    let app_weight = section.integer("app_weight", 1..=u64::from(WEIGHT_MAX));
    Admission {
        mode: mode.unwrap_or(Mode::Enforce),
        waiting_per_tenant_max: section.integer("waiting_per_tenant_max", 1..=1_000_000),
        app_weight: u32::try_from(app_weight).unwrap_or(WEIGHT_MAX),
        tiers: Vec::new(),
    }
}

/// One `[[tier]]`.
fn tier(section: &Section<'_>, names: &mut BTreeSet<String>) -> Option<Arc<Tier>> {
    let name = section.required_text("name");
    section.unique("name", &name, names);
    let weights: RangeInclusive<u64> = 1..=u64::from(WEIGHT_MAX);
    let weight = section.optional_integer("weight", weights).unwrap_or(1);
    let mut limits = Limits::default();
    for limit in Limit::ALL {
        let key = limit.as_str();
        let read = |text: &str| {
            let mut limits = limits.clone();
            limits.assign(&format!("{key}={text}")).ok().map(|()| limits)
        };
        if let Some(with) = section.amount(key, &limit.expected(), read) {
            limits = with;
        }
    }
    let name = TierName::parse(&name);
    let name = name.map_err(|error| section.problem("name", error.to_string())).ok()?;
    Some(Arc::new(Tier { name, weight: u32::try_from(weight).unwrap_or(WEIGHT_MAX), limits }))
}

/// What there is where no `[[tier]]` is: one without limits.
fn only_tier() -> Option<Arc<Tier>> {
    let name = TierName::parse(ONLY_TIER).ok()?;
    Some(Arc::new(Tier { name, weight: 1, limits: Limits::default() }))
}
