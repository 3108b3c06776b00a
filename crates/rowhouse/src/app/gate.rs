//! The start-up gate: no tenant's statement runs as a role that row-level security does not bind.
//!
//! Roles that come from outside may change at any time, so the pools put the same question to each
//! new one. Here a finding about one stops the start; that it cannot be fetched does not, or an
//! outage where secrets are kept would keep a gateway from restarting.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_rls::Finding;
use tokio::time::{Instant, sleep};

use super::AppError;
use crate::config::{Config, Context, Database, Login, PrincipalKind, Resource};
use crate::observe::{Event, Observer};
use crate::secrets::{Source, Sources};
use crate::upstream::{Connection, UpstreamError, VettingError, connect, examine};

/// How long the servers may take to come up beside the gateway.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause between attempts to reach one.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// How long the start waits for credentials that come from outside.
const SECRET_TIMEOUT: Duration = Duration::from_secs(5);
/// One attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks every role that tenants may use, in every database they may name. What each tenant has of
/// its own is not known yet.
pub async fn check(
    config: &Config,
    sources: &Sources,
    observer: &Observer,
) -> Result<(), AppError> {
    let deadline = Instant::now() + SERVER_TIMEOUT;
    let mut findings = Vec::new();
    for resource in &config.resources {
        for database in &resource.databases {
            for (index, secret) in config.secrets.iter().enumerate() {
                if secret.per_tenant || !secret.principals.contains(&PrincipalKind::Tenant) {
                    continue;
                }
                let Ok(source) = sources.source(index, None) else { continue };
                let found = match examine_source(resource, database, &source, deadline).await {
                    Err(reason) if !source.is_fixed() => {
                        observer.emit(&Event::Trouble { place: "gate", reason: &reason });
                        continue;
                    }
                    found => found.map_err(AppError::Unreachable)?,
                };
                let refused = found.into_iter().filter(|f| !config.gate_accept.contains(&f.code));
                findings.extend(refused.map(|finding| {
                    let Finding { code, object, message, fix, .. } = finding;
                    let name = &database.name;
                    format!("{code} ({object}, database {name}): {message} Fix: {fix}")
                }));
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(AppError::Gate(findings)) }
}

async fn examine_source(
    resource: &Resource,
    database: &Database,
    source: &Arc<Source>,
    deadline: Instant,
) -> Result<Vec<Finding>, String> {
    let fetched = source.current(deadline.min(Instant::now() + SECRET_TIMEOUT)).await;
    let mut credentials = fetched.map_err(|error| {
        let cause = error.cause().unwrap_or("no reason is known");
        format!("a role cannot be checked before it serves: {cause}")
    })?;
    loop {
        let login = Login {
            server: Arc::clone(&resource.server),
            database: database.name.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        };
        let error = match examine_login(&login, database.context, deadline).await {
            Ok(findings) => return Ok(findings),
            Err(error) => error,
        };
        let newer = match &error {
            VettingError::Upstream(error) if error.refuses_login() => {
                source.refused(&credentials, false, deadline).await
            }
            _ => None,
        };
        let Some(newer) = newer else {
            return Err(format!(
                "cannot check database {} as role {} on server {}: {error}; check [[server]] and \
                 [[secret]]",
                login.database, login.role, login.server.name
            ));
        };
        credentials = newer;
    }
}

async fn examine_login(
    login: &Login,
    context: Context,
    deadline: Instant,
) -> Result<Vec<Finding>, VettingError> {
    let mut connection = reach(login, deadline).await.map_err(VettingError::Upstream)?;
    examine(&mut connection, &login.database, context).await
}

/// Connects, again and again until the deadline while the server is on its way up.
async fn reach(login: &Login, deadline: Instant) -> Result<Connection, UpstreamError> {
    loop {
        match connect(login, CONNECT_TIMEOUT).await {
            Ok(connection) => return Ok(connection),
            // A refusal in words is final, unless the server says that it is starting.
            Err(error) => {
                let starting =
                    error.server().is_none_or(|server| server.code == SqlState::CANNOT_CONNECT_NOW);
                if !starting || Instant::now() >= deadline {
                    return Err(error);
                }
            }
        }
        sleep(RETRY_PAUSE).await;
    }
}
