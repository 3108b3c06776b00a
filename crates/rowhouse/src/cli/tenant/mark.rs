//! What an erasure leaves in the registry: a record that says so, and a tenant that is not served.

use std::sync::Arc;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::record::State;
use serde_json::Value;

use super::place::registry_login;
use crate::cli::Failure;
use crate::cli::config::load_file;
use crate::cli::rls::Connection;
use crate::cli::rls::place::url_login;
use crate::registry::{Change, Refusal, Registrar};

/// Suspends the tenant of a certificate where the registry has a record of it; whether it had.
pub async fn erased(connection: &Connection, certificate: &Value) -> Result<bool, Failure> {
    let text = |key: &str| certificate.get(key).and_then(Value::as_str).unwrap_or_default();
    let (name, database, at) = (text("tenant"), text("database"), text("began_at"));
    // No credential can name any other, so the registry has none.
    let Ok(tenant) = TenantId::parse(name) else { return Ok(false) };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!(
            "the rows are erased, but the registry was not told: {error}; suspend the tenant with \
             `rowhouse tenant suspend`"
        ))
    };
    let login = match connection.config_file() {
        Some(file) => registry_login(&Arc::new(load_file(file)?.config)).await?,
        None => Some(url_login(connection.url())?),
    };
    let Some(login) = login else { return Ok(false) };
    let registrar = Registrar::existing(&login).await.map_err(|error| failed(&error))?;
    let Some(mut registrar) = registrar else { return Ok(false) };
    let reason = format!("its rows in the database {database} were erased on {at}");
    let state = State::suspended(&reason).map_err(|error| failed(&error))?;
    let change = Change { state: Some(state), ..Change::default() };
    match registrar.change(&tenant, &change).await {
        Ok(()) => Ok(true),
        Err(Refusal::Unknown(_)) => Ok(false),
        Err(refusal) => Err(failed(&refusal)),
    }
}
