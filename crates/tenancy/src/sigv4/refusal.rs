//! Why a signed request is refused: words for the log, never for the caller.

use std::fmt;

use crate::excerpt::Excerpt;

/// Why a request's signature does not count.
///
/// The text (`Display`) is for the log; a door has one public sentence for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More headers or bytes than the limits.
    TooLarge,
    /// Not `AWS4-HMAC-SHA256`.
    Algorithm,
    /// A part of the request that is not written as the protocol says.
    Malformed(&'static str),
    /// A part of the `Authorization` header, or a header, is there twice.
    Repeated(&'static str),
    /// A part of the `Authorization` header is not there.
    MissingPart(&'static str),
    /// A header without which nothing can be checked.
    MissingHeader(&'static str),
    /// A header that must be signed and is not.
    NotSigned(&'static str),
    /// A header is listed as signed but is not in the request.
    SignedButAbsent(Excerpt),
    /// Signed for another region.
    Region(Excerpt),
    /// Signed for another service.
    Service(Excerpt),
    /// The day of the credential scope is not the day of signing.
    OtherDay,
    /// Signed too long ago, or in the future.
    Clock {
        /// The signer's time.
        signed_at: u64,
        /// Ours.
        now: u64,
    },
    /// The body is declared as not signed.
    UnsignedPayload,
    /// The body is not the one whose hash the header gives.
    PayloadHash,
    /// Credentials in the query string.
    Presigned,
    /// The signature is not the one that the secret makes.
    Signature,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the signed request's head is over the limits"),
            Self::Algorithm => f.write_str("the Authorization header is not AWS4-HMAC-SHA256"),
            Self::Malformed(what) => write!(f, "{what} is malformed"),
            Self::Repeated(what) => write!(f, "{what} is there more than once"),
            Self::MissingPart(part) => write!(f, "the Authorization header has no {part}"),
            Self::MissingHeader(name) => write!(f, "the request has no {name} header"),
            Self::NotSigned(name) => write!(f, "the {name} header is not among the signed ones"),
            Self::SignedButAbsent(name) => write!(f, "the signed header {name} is not there"),
            Self::Region(region) => write!(f, "signed for the region {region}, not for ours"),
            Self::Service(service) => write!(f, "signed for the service {service}, not for ours"),
            Self::OtherDay => f.write_str("the credential scope is of another day than the time"),
            Self::Clock { signed_at, now } => {
                write!(f, "signed at {signed_at}, too far from our time {now} (Unix time)")
            }
            Self::UnsignedPayload => f.write_str("the body is not signed (UNSIGNED-PAYLOAD)"),
            Self::PayloadHash => f.write_str("X-Amz-Content-Sha256 is not the body's hash"),
            Self::Presigned => f.write_str("presigned queries are not accepted"),
            Self::Signature => f.write_str("the signature does not match the request and the key"),
        }
    }
}

impl std::error::Error for Refusal {}
