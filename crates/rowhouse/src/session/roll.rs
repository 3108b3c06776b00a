//! Everybody who is in by the PostgreSQL door, on this shard: for operators, who look and may send
//! somebody away, and for the gauges.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use foldhash::fast::RandomState;
use rowhouse_tenancy::principal::Principal;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::pools::PoolKey;
use crate::observe::{Event, Observer, Operation};

/// Where a client comes from, and what it calls itself.
#[derive(Debug, Clone)]
pub struct About {
    /// The name it gave.
    pub user: Box<str>,
    /// Its `application_name`.
    pub application: Box<str>,
    /// Its address.
    pub peer: SocketAddr,
    /// The address it came to.
    pub local: SocketAddr,
    /// Version and cipher of its TLS; empty without.
    pub tls: Box<str>,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientState {
    /// Nothing, and it has no connection.
    Idle,
    /// It has a connection.
    Active,
    /// It waits for a connection.
    Waiting,
    /// It keeps a connection to itself.
    Pinned,
}

impl ClientState {
    /// All of them.
    pub const ALL: [ClientState; 4] =
        [ClientState::Idle, ClientState::Active, ClientState::Waiting, ClientState::Pinned];

    /// As metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientState::Idle => "idle",
            ClientState::Active => "active",
            ClientState::Waiting => "waiting",
            ClientState::Pinned => "pinned",
        }
    }
}

/// What is noted of one client.
pub struct Card {
    /// Its number, which no other client of this gateway has.
    pub number: u64,
    /// Where it comes from.
    pub about: About,
    /// Who it is.
    pub principal: Principal,
    /// The pool its connections come from; `None`: it is an operator at the console.
    pub pool: Option<PoolKey>,
    /// When it came.
    pub connected_at: Instant,
    /// When it asked for something last.
    pub requested_at: Cell<Instant>,
    /// Since when it waits.
    pub waiting_since: Cell<Option<Instant>>,
    /// Why it keeps its connection.
    pub pinned: Cell<Option<&'static str>>,
    /// The process id of the server's side of its connection; 0 where it has none.
    pub backend: Cell<i32>,
    /// Prepared statements that it keeps.
    pub prepared: Cell<usize>,
    state: Cell<ClientState>,
    sent_away: Notify,
}

impl Card {
    /// What it does.
    pub fn state(&self) -> ClientState {
        self.state.get()
    }

    /// Done when an operator wants it to go.
    pub async fn sent_away(&self) {
        self.sent_away.notified().await;
    }
}

/// All clients of a shard.
pub struct Roll {
    cards: RefCell<HashMap<u64, Rc<Card>, RandomState>>,
    next: Cell<u64>,
    step: u64,
    counts: [Cell<i64>; ClientState::ALL.len()],
    told: [Cell<i64>; ClientState::ALL.len()],
}

/// A client's place on the roll, until it is dropped.
pub struct Presence {
    card: Rc<Card>,
    roll: Rc<Roll>,
}

impl Roll {
    /// Nobody is there. Numbers of shards do not meet.
    pub fn new(shard: usize, shards: usize) -> Rc<Roll> {
        Rc::new(Roll {
            cards: RefCell::default(),
            next: Cell::new(shard as u64 + 1),
            step: shards.max(1) as u64,
            counts: Default::default(),
            told: Default::default(),
        })
    }

    /// Somebody comes in.
    pub fn enter(
        self: &Rc<Self>,
        about: About,
        principal: Principal,
        pool: Option<PoolKey>,
    ) -> Presence {
        let number = self.next.get();
        self.next.set(number + self.step);
        let now = Instant::now();
        let card = Rc::new(Card {
            number,
            about,
            principal,
            pool,
            connected_at: now,
            requested_at: Cell::new(now),
            waiting_since: Cell::new(None),
            pinned: Cell::new(None),
            backend: Cell::new(0),
            prepared: Cell::new(0),
            state: Cell::new(ClientState::Idle),
            sent_away: Notify::new(),
        });
        self.count(ClientState::Idle, 1);
        self.cards.borrow_mut().insert(number, Rc::clone(&card));
        Presence { card, roll: Rc::clone(self) }
    }

    /// Everybody.
    pub fn cards(&self) -> Vec<Rc<Card>> {
        self.cards.borrow().values().cloned().collect()
    }

    /// Sends somebody away; whether there is such a client.
    pub fn send_away(&self, number: u64) -> bool {
        let cards = self.cards.borrow();
        let card = cards.get(&number);
        card.iter().for_each(|card| card.sent_away.notify_one());
        card.is_some()
    }

    /// Tells the gauges what has changed since the last time.
    pub fn tell(&self, observer: &Observer) {
        let counts = self.counts.iter().zip(&self.told);
        for (state, (now, told)) in ClientState::ALL.into_iter().zip(counts) {
            let change = now.get() - told.replace(now.get());
            if change != 0 {
                observer.emit(&Event::Operation(Operation::ClientStates {
                    state: state.as_str(),
                    change,
                }));
            }
        }
    }

    fn count(&self, state: ClientState, change: i64) {
        let all = ClientState::ALL.iter().zip(&self.counts);
        for (_, count) in all.filter(|(own, _)| **own == state) {
            count.set(count.get() + change);
        }
    }
}

impl Presence {
    /// What is noted of the client.
    pub fn card(&self) -> &Rc<Card> {
        &self.card
    }

    /// It waits for a connection.
    pub fn wait(&self) {
        let now = Instant::now();
        self.card.requested_at.set(now);
        self.card.waiting_since.set(Some(now));
        self.turn(ClientState::Waiting);
    }

    /// It has a connection.
    pub fn serve(&self, backend: i32) {
        self.card.waiting_since.set(None);
        self.card.backend.set(backend);
        self.turn(ClientState::Active);
    }

    /// It keeps its connection.
    pub fn pin(&self, why: &'static str) {
        self.card.pinned.set(Some(why));
        self.turn(ClientState::Pinned);
    }

    /// It has none any more.
    pub fn rest(&self) {
        self.card.waiting_since.set(None);
        self.card.backend.set(0);
        self.card.pinned.set(None);
        self.turn(ClientState::Idle);
    }

    fn turn(&self, state: ClientState) {
        let before = self.card.state.replace(state);
        self.roll.count(before, -1);
        self.roll.count(state, 1);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.roll.count(self.card.state.get(), -1);
        self.roll.cards.borrow_mut().remove(&self.card.number);
    }
}
