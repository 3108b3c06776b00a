//! The checked configuration: what `rowhouse.toml` means once every problem is out of it.
//! Immutable.
//!
//! `raw` holds what was written, `reader` asks for it and gathers every problem at once, `load`
//! puts the sections together; only values that passed land here.

mod admission;
mod auth_query;
mod certificate;
mod client_certificates;
mod command_login;
mod credentials;
mod database_url;
mod doors;
mod end_point;
mod grant;
mod issuers;
mod key_sets;
mod load;
mod problem;
pub mod raw;
mod reader;
mod registry;
mod role_secret;
mod seal;
mod seal_keys;
mod servers;
mod sts;
mod suggest;
mod tokens;
mod usage;
mod users;
mod values;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Uri;
use rowhouse_data_api::result::RecordsFormat;
use rowhouse_rls::Code;
use rowhouse_tenancy::ids::SettingName;
use rowhouse_tenancy::jwt;
use rowhouse_tenancy::secret::Secret;

pub use admission::{Admission, Mode};
pub use auth_query::AuthQuery;
pub use certificate::{ALPN_HTTP2, ALPN_POSTGRESQL, Tls};
pub use client_certificates::ClientAuth;
pub use command_login::command_login;
pub use grant::Grant;
pub use load::{DEFAULT_FILE, Loaded, load};
pub use problem::{Place, Problem};
pub use reader::reference::escape as escape_references;
pub use registry::Registry;
#[cfg(feature = "aws")]
pub use role_secret::{AssumedRole, AwsSecret, plain_tenant};
pub use role_secret::{RoleSecret, SecretSource, TenantTemplate, UnfitTenant};
pub use rowhouse_tenancy::quantity::{parse_duration, write_duration};
pub use seal::Seal;
pub use seal_keys::{SealKeys, SealKeysError, StoredKey};
pub use sts::Sts;
pub use usage::{CloudEvents, EventSink, Usage, WhenFull};
pub use users::{CertificateName, DEV_PASSWORDS, User};
pub use values::Values;
pub use wire::{ChannelBinding, Wire};

/// The access keys of `rowhouse dev`: an `app` principal and an `admin` principal. Everybody knows
/// them, so they work on loopback only.
pub const DEV_ACCESS_KEYS: [&str; 2] = ["ROWHOUSEDEV", "ROWHOUSEADMIN"];
/// The secret of both.
pub const DEV_SECRET: &str = "rowhouse-dev-secret";

/// Everything the gateway needs to know before it opens a socket.
#[derive(Debug)]
pub struct Config {
    /// The RDS Data API door.
    pub http: Http,
    /// The PostgreSQL door.
    pub wire: Wire,
    /// Liveness, readiness and metrics.
    pub admin: Admin,
    /// How the log looks.
    pub log: Log,
    /// Threads and connections towards PostgreSQL.
    pub pool: Pool,
    /// Every limit a caller can meet.
    pub limits: Limits,
    /// What tenants may use.
    pub admission: Admission,
    /// PostgreSQL servers by name.
    pub servers: Vec<Arc<Server>>,
    /// What callers name in `resourceArn`.
    pub resources: Vec<Resource>,
    /// What callers name in `secretArn`.
    pub secrets: Vec<RoleSecret>,
    /// Long-lived AWS-style access keys.
    pub access_keys: Vec<AccessKey>,
    /// The region SigV4 scopes must name.
    pub region: String,
    /// Who may sign JWTs, and for whom. With none, Bearer tokens are refused.
    pub issuers: Vec<Issuer>,
    /// Who gets temporary credentials.
    pub sts: Sts,
    /// The local key of `rowhouse token`. Never used to verify.
    pub token: Option<Token>,
    /// The keys of sealed databases; they are there where a database is sealed.
    pub seal: Option<Seal>,
    /// Where it stands which tenants there are. `None`: every tenant is served.
    pub registry: Option<Registry>,
    /// Where answers are counted, and what they cost.
    pub usage: Usage,
    /// Findings of the start-up gate the operator has accepted by name.
    pub gate_accept: Vec<Code>,
    /// Every value in force as TOML, secrets masked, with the place each comes from.
    pub listing: String,
}

/// The RDS Data API door.
#[derive(Debug)]
pub struct Http {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Client connections held at once, over all shards.
    pub connections_max: usize,
    /// A connection with no request for this long is closed.
    pub idle_timeout: Duration,
    /// The head of a request must be complete within this time.
    pub head_timeout: Duration,
    /// The body of a request must be complete within this time.
    pub body_timeout: Duration,
    /// A client that takes nothing of its answer for this long is let go.
    pub write_timeout: Duration,
    /// Requests served at once on one HTTP/2 connection.
    pub http2_streams_max: usize,
    /// The certificate and its key. `None`: plain HTTP.
    pub tls: Option<Tls>,
}

/// The admin address.
#[derive(Debug)]
pub struct Admin {
    /// Address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
}

/// How the log looks.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    /// JSON lines instead of text.
    pub json: bool,
    /// The least severe level that is written.
    pub level: LogLevel,
}

/// Severity of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Only what an operator must act on.
    Error,
    /// Also what may need an operator soon.
    Warn,
    /// Also starts, stops, refusals.
    Info,
    /// Also every request.
    Debug,
}

/// Threads and connections towards PostgreSQL. Counts are for each shard.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Threads that serve requests, each with its own listener and connections.
    pub shards: usize,
    /// Packed connections for statements known to be fast, for each database and role.
    pub fast_connections: usize,
    /// Requests in flight on one fast connection.
    pub fast_depth: usize,
    /// A statement on a fast connection is cancelled after this time and run again on a slow one.
    pub fast_statement_timeout: Duration,
    /// Connections for unknown and slow statements, one statement at a time.
    pub slow_connections: usize,
    /// Statements that may outlive their timeout, at once.
    pub continued_statements: usize,
    /// Connections that explicit transactions may own at once.
    pub transaction_connections: usize,
    /// Connections that clients of the PostgreSQL door may have at once.
    pub wire_connections: usize,
    /// Clients of the PostgreSQL door of one tenant that may keep a connection to themselves.
    pub pinned_per_tenant_max: usize,
    /// Requests that may wait for a connection; more are refused.
    pub waiting_max: usize,
    /// How long a request waits for a connection.
    pub wait_timeout: Duration,
    /// How long connecting and authenticating may take.
    pub connect_timeout: Duration,
    /// A connection nobody used for this long is closed.
    pub idle_timeout: Duration,
    /// Prepared statements kept on one connection.
    pub prepared_max: usize,
    /// How long role credentials that come from outside are used before they are fetched anew.
    pub secret_ttl: Duration,
    /// Tenants with connections of their own, because their secret is theirs alone.
    pub tenant_pools_max: usize,
}

/// Every limit a caller can meet. The defaults are the RDS Data API's own.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one request body.
    pub request_bytes_max: usize,
    /// Characters of one SQL statement.
    pub sql_chars_max: usize,
    /// Bytes of one result, as JSON.
    pub result_bytes_max: usize,
    /// Bytes of one result whose caller asks for one JSON text.
    pub json_result_bytes_max: usize,
    /// Parameters of one statement.
    pub parameters_max: usize,
    /// Parameter sets of one batch.
    pub parameter_sets_max: usize,
    /// Statements of one ExecuteTransaction.
    pub transaction_statements_max: usize,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a statement may go on that its caller has allowed to outlive its timeout.
    pub continued_statement_timeout: Duration,
    /// A transaction nobody used for this long is rolled back.
    pub transaction_idle_timeout: Duration,
    /// A transaction older than this is rolled back.
    pub transaction_age_max: Duration,
    /// How long `SIGTERM` waits for work in flight.
    pub drain_timeout: Duration,
}

impl Limits {
    /// Bytes of one result in this format.
    pub fn of_result(&self, format: RecordsFormat) -> usize {
        match format {
            RecordsFormat::Fields => self.result_bytes_max,
            RecordsFormat::Json => self.json_result_bytes_max,
        }
    }
}

/// A PostgreSQL server.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// The name resources use for it.
    pub name: String,
    /// Where it listens.
    pub address: ServerAddress,
    /// Whether and how TLS protects the way there.
    pub tls: ServerTls,
}

/// Where a PostgreSQL server listens.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum ServerAddress {
    /// A directory with the socket `.s.PGSQL.<port>`.
    Unix {
        /// The directory.
        directory: PathBuf,
        /// The port that names the socket.
        port: u16,
    },
    /// TCP.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
}

/// TLS towards a PostgreSQL server, in libpq's words for `sslmode`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum ServerTls {
    /// Never; for unix sockets and loopback.
    Disable,
    /// TLS with the certificate checked against the roots of `ca_file`, but any host name.
    VerifyCa {
        /// PEM file with the roots.
        ca_file: PathBuf,
    },
    /// TLS with certificate and host name checked against the roots of `ca_file`.
    VerifyFull {
        /// PEM file with the roots.
        ca_file: PathBuf,
    },
}

/// What callers name in `resourceArn`.
#[derive(Debug)]
pub struct Resource {
    /// The ARN, matched exactly (AWS matches the case, too).
    pub arn: String,
    /// The server behind it.
    pub server: Arc<Server>,
    /// The database of calls that name none.
    pub default_database: String,
    /// The databases that can be named.
    pub databases: Vec<Arc<Database>>,
}

/// One database of a resource.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// The settings that receive the principal's tenant at the start of every transaction.
    pub tenant_settings: Arc<[SettingName]>,
    /// What its policies believe.
    pub context: Context,
    /// Where its names are looked for, as `search_path` writes it; `None` leaves it to the server.
    pub search_path: Option<String>,
    /// What AWS refuses and the gateway could answer is refused as AWS does.
    pub strict: bool,
}

pub use rowhouse_tenancy::principal::PrincipalKind;
pub use rowhouse_tenancy::prologue::Context;

/// Somebody who may sign JWTs.
#[derive(Debug)]
pub struct Issuer {
    /// How log and metrics name it: its `iss`, or `any`.
    pub name: String,
    /// What its tokens must say, and the keys that the configuration holds.
    pub verifier: jwt::Verifier,
    /// Where more keys are to be fetched.
    pub key_set: Option<KeySetSource>,
}

/// A JSON Web Key Set at a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetSource {
    /// The URL: https, or http to loopback.
    pub url: Uri,
    /// PEM file with the roots that the server's certificate must lead to. `None`: the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a fetched set counts as fresh.
    pub refresh: Duration,
    /// Whether the server may be inside the network.
    pub allow_private: bool,
    /// The algorithms that its keys may verify.
    pub allowed: Vec<jwt::Algorithm>,
}

/// How `rowhouse token` signs.
#[derive(Debug)]
pub struct Token {
    /// The key.
    pub signer: jwt::Signer,
    /// `aud` of the tokens.
    pub audience: String,
    /// `iss` of the tokens.
    pub issuer: Option<String>,
    /// Where the tenant stands.
    pub tenant_claim: String,
    /// Where the role stands, if tokens may name one.
    pub role_claim: Option<String>,
}

/// A long-lived AWS-style access key.
#[derive(Debug)]
pub struct AccessKey {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: Secret,
    /// What its holder may choose.
    pub grants: Grant,
}

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub struct Login {
    /// The server.
    pub server: Arc<Server>,
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// The role's password.
    pub password: Secret,
}
