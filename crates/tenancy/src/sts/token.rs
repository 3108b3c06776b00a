//! What is inside a session token, byte by byte; the seal around it is made elsewhere.
//!
//! `expiry (8 bytes, big endian), issuer (8 bytes, zeros: none)`, then texts, each with its length
//! in one byte: tenant, subject, database role and tier (empty: none), and the five parts of the
//! assumed role. That the caller is a tenant is not written: no session token makes anybody more.

use super::{AssumedRole, Refusal};
use crate::ids::{RoleName, TenantId, TierName};
use crate::jwt::{ISSUER_MARK_BYTES, IssuerMark};
use crate::principal::{Principal, PrincipalKind};

/// The longest texts make a token of about 1100 characters; SDKs and proxies carry far more in a
/// header, and what is longer is refused before it is decoded.
pub const SESSION_TOKEN_BYTES_MAX: usize = 2048;

/// Credentials that were not given for a token.
const NO_ISSUER: [u8; ISSUER_MARK_BYTES] = [0; ISSUER_MARK_BYTES];

/// What is inside.
pub(super) struct Content {
    pub(super) principal: Principal,
    pub(super) assumed: AssumedRole,
    pub(super) issuer: Option<IssuerMark>,
}

/// The content of a token for this caller; it must be a tenant with an expiry.
pub(super) fn write(
    principal: &Principal,
    assumed: &AssumedRole,
    issuer: Option<IssuerMark>,
) -> Result<Vec<u8>, Refusal> {
    let is_tenant = principal.kind() == PrincipalKind::Tenant;
    let tenant = principal.tenant().filter(|_| is_tenant).ok_or(Refusal::NotATenant)?;
    let expires_at = principal.expires_at().ok_or(Refusal::Content)?;
    let mut bytes = expires_at.to_be_bytes().to_vec();
    bytes.extend_from_slice(&issuer.map_or(NO_ISSUER, |mark| mark.0));
    let texts = [
        tenant.as_str(),
        principal.subject(),
        principal.role().unwrap_or_default(),
        principal.tier().map_or("", TierName::as_str),
        &assumed.partition,
        &assumed.account,
        &assumed.role,
        &assumed.role_id,
        &assumed.session,
    ];
    for text in texts {
        bytes.push(u8::try_from(text.len()).map_err(|_| Refusal::Content)?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Ok(bytes)
}

/// Reads what [`write`] wrote, through the constructors of every type.
pub(super) fn read(bytes: &[u8]) -> Result<Content, Refusal> {
    read_all(bytes).ok_or(Refusal::Content)
}

fn read_all(bytes: &[u8]) -> Option<Content> {
    let (expires_at, rest) = bytes.split_first_chunk()?;
    let (issuer, mut rest) = rest.split_first_chunk()?;
    let mut next = || text(&mut rest);
    let tenant = TenantId::parse(next()?).ok()?;
    let subject = next()?;
    let role = next()?;
    let tier = next()?;
    let assumed = AssumedRole {
        partition: next()?.to_owned(),
        account: next()?.to_owned(),
        role: next()?.to_owned(),
        role_id: next()?.to_owned(),
        session: next()?.to_owned(),
    };
    if !rest.is_empty() || !assumed.is_well_formed() {
        return None;
    }
    let principal = Principal::for_tenant(tenant, subject);
    let principal = match role {
        "" => principal,
        role => principal.with_role(RoleName::parse(role).ok()?),
    };
    let principal = match tier {
        "" => principal,
        tier => principal.with_tier(TierName::parse(tier).ok()?),
    };
    let principal = principal.expiring_at(u64::from_be_bytes(*expires_at));
    let issuer = (*issuer != NO_ISSUER).then_some(IssuerMark(*issuer));
    Some(Content { principal, assumed, issuer })
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first()?;
    let (text, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    std::str::from_utf8(text).ok()
}
