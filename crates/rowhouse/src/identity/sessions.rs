//! Temporary credentials: given for a token, opened once, remembered while they last.

use std::collections::HashMap;
use std::rc::Rc;

use aws_lc_rs::rand;
use foldhash::fast::RandomState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sts::{
    AssumeRoleWithWebIdentity, AssumedRole, Code, Fault, NONCE_BYTES, SealingKeys, Session,
    TemporaryCredentials,
};

use super::Identity;
use super::signed::refused;
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

/// Credentials for a tenant until `expires_at` (Unix seconds).
pub fn seal(
    keys: &SealingKeys,
    principal: Principal,
    assumed: &AssumedRole,
    expires_at: u64,
) -> Result<TemporaryCredentials, Error> {
    let mut nonce = [0; NONCE_BYTES];
    rand::fill(&mut nonce).map_err(|_| Error::internal("the system gives no random bytes"))?;
    keys.seal(&principal.expiring_at(expires_at), assumed, nonce).map_err(Error::internal)
}

impl Identity {
    /// Credentials for a principal that a token has proven, as the call wants them.
    pub fn exchange(
        &self,
        call: &AssumeRoleWithWebIdentity,
        principal: &Principal,
        now: u64,
    ) -> Result<Exchanged, (Fault, Error)> {
        let sts = &self.config.sts;
        let Some(keys) = &sts.keys else {
            let fault = Fault::new(Code::AccessDenied, NOT_CONFIGURED);
            return Err((fault, Error::new(Kind::Forbidden, NOT_CONFIGURED)));
        };
        if principal.tenant().is_none() {
            let fault = Fault::new(Code::RejectedClaim, "The token names no tenant.");
            return Err((fault, Error::identity("the token names no tenant")));
        }
        if !sts.allows(&call.role_arn) {
            let fault = Fault::new(Code::AccessDenied, NOT_AUTHORIZED);
            let error = Error::new(Kind::Forbidden, NOT_AUTHORIZED);
            return Err((fault, error.because("the role is not in sts.roles")));
        }
        let Some(duration_s) = sts.duration_s(call.duration_s) else {
            let fault = Fault::validation(TOO_LONG);
            return Err((fault, Error::new(Kind::Invalid, TOO_LONG)));
        };
        let assumed = call.role_arn.assumed_as(&call.session_name);
        let expires_at = now.saturating_add(duration_s);
        let credentials = seal(keys, principal.clone(), &assumed, expires_at)
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
        let remembered = self.sessions.borrow_mut().get(token);
        if let Some(session) = remembered {
            session.check(access_key_id, now).map_err(refused)?;
            return Ok(session);
        }
        let Some(keys) = &self.config.sts.keys else {
            return Err(Error::unknown_session("no sealing keys are configured"));
        };
        let session = Rc::new(keys.open(token, access_key_id, now).map_err(refused)?);
        // Only what we have sealed comes this far: nobody can fill the memory with tokens of his.
        self.sessions.borrow_mut().insert(token, Rc::clone(&session));
        Ok(session)
    }
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

    fn put(&mut self, token: Box<str>, session: Rc<Session>) {
        if self.recent.len() >= SESSIONS_MAX {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(token, session);
    }
}
