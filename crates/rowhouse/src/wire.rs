//! The PostgreSQL door: psql, JDBC, psycopg and every other driver, in PostgreSQL's own protocol.
//!
//! One task for each client, on the shard that accepted it. It comes in by [`entrance`], proves who
//! it is by [`proof`], and then talks with the session until it leaves.

mod console;
mod entrance;
mod guesses;
mod handshake;
mod lookup;
mod proof;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Config;
use crate::error::Error;
use crate::identity::Identity;
use crate::jwks::Keys;
use crate::net::{Phase, Seat, Seated};
use crate::observe::{Event, Observer};
use crate::session::{Cancels, Session};
use guesses::Guesses;
use handshake::Greeting;
use lookup::Lookups;

/// A pause after `accept` failed, for want of file descriptors mostly: without it the loop would
/// spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of the secret behind the salts of users that there are not.
const NOBODY_SECRET_LEN: usize = 32;

/// The PostgreSQL door of one shard.
pub struct Door {
    config: RefCell<Arc<Config>>,
    identity: Identity,
    /// What clients that ask for TLS are met with.
    tls: RefCell<Option<Greeting>>,
    session: Rc<Session>,
    observer: Observer,
    /// Client connections over all shards.
    clients: Arc<AtomicUsize>,
    cancels: Cancels,
    guesses: Arc<Guesses>,
    lookups: Lookups,
    nobody: [u8; NOBODY_SECRET_LEN],
    steering: Steering,
}

/// An operator wants the configuration to be read again, and to be told: the keys whose change
/// waits for a restart, or the problems.
pub struct ReloadRequest(pub oneshot::Sender<Result<Vec<String>, Vec<String>>>);

/// What operators can steer beyond the shards.
#[derive(Clone, Default)]
pub struct Steering {
    /// The way to read the configuration again, where there is a file.
    pub reload: Option<mpsc::Sender<ReloadRequest>>,
    /// Which keys a reload changes.
    pub followed: &'static [&'static str],
}

/// What all shards' doors share.
#[derive(Clone, Default)]
pub struct Shared {
    /// Client connections.
    pub clients: Arc<AtomicUsize>,
    /// How they cancel.
    pub cancels: Cancels,
    /// Whose passwords were wrong.
    guesses: Arc<Guesses>,
    /// What the salts of users are made of that there are not: the same at every shard.
    nobody: [u8; NOBODY_SECRET_LEN],
    steering: Steering,
}

impl Shared {
    /// Of a gateway that has no clients yet.
    pub fn new(steering: Steering) -> Result<Shared, Error> {
        let mut shared = Shared { steering, ..Shared::default() };
        let drawn = aws_lc_rs::rand::fill(&mut shared.nobody);
        drawn.map_err(|_| Error::internal("no randomness"))?;
        Ok(shared)
    }
}

impl Door {
    /// A door to this session.
    pub fn new(
        config: Arc<Config>,
        session: Rc<Session>,
        observer: Observer,
        shared: Shared,
        keys: Keys,
    ) -> Rc<Door> {
        let Shared { clients, cancels, guesses, nobody, steering } = shared;
        Rc::new(Door {
            identity: Identity::new(Arc::clone(&config), keys),
            tls: RefCell::new(Greeting::of(&config)),
            config: RefCell::new(config),
            session,
            observer,
            clients,
            cancels,
            guesses,
            lookups: Lookups::new(),
            nobody,
            steering,
        })
    }

    /// Follows a changed configuration: who may come in, and the certificate for new clients. Who
    /// is inside stays.
    pub fn renew(&self, config: &Arc<Config>, keys: Keys) {
        self.identity.renew(Arc::clone(config), keys);
        self.tls.replace(Greeting::of(config));
        self.config.replace(Arc::clone(config));
        self.lookups.forget();
    }

    /// Whether operators find the console under this name.
    fn is_console(&self, database: &str) -> bool {
        self.config.borrow().wire.is_console(database)
    }

    /// Accepts clients until the phase leaves `Serving`.
    pub async fn accept(self: Rc<Self>, listener: TcpListener, phase: watch::Receiver<Phase>) {
        let mut stop = phase.clone();
        let mut stopped = pin!(stop.wait_for(|phase| *phase != Phase::Serving));
        loop {
            let accepted = tokio::select! {
                _ = &mut stopped => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.admit(stream, peer, phase.clone());
                }
                Err(error) => {
                    self.observer.emit(&Event::Trouble { place: "accept", reason: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes a client in. One too many may still cancel what it has running, and is told that
    /// there is no room for more.
    fn admit(self: &Rc<Self>, stream: TcpStream, peer: SocketAddr, phase: watch::Receiver<Phase>) {
        let max = self.config.borrow().wire.connections_max;
        let (seat, others) = Seat::take(&self.clients);
        if others >= max.saturating_add(OVER_MAX) {
            self.observer.emit(&Event::TurnedAway);
            return;
        }
        let seated = Seated::new(seat, &self.observer);
        let arrival = entrance::Arrival { peer, crowded: others >= max };
        let door = Rc::clone(self);
        tokio::task::spawn_local(async move {
            entrance::serve(door, stream, arrival, phase).await;
            drop(seated);
        });
    }
}

/// Clients beyond the limit that are told so, or may cancel; more are closed on without a word.
const OVER_MAX: usize = 64;
