//! AWS signatures: which key one claims, and whether it was made with it.
//!
//! A key is a long-lived one of the configuration, or a temporary one whose session token comes in
//! a header of its own; which of them it is, that header alone decides.

use std::rc::Rc;

use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::secret::Secret;
use rowhouse_tenancy::sigv4::{self, Authorization, SignedRequest};
use rowhouse_tenancy::sts::{Refusal, Session};

use super::Identity;
use crate::error::Error;

/// The services that a signature can be made for: the name in its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The Data API (service model of the RDS Data API, `signingName`).
    DataApi,
    /// The Security Token Service (service model of STS, `endpointPrefix`).
    Sts,
}

/// The key that a signature claims. Nothing is proven yet.
pub struct ClaimedKey {
    principal: Principal,
    secret: Secret,
    session: Option<Rc<Session>>,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Service::DataApi => "rds-data",
            Service::Sts => "sts",
        }
    }
}

impl ClaimedKey {
    /// The session of temporary credentials; `None` for a long-lived key.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }
}

impl Identity {
    /// The key that an AWS signature claims, if there is such a key.
    pub fn claimed_key<'h>(
        &self,
        authorization: &Authorization<'_>,
        mut session_tokens: impl Iterator<Item = &'h [u8]>,
        now: u64,
    ) -> Result<ClaimedKey, Error> {
        let id = authorization.access_key_id();
        let Some(token) = session_tokens.next() else {
            let config = self.config.borrow();
            let known = config.access_keys.iter().find(|key| key.id == id);
            let key = known.ok_or_else(|| Error::signature("unknown access key id"))?;
            let secret = key.secret.clone();
            return Ok(ClaimedKey {
                principal: key.grants.principal(&key.id),
                secret,
                session: None,
            });
        };
        if session_tokens.next().is_some() {
            return Err(Error::signature("more than one session token"));
        }
        // Whoever could take it away or put another one there would choose who the caller is.
        if !authorization.signs("x-amz-security-token") {
            return Err(Error::signature("the session token is not signed"));
        }
        let token = std::str::from_utf8(token.trim_ascii()).map_err(Error::unknown_session)?;
        let session = self.session(token, id, now)?;
        Ok(ClaimedKey {
            principal: session.principal().clone(),
            secret: session.secret_access_key().clone(),
            session: Some(session),
        })
    }

    /// The principal of an AWS signature over this request.
    pub fn aws(
        &self,
        key: &ClaimedKey,
        authorization: &Authorization<'_>,
        request: &SignedRequest<'_>,
        service: Service,
        now: u64,
    ) -> Result<Principal, Error> {
        let config = self.config.borrow();
        let (region, service) = (&config.region, service.name());
        let window = sigv4::CLOCK_WINDOW_S;
        sigv4::verify(authorization, request, &key.secret, region, service, now, window)
            .map_err(Error::signature)?;
        // The body may have taken its time since the key was claimed.
        if let Some(session) = &key.session {
            session.check(authorization.access_key_id(), now).map_err(refused)?;
        }
        Ok(key.principal.clone())
    }
}

/// What is told of a session token that does not count.
pub(super) fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Expired(_) => Error::expired_session(refusal),
        _ => Error::unknown_session(refusal),
    }
}
