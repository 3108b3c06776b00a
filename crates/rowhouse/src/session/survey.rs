//! What one shard has to show: clients, connections, pools, sums. Names of databases and roles are
//! in it, so it is for operators only.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use super::pools::PoolKey;
use super::roll::{Card, ClientState};
use super::tally::Sums;
use crate::pool::{Member, Occupation, Pool};

/// One shard as it is now.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its number.
    pub shard: usize,
    /// Who is in by the PostgreSQL door.
    pub clients: Vec<ClientView>,
    /// Its connections to PostgreSQL.
    pub servers: Vec<ServerView>,
    /// Its pools.
    pub pools: Vec<PoolView>,
    /// What was asked of each database, since the start and in the last period.
    pub sums: Vec<SumsView>,
}

/// A database of the configuration, by its places there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DatabasePlace {
    /// The resource's place.
    pub resource: usize,
    /// The database's place in the resource.
    pub database: usize,
}

/// What tells pools apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolName {
    /// The database.
    pub place: DatabasePlace,
    /// The secret's place in the configuration.
    pub secret: usize,
    /// Whose it is, where each tenant has a secret of its own.
    pub tenant: Option<String>,
}

/// A client of the PostgreSQL door.
#[derive(Debug)]
pub struct ClientView {
    /// Its number.
    pub number: u64,
    /// The name it gave.
    pub user: String,
    /// Its `application_name`.
    pub application: String,
    /// Its address.
    pub peer: SocketAddr,
    /// The address it came to.
    pub local: SocketAddr,
    /// Version and cipher of its TLS; empty without.
    pub tls: String,
    /// What kind of caller it is.
    pub principal: &'static str,
    /// Its tenant, where the credential says one.
    pub tenant: Option<String>,
    /// Its pool; `None`: it is at the console.
    pub pool: Option<PoolName>,
    /// What it does.
    pub state: ClientState,
    /// How long ago it came.
    pub connected: Duration,
    /// How long ago it asked for something.
    pub requested: Duration,
    /// For how long it has been waiting.
    pub waiting: Duration,
    /// Why it keeps its connection.
    pub pinned: Option<&'static str>,
    /// The process id of the server's side of its connection.
    pub backend: i32,
    /// Prepared statements that it keeps.
    pub prepared: usize,
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub struct ServerView {
    /// Its pool.
    pub pool: PoolName,
    /// Its role.
    pub role: Option<String>,
    /// The process id of the server's side.
    pub pid: i32,
    /// What it is for.
    pub lane: &'static str,
    /// What it does, in PgBouncer's words.
    pub state: &'static str,
    /// How long ago it was opened.
    pub opened: Duration,
    /// For how long it has been doing that.
    pub since: Duration,
    /// It closes as soon as it is free.
    pub retiring: bool,
    /// The client that has it; 0 where none has.
    pub client: u64,
}

/// A pool.
#[derive(Debug)]
pub struct PoolView {
    /// Which.
    pub name: PoolName,
    /// Its role.
    pub role: Option<String>,
    /// Connections that are being made.
    pub connecting: usize,
    /// Nobody gets a connection just now.
    pub paused: bool,
}

/// What was asked of a database.
#[derive(Debug)]
pub struct SumsView {
    /// Which.
    pub place: DatabasePlace,
    /// Since the start.
    pub total: Sums,
    /// In the last whole period.
    pub last: Sums,
    /// How long that was.
    pub period: Duration,
}

impl Session {
    /// What there is to show.
    pub(super) fn survey(&self) -> Survey {
        let now = Instant::now();
        let mut survey = Survey { shard: self.shard, ..Survey::default() };
        survey.clients = self.roll.cards().iter().map(|card| client(card, now)).collect();
        self.pools.each(|key, pool| {
            let name = name(key);
            let role = pool.role();
            survey.pools.push(PoolView {
                name: name.clone(),
                role: role.clone(),
                connecting: pool.connecting(),
                paused: pool.is_paused(),
            });
            let members = pool.members();
            let views = members.iter().map(|member| server(member, &name, &role, now));
            survey.servers.extend(views);
        });
        for (place, tally) in self.tallies.borrow().iter() {
            let (last, period) = tally.last();
            survey.sums.push(SumsView { place: *place, total: tally.total(), last, period });
        }
        survey
    }
}

impl PoolKey {
    /// The database it is of.
    pub(super) fn place(&self) -> DatabasePlace {
        DatabasePlace { resource: self.resource, database: self.database }
    }
}

/// Connections that are open or being made.
pub(super) fn open(pool: &Pool) -> usize {
    pool.count().0 + pool.connecting()
}

fn name(key: &PoolKey) -> PoolName {
    let tenant = key.tenant.as_ref().map(|tenant| tenant.as_str().to_owned());
    PoolName { place: key.place(), secret: key.secret, tenant }
}

fn client(card: &Card, now: Instant) -> ClientView {
    let ago = |at: Instant| now.saturating_duration_since(at);
    let about = &card.about;
    ClientView {
        number: card.number,
        user: about.user.to_string(),
        application: about.application.to_string(),
        peer: about.peer,
        local: about.local,
        tls: about.tls.to_string(),
        principal: card.principal.kind().as_str(),
        tenant: card.principal.tenant().map(|tenant| tenant.as_str().to_owned()),
        pool: card.pool.as_ref().map(name),
        state: card.state(),
        connected: ago(card.connected_at),
        requested: ago(card.requested_at.get()),
        waiting: card.waiting_since.get().map(ago).unwrap_or_default(),
        pinned: card.pinned.get(),
        backend: card.backend.get(),
        prepared: card.prepared.get(),
    }
}

fn server(member: &Member, pool: &PoolName, role: &Option<String>, now: Instant) -> ServerView {
    let fast_is_idle = member.station.is_shared() && member.in_flight == 0;
    ServerView {
        pool: pool.clone(),
        role: role.clone(),
        pid: member.pid,
        lane: member.station.as_str(),
        state: match member.occupation {
            _ if fast_is_idle => "idle",
            Occupation::Idle => "idle",
            Occupation::Lent => "active",
            Occupation::Reset => "tested",
        },
        opened: now.saturating_duration_since(member.opened_at),
        since: now.saturating_duration_since(member.since),
        retiring: member.retiring,
        client: member.client,
    }
}
