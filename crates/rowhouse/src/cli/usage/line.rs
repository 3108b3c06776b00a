//! One line of a report: what one tenant has used, in all or of one part.

use std::collections::BTreeMap;

use rowhouse_tenancy::price::Money;
use rowhouse_tenancy::usage::{Outcome, Sums};

/// Lines by tenant and part; callers without a tenant have the tenant "", what is not apart the
/// part "".
pub type Lines = BTreeMap<(String, String), Used>;

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Answers that somebody waited for.
    pub requests: u64,
    /// Of those, the ones that are charged.
    pub charged: u64,
    /// Units of 32 KiB.
    pub units: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of requests.
    pub bytes_in: u64,
    /// Bytes of answers.
    pub bytes_out: u64,
    /// Microseconds of the database.
    pub database_us: u64,
    /// Microseconds of waiting.
    pub queue_us: u64,
    /// Answers that were errors, whoever's.
    pub errors: u64,
    /// Answers that were refusals.
    pub refused: u64,
}

/// A line with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub tenant: String,
    /// Which hour, day or operation.
    pub part: String,
    /// What was used.
    pub used: Used,
    /// What it costs.
    pub cost: Money,
}

impl Used {
    /// Sums of answers that ended in that way.
    pub fn of(outcome: Outcome, sums: &Sums) -> Used {
        let if_so = |so: bool| if so { sums.requests } else { 0 };
        Used {
            requests: if_so(outcome != Outcome::Gone),
            charged: if_so(outcome.is_charged()),
            units: sums.units,
            rows: sums.rows,
            bytes_in: sums.bytes_in,
            bytes_out: sums.bytes_out,
            database_us: sums.database_us,
            queue_us: sums.queue_us,
            errors: if_so(matches!(outcome, Outcome::Error | Outcome::Failed)),
            refused: if_so(outcome == Outcome::Refused),
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &Used) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.charged, other.charged),
            (&mut self.units, other.units),
            (&mut self.rows, other.rows),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.database_us, other.database_us),
            (&mut self.queue_us, other.queue_us),
            (&mut self.errors, other.errors),
            (&mut self.refused, other.refused),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}
