//! Tokens, good ones and all the others.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The `aud` of the trials' gateways.
pub const AUDIENCE: &str = "rowhouse-it";
/// The `kid` of their key.
pub const KEY_ID: &str = "it";
/// Their key.
pub const KEY: &str = "the-trials-sign-their-tokens-with-this";

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a good token.
pub fn claims(tenant: &str) -> Value {
    json!({"aud": AUDIENCE, "exp": now() + 3600, "iat": now(), "tenant_id": tenant, "sub": "it"})
}

/// A good token.
pub fn token(tenant: &str) -> String {
    signed(&claims(tenant))
}

/// A token with these claims.
pub fn signed(claims: &Value) -> String {
    mint(&json!({"alg": "HS256", "typ": "JWT", "kid": KEY_ID}), claims, KEY)
}

/// A token with this header and this key.
pub fn mint(header: &Value, claims: &Value, key: &str) -> String {
    let text = unsigned(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// Header and claims, as they are signed.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let segment = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", segment(header), segment(claims))
}
