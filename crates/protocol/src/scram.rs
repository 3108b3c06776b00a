//! SCRAM-SHA-256, by which a server and a password prove themselves to each other: RFC 5802,
//! RFC 7677, <https://www.postgresql.org/docs/current/sasl-authentication.html>. Here is the client
//! half; [`server`] is the other.
//!
//! The arithmetic of the client is `postgres-protocol`'s, and so is a new verifier of a password.
//! It draws nonce and salt from the thread's cryptographic generator itself and offers no way to
//! pass one: the one place of this crate where randomness is not an argument.

pub mod server;

use std::error::Error;
use std::fmt;

use postgres_protocol::authentication::sasl;

/// The mechanism without channel binding.
pub const SCRAM_SHA_256: &str = sasl::SCRAM_SHA_256;
/// The mechanism with channel binding.
pub const SCRAM_SHA_256_PLUS: &str = sasl::SCRAM_SHA_256_PLUS;

/// What the client says about tying the password exchange to the TLS connection.
#[derive(Clone, PartialEq, Eq)]
pub enum ChannelBinding {
    /// There is no TLS, or its certificate is not at hand (`n,,`).
    Unsupported,
    /// The client could, but the server did not offer it (`y,,`): a man in the middle who hid the
    /// offer is found out.
    Unrequested,
    /// Bound to this hash of the server's certificate (RFC 5929, `tls-server-end-point`).
    TlsServerEndPoint(Vec<u8>),
}

/// Why the exchange cannot go on; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// A step was taken that is not the next one.
    OutOfOrder,
    /// The server's challenge is malformed, answers someone else, or asks for too much work.
    BadChallenge,
    /// The server could not prove that it knows the password.
    ServerNotProven,
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfOrder => "the SCRAM exchange is out of step; close the connection",
            Self::BadChallenge => {
                "the server's SCRAM challenge is malformed or asks for more than 100000 \
                 iterations; set the password anew on the server"
            }
            Self::ServerNotProven => {
                "the server did not prove that it knows the password; check that this is the \
                 right server"
            }
        })
    }
}

impl Error for ScramError {}

/// One exchange, from the first message to the server's proof.
pub struct ScramClient {
    inner: sasl::ScramSha256,
    mechanism: &'static str,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Challenge,
    Proof,
    Done,
}

impl ScramClient {
    /// Begins an exchange. The password goes through SASLprep as PostgreSQL's own client does it.
    #[must_use]
    pub fn new(password: &str, binding: ChannelBinding) -> Self {
        let mechanism = match binding {
            ChannelBinding::TlsServerEndPoint(_) => SCRAM_SHA_256_PLUS,
            ChannelBinding::Unsupported | ChannelBinding::Unrequested => SCRAM_SHA_256,
        };
        let binding = match binding {
            ChannelBinding::Unsupported => sasl::ChannelBinding::unsupported(),
            ChannelBinding::Unrequested => sasl::ChannelBinding::unrequested(),
            ChannelBinding::TlsServerEndPoint(hash) => {
                sasl::ChannelBinding::tls_server_end_point(hash)
            }
        };
        let inner = sasl::ScramSha256::new(password.as_bytes(), binding);
        Self { inner, mechanism, step: Step::Challenge }
    }

    /// The name of the mechanism to answer with.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// The data of the SASLInitialResponse.
    pub fn client_first(&self) -> Result<Vec<u8>, ScramError> {
        self.require(Step::Challenge)?;
        Ok(self.inner.message().to_vec())
    }

    /// Takes the challenge of AuthenticationSASLContinue, gives the data of the SASLResponse.
    pub fn on_continue(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ScramError> {
        self.require(Step::Challenge)?;
        self.step = Step::Done;
        self.inner.update(challenge).map_err(|_| ScramError::BadChallenge)?;
        self.step = Step::Proof;
        Ok(self.inner.message().to_vec())
    }

    /// Takes AuthenticationSASLFinal. Only after `Ok` is the server who it says it is.
    pub fn on_final(&mut self, proof: &[u8]) -> Result<(), ScramError> {
        self.require(Step::Proof)?;
        self.step = Step::Done;
        self.inner.finish(proof).map_err(|_| ScramError::ServerNotProven)
    }

    fn require(&self, step: Step) -> Result<(), ScramError> {
        if self.step == step { Ok(()) } else { Err(ScramError::OutOfOrder) }
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramClient").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
