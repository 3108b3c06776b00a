//! The metrics sink: Prometheus text.
//!
//! Names follow Prometheus' own rules: base units, `_total` on counters
//! (prometheus.io, "Metric and label naming"). No label holds a tenant: their number has no bound.

mod usage;
mod wire;

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use usage::UsageMetrics;
use wire::WireMetrics;

use super::{Conversed, Event, outcome};

/// Upper bounds in seconds: from a point read on this machine to the statement timeout.
const SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LoginLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SecretLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    issuer: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    tier: String,
    limit: &'static str,
    mode: &'static str,
}

/// Every counter of the gateway.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    database_seconds: Histogram,
    request_bytes: Counter,
    response_bytes: Counter,
    clients: Gauge<i64, AtomicI64>,
    clients_turned_away: Counter,
    handshake_failures: Counter,
    logins: Family<LoginLabels, Counter>,
    upstream_connects: Counter,
    upstream_failures: Counter,
    secret_fetches: Family<SecretLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    statements_sent_away: Counter,
    transactions_cut: Counter,
    reloads: Family<ReloadLabels, Counter>,
    server_up: Family<ServerLabels, Gauge<i64, AtomicI64>>,
    jwks_fetches: Family<FetchLabels, Counter>,
    jwks_keys: Family<IssuerLabels, Gauge<i64, AtomicI64>>,
    jwks_fetched: Family<IssuerLabels, Gauge<f64, AtomicU64>>,
    seal_key: Gauge<i64, AtomicI64>,
    seal_failures: Counter,
    usage: UsageMetrics,
    registry_tenants: Gauge<i64, AtomicI64>,
    registry_up: Gauge<i64, AtomicI64>,
    registry_reads: Counter,
    wire: WireMetrics,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("rowhouse");
        let wire = WireMetrics::register(&mut registry);
        let mut metrics = Metrics {
            registry,
            wire,
            requests: Family::default(),
            request_seconds: Histogram::new(SECONDS),
            database_seconds: Histogram::new(SECONDS),
            request_bytes: Counter::default(),
            response_bytes: Counter::default(),
            clients: Gauge::default(),
            clients_turned_away: Counter::default(),
            handshake_failures: Counter::default(),
            logins: Family::default(),
            upstream_connects: Counter::default(),
            upstream_failures: Counter::default(),
            secret_fetches: Family::default(),
            refusals: Family::default(),
            statements_sent_away: Counter::default(),
            transactions_cut: Counter::default(),
            reloads: Family::default(),
            server_up: Family::default(),
            jwks_fetches: Family::default(),
            jwks_keys: Family::default(),
            jwks_fetched: Family::default(),
            seal_key: Gauge::default(),
            seal_failures: Counter::default(),
            usage: UsageMetrics::default(),
            registry_tenants: Gauge::default(),
            registry_up: Gauge::default(),
            registry_reads: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        self.register_callers();
        self.usage.register(&mut self.registry);
        self.register_servers();
    }

    fn register_callers(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "Answered requests by operation and outcome", self.requests.clone());
        r.register(
            "request_seconds",
            "Time from the last byte of a request to its answer",
            self.request_seconds.clone(),
        );
        r.register(
            "database_seconds",
            "Time the database worked for a request",
            self.database_seconds.clone(),
        );
        r.register("request_bytes", "Bytes of request bodies", self.request_bytes.clone());
        r.register("response_bytes", "Bytes of response bodies", self.response_bytes.clone());
        r.register("client_connections", "Open client connections", self.clients.clone());
        r.register(
            "client_connections_turned_away",
            "Client connections and requests refused because too many were open",
            self.clients_turned_away.clone(),
        );
        r.register(
            "tls_handshake_failures",
            "Client connections that did not get through the TLS handshake",
            self.handshake_failures.clone(),
        );
        r.register(
            "logins",
            "Clients of the PostgreSQL door that asked to come in, by outcome",
            self.logins.clone(),
        );
        r.register(
            "refusals",
            "Requests beyond a limit by tier and limit, refused (enforce) or let go on (shadow)",
            self.refusals.clone(),
        );
        r.register(
            "reloads",
            "Reloads of the configuration by outcome; each problem of a refused one counts",
            self.reloads.clone(),
        );
    }

    fn register_servers(&mut self) {
        let r = &mut self.registry;
        r.register(
            "upstream_connects",
            "Connections made to PostgreSQL",
            self.upstream_connects.clone(),
        );
        r.register(
            "upstream_connect_failures",
            "Failed attempts to connect to PostgreSQL",
            self.upstream_failures.clone(),
        );
        r.register(
            "secret_fetches",
            "Times the credentials of a role were fetched: new, same or failed",
            self.secret_fetches.clone(),
        );
        r.register(
            "statements_sent_away",
            "Statements cancelled in the fast lane and run again outside it",
            self.statements_sent_away.clone(),
        );
        r.register(
            "transactions_cut",
            "Explicit transactions the gateway rolled back by itself",
            self.transactions_cut.clone(),
        );
        r.register("server_up", "1 while a PostgreSQL server answers", self.server_up.clone());
        r.register(
            "jwks_fetches",
            "Fetches of key sets by issuer and outcome, ok or failed",
            self.jwks_fetches.clone(),
        );
        r.register(
            "jwks_keys",
            "Keys of an issuer's key set, each once for every algorithm",
            self.jwks_keys.clone(),
        );
        r.register(
            "jwks_fetched_timestamp_seconds",
            "When an issuer's key set was fetched last, as Unix time",
            self.jwks_fetched.clone(),
        );
        self.register_kept();
    }

    fn register_kept(&mut self) {
        let r = &mut self.registry;
        r.register(
            "seal_key",
            "The key that new connections to sealed databases are registered with; 0 where none is",
            self.seal_key.clone(),
        );
        r.register(
            "seal_key_failures",
            "Times the keys file became unusable",
            self.seal_failures.clone(),
        );
        r.register(
            "registry_tenants",
            "Tenants that the registry has a record of",
            self.registry_tenants.clone(),
        );
        r.register(
            "registry_up",
            "1 while the tenants' registry answers; 0 also where none is configured",
            self.registry_up.clone(),
        );
        r.register(
            "registry_reads",
            "Times the tenants' registry was read anew",
            self.registry_reads.clone(),
        );
    }

    fn count_fetch(&self, issuer: &str, outcome: &'static str) {
        let labels = FetchLabels { issuer: issuer.to_owned(), outcome };
        self.jwks_fetches.get_or_create(&labels).inc();
    }

    fn count_conversed(&self, conversed: &Conversed<'_>) {
        let outcome = if conversed.sqlstate.is_some() { "sql" } else { "ok" };
        let labels = RequestLabels { operation: "Conversation", outcome };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.observe(conversed.total.as_secs_f64());
        self.request_bytes.inc_by(conversed.bytes_in as u64);
        self.response_bytes.inc_by(conversed.bytes_out as u64);
    }

    /// Counts an event.
    pub fn count(&self, event: &Event<'_>) {
        match event {
            Event::Answered(answered) => {
                let labels = RequestLabels {
                    operation: answered.operation,
                    outcome: outcome(answered.error),
                };
                self.requests.get_or_create(&labels).inc();
                self.request_seconds.observe(answered.total.as_secs_f64());
                self.database_seconds.observe(answered.spent.database.as_secs_f64());
                self.request_bytes.inc_by(answered.bytes_in as u64);
                self.response_bytes.inc_by(answered.bytes_out as u64);
            }
            Event::Conversed(conversed) => self.count_conversed(conversed),
            Event::LoggedIn { error, .. } => {
                let labels = LoginLabels { outcome: outcome(*error) };
                self.logins.get_or_create(&labels).inc();
            }
            Event::Accepted => {
                self.clients.inc();
            }
            Event::Closed => {
                self.clients.dec();
            }
            Event::TurnedAway => {
                self.clients_turned_away.inc();
            }
            Event::HandshakeFailed { .. } => {
                self.handshake_failures.inc();
            }
            Event::UpstreamConnected { .. } => {
                self.upstream_connects.inc();
            }
            Event::UpstreamRefused { .. } => {
                self.upstream_failures.inc();
            }
            Event::SecretFetched { role, .. } => {
                self.note_fetch(if role.is_some() { "new" } else { "same" });
            }
            Event::SecretFailed { .. } => self.note_fetch("failed"),
            Event::Refused { tier, limit, shadow } => {
                let mode = if *shadow { "shadow" } else { "enforce" };
                let labels =
                    RefusalLabels { tier: (*tier).to_owned(), limit: limit.as_str(), mode };
                self.refusals.get_or_create(&labels).inc();
            }
            Event::SentAway => {
                self.statements_sent_away.inc();
            }
            Event::TransactionCut { .. } => {
                self.transactions_cut.inc();
            }
            Event::Readiness { server, reachable } => {
                let labels = ServerLabels { server: (*server).to_owned() };
                self.server_up.get_or_create(&labels).set(i64::from(*reachable));
            }
            Event::KeysFetched { .. } | Event::KeysNotFetched { .. } => self.count_keys(event),
            Event::Reloaded { .. } => {
                self.reloads.get_or_create(&ReloadLabels { outcome: "followed" }).inc();
            }
            Event::ReloadRefused { .. } => {
                self.reloads.get_or_create(&ReloadLabels { outcome: "refused" }).inc();
            }
            event => self.count_kept(event),
        }
    }

    fn count_keys(&self, event: &Event<'_>) {
        match event {
            Event::KeysFetched { issuer, keys, at, .. } => {
                self.count_fetch(issuer, "ok");
                let labels = IssuerLabels { issuer: (*issuer).to_owned() };
                let keys = i64::try_from(*keys).unwrap_or(i64::MAX);
                self.jwks_keys.get_or_create(&labels).set(keys);
                self.jwks_fetched.get_or_create(&labels).set(at.as_secs_f64());
            }
            Event::KeysNotFetched { issuer, .. } => self.count_fetch(issuer, "failed"),
            _ => {}
        }
    }

    /// What the gateway keeps from elsewhere: sealing keys, records of tenants.
    fn count_kept(&self, event: &Event<'_>) {
        match event {
            Event::SealKey { id } => {
                self.seal_key.set(i64::from(id.get()));
            }
            Event::SealKeysFailed { .. } => {
                self.seal_failures.inc();
            }
            Event::RegistryRead { tenants, .. } => {
                self.registry_tenants.set(i64::try_from(*tenants).unwrap_or(i64::MAX));
                self.registry_up.set(1);
                self.registry_reads.inc();
            }
            Event::RegistryAway { .. } => {
                self.registry_up.set(0);
            }
            Event::Operation(operation) => self.wire.count(operation),
            event => self.usage.count(event),
        }
    }

    fn note_fetch(&self, outcome: &'static str) {
        self.secret_fetches.get_or_create(&SecretLabels { outcome }).inc();
    }

    /// The text a scrape gets.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail; an empty answer would be seen at once.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}
