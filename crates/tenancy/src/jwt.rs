//! A JSON Web Token becomes a tenant principal, or the reason why not.
//!
//! The rules are RFC 7519 (claims), RFC 7515 (signature) and RFC 8725 (what goes wrong in
//! practice): a key belongs to one algorithm and the header cannot choose another, `exp` and `aud`
//! are required, a claim of the wrong type is a refusal and never counts as absent.

mod algorithm;
mod claims;
mod compact;
mod issuers;
mod key;
mod key_set;
mod refusal;
mod sign;

use std::sync::Arc;

use crate::excerpt::Excerpt;
use crate::ids::TenantId;
use crate::principal::Principal;

pub use algorithm::Algorithm;
pub use compact::Unverified;
pub(crate) use issuers::ISSUER_MARK_BYTES;
pub use issuers::{IssuerMark, Issuers, Proof, Verified};
pub use key::{HMAC_SECRET_BYTES_MIN, InvalidKey, KeyMark, PEM_BYTES_MAX, VerificationKey};
pub use key_set::{
    InvalidKeySet, KEY_SET_BYTES_MAX, KEY_SET_KEYS_MAX, KeySet, Origin, Skipped, Unusable,
};
pub use refusal::{InvalidConfig, Refusal};
pub use sign::{Signer, TokenClaims};

/// Real tokens have 0.5 to 2 KiB; what is longer is refused before it is decoded.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Clocks of issuer and gateway may differ by this much unless configured.
pub const LEEWAY_S_DEFAULT: u64 = 30;

/// More than five minutes is a clock to repair, not a leeway to grant.
pub const LEEWAY_S_MAX: u64 = 300;

/// The claim that holds the tenant unless configured.
pub const TENANT_CLAIM_DEFAULT: &str = "tenant_id";

/// The claim that holds the audience unless configured (RFC 7519 section 4.1.3).
pub const AUDIENCE_CLAIM_DEFAULT: &str = "aud";

/// The claim that holds the role unless configured.
pub const ROLE_CLAIM_DEFAULT: &str = "role";

/// What the tokens of one issuer must fulfil.
///
/// Claims are named by a plain name, or by a JSON pointer (RFC 6901) when it begins with `/`, as
/// `/app_metadata/tenant`.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// A token is for us when its audience names one of these; never empty.
    pub audiences: Vec<String>,
    /// The claim that holds the audience: `aud`, but for issuers that leave it out.
    pub audience_claim: String,
    /// When given, `iss` must be exactly this.
    pub issuer: Option<String>,
    /// The claim that holds the tenant.
    pub tenant_claim: String,
    /// The tenants that the issuer may vouch for; empty: all. A customer's own issuer can write any
    /// tenant into its tokens, and must not become another customer by that.
    pub tenants: Vec<TenantId>,
    /// The claim that holds the one database role the caller may use; `None`: none does.
    pub role_claim: Option<String>,
    /// The claim that holds the tenant's tier; `None`: none does.
    pub tier_claim: Option<String>,
    /// Tolerance for clocks that differ, at most [`LEEWAY_S_MAX`].
    pub leeway_s: u64,
    /// The keys of the issuer that the configuration holds. With none every token is refused, which
    /// is right while a key set has not been fetched yet.
    pub keys: Vec<VerificationKey>,
}

/// Checks the tokens of one issuer. It is immutable: a changed key set is a new verifier.
#[derive(Clone, Debug)]
pub struct Verifier {
    config: Arc<VerifierConfig>,
    /// What its key set held when it was fetched last.
    fetched: Arc<[VerificationKey]>,
}

impl Verifier {
    /// Checks the configuration once, so that [`Verifier::verify`] only has tokens to doubt.
    pub fn new(config: VerifierConfig) -> Result<Self, InvalidConfig> {
        if config.audiences.is_empty() || config.audiences.iter().any(String::is_empty) {
            return Err(InvalidConfig::NoAudience);
        }
        if config.issuer.as_deref() == Some("") {
            return Err(InvalidConfig::EmptyIssuer);
        }
        for (name, claim) in [
            ("audience_claim", Some(&config.audience_claim)),
            ("tenant_claim", Some(&config.tenant_claim)),
            ("role_claim", config.role_claim.as_ref()),
            ("tier_claim", config.tier_claim.as_ref()),
        ] {
            if claim.is_some_and(|claim| !claims::is_claim_path(claim)) {
                return Err(InvalidConfig::Claim(name));
            }
        }
        if config.leeway_s > LEEWAY_S_MAX {
            return Err(InvalidConfig::Leeway);
        }
        Ok(Self { config: Arc::new(config), fetched: Arc::default() })
    }

    /// The `iss` of its tokens; `None` takes any.
    pub fn issuer(&self) -> Option<&str> {
        self.config.issuer.as_deref()
    }

    /// The same with other fetched keys.
    #[must_use]
    pub fn with_fetched(&self, keys: Vec<VerificationKey>) -> Self {
        Self { config: Arc::clone(&self.config), fetched: keys.into() }
    }

    /// The principal that `token` proves at `now` (Unix seconds).
    pub fn verify(&self, token: &str, now: u64) -> Result<Principal, Refusal> {
        self.check(&Unverified::read(token)?, now).map(|(principal, _)| principal)
    }

    /// The principal that a token proves at `now`, and with which key.
    ///
    /// Nothing of the claims counts before the signature holds.
    fn check(&self, token: &Unverified<'_>, now: u64) -> Result<(Principal, KeyMark), Refusal> {
        let key = self.check_signature(token)?;
        let (config, claims) = (&*self.config, token.claims());
        let expires_at = claims.check_times(now, config.leeway_s)?;
        claims.check_audience(&config.audience_claim, &config.audiences)?;
        claims.check_issuer(config.issuer.as_deref())?;
        Ok((claims.principal(config, expires_at)?, key))
    }

    fn check_signature(&self, token: &Unverified<'_>) -> Result<KeyMark, Refusal> {
        let algorithm = Algorithm::parse(token.algorithm())
            .ok_or_else(|| Refusal::Algorithm(Excerpt::of(token.algorithm())))?;
        let mut named = self.keys().filter(|key| key.answers_to(token.kid()));
        let mut fitting = named.clone().filter(|key| key.algorithm() == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(match (token.kid(), named.next()) {
                (Some(kid), None) => Refusal::UnknownKey(Excerpt::of(kid)),
                _ => Refusal::KeyOfOtherAlgorithm(algorithm),
            });
        }
        let signer = fitting.find(|key| token.is_signed_by(key));
        signer.map(VerificationKey::mark).ok_or(Refusal::Signature)
    }

    fn keys(&self) -> impl Iterator<Item = &VerificationKey> + Clone {
        self.config.keys.iter().chain(self.fetched.iter())
    }
}

#[cfg(test)]
mod tests;
