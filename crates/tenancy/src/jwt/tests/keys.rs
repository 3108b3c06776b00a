//! Every algorithm with tokens of another implementation, and what is no key.

use serde::Deserialize;
use serde_json::json;

use super::{
    Algorithm, EC_PUBLIC, ED_PUBLIC, HMAC_SECRET, NOW, RSA_PUBLIC, Refusal, VerificationKey,
    Verifier, config, hmac_token, key, verify,
};
use crate::excerpt::Excerpt;
use crate::jwt::InvalidKey::{NotAPublicKey, PrivateKey, RsaSize, ShortSecret, TooLong};
use crate::jwt::{InvalidConfig, VerifierConfig};

#[derive(Deserialize)]
struct Recorded {
    alg: String,
    kid: Option<String>,
    token: String,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../../testdata/jwt/tokens.json")).unwrap()
}

#[test]
fn tokens_of_another_implementation() {
    for Recorded { alg, kid, token } in recorded() {
        let principal = verify(&token).unwrap();
        assert_eq!(principal.tenant().unwrap().as_str(), "t1", "{alg} {kid:?}");
        assert_eq!((principal.subject(), principal.expires_at()), ("me", Some(NOW + 90)));
        for end in 0..token.len() {
            assert!(verify(&token[..end]).is_err(), "{alg} cut at {end}");
        }
    }
}

#[test]
fn one_changed_character_anywhere_is_refused() {
    for Recorded { token, .. } in recorded() {
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(verify(std::str::from_utf8(&bytes).unwrap()).is_err(), "{at}");
        }
    }
}

#[test]
fn a_token_needs_its_key() {
    for Recorded { alg, kid, token } in recorded() {
        let algorithm = Algorithm::parse(&alg).unwrap();
        let keys = config().keys.into_iter().filter(|key| key.algorithm() != algorithm).collect();
        let verifier = Verifier::new(VerifierConfig { keys, ..config() }).unwrap();
        let expected = match kid {
            Some(kid) => Refusal::UnknownKey(Excerpt::of(&kid)),
            None => Refusal::KeyOfOtherAlgorithm(algorithm),
        };
        assert_eq!(verifier.verify(&token, NOW), Err(expected));
    }
}

#[test]
fn several_keys_of_one_algorithm() {
    let other = key("x", Algorithm::HS256, &[7; 32]);
    let unnamed = VerificationKey::new(None, Algorithm::HS256, HMAC_SECRET).unwrap();
    let right = key("h", Algorithm::HS256, HMAC_SECRET);
    let unknown = Err(Refusal::UnknownKey(Excerpt::of("h")));
    let cases = [
        (vec![other.clone(), right.clone()], Some("h"), Ok(())),
        (vec![other.clone(), right.clone()], None, Ok(())),
        (vec![other.clone(), unnamed.clone()], None, Ok(())),
        (vec![other.clone(), unnamed], Some("h"), unknown.clone()),
        (vec![other.clone(), right], Some("x"), Err(Refusal::Signature)),
        (vec![other], None, Err(Refusal::Signature)),
        (vec![], None, Err(Refusal::KeyOfOtherAlgorithm(Algorithm::HS256))),
        (vec![], Some("h"), unknown),
    ];
    for (number, (keys, kid, expected)) in cases.into_iter().enumerate() {
        let verifier = Verifier::new(VerifierConfig { keys, ..config() }).unwrap();
        let header = kid.map_or(json!({"alg": "HS256"}), |kid| json!({"alg": "HS256", "kid": kid}));
        let token = hmac_token(&header.to_string(), super::claims().to_string().as_bytes());
        assert_eq!(verifier.verify(&token, NOW).map(drop), expected, "case {number}");
    }
}

#[test]
fn pem_forms() {
    let pkcs1 = include_bytes!("../../../testdata/jwt/rsa-pkcs1.pem");
    let rsa_certificate = include_bytes!("../../../testdata/jwt/rsa.crt");
    let ec_certificate = include_bytes!("../../../testdata/jwt/ec.crt");
    for (algorithm, pem) in [
        (Algorithm::RS256, &pkcs1[..]),
        (Algorithm::RS256, rsa_certificate),
        (Algorithm::ES256, ec_certificate),
    ] {
        let keys = vec![key("k", algorithm, pem)];
        let verifier = Verifier::new(VerifierConfig { keys, ..config() }).unwrap();
        let token = recorded()
            .into_iter()
            .find(|token| token.alg == algorithm.as_str() && token.kid.is_none())
            .unwrap();
        assert!(verifier.verify(&token.token, NOW).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn what_is_no_key() {
    let small = include_bytes!("../../../testdata/jwt/rsa-1024.pem");
    let p384 = include_bytes!("../../../testdata/jwt/ec-p384.pem");
    let private = b"-----BEGIN PRIVATE KEY-----\nMC4CAQA=\n-----END PRIVATE KEY-----\n";
    let empty = b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
    let odd = b"-----BEGIN PUBLIC KEY-----\nMAAwAA==\n-----END PUBLIC KEY-----\n";
    let (rs, es, ed) = (Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA);
    let cases = [
        (Algorithm::HS256, &HMAC_SECRET[1..], ShortSecret),
        (Algorithm::HS256, b"", ShortSecret),
        (rs, small, RsaSize),
        (rs, EC_PUBLIC, NotAPublicKey(rs)),
        (es, p384, NotAPublicKey(es)),
        (es, RSA_PUBLIC, NotAPublicKey(es)),
        (ed, EC_PUBLIC, NotAPublicKey(ed)),
        (es, ED_PUBLIC, NotAPublicKey(es)),
        (rs, private, PrivateKey),
        (ed, empty, NotAPublicKey(ed)),
        (ed, odd, NotAPublicKey(ed)),
        (ed, b"\xff", NotAPublicKey(ed)),
        (ed, HMAC_SECRET, NotAPublicKey(ed)),
        (rs, &[b'-'; 16 * 1024 + 1], TooLong),
    ];
    for (number, (algorithm, material, expected)) in cases.into_iter().enumerate() {
        let result = VerificationKey::new(None, algorithm, material);
        assert_eq!(result.map(drop), Err(expected), "case {number}");
    }
}

#[test]
fn configurations() {
    let long = "x".repeat(256);
    for (audiences, issuer, claim, leeway_s, expected) in [
        (&["a"][..], Some("me"), "/a/b", 300, None),
        (&["a"], None, "/~0~1", 0, None),
        (&["a"], None, "~2", 0, None),
        (&[], None, "t", 0, Some(InvalidConfig::NoAudience)),
        (&["a", ""], None, "t", 0, Some(InvalidConfig::NoAudience)),
        (&["a"], Some(""), "t", 0, Some(InvalidConfig::EmptyIssuer)),
        (&["a"], None, "", 0, Some(InvalidConfig::Claim("tenant_claim"))),
        (&["a"], None, "/~2", 0, Some(InvalidConfig::Claim("tenant_claim"))),
        (&["a"], None, "/a/~", 0, Some(InvalidConfig::Claim("tenant_claim"))),
        (&["a"], None, &long, 0, Some(InvalidConfig::Claim("tenant_claim"))),
        (&["a"], None, "t", 301, Some(InvalidConfig::Leeway)),
    ] {
        let config = VerifierConfig {
            audiences: audiences.iter().map(|text| (*text).to_owned()).collect(),
            issuer: issuer.map(str::to_owned),
            tenant_claim: claim.to_owned(),
            leeway_s,
            ..config()
        };
        assert_eq!(Verifier::new(config).err(), expected, "{claim}");
    }
    let empty = || Some(String::new());
    for (config, name) in [
        (VerifierConfig { role_claim: empty(), ..config() }, "role_claim"),
        (VerifierConfig { tier_claim: empty(), ..config() }, "tier_claim"),
        (VerifierConfig { audience_claim: String::new(), ..config() }, "audience_claim"),
    ] {
        assert_eq!(Verifier::new(config).err(), Some(InvalidConfig::Claim(name)));
    }
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", Verifier::new(config()).unwrap());
    assert!(shown.contains("\"h\"") && shown.contains("HS256"));
    let secret = std::str::from_utf8(HMAC_SECRET).unwrap();
    assert!(!shown.contains(secret) && !shown.contains("48, 49, 50"));
}
