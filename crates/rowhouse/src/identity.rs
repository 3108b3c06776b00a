//! Who is it? A credential becomes a principal, or a refusal whose reason only the log learns.
//!
//! Both doors ask here; nothing else knows tokens and keys.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sigv4::{self, Authorization, SignedRequest};

use crate::config::{AccessKey, AccessKeyGrant, Config};
use crate::error::Error;

/// The service that a SigV4 scope must name at the Data API door
/// (service model of the RDS Data API, `signingName`).
const SERVICE: &str = "rds-data";
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
        Identity { config, tokens: RefCell::default() }
    }

    /// The principal of a JWT.
    pub fn bearer(&self, token: &str, now: u64) -> Result<Principal, Error> {
        if let Some(principal) = self.tokens.borrow_mut().get(token, now) {
            return Ok(principal);
        }
        let Some(verifier) = &self.config.jwt else {
            return Err(Error::identity("no JWT keys are configured"));
        };
        let principal = verifier.verify(token, now).map_err(Error::identity)?;
        self.tokens.borrow_mut().insert(token, principal.clone());
        Ok(principal)
    }

    /// The access key that an AWS signature claims. Nothing is proven yet.
    pub fn access_key(&self, authorization: &Authorization<'_>) -> Result<&AccessKey, Error> {
        let id = authorization.access_key_id();
        self.config
            .access_keys
            .iter()
            .find(|key| key.id == id)
            .ok_or_else(|| Error::signature("unknown access key id"))
    }

    /// The principal of an AWS signature over this request.
    pub fn aws(
        &self,
        authorization: &Authorization<'_>,
        request: &SignedRequest<'_>,
        now: u64,
    ) -> Result<Principal, Error> {
        let key = self.access_key(authorization)?;
        let region = &self.config.region;
        let window = sigv4::CLOCK_WINDOW_S;
        sigv4::verify(authorization, request, &key.secret, region, SERVICE, now, window)
            .map_err(Error::signature)?;
        Ok(match &key.grants {
            AccessKeyGrant::App => Principal::for_app(&key.id),
            AccessKeyGrant::Admin => Principal::for_admin(&key.id),
            AccessKeyGrant::Tenant(tenant) => Principal::for_tenant(tenant.clone(), &key.id),
        })
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
