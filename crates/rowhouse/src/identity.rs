//! Who is it? A credential becomes a principal, or a refusal whose reason only the log learns.
//!
//! Both doors ask here; nothing else knows tokens and keys.

mod sessions;
mod signed;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use rowhouse_tenancy::jwt::Refusal;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sigv4::{self, Authorization};

use crate::config::Config;
use crate::error::Error;
use sessions::Sessions;

pub use sessions::{Exchanged, seal};
pub use signed::{ClaimedKey, Service};

/// How an AWS signature begins.
const AWS_SCHEME: &[u8] = b"AWS4-HMAC-SHA256";
/// Verified tokens remembered in one generation; two are kept. At most 8 KiB each.
const TOKENS_MAX: usize = 2048;

/// What an `Authorization` header holds.
#[derive(Debug)]
pub enum Credential<'a> {
    /// A JWT.
    Bearer(&'a str),
    /// An AWS signature.
    Aws(Authorization<'a>),
}

/// Turns credentials into principals. One for each shard, so that the memory of tokens needs no
/// lock.
pub struct Identity {
    config: Arc<Config>,
    tokens: RefCell<Tokens>,
    sessions: RefCell<Sessions>,
}

/// Tokens whose signature has been verified; their expiry is checked on every use.
#[derive(Default)]
struct Tokens {
    recent: HashMap<Box<str>, Principal, RandomState>,
    older: HashMap<Box<str>, Principal, RandomState>,
}

/// Reads the `Authorization` header, which a request has once.
pub fn credential<'a>(
    mut headers: impl Iterator<Item = &'a [u8]>,
) -> Result<Credential<'a>, Error> {
    let Some(header) = headers.next() else {
        return Err(Error::identity("no Authorization header"));
    };
    if headers.next().is_some() {
        return Err(Error::identity("more than one Authorization header"));
    }
    // The scheme is case-insensitive (RFC 9110, 11.1).
    if let Some((scheme, rest)) = header.split_at_checked("Bearer ".len())
        && scheme.eq_ignore_ascii_case(b"Bearer ")
    {
        let token = std::str::from_utf8(rest).map_err(Error::identity)?;
        return Ok(Credential::Bearer(token.trim()));
    }
    if header.starts_with(AWS_SCHEME) {
        return sigv4::parse_authorization(header).map(Credential::Aws).map_err(Error::signature);
    }
    Err(Error::identity("neither a Bearer token nor an AWS signature"))
}

/// Seconds since 1970, the time tokens and signatures are checked against.
pub fn now_unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Identity {
    /// Knows the keys of this configuration.
    pub fn new(config: Arc<Config>) -> Identity {
        Identity { config, tokens: RefCell::default(), sessions: RefCell::default() }
    }

    /// The principal of a JWT.
    pub fn bearer(&self, token: &str, now: u64) -> Result<Principal, Error> {
        if let Some(principal) = self.tokens.borrow_mut().get(token, now) {
            return Ok(principal);
        }
        let Some(verifier) = &self.config.jwt else {
            return Err(Error::identity("no JWT keys are configured"));
        };
        let principal = verifier.verify(token, now).map_err(refused)?;
        self.tokens.borrow_mut().insert(token, principal.clone());
        Ok(principal)
    }
}

/// What is told of a token that does not count.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Expired(_) => Error::expired_token(refusal),
        _ => Error::identity(refusal),
    }
}

impl Tokens {
    fn get(&mut self, token: &str, now: u64) -> Option<Principal> {
        let principal = match self.recent.get(token) {
            Some(principal) => principal.clone(),
            None => {
                let (token, principal) = self.older.remove_entry(token)?;
                self.recent.insert(token, principal.clone());
                principal
            }
        };
        // Past its expiry a token goes the long way, which grants the configured leeway or refuses
        // it.
        principal.expires_at().is_some_and(|expiry| now < expiry).then_some(principal)
    }

    fn insert(&mut self, token: &str, principal: Principal) {
        if self.recent.len() >= TOKENS_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(token.into(), principal);
    }
}
