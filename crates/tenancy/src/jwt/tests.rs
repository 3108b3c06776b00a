//! Tokens made by another implementation, by our signer and by hand, against one verifier.
//!
//! `testdata/jwt` has public keys made with openssl and tokens signed by PyJWT with their private
//! halves, which were thrown away; `tokens.json` names the `kid` of each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod claims;
mod forged;
mod issuers;
mod key_sets;
mod keys;
mod minted;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Algorithm, Refusal, VerificationKey, Verifier, VerifierConfig};
use crate::principal::Principal;

const NOW: u64 = 1_800_000_000;
const HMAC_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

const RSA_PUBLIC: &[u8] = include_bytes!("../../testdata/jwt/rsa.pem");
const EC_PUBLIC: &[u8] = include_bytes!("../../testdata/jwt/ec.pem");
const ED_PUBLIC: &[u8] = include_bytes!("../../testdata/jwt/ed.pem");

fn key(kid: &str, algorithm: Algorithm, material: &[u8]) -> VerificationKey {
    VerificationKey::new(Some(kid.to_owned()), algorithm, material).unwrap()
}

/// One key of each algorithm, audience `rowhouse`, tenant in `tenant_id`, 30 s of leeway.
fn config() -> VerifierConfig {
    VerifierConfig {
        audiences: vec!["rowhouse".to_owned(), "other door".to_owned()],
        audience_claim: "aud".to_owned(),
        issuer: None,
        tenant_claim: "tenant_id".to_owned(),
        tenants: vec![],
        role_claim: Some("role".to_owned()),
        tier_claim: Some("/app/tier".to_owned()),
        leeway_s: 30,
        keys: vec![
            key("h", Algorithm::HS256, HMAC_SECRET),
            key("r", Algorithm::RS256, RSA_PUBLIC),
            key("e", Algorithm::ES256, EC_PUBLIC),
            key("d", Algorithm::EdDSA, ED_PUBLIC),
        ],
    }
}

fn verify(token: &str) -> Result<Principal, Refusal> {
    Verifier::new(config()).unwrap().verify(token, NOW)
}

/// Claims that pass.
fn claims() -> Value {
    json!({"aud": "rowhouse", "exp": NOW + 60, "tenant_id": "t1", "sub": "me"})
}

/// The claims that pass, with `changes` put over them; `null` takes a claim away.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(&name)),
            value => claims[name] = value,
        }
    }
    claims
}

/// A token with exactly this header, signed with the HMAC key whatever the header says.
fn hmac_token(header: &str, payload: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, HMAC_SECRET);
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

/// A well-signed token with these claims.
fn token(claims: &Value) -> String {
    hmac_token(r#"{"alg":"HS256"}"#, claims.to_string().as_bytes())
}
