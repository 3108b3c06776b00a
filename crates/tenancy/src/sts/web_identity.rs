//! What the answer repeats of a JWT: who made it, and for whom.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Issuer and audience of a JWT, for the answer only: nothing is decided by them.
#[derive(Debug, Default)]
pub struct WebIdentity {
    /// `iss`.
    pub issuer: Option<String>,
    /// The first `aud`.
    pub audience: Option<String>,
}

impl WebIdentity {
    /// Reads a token that has been verified; of any other it is worth nothing.
    pub fn of_verified(token: &str) -> WebIdentity {
        let claims = claims(token).unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let audience = claims.get("aud").and_then(|audience| match audience {
            Value::Array(list) => list.first().and_then(text),
            one => text(one),
        });
        WebIdentity { issuer: claims.get("iss").and_then(text), audience }
    }
}

fn claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
