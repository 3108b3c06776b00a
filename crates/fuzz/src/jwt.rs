//! Tokens: as they come, which nobody can have signed, and with header and claims of one's choice
//! under a good signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rowhouse_tenancy::TenantId;
use rowhouse_tenancy::jwt::{Algorithm, VerificationKey, Verifier, VerifierConfig};
use rowhouse_tenancy::principal::PrincipalKind;

const NOW: u64 = 1_800_000_000;
const LEEWAY_S: u64 = 30;
const SECRET: &[u8] = b"a secret of the fuzzer, 32 bytes and more";
const RSA: &[u8] = include_bytes!("../../tenancy/testdata/jwt/rsa.pem");

/// With a line end in it: header and claims, signed by us. Without: a whole token.
pub fn jwt(data: &[u8]) {
    for claim in ["tenant_id", "/app/tenant"] {
        let Some(verifier) = verifier(claim) else {
            continue;
        };
        match data.iter().position(|byte| *byte == b'\n') {
            Some(at) => signed(&verifier, data.split_at(at)),
            None => {
                let token = String::from_utf8_lossy(data);
                assert!(verifier.verify(&token, NOW).is_err(), "a forged token passes");
            }
        }
    }
}

fn verifier(tenant_claim: &str) -> Option<Verifier> {
    let key = |kid: &str, algorithm, material| {
        VerificationKey::new(Some(kid.to_owned()), algorithm, material).ok()
    };
    let config = VerifierConfig {
        audiences: vec!["rowhouse".to_owned()],
        issuer: None,
        audience_claim: "aud".to_owned(),
        tenant_claim: tenant_claim.to_owned(),
        tenants: Vec::new(),
        role_claim: Some("role".to_owned()),
        tier_claim: Some("/app/tier".to_owned()),
        leeway_s: LEEWAY_S,
        keys: vec![key("h", Algorithm::HS256, SECRET)?, key("r", Algorithm::RS256, RSA)?],
    };
    Verifier::new(config).ok()
}

/// What passes is a tenant's for a while, and no longer when the while is over.
fn signed(verifier: &Verifier, (header, claims): (&[u8], &[u8])) {
    let segment = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", segment(header), segment(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    let token = format!("{text}.{}", segment(signature.as_ref()));
    let verdict = verifier.verify(&token, NOW);
    assert_eq!(verifier.verify(&token, NOW), verdict);
    let Ok(principal) = verdict else {
        return;
    };
    assert_eq!(principal.kind(), PrincipalKind::Tenant);
    let tenant = principal.tenant().map(TenantId::as_str).unwrap_or_default();
    assert!(TenantId::parse(tenant).is_ok(), "{tenant:?}");
    let expires_at = principal.expires_at().unwrap_or_default();
    assert!(expires_at.saturating_add(LEEWAY_S) > NOW);
    let over = expires_at.saturating_add(LEEWAY_S).saturating_add(1);
    assert!(over == u64::MAX || verifier.verify(&token, over).is_err());
    let claims: serde_json::Value = serde_json::from_slice(claims).unwrap_or_default();
    assert!(claims.is_object(), "claims that are no object pass");
    // One changed byte of the signature, and nothing passes.
    let forged = format!("{text}.{}", segment(&[0; 32]));
    assert!(verifier.verify(&forged, NOW).is_err());
}
