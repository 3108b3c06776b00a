//! One PostgreSQL connection: connect and authenticate, then exchange.
//!
//! [`connect`] yields a [`Connection`], which asks one thing at a time (start-up checks, loaders,
//! probes). [`Link::start`] hands it to a driver task of its own; from then on any number of
//! exchanges are in flight on it, each closed by its own `Sync`; or one user takes it over for a
//! while ([`Taken`]).

mod connect;
mod copy;
mod driver;
mod link;
mod takeover;
mod tls;
mod vetting;

use std::fmt;

use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::sqlstate::SqlState;

pub use connect::{BackendKey, Connection, TextRow, cancel, connect, connect_with, knock};
pub use link::{ExchangeError, ExchangeShape, Link, Reply, Watch};
pub use takeover::Taken;

pub use vetting::{VettingError, examine};

pub use crate::config::Login;

/// Why a connection could not be made, or broke.
#[derive(Debug)]
pub enum UpstreamError {
    /// The way to the server failed: refused, closed, reset, timed out.
    Network(String),
    /// The server answered with an error.
    Server(Box<ServerError>),
    /// The server said something PostgreSQL would not.
    Protocol(String),
}

impl UpstreamError {
    /// The server's own error, if that is what it was.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            UpstreamError::Server(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the server knows the role or its password differently.
    pub fn refuses_login(&self) -> bool {
        let refusals = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION];
        self.server().is_some_and(|server| refusals.contains(&server.code))
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpstreamError::Network(text) => write!(f, "{text}"),
            UpstreamError::Server(error) => {
                write!(f, "{}: {} ({})", error.severity, error.message, error.code)
            }
            UpstreamError::Protocol(text) => write!(f, "protocol violation: {text}"),
        }
    }
}

impl std::error::Error for UpstreamError {}

impl From<std::io::Error> for UpstreamError {
    fn from(error: std::io::Error) -> Self {
        UpstreamError::Network(error.to_string())
    }
}
