//! The server half of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).
//!
//! The server keeps a [`Verifier`], from which nobody gets the password. The nonce is an argument,
//! and so is what the exchange is bound to: the hash of the certificate that the TLS around it
//! began with (`tls-server-end-point`, RFC 5929, section 4).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{SCRAM_SHA_256, SCRAM_SHA_256_PLUS};

/// PostgreSQL's default (`scram_iterations`).
const ITERATIONS: u32 = 4096;
/// More than anybody asks for: the client has to do the work.
pub const ITERATIONS_MAX: u32 = 10_000_000;
/// Bytes of a salt, as PostgreSQL's own.
const SALT_LEN: usize = 16;
const KEY_LEN: usize = 32;
/// Bytes of one message: nonces have some thirty.
const MESSAGE_BYTES_MAX: usize = 2048;
/// How PostgreSQL writes a verifier.
const PREFIX: &str = "SCRAM-SHA-256$";
/// The one type of channel binding that PostgreSQL has, and thus every driver.
const END_POINT: &str = "p=tls-server-end-point";

/// What a server keeps of a password.
#[derive(Clone)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: [u8; KEY_LEN],
    server_key: [u8; KEY_LEN],
}

/// Why an exchange ends without a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerScramError {
    /// A message is none of SCRAM's, or not the one that is due.
    Malformed,
    /// The mechanism that the client names was not offered.
    Mechanism,
    /// What the client says of channel binding does not go with the mechanism it has chosen.
    ChannelBinding,
    /// The client has heard of no offer of channel binding, and there was one: somebody between
    /// has taken it away.
    Downgraded,
    /// The client is bound to another certificate: it talks TLS with somebody between.
    OtherChannel,
    /// The client does not know the password.
    WrongPassword,
}

impl fmt::Display for ServerScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "a SCRAM message is malformed or out of order",
            Self::Mechanism => "the client names a mechanism that was not offered",
            Self::ChannelBinding => {
                "what the client says of channel binding does not go with its mechanism"
            }
            Self::Downgraded => {
                "the client could bind to the channel and has heard of no offer, though there was \
                 one: somebody may stand between"
            }
            Self::OtherChannel => {
                "the client is bound to another certificate than the server's: somebody may stand \
                 between, or a proxy that ends TLS"
            }
            Self::WrongPassword => "the password is wrong",
        })
    }
}

impl std::error::Error for ServerScramError {}

impl Verifier {
    /// Of a password, with a new salt. The password goes through SASLprep as PostgreSQL does it.
    #[must_use]
    pub fn of_password(password: &str) -> Option<Self> {
        Self::parse(&postgres_protocol::password::scram_sha_256(password.as_bytes()))
    }

    /// As PostgreSQL keeps it: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
    /// (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (parameters, keys) = text.strip_prefix(PREFIX)?.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let iterations = iterations.parse().ok()?;
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty())?;
        let key = |text: &str| STANDARD.decode(text).ok()?.try_into().ok();
        (1..=ITERATIONS_MAX).contains(&iterations).then_some(())?;
        let (stored_key, server_key) = (key(stored_key)?, key(server_key)?);
        Some(Self { iterations, salt, stored_key, server_key })
    }

    /// Of nobody: the exchange looks like any other and fails. The same name gets the same salt, so
    /// that asking twice does not tell that it is nobody's.
    #[must_use]
    pub fn of_nobody(secret: &[u8], name: &str) -> Self {
        let mut salt = hmac(secret, &[b"salt", name.as_bytes()]).to_vec();
        salt.truncate(SALT_LEN);
        let stored_key = hmac(secret, &[b"key", name.as_bytes()]);
        let server_key = hmac(secret, &[b"server", name.as_bytes()]);
        Self { iterations: ITERATIONS, salt, stored_key, server_key }
    }

    /// The same with as many iterations as others' have, so that this does not tell it either.
    #[must_use]
    pub fn with_iterations(self, iterations: u32) -> Self {
        Self { iterations: iterations.clamp(1, ITERATIONS_MAX), ..self }
    }
}

impl fmt::Debug for Verifier {
    /// Whoever has the keys can play the server, and guess at the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// What a server offers to its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer<'a> {
    /// SCRAM-SHA-256: there is no TLS, or none of whose certificate there is a hash.
    Plain,
    /// SCRAM-SHA-256-PLUS, bound to the hash of this server's certificate, and SCRAM-SHA-256 for
    /// clients that cannot.
    Either(&'a [u8]),
    /// SCRAM-SHA-256-PLUS only.
    Bound(&'a [u8]),
}

impl<'a> Offer<'a> {
    /// The names of the mechanisms, the best one first.
    #[must_use]
    pub fn mechanisms(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[SCRAM_SHA_256],
            Self::Either(_) => &[SCRAM_SHA_256_PLUS, SCRAM_SHA_256],
            Self::Bound(_) => &[SCRAM_SHA_256_PLUS],
        }
    }

    /// What an exchange by this mechanism is bound to, if it is to be bound.
    fn binding(self, mechanism: &str) -> Result<Option<&'a [u8]>, ServerScramError> {
        match (self, mechanism) {
            (Self::Plain | Self::Either(_), SCRAM_SHA_256) => Ok(None),
            (Self::Either(hash) | Self::Bound(hash), SCRAM_SHA_256_PLUS) => Ok(Some(hash)),
            _ => Err(ServerScramError::Mechanism),
        }
    }
}

/// An exchange that has sent its challenge.
pub struct ScramServer {
    verifier: Verifier,
    /// `client-first-message-bare,server-first-message,`
    transcript: String,
    nonce: String,
    /// What `c=` has to hold: the header of the first message, and what the channel is known by.
    channel: Vec<u8>,
}

impl ScramServer {
    /// Takes the client's mechanism and first message; gives the exchange and the challenge.
    /// `nonce` is new, random and printable without commas.
    pub fn begin(
        verifier: &Verifier,
        offer: Offer<'_>,
        mechanism: &str,
        first: &[u8],
        nonce: &str,
    ) -> Result<(Self, String), ServerScramError> {
        let binding = offer.binding(mechanism)?;
        let first = text(first)?;
        // gs2-header: the flag, then the name to act as, which PostgreSQL does not support either.
        let mut parts = first.splitn(3, ',');
        let (Some(flag), Some("")) = (parts.next(), parts.next()) else {
            return Err(ServerScramError::Malformed);
        };
        match (flag, binding) {
            (END_POINT, Some(_)) | ("n", None) => {}
            // RFC 5802, section 6: the client believes that the server cannot.
            ("y", None) if offer == Offer::Plain => {}
            ("y", None) => return Err(ServerScramError::Downgraded),
            ("n" | "y", Some(_)) => return Err(ServerScramError::ChannelBinding),
            (flag, _) if flag.starts_with("p=") => return Err(ServerScramError::ChannelBinding),
            _ => return Err(ServerScramError::Malformed),
        }
        let bare = parts.next().ok_or(ServerScramError::Malformed)?;
        let mut channel = format!("{flag},,").into_bytes();
        channel.extend_from_slice(binding.unwrap_or_default());
        // The user is the one of the startup message, whatever is in `n=`.
        let mut attributes = bare.split(',');
        let user = attributes.next().is_some_and(|user| user.starts_with("n="));
        let client_nonce = attributes.next().and_then(|nonce| nonce.strip_prefix("r="));
        let client_nonce = client_nonce.filter(|nonce| !nonce.is_empty() && user);
        let client_nonce = client_nonce.ok_or(ServerScramError::Malformed)?;
        let nonce = format!("{client_nonce}{nonce}");
        let salt = STANDARD.encode(&verifier.salt);
        let challenge = format!("r={nonce},s={salt},i={}", verifier.iterations);
        let transcript = format!("{bare},{challenge},");
        Ok((Self { verifier: verifier.clone(), transcript, nonce, channel }, challenge))
    }

    /// Takes the client's last message; gives the proof of the server. Only after `Ok` is the
    /// client who it says it is.
    pub fn finish(self, last: &[u8]) -> Result<String, ServerScramError> {
        let last = text(last)?;
        let (without_proof, proof) = last.rsplit_once(",p=").ok_or(ServerScramError::Malformed)?;
        // Nothing here is secret: a client that is bound to another channel may hear so.
        let channel = format!("c={},", STANDARD.encode(&self.channel));
        let Some(nonce) = without_proof.strip_prefix(&channel) else {
            return Err(self.other_channel(without_proof));
        };
        if nonce.strip_prefix("r=") != Some(&self.nonce) {
            return Err(ServerScramError::Malformed);
        }
        let proof: Vec<u8> = STANDARD.decode(proof).map_err(|_| ServerScramError::Malformed)?;
        if proof.len() != KEY_LEN {
            return Err(ServerScramError::Malformed);
        }
        let message = [self.transcript.as_bytes(), without_proof.as_bytes()];
        let signature = hmac(&self.verifier.stored_key, &message);
        let client_key: Vec<u8> =
            proof.iter().zip(signature).map(|(proof, signature)| proof ^ signature).collect();
        let stored_key = Sha256::digest(&client_key);
        // Every byte is looked at, so that the time taken tells nothing.
        let pairs = stored_key.iter().zip(self.verifier.stored_key);
        if pairs.fold(0, |differences, (ours, theirs)| differences | (ours ^ theirs)) != 0 {
            return Err(ServerScramError::WrongPassword);
        }
        Ok(format!("v={}", STANDARD.encode(hmac(&self.verifier.server_key, &message))))
    }

    /// Why `c=` is another than it should be.
    fn other_channel(&self, without_proof: &str) -> ServerScramError {
        let named = without_proof.strip_prefix("c=").and_then(|rest| rest.split(',').next());
        let named = named.and_then(|named| STANDARD.decode(named).ok()).unwrap_or_default();
        let bound = self.channel.starts_with(END_POINT.as_bytes());
        if bound && named.starts_with(END_POINT.as_bytes()) {
            ServerScramError::OtherChannel
        } else {
            ServerScramError::Malformed
        }
    }
}

fn text(message: &[u8]) -> Result<&str, ServerScramError> {
    let short = message.len() <= MESSAGE_BYTES_MAX;
    let text = std::str::from_utf8(message).ok().filter(|_| short);
    text.filter(|text| !text.contains('\0')).ok_or(ServerScramError::Malformed)
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; KEY_LEN] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; KEY_LEN] };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
