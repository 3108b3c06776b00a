//! What is sealed comes back as it was, or not at all.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::ids::{TIER_BYTES_MAX, TierName};
use crate::jwt::IssuerMark;

#[test]
fn round_trips() {
    let role = RoleName::parse("reader").unwrap();
    let longest = TenantId::parse(&"ü".repeat(127)).unwrap();
    for principal in [
        tenant("1"),
        tenant("1").with_role(role.clone()),
        tenant("1").with_tier(TierName::parse("gold").unwrap()),
        Principal::for_tenant(longest.clone(), "").expiring_at(END),
        Principal::for_tenant(longest, &"s".repeat(255)).with_role(role).expiring_at(END),
    ] {
        let credentials = sealed(&principal);
        let id = &credentials.access_key_id;
        let session = keys().open(&credentials.session_token, id, NOW).unwrap();
        assert_eq!(session.principal(), &principal);
        assert_eq!((session.assumed(), session.issuer()), (&assumed(), None));
        assert_eq!(session.secret_access_key(), &credentials.secret_access_key);
        assert_eq!(credentials.expires_at, END);
    }
}

#[test]
fn they_look_like_those_of_aws() {
    let credentials = sealed(&tenant("1"));
    let id = credentials.access_key_id.as_str();
    assert!(id.starts_with("ASIA") && id.len() == 20, "{id}");
    assert!(id.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)));
    assert_eq!(credentials.secret_access_key.expose().len(), 40);
}

#[test]
fn the_longest_token_is_within_the_limit() {
    let name = "n".repeat(64);
    let role = format!("arn:aws-us-gov-aaaaa:iam::123456789012:role/{name}");
    let assumed = RoleArn::parse(&role).unwrap().assumed_as(&SessionName::parse(&name).unwrap());
    let principal =
        Principal::for_tenant(TenantId::parse(&"t".repeat(255)).unwrap(), &"s".repeat(255))
            .with_role(RoleName::parse(&"r".repeat(63)).unwrap())
            .with_tier(TierName::parse(&"g".repeat(TIER_BYTES_MAX)).unwrap())
            .expiring_at(u64::MAX);
    let mark = IssuerMark([255; 8]);
    let credentials = keys().seal(&principal, &assumed, Some(mark), [0; NONCE_BYTES]).unwrap();
    assert!(credentials.session_token.len() < 1300, "{}", credentials.session_token.len());
    let id = &credentials.access_key_id;
    let session = keys().open(&credentials.session_token, id, NOW).unwrap();
    assert_eq!((session.principal(), session.assumed()), (&principal, &assumed));
    assert_eq!(session.issuer(), Some(mark));
}

#[test]
fn every_changed_character_breaks_the_seal() {
    let credentials = sealed(&tenant("1"));
    let (token, id) = (credentials.session_token.as_str(), credentials.access_key_id.as_str());
    for at in 0..token.len() {
        for other in ['A', 'B', '_', '=', ' ', 'é'] {
            let mut changed: Vec<char> = token.chars().collect();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let changed: String = changed.into_iter().collect();
            assert!(keys().open(&changed, id, NOW).is_err(), "{at} {other}");
        }
        assert!(keys().open(&token[..at], id, NOW).is_err(), "cut at {at}");
        assert!(keys().open(&token[at + 1..], id, NOW).is_err(), "without its first {at}");
    }
}

#[test]
fn refused() {
    let credentials = sealed(&tenant("1"));
    let token = credentials.session_token.as_str();
    let longer = format!("{token}AAAA");
    let too_long = "A".repeat(SESSION_TOKEN_BYTES_MAX + 1);
    let other_version = format!("Ag{}", &token[2..]);
    for (token, expected) in [
        ("", Refusal::NotAToken),
        ("unsigned", Refusal::NotAToken),
        ("..", Refusal::NotAToken),
        (too_long.as_str(), Refusal::TooLong(SESSION_TOKEN_BYTES_MAX + 1)),
        (other_version.as_str(), Refusal::NotAToken),
        (longer.as_str(), Refusal::Broken),
    ] {
        let refusal = keys().open(token, &credentials.access_key_id, NOW).unwrap_err();
        assert_eq!(refusal, expected, "{token}");
    }
    for id in ["", "ASIA", "ROWHOUSEDEV", &sealed(&tenant("2")).access_key_id] {
        assert_eq!(keys().open(token, id, NOW).unwrap_err(), Refusal::AccessKeyId, "{id}");
    }
}

#[test]
fn they_end_with_their_second() {
    let credentials = sealed(&tenant("1"));
    let (token, id) = (credentials.session_token.as_str(), credentials.access_key_id.as_str());
    let session = keys().open(token, id, END - 1).unwrap();
    assert_eq!(session.check(id, END - 1), Ok(()));
    for now in [END, END + 1, u64::MAX] {
        assert_eq!(keys().open(token, id, now).unwrap_err(), Refusal::Expired(END));
        assert_eq!(session.check(id, now), Err(Refusal::Expired(END)));
    }
}

#[test]
fn keys_rotate() {
    let (old, id) = {
        let keys = SealingKeys::new(vec![first()]).unwrap();
        let credentials = keys.seal(&tenant("1"), &assumed(), None, [1; NONCE_BYTES]).unwrap();
        (credentials.session_token, credentials.access_key_id)
    };
    let second = || key("the second key, of 32 bytes or more");
    let both = SealingKeys::new(vec![second(), first()]).unwrap();
    assert!(both.open(&old, &id, NOW).is_ok());
    let new = both.seal(&tenant("1"), &assumed(), None, [1; NONCE_BYTES]).unwrap();
    let after = SealingKeys::new(vec![second()]).unwrap();
    assert!(after.open(&new.session_token, &new.access_key_id, NOW).is_ok());
    assert_eq!(after.open(&old, &id, NOW).unwrap_err(), Refusal::UnknownKey);
    // A key id is public: who puts a known one before content of its own gets no further.
    let mut forged = URL_SAFE_NO_PAD.decode(&old).unwrap();
    let known = URL_SAFE_NO_PAD.decode(&new.session_token).unwrap();
    forged[1..9].copy_from_slice(&known[1..9]);
    let forged = URL_SAFE_NO_PAD.encode(forged);
    assert_eq!(after.open(&forged, &id, NOW).unwrap_err(), Refusal::Broken);
}

#[test]
fn nothing_is_shared_between_two_sealings() {
    let mut seen = HashSet::new();
    for nonce in 0..100 {
        let credentials =
            keys().seal(&tenant("1"), &assumed(), None, [nonce; NONCE_BYTES]).unwrap();
        assert!(seen.insert(credentials.access_key_id));
        assert!(seen.insert(credentials.secret_access_key.expose().to_owned()));
        assert!(seen.insert(credentials.session_token));
    }
}

#[test]
fn only_tenants_with_an_end_are_sealed() {
    let never = Principal::for_tenant(TenantId::parse("1").unwrap(), "");
    for (principal, expected) in [
        (Principal::for_app("a").expiring_at(END), Refusal::NotATenant),
        (Principal::for_admin("a").expiring_at(END), Refusal::NotATenant),
        (never, Refusal::Content),
    ] {
        let refusal = keys().seal(&principal, &assumed(), None, [0; NONCE_BYTES]).unwrap_err();
        assert_eq!(refusal, expected);
    }
}

#[test]
fn secrets_are_long_and_print_nothing() {
    let short = SealingKey::new(&Secret::from("31 bytes are not enough for it!"));
    assert_eq!(short.unwrap_err(), InvalidKey::Short);
    assert!(SealingKeys::new(Vec::new()).is_none());
    assert!(first().is_same_as(&first()) && !first().is_same_as(&key(&"k".repeat(32))));
    let credentials = sealed(&tenant("1"));
    let printed = format!("{:?} {credentials:?}", keys());
    assert!(!printed.contains("of 32 bytes"), "{printed}");
    assert!(!printed.contains(credentials.secret_access_key.expose()), "{printed}");
}
