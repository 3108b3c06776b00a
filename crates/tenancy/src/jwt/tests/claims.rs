//! Each claim, right and wrong, in tokens whose signature holds.

use serde_json::{Value, json};

use super::{NOW, Refusal, Verifier, claims_with, config, hmac_token, token, verify};
use crate::excerpt::Excerpt;
use crate::ids::{InvalidId, TenantId};
use crate::jwt::VerifierConfig;

const ROLE: &str = "of the role";
const TIER: &str = "of the tier";

#[allow(clippy::needless_pass_by_value, reason = "the cases read better without a reference")]
fn check(changes: Value, expected: Result<(), Refusal>) {
    let claims = claims_with(changes);
    assert_eq!(verify(&token(&claims)).map(drop), expected, "{claims}");
}

#[test]
fn expiry_is_required_and_strict() {
    let ends = NOW - 29;
    assert_eq!(
        verify(&token(&claims_with(json!({"exp": ends})))).unwrap().expires_at(),
        Some(NOW + 1)
    );
    for (exp, expected) in [
        (json!(null), Err(Refusal::Missing("exp"))),
        (json!(NOW - 30), Err(Refusal::Expired(NOW - 30))),
        (json!(0), Err(Refusal::Expired(0))),
        (json!(-5), Err(Refusal::Expired(0))),
        (json!(-5.5), Err(Refusal::Expired(0))),
        (json!(NOW as f64 + 0.5), Ok(())),
        (json!(u64::MAX), Ok(())),
        (json!(1e300), Ok(())),
        (json!(NOW.to_string()), Err(Refusal::WrongType("exp"))),
        (json!(true), Err(Refusal::WrongType("exp"))),
        (json!([NOW + 60]), Err(Refusal::WrongType("exp"))),
        (json!({"a": 1}), Err(Refusal::WrongType("exp"))),
    ] {
        check(json!({"exp": exp}), expected);
    }
}

#[test]
fn a_null_claim_is_not_an_absent_one() {
    for claim in ["exp", "nbf", "iat", "aud", "sub", "role"] {
        let mut claims = super::claims();
        claims[claim] = Value::Null;
        let name = if claim == "role" { ROLE } else { claim };
        assert_eq!(verify(&token(&claims)).map(drop), Err(Refusal::WrongType(name)));
    }
}

#[test]
fn beginnings() {
    for claim in ["nbf", "iat"] {
        for (at, expected) in [
            (json!(NOW + 30), Ok(())),
            (json!(NOW + 31), Err(Refusal::NotYet(claim))),
            (json!(-1), Ok(())),
            (json!("0"), Err(Refusal::WrongType(claim))),
        ] {
            check(json!({claim: at}), expected);
        }
    }
}

#[test]
fn audiences() {
    for (aud, expected) in [
        (json!("rowhouse"), Ok(())),
        (json!(["x", "other door"]), Ok(())),
        (json!("rowhous"), Err(Refusal::Audience)),
        (json!(""), Err(Refusal::Audience)),
        (json!([]), Err(Refusal::Audience)),
        (json!(["x"]), Err(Refusal::Audience)),
        (json!(["rowhouse", 1]), Err(Refusal::WrongType("aud"))),
        (json!(1), Err(Refusal::WrongType("aud"))),
        (json!({"rowhouse": true}), Err(Refusal::WrongType("aud"))),
        (json!(null), Err(Refusal::Missing("aud"))),
    ] {
        check(json!({"aud": aud}), expected);
    }
}

#[test]
fn issuers() {
    let issuer = Some("https://id.example".to_owned());
    let verifier = Verifier::new(VerifierConfig { issuer, ..config() }).unwrap();
    for (iss, expected) in [
        (json!("https://id.example"), Ok(())),
        (json!("https://id.example/"), Err(Refusal::Issuer(Excerpt::of("https://id.example/")))),
        (json!(["https://id.example"]), Err(Refusal::WrongType("iss"))),
        (json!(null), Err(Refusal::Missing("iss"))),
    ] {
        let token = token(&claims_with(json!({"iss": iss})));
        assert_eq!(verifier.verify(&token, NOW).map(drop), expected);
    }
    check(json!({"iss": "anybody"}), Ok(()));
}

#[test]
fn tenants() {
    const CLAIM: &str = "of the tenant";
    for (tenant, expected) in [
        (json!("t1"), Ok("t1")),
        (json!("7"), Ok("7")),
        (json!(7), Ok("7")),
        (json!(-7), Ok("-7")),
        (json!(u64::MAX), Ok("18446744073709551615")),
        (json!(7.0), Err(Refusal::WrongType(CLAIM))),
        (json!(1e3), Err(Refusal::WrongType(CLAIM))),
        (json!(true), Err(Refusal::WrongType(CLAIM))),
        (json!(["t1"]), Err(Refusal::WrongType(CLAIM))),
        (json!({"id": "t1"}), Err(Refusal::WrongType(CLAIM))),
        (json!(null), Err(Refusal::Missing(CLAIM))),
        (json!(""), Err(Refusal::Invalid(CLAIM, InvalidId::Empty))),
        (json!("a\0b"), Err(Refusal::Invalid(CLAIM, InvalidId::ControlCharacter))),
        (json!("x".repeat(256)), Err(Refusal::Invalid(CLAIM, InvalidId::TooLong(255)))),
    ] {
        let result = verify(&token(&claims_with(json!({"tenant_id": tenant}))));
        let found = result.map(|principal| principal.tenant().unwrap().as_str().to_owned());
        assert_eq!(found, expected.map(str::to_owned), "{tenant}");
    }
    let long = br#"{"aud":"rowhouse","exp":1800000060,"tenant_id":123456789012345678901234567890}"#;
    let result = verify(&hmac_token(r#"{"alg":"HS256"}"#, long));
    assert_eq!(result, Err(Refusal::WrongType(CLAIM)));
}

#[test]
fn tenants_by_pointer() {
    let nested = json!({"app": {"a/b": "t1", "list": ["t0", "t2"]}, "/app": "t3"});
    for (path, expected) in [
        ("/app/a~1b", Some("t1")),
        ("/app/list/1", Some("t2")),
        ("/app/list/2", None),
        ("/app", None),
        ("app", None),
        ("https://id.example/tenant", Some("t4")),
    ] {
        let tenant_claim = path.to_owned();
        let verifier = Verifier::new(VerifierConfig { tenant_claim, ..config() }).unwrap();
        let mut claims = claims_with(nested.clone());
        claims["https://id.example/tenant"] = json!("t4");
        let result = verifier.verify(&token(&claims), NOW);
        let found = result.ok().map(|principal| principal.tenant().unwrap().as_str().to_owned());
        assert_eq!(found.as_deref(), expected, "{path}");
    }
}

#[test]
fn subject_and_role() {
    for (changes, expected) in [
        (json!({"sub": null}), Ok(("", None))),
        (json!({"sub": "x".repeat(256)}), Err(Refusal::Invalid("sub", InvalidId::TooLong(255)))),
        (json!({"sub": "a\nb"}), Err(Refusal::Invalid("sub", InvalidId::ControlCharacter))),
        (json!({"sub": 7}), Err(Refusal::WrongType("sub"))),
        (json!({"role": "reader"}), Ok(("me", Some("reader")))),
        (json!({"role": ""}), Err(Refusal::Invalid(ROLE, InvalidId::Empty))),
        (json!({"role": "none"}), Err(Refusal::Invalid(ROLE, InvalidId::ReservedRole))),
        (json!({"role": ["reader"]}), Err(Refusal::WrongType(ROLE))),
    ] {
        let result = verify(&token(&claims_with(changes)));
        let found = result.as_ref().map(|principal| (principal.subject(), principal.role()));
        assert_eq!(found, expected.as_ref().copied());
    }
}

#[test]
fn an_issuer_vouches_for_its_tenants_only() {
    let tenants = ["t1", "7"].map(|id| TenantId::parse(id).unwrap()).to_vec();
    let verifier = Verifier::new(VerifierConfig { tenants, ..config() }).unwrap();
    for (tenant, expected) in [
        (json!("t1"), Ok(())),
        (json!(7), Ok(())),
        (json!("T1"), Err(Refusal::ForeignTenant(Excerpt::of("T1")))),
        (json!("t1 "), Err(Refusal::ForeignTenant(Excerpt::of("t1 ")))),
        (json!("t2"), Err(Refusal::ForeignTenant(Excerpt::of("t2")))),
    ] {
        let token = token(&claims_with(json!({"tenant_id": tenant})));
        assert_eq!(verifier.verify(&token, NOW).map(drop), expected);
    }
}

#[test]
fn tiers() {
    for (app, expected) in [
        (json!({}), Ok(None)),
        (json!({"tier": "enterprise"}), Ok(Some("enterprise"))),
        (json!({"tier": ""}), Err(Refusal::Invalid(TIER, InvalidId::Empty))),
        (json!({"tier": "a\u{7f}"}), Err(Refusal::Invalid(TIER, InvalidId::ControlCharacter))),
        (json!({"tier": "x".repeat(64)}), Err(Refusal::Invalid(TIER, InvalidId::TooLong(63)))),
        (json!({"tier": 1}), Err(Refusal::WrongType(TIER))),
        (json!({"tier": null}), Err(Refusal::WrongType(TIER))),
        (json!({"tier": ["enterprise"]}), Err(Refusal::WrongType(TIER))),
        (json!("enterprise"), Ok(None)),
    ] {
        let result = verify(&token(&claims_with(json!({"app": app}))));
        let found = result.as_ref().map(|principal| principal.tier().map(|tier| tier.as_str()));
        assert_eq!(found, expected.as_ref().copied());
    }
}

/// Supabase writes `authenticated` into `role`, Keycloak a list into a nested claim.
#[test]
fn the_role_stands_where_it_is_said_to() {
    let claims = claims_with(json!({"role": 7, "a": {"~role/": "reader"}, "list": ["reader"]}));
    for (role_claim, expected) in [
        (None, Ok(None)),
        (Some("/a/~0role~1"), Ok(Some("reader"))),
        (Some("/list/0"), Ok(Some("reader"))),
        (Some("/list/00"), Ok(None)),
        (Some("/list/-"), Ok(None)),
        (Some("/list"), Err(Refusal::WrongType(ROLE))),
        (Some("nowhere"), Ok(None)),
        (Some("role"), Err(Refusal::WrongType(ROLE))),
    ] {
        let role_claim = role_claim.map(str::to_owned);
        let verifier = Verifier::new(VerifierConfig { role_claim, ..config() }).unwrap();
        let result = verifier.verify(&token(&claims), NOW);
        let found = result.as_ref().map(|principal| principal.role());
        assert_eq!(found, expected.as_ref().copied());
    }
}

/// Cognito's access tokens have `client_id` and no `aud`; its id tokens the other way round.
#[test]
fn the_audience_may_stand_elsewhere() {
    let audience_claim = "client_id".to_owned();
    let verifier = Verifier::new(VerifierConfig { audience_claim, ..config() }).unwrap();
    for (changes, expected) in [
        (json!({"aud": null, "client_id": "rowhouse"}), Ok(())),
        (json!({"aud": "rowhouse"}), Err(Refusal::Missing("of the audience"))),
        (json!({"aud": "rowhouse", "client_id": "x"}), Err(Refusal::Audience)),
        (json!({"client_id": {"x": 1}}), Err(Refusal::WrongType("of the audience"))),
    ] {
        let token = token(&claims_with(changes));
        assert_eq!(verifier.verify(&token, NOW).map(drop), expected);
    }
}
