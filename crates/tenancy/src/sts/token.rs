//! What is inside a session token, byte by byte; the seal around it is made elsewhere.
//!
//! `expiry (8 bytes, big endian)`, then texts, each with its length in one byte: tenant, subject,
//! database role (empty: none), and the five parts of the assumed role. That the caller is a tenant
//! is not written: no session token makes anybody more.

use super::{AssumedRole, Refusal};
use crate::ids::{RoleName, TenantId};
use crate::principal::{Principal, PrincipalKind};

/// The longest texts make a token of about 1100 characters; SDKs and proxies carry far more in a
/// header, and what is longer is refused before it is decoded.
pub const SESSION_TOKEN_BYTES_MAX: usize = 2048;

/// The content of a token for this caller; it must be a tenant with an expiry.
pub(super) fn write(principal: &Principal, assumed: &AssumedRole) -> Result<Vec<u8>, Refusal> {
    let is_tenant = principal.kind() == PrincipalKind::Tenant;
    let tenant = principal.tenant().filter(|_| is_tenant).ok_or(Refusal::NotATenant)?;
    let expires_at = principal.expires_at().ok_or(Refusal::Content)?;
    let mut bytes = expires_at.to_be_bytes().to_vec();
    let texts = [
        tenant.as_str(),
        principal.subject(),
        principal.role().unwrap_or_default(),
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
pub(super) fn read(bytes: &[u8]) -> Result<(Principal, AssumedRole), Refusal> {
    read_all(bytes).ok_or(Refusal::Content)
}

fn read_all(bytes: &[u8]) -> Option<(Principal, AssumedRole)> {
    let (expires_at, mut rest) = bytes.split_first_chunk()?;
    let mut next = || text(&mut rest);
    let tenant = TenantId::parse(next()?).ok()?;
    let subject = next()?;
    let role = next()?;
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
    Some((principal.expiring_at(u64::from_be_bytes(*expires_at)), assumed))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let (length, after) = rest.split_first()?;
    let (text, after) = after.split_at_checked(usize::from(*length))?;
    *rest = after;
    std::str::from_utf8(text).ok()
}
