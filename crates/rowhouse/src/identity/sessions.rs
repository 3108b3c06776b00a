//! Temporary credentials: given for a token, opened once, remembered while they last.

use std::collections::HashMap;
use std::rc::Rc;

use aws_lc_rs::rand;
use foldhash::fast::RandomState;
use rowhouse_tenancy::jwt::{IssuerMark, Issuers, Verified};
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sts::{
    AssumeRoleWithWebIdentity, AssumedRole, Code, Fault, NONCE_BYTES, SealingKeys, Session,
    TemporaryCredentials,
};

use super::Identity;
use super::signed::refused;
use crate::config::Sts;
use crate::error::{Error, Kind};

/// Opened sessions remembered in one generation; two are kept. About 1 KiB each, 4 KiB at most.
const SESSIONS_MAX: usize = 1024;

/// What is told where no credentials can be sealed.
const NOT_CONFIGURED: &str = "This gateway gives no temporary credentials: its configuration has \
                              no [[sts.key]]. Send the JWT itself, as Authorization: Bearer";
/// AWS's own words.
const NOT_AUTHORIZED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
/// AWS's own words.
const TOO_LONG: &str =
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";

/// Session tokens that have been opened; their access key id and end are checked on every use.
#[derive(Default)]
pub(super) struct Sessions {
    recent: HashMap<Box<str>, Rc<Session>, RandomState>,
    older: HashMap<Box<str>, Rc<Session>, RandomState>,
}

/// What an exchange has come to.
pub struct Exchanged {
    /// The credentials.
    pub credentials: TemporaryCredentials,
    /// Who that is in AWS's terms.
    pub assumed: AssumedRole,
}

/// Why there are no credentials for a good token: what the caller reads, and what the log does.
pub type ExchangeError = (Fault, Error);

/// Credentials for a tenant until `expires_at` (Unix seconds), on the word of this issuer.
pub fn seal(
    keys: &SealingKeys,
    principal: Principal,
    assumed: &AssumedRole,
    issuer: Option<IssuerMark>,
    expires_at: u64,
) -> Result<TemporaryCredentials, Error> {
    let mut nonce = [0; NONCE_BYTES];
    rand::fill(&mut nonce).map_err(|_| Error::internal("the system gives no random bytes"))?;
    keys.seal(&principal.expiring_at(expires_at), assumed, issuer, nonce).map_err(Error::internal)
}

impl Identity {
    /// Credentials for a token that has been verified, as the call wants them.
    pub fn exchange(
        &self,
        call: &AssumeRoleWithWebIdentity,
        verified: &Verified,
        now: u64,
    ) -> Result<Exchanged, ExchangeError> {
        let config = self.config.borrow();
        let (keys, duration_s) = terms(&config.sts, call, &verified.principal)?;
        let issuer = self.keys.borrow().issuers().mark(&verified.proof);
        let assumed = call.role_arn.assumed_as(&call.session_name);
        let expires_at = now.saturating_add(duration_s);
        let credentials = seal(keys, verified.principal.clone(), &assumed, issuer, expires_at)
            .map_err(|error| (Fault::new(Code::InternalFailure, "Internal error."), error))?;
        Ok(Exchanged { credentials, assumed })
    }

    /// The session of a token that came with this access key id.
    pub(super) fn session(
        &self,
        token: &str,
        access_key_id: &str,
        now: u64,
    ) -> Result<Rc<Session>, Error> {
        self.forget_withdrawn();
        let remembered = self.sessions.borrow_mut().get(token);
        if let Some(session) = remembered {
            session.check(access_key_id, now).map_err(refused)?;
            return Ok(session);
        }
        let config = self.config.borrow();
        let Some(keys) = &config.sts.keys else {
            return Err(Error::unknown_session("no sealing keys are configured"));
        };
        let session = Rc::new(keys.open(token, access_key_id, now).map_err(refused)?);
        if !counts(&session, &self.keys.borrow().issuers()) {
            return Err(Error::unknown_session(
                "the issuer is no longer configured, or not for this tenant",
            ));
        }
        // Only what we have sealed comes this far: nobody can fill the memory with tokens of his.
        self.sessions.borrow_mut().insert(token, Rc::clone(&session));
        Ok(session)
    }
}

/// The keys and the seconds that the configuration has for a call.
fn terms<'s>(
    sts: &'s Sts,
    call: &AssumeRoleWithWebIdentity,
    principal: &Principal,
) -> Result<(&'s SealingKeys, u64), ExchangeError> {
    let denied = |text, cause: &str| {
        let error = Error::new(Kind::Forbidden, text).because(cause);
        (Fault::new(Code::AccessDenied, text), error)
    };
    let keys = sts.keys.as_ref();
    let keys = keys.ok_or_else(|| denied(NOT_CONFIGURED, "there is no [[sts.key]]"))?;
    if principal.tenant().is_none() {
        let fault = Fault::new(Code::RejectedClaim, "The token names no tenant.");
        return Err((fault, Error::identity("the token names no tenant")));
    }
    if !sts.allows(&call.role_arn) {
        return Err(denied(NOT_AUTHORIZED, "the role is not in sts.roles"));
    }
    let duration_s = sts.duration_s(call.duration_s);
    let too_long = || (Fault::validation(TOO_LONG), Error::new(Kind::Invalid, TOO_LONG));
    Ok((keys, duration_s.ok_or_else(too_long)?))
}

/// Whether who vouched for a session is still asked. What `rowhouse token` has sealed needs nobody.
pub(super) fn counts(session: &Session, issuers: &Issuers) -> bool {
    let tenant = session.principal().tenant();
    session.issuer().is_none_or(|issuer| issuers.vouches(issuer, tenant))
}

impl Sessions {
    fn get(&mut self, token: &str) -> Option<Rc<Session>> {
        if let Some(session) = self.recent.get(token) {
            return Some(Rc::clone(session));
        }
        let (token, session) = self.older.remove_entry(token)?;
        self.put(token, Rc::clone(&session));
        Some(session)
    }

    fn insert(&mut self, token: &str, session: Rc<Session>) {
        self.put(token.into(), session);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Session) -> bool) {
        self.recent.retain(|_, session| keep(session));
        self.older.retain(|_, session| keep(session));
    }

    fn put(&mut self, token: Box<str>, session: Rc<Session>) {
        if self.recent.len() >= SESSIONS_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(token, session);
    }
}

#[cfg(test)]
mod tests;
