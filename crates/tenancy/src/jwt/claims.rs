//! The claims of a token whose signature holds: times, audience, issuer, and whom they make.

use serde_json::{Map, Value};

use super::{Refusal, VerifierConfig};
use crate::excerpt::Excerpt;
use crate::ids::{InvalidId, RoleName, TenantId, TierName};
use crate::principal::Principal;

/// OpenID Connect Core, section 2: `sub` has at most 255 characters.
const SUBJECT_BYTES_MAX: usize = 255;

/// How refusals call the claims whose names are configured.
const TENANT: &str = "of the tenant";
const ROLE: &str = "of the role";
const TIER: &str = "of the tier";

/// A longer name or pointer is a mistake.
const CLAIM_PATH_BYTES_MAX: usize = 255;

/// A token's payload: always a JSON object.
pub(super) struct Claims(Value);

/// Whether `text` can name a claim: any name, or a JSON pointer whose escapes RFC 6901 (section 3)
/// knows.
pub(super) fn is_claim_path(text: &str) -> bool {
    let is_pointer = text.starts_with('/');
    let mut escapes = text.split('~').skip(1);
    let escaped = escapes.all(|rest| rest.starts_with(['0', '1']));
    !text.is_empty() && text.len() <= CLAIM_PATH_BYTES_MAX && (!is_pointer || escaped)
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
    pub(super) fn check_audience(&self, path: &str, ours: &[String]) -> Result<(), Refusal> {
        let name = if path == "aud" { "aud" } else { "of the audience" };
        let is_ours = |name: &str| ours.iter().any(|our| our == name);
        let found = match self.find(path).ok_or(Refusal::Missing(name))? {
            Value::String(name) => is_ours(name),
            Value::Array(list) => {
                let names: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                names.ok_or(Refusal::WrongType(name))?.into_iter().any(is_ours)
            }
            _ => return Err(Refusal::WrongType(name)),
        };
        if found { Ok(()) } else { Err(Refusal::Audience) }
    }

    /// Who says to have made the token.
    pub(super) fn issuer(&self) -> Result<Option<&str>, Refusal> {
        self.text("iss", "iss")
    }

    pub(super) fn check_issuer(&self, expected: Option<&str>) -> Result<(), Refusal> {
        let Some(expected) = expected else {
            return Ok(());
        };
        match self.issuer()?.ok_or(Refusal::Missing("iss"))? {
            issuer if issuer == expected => Ok(()),
            other => Err(Refusal::Issuer(Excerpt::of(other))),
        }
    }

    /// The caller: always bound to the tenant of the claim, no token makes anybody more.
    pub(super) fn principal(
        &self,
        rules: &VerifierConfig,
        expires_at: u64,
    ) -> Result<Principal, Refusal> {
        let tenant = self.tenant(&rules.tenant_claim)?;
        if !rules.tenants.is_empty() && !rules.tenants.contains(&tenant) {
            return Err(Refusal::ForeignTenant(Excerpt::of(tenant.as_str())));
        }
        let subject = self.text("sub", "sub")?.unwrap_or_default();
        if subject.len() > SUBJECT_BYTES_MAX {
            return Err(Refusal::Invalid("sub", InvalidId::TooLong(SUBJECT_BYTES_MAX)));
        }
        if subject.chars().any(char::is_control) {
            return Err(Refusal::Invalid("sub", InvalidId::ControlCharacter));
        }
        let mut principal = Principal::for_tenant(tenant, subject).expiring_at(expires_at);
        if let Some(role) = self.optional(rules.role_claim.as_deref(), ROLE)? {
            let role = RoleName::parse(role).map_err(|why| Refusal::Invalid(ROLE, why))?;
            principal = principal.with_role(role);
        }
        if let Some(tier) = self.optional(rules.tier_claim.as_deref(), TIER)? {
            let tier = TierName::parse(tier).map_err(|why| Refusal::Invalid(TIER, why))?;
            principal = principal.with_tier(tier);
        }
        Ok(principal)
    }

    fn tenant(&self, path: &str) -> Result<TenantId, Refusal> {
        let text = match self.find(path).ok_or(Refusal::Missing(TENANT))? {
            Value::String(text) => text.clone(),
            // A number with a fraction or an exponent was rounded by somebody: no identity.
            Value::Number(number) if !number.is_f64() => number.to_string(),
            _ => return Err(Refusal::WrongType(TENANT)),
        };
        TenantId::parse(&text).map_err(|why| Refusal::Invalid(TENANT, why))
    }

    /// What stands at a name, or at a JSON pointer when it begins with `/`.
    fn find(&self, path: &str) -> Option<&Value> {
        if path.starts_with('/') { self.0.pointer(path) } else { self.0.get(path) }
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

    fn optional(&self, path: Option<&str>, name: &'static str) -> Result<Option<&str>, Refusal> {
        path.map_or(Ok(None), |path| self.text(path, name))
    }

    /// A text that need not be there; `name` is how a refusal calls it.
    fn text(&self, path: &str, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.find(path) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Refusal::WrongType(name)),
        }
    }
}
