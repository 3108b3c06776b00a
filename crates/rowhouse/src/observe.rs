//! What happens, as one closed type. The log, the metrics, and later the audit and the usage are
//! sinks of it; nothing else writes them.

mod log;
mod metrics;
mod operation;
mod usage;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::jwt::Skipped;
use rowhouse_tenancy::limits::Limit;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::seal::SealKeyId;

pub use log::LogSwitch;
pub use metrics::Metrics;
pub use operation::Operation;

use crate::config::Login;
use crate::error::{Error, Kind};
use crate::journal::Page;

/// Everything that happens.
pub enum Event<'a> {
    /// The doors are open.
    Ready {
        /// The Data API door.
        http: SocketAddr,
        /// The PostgreSQL door, where it is open.
        pg: Option<SocketAddr>,
        /// The admin address.
        admin: SocketAddr,
        /// Threads that serve requests.
        shards: usize,
    },
    /// Something of the configuration is odd, and can be used all the same.
    Warned {
        /// What, and what to do.
        warning: &'a dyn fmt::Display,
    },
    /// The configuration was read again and is followed.
    Reloaded {
        /// The keys whose change waits for a restart.
        waiting: &'a [String],
    },
    /// The configuration was read again and has a problem; nothing changed.
    ReloadRefused {
        /// The problem.
        problem: &'a str,
    },
    /// A stop was asked for; work in flight goes on.
    Draining,
    /// Everything has ended.
    Stopped {
        /// Transactions that had to be rolled back because the deadline passed.
        cut_off: usize,
    },
    /// A client connected.
    Accepted,
    /// A client's connection ended.
    Closed,
    /// A client was turned away because too many are connected.
    TurnedAway,
    /// A client and a door did not come to terms about TLS.
    HandshakeFailed {
        /// Why.
        reason: &'a dyn fmt::Display,
    },
    /// A request was answered.
    Answered(Answered<'a>),
    /// A client of the PostgreSQL door has proven who it is, or has not.
    LoggedIn {
        /// The name it gave.
        user: &'a str,
        /// The database it named.
        database: &'a str,
        /// Who it is.
        principal: Option<&'a Principal>,
        /// Why not.
        error: Option<&'a Error>,
    },
    /// A client of the PostgreSQL door has been answered.
    Conversed(Conversed<'a>),
    /// A connection to PostgreSQL was made.
    UpstreamConnected {
        /// Where to and as whom.
        login: &'a Login,
    },
    /// A connection to PostgreSQL could not be made.
    UpstreamRefused {
        /// Where to and as whom.
        login: &'a Login,
        /// What was said.
        reason: &'a str,
    },
    /// The credentials of a role were fetched.
    SecretFetched {
        /// What callers name in `secretArn`.
        secret: &'a str,
        /// The role, where the credentials are new.
        role: Option<&'a str>,
    },
    /// The credentials of a role could not be fetched.
    SecretFailed {
        /// What callers name in `secretArn`.
        secret: &'a str,
        /// What was said.
        reason: &'a str,
    },
    /// A request went beyond a limit of its tenant.
    Refused {
        /// The tenant's tier.
        tier: &'a str,
        /// The limit.
        limit: Limit,
        /// It went on all the same, because limits are being tried out.
        shadow: bool,
    },
    /// A statement was cancelled on a packed connection and runs again on an exclusive one.
    SentAway,
    /// A transaction was ended by the gateway.
    TransactionCut {
        /// Why.
        reason: &'static str,
    },
    /// Something of the PostgreSQL door that its operators look at.
    Operation(Operation<'a>),
    /// A server became reachable or stopped being so.
    Readiness {
        /// The server's name in the configuration.
        server: &'a str,
        /// Whether it answers now.
        reachable: bool,
    },
    /// The keys of an issuer were fetched.
    KeysFetched {
        /// The issuer's name.
        issuer: &'a str,
        /// How many keys can be used, each once for every algorithm.
        keys: usize,
        /// What else was in the set.
        skipped: &'a [Skipped],
        /// Whether they are others than before.
        changed: bool,
        /// When, since 1970.
        at: Duration,
    },
    /// The keys of an issuer could not be fetched; those that are there go on.
    KeysNotFetched {
        /// The issuer's name.
        issuer: &'a str,
        /// What was said.
        reason: &'a dyn fmt::Display,
    },
    /// New connections to sealed databases are registered with this key from now on.
    SealKey {
        /// Which one.
        id: SealKeyId,
    },
    /// The keys file cannot be used, or a database does not take the current key; another key goes
    /// on.
    SealKeysFailed {
        /// What was said.
        reason: &'a str,
    },
    /// The tenants' registry was read.
    RegistryRead {
        /// How many records it has.
        tenants: usize,
        /// Whether they are others than before, or were not to be had meanwhile.
        changed: bool,
    },
    /// The tenants' registry does not answer; what was known goes on.
    RegistryAway {
        /// What was said.
        reason: &'a dyn fmt::Display,
    },
    /// The journal was added up in PostgreSQL.
    Folded {
        /// Answers.
        answers: u64,
        /// Of those that a killed gateway left behind: perhaps not sent.
        in_doubt: u64,
        /// Slots that could not be read.
        damaged: u64,
        /// Bytes of the journal now.
        bytes: u64,
    },
    /// Usage is not kept as it should be.
    UsageTrouble {
        /// What part of it: `journal`, `fold` or `events`.
        part: &'static str,
        /// What was said.
        reason: &'a str,
    },
    /// Something failed that no caller waits for.
    Trouble {
        /// Where.
        place: &'static str,
        /// What was said.
        reason: &'a dyn fmt::Display,
    },
}

/// What an answer has cost beyond the bytes that came and went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// Time it waited for its turn and for a connection.
    pub queue: Duration,
    /// Time the database worked for it.
    pub database: Duration,
    /// Rows that came back, or that were written where none did.
    pub rows: u64,
}

/// One answered request.
pub struct Answered<'a> {
    /// What the caller sees as `x-amzn-RequestId`.
    pub request_id: &'a str,
    /// The operation, or `-` where none was recognised.
    pub operation: &'static str,
    /// Who asked, where that is known.
    pub principal: Option<&'a Principal>,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong.
    pub error: Option<&'a Error>,
    /// The exception's name.
    pub exception: Option<&'static str>,
    /// Time from the last byte of the request to the answer.
    pub total: Duration,
    /// What it has cost.
    pub spent: Spent,
    /// Bytes of the request's body.
    pub bytes_in: usize,
    /// Bytes of the answer's body.
    pub bytes_out: usize,
}

/// One answer at the PostgreSQL door: up to `ReadyForQuery`.
pub struct Conversed<'a> {
    /// Who asked.
    pub principal: &'a Principal,
    /// The error, if there was one.
    pub sqlstate: Option<SqlState>,
    /// Time from the first byte of what was asked to the answer's end.
    pub total: Duration,
    /// What it has cost.
    pub spent: Spent,
    /// Bytes asked with.
    pub bytes_in: usize,
    /// Bytes of the answer.
    pub bytes_out: usize,
}

/// Takes events to the sinks. Clones share them.
#[derive(Clone)]
pub struct Observer {
    metrics: Arc<Metrics>,
    /// Where the answers of one shard are counted.
    page: Option<Arc<Page>>,
}

impl Observer {
    /// An observer with fresh metrics.
    pub fn new() -> Observer {
        Observer { metrics: Arc::new(Metrics::new()), page: None }
    }

    /// The same for a shard whose answers are counted on this page.
    #[must_use]
    pub fn counting(&self, page: Option<Arc<Page>>) -> Observer {
        Observer { metrics: Arc::clone(&self.metrics), page }
    }

    /// Where its answers are counted, for who sends them: they are written down first.
    pub fn page(&self) -> Option<Arc<Page>> {
        self.page.clone()
    }

    /// Nothing, or why callers are refused: what they are answered cannot be counted.
    pub fn check_counting(&self) -> Result<(), Error> {
        match &self.page {
            Some(page) if page.refuses() => {
                let text = "The service is not available now. Try again later.";
                Err(Error::new(Kind::Overloaded, text)
                    .because("the journal of usage cannot be written, and usage.when_full says so"))
            }
            _ => Ok(()),
        }
    }

    /// Tells all sinks.
    pub fn emit(&self, event: &Event<'_>) {
        self.metrics.count(event);
        if let Some(page) = &self.page {
            usage::count(page, event);
        }
        log::write(event);
    }

    /// The metrics as Prometheus text.
    pub fn metrics_text(&self) -> String {
        self.metrics.encode()
    }
}

impl Default for Observer {
    fn default() -> Self {
        Observer::new()
    }
}

/// How an answered request counts, in the words of the metrics.
pub fn outcome(error: Option<&Error>) -> &'static str {
    let Some(error) = error else { return "ok" };
    match error.kind() {
        Kind::Identity
        | Kind::Signature
        | Kind::TokenExpired
        | Kind::SessionExpired
        | Kind::SessionUnknown
        | Kind::Password => "identity",
        Kind::TenantRefused => "tenant_refused",
        Kind::TooManyFailures => "throttled",
        Kind::Forbidden | Kind::ContextProtected => "forbidden",
        Kind::Sql => "sql",
        Kind::StatementTimeout => "timeout",
        Kind::ResultTooLarge | Kind::ChangedAndTooLarge => "result_too_large",
        Kind::Overloaded => "overloaded",
        Kind::Throttled => "throttled",
        Kind::QuotaSpent => "quota_spent",
        Kind::Unavailable | Kind::SecretRefused | Kind::SecretUnavailable => "unavailable",
        Kind::OutcomeUnknown => "outcome_unknown",
        Kind::ShuttingDown => "shutting_down",
        Kind::ClientGone => "client_gone",
        Kind::Internal => "internal",
        Kind::ResourceUnknown
        | Kind::SecretUnknown
        | Kind::DatabaseUnknown
        | Kind::Invalid
        | Kind::StatementTooLong
        | Kind::NotSupported
        | Kind::TransactionNotFound
        | Kind::Aborted
        | Kind::TransactionBusy
        | Kind::Protocol
        | Kind::StatementUnknown
        | Kind::StatementExists
        | Kind::LimitReached
        | Kind::TransactionIdle
        | Kind::SessionIdle => "invalid",
    }
}
