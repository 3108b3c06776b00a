//! Key sets: those of real issuers in form, and everything that is none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Algorithm, NOW, config};
use crate::excerpt::Excerpt;
use crate::jwt::key_set::{InvalidKeySet, KeySet, Origin, Unusable};
use crate::jwt::{InvalidKey, KEY_SET_BYTES_MAX, Refusal, Verifier, VerifierConfig};

/// A key as PyJWT publishes it, and a token without `kid` that it signed with the private half.
#[derive(Deserialize)]
struct Recorded {
    alg: String,
    key: Value,
    token: String,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../../testdata/jwt/key-sets.json")).unwrap()
}

/// The recorded key of this name.
fn published(kid: &str) -> Value {
    recorded().into_iter().map(|one| one.key).find(|key| key["kid"] == kid).unwrap()
}

fn parse(set: &Value, origin: Origin) -> Result<KeySet, InvalidKeySet> {
    KeySet::parse(set.to_string().as_bytes(), &Algorithm::ALL, origin)
}

/// The one key of a set, or why there is none.
fn one(key: &Value) -> Result<KeySet, Unusable> {
    let set = parse(&json!({"keys": [key]}), Origin::Url).unwrap();
    match set.skipped.first() {
        Some(skipped) => Err(skipped.why),
        None => Ok(set),
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn verifier(set: &Value, allowed: &[Algorithm]) -> Verifier {
    let keys = KeySet::parse(set.to_string().as_bytes(), allowed, Origin::Url).unwrap().keys;
    Verifier::new(VerifierConfig { keys: vec![], ..config() }).unwrap().with_fetched(keys)
}

#[test]
fn a_key_verifies_what_its_issuer_signed_by_the_allowed_algorithm_only() {
    for Recorded { alg, mut key, token } in recorded() {
        let algorithm = Algorithm::parse(&alg).unwrap();
        for named in [None, Some(alg.as_str())] {
            if let Some(named) = named {
                key["alg"] = json!(named);
            }
            let set = json!({"keys": [key]});
            assert!(verifier(&set, &Algorithm::ALL).verify(&token, NOW).is_ok(), "{alg}");
            let others: Vec<_> =
                Algorithm::ALL.into_iter().filter(|other| *other != algorithm).collect();
            let expected = Err(Refusal::KeyOfOtherAlgorithm(algorithm));
            assert_eq!(verifier(&set, &others).verify(&token, NOW), expected);
        }
        let foreign = recorded().into_iter().find(|one| one.alg == alg && one.token != token);
        if let Some(foreign) = foreign {
            let set = json!({"keys": [foreign.key]});
            let refused = verifier(&set, &Algorithm::ALL).verify(&token, NOW);
            assert_eq!(refused, Err(Refusal::Signature));
        }
    }
}

/// Google, Auth0 and Entra name the algorithm or not, and add members that nobody needs.
#[test]
fn a_set_like_those_of_large_issuers() {
    let (mut first, mut second) = (published("rs256"), published("rs384"));
    first["kid"] = json!("one");
    first["x5c"] = json!(["MIIC"]);
    first["alg"] = json!("RS256");
    second["kid"] = json!("two");
    second["issuer"] = json!("https://login.example/{tenantid}/v2.0");
    let encryption = json!({"kty": "RSA", "use": "enc", "kid": "two", "alg": "RSA-OAEP"});
    let set = parse(&json!({"keys": [first, encryption, second], "x": 1}), Origin::Url).unwrap();
    let found: Vec<_> = set.keys.iter().map(|key| (key.kid(), key.algorithm().as_str())).collect();
    let of_two = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    let mut expected = vec![(Some("one"), "RS256")];
    expected.extend(of_two.map(|algorithm| (Some("two"), algorithm)));
    assert_eq!(found, expected);
    assert_eq!(set.skipped.len(), 1);
}

#[test]
fn what_is_skipped() {
    let good = published("rs256");
    let with = |member: &str, value: Value| {
        let mut key = good.clone();
        key[member] = value;
        key
    };
    let not_rsa = Unusable::Key(InvalidKey::NotAPublicKey(Algorithm::RS256));
    let size = Unusable::Key(InvalidKey::RsaSize);
    let (even, odd) = (text(&[0xfe; 256]), text(&[0xff; 127]));
    let ec = |x: &[u8], y: &[u8]| json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)});
    let off_the_curve = Unusable::Key(InvalidKey::NotAPublicKey(Algorithm::ES256));
    let ed = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": text(x)});
    let not_ed = Unusable::Key(InvalidKey::NotAPublicKey(Algorithm::EdDSA));
    for (key, expected) in [
        (good.clone(), None),
        (with("key_ops", json!(["verify", "encrypt"])), None),
        (with("key_ops", json!(["sign"])), Some(Unusable::OtherUse)),
        (with("use", json!("enc")), Some(Unusable::OtherUse)),
        (with("use", json!("")), Some(Unusable::OtherUse)),
        (with("use", json!(["sig"])), Some(Unusable::Malformed)),
        (with("alg", json!("HS256")), Some(Unusable::OtherAlgorithm)),
        (with("alg", json!("none")), Some(Unusable::OtherAlgorithm)),
        (with("alg", json!("ES256")), Some(Unusable::OtherAlgorithm)),
        (with("kid", json!(7)), Some(Unusable::Malformed)),
        (with("kty", json!("rsa")), Some(Unusable::OtherAlgorithm)),
        (with("d", json!("AQAB")), Some(Unusable::PrivateKey)),
        (with("d", json!({})), Some(Unusable::PrivateKey)),
        (with("n", json!("")), Some(not_rsa)),
        (with("n", json!("AAAA")), Some(not_rsa)),
        (with("n", json!("not base64!")), Some(Unusable::Malformed)),
        (with("n", json!(even)), Some(not_rsa)),
        (with("n", json!(odd)), Some(size)),
        (with("n", json!(text(&[0xff; 1025]))), Some(size)),
        (with("e", json!("AQ")), Some(not_rsa)),
        (with("e", json!("Ag")), Some(not_rsa)),
        (with("e", json!(text(&[0xff; 5]))), Some(not_rsa)),
        (with("e", json!(text(&[0xff; 300]))), Some(not_rsa)),
        (with("e", json!("AAEAAQ")), None),
        (ec(&[1; 32], &[1; 32]), Some(off_the_curve)),
        (ec(&[0; 32], &[0; 32]), Some(off_the_curve)),
        (ec(&[1; 31], &[1; 33]), Some(Unusable::Malformed)),
        (ec(&[1; 48], &[1; 48]), Some(Unusable::Malformed)),
        (json!({"kty": "EC", "crv": "secp256k1"}), Some(Unusable::OtherAlgorithm)),
        (json!({"kty": "EC"}), Some(Unusable::OtherAlgorithm)),
        (json!({"kty": "EC", "crv": "P-256"}), Some(Unusable::Malformed)),
        (ed(&[]), Some(not_ed)),
        (ed(&[1; 31]), Some(not_ed)),
        (ed(&[1; 33]), Some(not_ed)),
        (json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), Some(Unusable::OtherAlgorithm)),
        (json!({"kty": "oct", "k": text(&[7; 32])}), Some(Unusable::SharedSecret)),
        (json!({"kty": "oct", "alg": "HS256", "k": ""}), Some(Unusable::SharedSecret)),
        (json!({"kid": "x"}), Some(Unusable::Malformed)),
        (json!({}), Some(Unusable::Malformed)),
        (json!(null), Some(Unusable::Malformed)),
        (json!(["RSA", "x"]), Some(Unusable::Malformed)),
    ] {
        assert_eq!(one(&key).err(), expected, "{key}");
    }
}

#[test]
fn what_is_no_set() {
    let key = |kid: Option<&str>| match kid {
        Some(kid) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(&[2; 32]), "kid": kid}),
        None => json!({"kty": "OKP", "crv": "Ed25519", "x": text(&[2; 32])}),
    };
    let many = |count: usize| (0..count).map(|n| key(Some(&n.to_string()))).collect::<Vec<_>>();
    let one = key(Some("a"));
    let is_key = published("eddsa");
    let none = json!({"keys": []});
    for (set, expected) in [
        (json!({"keys": [is_key]}), Ok(1)),
        (none, Ok(0)),
        (json!([one]), Err(InvalidKeySet::NotAKeySet)),
        (json!(one), Err(InvalidKeySet::NotAKeySet)),
        (json!({"keys": {"a": one}}), Err(InvalidKeySet::NotAKeySet)),
        (json!({"keys": null}), Err(InvalidKeySet::NotAKeySet)),
        (json!("keys"), Err(InvalidKeySet::NotAKeySet)),
        (json!({"keys": many(65)}), Err(InvalidKeySet::TooManyKeys(65))),
    ] {
        assert_eq!(parse(&set, Origin::Url).map(|set| set.keys.len()), expected, "{set}");
    }
    let good = published("eddsa");
    let mut unnamed = published("another");
    unnamed["kid"] = json!("eddsa");
    let twice = json!({"keys": [good, unnamed]});
    assert_eq!(
        parse(&twice, Origin::Url).unwrap_err(),
        InvalidKeySet::Duplicate(Excerpt::of("eddsa"))
    );
    unnamed.as_object_mut().unwrap().remove("kid");
    let alone = parse(&json!({"keys": [unnamed]}), Origin::Url).unwrap();
    assert_eq!(alone.keys[0].kid(), None);
    let beside = json!({"keys": [good, unnamed]});
    assert_eq!(parse(&beside, Origin::Url).unwrap_err(), InvalidKeySet::Unnamed);
    // A key that cannot be used needs no name.
    let beside = json!({"keys": [good, {"kty": "EC", "crv": "secp256k1"}, {"kty": "oct"}]});
    assert_eq!(parse(&beside, Origin::Url).unwrap().keys.len(), 1);
}

#[test]
fn texts_that_are_no_set() {
    let deep = format!("{{\"keys\":{}1{}}}", "[".repeat(500), "]".repeat(500));
    for text in ["", "{", "<html>", "null", "{}", "\u{feff}{\"keys\":[]}", &deep] {
        let result = KeySet::parse(text.as_bytes(), &Algorithm::ALL, Origin::Url);
        assert_eq!(result.unwrap_err(), InvalidKeySet::NotAKeySet, "{text}");
    }
    let long = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(KEY_SET_BYTES_MAX));
    let result = KeySet::parse(long.as_bytes(), &Algorithm::ALL, Origin::Url);
    assert_eq!(result.unwrap_err(), InvalidKeySet::TooLong);
}

#[test]
fn a_file_may_hold_shared_secrets() {
    let set = json!({"keys": [{"kty": "oct", "k": text(&[7; 32]), "kid": "h", "alg": "HS256"}]});
    assert_eq!(parse(&set, Origin::File).unwrap().keys.len(), 1);
    let short = json!({"keys": [{"kty": "oct", "k": text(&[7; 31])}]});
    let skipped = parse(&short, Origin::File).unwrap().skipped;
    assert_eq!(skipped[0].why, Unusable::Key(InvalidKey::ShortSecret));
    // RS256 alone is allowed: the secret is for an algorithm that is not.
    let text = set.to_string();
    let set = KeySet::parse(text.as_bytes(), &[Algorithm::RS256], Origin::File).unwrap();
    assert_eq!(set.skipped[0].why, Unusable::OtherAlgorithm);
}

/// Trying every key of a set for a token that names none would be work that anybody can ask for.
#[test]
fn with_several_keys_a_token_must_name_its_own() {
    let token = recorded().into_iter().find(|one| one.alg == "EdDSA").unwrap().token;
    let (good, other) = (published("eddsa"), published("another"));
    let alone = verifier(&json!({"keys": [good]}), &Algorithm::ALL);
    assert!(alone.verify(&token, NOW).is_ok());
    let both = verifier(&json!({"keys": [good, other]}), &Algorithm::ALL);
    let expected = Err(Refusal::KeyOfOtherAlgorithm(Algorithm::EdDSA));
    assert_eq!(both.verify(&token, NOW), expected);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = KeySet::parse(&bytes, &Algorithm::ALL, Origin::Url);
    }

    #[test]
    fn any_members_are_read_or_skipped(
        kty in "RSA|EC|OKP|oct|.{0,3}", crv in "P-256|P-384|Ed25519|.{0,3}",
        n in "[A-Za-z0-9_-]{0,90}",
        e in "[A-Za-z0-9_-]{0,8}", x in "[A-Za-z0-9_-]{43}", y in "[A-Za-z0-9_-]{43}",
    ) {
        let key = json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": x, "y": y, "k": n});
        let set = parse(&json!({"keys": [key]}), Origin::File).unwrap();
        // An RSA key of this size is weak, and a made-up point is on its curve half of the time.
        prop_assert!(kty != "RSA" || set.keys.is_empty());
    }
}
