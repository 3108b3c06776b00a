//! Names of explicit transactions: they tell the shard, and nobody can guess them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The first byte; as base64 it gives the `A` that AWS's ids start with, too.
const VERSION: u8 = 0;
/// Version, shard, secret.
const BYTES: usize = 1 + 2 + SECRET_BYTES;
/// 264 bits that only the caller who began the transaction has seen.
const SECRET_BYTES: usize = 33;

/// The part that nobody can guess.
pub type TransactionKey = [u8; SECRET_BYTES];

/// Draws a new key.
pub fn new_key() -> Option<TransactionKey> {
    let mut key = [0; SECRET_BYTES];
    aws_lc_rs::rand::fill(&mut key).ok()?;
    Some(key)
}

/// The id as the caller sees it.
pub fn encode(shard: usize, key: &TransactionKey) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&u16::try_from(shard).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(key);
    STANDARD.encode(bytes)
}

/// Reads an id; `None` for everything that is none.
pub fn decode(id: &str) -> Option<(usize, TransactionKey)> {
    if id.len() > BYTES.div_ceil(3) * 4 {
        return None;
    }
    let bytes = STANDARD.decode(id).ok()?;
    let (&[version, high, low], key) = bytes.split_first_chunk::<3>()?;
    if version != VERSION {
        return None;
    }
    let key = TransactionKey::try_from(key).ok()?;
    Some((usize::from(u16::from_be_bytes([high, low])), key))
}

#[cfg(test)]
mod tests;
