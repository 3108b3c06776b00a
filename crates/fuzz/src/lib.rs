//! What must hold of every input: the parsers that strangers feed, as functions of bytes.
//!
//! Each entry takes any bytes, runs one of the pure crates on them, and fails by an assertion when
//! something is untrue that has to be true of all of them. cargo-fuzz drives them from `fuzz/`, the
//! tests here with its corpus and some thousand changes of it. Nothing depends on this crate.

mod backend;
mod body;
mod certificate;
mod client;
mod field;
mod jwks;
mod jwt;
mod sigv4;
mod sql;
mod sts;

pub use backend::backend;
pub use body::body;
pub use certificate::certificate;
pub use client::client;
pub use field::field;
pub use jwks::jwks;
pub use jwt::jwt;
pub use sigv4::sigv4;
pub use sql::sql;
pub use sts::sts;

/// A property of all inputs.
pub type Entry = fn(&[u8]);

/// Every entry by the name of its target and of its folder in the corpus.
pub const ENTRIES: [(&str, Entry); 10] = [
    ("backend", backend),
    ("body", body),
    ("certificate", certificate),
    ("client", client),
    ("field", field),
    ("jwks", jwks),
    ("jwt", jwt),
    ("sigv4", sigv4),
    ("sql", sql),
    ("sts", sts),
];

/// Whether the bytes are one JSON object, as every body that leaves the gateway is.
fn json_object(bytes: &[u8]) -> serde_json::Map<String, serde_json::Value> {
    let parsed = serde_json::from_slice(bytes);
    assert!(parsed.is_ok(), "not JSON: {}", String::from_utf8_lossy(bytes));
    parsed.unwrap_or_default()
}

#[cfg(test)]
mod tests;
