//! What usage costs: a price list with tiers, or a share of a bill.
//!
//! Money is whole numbers: prices are micro-dollars for a million, so a unit is priced in whole
//! pico-dollars and a sum of them is exact. It is rounded once, at the end.

use std::fmt;

/// Micro-units of a whole unit of money.
const MICROS: u64 = 1_000_000;
/// Pico-units of a micro-unit.
const PICOS: u128 = 1_000_000;
/// Digits after the point.
const DECIMALS: usize = 6;
/// More is a mistake: a thousand million of whatever it is.
const WHOLE_MAX: u64 = 1_000_000_000_000;

/// An amount in millionths of a dollar, or of whatever the currency is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(u64);

impl Money {
    /// From millionths.
    pub fn from_micros(micros: u64) -> Money {
        Money(micros)
    }

    /// In millionths.
    pub fn micros(self) -> u64 {
        self.0
    }

    /// Reads `0.35`, `9`, `1200.50`: digits, and at most six after a point.
    pub fn parse(text: &str) -> Option<Money> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let pointed = text.contains('.');
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        if fraction.len() > DECIMALS || (pointed && fraction.is_empty()) {
            return None;
        }
        let whole: u64 = whole.parse().ok().filter(|whole| *whole <= WHOLE_MAX)?;
        let fraction: u64 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
        Some(Money(whole * MICROS + fraction))
    }

    /// With two digits after the point, as on a bill; half a cent goes up.
    pub fn to_cents(self) -> String {
        let cents = self.0.saturating_add(5_000) / 10_000;
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0 / MICROS, self.0 % MICROS)
    }
}

/// What a price list charges for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// Units of 32 KiB.
    Units,
    /// Requests that are charged, whatever their size.
    Requests,
}

/// A part of the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// It ends here, this number included; `None`: never.
    pub up_to: Option<u64>,
    /// The price of a million.
    pub per_million: Money,
}

/// A price list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// Its name.
    pub name: String,
    /// The currency, as ISO 4217 writes it.
    pub currency: String,
    /// What is charged for.
    pub charged: Charged,
    /// The scale, from below.
    pub steps: Vec<Step>,
}

impl PriceList {
    /// What the RDS Data API costs in us-east-1: $0.35 for a million up to a billion, $0.20 beyond.
    /// <https://aws.amazon.com/rds/aurora/pricing/>
    pub fn rds_data_api() -> PriceList {
        let step = |up_to, micros| Step { up_to, per_million: Money(micros) };
        PriceList {
            name: "rds-data-api".to_owned(),
            currency: "USD".to_owned(),
            charged: Charged::Units,
            steps: vec![step(Some(1_000_000_000), 350_000), step(None, 200_000)],
        }
    }

    /// What is wrong with the scale, if something is.
    pub fn problem(&self) -> Option<&'static str> {
        let mut below = 0;
        for (index, step) in self.steps.iter().enumerate() {
            match step.up_to {
                Some(up_to) if up_to <= below => return Some("each step must end above the last"),
                Some(up_to) => below = up_to,
                None if index + 1 < self.steps.len() => {
                    return Some("only the last step may be without up_to");
                }
                None => {}
            }
        }
        match self.steps.last() {
            Some(Step { up_to: None, .. }) => None,
            _ => Some("the last step must be without up_to, so that there is a price for all"),
        }
    }

    /// What so many cost in one month; half a millionth goes up.
    pub fn cost(&self, count: u64) -> Money {
        let mut below = 0;
        let mut picos: u128 = 0;
        for step in &self.steps {
            let end = step.up_to.unwrap_or(u64::MAX).min(count);
            let inside = end.saturating_sub(below);
            picos = picos
                .saturating_add(u128::from(inside).saturating_mul(u128::from(step.per_million.0)));
            below = below.max(end);
        }
        let micros = picos.saturating_add(PICOS / 2) / PICOS;
        Money(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// By what a bill is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The time that the database worked.
    DatabaseTime,
    /// Units.
    Units,
    /// One half by each.
    Both,
}

/// Splits a bill among those who have used so much database time and so many units. The shares sum
/// up to the bill exactly. `None`: nobody has used anything.
pub fn split(bill: Money, by: Split, used: &[(u64, u64)]) -> Option<Vec<Money>> {
    let time: Vec<u64> = used.iter().map(|(time, _)| *time).collect();
    let units: Vec<u64> = used.iter().map(|(_, units)| *units).collect();
    match by {
        Split::DatabaseTime => share(bill, &time),
        Split::Units => share(bill, &units),
        Split::Both => {
            let half = Money(bill.0 / 2);
            let rest = Money(bill.0 - half.0);
            match (share(half, &time), share(rest, &units)) {
                (Some(one), Some(other)) => {
                    let both = one.iter().zip(&other).map(|(one, other)| Money(one.0 + other.0));
                    Some(both.collect())
                }
                // Where there is none of one, the other has to do.
                (None, _) => share(bill, &units),
                (_, None) => share(bill, &time),
            }
        }
    }
}

/// By weight; what rounding down leaves over goes to those who lost most by it, one each.
fn share(amount: Money, weights: &[u64]) -> Option<Vec<Money>> {
    let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if total == 0 {
        return None;
    }
    let exact = |weight: &u64| u128::from(amount.0) * u128::from(*weight);
    let mut shares: Vec<u64> = weights
        .iter()
        .map(|weight| u64::try_from(exact(weight) / total).unwrap_or(u64::MAX))
        .collect();
    let given: u64 = shares.iter().sum();
    let left = usize::try_from(amount.0.saturating_sub(given)).unwrap_or(usize::MAX);
    let mut order: Vec<(usize, u128)> =
        weights.iter().map(|weight| exact(weight) % total).enumerate().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for (index, _) in order.into_iter().take(left) {
        if let Some(share) = shares.get_mut(index) {
            *share += 1;
        }
    }
    Some(shares.into_iter().map(Money).collect())
}

#[cfg(test)]
mod tests;
