//! The composition root: a configuration becomes listeners, shards and sinks, and ends in order.
//!
//! Start: 1 log, 2 gate, 3 registry, 4 listeners, 5 issuers' keys, 6 shards, 7 admin and probes,
//! 8 ready. Stop: no new clients, open transactions end or the deadline comes, connections close,
//! shards join.

mod gate;
mod metering;
mod probe;
mod reload;
mod shard;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::Instant;

use crate::admin::Admin;
use crate::admission::Admission;
use crate::config::{Config, Loaded};
use crate::journal::Journal;
use crate::jwks::Keyring;
use crate::net::{Phase, adopt, bind_shared};
use crate::observe::{Event, LogSwitch, Observer};
use crate::registry::{Keeper, Registry};
use crate::seal::Seals;
use crate::secrets::Sources;
use crate::session::{Controls, Kept, Peers};
use crate::wire::{self, Steering};
pub use reload::Reloads;
use reload::{FOLLOWED, Follow, Renewed};
use shard::{NOT_TOLD, Shard, ShardHandle};

/// How often the drain looks whether transactions are still open.
const DRAIN_LOOK: Duration = Duration::from_millis(20);
/// After the drain, connections have this long to send the answer they are at.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Operators that may wait for the configuration to be read again.
const RELOADS_MAX: usize = 8;

/// Where the doors are.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints {
    /// The Data API.
    pub http: SocketAddr,
    /// Whether it has TLS.
    pub https: bool,
    /// The PostgreSQL door, where it is open.
    pub pg: Option<SocketAddr>,
    /// Liveness, readiness, metrics.
    pub admin: SocketAddr,
}

impl Endpoints {
    /// The Data API as a URL.
    pub fn http_url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.http)
    }
}

/// Why the gateway did not start, in words for an operator.
#[derive(Debug)]
pub enum AppError {
    /// An address cannot be listened on.
    Bind {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// A thread or a runtime could not be made.
    System(io::Error),
    /// The start-up gate found what must not be.
    Gate(Vec<String>),
    /// A server could not be asked.
    Unreachable(String),
    /// The journal of usage cannot be opened.
    Journal {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppError::Bind { key, address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use; stop what listens there or set {key} to another")
            }
            AppError::Bind { key, address, error } => {
                write!(f, "cannot listen on {address} ({key}): {error}")
            }
            AppError::System(error) => write!(f, "cannot start: {error}"),
            AppError::Gate(findings) => write!(
                f,
                "the start-up gate refuses these roles or databases for tenants; mend them, or \
                 accept a finding by its code in gate.accept: {}",
                findings.join("; ")
            ),
            AppError::Unreachable(text) => f.write_str(text),
            AppError::Journal { folder, error } => write!(
                f,
                "cannot open the journal of usage in {}: {error}; give each gateway a \
                 usage.journal_dir of its own, or take the key out to meter nothing",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for AppError {}

/// Runs the gateway until `shutdown` is done and the drain is over.
pub async fn run(
    loaded: Loaded,
    reloads: Option<Reloads>,
    ready: impl FnOnce(&Endpoints),
    shutdown: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let Loaded { config, values, warnings, .. } = loaded;
    let log = LogSwitch::start(config.log);
    let observer = Observer::new();
    for warning in &warnings {
        observer.emit(&Event::Warned { warning });
    }
    let config = Arc::new(config);
    let sources = Sources::new(&config, &observer);
    let seals = Seals::new(&config, &observer);
    gate::check(&config, &sources, &observer).await?;
    let registry = Keeper::start(&config, &sources, &observer).await;
    let registry = registry.map_err(|unusable| AppError::Unreachable(unusable.0))?;
    let follow = Follow {
        started: Arc::clone(&config),
        values,
        log,
        observer: observer.clone(),
        sources: Arc::clone(&sources),
        seals,
        admission: Admission::new(Arc::clone(&config), Arc::clone(&registry.0), observer.clone()),
    };
    let local = LocalSet::new();
    local
        .run_until(Box::pin(serve(&config, &observer, follow, registry, reloads, ready, shutdown)))
        .await
}

async fn serve(
    config: &Arc<Config>,
    observer: &Observer,
    follow: Follow,
    (registry, keeper): (Arc<Registry>, Option<Keeper>),
    reloads: Option<Reloads>,
    ready: impl FnOnce(&Endpoints),
    shutdown: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let http = config.http.listen;
    let shards = config.pool.shards;
    let (listeners, http) = bind_door("http.listen", http, shards)?;
    let (wire_listeners, pg) = if config.wire.is_open() {
        let (listeners, pg) = bind_door("wire.listen", config.wire.listen, shards)?;
        (listeners.into_iter().map(Some).collect::<Vec<_>>(), Some(pg))
    } else {
        ((0..shards).map(|_| None).collect(), None)
    };
    let doors = listeners.into_iter().zip(wire_listeners).collect();
    let (admin_listener, admin) = bind_admin(config.admin.listen)?;
    let keyring = Keyring::start(config, observer).await;
    let sources = Arc::clone(&follow.sources);
    let seals = follow.seals.clone();
    let renewed = Renewed { config: Arc::clone(config), keyring };
    let (followers, followed) = watch::channel(renewed);
    let admission = Arc::clone(&follow.admission);
    let journal = metering::open(config)?;
    let kept = Kept { sources: Arc::clone(&sources), seals: seals.clone(), registry, admission };
    let (reload, requests) = mpsc::channel(RELOADS_MAX);
    let reload = reloads.is_some().then_some(reload);
    let steering = Steering { reload, followed: FOLLOWED.as_slice() };
    let controls = Controls::default();
    let following = Following { followed, steering, controls: controls.clone() };
    let (phase, shards) =
        start_shards(config, &kept, observer, doors, following, journal.as_ref())?;
    if let Some(reloads) = reloads {
        tokio::task::spawn_local(follow.run(reloads, requests, followers));
    }
    tokio::task::spawn_local(Arc::clone(&sources).keep_fresh());
    if let Some(seals) = seals.clone() {
        tokio::task::spawn_local(seals.keep_fresh());
    }
    if let Some(keeper) = keeper {
        tokio::task::spawn_local(keeper.keep());
    }
    let metering = journal.map(|journal| metering::start(config, &sources, &journal, observer));
    let readiness = probe::watch(config, &sources, &seals, &controls, observer);
    tokio::task::spawn_local(Admin::new(observer.clone(), readiness).accept(admin_listener));
    let endpoints = Endpoints { http, https: config.http.tls.is_some(), pg, admin };
    observer.emit(&Event::Ready { http, pg, admin, shards: shards.len() });
    ready(&endpoints);
    shutdown.await;
    stop(config, observer, &phase, shards).await;
    if let Some(metering) = metering {
        metering.stop().await;
    }
    Ok(())
}

type Listeners = Vec<std::net::TcpListener>;

/// A listener for each shard, and the address they share.
fn bind_door(
    key: &'static str,
    address: SocketAddr,
    shards: usize,
) -> Result<(Listeners, SocketAddr), AppError> {
    let listeners =
        bind_shared(address, shards).map_err(|error| AppError::Bind { key, address, error })?;
    let bound = listeners.first().map(std::net::TcpListener::local_addr);
    let address = bound.transpose().map_err(AppError::System)?.unwrap_or(address);
    Ok((listeners, address))
}

fn bind_admin(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), AppError> {
    let bind = || -> io::Result<_> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((adopt(listener)?, bound))
    };
    bind().map_err(|error| AppError::Bind { key: "admin.listen", address, error })
}

/// What shards follow, and operators steer.
struct Following {
    followed: watch::Receiver<Renewed>,
    steering: Steering,
    controls: Controls,
}

fn start_shards(
    config: &Arc<Config>,
    kept: &Kept,
    observer: &Observer,
    doors: Vec<(std::net::TcpListener, Option<std::net::TcpListener>)>,
    following: Following,
    journal: Option<&Arc<Journal>>,
) -> Result<(watch::Sender<Phase>, Vec<ShardHandle>), AppError> {
    let (phase, phases) = watch::channel(Phase::Serving);
    let clients = Arc::new(AtomicUsize::new(0));
    let mut shards = Vec::with_capacity(doors.len());
    let Following { followed, steering, controls } = following;
    let (peers, inboxes) = Peers::connect(doors.len(), controls);
    let guests =
        wire::Shared::new(steering).map_err(|error| AppError::System(io::Error::other(error)))?;
    for (number, ((listener, wire), inbox)) in doors.into_iter().zip(inboxes).enumerate() {
        let shard = Shard {
            number,
            config: Arc::clone(config),
            kept: kept.clone(),
            observer: observer.counting(journal.map(|journal| journal.page(number))),
            peers: peers.clone(),
            inbox,
            listener,
            wire: wire.map(|listener| (listener, guests.clone())),
            clients: Arc::clone(&clients),
            phase: phases.clone(),
            renewed: followed.clone(),
        };
        shards.push(shard.start().map_err(AppError::System)?);
    }
    Ok((phase, shards))
}

/// Ends in order: transactions first, then connections, then threads.
async fn stop(
    config: &Config,
    observer: &Observer,
    phase: &watch::Sender<Phase>,
    shards: Vec<ShardHandle>,
) {
    observer.emit(&Event::Draining);
    let _ = phase.send(Phase::Draining);
    let deadline = Instant::now() + config.limits.drain_timeout;
    let open = || shards.iter().map(|shard| shard.open_transactions.load(Ordering::Relaxed));
    while open().any(|count| count > 0) && Instant::now() < deadline {
        tokio::time::sleep(DRAIN_LOOK).await;
    }
    let cut_off = open().filter(|count| *count != NOT_TOLD).sum();
    let _ = phase.send(Phase::Closing);
    for shard in shards {
        // A shard that does not end in time is left behind; the process ends all the same.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, shard.ended).await;
    }
    observer.emit(&Event::Stopped { cut_off });
}
