//! The start-up gate: no tenant's statement runs as a role that row-level security does not bind.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_rls::Finding;
use rowhouse_rls::role::{GATE_QUERY, RoleFacts, gate};
use tokio::time::{Instant, sleep};

use super::AppError;
use crate::config::{Config, Database, Login, PrincipalKind, Resource, RoleSecret};
use crate::upstream::{Connection, UpstreamError, connect};

/// How long the servers may take to come up beside the gateway.
const SERVER_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause between attempts to reach one.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// One attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks every role that tenants may use, in every database they may name.
pub async fn check(config: &Config) -> Result<(), AppError> {
    let deadline = Instant::now() + SERVER_TIMEOUT;
    let mut findings = Vec::new();
    for resource in &config.resources {
        for database in &resource.databases {
            for secret in &config.secrets {
                if secret.principals.contains(&PrincipalKind::Tenant) {
                    let found = examine(resource, database, secret, deadline).await?;
                    findings.extend(
                        found
                            .into_iter()
                            .filter(|finding| !config.gate_accept.contains(&finding.code))
                            .map(|finding| {
                                let Finding { code, object, message, fix, .. } = finding;
                                let name = &database.name;
                                format!("{code} ({object}, database {name}): {message} Fix: {fix}")
                            }),
                    );
                }
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(AppError::Gate(findings)) }
}

async fn examine(
    resource: &Resource,
    database: &Database,
    secret: &RoleSecret,
    deadline: Instant,
) -> Result<Vec<Finding>, AppError> {
    let login = Login {
        server: Arc::clone(&resource.server),
        database: database.name.clone(),
        role: secret.role.clone(),
        password: secret.password.clone(),
    };
    let place = format!("database {} as role {}", login.database, login.role);
    let failed = |error: &dyn std::fmt::Display| {
        AppError::Unreachable(format!(
            "cannot check {place} on server {}: {error}; check [[server]] and [[secret]]",
            login.server.name
        ))
    };
    let mut connection = reach(&login, deadline).await.map_err(|error| failed(&error))?;
    let rows = connection.query_text(GATE_QUERY).await.map_err(|e| failed(&e))?;
    let facts = RoleFacts::from_rows(&rows).map_err(|e| failed(&e))?;
    Ok(gate(&facts))
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
