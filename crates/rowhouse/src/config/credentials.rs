//! What callers prove themselves with: access keys.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use rowhouse_tenancy::secret::Secret;

use super::reader::Section;
use super::reader::secret::SECRET;
use super::{AccessKey, DEV_ACCESS_KEYS, DEV_SECRET, grant};

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
    let kind = grant::kind(section);
    let tenant = section.text("tenant");

    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !id.is_empty() && (!plain || !ID_CHARS.contains(&id.len())) {
        section.problem("id", "must be 3 to 128 letters, digits or underscores");
    }
    if let Some(secret) = &secret {
        check_secret(section, secret);
    }
    let dev = secret.as_ref().is_some_and(|secret| *secret == Secret::from(DEV_SECRET));
    if dev || DEV_ACCESS_KEYS.contains(&id.as_str()) {
        grant::refuse_public(section, "id", "key", ("http.listen", http));
    }
    let grants = grant::grant(section, kind, tenant.as_deref(), "key");
    Some(AccessKey { id, secret: secret?, grants: grants? })
}

fn check_secret(section: &Section<'_>, secret: &Secret) {
    if secret.expose().chars().count() < SECRET_CHARS_MIN {
        let message =
            format!("must have at least {SECRET_CHARS_MIN} characters: it can be guessed");
        section.problem(SECRET.inline, message);
    }
}
