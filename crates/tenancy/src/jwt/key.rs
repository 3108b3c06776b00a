//! A key that verifies tokens, bound to the one algorithm it is for.

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;

use super::Refusal;

/// RFC 7518 section 3.2: an HS256 key has at least the size of the hash.
pub const HMAC_SECRET_BYTES_MIN: usize = 32;

/// An RSA-8192 certificate with its extensions stays under half of this.
pub const PEM_BYTES_MAX: usize = 16 * 1024;

/// The signature algorithms that are accepted: one strong form per family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048 to 8192 bits.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// One key of an issuer. `Debug` shows its id and algorithm only.
#[derive(Clone)]
pub struct VerificationKey {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

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

impl Algorithm {
    /// The name in a token's header and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// Reads an accepted name; `none` and everything else is `None`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::HS256, Self::RS256, Self::ES256, Self::EdDSA]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }

    fn library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::HS256 => jsonwebtoken::Algorithm::HS256,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        }
    }
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
        let key = match algorithm {
            Algorithm::HS256 => secret(material)?,
            Algorithm::RS256 => public_key(
                material,
                algorithm,
                DecodingKey::from_rsa_pem,
                &RSA_PKCS1_2048_8192_SHA256,
            )?,
            Algorithm::ES256 => {
                public_key(material, algorithm, DecodingKey::from_ec_pem, &ECDSA_P256_SHA256_FIXED)?
            }
            Algorithm::EdDSA => {
                public_key(material, algorithm, DecodingKey::from_ed_pem, &ED25519)?
            }
        };
        Ok(Self { kid, algorithm, key })
    }

    /// The key id that tokens may name.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether a token that names `kid` may be checked with this key: one that names none may be
    /// checked with all.
    pub(super) fn answers_to(&self, kid: Option<&str>) -> bool {
        kid.is_none() || kid == self.kid()
    }

    /// Whether `signature` (base64url) is this key's over `signed`.
    pub(super) fn verify(&self, signed: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.library();
        jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.key, algorithm)
            .unwrap_or(false)
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
    check: &'static dyn VerificationAlgorithm,
) -> Result<DecodingKey, InvalidKey> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(InvalidKey::TooLong);
    }
    if std::str::from_utf8(pem).is_ok_and(|text| text.contains("PRIVATE KEY-----")) {
        return Err(InvalidKey::PrivateKey);
    }
    let key = read(pem).map_err(|_| InvalidKey::NotAPublicKey(algorithm))?;
    let bytes = key.try_get_as_bytes().map_err(|_| InvalidKey::NotAPublicKey(algorithm))?;
    let parsed =
        ParsedPublicKey::new(check, bytes).map_err(|_| InvalidKey::NotAPublicKey(algorithm))?;
    if algorithm == Algorithm::RS256 && !has_rsa_size(&parsed) {
        return Err(InvalidKey::RsaSize);
    }
    Ok(key)
}

/// Parsing leaves the size to verification; the key type for encryption checks it at once.
fn has_rsa_size(key: &ParsedPublicKey) -> bool {
    key.as_der().is_ok_and(|der| PublicEncryptingKey::from_der(der.as_ref()).is_ok())
}
