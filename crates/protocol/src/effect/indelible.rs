//! What stays in a session even after DISCARD ALL: the seed of `random()` and loaded libraries
//! (<https://www.postgresql.org/docs/current/sql-discard.html>).
//!
//! Looked for in statements that are not on the short list. There any text may be run, by DO, by
//! EXECUTE, by functions, so literals are read as SQL as well. Names that are put together at run
//! time are not found.

use crate::literal;
use crate::scan::{self, Token, TokenKind};

/// Texts inside texts are looked into this deep; what is nested deeper counts as found.
const NESTING_MAX: usize = 4;

const SETSEED: &str = "setseed";

/// Whether these tokens may leave in a session what DISCARD ALL does not take away.
pub(crate) fn is_indelible(tokens: &[Token<'_>]) -> bool {
    search(tokens, 0)
}

/// Whether the token is the name `setseed`, however it is written.
pub(super) fn is_setseed(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent)
        && token.text.trim_matches('"').eq_ignore_ascii_case(SETSEED)
}

fn search(tokens: &[Token<'_>], depth: usize) -> bool {
    tokens.iter().enumerate().any(|(at, token)| match token.kind {
        TokenKind::Ident | TokenKind::QuotedIdent => is_setseed(token) || is_load(tokens, at),
        // The escape character is named elsewhere and may be any.
        TokenKind::UnicodeIdent | TokenKind::UnicodeString => {
            let escapes = tokens.get(at.saturating_add(1)).is_some_and(|it| it.is_word("uescape"));
            escapes || token.text.contains('\\') || names_setseed(token.text)
        }
        _ => literal::value(token).is_some_and(|text| {
            names_setseed(&text) || depth == NESTING_MAX || search(&scan::collect(&text), depth + 1)
        }),
    })
}

/// `load 'x'`, and a LOAD without its text: alone in a literal, to which the text is added later.
fn is_load(tokens: &[Token<'_>], at: usize) -> bool {
    use TokenKind::{DollarString, EscapeString, String, UnicodeString};
    if !tokens.get(at).is_some_and(|token| token.is_word("load")) {
        return false;
    }
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    match tokens.get(at.saturating_add(1)) {
        Some(next) => matches!(next.kind, String | EscapeString | UnicodeString | DollarString),
        None => before.is_none_or(|before| before.is_punct(";")),
    }
}

fn names_setseed(text: &str) -> bool {
    let windows = text.as_bytes().windows(SETSEED.len());
    windows.into_iter().any(|window| window.eq_ignore_ascii_case(SETSEED.as_bytes()))
}
