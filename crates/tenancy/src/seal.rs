//! The sealed context: what the gateway says to a database whose policies believe nothing else.
//!
//! Gateway and database share a [`SealKey`]. With it the gateway registers each connection
//! (`rowhouse.begin_session`), from which both sides derive a [`SessionKey`] of that connection
//! alone; with that one it vouches for a tenant, in every transaction, by a token that
//! `rowhouse.tenant()` checks. A token is worth nothing on another connection, and SQL, however
//! hostile, has neither key. docs/rls.md, "Sealed", has the whole of it.
//!
//! Everything is HMAC-SHA-256 (RFC 2104), because that is what a database can compute by itself:
//! `sha256()` is built in, and the pads of a key are stored ready for use.

use std::fmt;

use aws_lc_rs::hmac;

use crate::ids::TenantId;
use crate::secret::Secret;
use crate::sigv4::hex;

/// The random bytes of a key.
pub const SECRET_BYTES: usize = 32;
/// The random bytes of a registration.
pub const NONCE_BYTES: usize = 16;
/// The connection must be registered within this time: one minute for a slow server, well within
/// the five that the database allows.
pub const REGISTRATION_TTL_S: u64 = 60;
/// A token must be used within this time. A transaction that has begun may last longer: the
/// database compares with its start.
pub const TOKEN_TTL_S: u64 = 60;
/// Ends of tokens are multiples of this, so that the token of a tenant stays the same for a while
/// and need not be made anew for each transaction.
pub const TOKEN_STEP_S: u64 = 30;

/// SHA-256 hashes blocks of this size, and HMAC pads its keys to it.
const BLOCK_BYTES: usize = 64;
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// A key that gateway and database share. It prints nothing of itself but its id.
#[derive(Clone)]
pub struct SealKey {
    id: SealKeyId,
    secret: [u8; SECRET_BYTES],
    key: hmac::Key,
}

/// Which key: `rowhouse.seal_key.id`, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealKeyId(i32);

/// A key as the database keeps it: hexadecimal, XORed with the pads of HMAC (RFC 2104, section 4).
#[derive(Debug)]
pub struct Pads {
    /// What the inner hash begins with.
    pub inner: Secret,
    /// What the outer hash begins with.
    pub outer: Secret,
}

/// The parameters of `rowhouse.begin_session(key_id, nonce, expiry, mac)`, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Which key it was made with.
    pub key_id: SealKeyId,
    /// 32 hexadecimal digits.
    pub nonce: String,
    /// The last second (Unix time) at which it counts.
    pub expiry: u64,
    /// 64 hexadecimal digits.
    pub mac: String,
}

/// The key of one connection. It prints nothing of itself.
#[derive(Clone)]
pub struct SessionKey(hmac::Key);

impl SealKeyId {
    /// The first key.
    pub const FIRST: SealKeyId = SealKeyId(1);

    /// Accepts what the database's column takes, from 1 on.
    pub fn new(id: i64) -> Option<Self> {
        i32::try_from(id).ok().filter(|id| *id >= 1).map(Self)
    }

    /// The number.
    pub fn get(self) -> i32 {
        self.0
    }

    /// The id of the key after this one; `None` at the end of all numbers.
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl SealKey {
    /// A key of these bytes, which must be random.
    pub fn new(id: SealKeyId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { id, secret, key: hmac::Key::new(hmac::HMAC_SHA256, &secret) }
    }

    /// Which one it is.
    pub fn id(&self) -> SealKeyId {
        self.id
    }

    /// The bytes it is made of. Every caller of this is a place to look at in a review.
    pub fn expose(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }

    /// What goes into `rowhouse.seal_key`.
    pub fn pads(&self) -> Pads {
        Pads { inner: padded(&self.secret, INNER_PAD), outer: padded(&self.secret, OUTER_PAD) }
    }

    /// What registers the connection of backend `pid` that has logged in as `role`, and the key
    /// that it then has. `nonce` must be random, `now` is Unix time.
    pub fn register(
        &self,
        pid: i32,
        role: &str,
        nonce: [u8; NONCE_BYTES],
        now: u64,
    ) -> (Registration, SessionKey) {
        let (id, nonce) = (self.id, hex(&nonce));
        let expiry = now.saturating_add(REGISTRATION_TTL_S);
        let mac = self.sign(&format!("rowhouse session 1\n{id}\n{pid}\n{expiry}\n{nonce}\n{role}"));
        let derived = self.sign(&format!("rowhouse key 1\n{pid}\n{nonce}\n{role}"));
        let key = SessionKey(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()));
        (Registration { key_id: id, nonce, expiry, mac: hex(mac.as_ref()) }, key)
    }

    fn sign(&self, message: &str) -> hmac::Tag {
        hmac::sign(&self.key, message.as_bytes())
    }
}

impl SessionKey {
    /// The token for the setting `rowhouse.context`: `<mac>.<expiry>.<tenant>`.
    ///
    /// The mac has 64 hexadecimal digits and the expiry ten, whatever the tenant is, so that the
    /// database need not search for the parts.
    pub fn token(&self, tenant: &TenantId, expiry: u64) -> String {
        let claim = format!("{expiry:010}.{}", tenant.as_str());
        let mac = hmac::sign(&self.0, format!("rowhouse tenant 1\n{claim}").as_bytes());
        format!("{}.{claim}", hex(mac.as_ref()))
    }

    /// The end of a token that is made now (Unix time): [`TOKEN_TTL_S`] and up to
    /// [`TOKEN_STEP_S`] more.
    pub fn expiry(now: u64) -> u64 {
        now.saturating_add(TOKEN_TTL_S).div_ceil(TOKEN_STEP_S).saturating_mul(TOKEN_STEP_S)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl fmt::Display for SealKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn padded(secret: &[u8], pad: u8) -> Secret {
    let mut block = [pad; BLOCK_BYTES];
    for (byte, of_secret) in block.iter_mut().zip(secret) {
        *byte ^= of_secret;
    }
    Secret::from(hex(&block))
}

#[cfg(test)]
mod tests;
