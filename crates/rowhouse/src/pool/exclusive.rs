//! Connections for one user at a time, and the rule for lending them again.
//!
//! A connection comes back by itself when its [`Lease`] is dropped. It is lent again when
//! everything that ran on it is known to leave no trace; otherwise it is rolled back and reset with
//! `DISCARD ALL`, whose answer is checked; when in doubt, it is closed.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::{CommandTag, TransactionStatus, tag};
use rowhouse_protocol::{frame, frontend};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::Pool;
use super::connector::Connector;
use super::occupant::{Borrower, Occupant};
use super::places::{Permit, Places};
use super::roster::{Note, Occupation, Station};
use super::waiting::{Waiting, overloaded};
use crate::admission::Sharing;
use crate::config;
use crate::error::Error;
use crate::upstream::{ExchangeShape, Link, cancel};

/// A reset that takes longer than what the statement before it may take, plus this, ends in a
/// close.
const RESET_GRACE: Duration = Duration::from_secs(5);
/// `ROLLBACK` and `DISCARD ALL` answer with a few dozen bytes.
const RESET_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Whoever held a connection until this long before the statement timeout leaves it to a reset: a
/// timeout that fires as its statement ends would strike the next caller's.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(100);

/// No connection is lent after this age: what neither a reset nor we know of ends with it.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(30 * 60);

/// What a connection is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// One statement, or one batch.
    Statement,
    /// An explicit transaction.
    Transaction,
    /// Whatever a client of the PostgreSQL door says until its transaction ends, or it leaves.
    Conversation,
}

impl Use {
    fn station(self) -> Station {
        match self {
            Use::Statement => Station::Slow,
            Use::Transaction => Station::Transaction,
            Use::Conversation => Station::Wire,
        }
    }
}

/// How much of its past a connection may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// As new: nothing ran since it was opened or reset. For statements that may look at the
    /// session.
    Pristine,
    /// Known-clean statements may have run.
    Clean,
}

/// The exclusive connections of a pool.
pub struct Exclusive {
    idle: RefCell<Vec<Idle>>,
    statements: Rc<Places>,
    transactions: Rc<Places>,
    conversations: Rc<Places>,
    continued: Arc<Semaphore>,
    waiting: Waiting,
    idle_timeout: Duration,
    statement_timeout: Duration,
}

struct Idle {
    member: Member,
    since: Instant,
}

struct Member {
    link: Link,
    condition: Condition,
    /// Whose statements have run on it, unless it is pristine.
    occupant: Occupant,
    prologue_known: bool,
    opened_at: Instant,
    note: Rc<Note>,
}

/// A connection on loan. Dropping it gives it back, or closes it.
pub struct Lease {
    pool: Rc<Pool>,
    member: Option<Member>,
    permit: Option<Permit>,
    /// Something ran, or may be running, whose traces are not known to be none.
    tainted: bool,
    /// Something ran, or may be running, whose traces a reset does not remove.
    condemned: bool,
    since: Instant,
}

impl Exclusive {
    /// A set without connections.
    pub fn new(settings: &config::Pool, limits: &config::Limits) -> Exclusive {
        let places = |kind, count| Places::new(kind, count, settings.waiting_max);
        Exclusive {
            idle: RefCell::new(Vec::new()),
            statements: places(Sharing::Statement, settings.slow_connections),
            transactions: places(Sharing::Transaction, settings.transaction_connections),
            conversations: places(Sharing::Conversation, settings.wire_connections),
            continued: Arc::new(Semaphore::new(continued_max(settings))),
            waiting: Waiting::new(settings.waiting_max),
            idle_timeout: settings.idle_timeout,
            statement_timeout: limits.statement_timeout,
        }
    }

    /// Closes connections nobody used for a while, and those whose key is not the current one.
    pub fn sweep(&self, connector: &Connector, now: Instant) {
        self.idle.borrow_mut().retain(|idle| {
            let idle_for_long = now.saturating_duration_since(idle.since) > self.idle_timeout;
            let keep = !idle_for_long && connector.is_current(&idle.member.link);
            if !keep {
                idle.member.link.close("idle");
            }
            keep
        });
    }

    fn reset_timeout(&self) -> Duration {
        self.statement_timeout + RESET_GRACE
    }

    /// The right to outlive the statement timeout.
    pub async fn permit_to_go_on(&self, until: Instant) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(permit) = Arc::clone(&self.continued).try_acquire_owned() {
            return Ok(permit);
        }
        let waiter = self.waiting.join()?;
        let permit = timeout_at(until, Arc::clone(&self.continued).acquire_owned()).await;
        drop(waiter);
        match permit {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(overloaded("no connection became free in time")),
        }
    }

    /// An idle connection, the most fitting first: used ones where that will do, so that pristine
    /// ones stay for those who need them.
    fn take(
        &self,
        connector: &Connector,
        condition: Condition,
        occupant: &Occupant,
    ) -> Option<Member> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| {
            let link = &idle.member.link;
            link.is_open() && connector.is_current(link)
        });
        let find = |fits: &dyn Fn(&Member) -> bool| idle.iter().rposition(|i| fits(&i.member));
        let own =
            find(&|member| member.condition == condition && member.suits(condition, occupant));
        let suiting = || find(&|member| member.suits(condition, occupant));
        let index = own.or_else(suiting).or_else(|| idle.len().checked_sub(1))?;
        Some(idle.remove(index).member)
    }
}

/// Statements that outlive their timeout leave a connection for those that do not; where there is
/// but one, it has to do.
fn continued_max(settings: &config::Pool) -> usize {
    settings.continued_statements.min(settings.slow_connections.saturating_sub(1).max(1))
}

/// Waits for a connection, opening one where none is idle.
pub async fn lease(
    pool: &Rc<Pool>,
    purpose: Use,
    condition: Condition,
    borrower: &Borrower,
    until: Instant,
) -> Result<Lease, Error> {
    let occupant = &borrower.occupant;
    let own = match purpose {
        Use::Statement => &pool.exclusive.statements,
        Use::Transaction => &pool.exclusive.transactions,
        Use::Conversation => &pool.exclusive.conversations,
    };
    let station = purpose.station();
    let mut permit = own.enter(&borrower.party, until).await?;
    while let Some(member) = pool.exclusive.take(&pool.connector, condition, occupant) {
        let suits = member.suits(condition, occupant);
        let mut lease = Lease::new(pool, member, permit);
        if suits || lease.renew().await {
            lease.belong_to(occupant, station);
            return Ok(lease);
        }
        permit = lease.give_up().ok_or_else(|| Error::internal("a lease without permit"))?;
    }
    let timeout_ms = pool.exclusive.statement_timeout.as_millis().to_string();
    let link = pool.connector.connect(&[("statement_timeout", &timeout_ms)], until).await?;
    let note = pool.connector.roster().enter(&link, station);
    let member = Member {
        link,
        note,
        condition: Condition::Pristine,
        occupant: occupant.clone(),
        prologue_known: false,
        opened_at: Instant::now(),
    };
    Ok(Lease::new(pool, member, permit))
}

impl Lease {
    fn new(pool: &Rc<Pool>, member: Member, permit: Permit) -> Lease {
        member.note.turn(Occupation::Lent);
        Lease {
            pool: Rc::clone(pool),
            member: Some(member),
            permit: Some(permit),
            tainted: false,
            condemned: false,
            since: Instant::now(),
        }
    }

    fn belong_to(&mut self, occupant: &Occupant, station: Station) {
        let Some(member) = &mut self.member else { return };
        member.note.station.set(station);
        if member.occupant != *occupant {
            member.occupant = occupant.clone();
        }
    }

    /// Notes the number of the client that has it, for those who look.
    pub fn note_client(&self, number: u64) {
        self.member.iter().for_each(|member| member.note.client.set(number));
    }

    /// Makes the connection as new. Dropped half-way, the lease is as tainted as any.
    async fn renew(&mut self) -> bool {
        self.tainted = true;
        let Some(member) = &mut self.member else { return false };
        if !reset(&member.link, self.pool.exclusive.reset_timeout()).await {
            return false;
        }
        member.renewed();
        self.tainted = false;
        true
    }

    /// Closes the connection and keeps the right to have one.
    fn give_up(mut self) -> Option<Permit> {
        if let Some(member) = self.member.take() {
            member.link.close("reset failed");
        }
        self.permit.take()
    }

    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.permit.as_ref().map_or(Duration::ZERO, Permit::waited)
    }

    /// The connection is not lent again: what runs on it leaves traces that no reset removes.
    pub fn condemn(&mut self) {
        self.condemned = true;
    }

    /// The connection. Using it taints the lease until [`Lease::settle`] says that no trace is
    /// left.
    pub fn link(&mut self) -> Result<&Link, Error> {
        self.tainted = true;
        self.peek()
    }

    /// The connection, to look at.
    pub fn peek(&self) -> Result<&Link, Error> {
        match &self.member {
            Some(member) => Ok(&member.link),
            None => Err(Error::internal("a lease without connection")),
        }
    }

    /// Whether the prologue must be parsed first; from then on it counts as known.
    pub fn prologue_unknown(&mut self) -> bool {
        self.member
            .as_mut()
            .is_some_and(|member| !std::mem::replace(&mut member.prologue_known, true))
    }

    /// The server does not know the prologue after all.
    pub fn forget_prologue(&mut self) {
        if let Some(member) = &mut self.member {
            member.prologue_known = false;
        }
    }

    /// Everything that ran has been answered, the session is outside a transaction, and what ran is
    /// known to be clean.
    pub fn settle(&mut self) {
        if let Some(member) = &mut self.member
            && member.link.in_flight() == 0
            && !member.link.session_changed()
            && self.since.elapsed() + TIMEOUT_MARGIN < self.pool.exclusive.statement_timeout
        {
            member.condition = Condition::Clean;
            self.tainted = false;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(member), Some(permit)) = (self.member.take(), self.permit.take()) else {
            return;
        };
        if !member.link.is_open() {
            return;
        }
        let current = self.pool.connector.is_current(&member.link);
        if self.condemned || !current || member.opened_at.elapsed() > CONNECTION_AGE_MAX {
            member.link.close("its time is over");
            return;
        }
        let pool = Rc::clone(&self.pool);
        member.note.turn(if self.tainted { Occupation::Reset } else { Occupation::Idle });
        if self.tainted {
            tokio::task::spawn_local(clean(pool, member, permit));
        } else {
            pool.exclusive.idle.borrow_mut().push(Idle { member, since: Instant::now() });
            drop(permit);
        }
    }
}

impl Member {
    /// Whether it can be lent as it is. Between two different occupants of a sealed database there
    /// is a reset, however clean the statements of the first were.
    fn suits(&self, condition: Condition, occupant: &Occupant) -> bool {
        match self.condition {
            Condition::Pristine => true,
            Condition::Clean => condition == Condition::Clean && self.occupant == *occupant,
        }
    }

    fn renewed(&mut self) {
        self.condition = Condition::Pristine;
        self.prologue_known = false;
    }
}

/// Resets a connection and puts it back, or closes it. Its permit is held until then, so that the
/// number of connections stays within its bound; and what still runs on it is cancelled before it
/// is let go, so that the server's side of it does not outlive ours.
async fn clean(pool: Rc<Pool>, mut member: Member, permit: Permit) {
    if reset(&member.link, pool.exclusive.reset_timeout()).await {
        member.renewed();
        if !pool.connector.is_current(&member.link) {
            member.link.close("its time is over");
            return;
        }
        member.note.turn(Occupation::Idle);
        pool.exclusive.idle.borrow_mut().push(Idle { member, since: Instant::now() });
    } else {
        if member.link.is_open() {
            cancel(pool.server(), member.link.backend()).await;
        }
        member.link.close("reset failed");
    }
    drop(permit);
}

/// `ROLLBACK` and `RESET statement_timeout`, then `DISCARD ALL`, behind whatever still runs; `true`
/// only if the server confirms both.
///
/// `DISCARD ALL` cannot run inside a transaction block, hence the two (PostgreSQL docs, DISCARD). A
/// `statement_timeout` that a caller set to a millisecond can make either fail, hence the checks;
/// and one that fires as a statement ends strikes the next one, whoever sent it
/// (`disable_statement_timeout` in PostgreSQL's postgres.c clears only a timer that still runs).
/// With the timeout reset first, that next one is the `DISCARD ALL` at the latest.
async fn reset(link: &Link, limit: Duration) -> bool {
    let shape =
        |commands| ExchangeShape { commands, atomic: true, bytes_max: RESET_ANSWER_BYTES_MAX };
    let query = |sql: &'static str| move |buf: &mut BytesMut| frontend::query(buf, sql);
    let settled = link.submit(shape(2), query("ROLLBACK; RESET statement_timeout"));
    let Ok(settled) = settled else { return false };
    let Ok(discard) = link.submit(shape(1), query("DISCARD ALL")) else { return false };
    let both = async { (settled.await, discard.await) };
    let Ok((Ok(Ok(settled)), Ok(Ok(discard)))) = timeout(limit, both).await else {
        return false;
    };
    let clean = settled.status == TransactionStatus::Idle
        && confirms(&settled.frames, "RESET")
        && discard.status == TransactionStatus::Idle
        && confirms(&discard.frames, "DISCARD ALL")
        && link.in_flight() == 0;
    if clean {
        link.forget_session_changes();
    }
    clean
}

/// Whether an answer completes the given command and holds no error.
fn confirms(mut frames: &[u8], command: &str) -> bool {
    let mut confirmed = false;
    while let Ok(Some(header)) = frame::peek(frames, RESET_ANSWER_BYTES_MAX) {
        let Some((whole, rest)) = frames.split_at_checked(header.len) else { return false };
        match header.tag {
            tag::ERROR_RESPONSE => return false,
            tag::COMMAND_COMPLETE => {
                let body = whole.get(5..).unwrap_or_default();
                confirmed = CommandTag::decode(body).is_ok_and(|tag| tag.text == command);
            }
            _ => {}
        }
        frames = rest;
    }
    confirmed
}
