//! What callers prove themselves with: access keys.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::secret::Secret;

use super::reader::Section;
use super::reader::secret::SECRET;
use super::{AccessKey, AccessKeyGrant, DEV_ACCESS_KEYS, DEV_SECRET, PrincipalKind};

/// AWS documents 16 to 128 characters; shorter ids are handy in tests.
const ID_CHARS: std::ops::RangeInclusive<usize> = 3..=128;
/// AWS's own have 40; below 16 a secret can be guessed from one signature.
const SECRET_CHARS_MIN: usize = 16;

/// One `[[access_key]]`. The keys of `rowhouse dev` are public, so they are for loopback only.
pub fn access_key(
    section: &Section<'_>,
    http: SocketAddr,
    ids: &mut BTreeSet<String>,
) -> Option<AccessKey> {
    let id = section.required_text("id");
    section.unique("id", &id, ids);
    let secret = section.required_secret(&SECRET);
    let kinds = [PrincipalKind::Tenant, PrincipalKind::App, PrincipalKind::Admin];
    let kind = section.word("principal", &kinds.map(|kind| (kind.as_str(), kind)));
    let tenant = section.text("tenant");

    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !id.is_empty() && (!plain || !ID_CHARS.contains(&id.len())) {
        section.problem("id", "must be 3 to 128 letters, digits or underscores");
    }
    if let Some(secret) = &secret {
        check_secret(section, secret);
    }
    let dev = secret.as_ref().is_some_and(|secret| *secret == Secret::from(DEV_SECRET));
    if (dev || DEV_ACCESS_KEYS.contains(&id.as_str())) && !http.ip().is_loopback() {
        let message = "is a key of `rowhouse dev`, which everybody knows: make one of your own, or \
                       let http.listen be a loopback address";
        section.problem("id", message);
    }
    let grants = grant(section, kind, tenant.as_deref());
    Some(AccessKey { id, secret: secret?, grants: grants? })
}

fn check_secret(section: &Section<'_>, secret: &Secret) {
    if secret.expose().chars().count() < SECRET_CHARS_MIN {
        let message =
            format!("must have at least {SECRET_CHARS_MIN} characters: it can be guessed");
        section.problem(SECRET.inline, message);
    }
}

fn grant(
    section: &Section<'_>,
    kind: Option<PrincipalKind>,
    tenant: Option<&str>,
) -> Option<AccessKeyGrant> {
    if kind.is_none() && !section.has("principal") {
        section.problem("principal", "is needed: \"tenant\", \"app\" or \"admin\"");
    }
    match (kind?, tenant) {
        (PrincipalKind::Tenant, None) => {
            section.problem("tenant", "is needed: the tenant that this key is for");
            None
        }
        (PrincipalKind::Tenant, Some(text)) => match TenantId::parse(text) {
            Ok(tenant) => Some(AccessKeyGrant::Tenant(tenant)),
            Err(error) => {
                section.problem("tenant", error.to_string());
                None
            }
        },
        (_, Some(_)) => {
            section.problem("tenant", "is for principal = \"tenant\" only: take it out");
            None
        }
        (PrincipalKind::App, None) => Some(AccessKeyGrant::App),
        (PrincipalKind::Admin, None) => Some(AccessKeyGrant::Admin),
    }
}
