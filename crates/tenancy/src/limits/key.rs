//! The limits by name: which there are, what each is counted in, and how far it goes.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::InvalidLimit;
use crate::quantity::{parse_duration, parse_size, write_duration, write_size};

/// Names that strangers send are repeated up to here.
const NAME_CHARS_SHOWN: usize = 64;
/// More than a gateway can do: what is larger is a slip of the keyboard.
const RATE_MAX: u64 = 1_000_000;
/// As many connections as no PostgreSQL server has.
const AT_ONCE_MAX: u64 = 100_000;
/// What every JSON reader still holds exactly (2^53 is larger).
const QUOTA_MAX: u64 = 1_000_000_000_000_000;
/// A day: what `statement_timeout` of `[limits]` may be at most.
const TIMEOUT_MS_MAX: u64 = 24 * 3600 * 1000;
/// Below it no error text would fit.
const RESULT_BYTES_LEAST: u64 = 1024;
/// PostgreSQL's own messages end at 1 GiB.
const RESULT_BYTES_MOST: u64 = 1 << 30;

/// The name of one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Requests in a second.
    RequestsPerSecond,
    /// Requests at once after a pause.
    Burst,
    /// Requests at work at the same time.
    Concurrency,
    /// Open transactions at the same time.
    Transactions,
    /// Requests in a day.
    RequestsPerDay,
    /// Requests in a month.
    RequestsPerMonth,
    /// PostgreSQL's time in a second.
    DatabaseMsPerSecond,
    /// How long a statement may run.
    StatementTimeout,
    /// Bytes of one result.
    ResultBytesMax,
}

/// What a limit is counted in, and so how it is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A whole number.
    Count,
    /// `30s`; held in milliseconds, as PostgreSQL does.
    Time,
    /// `4MiB`, or bytes.
    Size,
}

impl Limit {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Limit; 9] = [
        Self::RequestsPerSecond,
        Self::Burst,
        Self::Concurrency,
        Self::Transactions,
        Self::RequestsPerDay,
        Self::RequestsPerMonth,
        Self::DatabaseMsPerSecond,
        Self::StatementTimeout,
        Self::ResultBytesMax,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "requests_per_second",
            Self::Burst => "burst",
            Self::Concurrency => "concurrency",
            Self::Transactions => "transactions",
            Self::RequestsPerDay => "requests_per_day",
            Self::RequestsPerMonth => "requests_per_month",
            Self::DatabaseMsPerSecond => "database_ms_per_second",
            Self::StatementTimeout => "statement_timeout",
            Self::ResultBytesMax => "result_bytes_max",
        }
    }

    /// The limit of this name.
    pub fn named(name: &str) -> Result<Limit, InvalidLimit> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == name).ok_or_else(|| {
            InvalidLimit::Unknown(name.chars().take(NAME_CHARS_SHOWN).collect::<String>())
        })
    }

    /// Its least and its largest value, as numbers.
    pub fn range(self) -> RangeInclusive<u64> {
        match self {
            Self::RequestsPerSecond | Self::Burst | Self::DatabaseMsPerSecond => 1..=RATE_MAX,
            Self::Concurrency | Self::Transactions => 1..=AT_ONCE_MAX,
            Self::RequestsPerDay | Self::RequestsPerMonth => 1..=QUOTA_MAX,
            Self::StatementTimeout => 1..=TIMEOUT_MS_MAX,
            Self::ResultBytesMax => RESULT_BYTES_LEAST..=RESULT_BYTES_MOST,
        }
    }

    /// A value of it as people write it.
    pub(super) fn read(self, text: &str) -> Result<u64, InvalidLimit> {
        let value = match self.unit() {
            Unit::Count => number(text),
            Unit::Time => parse_duration(text).and_then(whole_millis),
            Unit::Size => number(text).or_else(|| parse_size(text)),
        };
        self.checked(value)
    }

    /// A value that is a number already.
    pub(super) fn read_number(self, number: Option<u64>) -> Result<u64, InvalidLimit> {
        self.checked(number.filter(|_| self.unit() != Unit::Time))
    }

    /// Whether its value is a number where there are numbers, too.
    pub(super) fn is_count(self) -> bool {
        self.unit() == Unit::Count
    }

    /// Writes what [`Limit::read`] reads.
    pub(super) fn write(self, value: u64) -> String {
        match self.unit() {
            Unit::Count => value.to_string(),
            Unit::Time => write_duration(Duration::from_millis(value)),
            Unit::Size => write_size(value),
        }
    }

    /// What a value must be, for "must be …".
    pub fn expected(self) -> String {
        let (least, most) = (self.write(*self.range().start()), self.write(*self.range().end()));
        match self.unit() {
            Unit::Count => format!("a whole number from {least} to {most}"),
            Unit::Time => format!("a time with its unit such as 30s, from {least} to {most}"),
            Unit::Size => format!("a size such as 4MiB, from {least} to {most}"),
        }
    }

    fn checked(self, value: Option<u64>) -> Result<u64, InvalidLimit> {
        value.filter(|value| self.range().contains(value)).ok_or(InvalidLimit::Value(self))
    }

    fn unit(self) -> Unit {
        match self {
            Self::StatementTimeout => Unit::Time,
            Self::ResultBytesMax => Unit::Size,
            _ => Unit::Count,
        }
    }
}

/// Digits alone: `u64` would also take `+5`.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// PostgreSQL counts in milliseconds: a part of one would be lost without a word.
fn whole_millis(time: Duration) -> Option<u64> {
    let millis = u64::try_from(time.as_millis()).ok()?;
    (Duration::from_millis(millis) == time).then_some(millis)
}
