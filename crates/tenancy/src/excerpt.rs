//! A short, escaped piece of text that a stranger sent, fit for a log line.

use std::fmt;

/// Enough to recognise a key id or an audience, too little to flood the log.
const EXCERPT_CHARS_MAX: usize = 64;

/// The first characters of a caller's text; printing it quotes and escapes them, so that no line
/// break or terminal sequence of the caller reaches the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Takes the beginning of `text`.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.chars().take(EXCERPT_CHARS_MAX).collect())
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
