//! Why a token or a configuration is refused: words for the log and the operator, never for the
//! caller.

use std::fmt;

use super::algorithm::Algorithm;
use super::{LEEWAY_S_MAX, TOKEN_BYTES_MAX};
use crate::excerpt::Excerpt;
use crate::ids::InvalidId;

/// Why a token is refused.
///
/// The text (`Display`) is for the log; a door answers every refusal with one and the same public
/// sentence, so that nobody learns from it how far a forged token came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More bytes than the limit.
    TooLong(usize),
    /// Not three non-empty segments with dots between them.
    NotCompact,
    /// A segment that is not base64url of what belongs there.
    Malformed(&'static str),
    /// The header lists extensions that must be understood.
    CriticalExtension,
    /// An algorithm that is not accepted at all, `none` among them.
    Algorithm(Excerpt),
    /// No key has the `kid` of the header.
    UnknownKey(Excerpt),
    /// There are keys, but none of the algorithm that the header names.
    KeyOfOtherAlgorithm(Algorithm),
    /// No fitting key made this signature.
    Signature,
    /// A required claim is not there.
    Missing(&'static str),
    /// A claim is there with a JSON type that it must not have.
    WrongType(&'static str),
    /// At or past `exp`.
    Expired(u64),
    /// Before `nbf`, or issued in the future.
    NotYet(&'static str),
    /// `aud` names none of our audiences.
    Audience,
    /// `iss` is no configured issuer.
    Issuer(Excerpt),
    /// The issuer may not vouch for this tenant.
    ForeignTenant(Excerpt),
    /// A claim's text is no identity.
    Invalid(&'static str, InvalidId),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(len) => {
                write!(f, "the token has {len} bytes, {TOKEN_BYTES_MAX} are allowed")
            }
            Self::NotCompact => f.write_str("the token is not three base64url segments"),
            Self::Malformed(segment) => write!(f, "the token's {segment} cannot be decoded"),
            Self::CriticalExtension => f.write_str("the header has crit extensions; none is known"),
            Self::Algorithm(alg) => write!(f, "alg {alg} is not an accepted algorithm"),
            Self::UnknownKey(kid) => write!(f, "no key of the issuer has the kid {kid}"),
            Self::KeyOfOtherAlgorithm(alg) => {
                write!(f, "no key that the token may use is of its algorithm {}", alg.as_str())
            }
            Self::Signature => f.write_str("the signature fits no key of the token's algorithm"),
            Self::Missing(claim) => write!(f, "the claim {claim} is missing"),
            Self::WrongType(claim) => write!(f, "the claim {claim} has the wrong JSON type"),
            Self::Expired(at) => write!(f, "the token expired at {at} (Unix time)"),
            Self::NotYet(claim) => write!(f, "the claim {claim} is in the future"),
            Self::Audience => f.write_str("aud names none of the configured audiences"),
            Self::Issuer(issuer) => write!(f, "iss {issuer} is not a configured issuer"),
            Self::ForeignTenant(tenant) => {
                write!(f, "the issuer may not vouch for the tenant {tenant}")
            }
            Self::Invalid(claim, why) => write!(f, "the claim {claim} cannot be used: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// What is wrong with a [`super::VerifierConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidConfig {
    /// No audience, or an empty one.
    NoAudience,
    /// An issuer that is an empty text.
    EmptyIssuer,
    /// Neither a claim name nor a JSON pointer; with the name of the setting.
    Claim(&'static str),
    /// A leeway over the limit.
    Leeway,
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAudience => f.write_str(
                "no audience is configured; name the aud value that the issuer puts into tokens \
                 for this gateway",
            ),
            Self::EmptyIssuer => {
                f.write_str("the issuer is empty; write the iss value, or leave the key out")
            }
            Self::Claim(_) => f.write_str(
                "this is neither a claim name nor a JSON pointer; write tenant_id or \
                 /app_metadata/tenant_id",
            ),
            Self::Leeway => write!(
                f,
                "the leeway is over {LEEWAY_S_MAX} seconds; synchronise the clocks and lower it"
            ),
        }
    }
}

impl std::error::Error for InvalidConfig {}
