//! Tokens that somebody makes who has no key, or stretches what a key allows.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::{
    Algorithm, NOW, RSA_PUBLIC, Refusal, Verifier, claims, config, hmac_token, key, token, verify,
};
use crate::excerpt::Excerpt;
use crate::jwt::{TOKEN_BYTES_MAX, VerifierConfig};

#[allow(clippy::needless_pass_by_value, reason = "the cases read better without a reference")]
fn check_header(header: &str, expected: Result<(), Refusal>) {
    let token = hmac_token(header, claims().to_string().as_bytes());
    assert_eq!(verify(&token).map(drop), expected, "{header}");
}

#[test]
fn headers() {
    let malformed = || Err(Refusal::Malformed("header"));
    let algorithm = |name: &str| Err(Refusal::Algorithm(Excerpt::of(name)));
    for (header, expected) in [
        (r#"{"alg":"HS256"}"#, Ok(())),
        (r#"{"alg":"HS256","kid":"h","typ":"at+jwt","jku":"http://evil","x5c":1}"#, Ok(())),
        (r#"{"alg":"none"}"#, algorithm("none")),
        (r#"{"alg":"None"}"#, algorithm("None")),
        (r#"{"alg":"hs256"}"#, algorithm("hs256")),
        (r#"{"alg":"HS512"}"#, algorithm("HS512")),
        (r#"{"alg":""}"#, algorithm("")),
        (r#"{"alg":"HS256","kid":"r"}"#, Err(Refusal::KeyOfOtherAlgorithm(Algorithm::HS256))),
        (r#"{"alg":"RS256"}"#, Err(Refusal::Signature)),
        (r#"{"alg":"RS256","kid":"h"}"#, Err(Refusal::KeyOfOtherAlgorithm(Algorithm::RS256))),
        (r#"{"alg":"HS256","kid":"?"}"#, Err(Refusal::UnknownKey(Excerpt::of("?")))),
        (r#"{"alg":"HS256","kid":""}"#, Err(Refusal::UnknownKey(Excerpt::of("")))),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Err(Refusal::CriticalExtension)),
        (r#"{"alg":"HS256","crit":[]}"#, Err(Refusal::CriticalExtension)),
        (r#"{"alg":"HS256","crit":null}"#, Err(Refusal::CriticalExtension)),
        (r#"{"alg":"HS256","kid":null}"#, malformed()),
        (r#"{"alg":"HS256","kid":1}"#, malformed()),
        (r#"{"alg":"HS256","alg":"none"}"#, malformed()),
        (r#"{"alg":null}"#, malformed()),
        (r#"{}"#, malformed()),
        (r#"["HS256"]"#, malformed()),
        (r#"{"alg":"HS256"} "x""#, malformed()),
        ("", Err(Refusal::NotCompact)),
        ("{", malformed()),
    ] {
        check_header(header, expected);
    }
}

/// The classic: the public key, which everybody has, used as an HMAC secret.
#[test]
fn the_public_key_is_no_secret() {
    let body = URL_SAFE_NO_PAD.encode(claims().to_string());
    for header in [r#"{"alg":"HS256","kid":"r"}"#, r#"{"alg":"HS256"}"#] {
        let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(header));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, RSA_PUBLIC);
        let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        assert!(verify(&token).is_err());
    }
}

#[test]
fn payloads() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for payload in [&b"null"[..], b"[]", b"\"a\"", b"{", b"{}x", b"\xff{}", deep.as_bytes()] {
        let result = verify(&hmac_token(r#"{"alg":"HS256"}"#, payload));
        assert_eq!(result, Err(Refusal::Malformed("payload")));
    }
    assert_eq!(verify(&hmac_token(r#"{"alg":"HS256"}"#, b"{}")), Err(Refusal::Missing("exp")));
}

#[test]
fn shapes() {
    let good = token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    let compact = Refusal::NotCompact;
    for (token, expected) in [
        (String::new(), compact.clone()),
        ("..".to_owned(), compact.clone()),
        (format!("{header}.{payload}"), compact.clone()),
        (format!("{header}.{payload}."), compact.clone()),
        (format!(".{payload}.{signature}"), compact.clone()),
        (format!("{good}."), compact.clone()),
        (format!("{good}.{signature}"), compact.clone()),
        (format!("{header}.{payload}.{payload}.{payload}.{signature}"), compact),
        (format!(" {good}"), Refusal::Malformed("header")),
        (format!("{good} "), Refusal::Signature),
        (format!("{header}.{payload}.{padded}"), Refusal::Signature),
        (format!("{header}.{payload}.AAAA"), Refusal::Signature),
        (format!("{header}=.{payload}.{signature}"), Refusal::Malformed("header")),
    ] {
        assert_eq!(verify(&token), Err(expected), "{token}");
    }
}

#[test]
fn the_size() {
    let mut claims = claims();
    claims["more"] = json!("x".repeat(TOKEN_BYTES_MAX));
    let long = token(&claims);
    assert_eq!(verify(&long), Err(Refusal::TooLong(long.len())));
    assert_eq!(verify(&"a".repeat(8193)), Err(Refusal::TooLong(8193)));
    assert_eq!(verify(&"a".repeat(8192)), Err(Refusal::NotCompact));
}

#[test]
fn without_keys_nothing_passes() {
    let verifier = Verifier::new(VerifierConfig { keys: vec![], ..config() }).unwrap();
    assert!(verifier.verify(&token(&claims()), NOW).is_err());
    let keys = vec![key("h", Algorithm::HS256, &[0; 32])];
    let verifier = Verifier::new(VerifierConfig { keys, ..config() }).unwrap();
    assert_eq!(verifier.verify(&token(&claims()), NOW), Err(Refusal::Signature));
}

#[test]
fn a_refusal_is_one_short_line() {
    let long = format!(r#"{{"alg":"HS256","kid":"a\n\u001b[31m{}"}}"#, "b".repeat(2000));
    let refusal = verify(&hmac_token(&long, b"{}")).unwrap_err().to_string();
    assert!(refusal.len() < 200 && !refusal.chars().any(char::is_control), "{refusal}");
}

proptest! {
    #[test]
    fn any_text_is_refused(text in "(?s).{0,200}|[A-Za-z0-9_-]{0,60}([.][A-Za-z0-9_-]{1,60}){2}") {
        prop_assert!(verify(&text).is_err());
    }

    #[test]
    fn any_signed_payload_is_read_or_refused(
        payload in prop::collection::vec(any::<u8>(), 0..100), now in any::<u64>(),
        exp in any::<f64>(), nbf in any::<i64>(),
    ) {
        let _ = verify(&hmac_token(r#"{"alg":"HS256"}"#, &payload));
        let claims = super::claims_with(json!({"exp": exp, "nbf": nbf, "iat": nbf}));
        let _ = Verifier::new(config()).unwrap().verify(&token(&claims), now);
    }
}
