//! A text that must never be printed, compared in constant time.

use std::fmt;
use std::sync::Arc;

/// A password, an access key's secret, a signing key.
///
/// `Debug` and `Display` show nothing of it, not even its length; cloning shares the one copy.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// The text itself. Every caller of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PartialEq for Secret {
    /// The time taken tells the lengths at most, never where two secrets begin to differ.
    fn eq(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(mine, theirs).is_ok()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests;
