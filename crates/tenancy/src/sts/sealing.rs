//! The seal of temporary credentials, and what is derived from it.
//!
//! A session token is `version (1 byte), key id (8), nonce (12), sealed content, tag (16)` in
//! base64url. Version, key id and nonce are in the clear and authenticated with the content.
//! The cipher is AES-256-GCM-SIV (RFC 8452): nonces are random, and should two nodes ever draw the
//! same one, nothing but the equality of two tokens would show.
//!
//! Access key id and secret access key are derived from the whole token with a second key, so they
//! are in no token and in no memory, and belong to this token alone. Who sees a token on the wire
//! cannot sign with it.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{constant_time, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::assumed::base32;
use super::token::{self, Content, SESSION_TOKEN_BYTES_MAX};
use super::{AssumedRole, Refusal};
use crate::jwt::IssuerMark;
use crate::principal::Principal;
use crate::secret::Secret;

/// A sealing secret has at least the 256 bits of the keys that are made of it.
pub const SEALING_SECRET_BYTES_MIN: usize = 32;
/// The random bytes that each sealing takes.
pub const NONCE_BYTES: usize = 12;

/// The layout that is written; every other one is refused.
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;
/// What AWS's own temporary access key ids begin with (IAM user guide, "Unique identifiers").
const ACCESS_KEY_ID_PREFIX: &str = "ASIA";
/// 80 bits are the 16 characters after the prefix.
const ACCESS_KEY_ID_BYTES: usize = 10;
/// 240 bits are the 40 characters of AWS's own secret access keys.
const SECRET_BYTES: usize = 30;

/// One key. It prints nothing of itself but its id.
pub struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    seal: LessSafeKey,
    derivation: hmac::Key,
}

/// All keys of a gateway: the first one seals, every one opens.
#[derive(Debug)]
pub struct SealingKeys(Vec<SealingKey>);

/// Why a secret cannot be a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidKey {
    /// Under [`SEALING_SECRET_BYTES_MIN`].
    Short,
    /// The cryptographic library refused it.
    Refused,
}

/// What a caller of STS is given.
#[derive(Debug)]
pub struct TemporaryCredentials {
    /// `ASIA` and 16 characters.
    pub access_key_id: String,
    /// What requests are signed with.
    pub secret_access_key: Secret,
    /// What goes into `X-Amz-Security-Token`.
    pub session_token: String,
    /// The first second (Unix time) at which they count no more.
    pub expires_at: u64,
}

/// An opened session token.
#[derive(Debug)]
pub struct Session {
    principal: Principal,
    assumed: AssumedRole,
    issuer: Option<IssuerMark>,
    access_key_id: String,
    secret_access_key: Secret,
    expires_at: u64,
}

impl SealingKey {
    /// A key made of a secret text of [`SEALING_SECRET_BYTES_MIN`] bytes or more.
    pub fn new(secret: &Secret) -> Result<Self, InvalidKey> {
        let secret = secret.expose().as_bytes();
        if secret.len() < SEALING_SECRET_BYTES_MIN {
            return Err(InvalidKey::Short);
        }
        // RFC 5869, section 3: one secret, independent keys for independent purposes.
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"rowhouse sts session token 1");
        let secret = salt.extract(secret);
        let seal = UnboundKey::new(&AES_256_GCM_SIV, &expand::<32>(&secret, b"seal")?)
            .map_err(|_| InvalidKey::Refused)?;
        Ok(Self {
            id: expand(&secret, b"key id")?,
            seal: LessSafeKey::new(seal),
            derivation: hmac::Key::new(hmac::HMAC_SHA256, &expand::<32>(&secret, b"credentials")?),
        })
    }

    /// Whether two keys were made of the same secret.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.id == other.id
    }

    fn access_key_id(&self, token: &[u8]) -> String {
        let drawn = self.derive::<ACCESS_KEY_ID_BYTES>(b"access key id", token);
        format!("{ACCESS_KEY_ID_PREFIX}{}", base32(&drawn))
    }

    fn secret_access_key(&self, token: &[u8]) -> Secret {
        let drawn = self.derive::<SECRET_BYTES>(b"secret access key", token);
        Secret::from(STANDARD.encode(drawn))
    }

    /// The purpose has a fixed length for each use, so no token can pose as another purpose.
    fn derive<const N: usize>(&self, purpose: &[u8], token: &[u8]) -> [u8; N] {
        let mut context = hmac::Context::with_key(&self.derivation);
        context.update(&[u8::try_from(purpose.len()).unwrap_or(u8::MAX)]);
        context.update(purpose);
        context.update(token);
        let tag = context.sign();
        let mut drawn = [0; N];
        for (byte, from) in drawn.iter_mut().zip(tag.as_ref()) {
            *byte = *from;
        }
        drawn
    }
}

impl SealingKeys {
    /// The keys in the order of the configuration; `None` when there are none.
    pub fn new(keys: Vec<SealingKey>) -> Option<Self> {
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Credentials for a tenant, until its principal expires, on the word of this issuer (`None`:
    /// on that of who has the key). `nonce` must be random.
    pub fn seal(
        &self,
        principal: &Principal,
        assumed: &AssumedRole,
        issuer: Option<IssuerMark>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<TemporaryCredentials, Refusal> {
        let key = self.0.first().ok_or(Refusal::UnknownKey)?;
        let mut content = token::write(principal, assumed, issuer)?;
        let mut token = vec![VERSION];
        token.extend_from_slice(&key.id);
        token.extend_from_slice(&nonce);
        key.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(token.as_slice()),
                &mut content,
            )
            .map_err(|_| Refusal::Broken)?;
        token.append(&mut content);
        Ok(TemporaryCredentials {
            access_key_id: key.access_key_id(&token),
            secret_access_key: key.secret_access_key(&token),
            session_token: URL_SAFE_NO_PAD.encode(&token),
            expires_at: principal.expires_at().ok_or(Refusal::Content)?,
        })
    }

    /// The session of a token that came with this access key id at `now` (Unix seconds).
    ///
    /// That the caller knows the secret is still to be proven, by the signature.
    pub fn open(&self, token: &str, access_key_id: &str, now: u64) -> Result<Session, Refusal> {
        if token.len() > SESSION_TOKEN_BYTES_MAX {
            return Err(Refusal::TooLong(token.len()));
        }
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refusal::NotAToken)?;
        let (head, sealed) = token.split_first_chunk::<HEAD_BYTES>().ok_or(Refusal::NotAToken)?;
        let [VERSION, rest @ ..] = head else { return Err(Refusal::NotAToken) };
        let (id, nonce) = rest.split_at(KEY_ID_BYTES);
        let key = self.0.iter().find(|key| key.id == id).ok_or(Refusal::UnknownKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Refusal::NotAToken)?;
        let mut content = sealed.to_vec();
        let content = key
            .seal
            .open_in_place(nonce, Aad::from(head.as_slice()), &mut content)
            .map_err(|_| Refusal::Broken)?;
        let Content { principal, assumed, issuer } = token::read(content)?;
        let session = Session {
            expires_at: principal.expires_at().ok_or(Refusal::Content)?,
            principal,
            assumed,
            issuer,
            access_key_id: key.access_key_id(&token),
            secret_access_key: key.secret_access_key(&token),
        };
        session.check(access_key_id, now)?;
        Ok(session)
    }
}

impl Session {
    /// Whether an opened token counts still, and for this access key id. To be asked on every use,
    /// also when the session comes from a cache.
    pub fn check(&self, access_key_id: &str, now: u64) -> Result<(), Refusal> {
        let (own, given) = (self.access_key_id.as_bytes(), access_key_id.as_bytes());
        constant_time::verify_slices_are_equal(own, given).map_err(|_| Refusal::AccessKeyId)?;
        if now >= self.expires_at {
            return Err(Refusal::Expired(self.expires_at));
        }
        Ok(())
    }

    /// Whom the token makes, once the signature holds.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the signature must be made with.
    pub fn secret_access_key(&self) -> &Secret {
        &self.secret_access_key
    }

    /// Who vouches for it; `None` when it was not given for a token. Whether that issuer counts
    /// still is for who knows the issuers.
    pub fn issuer(&self) -> Option<IssuerMark> {
        self.issuer
    }

    /// Who that is in AWS's terms.
    pub fn assumed(&self) -> &AssumedRole {
        &self.assumed
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(
                f,
                "the sealing secret has under {SEALING_SECRET_BYTES_MIN} bytes; make one with \
                 `openssl rand -hex 32`"
            ),
            Self::Refused => f.write_str("no key can be made of this secret; draw another one"),
        }
    }
}

impl std::error::Error for InvalidKey {}

fn expand<const N: usize>(secret: &hkdf::Prk, purpose: &[u8]) -> Result<[u8; N], InvalidKey> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut bytes = [0; N];
    let info = [purpose];
    let expanded = secret.expand(&info, Length(N)).map_err(|_| InvalidKey::Refused)?;
    expanded.fill(&mut bytes).map_err(|_| InvalidKey::Refused)?;
    Ok(bytes)
}
