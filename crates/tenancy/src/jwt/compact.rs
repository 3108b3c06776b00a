//! A token taken apart, before anybody knows whether it is true.

use serde::Deserialize;

use super::claims::Claims;
use super::key::{self, VerificationKey};
use super::{Refusal, TOKEN_BYTES_MAX};

/// What a token says. Nothing of it is proven: it serves to choose who may prove it.
pub struct Unverified<'a> {
    compact: Compact<'a>,
    header: Header,
    claims: Claims,
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

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub fn read(token: &'a str) -> Result<Self, Refusal> {
        let compact = Compact::split(token)?;
        let header = compact.header()?;
        let claims = Claims::from_json(&key::decode_segment(compact.payload, "payload")?)?;
        Ok(Self { compact, header, claims })
    }

    /// Whether keys that we do not have yet could turn this refusal around.
    pub fn may_have_a_new_key(&self, refusal: &Refusal) -> bool {
        match refusal {
            Refusal::UnknownKey(_) => true,
            Refusal::Signature | Refusal::KeyOfOtherAlgorithm(_) => self.kid().is_none(),
            _ => false,
        }
    }

    pub(super) fn algorithm(&self) -> &str {
        &self.header.alg
    }

    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    pub(super) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) fn is_signed_by(&self, key: &VerificationKey) -> bool {
        key.verify(self.compact.signed, self.compact.signature)
    }
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
