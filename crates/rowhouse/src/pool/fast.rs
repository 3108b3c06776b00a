//! The fast lane: packed connections, many exchanges in flight on each.
//!
//! Only statements that are known clean and known fast come here. A statement that turns out slow
//! all the same is cancelled by the server's own `statement_timeout`, which is short on these
//! connections: its implicit transaction is rolled back whole, so it can run again on an exclusive
//! connection, and those behind it wait no longer than that.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::connector::Connector;
use super::occupant::{Borrower, Occupant};
use super::places::{Permit, Places};
use super::roster::Station;
use super::waiting::overloaded;
use crate::admission::Sharing;
use crate::config;
use crate::error::Error;
use crate::upstream::Link;

/// A connection is given another request only while fewer than this many times its depth are in
/// flight. Callers that leave free their seat before their exchange is over; this keeps them from
/// piling up.
const ABANDONED_FACTOR: usize = 2;

/// A packed connection on which nothing has been answered for this long is given up: the server
/// ends every statement there within `fast_statement_timeout`, so it is the way to it that has
/// failed.
const STALL_MAX: Duration = Duration::from_secs(10);

/// No packed connection is used beyond this age. They are never reset, so that what we do not know
/// of in a session ends here.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// The packed connections of a pool.
pub struct FastLane {
    links: Vec<RefCell<Option<Rc<FastLink>>>>,
    seats: Rc<Places>,
    opening: Semaphore,
    depth: usize,
    statement_timeout_ms: String,
    prepared_max: usize,
    idle_timeout: Duration,
}

/// One packed connection.
pub struct FastLink {
    /// The connection.
    pub link: Link,
    /// Whose statements it carries now.
    occupant: RefCell<Occupant>,
    /// No reset since somebody else's statements is known to have been done.
    reset_due: Cell<bool>,
    /// How often its occupant has changed.
    stays: Cell<u64>,
    prologue: Cell<bool>,
    prepared: RefCell<HashMap<u32, Kept, RandomState>>,
    prepared_max: usize,
    clock: Cell<u64>,
    opened_at: Instant,
    used_at: Cell<Instant>,
}

/// A statement that the server keeps under a name, or may keep.
#[derive(Debug, Clone, Copy)]
struct Kept {
    used: u64,
    /// An error came between; it is closed and parsed again before its next use.
    doubtful: bool,
}

/// The right to one exchange on a packed connection.
pub struct Seat {
    /// The connection.
    pub link: Rc<FastLink>,
    permit: Permit,
}

/// A reset that goes before an exchange, in the same write and before the same `Sync`: if it fails,
/// nothing behind it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    stay: u64,
}

/// How a statement is named on a connection, and what has to be sent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preparation {
    /// The server does not know it yet.
    pub parse: bool,
    /// A statement that has to make room.
    pub evict: Option<u32>,
}

impl FastLane {
    /// A lane without connections.
    pub fn new(settings: &config::Pool) -> FastLane {
        let count = settings.fast_connections.max(1);
        FastLane {
            links: (0..count).map(|_| RefCell::new(None)).collect(),
            seats: Places::new(Sharing::Fast, count * settings.fast_depth, settings.waiting_max),
            opening: Semaphore::new(1),
            depth: settings.fast_depth,
            statement_timeout_ms: settings.fast_statement_timeout.as_millis().to_string(),
            prepared_max: settings.prepared_max.max(1),
            idle_timeout: settings.idle_timeout,
        }
    }

    /// Waits for a seat.
    pub async fn seat(
        &self,
        connector: &Connector,
        borrower: &Borrower,
        until: Instant,
    ) -> Result<Seat, Error> {
        let permit = self.seats.enter(&borrower.party, until).await?;
        let link = self.link(connector, &borrower.occupant, until).await?;
        link.used_at.set(permit.since());
        Ok(Seat { link, permit })
    }

    /// Closes connections nobody used for a while, and those whose server has stopped answering.
    pub fn sweep(&self, connector: &Connector, now: Instant) {
        for slot in &self.links {
            let mut slot = slot.borrow_mut();
            let Some(link) = &*slot else { continue };
            let idle = now.saturating_duration_since(link.used_at.get()) > self.idle_timeout;
            if link.link.stalled_for(now.into_std()) > STALL_MAX {
                link.link.close("the server has stopped answering");
                *slot = None;
            } else if idle && link.link.in_flight() == 0 {
                link.link.close("idle");
                *slot = None;
            } else if now.saturating_duration_since(link.opened_at) > CONNECTION_AGE_MAX
                || !connector.is_current(&link.link)
            {
                *slot = None;
            }
        }
    }

    async fn link(
        &self,
        connector: &Connector,
        occupant: &Occupant,
        until: Instant,
    ) -> Result<Rc<FastLink>, Error> {
        if let Some(link) = self.choose(connector, occupant, self.depth) {
            return Ok(link);
        }
        let opening = timeout_at(until, self.opening.acquire()).await;
        let Ok(Ok(_opening)) = opening else { return Err(overloaded("no connection in time")) };
        // Whoever opened one meanwhile opened it for all who waited.
        if let Some(link) = self.choose(connector, occupant, self.depth) {
            return Ok(link);
        }
        let Some(vacant) = self.links.iter().find(|slot| is_vacant(connector, slot)) else {
            return self
                .choose(connector, occupant, self.depth * ABANDONED_FACTOR)
                .ok_or_else(|| overloaded("every connection is full"));
        };
        let parameters = [("statement_timeout", self.statement_timeout_ms.as_str())];
        let link = connector.connect(&parameters, until).await?;
        connector.roster().enter(&link, Station::Fast);
        let link = Rc::new(FastLink {
            link,
            occupant: RefCell::new(occupant.clone()),
            reset_due: Cell::new(false),
            stays: Cell::new(0),
            prologue: Cell::new(false),
            prepared: RefCell::new(HashMap::default()),
            prepared_max: self.prepared_max,
            clock: Cell::new(0),
            opened_at: Instant::now(),
            used_at: Cell::new(Instant::now()),
        });
        *vacant.borrow_mut() = Some(Rc::clone(&link));
        Ok(link)
    }

    /// Gives a connection to nobody any more; it closes when those who are on it have their
    /// answers.
    pub fn retire(&self, link: &Rc<FastLink>) {
        for slot in &self.links {
            let mut slot = slot.borrow_mut();
            if slot.as_ref().is_some_and(|own| Rc::ptr_eq(own, link)) {
                *slot = None;
            }
        }
    }

    /// The first open connection with room. Filling one before the next makes each write to the
    /// server carry more, which is what pipelining gains by.
    ///
    /// Where occupants are told apart, the one that this occupant used last, since any other costs
    /// a reset; then a new one, while there may be more; then the one with the fewest in flight.
    fn choose(
        &self,
        connector: &Connector,
        occupant: &Occupant,
        depth: usize,
    ) -> Option<Rc<FastLink>> {
        let with_room = |slot: &RefCell<Option<Rc<FastLink>>>| {
            let slot = slot.borrow();
            let link = slot.as_ref().filter(|link| connector.is_current(&link.link))?;
            let room = link.link.is_open() && link.link.in_flight() < depth;
            room.then(|| Rc::clone(link))
        };
        let own = |link: &Rc<FastLink>| *link.occupant.borrow() == *occupant;
        if let Some(link) = self.links.iter().filter_map(with_room).find(own) {
            return Some(link);
        }
        if self.links.iter().any(|slot| is_vacant(connector, slot)) {
            return None;
        }
        self.links.iter().filter_map(with_room).min_by_key(|link| link.link.in_flight())
    }
}

fn is_vacant(connector: &Connector, slot: &RefCell<Option<Rc<FastLink>>>) -> bool {
    let slot = slot.borrow();
    let usable = |link: &Rc<FastLink>| link.link.is_open() && connector.is_current(&link.link);
    !slot.as_ref().is_some_and(usable)
}

impl Seat {
    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.permit.waited()
    }
}

impl FastLink {
    /// An exchange of this occupant goes out next. Gives the reset that has to go before it:
    /// between two occupants there is one that was confirmed before anything ran without it. What
    /// the server kept for us is forgotten with it.
    pub fn admit(&self, occupant: &Occupant) -> Option<Reset> {
        let mut own = self.occupant.borrow_mut();
        if *own != *occupant {
            own.clone_from(occupant);
            self.stays.set(self.stays.get() + 1);
            self.reset_due.set(true);
        }
        if !self.reset_due.get() {
            return None;
        }
        self.prepared.borrow_mut().clear();
        self.prologue.set(false);
        Some(Reset { stay: self.stays.get() })
    }

    /// The server has confirmed a reset. It counts unless the occupant has changed again since.
    pub fn note_reset(&self, reset: Reset) {
        if reset.stay == self.stays.get() {
            self.reset_due.set(false);
        }
    }

    /// Whether the prologue must be parsed first; from then on it counts as known.
    pub fn prologue_unknown(&self) -> bool {
        !self.prologue.replace(true)
    }

    /// What has to be sent before a statement can be bound by name; from then on it counts as
    /// known. Should its `Parse` fail, the next run is refused and [`FastLink::forget`] sets that
    /// right; to forget it at once could leave it on the server for good.
    pub fn prepare(&self, id: u32) -> Preparation {
        let tick = self.clock.get() + 1;
        self.clock.set(tick);
        let mut prepared = self.prepared.borrow_mut();
        if let Some(kept) = prepared.get_mut(&id) {
            kept.used = tick;
            let parse = std::mem::take(&mut kept.doubtful);
            return Preparation { parse, evict: None };
        }
        let mut evict = None;
        if prepared.len() >= self.prepared_max {
            evict = prepared.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id);
            if let Some(oldest) = evict {
                prepared.remove(&oldest);
            }
        }
        prepared.insert(id, Kept { used: tick, doubtful: false });
        Preparation { parse: true, evict }
    }

    /// Whether the server knows the statement has become doubtful.
    pub fn doubt(&self, id: u32) {
        if let Some(kept) = self.prepared.borrow_mut().get_mut(&id) {
            kept.doubtful = true;
        }
    }

    /// What [`FastLink::prepare`] has planned was never carried out.
    pub fn take_back(&self, id: u32, preparation: Preparation) {
        self.doubt(id);
        if let Some(evicted) = preparation.evict {
            self.prepared.borrow_mut().insert(evicted, Kept { used: 0, doubtful: true });
        }
    }

    /// The server does not know the prologue after all.
    pub fn forget_prologue(&self) {
        self.prologue.set(false);
    }
}
