//! What is metered: an answer becomes a measure, measures become sums by tenant, hour, operation
//! and outcome.
//!
//! A **unit** is what the RDS Data API charges for: each request is metered in steps of 32 KB. Here
//! the bytes of a request are those of its body and of its answer's body together, since both go
//! over the same line; AWS does not say which it counts.
//! <https://aws.amazon.com/rds/aurora/pricing/>

pub mod slot;

use std::collections::HashMap;

use crate::ids::TenantId;

/// One step of metering: "32 KB" in the price list, taken as KiB, which is the smaller bill.
pub const UNIT_BYTES: u64 = 32 * 1024;
/// Seconds of an hour, in which sums are kept.
const HOUR_MS: u64 = 3_600_000;

/// The units of an answered request: one at least.
pub fn units(bytes_in: u64, bytes_out: u64) -> u64 {
    bytes_in.saturating_add(bytes_out).div_ceil(UNIT_BYTES).max(1)
}

/// What a caller asked for. The numbers are those of the journal and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Operation {
    /// None that is known, or none at all.
    Other = 0,
    /// One statement.
    ExecuteStatement = 1,
    /// One statement with several sets of parameters.
    BatchExecuteStatement = 2,
    /// The begin of a transaction.
    BeginTransaction = 3,
    /// Its commit.
    CommitTransaction = 4,
    /// Its end without.
    RollbackTransaction = 5,
    /// Several statements, all or nothing.
    ExecuteTransaction = 6,
    /// The operation of the first Data API, which is refused.
    ExecuteSql = 7,
    /// A token for credentials.
    AssumeRoleWithWebIdentity = 8,
    /// Who am I.
    GetCallerIdentity = 9,
    /// One answer of the PostgreSQL door, up to `ReadyForQuery`.
    Conversation = 10,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 11] = [
        Self::Other,
        Self::ExecuteStatement,
        Self::BatchExecuteStatement,
        Self::BeginTransaction,
        Self::CommitTransaction,
        Self::RollbackTransaction,
        Self::ExecuteTransaction,
        Self::ExecuteSql,
        Self::AssumeRoleWithWebIdentity,
        Self::GetCallerIdentity,
        Self::Conversation,
    ];

    /// Its name, as in the Data API and in the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Other => "-",
            Self::ExecuteStatement => "ExecuteStatement",
            Self::BatchExecuteStatement => "BatchExecuteStatement",
            Self::BeginTransaction => "BeginTransaction",
            Self::CommitTransaction => "CommitTransaction",
            Self::RollbackTransaction => "RollbackTransaction",
            Self::ExecuteTransaction => "ExecuteTransaction",
            Self::ExecuteSql => "ExecuteSql",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::Conversation => "Conversation",
        }
    }

    /// The operation of this name.
    pub fn of(name: &str) -> Operation {
        let found = Self::ALL.into_iter().find(|operation| operation.as_str() == name);
        found.unwrap_or(Self::Other)
    }

    fn from_code(code: u8) -> Operation {
        Self::ALL.into_iter().find(|operation| *operation as u8 == code).unwrap_or(Self::Other)
    }
}

/// How it ended, in the classes that a bill knows. The numbers are those of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// As asked.
    Ok = 0,
    /// Not as asked, for a reason of the caller's: its SQL, its parameters, a timeout. The database
    /// has worked for it.
    Error = 1,
    /// Not begun: no identity, no right, a limit.
    Refused = 2,
    /// Not as asked, for a reason of ours or of the database's.
    Failed = 3,
    /// Nobody waited for the answer.
    Gone = 4,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Outcome; 5] = [Self::Ok, Self::Error, Self::Refused, Self::Failed, Self::Gone];

    /// Its word in tables and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Gone => "gone",
        }
    }

    /// The outcome of this word.
    pub fn of(word: &str) -> Option<Outcome> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether units are counted: for work that was done as asked or in vain by the caller's own
    /// doing, and never for what the gateway refused or failed at.
    pub fn is_charged(self) -> bool {
        matches!(self, Self::Ok | Self::Error)
    }

    fn from_code(code: u8) -> Outcome {
        Self::ALL.into_iter().find(|outcome| *outcome as u8 == code).unwrap_or(Self::Failed)
    }
}

/// One answer, measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was asked for.
    pub operation: Operation,
    /// What came of it.
    pub outcome: Outcome,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// Rows of the answer.
    pub rows: u64,
    /// Microseconds that the database worked.
    pub database_us: u64,
    /// Microseconds that it waited for its turn.
    pub queue_us: u64,
}

/// What answers are added up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Whose; `None` for callers without a tenant.
    pub tenant: Option<TenantId>,
    /// Hours since 1970.
    pub hour: u64,
    /// What was asked for.
    pub operation: Operation,
    /// What came of it.
    pub outcome: Outcome,
}

/// Answers added up. A sum that does not fit stays at the end of its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Answers.
    pub requests: u64,
    /// What is charged for them.
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
}

/// Sums by key.
pub type Account = HashMap<Key, Sums>;

impl Measure {
    /// What it is added up by.
    pub fn key(&self, tenant: Option<&TenantId>) -> Key {
        Key {
            tenant: tenant.cloned(),
            hour: self.at_ms / HOUR_MS,
            operation: self.operation,
            outcome: self.outcome,
        }
    }

    /// It alone.
    pub fn sums(&self) -> Sums {
        let charged = self.outcome.is_charged();
        Sums {
            requests: 1,
            units: if charged { units(self.bytes_in, self.bytes_out) } else { 0 },
            rows: self.rows,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            database_us: self.database_us,
            queue_us: self.queue_us,
        }
    }
}

impl Sums {
    /// Adds others.
    pub fn add(&mut self, other: &Sums) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.units, other.units),
            (&mut self.rows, other.rows),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.database_us, other.database_us),
            (&mut self.queue_us, other.queue_us),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

#[cfg(test)]
mod tests;
