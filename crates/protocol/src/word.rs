//! Keywords and plain names folded to lower case on the stack, as PostgreSQL folds them.

use crate::scan::{Token, TokenKind};

/// PostgreSQL cuts names to 63 bytes (`NAMEDATALEN - 1`).
pub(crate) const NAME_LEN_MAX: usize = 63;

/// A name without quotes in lower case.
pub(crate) struct Word {
    bytes: [u8; NAME_LEN_MAX],
    len: usize,
}

impl Word {
    /// The word a token is; the empty word for whatever is none, or is longer than any keyword.
    pub(crate) fn of(token: Option<&Token<'_>>) -> Self {
        let mut word = Self { bytes: [0; NAME_LEN_MAX], len: 0 };
        let Some(token) = token.filter(|token| token.kind == TokenKind::Ident) else {
            return word;
        };
        if let Some(bytes) = word.bytes.get_mut(..token.text.len()) {
            bytes.copy_from_slice(token.text.as_bytes());
            bytes.make_ascii_lowercase();
            word.len = token.text.len();
        }
        word
    }

    /// The name a token is, with quotes or without. Quoted names keep their case in PostgreSQL;
    /// folding them too makes a list of what is refused refuse a little too much.
    pub(crate) fn of_name(token: Option<&Token<'_>>) -> Self {
        let unquoted = token.map(|token| match token.kind {
            TokenKind::QuotedIdent => {
                let text = token.text.trim_matches('"');
                Token { kind: TokenKind::Ident, text, start: token.start }
            }
            _ => *token,
        });
        Self::of(unquoted.as_ref())
    }

    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    pub(crate) fn is_in(&self, sorted: &[&str]) -> bool {
        self.len > 0 && sorted.binary_search(&self.as_str()).is_ok()
    }
}
