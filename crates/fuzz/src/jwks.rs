//! Key sets, as issuers publish them: the first byte chooses where the set comes from.

use rowhouse_tenancy::jwt::{
    Algorithm, KEY_SET_KEYS_MAX, KeySet, Origin, Verifier, VerifierConfig,
};

const ALLOWED: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Reads a set, and verifies with its keys what none of them has signed.
pub fn jwks(data: &[u8]) {
    let Some((origin, text)) = data.split_first() else {
        return;
    };
    let origin = if origin & 1 == 0 { Origin::Url } else { Origin::File };
    let Ok(set) = KeySet::parse(text, &ALLOWED, origin) else {
        return;
    };
    assert!(set.keys.len() + set.skipped.len() <= KEY_SET_KEYS_MAX * ALLOWED.len());
    for key in &set.keys {
        // A public page makes no shared secrets, and a file only those that are allowed.
        assert!(ALLOWED.contains(&key.algorithm()), "{:?}", key.algorithm());
    }
    let named = set.keys.iter().filter_map(|key| Some((key.kid()?, key.algorithm())));
    let mut named: Vec<_> = named.map(|(kid, algorithm)| (kid, algorithm.as_str())).collect();
    let count = named.len();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), count, "two keys of one name and algorithm");
    let again = KeySet::parse(text, &ALLOWED, origin);
    assert!(again.is_ok_and(|again| again.keys.len() == set.keys.len()));
    let config = VerifierConfig {
        audiences: vec!["rowhouse".to_owned()],
        audience_claim: "aud".to_owned(),
        issuer: None,
        tenant_claim: "tenant_id".to_owned(),
        tenants: Vec::new(),
        role_claim: None,
        tier_claim: None,
        leeway_s: 0,
        keys: set.keys,
    };
    let verifier = Verifier::new(config);
    assert!(verifier.is_ok_and(|verifier| verifier.verify(TOKEN, 1_800_000_000).is_err()));
}

/// Header and claims that pass, and a signature of zeros.
const TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiJ9.",
    "eyJhdWQiOiJyb3dob3VzZSIsImV4cCI6MTgwMDAwMDA2MCwidGVuYW50X2lkIjoidDEifQ.",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
);
