//! What one tenant has used, and what becomes of its next request. Shared by all shards, so all of
//! it is atomic; nothing here waits.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rowhouse_tenancy::fair::{Clock, Flow};
use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::limits::Limit;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use rowhouse_tenancy::rate::Meter;

use super::quota::{Calendar, Quota, Today};
use super::terms::{Party, Terms};
use crate::error::{Error, Kind};

/// What a connection is expected to be held for by somebody new, in microseconds.
const FIRST_GUESS: u64 = 1_000;
/// However long one was held: what is put down for the next has a bound, and nothing less than
/// [`FIRST_GUESS`] is, so that nobody comes by many small requests to a place for large ones.
const GUESS_MAX: u64 = 60_000_000;
/// A guess moves by one part in so many towards what was: one outlier does not decide.
const GUESS_INERTIA: u64 = 8;
/// Who has too much at work should wait about as long as something takes.
const RETRY_WHEN_BUSY: Duration = Duration::from_secs(1);
const SECONDS_PER_DAY: u64 = 86_400;

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A tenant's.
    Tenant(TenantId),
    /// That of somebody who is no tenant.
    Other(PrincipalKind, Arc<str>),
}

/// What one tenant has used.
#[derive(Debug)]
pub struct Account {
    /// When the clock of its meters began.
    started: Instant,
    clocks: Arc<[Clock; KINDS]>,
    shares: [Share; KINDS],
    rate: Meter,
    cost: Meter,
    day: Quota,
    month: Quota,
    running: AtomicU32,
    transactions: AtomicU32,
    waiting: AtomicUsize,
}

/// What is shared. A transaction may hold its connection for minutes, which is no reason to let its
/// tenant's statements wait elsewhere; so each kind is shared by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Places on packed connections.
    Fast,
    /// Connections for one statement.
    Statement,
    /// Connections for explicit transactions.
    Transaction,
    /// Connections for clients of the PostgreSQL door.
    Conversation,
}

/// How many kinds there are.
pub const KINDS: usize = 4;

/// What somebody has been given of one kind.
#[derive(Debug)]
struct Share {
    flow: Flow,
    /// Microseconds for which it holds one, on average.
    guess: AtomicU64,
}

impl Default for Share {
    fn default() -> Self {
        Share { flow: Flow::default(), guess: AtomicU64::new(FIRST_GUESS) }
    }
}

/// A request that has its turn. Dropping it ends the turn.
#[derive(Debug)]
pub struct Admitted {
    party: Party,
}

/// A transaction that is open. Dropping it takes it off the count.
#[derive(Debug)]
pub struct OpenTransaction(Arc<Account>);

/// Why a request may not go on now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Which limit it is.
    pub limit: Limit,
    /// How long it is before trying again makes sense.
    pub retry_in: Duration,
}

impl Key {
    /// The account that a caller's requests count on.
    pub fn of(principal: &Principal) -> Key {
        match principal.tenant() {
            Some(tenant) => Key::Tenant(tenant.clone()),
            None => Key::Other(principal.kind(), principal.subject().into()),
        }
    }
}

impl Account {
    /// Nothing has been used.
    pub fn new(started: Instant, clocks: Arc<[Clock; KINDS]>) -> Account {
        Account {
            started,
            clocks,
            shares: Default::default(),
            rate: Meter::default(),
            cost: Meter::default(),
            day: Quota::default(),
            month: Quota::default(),
            running: AtomicU32::new(0),
            transactions: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
        }
    }

    /// What has this tag is served now.
    pub fn serve(&self, kind: Sharing, tag: u64) {
        if let Some(clock) = self.clocks.get(kind as usize) {
            clock.serve(tag);
        }
    }

    /// Puts down that a connection is wanted. Gives the place in the order, and what it was put
    /// down for.
    pub fn want(&self, kind: Sharing, terms: &Terms) -> (u64, u64) {
        let index = kind as usize;
        let (Some(clock), Some(share)) = (self.clocks.get(index), self.shares.get(index)) else {
            return (0, 0);
        };
        let guess = share.guess.load(Ordering::Relaxed).clamp(FIRST_GUESS, GUESS_MAX);
        (share.flow.begin(clock, terms.weight, guess), guess)
    }

    /// A connection was held for this long; what was put down, if it was waited for, is set right.
    /// For one statement that is the time that the database worked for it, and charged: also where
    /// it has failed, or its caller has left.
    pub fn had(&self, kind: Sharing, terms: &Terms, guess: Option<u64>, held: Duration) {
        let Some(share) = self.shares.get(kind as usize) else { return };
        if matches!(kind, Sharing::Fast | Sharing::Statement) {
            self.charge(terms, held);
        }
        let held = u64::try_from(held.as_micros()).unwrap_or(u64::MAX).min(GUESS_MAX);
        if let Some(guess) = guess {
            share.flow.settle(terms.weight, guess, held);
        }
        let before = share.guess.load(Ordering::Relaxed);
        let mean = (before.saturating_mul(GUESS_INERTIA - 1).saturating_add(held)) / GUESS_INERTIA;
        share.guess.store(mean.max(1), Ordering::Relaxed);
    }

    /// A connection was wanted in vain.
    pub fn had_none(&self, kind: Sharing, terms: &Terms, guess: u64) {
        if let Some(share) = self.shares.get(kind as usize) {
            share.flow.settle(terms.weight, guess, 0);
        }
    }

    /// How many of its requests wait for a connection.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// One more waits.
    pub fn begin_waiting(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// One does not wait any more.
    pub fn end_waiting(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// One more transaction is open; why it may not be, if that is so.
    pub(super) fn open_transaction(
        self: &Arc<Account>,
        terms: &Terms,
    ) -> (OpenTransaction, Option<Refusal>) {
        let open = self.transactions.fetch_add(1, Ordering::Relaxed);
        let beyond = terms.limits.transactions.is_some_and(|max| open >= max);
        let refusal = Refusal { limit: Limit::Transactions, retry_in: RETRY_WHEN_BUSY };
        (OpenTransaction(Arc::clone(self)), beyond.then_some(refusal))
    }

    /// One more request has its turn, if that may be; else nothing has changed.
    pub(super) fn enter(
        &self,
        terms: &Terms,
        now: u64,
        calendar: &Calendar,
    ) -> Result<(), Refusal> {
        let running = self.running.fetch_add(1, Ordering::Relaxed);
        let entered = match terms.limits.concurrency {
            Some(max) if running >= max => {
                Err(Refusal { limit: Limit::Concurrency, retry_in: RETRY_WHEN_BUSY })
            }
            _ => self.use_limits(terms, now, calendar),
        };
        if entered.is_err() {
            self.running.fetch_sub(1, Ordering::Relaxed);
        }
        entered
    }

    /// One more request has its turn, whatever the limits say.
    pub(super) fn enter_regardless(&self) {
        self.running.fetch_add(1, Ordering::Relaxed);
    }

    fn use_limits(&self, terms: &Terms, now: u64, calendar: &Calendar) -> Result<(), Refusal> {
        let limits = &terms.limits;
        if let Some(cost) = terms.cost {
            let standing = self.cost.look(cost, now);
            if !standing.granted {
                let limit = Limit::DatabaseMsPerSecond;
                return Err(Refusal { limit, retry_in: standing.retry_in });
            }
        }
        if limits.requests_per_day.is_some() || limits.requests_per_month.is_some() {
            self.use_quotas(terms, calendar)?;
        }
        let Some(rate) = terms.rate else { return Ok(()) };
        let standing = self.rate.ask(rate, now);
        if standing.granted {
            return Ok(());
        }
        // A quota is for what was answered.
        if limits.requests_per_day.is_some() {
            self.day.give_back();
        }
        if limits.requests_per_month.is_some() {
            self.month.give_back();
        }
        Err(Refusal { limit: Limit::RequestsPerSecond, retry_in: standing.retry_in })
    }

    fn use_quotas(&self, terms: &Terms, calendar: &Calendar) -> Result<(), Refusal> {
        let today = calendar.today();
        if let Some(max) = terms.limits.requests_per_month
            && !self.month.take(today.month, max)
        {
            let retry_in = Duration::from_secs(today.month_left());
            return Err(Refusal { limit: Limit::RequestsPerMonth, retry_in });
        }
        if let Some(max) = terms.limits.requests_per_day
            && !self.day.take(today.day, max)
        {
            if terms.limits.requests_per_month.is_some() {
                self.month.give_back();
            }
            let retry_in = Duration::from_secs(today.day_left());
            return Err(Refusal { limit: Limit::RequestsPerDay, retry_in });
        }
        Ok(())
    }

    /// Charges for the time that the database has worked.
    pub(super) fn charge(&self, terms: &Terms, database: Duration) {
        let now = nanos(self.started.elapsed());
        if let Some(cost) = terms.cost {
            // A part of a millisecond counts as one: the database has begun it.
            let millis = u64::try_from(database.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
            self.cost.charge(cost, now, millis);
        }
    }

    /// Whether something that was used still counts.
    pub(super) fn is_owing(&self, now: u64, today: Today) -> bool {
        let any = rowhouse_tenancy::rate::Rate::new(1, u32::MAX);
        let owes = |meter: &Meter| meter.look(any, now).refilled_in > Duration::ZERO;
        let used = |quota: &Quota, period: u64| quota.left(period, u64::MAX) != u64::MAX;
        owes(&self.rate)
            || owes(&self.cost)
            || used(&self.day, today.day)
            || used(&self.month, today.month)
    }

    /// Policy and state as HTTP's headers say them.
    pub(super) fn rate_limit(
        &self,
        terms: &Terms,
        now: u64,
        calendar: &Calendar,
    ) -> Option<(String, String)> {
        let (mut policy, mut state) = (String::new(), String::new());
        let mut tell = |name: &str, quota: u64, window: u64, left: u64, reset: u64| {
            let comma = if policy.is_empty() { "" } else { ", " };
            // Writing into a String cannot fail.
            let _ = write!(policy, "{comma}\"{name}\";q={quota};w={window}");
            let _ = write!(state, "{comma}\"{name}\";r={left};t={reset}");
        };
        if let Some(rate) = terms.rate {
            let standing = self.rate.look(rate, now);
            let window = whole_seconds(rate.window()).max(1);
            let (quota, left) = (u64::from(rate.burst()), u64::from(standing.remaining));
            tell("requests", quota, window, left, whole_seconds(standing.refilled_in));
        }
        let limits = &terms.limits;
        if limits.requests_per_day.is_some() || limits.requests_per_month.is_some() {
            let today = calendar.today();
            if let Some(max) = limits.requests_per_day {
                tell("day", max, SECONDS_PER_DAY, self.day.left(today.day, max), today.day_left());
            }
            if let Some(max) = limits.requests_per_month {
                let left = self.month.left(today.month, max);
                let window = today.month_days() * SECONDS_PER_DAY;
                tell("month", max, window, left, today.month_left());
            }
        }
        (!policy.is_empty()).then_some((policy, state))
    }
}

impl Admitted {
    pub(super) fn new(party: Party) -> Admitted {
        Admitted { party }
    }

    /// Whose turn it is.
    pub fn party(&self) -> &Party {
        &self.party
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.party.account.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        self.0.transactions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Refusal {
    /// What the caller is told.
    pub fn error(self, terms: &Terms) -> Error {
        let max = terms.limits.value(self.limit).unwrap_or_default();
        let (kind, text) = match self.limit {
            Limit::RequestsPerSecond | Limit::Burst => {
                (Kind::Throttled, format!("Rate exceeded: {max} requests per second are allowed."))
            }
            Limit::Concurrency => {
                (Kind::Throttled, format!("Rate exceeded: {max} requests at once are allowed."))
            }
            Limit::Transactions => {
                let text = format!("{max} open transactions at once are allowed. End one first.");
                (Kind::Throttled, text)
            }
            Limit::RequestsPerDay => {
                (Kind::QuotaSpent, format!("The quota of {max} requests per day is used up."))
            }
            Limit::RequestsPerMonth => {
                (Kind::QuotaSpent, format!("The quota of {max} requests per month is used up."))
            }
            Limit::DatabaseMsPerSecond | Limit::StatementTimeout | Limit::ResultBytesMax => {
                let text = format!(
                    "Rate exceeded: {max} ms of database time per second are allowed, and the \
                     statements before this one have taken more."
                );
                (Kind::Throttled, text)
            }
        };
        let seconds = whole_seconds(self.retry_in).max(1);
        Error::new(kind, format!("{text} Try again in {seconds} s.")).retry_in(self.retry_in)
    }
}

/// As the meters count.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds, rounded up: a client that comes earlier comes in vain.
pub fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
