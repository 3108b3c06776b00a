//! The connections of one shard to one database as one role, and who may use which.
//!
//! - The **fast lane**: one or two packed connections, many requests in flight on each, for
//!   statements that are known to be fast and to leave no trace in the session.
//! - **Exclusive** connections: one user at a time, for unknown and slow statements and for
//!   explicit transactions; lent again only when known clean, else after a checked `DISCARD ALL`,
//!   else closed.
//!
//! The pool also keeps what was learned about statements (whether they are clean, fast, and what
//! they return) and what the catalog said about columns and types.

mod connector;
mod exclusive;
mod facts;
mod fast;
mod gate;
mod occupant;
mod pins;
mod places;
mod registration;
mod roster;
mod statements;
mod waiting;

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub use connector::Destination;
pub use exclusive::{Condition, Lease, Use};
pub use facts::{ColumnKey, FactTable, Missing};
pub use fast::{FastLink, Reset};
pub use occupant::{Borrower, Occupant};
pub use pins::{Pin, Pins};
pub use roster::{Member, Occupation, Station};
pub use statements::{Lane, StatementEntry, TypeChoice};

use crate::config;
use crate::error::Error;
use crate::observe::Observer;
use crate::upstream::{BackendKey, cancel};
use connector::Connector;
use exclusive::Exclusive;
use fast::FastLane;
use statements::StatementTable;

/// The name of the prepared prologue on every connection.
pub const PROLOGUE_STATEMENT: &str = "rowhouse_prologue";

/// Requests to cancel that are under way at once: each costs the server a process.
const CANCELS_MAX: usize = 4;

/// The connections of one shard to one database as one role.
pub struct Pool {
    connector: Connector,
    fast: FastLane,
    exclusive: Exclusive,
    pins: Pins,
    cancels: Semaphore,
    statements: RefCell<StatementTable>,
    facts: RefCell<FactTable>,
    wait_timeout: Duration,
    used_at: Cell<Instant>,
}

impl Pool {
    /// A pool without connections; they come when they are needed.
    pub fn new(
        destination: Destination,
        settings: &config::Pool,
        limits: &config::Limits,
        observer: Observer,
    ) -> Rc<Pool> {
        let connector = Connector::new(destination, settings.connect_timeout, observer);
        Rc::new(Pool {
            fast: FastLane::new(settings),
            exclusive: Exclusive::new(settings, limits),
            pins: Pins::new(settings),
            cancels: Semaphore::new(CANCELS_MAX),
            statements: RefCell::default(),
            facts: RefCell::default(),
            wait_timeout: settings.wait_timeout,
            used_at: Cell::new(Instant::now()),
            connector,
        })
    }

    /// What is known about a statement; it is examined when it is met for the first time.
    pub fn statement(&self, sql: &str, types: &[u32]) -> Rc<StatementEntry> {
        self.statements.borrow_mut().entry(sql, types)
    }

    /// What the catalog said. Not to be held while waiting.
    pub fn facts(&self) -> RefMut<'_, FactTable> {
        self.facts.borrow_mut()
    }

    /// The same for a statement that is not to be remembered.
    pub fn stranger(&self, sql: &str, types: &[u32]) -> Rc<StatementEntry> {
        self.statements.borrow_mut().stranger(sql, types)
    }

    /// A packed connection with room for one more request of this occupant.
    pub async fn fast(&self, borrower: &Borrower) -> Result<fast::Seat, Error> {
        self.fast.seat(&self.connector, borrower, self.deadline()).await
    }

    /// Gives a packed connection to nobody any more.
    pub fn retire(&self, link: &Rc<FastLink>) {
        self.fast.retire(link);
    }

    /// A connection for one user alone.
    pub async fn exclusive(
        self: &Rc<Self>,
        purpose: Use,
        condition: Condition,
        borrower: &Borrower,
    ) -> Result<Lease, Error> {
        let deadline = self.deadline();
        exclusive::lease(self, purpose, condition, borrower, deadline).await
    }

    /// The right to outlive the statement timeout; few have it at once, so that they never hold
    /// every connection.
    pub async fn permit_to_go_on(&self) -> Result<OwnedSemaphorePermit, Error> {
        self.exclusive.permit_to_go_on(self.deadline()).await
    }

    /// Closes what nobody used for a while.
    pub fn sweep(&self, now: Instant) {
        self.exclusive.sweep(&self.connector, now);
        self.fast.sweep(&self.connector, now);
    }

    /// Somebody asks for this pool now. Noted only where it matters who asked last.
    pub fn note_use(&self, now: Instant) {
        self.used_at.set(now);
    }

    /// When this pool was made, or [`Pool::note_use`] was told last.
    pub fn used_at(&self) -> Instant {
        self.used_at.get()
    }

    /// The shortest way to the server and back that was seen.
    pub fn round_trip(&self) -> Duration {
        self.connector.round_trip()
    }

    /// How many of its connections clients keep to themselves.
    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Its connections.
    pub fn members(&self) -> Vec<Member> {
        self.connector.roster().members()
    }

    /// How many connections are open, and how many of them close as soon as they are free.
    pub fn count(&self) -> (usize, usize) {
        self.connector.roster().count()
    }

    /// Attempts to connect that are under way.
    pub fn connecting(&self) -> usize {
        self.connector.connecting()
    }

    /// Every connection is closed: now, or when who has it is done.
    pub fn retire_all(&self) {
        self.connector.roster().retire();
        self.sweep(Instant::now());
    }

    /// Nobody gets a connection any more until [`Pool::resume`]; those that there are close as soon
    /// as they are free.
    pub fn pause(&self) {
        self.connector.gate().close();
        self.retire_all();
    }

    /// Whoever waits gets a connection.
    pub fn resume(&self) {
        self.connector.gate().open();
    }

    /// Whether nobody gets a connection just now.
    pub fn is_paused(&self) -> bool {
        self.connector.gate().is_closed()
    }

    /// How often it was paused.
    pub fn pauses(&self) -> u64 {
        self.connector.gate().closings()
    }

    /// Waits until connections are given out again.
    pub async fn resumed(&self, until: Instant) -> Result<(), Error> {
        self.connector.gate().pass(until).await
    }

    /// The role of its connections, as far as it is known.
    pub fn role(&self) -> Option<String> {
        self.connector.role()
    }

    /// What the server told about itself; nothing before the first connection.
    pub fn told(&self) -> Rc<[(String, String)]> {
        self.connector.told()
    }

    /// Cancels what runs on a connection. Each request is a connection for the server, so there are
    /// few at once.
    pub async fn cancel(&self, key: &BackendKey) {
        // Never closed.
        let Ok(_permit) = self.cancels.acquire().await else { return };
        cancel(self.server(), key).await;
    }

    /// The server this pool leads to.
    pub fn server(&self) -> &config::Server {
        self.connector.server()
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.wait_timeout
    }
}
