//! Lines get their prices: by a list for each tenant, or as shares of a bill.

use std::collections::BTreeMap;

use rowhouse_tenancy::price::{Charged, Money, Split, split};

use super::Terms;
use super::line::{Line, Lines, Used};

/// What each tenant pays. Callers without a tenant pay as one.
pub fn costs(lines: &Lines, terms: &Terms) -> BTreeMap<String, Money> {
    let mut tenants: BTreeMap<&str, Used> = BTreeMap::new();
    for ((tenant, _), used) in lines {
        tenants.entry(tenant).or_default().add(used);
    }
    let costs: Vec<Money> = match terms {
        Terms::List(list) => {
            let count = |used: &Used| match list.charged {
                Charged::Units => used.units,
                Charged::Requests => used.charged,
            };
            tenants.values().map(|used| list.cost(count(used))).collect()
        }
        Terms::Bill(bill, by) => {
            let used: Vec<(u64, u64)> =
                tenants.values().map(|used| (used.database_us, used.units)).collect();
            let shares = split(*bill, *by, &used);
            shares.unwrap_or_else(|| vec![Money::default(); used.len()])
        }
    };
    tenants.keys().map(|tenant| (*tenant).to_owned()).zip(costs).collect()
}

/// The lines with their prices, dearest first. Where a tenant has several, its price is split among
/// them so that they sum up to it.
pub fn priced(lines: Lines, costs: &BTreeMap<String, Money>) -> Vec<Line> {
    let mut tenants: BTreeMap<String, Vec<(String, Used)>> = BTreeMap::new();
    for ((tenant, part), used) in lines {
        tenants.entry(tenant).or_default().push((part, used));
    }
    let cost = |tenant: &str| costs.get(tenant).copied().unwrap_or_default();
    let mut order: Vec<(String, Vec<(String, Used)>)> = tenants.into_iter().collect();
    order.sort_by(|a, b| cost(&b.0).cmp(&cost(&a.0)).then_with(|| a.0.cmp(&b.0)));
    let mut priced = Vec::new();
    for (tenant, parts) in order {
        let weights: Vec<(u64, u64)> =
            parts.iter().map(|(_, used)| (used.database_us, used.units)).collect();
        let whole = cost(&tenant);
        let shares = split(whole, Split::Units, &weights)
            .or_else(|| split(whole, Split::DatabaseTime, &weights))
            .unwrap_or_else(|| vec![Money::default(); parts.len()]);
        for ((part, used), cost) in parts.into_iter().zip(shares) {
            priced.push(Line { tenant: tenant.clone(), part, used, cost });
        }
    }
    priced
}
