//! The canonical request: the one spelling of a request that both sides hash.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use super::{Authorization, Refusal, SignedRequest};
use crate::excerpt::Excerpt;

/// Headers that must be signed whenever the request has them, in lower case and as AWS writes
/// them. Unsigned, each would let somebody on the way change what the request means.
///
/// `Content-Type` is not among them: the SDKs for JavaScript v2 and for PHP leave it unsigned. A
/// body is read by the path it was sent to, so that a changed type can get a call refused at most.
const SIGNED_WHEN_PRESENT: [(&str, &str); 3] = [
    ("x-amz-content-sha256", "X-Amz-Content-Sha256"),
    ("x-amz-date", "X-Amz-Date"),
    ("x-amz-security-token", "X-Amz-Security-Token"),
];

/// Method, path, query, headers, their names, and the hash of the body.
pub(super) fn request(
    authorization: &Authorization<'_>,
    request: &SignedRequest<'_>,
    payload_hash: &str,
) -> Result<Vec<u8>, Refusal> {
    let mut text = Vec::with_capacity(512);
    for line in [request.method, &path(request.path), &query(request.query)?] {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    for name in authorization.signed_headers().split(';') {
        header(&mut text, name, request)?;
    }
    text.push(b'\n');
    text.extend_from_slice(authorization.signed_headers().as_bytes());
    text.push(b'\n');
    text.extend_from_slice(payload_hash.as_bytes());
    Ok(text)
}

/// The value of a header that may be there once at most.
pub(super) fn single<'a>(
    request: &SignedRequest<'a>,
    lower_case: &'static str,
) -> Result<Option<&'a [u8]>, Refusal> {
    let mut values = values(request, lower_case);
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::Repeated(lower_case));
    }
    Ok(first.map(<[u8]>::trim_ascii))
}

/// `Host` always, and what else must not be changed on the way.
pub(super) fn check_signed_headers(
    authorization: &Authorization<'_>,
    request: &SignedRequest<'_>,
) -> Result<(), Refusal> {
    single(request, "authorization")?;
    single(request, "content-type")?;
    single(request, "host")?.ok_or(Refusal::MissingHeader("Host"))?;
    if !authorization.signs("host") {
        return Err(Refusal::NotSigned("Host"));
    }
    for (lower_case, name) in SIGNED_WHEN_PRESENT {
        if single(request, lower_case)?.is_some() && !authorization.signs(lower_case) {
            return Err(Refusal::NotSigned(name));
        }
    }
    Ok(())
}

/// A link that somebody passed on is no proof of who sends it.
pub(super) fn refuse_presigned(raw: &str) -> Result<(), Refusal> {
    for pair in raw.split('&') {
        let name = decode(pair.split('=').next().unwrap_or_default())?;
        let parameter = name.to_ascii_lowercase();
        if [&b"x-amz-signature"[..], b"x-amz-algorithm", b"x-amz-credential"]
            .contains(&parameter.as_slice())
        {
            return Err(Refusal::Presigned);
        }
    }
    Ok(())
}

/// Dot segments and empty segments removed, then encoded once more: the raw path is encoded
/// already, and every service but S3 signs it encoded twice.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut text = String::with_capacity(raw.len().saturating_add(1));
    for segment in &segments {
        text.push('/');
        encode(&mut text, segment.as_bytes());
    }
    if segments.is_empty() || raw.ends_with('/') {
        text.push('/');
    }
    text
}

/// Parameters in one encoding, sorted by name, then by value; `=` also where there is no value.
fn query(raw: &str) -> Result<String, Refusal> {
    let mut pairs = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (mut name_text, mut value_text) = (String::new(), String::new());
        encode(&mut name_text, &decode(name)?);
        encode(&mut value_text, &decode(value)?);
        pairs.push((name_text, value_text));
    }
    pairs.sort_unstable();
    let pairs: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(pairs.join("&"))
}

/// One header line: all values of that name in order of arrival with commas between them, each
/// trimmed and with runs of blanks made one.
fn header(text: &mut Vec<u8>, name: &str, request: &SignedRequest<'_>) -> Result<(), Refusal> {
    text.extend_from_slice(name.as_bytes());
    let mut lead = b':';
    for value in values(request, name) {
        text.push(lead);
        lead = b',';
        let mut words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        text.extend_from_slice(words.next().unwrap_or_default());
        for word in words {
            text.push(b' ');
            text.extend_from_slice(word);
        }
    }
    if lead == b':' {
        return Err(Refusal::SignedButAbsent(Excerpt::of(name)));
    }
    text.push(b'\n');
    Ok(())
}

fn values<'a>(request: &SignedRequest<'a>, lower_case: &str) -> impl Iterator<Item = &'a [u8]> {
    let named = move |name: &str| name.eq_ignore_ascii_case(lower_case);
    request.headers.iter().filter(move |(name, _)| named(name)).map(|(_, value)| *value)
}

/// RFC 3986 unreserved characters stand for themselves, every other byte becomes `%XX`.
fn encode(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push('%');
            text.push_str(&super::hex(&[*byte]).to_ascii_uppercase());
        }
    }
}

/// Undoes `%XX`. A plus sign is a plus sign: signers write a blank as `%20`.
fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(Refusal::Malformed("the query"));
        };
        let value = high.checked_mul(16).and_then(|high| high.checked_add(low));
        decoded.push(value.and_then(|value| u8::try_from(value).ok()).unwrap_or_default());
    }
    Ok(decoded)
}
