//! The log sink: lines by `tracing`, as text or JSON, on standard error.
//!
//! SQL, parameters, passwords and tokens are in no line.

use std::io::IsTerminal;

use rowhouse_tenancy::principal::Principal;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, warn};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use super::{Answered, Event, Operation};
use crate::config::{Log, LogLevel};
use crate::error::Kind;

/// What the targets of our own lines begin with.
const OURS: &str = "rowhouse";

/// The log, whose level can be changed.
pub struct LogSwitch(reload::Handle<LevelFilter, Registry>);

impl LogSwitch {
    /// Starts the log. A second call changes nothing.
    pub fn start(settings: Log) -> LogSwitch {
        let (filter, handle) = reload::Layer::new(level_filter(settings.level));
        // Libraries write to `tracing` as well, and what they write nobody here has read.
        let ours = filter_fn(|metadata| metadata.target().starts_with(OURS));
        let registry = tracing_subscriber::registry().with(filter).with(ours);
        let lines = fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false);
        // Fails only where a log has been started before, and then that one goes on.
        let _ = match settings.json {
            true => registry.with(lines.json()).try_init(),
            false => registry.with(lines).try_init(),
        };
        LogSwitch(handle)
    }

    /// From now on this is the least severe level that is written.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only where the log is gone, and then there is nothing to change.
        let _ = self.0.reload(level_filter(level));
    }
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}

/// Writes an event.
pub fn write(event: &Event<'_>) {
    match event {
        Event::Ready { http, pg, admin, shards } => {
            let pg = pg.map_or_else(|| "-".to_owned(), |pg| pg.to_string());
            info!(%http, pg, %admin, shards, "ready");
        }
        Event::Warned { warning } => warn!(%warning, "configuration"),
        Event::Reloaded { waiting } => write_reloaded(waiting),
        Event::ReloadRefused { problem } => {
            error!(problem, "configuration not reloaded, the one in force goes on");
        }
        Event::Accepted | Event::Closed => {}
        Event::Draining => info!("draining"),
        Event::Stopped { cut_off } => info!(transactions_cut_off = cut_off, "stopped"),
        Event::TurnedAway => warn!("too many client connections, one turned away"),
        Event::HandshakeFailed { reason } => debug!(%reason, "no TLS with a client"),
        Event::Answered(answered) => write_answered(answered),
        Event::LoggedIn { .. } | Event::Conversed(_) => write_conversed(event),
        Event::UpstreamConnected { login } => {
            debug!(server = %login.server.name, database = %login.database, role = %login.role,
                "connected to PostgreSQL");
        }
        Event::UpstreamRefused { login, reason } => {
            warn!(server = %login.server.name, database = %login.database, role = %login.role,
                reason, "cannot connect to PostgreSQL");
        }
        Event::SecretFetched { secret, role: Some(role) } => {
            info!(secret, role, "new credentials of a role");
        }
        Event::SecretFetched { secret, role: None } => {
            debug!(secret, "the credentials of a role are still the same");
        }
        Event::SecretFailed { secret, reason } => {
            warn!(secret, reason, "cannot fetch the credentials of a role");
        }
        Event::Refused { tier, limit, shadow } => {
            debug!(tier, limit = limit.as_str(), shadow, "beyond a limit");
        }
        Event::SentAway => debug!("statement left the fast lane"),
        Event::TransactionCut { reason } => info!(reason, "transaction rolled back"),
        Event::Readiness { server, reachable: true } => info!(server, "PostgreSQL answers"),
        Event::Readiness { server, reachable: false } => {
            warn!(server, "PostgreSQL does not answer");
        }
        Event::KeysFetched { .. } | Event::KeysNotFetched { .. } => write_keys(event),
        Event::SealKey { .. }
        | Event::SealKeysFailed { .. }
        | Event::RegistryRead { .. }
        | Event::RegistryAway { .. }
        | Event::Folded { .. }
        | Event::UsageTrouble { .. } => write_kept(event),
        Event::Operation(operation) => write_operation(operation),
        Event::Trouble { place, reason } => warn!(place, %reason, "trouble"),
    }
}

/// What became of the keys of an issuer.
fn write_keys(event: &Event<'_>) {
    match event {
        Event::KeysFetched { issuer, keys: 0, skipped, .. } => {
            warn!(issuer, "no key of the issuer's set can be used: its tokens are refused");
            for skipped in *skipped {
                warn!(issuer, %skipped, "not used");
            }
        }
        Event::KeysFetched { issuer, keys, skipped, changed: true, .. } => {
            info!(issuer, keys, skipped = skipped.len(), "the issuer's keys changed");
            for skipped in *skipped {
                debug!(issuer, %skipped, "not used");
            }
        }
        Event::KeysFetched { issuer, keys, .. } => debug!(issuer, keys, "the issuer's keys"),
        Event::KeysNotFetched { issuer, reason } => {
            warn!(issuer, %reason, "cannot fetch the issuer's keys; those that are there go on");
        }
        _ => {}
    }
}

fn write_reloaded(waiting: &[String]) {
    info!("configuration reloaded");
    for key in waiting {
        warn!(key, "changed, but in force after a restart only");
    }
}

/// What the gateway keeps from elsewhere.
fn write_kept(event: &Event<'_>) {
    match event {
        Event::SealKey { id } => info!(key = id.get(), "new connections have this sealing key"),
        Event::SealKeysFailed { reason } => {
            error!(reason, "trouble with sealing keys, a key that is there goes on");
        }
        Event::RegistryRead { tenants, changed: true } => info!(tenants, "the tenants' registry"),
        Event::RegistryRead { tenants, changed: false } => {
            debug!(tenants, "the tenants' registry is the same");
        }
        Event::RegistryAway { reason } => {
            error!(%reason, "no tenants' registry, what was last known of it goes on");
        }
        _ => write_usage(event),
    }
}

/// What becomes of what was counted.
fn write_usage(event: &Event<'_>) {
    match event {
        Event::Folded { answers, in_doubt, damaged, bytes } if in_doubt + damaged > 0 => {
            warn!(answers, in_doubt, damaged, bytes, "usage of a gateway that was killed added up");
        }
        Event::Folded { answers, bytes, .. } => debug!(answers, bytes, "usage added up"),
        Event::UsageTrouble { part, reason } => warn!(part, reason, "trouble with usage"),
        _ => {}
    }
}

/// What happens at the PostgreSQL door.
fn write_conversed(event: &Event<'_>) {
    match event {
        Event::LoggedIn { user, database, principal, error: None } => {
            let kind = principal.map_or("-", |principal| principal.kind().as_str());
            info!(user, database, kind, tenant = tenant_of(*principal), "logged in");
        }
        Event::LoggedIn { user, database, error: Some(error), .. } => {
            let cause = error.cause().unwrap_or("-");
            // Written as a text: the name in it is anybody's, and may hold the end of a line.
            let (sqlstate, error) = (error.sqlstate(), error.to_string());
            info!(user, database, %sqlstate, error, cause, "login refused");
        }
        Event::Conversed(conversed) => {
            let principal = Some(conversed.principal);
            let (kind, tenant) = (conversed.principal.kind().as_str(), tenant_of(principal));
            let subject = conversed.principal.subject();
            let sqlstate = conversed.sqlstate.as_ref().map_or("-", |code| code.as_str());
            let (bytes_in, bytes_out) = (conversed.bytes_in, conversed.bytes_out);
            let total_us = conversed.total.as_micros();
            let rows = conversed.spent.rows;
            debug!(
                kind,
                tenant, subject, sqlstate, total_us, rows, bytes_in, bytes_out, "conversed"
            );
        }
        _ => {}
    }
}

fn write_operation(operation: &Operation<'_>) {
    match operation {
        Operation::Waited { .. } | Operation::ClientStates { .. } => {}
        Operation::Paused { .. } | Operation::Cancelled => {}
        Operation::Pinned { reason } => debug!(reason, "a client keeps its connection"),
        Operation::Commanded { user, command, error: None } => info!(user, command, "console"),
        Operation::Commanded { user, command, error: Some(error) } => {
            info!(user, command, %error, "console, refused");
        }
    }
}

fn tenant_of(principal: Option<&Principal>) -> &str {
    principal.and_then(Principal::tenant).map_or("-", |tenant| tenant.as_str())
}

fn write_answered(answered: &Answered<'_>) {
    let Answered { request_id, operation, status, bytes_in, bytes_out, .. } = answered;
    let total_us = answered.total.as_micros();
    let database_us = answered.spent.database.as_micros();
    let (queue_us, rows) = (answered.spent.queue.as_micros(), answered.spent.rows);
    let kind = answered.principal.map_or("-", |principal| principal.kind().as_str());
    let tenant = tenant_of(answered.principal);
    let subject = answered.principal.map_or("-", |principal| principal.subject());
    let Some(failed) = answered.error else {
        debug!(
            request_id,
            operation,
            kind,
            tenant,
            subject,
            status,
            total_us,
            queue_us,
            database_us,
            rows,
            bytes_in,
            bytes_out,
            "answered"
        );
        return;
    };
    let exception = answered.exception.unwrap_or("-");
    let sqlstate = failed.sqlstate();
    let cause = failed.cause().unwrap_or("-");
    match failed.kind() {
        Kind::Internal => error!(
            request_id,
            operation, kind, tenant, subject, status, exception, cause, total_us, "defect"
        ),
        Kind::Unavailable
        | Kind::OutcomeUnknown
        | Kind::SecretRefused
        | Kind::SecretUnavailable
        | Kind::Overloaded => {
            warn!(
                request_id,
                operation, kind, tenant, subject, status, exception, cause, total_us, "failed"
            );
        }
        Kind::ClientGone => {
            info!(request_id, operation, kind, tenant, subject, total_us, "client left");
        }
        Kind::Sql => debug!(request_id, operation, kind, tenant, subject, status, %sqlstate,
            total_us, "refused by PostgreSQL"),
        _ => info!(
            request_id,
            operation, kind, tenant, subject, status, exception, cause, total_us, "refused"
        ),
    }
}
