//! Making tokens with a local HS256 key, for `rowhouse token` and the tests of the doors.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::key::{HMAC_SECRET_BYTES_MIN, InvalidKey};
use crate::ids::{RoleName, TenantId};
use crate::secret::Secret;

/// Signs tokens; it prints nothing of its key.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
    kid: Option<String>,
}

/// What a minted token says.
#[derive(Clone, Copy, Debug)]
pub struct TokenClaims<'a> {
    /// Whom the token makes.
    pub tenant: &'a TenantId,
    /// The one database role that it may use.
    pub role: Option<&'a RoleName>,
    /// Who holds it, for the log.
    pub subject: Option<&'a str>,
    /// The gateway it is for.
    pub audience: &'a str,
    /// Who made it.
    pub issuer: Option<&'a str>,
    /// The Unix second of its making.
    pub issued_at: u64,
    /// How long it lives from then on.
    pub ttl_s: u64,
    /// Where the tenant stands: a claim name, or a JSON pointer when it begins with `/`.
    pub tenant_claim: &'a str,
    /// Where the role stands, likewise.
    pub role_claim: &'a str,
}

impl Signer {
    /// A signer with the secret that a [`super::VerificationKey`] of the same `kid` holds.
    pub fn hs256(secret: &Secret, kid: Option<&str>) -> Result<Self, InvalidKey> {
        let bytes = secret.expose().as_bytes();
        if bytes.len() < HMAC_SECRET_BYTES_MIN {
            return Err(InvalidKey::ShortSecret);
        }
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes), kid: kid.map(str::to_owned) })
    }

    /// The token, ready for an `Authorization: Bearer` header.
    pub fn mint(&self, claims: &TokenClaims<'_>) -> String {
        let mut header = json!({"typ": "JWT", "alg": "HS256"});
        if let Some(kid) = &self.kid {
            insert(&mut header, ["kid"].into_iter(), json!(kid));
        }
        let signed = format!("{}.{}", segment(&header), segment(&payload(claims)));
        let signature = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn segment(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn payload(claims: &TokenClaims<'_>) -> Value {
    let mut payload = json!({
        "aud": claims.audience,
        "iat": claims.issued_at,
        "exp": claims.issued_at.saturating_add(claims.ttl_s),
    });
    for (name, text) in [("sub", claims.subject), ("iss", claims.issuer)] {
        if let Some(text) = text {
            insert(&mut payload, [name].into_iter(), json!(text));
        }
    }
    if let Some(role) = claims.role {
        insert_at(&mut payload, claims.role_claim, json!(role.as_str()));
    }
    insert_at(&mut payload, claims.tenant_claim, json!(claims.tenant.as_str()));
    payload
}

/// Puts `value` where a claim name or a JSON pointer says.
fn insert_at(object: &mut Value, path: &str, value: Value) {
    match path.strip_prefix('/') {
        None => insert(object, [path].into_iter(), value),
        // RFC 6901 section 4 gives the order of the two replacements.
        Some(pointer) => {
            let steps: Vec<String> =
                pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
            insert(object, steps.iter().map(String::as_str), value);
        }
    }
}

/// Puts `value` at the end of `path`, making the objects on the way.
fn insert<'a>(object: &mut Value, path: impl Iterator<Item = &'a str>, value: Value) {
    let mut place = object;
    for step in path {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[step];
    }
    *place = value;
}
