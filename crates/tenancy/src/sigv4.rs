//! AWS Signature Version 4, the server's half: was this request signed with that secret, just now?
//!
//! Follows "Signature Version 4 signing process" of the IAM user guide, for services other than S3
//! and for credentials in the `Authorization` header only.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
//!
//! Two steps, because the secret must be looked up between them: [`parse_authorization`] tells
//! whose key it claims to be, [`verify`] whether it is.

mod authorization;
mod canonical;
mod instant;
mod refusal;

use aws_lc_rs::{constant_time, digest, hmac};

use crate::secret::Secret;
use instant::Instant;

pub use authorization::{ACCESS_KEY_ID_BYTES_MAX, Authorization, parse_authorization};
pub use refusal::Refusal;

/// How far the time of signing may lie from ours, either way: AWS grants five minutes.
pub const CLOCK_WINDOW_S: u64 = 300;

/// The longest `Authorization` header; SDKs send about 300 bytes, a list of many signed headers
/// some hundred more.
pub const AUTHORIZATION_BYTES_MAX: usize = 4 * 1024;

/// More header lines than any SDK or proxy chain sends.
pub const HEADERS_MAX: usize = 128;

/// Path, query and headers together; about what HTTP servers accept as a request's head.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A request as it was received: nothing decoded, nothing normalised.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method, in capitals as received.
    pub method: &'a str,
    /// The raw path of the request line, without the query.
    pub path: &'a str,
    /// The raw query, without its question mark; empty when there is none.
    pub query: &'a str,
    /// Every header line in the order of arrival; names in any case, values as bytes.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The whole body.
    pub body: &'a [u8],
}

/// Checks that `request` was signed with `secret` as its `authorization` says.
///
/// `now_unix` and `clock_window_s` ([`CLOCK_WINDOW_S`]) bound the time of signing; `region` and
/// `service` (`rds-data`, `sts`) are the ones of this door, so that a signature made for another
/// service is worth nothing here. The secret is used last: everything that can be refused without
/// it is.
pub fn verify(
    authorization: &Authorization<'_>,
    request: &SignedRequest<'_>,
    secret: &Secret,
    region: &str,
    service: &str,
    now_unix: u64,
    clock_window_s: u64,
) -> Result<(), Refusal> {
    check_size(request)?;
    canonical::refuse_presigned(request.query)?;
    authorization.check_scope(region, service)?;
    canonical::check_signed_headers(authorization, request)?;
    let signed_at = signing_time(request)?;
    if signed_at.day() != authorization.day() {
        return Err(Refusal::OtherDay);
    }
    if signed_at.unix_s().abs_diff(now_unix) > clock_window_s {
        return Err(Refusal::Clock { signed_at: signed_at.unix_s(), now: now_unix });
    }
    let payload_hash = hex(digest::digest(&digest::SHA256, request.body).as_ref());
    check_payload_hash(request, &payload_hash)?;
    let canonical = canonical::request(authorization, request, &payload_hash)?;
    let to_sign = string_to_sign(authorization, &signed_at, &canonical);
    let key = signing_key(secret, authorization);
    hmac::verify(&key, to_sign.as_bytes(), authorization.signature())
        .map_err(|_| Refusal::Signature)
}

/// Lower-case hexadecimal digits, as every part of the protocol writes them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |d| char::from(*d));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

fn check_size(request: &SignedRequest<'_>) -> Result<(), Refusal> {
    let headers =
        request.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
    let bytes = headers
        .chain([request.path.len(), request.query.len()])
        .fold(0_usize, usize::saturating_add);
    if request.headers.len() > HEADERS_MAX || bytes > HEAD_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

/// `X-Amz-Date`, or `Date` when that is not there.
fn signing_time(request: &SignedRequest<'_>) -> Result<Instant, Refusal> {
    if let Some(value) = canonical::single(request, "x-amz-date")? {
        return Instant::parse_basic(value).ok_or(Refusal::Malformed("X-Amz-Date"));
    }
    let value = canonical::single(request, "date")?.ok_or(Refusal::MissingHeader("X-Amz-Date"))?;
    Instant::parse_basic(value)
        .or_else(|| Instant::parse_http(value))
        .ok_or(Refusal::Malformed("Date"))
}

/// The header may repeat the body's hash but not replace it: an unsigned body is refused.
fn check_payload_hash(request: &SignedRequest<'_>, actual: &str) -> Result<(), Refusal> {
    match canonical::single(request, "x-amz-content-sha256")? {
        None => Ok(()),
        Some(b"UNSIGNED-PAYLOAD") => Err(Refusal::UnsignedPayload),
        Some(given) => constant_time::verify_slices_are_equal(given, actual.as_bytes())
            .map_err(|_| Refusal::PayloadHash),
    }
}

fn string_to_sign(
    authorization: &Authorization<'_>,
    signed_at: &Instant,
    canonical_request: &[u8],
) -> String {
    let hash = hex(digest::digest(&digest::SHA256, canonical_request).as_ref());
    let (time, scope) = (signed_at.basic(), authorization.scope());
    format!("{}\n{time}\n{scope}\n{hash}", authorization::ALGORITHM)
}

/// The secret narrowed to one day, region and service.
fn signing_key(secret: &Secret, authorization: &Authorization<'_>) -> hmac::Key {
    let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    let first = key(format!("AWS4{}", secret.expose()).as_bytes());
    authorization
        .scope()
        .split('/')
        .fold(first, |outer, part| key(hmac::sign(&outer, part.as_bytes()).as_ref()))
}

#[cfg(test)]
mod tests;
