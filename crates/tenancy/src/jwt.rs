//! A JSON Web Token becomes a tenant principal, or the reason why not.
//!
//! The rules are RFC 7519 (claims), RFC 7515 (signature) and RFC 8725 (what goes wrong in
//! practice): a key belongs to one algorithm and the header cannot choose another, `exp` and `aud`
//! are required, a claim of the wrong type is a refusal and never counts as absent.

mod claims;
mod key;
mod refusal;
mod sign;

use serde::Deserialize;

use crate::excerpt::Excerpt;
use crate::principal::Principal;
use claims::Claims;

pub use key::{Algorithm, HMAC_SECRET_BYTES_MIN, InvalidKey, PEM_BYTES_MAX, VerificationKey};
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

/// What a token must fulfil.
#[derive(Clone, Debug)]
pub struct VerifierConfig {
    /// A token is for us when its `aud` names one of these; never empty.
    pub audiences: Vec<String>,
    /// When given, `iss` must be exactly this.
    pub issuer: Option<String>,
    /// The claim that holds the tenant: a name, or a JSON pointer (RFC 6901) when it begins with
    /// `/`, as `/app_metadata/tenant`.
    pub tenant_claim: String,
    /// Tolerance for clocks that differ, at most [`LEEWAY_S_MAX`].
    pub leeway_s: u64,
    /// The keys of the issuers. With none every token is refused, which is right while a key set
    /// has not been fetched yet.
    pub keys: Vec<VerificationKey>,
}

/// Checks tokens. It is immutable: a changed key set is a new verifier.
#[derive(Clone, Debug)]
pub struct Verifier {
    config: VerifierConfig,
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
        if !claims::is_claim_path(&config.tenant_claim) {
            return Err(InvalidConfig::TenantClaim);
        }
        if config.leeway_s > LEEWAY_S_MAX {
            return Err(InvalidConfig::Leeway);
        }
        Ok(Self { config })
    }

    /// The principal that `token` proves at `now` (Unix seconds).
    ///
    /// Nothing of the claims is looked at before the signature holds.
    pub fn verify(&self, token: &str, now: u64) -> Result<Principal, Refusal> {
        let token = Compact::split(token)?;
        let header = token.header()?;
        self.check_signature(&header, &token)?;
        let claims = Claims::from_json(&key::decode_segment(token.payload, "payload")?)?;
        let expires_at = claims.check_times(now, self.config.leeway_s)?;
        claims.check_audience(&self.config.audiences)?;
        claims.check_issuer(self.config.issuer.as_deref())?;
        claims.principal(&self.config.tenant_claim, expires_at)
    }

    fn check_signature(&self, header: &Header, token: &Compact<'_>) -> Result<(), Refusal> {
        let algorithm = Algorithm::parse(&header.alg)
            .ok_or_else(|| Refusal::Algorithm(Excerpt::of(&header.alg)))?;
        let mut named = self.config.keys.iter().filter(|key| key.answers_to(header.kid.as_deref()));
        let mut fitting = named.clone().filter(|key| key.algorithm() == algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(match (&header.kid, named.next()) {
                (Some(kid), None) => Refusal::UnknownKey(Excerpt::of(kid)),
                _ => Refusal::KeyOfOtherAlgorithm(algorithm),
            });
        }
        if fitting.any(|key| key.verify(token.signed, token.signature)) {
            Ok(())
        } else {
            Err(Refusal::Signature)
        }
    }
}

/// The three segments of RFC 7515 section 7.1.
struct Compact<'a> {
    /// Header and payload with the dot between them: what the signature covers.
    signed: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

/// The header fields that decide; all others are hints that need not be believed.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "string_if_present")]
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    #[serde(default, deserialize_with = "anything_present")]
    crit: bool,
}

impl<'a> Compact<'a> {
    fn split(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong(token.len()));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::NotCompact)?;
        let segments = [header, payload, signature];
        // An empty signature is how unsecured tokens (RFC 7518, `alg` none) end.
        if segments.iter().any(|segment| segment.is_empty() || segment.contains('.')) {
            return Err(Refusal::NotCompact);
        }
        Ok(Self { signed, header, payload, signature })
    }

    fn header(&self) -> Result<Header, Refusal> {
        let bytes = key::decode_segment(self.header, "header")?;
        // The derived reader would also take a JSON array of the fields' values.
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Refusal::Malformed("header"));
        }
        let header: Header =
            serde_json::from_slice(&bytes).map_err(|_| Refusal::Malformed("header"))?;
        if header.crit {
            return Err(Refusal::CriticalExtension);
        }
        Ok(header)
    }
}

/// A `kid` that is there must be a string: `null` or a number is not "no key named".
fn string_if_present<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    String::deserialize(deserializer).map(Some)
}

fn anything_present<'de, D>(deserializer: D) -> Result<bool, D::Error>
where
    D: serde::Deserializer<'de>,
{
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

#[cfg(test)]
mod tests;
