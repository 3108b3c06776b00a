//! What clients of the PostgreSQL door have asked of a database, added up on this shard: since the
//! start, and in the last whole period.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// Averages are of so long, as PgBouncer's `stats_period` says.
const PERIOD: Duration = Duration::from_secs(60);

/// Sums. Times are in microseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// Times that a client was given a connection.
    pub assignments: u64,
    /// Transactions.
    pub transactions: u64,
    /// Answers.
    pub queries: u64,
    /// Bytes of clients.
    pub received: u64,
    /// Bytes for clients.
    pub sent: u64,
    /// Time inside transactions.
    pub transaction_us: u64,
    /// Time until answers.
    pub query_us: u64,
    /// Time clients waited for a connection.
    pub wait_us: u64,
    /// Clients that came.
    pub clients: u64,
}

impl Sums {
    /// Both together.
    pub fn plus(self, other: Sums) -> Sums {
        self.with(other, u64::wrapping_add)
    }

    fn minus(self, other: Sums) -> Sums {
        self.with(other, u64::saturating_sub)
    }

    fn with(self, other: Sums, f: impl Fn(u64, u64) -> u64) -> Sums {
        Sums {
            assignments: f(self.assignments, other.assignments),
            transactions: f(self.transactions, other.transactions),
            queries: f(self.queries, other.queries),
            received: f(self.received, other.received),
            sent: f(self.sent, other.sent),
            transaction_us: f(self.transaction_us, other.transaction_us),
            query_us: f(self.query_us, other.query_us),
            wait_us: f(self.wait_us, other.wait_us),
            clients: f(self.clients, other.clients),
        }
    }
}

/// The sums of one database.
pub struct Tally {
    total: Cell<Sums>,
    /// What it was when the period began.
    before: Cell<(Sums, Instant)>,
    /// What came in the last whole period, and how long that was.
    last: Cell<(Sums, Duration)>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(now: Instant) -> Tally {
        Tally {
            total: Cell::default(),
            before: Cell::new((Sums::default(), now)),
            last: Cell::new((Sums::default(), PERIOD)),
        }
    }

    /// Adds something.
    pub fn add(&self, more: Sums) {
        self.total.set(self.total.get().plus(more));
    }

    /// Since the start.
    pub fn total(&self) -> Sums {
        self.total.get()
    }

    /// In the last whole period, and how long that was.
    pub fn last(&self) -> (Sums, Duration) {
        self.last.get()
    }

    /// Begins a new period when it is time.
    pub fn turn(&self, now: Instant) {
        let (before, since) = self.before.get();
        let long = now.saturating_duration_since(since);
        if long >= PERIOD {
            let total = self.total.get();
            self.last.set((total.minus(before), long));
            self.before.set((total, now));
        }
    }
}

/// Microseconds, as sums have them.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
