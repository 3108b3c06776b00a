//! Registering a connection with a sealed database, before anything else is sent on it: from then
//! on both sides have a key that is worth nothing elsewhere.

use std::fmt;
use std::time::Duration;

use rowhouse_tenancy::seal::{NONCE_BYTES, Registration, SealKey, SessionKey};
use tokio::time::timeout;

use crate::identity::now_unix;
use crate::seal::Seals;
use crate::upstream::{Connection, UpstreamError};

/// The timeout of a connection's statements is made for what callers send, and may be far too short
/// for a server that is busy; it comes back afterwards.
const BEFORE: &str = "SET statement_timeout = 0";
const REGISTER: &str = "select rowhouse.begin_session($1, $2, $3, $4)";
const AFTERWARDS: &str = "RESET statement_timeout";

/// What a registered connection knows.
pub struct Registered {
    /// What vouches for tenants on it.
    pub key: SessionKey,
    /// The generation of the key that it was registered with.
    pub generation: u64,
}

/// Registers a connection that `role` has logged in on, or says why it is not, for an operator.
pub async fn register(
    connection: &mut Connection,
    seals: &Seals,
    role: &str,
    budget: Duration,
) -> Result<Registered, String> {
    let (key, generation) = seals.current();
    let attempt = timeout(budget, attempt(connection, &key, role)).await;
    let registered = attempt.unwrap_or_else(|_| Err(format!("no answer within {budget:?}")));
    seals.note(registered.is_ok());
    match registered {
        Ok(session_key) => Ok(Registered { key: session_key, generation }),
        Err(reason) => Err(format!(
            "a sealed database has not registered the connection with key {}: {reason}; look at \
             `rowhouse keys list`, `rowhouse rls doctor` and both clocks",
            key.id()
        )),
    }
}

async fn attempt(
    connection: &mut Connection,
    key: &SealKey,
    role: &str,
) -> Result<SessionKey, String> {
    let mut nonce = [0; NONCE_BYTES];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| "no randomness".to_owned())?;
    let (registration, session_key) = key.register(connection.pid(), role, nonce, now_unix());
    let Registration { key_id, nonce, expiry, mac } = registration;
    let (key_id, expiry) = (key_id.to_string(), expiry.to_string());
    let said = |error: UpstreamError| error.to_string();
    connection.query_text(BEFORE).await.map_err(said)?;
    // As parameters: the text of a statement is there for everybody with the same role to see.
    connection.call(REGISTER, &[&key_id, &nonce, &expiry, &mac]).await.map_err(said)?;
    connection.query_text(AFTERWARDS).await.map_err(said)?;
    Ok(session_key)
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("generation", &self.generation).finish_non_exhaustive()
    }
}
