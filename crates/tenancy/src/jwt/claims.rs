//! The claims of a token whose signature holds: times, audience, issuer, and whom they make.

use serde_json::{Map, Value};

use super::Refusal;
use crate::excerpt::Excerpt;
use crate::ids::{InvalidId, RoleName, TenantId};
use crate::principal::Principal;

/// OpenID Connect Core, section 2: `sub` has at most 255 characters.
const SUBJECT_BYTES_MAX: usize = 255;

/// A token's payload: always a JSON object.
pub(super) struct Claims(Value);

/// Whether `text` can name the tenant claim.
pub(super) fn is_claim_path(text: &str) -> bool {
    !text.is_empty() && text.len() <= SUBJECT_BYTES_MAX
}

impl Claims {
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, Refusal> {
        let object: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|_| Refusal::Malformed("payload"))?;
        Ok(Self(Value::Object(object)))
    }

    /// Checks `exp` (required), `nbf` and `iat`; the answer is the first second that no longer
    /// counts, leeway included.
    pub(super) fn check_times(&self, now: u64, leeway_s: u64) -> Result<u64, Refusal> {
        let exp = self.time("exp")?.ok_or(Refusal::Missing("exp"))?;
        let expires_at = exp.saturating_add(leeway_s);
        if now >= expires_at {
            return Err(Refusal::Expired(exp));
        }
        for claim in ["nbf", "iat"] {
            if self.time(claim)?.is_some_and(|from| from > now.saturating_add(leeway_s)) {
                return Err(Refusal::NotYet(claim));
            }
        }
        Ok(expires_at)
    }

    /// RFC 7519 section 4.1.3: one string or a list of strings; here it must be present.
    pub(super) fn check_audience(&self, ours: &[String]) -> Result<(), Refusal> {
        let is_ours = |name: &str| ours.iter().any(|our| our == name);
        let found = match self.0.get("aud").ok_or(Refusal::Missing("aud"))? {
            Value::String(name) => is_ours(name),
            Value::Array(list) => {
                let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                names.ok_or(Refusal::WrongType("aud"))?.into_iter().any(is_ours)
            }
            _ => return Err(Refusal::WrongType("aud")),
        };
        if found { Ok(()) } else { Err(Refusal::Audience) }
    }

    pub(super) fn check_issuer(&self, expected: Option<&str>) -> Result<(), Refusal> {
        let Some(expected) = expected else {
            return Ok(());
        };
        match self.text("iss")?.ok_or(Refusal::Missing("iss"))? {
            issuer if issuer == expected => Ok(()),
            other => Err(Refusal::Issuer(Excerpt::of(other))),
        }
    }

    /// The caller: always bound to the tenant of the claim, no token makes anybody more.
    pub(super) fn principal(
        &self,
        tenant_claim: &str,
        expires_at: u64,
    ) -> Result<Principal, Refusal> {
        let tenant = self.tenant(tenant_claim)?;
        let subject = self.text("sub")?.unwrap_or_default();
        if subject.len() > SUBJECT_BYTES_MAX {
            return Err(Refusal::Invalid("sub", InvalidId::TooLong(SUBJECT_BYTES_MAX)));
        }
        if subject.chars().any(char::is_control) {
            return Err(Refusal::Invalid("sub", InvalidId::ControlCharacter));
        }
        let principal = Principal::for_tenant(tenant, subject).expiring_at(expires_at);
        match self.text("role")? {
            None => Ok(principal),
            Some(role) => {
                let role = RoleName::parse(role).map_err(|why| Refusal::Invalid("role", why))?;
                Ok(principal.with_role(role))
            }
        }
    }

    fn tenant(&self, path: &str) -> Result<TenantId, Refusal> {
        let claim = if path.starts_with('/') { self.0.pointer(path) } else { self.0.get(path) };
        let text = match claim.ok_or(Refusal::Missing("of the tenant"))? {
            Value::String(text) => text.clone(),
            // A number with a fraction or an exponent was rounded by somebody: no identity.
            Value::Number(number) if !number.is_f64() => number.to_string(),
            _ => return Err(Refusal::WrongType("of the tenant")),
        };
        TenantId::parse(&text).map_err(|why| Refusal::Invalid("of the tenant", why))
    }

    /// A NumericDate (RFC 7519 section 2): seconds, a fraction is allowed and cut off; before 1970
    /// counts as 1970.
    fn time(&self, claim: &'static str) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        let Value::Number(number) = value else {
            return Err(Refusal::WrongType(claim));
        };
        // `as` saturates, which is what a date far away means.
        let seconds = number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64));
        seconds.map(Some).ok_or(Refusal::WrongType(claim))
    }

    fn text(&self, claim: &'static str) -> Result<Option<&str>, Refusal> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Refusal::WrongType(claim)),
        }
    }
}
