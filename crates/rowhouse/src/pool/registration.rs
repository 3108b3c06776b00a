//! Registering a connection with a sealed database, before anything else is sent on it: from then
//! on both sides have a key that is worth nothing elsewhere.

use std::fmt;
use std::time::Duration;

use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::seal::{NONCE_BYTES, Registration, SealKey, SealKeyId, SessionKey};
use tokio::time::{Instant, timeout_at};

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

/// Why a connection is not registered.
enum Unregistered {
    /// The database says that it does not know the key, or not by these words.
    Refused(String),
    /// Something else.
    Failed(String),
}

/// Registers a connection that `role` has logged in on, or says why it is not, for an operator.
///
/// A database that refuses the current key may have been left out when keys were rotated: the key
/// before it is in the file until it is retired, and nobody's request is to fail meanwhile.
pub async fn register(
    connection: &mut Connection,
    seals: &Seals,
    role: &str,
    budget: Duration,
) -> Result<Registered, String> {
    let (keys, generation) = seals.keys();
    let mut refused: Option<(SealKeyId, String)> = None;
    let until = Instant::now() + budget;
    for key in &keys {
        let attempt = timeout_at(until, attempt(connection, key, role)).await;
        let late = |_| Err(Unregistered::Failed(format!("no answer within {budget:?}")));
        match attempt.unwrap_or_else(late) {
            Ok(session_key) => {
                match &refused {
                    None => seals.note(true),
                    Some((id, reason)) => seals.note_forgotten(&format!(
                        "a database does not take key {id} ({reason}) and goes on with key {}: \
                         run `rowhouse keys rotate` with every sealed database",
                        key.id()
                    )),
                }
                return Ok(Registered { key: session_key, generation });
            }
            Err(Unregistered::Refused(reason)) => {
                refused.get_or_insert((key.id(), reason));
            }
            Err(Unregistered::Failed(reason)) => {
                refused.get_or_insert((key.id(), reason));
                break;
            }
        }
    }
    seals.note(false);
    let (id, reason) = refused.unwrap_or((SealKeyId::FIRST, "there is no key".to_owned()));
    Err(format!(
        "a sealed database has not registered the connection with key {id}: {reason}; look at \
         `rowhouse keys list`, `rowhouse rls doctor` and both clocks"
    ))
}

async fn attempt(
    connection: &mut Connection,
    key: &SealKey,
    role: &str,
) -> Result<SessionKey, Unregistered> {
    let mut nonce = [0; NONCE_BYTES];
    let dry = |_| Unregistered::Failed("no randomness".to_owned());
    aws_lc_rs::rand::fill(&mut nonce).map_err(dry)?;
    let (registration, session_key) = key.register(connection.pid(), role, nonce, now_unix());
    let Registration { key_id, nonce, expiry, mac } = registration;
    let (key_id, expiry) = (key_id.to_string(), expiry.to_string());
    let said = |error: UpstreamError| Unregistered::Failed(error.to_string());
    connection.query_text(BEFORE).await.map_err(said)?;
    // As parameters: the text of a statement is there for everybody with the same role to see.
    let registered = connection.call(REGISTER, &[&key_id, &nonce, &expiry, &mac]).await;
    registered.map_err(|error| match error.server() {
        Some(server) if server.code == SqlState::INSUFFICIENT_PRIVILEGE => {
            Unregistered::Refused(error.to_string())
        }
        _ => said(error),
    })?;
    connection.query_text(AFTERWARDS).await.map_err(said)?;
    Ok(session_key)
}

impl fmt::Debug for Registered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").field("generation", &self.generation).finish_non_exhaustive()
    }
}
