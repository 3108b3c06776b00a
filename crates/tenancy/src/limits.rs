//! What one tenant, or each tenant of a tier, may use: values to compare with, nothing that counts.
//!
//! A limit has one name everywhere: in `[[tier]]`, in `rowhouse tenant set T name=value`, in the
//! registry's column `limits`, and in what refuses a request.

mod json;
mod key;

use std::fmt;
use std::time::Duration;

pub use json::LIMITS_JSON_BYTES_MAX;
pub use key::Limit;

/// Limits that are set; what is `None` is not limited here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in a second, on average.
    pub requests_per_second: Option<u32>,
    /// Requests at once after a pause; without it as many as in a second.
    pub burst: Option<u32>,
    /// Requests at work at the same time.
    pub concurrency: Option<u32>,
    /// Open transactions of the Data API at the same time.
    pub transactions: Option<u32>,
    /// Requests in a day (UTC).
    pub requests_per_day: Option<u64>,
    /// Requests in a month (UTC).
    pub requests_per_month: Option<u64>,
    /// Milliseconds of PostgreSQL's time in a second, on average; 1000 is one connection that never
    /// rests. Charged when a statement has ended.
    pub database_ms_per_second: Option<u32>,
    /// How long a statement may run.
    pub statement_timeout: Option<Duration>,
    /// Bytes of one result.
    pub result_bytes_max: Option<u64>,
}

/// Why an assignment or a text is no limit. Says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidLimit {
    /// Not `name=value`.
    NoAssignment,
    /// No limit has this name.
    Unknown(String),
    /// Not a value for this limit.
    Value(Limit),
    /// Not a JSON object, or too large for one.
    NotAnObject,
}

impl Limits {
    /// These, and where one is not set that of `base`: a tenant's own over those of its tier.
    #[must_use]
    pub fn over(&self, base: &Limits) -> Limits {
        let mut both = base.clone();
        for limit in Limit::ALL {
            if let Some(value) = self.value(limit) {
                both.put(limit, Some(value));
            }
        }
        both
    }

    /// Sets one from `name=value`; `name=` takes it away.
    pub fn assign(&mut self, assignment: &str) -> Result<(), InvalidLimit> {
        let (name, value) = assignment.split_once('=').ok_or(InvalidLimit::NoAssignment)?;
        let limit = Limit::named(name.trim())?;
        match value.trim() {
            "" => self.put(limit, None),
            text => self.put(limit, Some(limit.read(text)?)),
        }
        Ok(())
    }

    /// Those that are set, each as it would be assigned: name and value.
    pub fn entries(&self) -> impl Iterator<Item = (Limit, String)> {
        let set = |limit: Limit| self.value(limit).map(|value| (limit, limit.write(value)));
        Limit::ALL.into_iter().filter_map(set)
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        *self == Limits::default()
    }

    /// One of them as a number: requests, milliseconds or bytes.
    pub fn value(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::RequestsPerSecond => self.requests_per_second.map(u64::from),
            Limit::Burst => self.burst.map(u64::from),
            Limit::Concurrency => self.concurrency.map(u64::from),
            Limit::Transactions => self.transactions.map(u64::from),
            Limit::RequestsPerDay => self.requests_per_day,
            Limit::RequestsPerMonth => self.requests_per_month,
            Limit::DatabaseMsPerSecond => self.database_ms_per_second.map(u64::from),
            Limit::StatementTimeout => self
                .statement_timeout
                .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            Limit::ResultBytesMax => self.result_bytes_max,
        }
    }

    /// Sets one to a number that its reader has let through, so all of them fit.
    fn put(&mut self, limit: Limit, value: Option<u64>) {
        let short = value.map(|value| u32::try_from(value).unwrap_or(u32::MAX));
        match limit {
            Limit::RequestsPerSecond => self.requests_per_second = short,
            Limit::Burst => self.burst = short,
            Limit::Concurrency => self.concurrency = short,
            Limit::Transactions => self.transactions = short,
            Limit::RequestsPerDay => self.requests_per_day = value,
            Limit::RequestsPerMonth => self.requests_per_month = value,
            Limit::DatabaseMsPerSecond => self.database_ms_per_second = short,
            Limit::StatementTimeout => self.statement_timeout = value.map(Duration::from_millis),
            Limit::ResultBytesMax => self.result_bytes_max = value,
        }
    }
}

impl fmt::Display for InvalidLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAssignment => {
                f.write_str("write name=value, as requests_per_second=50; name= takes it away")
            }
            Self::Unknown(name) => {
                let names = Limit::ALL.map(Limit::as_str).join(", ");
                write!(f, "there is no limit {name:?}; there are {names}")
            }
            Self::Value(limit) => write!(f, "{} must be {}", limit.as_str(), limit.expected()),
            Self::NotAnObject => f.write_str(
                "limits are a JSON object of names and values, as {\"requests_per_second\": 50}",
            ),
        }
    }
}

impl std::error::Error for InvalidLimit {}

#[cfg(test)]
mod tests;
