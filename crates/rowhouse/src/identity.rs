//! Who is it? A credential becomes a principal, or a refusal whose reason only the log learns.
//!
//! Both doors ask here; nothing else knows tokens and keys.

mod sessions;
mod signed;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use rowhouse_tenancy::jwt::{Refusal, Unverified, Verified};
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sigv4::{self, Authorization};

use crate::config::Config;
use crate::error::Error;
use crate::jwks::Keys;
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
    config: RefCell<Arc<Config>>,
    keys: RefCell<Rc<Keys>>,
    tokens: RefCell<Tokens>,
    sessions: RefCell<Sessions>,
    renewals: Cell<u64>,
}

/// Tokens whose signature has been verified; their expiry is checked on every use.
#[derive(Default)]
struct Tokens {
    recent: HashMap<Box<str>, Verified, RandomState>,
    older: HashMap<Box<str>, Verified, RandomState>,
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
    /// Knows the keys of this configuration, and those that are fetched.
    pub fn new(config: Arc<Config>, keys: Keys) -> Identity {
        Identity {
            config: RefCell::new(config),
            keys: RefCell::new(Rc::new(keys)),
            tokens: RefCell::default(),
            sessions: RefCell::default(),
            renewals: Cell::new(0),
        }
    }

    /// Knows the keys of this configuration and no others any more.
    pub fn renew(&self, config: Arc<Config>, keys: Keys) {
        self.config.replace(config);
        self.keys.replace(Rc::new(keys));
        // What a key has verified or sealed that may be gone now is not remembered.
        self.tokens.take();
        self.sessions.take();
        self.renewals.set(self.renewals.get().wrapping_add(1));
    }

    /// How often the keys have become others by a reload: what was proven before the last time is
    /// to be proven again.
    pub fn renewals(&self) -> u64 {
        self.renewals.get()
    }

    /// The principal of a JWT.
    ///
    /// A token that is remembered is answered at once. One that names a key which is not there may
    /// wait for the issuer's key set to be fetched. May be cancelled.
    pub async fn bearer(&self, token: &str, now: u64) -> Result<Principal, Error> {
        self.verified(token, now).await.map(|verified| verified.principal)
    }

    /// The same with the key that has proven it, for who gives something for the token.
    pub async fn verified(&self, token: &str, now: u64) -> Result<Verified, Error> {
        self.forget_withdrawn();
        if let Some(verified) = self.tokens.borrow_mut().get(token, now) {
            return Ok(verified);
        }
        loop {
            let keys = Rc::clone(&self.keys.borrow());
            let verified = verify(&keys, token, now).await?;
            // After a reload meanwhile other keys count.
            if Rc::ptr_eq(&keys, &self.keys.borrow()) {
                self.tokens.borrow_mut().insert(token, verified.clone());
                return Ok(verified);
            }
        }
    }

    /// What is remembered goes when the issuers do, or the keys that vouched for it.
    fn forget_withdrawn(&self) {
        if let Some(issuers) = self.keys.borrow().changed() {
            self.tokens.borrow_mut().retain(|verified| issuers.holds(&verified.proof));
            self.sessions.borrow_mut().retain(|session| sessions::counts(session, &issuers));
        }
    }
}

async fn verify(keys: &Keys, token: &str, now: u64) -> Result<Verified, Error> {
    let issuers = keys.issuers();
    if issuers.is_empty() {
        return Err(Error::identity("no issuer of JWTs is configured"));
    }
    let claimed = Unverified::read(token).map_err(refused)?;
    let issuer = issuers.issuer_of(&claimed).map_err(refused)?;
    match issuers.verify(issuer, &claimed, now) {
        Ok(verified) => Ok(verified),
        Err(refusal) if !claimed.may_have_a_new_key(&refusal) => Err(refused(refusal)),
        Err(refusal) => {
            if !keys.refreshed(issuer).await {
                return Err(refused(refusal));
            }
            keys.issuers().verify(issuer, &claimed, now_unix()).map_err(refused)
        }
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
    fn get(&mut self, token: &str, now: u64) -> Option<Verified> {
        let verified = match self.recent.get(token) {
            Some(verified) => verified.clone(),
            None => {
                let (token, verified) = self.older.remove_entry(token)?;
                self.recent.insert(token, verified.clone());
                verified
            }
        };
        // Past its expiry a token goes the long way, which grants the configured leeway or refuses
        // it.
        let expires_at = verified.principal.expires_at();
        expires_at.is_some_and(|expiry| now < expiry).then_some(verified)
    }

    fn insert(&mut self, token: &str, verified: Verified) {
        if self.recent.len() >= TOKENS_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(token.into(), verified);
    }

    fn retain(&mut self, keep: impl Fn(&Verified) -> bool) {
        self.recent.retain(|_, verified| keep(verified));
        self.older.retain(|_, verified| keep(verified));
    }
}
