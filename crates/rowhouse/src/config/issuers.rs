//! Who may sign JWTs, and what their tokens must say.

use std::collections::BTreeSet;
use std::time::Duration;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::jwt::{
    AUDIENCE_CLAIM_DEFAULT, InvalidConfig, LEEWAY_S_DEFAULT, LEEWAY_S_MAX, ROLE_CLAIM_DEFAULT,
    TENANT_CLAIM_DEFAULT, Verifier, VerifierConfig,
};

use super::Issuer;
use super::key_sets::{self, Keys};
use super::reader::Section;

/// What `[jwt]` says.
pub struct Jwt {
    /// The issuer that its keys make it.
    pub issuer: Option<Issuer>,
    /// What an `[[issuer]]` or `[token]` need not repeat.
    pub rules: Rules,
}

/// What tokens must say, and where.
pub struct Rules {
    /// What `aud` must name one of.
    pub audiences: Vec<String>,
    /// Where the audience stands.
    pub audience_claim: String,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// Where the tenant stands.
    pub tenant_claim: String,
    /// The tenants that the issuer may vouch for; empty: all.
    tenants: Vec<TenantId>,
    /// Where the role stands, if it does.
    pub role_claim: Option<String>,
    /// Where the tier stands, if it does.
    pub tier_claim: Option<String>,
    leeway: Duration,
}

/// `[jwt]`: an issuer when it has keys, and what the others need not repeat.
pub fn jwt(section: &Section<'_>, names: &mut BTreeSet<String>) -> Jwt {
    let name = section.text("issuer");
    let rules = Rules::read(section, name, &Rules::default());
    let keys = key_sets::keys(section);
    if keys.is_url && rules.issuer.is_none() {
        let message = "is needed with jwks_url: the iss of the tokens that this key set is for";
        section.problem("issuer", message);
    }
    if let Some(name) = rules.issuer.as_ref().filter(|_| keys.any) {
        section.unique("issuer", name, names);
    }
    let any = keys.any;
    let issuer = issuer_of(section, &rules, keys).filter(|_| any);
    Jwt { issuer, rules }
}

/// One `[[issuer]]`.
pub fn issuer(section: &Section<'_>, jwt: &Rules, names: &mut BTreeSet<String>) -> Option<Issuer> {
    let name = Some(section.required_text("issuer")).filter(|name| !name.is_empty());
    let rules = Rules::read(section, name, jwt);
    let keys = key_sets::keys(section);
    if let Some(name) = &rules.issuer {
        section.unique("issuer", name, names);
    }
    if !keys.any {
        let message = "is needed, or jwks_file, or an [[issuer.key]]: who signs the tokens";
        section.problem("jwks_url", message);
    }
    issuer_of(section, &rules, keys)
}

impl Rules {
    fn read(section: &Section<'_>, issuer: Option<String>, or: &Rules) -> Rules {
        let audiences = section.texts("audience");
        let text = |key, or: &str| section.text(key).unwrap_or_else(|| or.to_owned());
        // An empty name turns a claim off.
        let optional = |key, or: &Option<String>| {
            let name = section.text(key).or_else(|| or.clone());
            name.filter(|name| !name.is_empty())
        };
        let leeway_max = Duration::from_secs(LEEWAY_S_MAX);
        Rules {
            audiences: if audiences.is_empty() { or.audiences.clone() } else { audiences },
            audience_claim: text("audience_claim", &or.audience_claim),
            issuer,
            tenant_claim: text("tenant_claim", &or.tenant_claim),
            tenants: tenants(section),
            role_claim: optional("role_claim", &or.role_claim),
            tier_claim: optional("tier_claim", &or.tier_claim),
            leeway: section
                .optional_duration("leeway", Duration::ZERO..=leeway_max)
                .unwrap_or(or.leeway),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            audiences: Vec::new(),
            audience_claim: AUDIENCE_CLAIM_DEFAULT.to_owned(),
            issuer: None,
            tenant_claim: TENANT_CLAIM_DEFAULT.to_owned(),
            tenants: Vec::new(),
            role_claim: Some(ROLE_CLAIM_DEFAULT.to_owned()),
            tier_claim: None,
            leeway: Duration::from_secs(LEEWAY_S_DEFAULT),
        }
    }
}

/// Of this section alone: what one issuer may vouch for says nothing about another.
fn tenants(section: &Section<'_>) -> Vec<TenantId> {
    let texts = section.texts("tenants");
    let mut tenants = Vec::with_capacity(texts.len());
    for text in &texts {
        match TenantId::parse(text) {
            Ok(tenant) => tenants.push(tenant),
            Err(error) => section.problem("tenants", format!("{text:?}: {error}")),
        }
    }
    if texts.is_empty() && section.has("tenants") {
        section.problem("tenants", "is empty: name a tenant, or take this out to allow all");
    }
    tenants
}

fn issuer_of(section: &Section<'_>, rules: &Rules, keys: Keys) -> Option<Issuer> {
    let any = keys.any;
    let config = VerifierConfig {
        audiences: rules.audiences.clone(),
        audience_claim: rules.audience_claim.clone(),
        issuer: rules.issuer.clone(),
        tenant_claim: rules.tenant_claim.clone(),
        tenants: rules.tenants.clone(),
        role_claim: rules.role_claim.clone(),
        tier_claim: rules.tier_claim.clone(),
        leeway_s: rules.leeway.as_secs(),
        keys: keys.local,
    };
    let verifier = Verifier::new(config).map_err(|error| {
        // Without keys nothing is verified, and an audience is not needed.
        let (key, matters) = match error {
            InvalidConfig::NoAudience => ("audience", any),
            InvalidConfig::EmptyIssuer => ("issuer", true),
            InvalidConfig::Claim(key) => (key, true),
            InvalidConfig::Leeway => ("leeway", true),
        };
        if matters {
            section.problem(key, error.to_string());
        }
    });
    let name = rules.issuer.clone().unwrap_or_else(|| "any".to_owned());
    Some(Issuer { name, verifier: verifier.ok()?, key_set: keys.key_set })
}
