//! Who may sign JWTs, and the local key that `rowhouse token` signs with.

use std::collections::BTreeSet;
use std::time::Duration;

use rowhouse_tenancy::jwt::{
    Algorithm, InvalidConfig, LEEWAY_S_MAX, Signer, VerificationKey, Verifier, VerifierConfig,
};

use super::Token;
use super::reader::Section;
use super::reader::secret::SECRET;

/// What `[jwt]` says.
pub struct Tokens {
    /// `None`: no keys, so no tokens.
    pub verifier: Option<Verifier>,
    /// For `[token]`, which need not repeat them.
    pub audience: Option<String>,
    pub issuer: Option<String>,
    pub tenant_claim: String,
}

/// `[jwt]` with its keys.
pub fn jwt(section: &Section<'_>) -> Tokens {
    let audiences = section.texts("audience");
    let issuer = section.text("issuer");
    let tenant_claim = section.required_text("tenant_claim");
    let leeway = section.duration("leeway", Duration::ZERO..=Duration::from_secs(LEEWAY_S_MAX));
    let mut kids = BTreeSet::new();
    let keys = section.sections("key", |section| key(section, &mut kids));

    let audience = audiences.first().cloned();
    let config = VerifierConfig {
        audiences,
        issuer: issuer.clone(),
        tenant_claim: tenant_claim.clone(),
        leeway_s: leeway.as_secs(),
        keys: keys.iter().flatten().cloned().collect(),
    };
    let verifier = Verifier::new(config).map_err(|error| {
        // Without keys nothing is verified, and an audience is not needed.
        let (key, matters) = match error {
            InvalidConfig::NoAudience => ("audience", !keys.is_empty()),
            InvalidConfig::EmptyIssuer => ("issuer", true),
            InvalidConfig::TenantClaim => ("tenant_claim", !tenant_claim.is_empty()),
            InvalidConfig::Leeway => ("leeway", true),
        };
        if matters {
            section.problem(key, error.to_string());
        }
    });
    let verifier = verifier.ok().filter(|_| !keys.is_empty());
    Tokens { verifier, audience, issuer, tenant_claim }
}

/// `[token]`.
pub fn token(section: &Section<'_>, jwt: &Tokens) -> Option<Token> {
    let kid = section.text("kid");
    let secret = section.required_secret(&SECRET);
    let audience = section.text("audience").or_else(|| jwt.audience.clone());
    let issuer = section.text("issuer").or_else(|| jwt.issuer.clone());

    if audience.is_none() {
        section.problem("audience", "is needed, here or in [jwt]: what tokens are made for");
    }
    let signer = Signer::hs256(&secret?, kid.as_deref())
        .map_err(|error| section.problem(SECRET.inline, error.to_string()));
    let tenant_claim = jwt.tenant_claim.clone();
    Some(Token { signer: signer.ok()?, audience: audience?, issuer, tenant_claim })
}

fn key(section: &Section<'_>, kids: &mut BTreeSet<String>) -> Option<VerificationKey> {
    let kid = section.text("kid");
    let algorithms = [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];
    let algorithm = section.word("algorithm", &algorithms.map(|one| (one.as_str(), one)));
    let secret = section.optional_secret(&SECRET);
    let public_key = section.text("public_key");
    let public_key_file = section.text("public_key_file");

    if let Some(kid) = &kid {
        section.unique("kid", kid, kids);
    }
    if algorithm.is_none() && !section.has("algorithm") {
        section.problem("algorithm", "is needed: \"RS256\", \"ES256\", \"EdDSA\" or \"HS256\"");
    }
    let shared = [SECRET.inline, SECRET.file, SECRET.variable].map(|key| section.has(key));
    let public = [public_key.is_some(), public_key_file.is_some()];
    let (material, key) = match (algorithm?, shared.contains(&true), public) {
        (Algorithm::HS256, true, [false, false]) => (secret?.expose().to_owned(), SECRET.inline),
        (Algorithm::HS256, ..) => {
            let message = "HS256 needs secret, secret_file or secret_env, and no public key";
            section.problem("algorithm", message);
            return None;
        }
        (_, false, [true, false]) => (public_key?, "public_key"),
        (_, false, [false, true]) => {
            let key = "public_key_file";
            (section.file_text(key, &public_key_file?)?, key)
        }
        (algorithm, ..) => {
            let message = format!(
                "{} needs public_key or public_key_file, and no secret",
                algorithm.as_str()
            );
            section.problem("algorithm", message);
            return None;
        }
    };
    let key_of = VerificationKey::new(kid, algorithm?, material.as_bytes());
    key_of.map_err(|error| section.problem(key, error.to_string())).ok()
}
