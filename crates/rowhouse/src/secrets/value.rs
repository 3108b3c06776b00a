//! What a secret holds: the JSON that AWS documents for database credentials.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>

use rowhouse_tenancy::ids::RoleName;
use rowhouse_tenancy::secret::Secret;
use serde::Deserialize;

/// Secrets Manager's own limit (API reference, GetSecretValue, SecretString).
const VALUE_BYTES_MAX: usize = 65_536;
/// libpq and PostgreSQL's own limit of a password is about this (`PG_MAX_AUTH_TOKEN_LENGTH`).
const PASSWORD_BYTES_MAX: usize = 65_535;

/// A role and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The PostgreSQL role.
    pub role: String,
    /// Its password.
    pub password: Secret,
}

/// Host, port and database are not read: the resource that a caller names says them.
#[derive(Deserialize)]
struct Written {
    username: Option<String>,
    password: Option<String>,
    engine: Option<String>,
}

/// Reads a secret, or says what is wrong with it without repeating any of it.
pub fn parse(text: &str) -> Result<Value, &'static str> {
    if text.len() > VALUE_BYTES_MAX {
        return Err("it is larger than a secret can be");
    }
    if !text.trim_start().starts_with('{') {
        return Err("it is no JSON object; write {\"username\": …, \"password\": …}");
    }
    let written: Written = serde_json::from_str(text).map_err(|error| {
        // The error's own words may repeat a value.
        if error.is_data() {
            "username, password and engine must be texts, each there once"
        } else {
            "it is not valid JSON"
        }
    })?;
    // Aurora and RDS write "postgres", managed Aurora secrets "aurora-postgresql".
    if written.engine.is_some_and(|engine| !engine.contains("postgres")) {
        return Err("its engine is not postgres");
    }
    let role = written.username.ok_or("it has no username")?;
    let password = written.password.ok_or("it has no password")?;
    if RoleName::parse(&role).is_err() {
        return Err("its username is not the name of a role");
    }
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX || password.contains('\0') {
        return Err("its password is empty, too long or has a NUL in it");
    }
    Ok(Value { role, password: Secret::from(password) })
}

#[cfg(test)]
mod tests;
