//! Several issuers: who a token says made it decides whose keys may verify it.

use serde_json::json;

use super::{Algorithm, HMAC_SECRET, NOW, claims_with, config, hmac_token, key, token};
use crate::excerpt::Excerpt;
use crate::ids::TenantId;
use crate::jwt::{Issuers, Refusal, Unverified, Verified, Verifier, VerifierConfig};

/// Issuer `a` with the key of [`hmac_token`], issuer `b` with another, both called `k`.
fn issuers(others: Vec<VerifierConfig>) -> Issuers {
    let one = |name: &str, secret: &[u8]| VerifierConfig {
        issuer: Some(name.to_owned()),
        tenant_claim: format!("tenant_{name}"),
        keys: vec![key("k", Algorithm::HS256, secret)],
        ..config()
    };
    let all = [vec![one("a", HMAC_SECRET), one("b", &[7; 32])], others].concat();
    Issuers::new(all.into_iter().map(|config| Verifier::new(config).unwrap()).collect())
}

fn verify(issuers: &Issuers, token: &str) -> Result<Verified, Refusal> {
    let token = Unverified::read(token)?;
    issuers.verify(issuers.issuer_of(&token)?, &token, NOW)
}

#[test]
fn a_key_of_one_issuer_verifies_no_token_of_another() {
    let both = json!({"tenant_a": "t1", "tenant_b": "t2"});
    for header in [r#"{"alg":"HS256","kid":"k"}"#, r#"{"alg":"HS256"}"#] {
        for (iss, expected) in [
            (json!("a"), Ok("t1")),
            (json!("b"), Err(Refusal::Signature)),
            (json!("c"), Err(Refusal::Issuer(Excerpt::of("c")))),
            (json!("A"), Err(Refusal::Issuer(Excerpt::of("A")))),
            (json!("a/"), Err(Refusal::Issuer(Excerpt::of("a/")))),
            (json!(["a"]), Err(Refusal::WrongType("iss"))),
            (json!(null), Err(Refusal::Missing("iss"))),
        ] {
            let mut claims = claims_with(both.clone());
            claims = match iss {
                serde_json::Value::Null => claims,
                iss => {
                    claims["iss"] = iss;
                    claims
                }
            };
            let result =
                verify(&issuers(vec![]), &hmac_token(header, claims.to_string().as_bytes()));
            let found = result.as_ref().map(|one| one.principal.tenant().unwrap().as_str());
            assert_eq!(found, expected.as_ref().copied(), "{claims}");
        }
    }
}

/// What takes any issuer takes no token of one that is configured.
#[test]
fn the_unnamed_issuer_is_for_the_others() {
    let any = VerifierConfig { issuer: None, ..config() };
    let issuers = issuers(vec![any]);
    for (iss, expected) in [
        (json!("a"), Err(Refusal::Missing("of the tenant"))),
        (json!("b"), Err(Refusal::Signature)),
        (json!("c"), Ok(())),
    ] {
        let token = token(&claims_with(json!({"iss": iss})));
        assert_eq!(verify(&issuers, &token).map(drop), expected);
    }
    assert!(verify(&issuers, &token(&claims_with(json!({})))).is_ok());
}

#[test]
fn two_words_about_the_issuer() {
    let text = format!(
        r#"{{"iss":"b","iss":"a","aud":"rowhouse","exp":{},"tenant_a":"t1","tenant_b":"t2"}}"#,
        NOW + 60
    );
    let verified = verify(&issuers(vec![]), &hmac_token(r#"{"alg":"HS256"}"#, text.as_bytes()));
    // The issuer that was chosen and the one that was checked are the same one.
    assert_eq!(verified.unwrap().principal.tenant().unwrap().as_str(), "t1");
}

#[test]
fn a_proof_ends_with_its_key() {
    let own = VerifierConfig { issuer: Some("c".to_owned()), keys: vec![], ..config() };
    let before = issuers(vec![own]);
    let first = key("k", Algorithm::HS256, HMAC_SECRET);
    let second = key("l", Algorithm::HS256, HMAC_SECRET);
    let token = token(&claims_with(json!({"iss": "c"})));
    assert!(verify(&before, &token).is_err());
    assert!(before.with_fetched(2, vec![]).is_none() && before.with_fetched(3, vec![]).is_none());

    let with = |keys: &[&crate::jwt::VerificationKey]| {
        before.with_fetched(2, keys.iter().map(|key| (*key).clone()).collect()).unwrap()
    };
    let one = with(&[&first]);
    let proof = verify(&one, &token).unwrap().proof;
    assert!(one.holds(&proof) && with(&[&second, &first]).holds(&proof));
    assert_eq!((one.fetched(2).len(), one.fetched(1).len(), one.fetched(9).len()), (1, 0, 0));
    assert!(one.with_fetched(2, vec![first]).is_none());
    // The same secret under another name is another key, and issuer `a` has it as well.
    assert!(!with(&[&second]).holds(&proof) && !before.holds(&proof));
    assert!(one.with_fetched(2, vec![]).is_some_and(|none| !none.holds(&proof)));
}

/// Sessions outlive the token and the key, but not the issuer.
#[test]
fn a_mark_ends_with_its_issuer() {
    let any = VerifierConfig { issuer: None, ..config() };
    let all = issuers(vec![any]);
    let mark = |iss| {
        let text = token(&claims_with(json!({"iss": iss, "tenant_a": "t1"})));
        all.mark(&verify(&all, &text).unwrap().proof).unwrap()
    };
    let (named, unnamed) = (mark("a"), mark("somebody"));
    let tenant = |id| TenantId::parse(id).unwrap();
    let counts = |issuers: &Issuers, mark| issuers.vouches(mark, Some(&tenant("t1")));
    assert!(named != unnamed && counts(&all, named) && counts(&all, unnamed));
    let without = issuers(vec![]);
    assert!(counts(&without, named) && !counts(&without, unnamed));
    assert!(!counts(&Issuers::default(), named));
    let rotated = without.with_fetched(0, vec![key("new", Algorithm::HS256, &[9; 32])]).unwrap();
    assert!(counts(&rotated, named));
    // Nor the tenants that it may vouch for.
    for (tenants, expected) in [(vec!["t1", "t2"], true), (vec!["t2"], false)] {
        let tenants = tenants.into_iter().map(tenant).collect();
        let own = VerifierConfig { issuer: Some("a".to_owned()), tenants, ..config() };
        let narrowed = Issuers::new(vec![Verifier::new(own).unwrap()]);
        assert_eq!(counts(&narrowed, named), expected);
    }
}

#[test]
fn when_a_new_key_may_help() {
    let issuers = issuers(vec![]);
    let claims = claims_with(json!({"iss": "b", "tenant_b": "t"})).to_string();
    for (header, expected) in [
        (r#"{"alg":"HS256","kid":"new"}"#, true),
        (r#"{"alg":"HS256","kid":"k"}"#, false),
        (r#"{"alg":"RS256","kid":"k"}"#, false),
        (r#"{"alg":"HS256"}"#, true),
        (r#"{"alg":"RS256"}"#, true),
        (r#"{"alg":"none","kid":"new"}"#, false),
    ] {
        let text = hmac_token(header, claims.as_bytes());
        let token = Unverified::read(&text).unwrap();
        let refusal = issuers.verify(1, &token, NOW).unwrap_err();
        assert_eq!(token.may_have_a_new_key(&refusal), expected, "{header}: {refusal}");
    }
}
