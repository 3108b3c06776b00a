//! Issuers: what they take from `[jwt]`, and what is wrong with them.

use super::*;

const KEY: &str = "algorithm = 'HS256'\nsecret = 'hunter2-hunter2-hunter2-hunter2-hunter2'";

/// What stands below [`LEAST`] (so from line 5 on), and all that is wrong with it.
const CASES: &[(&str, &str)] = &[
    ("[[issuer]]\nissuer = 'a'\naudience = 'b'\njwks_url = 'https://a.example/keys'", "none"),
    ("[jwt]\nissuer = 'a'\naudience = 'b'\njwks_url = 'https://a.example/keys'", "none"),
    (
        "[jwt]\naudience = 'b'\n[[issuer]]\nissuer = 'a'\njwks_url = 'https://[2a00::1]:8443'",
        "none",
    ),
    (
        "[jwt]\ntenants = ['a', '', 'c']\n[[issuer]]\nissuer = 'a'\naudience = 'b'\n\
         jwks_url = 'https://a.example/keys'\ntenants = []",
        "rowhouse.toml:6: jwt.tenants: \"\": it is empty; give at least one character\n\
         rowhouse.toml:11: issuer[0].tenants: is empty: name a tenant, or take this out to allow \
         all",
    ),
    (
        "[[issuer]]\naudience = 'b'",
        "rowhouse.toml:5: issuer[0].issuer: is needed: add it\n\
         rowhouse.toml:5: issuer[0].jwks_url: is needed, or jwks_file, or an [[issuer.key]]: who \
         signs the tokens",
    ),
    (
        "[[issuer]]\nissuer = 'a'\njwks_url = 'https://a.example/'\n\
         [[issuer]]\nissuer = 'a'\njwks_url = 'https://a.example/'\naudience = ''",
        "rowhouse.toml:5: issuer[0].audience: no audience is configured; name the aud value that \
         the issuer puts into tokens for this gateway\n\
         rowhouse.toml:9: issuer[1].issuer: is there already: each must be different\n\
         rowhouse.toml:11: issuer[1].audience: no audience is configured; name the aud value that \
         the issuer puts into tokens for this gateway",
    ),
    (
        "[jwt]\naudience = 'b'\njwks_url = 'https://a.example/keys'\nissuers = 'a'",
        "rowhouse.toml:5: jwt.issuer: is needed with jwks_url: the iss of the tokens that this \
         key set is for\n\
         rowhouse.toml:8: jwt.issuers: unknown key; did you mean issuer?",
    ),
    (
        "[[issuer]]\nissuer = 'a'\naudience = 'b'\njwks_url = 'http://a.example/keys'\n\
         tenant_claim = '/a~'\nleeway = '1h'\njwks_refresh = '1ms'\njwks_allow_private = 'yes'",
        "rowhouse.toml:8: issuer[0].jwks_url: must begin with https://: whoever is on the way \
         could put keys of their own into the set. http:// is for localhost, with \
         jwks_allow_private = true\n\
         rowhouse.toml:9: issuer[0].tenant_claim: this is neither a claim name nor a JSON pointer; \
         write tenant_id or /app_metadata/tenant_id\n\
         rowhouse.toml:10: issuer[0].leeway: must be a duration such as \"45s\" (units ms, s, min, \
         h), from 0s to 5min, not \"1h\"\n\
         rowhouse.toml:11: issuer[0].jwks_refresh: must be a duration such as \"45s\" (units ms, \
         s, min, h), from 1s to 24h, not \"1ms\"\n\
         rowhouse.toml:12: issuer[0].jwks_allow_private: must be true or false, not \"yes\"",
    ),
    (
        "[[issuer]]\nissuer = 'a'\naudience = 'b'\njwks_url = 'https://a.example/keys'\n\
         algorithms = ['HS256', 'none', 'HS256']\njwks_ca_file = 'nowhere.pem'",
        "rowhouse.toml:9: issuer[0].algorithms: \"none\" must be one of HS256, RS256, RS384, \
         RS512, PS256, PS384, PS512, ES256, ES384, EdDSA\n\
         rowhouse.toml:9: issuer[0].algorithms: \"HS256\" is there twice\n\
         rowhouse.toml:9: issuer[0].algorithms: HS256 is never taken from jwks_url: a secret on a \
         page is none. Take it out, or write the secret into a key of this issuer\n\
         rowhouse.toml:10: issuer[0].jwks_ca_file: cannot read nowhere.pem: No such file or \
         directory (os error 2)",
    ),
    (
        "[[issuer]]\nissuer = 'a'\naudience = 'b'\njwks_file = 'nowhere.json'\n\
         algorithms = 'RS256'\n\
         [[issuer.key]]\nkid = 'k'\nalgorithm = 'HS256'\n\
         secret = 'hunter2-hunter2-hunter2-hunter2-hunter2'\n[[issuer.key]]\nkid = 'k'\n\
         algorithm = 'ES512'",
        "rowhouse.toml:8: issuer[0].jwks_file: cannot read nowhere.json: No such file or directory \
         (os error 2)\n\
         rowhouse.toml:12: issuer[0].key[0].algorithm: is not among the algorithms of this issuer: \
         add it there\n\
         rowhouse.toml:15: issuer[0].key[1].kid: is there already: each must be different\n\
         rowhouse.toml:16: issuer[0].key[1].algorithm: must be one of \"HS256\", \"RS256\", \
         \"RS384\", \"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"EdDSA\", \
         not \"ES512\"",
    ),
];

/// URLs that are none for a key set, with `jwks_allow_private` and without.
const URLS: &[&str] = &[
    "",
    "/keys",
    "a.example/keys",
    "ftp://a.example/keys",
    "https://",
    "https:///keys",
    "https://user@a.example/keys",
    "https://user:password@a.example/",
    "https://a.example/#b",
    "https://a.example:99999/",
    "https://a.example:0/",
    "https://a.example:/",
    "https://a b/",
    "http://10.0.0.1/",
    "http://169.254.169.254/keys",
    "http://localhost.example/keys",
    "http://a.localhost/",
    "https://a.example\\@b.example/",
];

#[test]
fn issuers() {
    for (more, expected) in CASES {
        assert_eq!(problems(&with(more), &[]), *expected, "{more}");
    }
}

#[test]
fn urls() {
    for url in URLS {
        for private in [true, false] {
            let more = format!(
                "[[issuer]]\nissuer = 'a'\naudience = 'b'\njwks_url = '{url}'\n\
                 jwks_allow_private = {private}"
            );
            let found = problems(&with(&more), &[]);
            assert!(
                found.starts_with("rowhouse.toml:8: issuer[0].jwks_url: must "),
                "{url}: {found}"
            );
            assert_eq!(found.lines().count(), 1, "{found}");
        }
    }
    for url in ["http://localhost:80/keys", "http://127.0.0.2/", "http://[::1]:1/a?b"] {
        let more = |private: bool| {
            let block = "[[issuer]]\nissuer = 'a'\naudience = 'b'";
            with(&format!("{block}\njwks_url = '{url}'\njwks_allow_private = {private}"))
        };
        assert_eq!(problems(&more(true), &[]), "none");
        assert_ne!(problems(&more(false), &[]), "none");
    }
}

#[test]
fn what_is_not_repeated() {
    let text = with(&format!(
        "[jwt]\naudience = ['b', 'c']\nleeway = '7s'\ntenant_claim = 't'\nrole_claim = ''\n\
         issuer = 'local'\n[[jwt.key]]\n{KEY}\n\
         [[issuer]]\nissuer = 'a'\njwks_url = 'https://a.example/keys'\ntier_claim = '/x/tier'\n\
         algorithms = ['PS256']\n[[issuer]]\nissuer = 'b'\naudience = 'd'\n[[issuer.key]]\n{KEY}"
    ));
    let Loaded { config, listing, .. } = loaded(&text, &[("ROWHOUSE_JWT__LEEWAY", "8s")]);
    let names: Vec<_> = config.issuers.iter().map(|issuer| issuer.name.as_str()).collect();
    assert_eq!(names, ["local", "a", "b"]);
    let shown: Vec<_> = config.issuers.iter().map(|issuer| format!("{issuer:?}")).collect();
    for (number, expected) in [
        (0, r#"audiences: ["b", "c"], audience_claim: "aud", issuer: Some("local")"#),
        (1, r#"audiences: ["b", "c"], audience_claim: "aud", issuer: Some("a")"#),
        (1, r#"tenant_claim: "t", tenants: [], role_claim: None"#),
        (1, r#"tier_claim: Some("/x/tier"), leeway_s: 8"#),
        (1, "refresh: 300s, allow_private: false, allowed: [PS256]"),
        (2, r#"audiences: ["d"], audience_claim: "aud", issuer: Some("b")"#),
    ] {
        assert!(shown[number].contains(expected), "{expected}: {}", shown[number]);
    }
    assert!(listing.contains("[[issuer.key]]\n") && !listing.contains("hunter2"), "{listing}");
    assert!(listing.contains("algorithms = [\"PS256\"] # rowhouse.toml:"), "{listing}");
}

#[test]
fn a_single_issuer_can_come_from_the_environment() {
    let environment = [
        ("ROWHOUSE_JWT__ISSUER", "https://a.example"),
        ("ROWHOUSE_JWT__AUDIENCE", "b"),
        ("ROWHOUSE_JWT__JWKS_URL", "http://localhost:1/keys"),
        ("ROWHOUSE_JWT__JWKS_ALLOW_PRIVATE", "true"),
        ("ROWHOUSE_JWT__ALGORITHMS", "RS256, PS256"),
    ];
    let config = loaded(LEAST, &environment).config;
    let source = config.issuers[0].key_set.as_ref().unwrap();
    assert!(source.allow_private && source.allowed.len() == 2);
}
