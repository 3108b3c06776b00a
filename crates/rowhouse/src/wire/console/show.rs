//! Pools, clients, connections, databases and users as rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::table::{Answer, Heading, Row, cell, int, small, text};
use crate::config::{Config, Context, ServerAddress};
use crate::session::{
    ClientState, ClientView, Controls, DatabasePlace, PoolName, ServerView, Survey,
};

/// SHOW POOLS: PgBouncer's columns, and behind them ours.
pub const POOLS: [Heading; 26] = [
    text("database"),
    text("user"),
    int("cl_active"),
    int("cl_waiting"),
    int("cl_active_cancel_req"),
    int("cl_waiting_cancel_req"),
    int("sv_active"),
    int("sv_active_cancel"),
    int("sv_being_canceled"),
    int("sv_idle"),
    int("sv_used"),
    int("sv_tested"),
    int("sv_login"),
    int("maxwait"),
    int("maxwait_us"),
    text("pool_mode"),
    text("load_balance_hosts"),
    int("cl_idle"),
    int("cl_pinned"),
    int("sv_fast"),
    int("sv_slow"),
    int("sv_transaction"),
    int("sv_wire"),
    text("tenant"),
    text("secret"),
    text("resource"),
];

/// SHOW CLIENTS and SHOW SERVERS: PgBouncer's columns, and behind them ours.
pub const SOCKETS: [Heading; 27] = [
    text("type"),
    text("user"),
    text("database"),
    text("replication"),
    text("state"),
    text("addr"),
    int("port"),
    text("local_addr"),
    int("local_port"),
    text("connect_time"),
    text("request_time"),
    int("wait"),
    int("wait_us"),
    int("close_needed"),
    text("ptr"),
    text("link"),
    int("remote_pid"),
    text("tls"),
    text("application_name"),
    int("prepared_statements"),
    int("id"),
    text("principal"),
    text("tenant"),
    text("lane"),
    text("pinned"),
    int("shard"),
    text("resource"),
];

/// SHOW DATABASES: PgBouncer's columns, and behind them ours.
pub const DATABASES: [Heading; 20] = [
    text("name"),
    text("host"),
    int("port"),
    text("database"),
    text("force_user"),
    int("pool_size"),
    int("min_pool_size"),
    int("reserve_pool_size"),
    int("server_lifetime"),
    text("pool_mode"),
    text("load_balance_hosts"),
    int("max_connections"),
    int("current_connections"),
    int("max_client_connections"),
    int("current_client_connections"),
    int("paused"),
    int("disabled"),
    text("context"),
    text("server"),
    text("resource"),
];

/// SHOW USERS: PgBouncer's columns, and behind them ours.
pub const USERS: [Heading; 11] = [
    text("name"),
    text("pool_size"),
    text("reserve_pool_size"),
    text("pool_mode"),
    int("max_user_connections"),
    int("current_connections"),
    int("max_user_client_connections"),
    int("current_client_connections"),
    text("principal"),
    text("tenant"),
    text("secret"),
];

/// How connections are shared, in PgBouncer's words.
const POOL_MODE: &str = "transaction";
/// No connection is lent after this age, in seconds.
const SERVER_LIFETIME: usize = 30 * 60;

/// What of the whole gateway is to be shown.
pub struct Whole<'a> {
    /// Its configuration.
    pub config: &'a Config,
    /// What its shards told.
    pub surveys: &'a [Survey],
    /// The name of the console.
    pub console: &'a str,
}

impl Whole<'_> {
    pub(super) fn database(&self, place: DatabasePlace) -> &str {
        let resource = self.config.resources.get(place.resource);
        let database = resource.and_then(|resource| resource.databases.get(place.database));
        database.map_or("", |database| &database.name)
    }

    fn resource(&self, place: DatabasePlace) -> &str {
        self.config.resources.get(place.resource).map_or("", |resource| &resource.arn)
    }

    fn secret(&self, index: usize) -> &str {
        self.config.secrets.get(index).map_or("", |secret| &secret.arn)
    }

    fn clients(&self) -> impl Iterator<Item = (usize, &ClientView)> {
        self.surveys.iter().flat_map(|own| own.clients.iter().map(|client| (own.shard, client)))
    }

    fn servers(&self) -> impl Iterator<Item = (usize, &ServerView)> {
        self.surveys.iter().flat_map(|own| own.servers.iter().map(|server| (own.shard, server)))
    }

    /// Host and port of a database's server.
    fn address(&self, place: DatabasePlace) -> (Option<String>, Option<String>) {
        let Some(resource) = self.config.resources.get(place.resource) else { return (None, None) };
        match &resource.server.address {
            ServerAddress::Unix { directory, port } => (cell(directory.display()), cell(port)),
            ServerAddress::Tcp { host, port } => (cell(host), cell(port)),
        }
    }
}

/// SHOW POOLS: over all shards.
pub fn pools(whole: &Whole<'_>) -> Answer {
    let views = whole.surveys.iter().flat_map(|survey| &survey.pools);
    let mut roles: BTreeMap<&PoolName, (Option<&str>, usize)> = BTreeMap::new();
    for view in views {
        let entry = roles.entry(&view.name).or_default();
        entry.0 = entry.0.or(view.role.as_deref());
        entry.1 += view.connecting;
    }
    let row = |(name, (role, connecting)): (&PoolName, (Option<&str>, usize))| -> Row {
        let own = |client: &&ClientView| client.pool.as_ref() == Some(name);
        let clients: Vec<&ClientView> =
            whole.clients().map(|(_, client)| client).filter(own).collect();
        let servers: Vec<&ServerView> =
            whole.servers().map(|(_, server)| server).filter(|own| own.pool == *name).collect();
        let in_state = |state| clients.iter().filter(|own| own.state == state).count();
        let doing = |state| servers.iter().filter(|own| own.state == state).count();
        let in_lane = |lane| servers.iter().filter(|own| own.lane == lane).count();
        let longest = clients.iter().map(|own| own.waiting).max().unwrap_or_default();
        let waiting = in_state(ClientState::Waiting);
        vec![
            cell(whole.database(name.place)),
            cell(role.or(secret_role(whole, name)).unwrap_or_default()),
            small(clients.len() - waiting),
            small(waiting),
            small(0),
            small(0),
            small(doing("active")),
            small(0),
            small(0),
            small(doing("idle")),
            small(0),
            small(doing("tested")),
            small(connecting),
            cell(longest.as_secs()),
            cell(longest.subsec_micros()),
            cell(POOL_MODE),
            None,
            small(in_state(ClientState::Idle)),
            small(in_state(ClientState::Pinned)),
            small(in_lane("fast")),
            small(in_lane("slow")),
            small(in_lane("transaction")),
            small(in_lane("wire")),
            name.tenant.clone(),
            cell(whole.secret(name.secret)),
            cell(whole.resource(name.place)),
        ]
    };
    Answer::of(roles.into_iter().map(row).collect())
}

fn secret_role<'a>(whole: &'a Whole<'_>, name: &PoolName) -> Option<&'a str> {
    whole.config.secrets.get(name.secret)?.role.as_deref()
}

/// SHOW CLIENTS.
pub fn clients(whole: &Whole<'_>, now: Timestamp) -> Answer {
    let mut all: Vec<_> = whole.clients().collect();
    all.sort_unstable_by_key(|(_, client)| client.number);
    let row = |(shard, client): (usize, &ClientView)| -> Row {
        let place = client.pool.as_ref().map(|pool| pool.place);
        vec![
            cell("C"),
            cell(&client.user),
            cell(place.map_or(whole.console, |place| whole.database(place))),
            cell("none"),
            // Where PgBouncer has no word, it is the nearest of its words.
            cell(match client.state {
                ClientState::Idle => "idle",
                ClientState::Active | ClientState::Pinned => "active",
                ClientState::Waiting => "waiting",
            }),
            cell(client.peer.ip()),
            cell(client.peer.port()),
            cell(client.local.ip()),
            cell(client.local.port()),
            at(now, client.connected),
            at(now, client.requested),
            cell(client.waiting.as_secs()),
            cell(client.waiting.subsec_micros()),
            small(0),
            cell(format!("C{}", client.number)),
            cell(server_name(client.backend)),
            small(0),
            cell(&client.tls),
            cell(&client.application),
            small(client.prepared),
            cell(client.number),
            cell(client.principal),
            client.tenant.clone(),
            cell("wire"),
            client.pinned.map(str::to_owned),
            small(shard),
            place.map(|place| whole.resource(place).to_owned()),
        ]
    };
    Answer::of(all.into_iter().map(row).collect())
}

/// SHOW SERVERS.
pub fn servers(whole: &Whole<'_>, now: Timestamp) -> Answer {
    let clients: BTreeMap<u64, &ClientView> =
        whole.clients().map(|(_, client)| (client.number, client)).collect();
    let row = |(shard, server): (usize, &ServerView)| -> Row {
        let client = clients.get(&server.client);
        let (host, port) = whole.address(server.pool.place);
        let role = server.role.as_deref().or(secret_role(whole, &server.pool));
        vec![
            cell("S"),
            cell(role.unwrap_or_default()),
            cell(whole.database(server.pool.place)),
            cell("none"),
            cell(server.state),
            host,
            port,
            cell(""),
            small(0),
            at(now, server.opened),
            at(now, server.since),
            small(0),
            small(0),
            small(usize::from(server.retiring)),
            cell(server_name(server.pid)),
            cell(client.map_or_else(String::new, |client| format!("C{}", client.number))),
            cell(server.pid),
            cell(""),
            cell(client.map_or("", |client| &client.application)),
            small(0),
            cell(server.pid),
            client.map(|client| client.principal.to_owned()),
            client.and_then(|client| client.tenant.clone()),
            cell(server.lane),
            client.and_then(|client| client.pinned).map(str::to_owned),
            small(shard),
            cell(whole.resource(server.pool.place)),
        ]
    };
    Answer::of(whole.servers().map(row).collect())
}

/// SHOW DATABASES.
pub fn databases(whole: &Whole<'_>, controls: &Controls) -> Answer {
    let Config { pool, wire, .. } = whole.config;
    let size = pool.fast_connections
        + pool.slow_connections
        + pool.transaction_connections
        + pool.wire_connections;
    let mut rows = Vec::new();
    for (index, resource) in whole.config.resources.iter().enumerate() {
        for (number, database) in resource.databases.iter().enumerate() {
            let place = DatabasePlace { resource: index, database: number };
            let (host, port) = whole.address(place);
            let servers = whole.servers().filter(|(_, own)| own.pool.place == place).count();
            let is_there = |own: &ClientView| own.pool.as_ref().is_some_and(|p| p.place == place);
            let clients = whole.clients().filter(|(_, own)| is_there(own)).count();
            let control = controls.of(&database.name);
            rows.push(vec![
                cell(&database.name),
                host,
                port,
                cell(&database.name),
                None,
                small(size * pool.shards),
                small(0),
                small(0),
                small(SERVER_LIFETIME),
                None,
                None,
                small(0),
                small(servers),
                small(wire.connections_max),
                small(clients),
                small(usize::from(control.paused)),
                small(usize::from(control.disabled)),
                cell(match database.context {
                    Context::Standard => "standard",
                    Context::Sealed => "sealed",
                }),
                cell(&resource.server.name),
                cell(&resource.arn),
            ]);
        }
    }
    Answer::of(rows)
}

/// SHOW USERS: those of the configuration, and whoever else is in.
pub fn users(whole: &Whole<'_>) -> Answer {
    let known = &whole.config.wire.users;
    let mut names: BTreeSet<&str> = known.iter().map(|user| user.name.as_str()).collect();
    names.extend(whole.clients().map(|(_, client)| client.user.as_str()));
    let row = |name: &str| -> Row {
        let user = known.iter().find(|user| user.name == name);
        let own = || whole.clients().filter(|(_, client)| client.user == name);
        let with_server = own().filter(|(_, client)| client.backend != 0).count();
        vec![
            cell(name),
            cell(""),
            cell(""),
            None,
            small(0),
            small(with_server),
            small(0),
            small(own().count()),
            user.map(|user| user.principal.kind().as_str().to_owned()),
            user.and_then(|user| user.principal.tenant()).map(|own| own.as_str().to_owned()),
            user.map(|user| user.secret.clone()),
        ]
    };
    Answer::of(names.into_iter().map(row).collect())
}

/// SHOW LISTS. `open`: connections of clients, those on their way in as well.
pub fn lists(whole: &Whole<'_>, open: usize) -> Answer {
    let databases = whole.config.resources.iter().map(|resource| resource.databases.len()).sum();
    let pools: BTreeSet<&PoolName> =
        whole.surveys.iter().flat_map(|survey| &survey.pools).map(|pool| &pool.name).collect();
    let clients = whole.clients().count();
    let counts = [
        ("databases", databases),
        ("users", whole.config.wire.users.len()),
        ("peers", 0),
        ("pools", pools.len()),
        ("peer_pools", 0),
        ("free_clients", 0),
        ("used_clients", clients),
        ("login_clients", open.saturating_sub(clients)),
        ("free_servers", 0),
        ("used_servers", whole.servers().count()),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
        ("shards", whole.surveys.len()),
    ];
    Answer::of(counts.into_iter().map(|(name, count)| vec![cell(name), small(count)]).collect())
}

/// SHOW STATE.
pub fn state(controls: &Controls) -> Answer {
    let paused = controls.paused() > 0;
    let word = |yes| if yes { "yes" } else { "no" };
    let rows = [("active", !paused), ("paused", paused), ("suspended", false)];
    Answer::of(rows.into_iter().map(|(key, value)| vec![cell(key), cell(word(value))]).collect())
}

fn server_name(pid: i32) -> String {
    if pid == 0 { String::new() } else { format!("S{pid}") }
}

/// When something was that was so long ago.
fn at(now: Timestamp, ago: Duration) -> Option<String> {
    let at = now.checked_sub(ago).unwrap_or(now);
    cell(at.strftime("%Y-%m-%d %H:%M:%S UTC"))
}
