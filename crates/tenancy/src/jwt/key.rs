//! A key that verifies tokens, bound to the one algorithm it is for.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;

use super::Refusal;
use super::algorithm::{Algorithm, KeyKind};

/// RFC 7518 section 3.2: an HS256 key has at least the size of the hash.
pub const HMAC_SECRET_BYTES_MIN: usize = 32;

/// An RSA-8192 certificate with its extensions stays under half of this.
pub const PEM_BYTES_MAX: usize = 16 * 1024;

/// The exponents that the crypto library takes; real ones are 3 or 65537. An exponent of 1 would
/// make every message its own signature.
const RSA_EXPONENTS: std::ops::Range<u64> = 3..(1 << 33);

/// One key of an issuer. `Debug` shows its id and algorithm only.
#[derive(Clone)]
pub struct VerificationKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
    /// Whether tokens that name no key may be checked with it.
    answers_unnamed: bool,
    mark: KeyMark,
}

/// Which key it was: equal for the same key under the same name, in whatever set it stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyMark([u8; 32]);

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// An HMAC secret under [`HMAC_SECRET_BYTES_MIN`].
    ShortSecret,
    /// More PEM text than [`PEM_BYTES_MAX`].
    TooLong,
    /// The private half was given where the public one belongs.
    PrivateKey,
    /// An RSA modulus under 2048 or over 8192 bits (RFC 7518 section 3.3 sets the lower bound).
    RsaSize,
    /// Not a PEM public key of this algorithm.
    NotAPublicKey(Algorithm),
}

impl VerificationKey {
    /// A key from its material: the secret's bytes for HS256, PEM for the others.
    ///
    /// PEM may be a public key (SPKI), a PKCS#1 RSA public key or a certificate, whose dates and
    /// signature do not matter here: the operator vouches for it by configuring it.
    pub fn new(
        kid: Option<String>,
        algorithm: Algorithm,
        material: &[u8],
    ) -> Result<Self, InvalidKey> {
        let key = match algorithm.key_kind() {
            KeyKind::Shared => secret(material)?,
            KeyKind::Rsa => public_key(material, algorithm, DecodingKey::from_rsa_pem)?,
            KeyKind::P256 | KeyKind::P384 => {
                public_key(material, algorithm, DecodingKey::from_ec_pem)?
            }
            KeyKind::Ed25519 => public_key(material, algorithm, DecodingKey::from_ed_pem)?,
        };
        Ok(Self::of(kid, algorithm, key, material))
    }

    /// An RSA key from big-endian modulus and exponent, for each of its algorithms the same.
    pub(super) fn rsa(
        kid: Option<String>,
        algorithm: Algorithm,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, InvalidKey> {
        let (n, e) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let are_odd = [n, e].iter().all(|number| number.last().is_some_and(|last| last % 2 == 1));
        let in_range = e.len() < 8 && RSA_EXPONENTS.contains(&number(e));
        if !are_odd || !in_range {
            return Err(InvalidKey::NotAPublicKey(algorithm));
        }
        let read: Result<PublicEncryptingKey, _> = RsaPublicKeyComponents { n, e }.try_into();
        read.map_err(|_| InvalidKey::RsaSize)?;
        let key = DecodingKey::from_rsa_raw_components(n, e);
        Ok(Self::of(kid, algorithm, key, &[e, n].concat()))
    }

    /// A key on a curve from its point, as RFC 8037 or SEC 1 (2.3.3, uncompressed) writes it.
    pub(super) fn point(
        kid: Option<String>,
        algorithm: Algorithm,
        point: &[u8],
    ) -> Result<Self, InvalidKey> {
        let key = match algorithm.key_kind() {
            KeyKind::P256 | KeyKind::P384 => DecodingKey::from_ec_der(point),
            KeyKind::Ed25519 => DecodingKey::from_ed_der(point),
            KeyKind::Shared | KeyKind::Rsa => return Err(InvalidKey::NotAPublicKey(algorithm)),
        };
        parsed(point, algorithm)?;
        Ok(Self::of(kid, algorithm, key, point))
    }

    /// The same key, for tokens that name it only.
    pub(super) fn for_named_only(self) -> Self {
        Self { answers_unnamed: false, ..self }
    }

    fn of(
        kid: Option<String>,
        algorithm: Algorithm,
        key: DecodingKey,
        material: &[u8],
    ) -> VerificationKey {
        let mark = KeyMark::of(kid.as_deref(), algorithm, material);
        Self { kid, algorithm, key, answers_unnamed: true, mark }
    }

    /// The key id that tokens may name.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which key it is.
    pub fn mark(&self) -> KeyMark {
        self.mark
    }

    /// Whether a token that names `kid` may be checked with this key. One that names none may be
    /// checked with all that the configuration holds, and with the one key of a key set: trying a
    /// whole set would be work that anybody can ask for.
    pub(super) fn answers_to(&self, kid: Option<&str>) -> bool {
        match kid {
            Some(_) => kid == self.kid(),
            None => self.answers_unnamed,
        }
    }

    /// Whether `signature` (base64url) is this key's over `signed`.
    pub(super) fn verify(&self, signed: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.library();
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
    }
}

impl KeyMark {
    fn of(kid: Option<&str>, algorithm: Algorithm, material: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [
            algorithm.as_str().as_bytes(),
            &[u8::from(kid.is_some())],
            &kid.map_or(0, str::len).to_be_bytes(),
            kid.unwrap_or_default().as_bytes(),
            material,
        ] {
            context.update(part);
        }
        let mut mark = [0; 32];
        // SHA-256 has 32 bytes: the zip takes all of them.
        for (to, from) in mark.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(mark)
    }
}

impl fmt::Debug for KeyMark {
    /// Nothing: the mark of a shared secret is made from the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMark").finish_non_exhaustive()
    }
}

/// Decodes one segment; strict base64url, so that one token has one spelling.
pub(super) fn decode_segment(text: &str, segment: &'static str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed(segment))
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortSecret => write!(
                f,
                "the HS256 secret has fewer than {HMAC_SECRET_BYTES_MIN} bytes; make one with \
                 openssl rand -base64 48"
            ),
            Self::TooLong => {
                write!(f, "the PEM text has more than {PEM_BYTES_MAX} bytes; give one public key")
            }
            Self::PrivateKey => f.write_str(
                "this is a private key; give its public half (openssl pkey -in KEY -pubout)",
            ),
            Self::RsaSize => f.write_str(
                "the RSA key has fewer than 2048 or more than 8192 bits; have the issuer sign with \
                 a key in between",
            ),
            Self::NotAPublicKey(algorithm) => write!(
                f,
                "this is not a PEM public key for {}; give a PUBLIC KEY, RSA PUBLIC KEY or \
                 CERTIFICATE block of that algorithm",
                algorithm.as_str()
            ),
        }
    }
}

impl std::error::Error for InvalidKey {}

fn secret(material: &[u8]) -> Result<DecodingKey, InvalidKey> {
    if material.len() < HMAC_SECRET_BYTES_MIN {
        return Err(InvalidKey::ShortSecret);
    }
    Ok(DecodingKey::from_secret(material))
}

/// Reads PEM with the JWT library, then lets the crypto library parse what came out: the former
/// takes whatever bits are in the right place, and a bad key must fail here and not at every token.
fn public_key(
    pem: &[u8],
    algorithm: Algorithm,
    read: fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>,
) -> Result<DecodingKey, InvalidKey> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(InvalidKey::TooLong);
    }
    if std::str::from_utf8(pem).is_ok_and(|text| text.contains("PRIVATE KEY-----")) {
        return Err(InvalidKey::PrivateKey);
    }
    let key = read(pem).map_err(|_| InvalidKey::NotAPublicKey(algorithm))?;
    let bytes = key.try_get_as_bytes().map_err(|_| InvalidKey::NotAPublicKey(algorithm))?;
    let parsed = parsed(bytes, algorithm)?;
    if algorithm.key_kind() == KeyKind::Rsa && !has_rsa_size(&parsed) {
        return Err(InvalidKey::RsaSize);
    }
    Ok(key)
}

fn parsed(bytes: &[u8], algorithm: Algorithm) -> Result<ParsedPublicKey, InvalidKey> {
    let invalid = InvalidKey::NotAPublicKey(algorithm);
    let reader = algorithm.public_key_reader().ok_or(invalid)?;
    ParsedPublicKey::new(reader, bytes).map_err(|_| invalid)
}

/// Parsing leaves the size to verification; the key type for encryption checks it at once.
fn has_rsa_size(key: &ParsedPublicKey) -> bool {
    key.as_der().is_ok_and(|der| PublicEncryptingKey::from_der(der.as_ref()).is_ok())
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A big-endian number of less than eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
