//! What our signer makes passes our verifier, and the library's.

use super::{HMAC_SECRET, NOW, Verifier, config};
use crate::ids::{RoleName, TenantId};
use crate::jwt::{InvalidKey, Signer, TokenClaims, VerifierConfig};
use crate::secret::Secret;

fn signer(kid: Option<&str>) -> Signer {
    Signer::hs256(&Secret::from(std::str::from_utf8(HMAC_SECRET).unwrap()), kid).unwrap()
}

fn claims<'a>(tenant: &'a TenantId, role: Option<&'a RoleName>) -> TokenClaims<'a> {
    TokenClaims {
        tenant,
        role,
        subject: Some("\"me\""),
        audience: "rowhouse",
        issuer: Some("here"),
        issued_at: NOW,
        ttl_s: 3600,
        tenant_claim: "tenant_id",
        role_claim: "role",
    }
}

#[test]
fn round_trips() {
    let tenant = TenantId::parse("Größe \"1\"").unwrap();
    let role = RoleName::parse("reader").unwrap();
    for (kid, tenant_claim, role_claim) in [
        (Some("h"), "tenant_id", "role"),
        (None, "/app/tenants/0", "/app/role"),
        (None, "/a~1b/~0", "/a~1b/~1"),
        (None, "/", "/role"),
    ] {
        let claims = TokenClaims { tenant_claim, role_claim, ..claims(&tenant, Some(&role)) };
        let token = signer(kid).mint(&claims);
        let tenant_claim = tenant_claim.to_owned();
        let role_claim = Some(role_claim.to_owned());
        let issuer = Some("here".to_owned());
        let config = VerifierConfig { tenant_claim, role_claim, issuer, ..config() };
        let principal = Verifier::new(config).unwrap().verify(&token, NOW + 1).unwrap();
        assert_eq!(principal.tenant(), Some(&tenant));
        assert_eq!((principal.role(), principal.subject()), (Some("reader"), "\"me\""));
        assert_eq!(principal.expires_at(), Some(NOW + 3630));
    }
}

#[test]
fn the_tenant_may_stand_in_a_standard_claim() {
    let tenant = TenantId::parse("t1").unwrap();
    let claims = TokenClaims { tenant_claim: "sub", ..claims(&tenant, None) };
    let config = VerifierConfig { tenant_claim: "sub".to_owned(), ..config() };
    let principal =
        Verifier::new(config).unwrap().verify(&signer(None).mint(&claims), NOW).unwrap();
    assert_eq!((principal.tenant(), principal.subject()), (Some(&tenant), "t1"));
}

#[test]
fn the_library_reads_them() {
    let tenant = TenantId::parse("t1").unwrap();
    let token = signer(Some("h")).mint(&claims(&tenant, None));
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_audience(&["rowhouse"]);
    validation.validate_exp = false;
    let key = jsonwebtoken::DecodingKey::from_secret(HMAC_SECRET);
    let read = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
    assert_eq!(read.header.kid.as_deref(), Some("h"));
    assert_eq!(read.claims["tenant_id"], "t1");
    assert_eq!(
        (read.claims["iat"].as_u64(), read.claims["exp"].as_u64()),
        (Some(NOW), Some(NOW + 3600))
    );
    assert!(read.claims.get("role").is_none());
}

#[test]
fn a_short_secret_signs_nothing() {
    let result = Signer::hs256(&Secret::from("short"), None);
    assert_eq!(result.map(drop), Err(InvalidKey::ShortSecret));
    let far = TenantId::parse("t").unwrap();
    let claims = TokenClaims { issued_at: u64::MAX, ttl_s: u64::MAX, ..claims(&far, None) };
    assert_eq!(signer(None).mint(&claims).split('.').count(), 3);
    assert!(!format!("{:?}", signer(Some("h"))).contains("0123"));
}
