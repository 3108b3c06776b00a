//! A JSON Web Key Set (RFC 7517) becomes the keys of an issuer, or the reason why not.
//!
//! What an issuer publishes for others (encryption keys, curves that we do not know) is skipped, as
//! section 5 asks for. A set that leaves open which key is meant is refused as a whole: the keys
//! fetched before it stay.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{Algorithm, KeyKind};
use super::key::{InvalidKey, VerificationKey};
use crate::excerpt::Excerpt;

/// The sets of large issuers have 2 to 20 KiB, certificates included.
pub const KEY_SET_BYTES_MAX: usize = 64 * 1024;

/// Rotation needs two or three keys; the largest sets in use have about ten.
pub const KEY_SET_KEYS_MAX: usize = 64;

/// Where a set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file of the operator, which may hold shared secrets.
    File,
    /// A URL: what stands there, others have read as well.
    Url,
}

/// The keys of a set that can be used.
#[derive(Debug)]
pub struct KeySet {
    /// The keys, one for each algorithm that a token may name with it.
    pub keys: Vec<VerificationKey>,
    /// What else the set held, in its order.
    pub skipped: Vec<Skipped>,
}

/// A key of a set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, if it has one.
    pub kid: Option<Excerpt>,
    /// Why.
    pub why: Unusable,
}

/// Why a key of a set is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// A member is missing or has the wrong form.
    Malformed,
    /// It is for something else than signatures.
    OtherUse,
    /// Of a type or curve, or for an algorithm, that is not accepted.
    OtherAlgorithm,
    /// The set shows the private half: whoever reads it can sign.
    PrivateKey,
    /// A shared secret on a public page.
    SharedSecret,
    /// The key itself is no good.
    Key(InvalidKey),
}

/// Why a set is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidKeySet {
    /// More bytes than [`KEY_SET_BYTES_MAX`].
    TooLong,
    /// Not a JSON object with a list `keys`.
    NotAKeySet,
    /// More keys than [`KEY_SET_KEYS_MAX`].
    TooManyKeys(usize),
    /// Several keys, and one of them has no `kid`.
    Unnamed,
    /// Two keys have this `kid`.
    Duplicate(Excerpt),
}

/// The set as it is written. What members a key has depends on its type.
#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// One key as RFC 7517 section 4, RFC 7518 section 6 and RFC 8037 write it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
    /// The private half of every asymmetric type.
    d: Option<serde::de::IgnoredAny>,
}

impl KeySet {
    /// Reads a set; its keys verify the algorithms in `allowed` only.
    pub fn parse(
        text: &[u8],
        allowed: &[Algorithm],
        origin: Origin,
    ) -> Result<Self, InvalidKeySet> {
        if text.len() > KEY_SET_BYTES_MAX {
            return Err(InvalidKeySet::TooLong);
        }
        // The derived reader would also take a JSON array of the fields' values.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(InvalidKeySet::NotAKeySet);
        }
        let document: Document =
            serde_json::from_slice(text).map_err(|_| InvalidKeySet::NotAKeySet)?;
        if document.keys.len() > KEY_SET_KEYS_MAX {
            return Err(InvalidKeySet::TooManyKeys(document.keys.len()));
        }
        let (mut used, mut skipped) = (Vec::new(), Vec::new());
        for value in document.keys {
            let kid = value.get("kid").and_then(Value::as_str).map(Excerpt::of);
            match read_key(value, allowed, origin) {
                Ok(keys) => used.push(keys),
                Err(why) => skipped.push(Skipped { kid, why }),
            }
        }
        check_names(&used)?;
        let is_alone = used.len() == 1;
        let named = |key: VerificationKey| if is_alone { key } else { key.for_named_only() };
        Ok(Self { keys: used.into_iter().flatten().map(named).collect(), skipped })
    }
}

/// One key, once for each algorithm that it may be used with.
fn read_key(
    value: Value,
    allowed: &[Algorithm],
    origin: Origin,
) -> Result<Vec<VerificationKey>, Unusable> {
    if !value.is_object() {
        return Err(Unusable::Malformed);
    }
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| Unusable::Malformed)?;
    if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
        return Err(Unusable::OtherUse);
    }
    if jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
        return Err(Unusable::OtherUse);
    }
    let kind = jwk.kind().ok_or(Unusable::OtherAlgorithm)?;
    if kind == KeyKind::Shared && origin == Origin::Url {
        return Err(Unusable::SharedSecret);
    }
    if jwk.d.is_some() {
        return Err(Unusable::PrivateKey);
    }
    let fits = |algorithm: &Algorithm| {
        let named = jwk.alg.as_deref().is_none_or(|name| name == algorithm.as_str());
        algorithm.key_kind() == kind && named
    };
    let keys: Result<Vec<_>, _> =
        allowed.iter().copied().filter(fits).map(|algorithm| jwk.key(algorithm)).collect();
    keys.and_then(|keys| if keys.is_empty() { Err(Unusable::OtherAlgorithm) } else { Ok(keys) })
}

impl Jwk {
    fn kind(&self) -> Option<KeyKind> {
        Some(match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => KeyKind::Rsa,
            ("EC", Some("P-256")) => KeyKind::P256,
            ("EC", Some("P-384")) => KeyKind::P384,
            ("OKP", Some("Ed25519")) => KeyKind::Ed25519,
            ("oct", _) => KeyKind::Shared,
            _ => return None,
        })
    }

    fn key(&self, algorithm: Algorithm) -> Result<VerificationKey, Unusable> {
        let kid = self.kid.clone();
        let key = match algorithm.key_kind() {
            KeyKind::Shared => VerificationKey::new(kid, algorithm, &bytes(self.k.as_deref())?),
            KeyKind::Rsa => {
                let (n, e) = (bytes(self.n.as_deref())?, bytes(self.e.as_deref())?);
                VerificationKey::rsa(kid, algorithm, &n, &e)
            }
            KeyKind::P256 => VerificationKey::point(kid, algorithm, &self.ec_point(32)?),
            KeyKind::P384 => VerificationKey::point(kid, algorithm, &self.ec_point(48)?),
            KeyKind::Ed25519 => VerificationKey::point(kid, algorithm, &bytes(self.x.as_deref())?),
        };
        key.map_err(Unusable::Key)
    }

    /// The uncompressed form of SEC 1, section 2.3.3. RFC 7518 section 6.2.1.2: coordinates have
    /// their full length.
    fn ec_point(&self, length: usize) -> Result<Vec<u8>, Unusable> {
        let (x, y) = (bytes(self.x.as_deref())?, bytes(self.y.as_deref())?);
        if x.len() != length || y.len() != length {
            return Err(Unusable::Malformed);
        }
        Ok([&[4][..], &x, &y].concat())
    }
}

fn bytes(text: Option<&str>) -> Result<Vec<u8>, Unusable> {
    let text = text.ok_or(Unusable::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::Malformed)
}

/// Each of several keys has a name of its own, or a token could mean any of them.
fn check_names(used: &[Vec<VerificationKey>]) -> Result<(), InvalidKeySet> {
    let mut seen = BTreeSet::new();
    let firsts = used.iter().filter_map(|keys| keys.first());
    for kid in firsts.map(VerificationKey::kid).filter(|_| used.len() > 1) {
        let kid = kid.ok_or(InvalidKeySet::Unnamed)?;
        if !seen.insert(kid) {
            return Err(InvalidKeySet::Duplicate(Excerpt::of(kid)));
        }
    }
    Ok(())
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            Some(kid) => write!(f, "key {kid}: {}", self.why),
            None => write!(f, "a key without kid: {}", self.why),
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("a member is missing or has the wrong form"),
            Self::OtherUse => f.write_str("it is not for verifying signatures"),
            Self::OtherAlgorithm => f.write_str("it is for no algorithm that is allowed here"),
            Self::PrivateKey => f.write_str(
                "its private half stands in the set; tell the issuer to publish the public half \
                 only and to make a new key",
            ),
            Self::SharedSecret => f.write_str("a shared secret is never taken from a URL"),
            Self::Key(why) => why.fmt(f),
        }
    }
}

impl fmt::Display for InvalidKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the key set has more than {KEY_SET_BYTES_MAX} bytes"),
            Self::NotAKeySet => {
                f.write_str("this is no key set: a JSON object with a list of objects, \"keys\"")
            }
            Self::TooManyKeys(count) => {
                write!(f, "the key set has {count} keys, {KEY_SET_KEYS_MAX} are allowed")
            }
            Self::Unnamed => f.write_str("the key set has several keys, and one has no kid"),
            Self::Duplicate(kid) => write!(f, "two keys of the set have the kid {kid}"),
        }
    }
}

impl std::error::Error for InvalidKeySet {}
