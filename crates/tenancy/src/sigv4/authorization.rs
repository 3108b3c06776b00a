//! The `Authorization` header: who claims to have signed, for what, which headers.
//!
//! `AWS4-HMAC-SHA256 Credential=KEY/20150830/us-east-1/rds-data/aws4_request,
//! SignedHeaders=host;x-amz-date, Signature=…`

use std::fmt;

use super::{AUTHORIZATION_BYTES_MAX, Refusal};
use crate::excerpt::Excerpt;

/// AWS's own limit for access key ids.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html>
pub const ACCESS_KEY_ID_BYTES_MAX: usize = 128;

/// The one algorithm, as the header and the string to sign name it.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

const SIGNATURE_BYTES: usize = 32;

/// A checked header. Nothing in it is proven yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization<'a> {
    access_key_id: &'a str,
    /// `DAY/REGION/SERVICE/aws4_request`, as it goes into the string to sign.
    scope: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: [u8; SIGNATURE_BYTES],
}

/// Reads the value of the header; every part exactly once, in any order.
pub fn parse_authorization(header: &[u8]) -> Result<Authorization<'_>, Refusal> {
    if header.len() > AUTHORIZATION_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let header = std::str::from_utf8(header).map_err(|_| Refusal::Malformed("Authorization"))?;
    let (algorithm, parts) = header.trim().split_once(' ').ok_or(Refusal::Algorithm)?;
    if algorithm != ALGORITHM {
        return Err(Refusal::Algorithm);
    }
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in parts.split(',') {
        let (name, value) =
            part.trim().split_once('=').ok_or(Refusal::Malformed("Authorization"))?;
        let (slot, name) = match name {
            "Credential" => (&mut credential, "Credential"),
            "SignedHeaders" => (&mut signed_headers, "SignedHeaders"),
            "Signature" => (&mut signature, "Signature"),
            _ => return Err(Refusal::Malformed("Authorization")),
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::Repeated(name));
        }
    }
    let signed_headers = signed_headers.ok_or(Refusal::MissingPart("SignedHeaders"))?;
    let signature = signature.ok_or(Refusal::MissingPart("Signature"))?;
    check_names(signed_headers)?;
    let signature = unhex(signature).ok_or(Refusal::Malformed("Signature"))?;
    let credential = credential.ok_or(Refusal::MissingPart("Credential"))?;
    let blank = Authorization { signed_headers, signature, ..read_credential(credential)? };
    Ok(blank)
}

impl<'a> Authorization<'a> {
    /// Whose key it claims to be: the name to look the secret up by.
    pub fn access_key_id(&self) -> &'a str {
        self.access_key_id
    }

    /// The region that it was signed for.
    pub fn region(&self) -> &'a str {
        self.region
    }

    /// The service that it was signed for: one port can serve several and choose by this.
    pub fn service(&self) -> &'a str {
        self.service
    }

    pub(super) fn day(&self) -> &'a str {
        self.day
    }

    pub(super) fn scope(&self) -> &'a str {
        self.scope
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The names as sent: lower case, sorted, with semicolons between them.
    pub(super) fn signed_headers(&self) -> &'a str {
        self.signed_headers
    }

    /// Whether it covers the header of this name, in lower case.
    pub fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    pub(super) fn check_scope(&self, region: &str, service: &str) -> Result<(), Refusal> {
        if self.region != region {
            return Err(Refusal::Region(Excerpt::of(self.region)));
        }
        if self.service != service {
            return Err(Refusal::Service(Excerpt::of(self.service)));
        }
        Ok(())
    }
}

impl fmt::Debug for Authorization<'_> {
    /// Without the signature: who reads it in time could send the request again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

fn read_credential(text: &str) -> Result<Authorization<'_>, Refusal> {
    let malformed = Refusal::Malformed("Credential");
    let (access_key_id, scope) = text.split_once('/').ok_or(Refusal::Malformed("Credential"))?;
    let mut parts = scope.split('/');
    let (Some(day), Some(region), Some(service), Some("aws4_request"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed);
    };
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(word);
    let is_day = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = is_word(access_key_id) && access_key_id.len() <= ACCESS_KEY_ID_BYTES_MAX;
    if !is_id || !is_day || !is_word(region) || !is_word(service) {
        return Err(malformed);
    }
    let (signed_headers, signature) = ("", [0; SIGNATURE_BYTES]);
    Ok(Authorization { access_key_id, scope, day, region, service, signed_headers, signature })
}

/// Lower-case names in ascending order: what the canonical request repeats must be canonical.
fn check_names(list: &str) -> Result<(), Refusal> {
    // RFC 9110 section 5.6.2, token, without capitals.
    let token = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    let mut before = "";
    for name in list.split(';') {
        if name.is_empty() || !name.bytes().all(token) || name <= before {
            return Err(Refusal::Malformed("SignedHeaders"));
        }
        before = name;
    }
    Ok(())
}

fn unhex(text: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let digits = text.as_bytes();
    let mut bytes = [0; SIGNATURE_BYTES];
    if digits.len() != SIGNATURE_BYTES.checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}
