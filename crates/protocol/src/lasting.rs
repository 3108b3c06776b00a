//! What a session is meant to keep beyond the transaction: SET, temporary tables, PREPARE, cursors
//! WITH HOLD, advisory locks, LISTEN.
//!
//! Whoever writes that wants to meet it again, so the connection has to stay with its client. What
//! hides in a function is not seen; it costs its writer the effect, and nobody a leak, since what
//! is not on the short list of [`crate::statement`] is reset anyway.

use crate::scan::{self, Token, TokenKind};
use crate::statement::{self, Statement, Verb};
use crate::word::Word;

/// Words that only stand where something is meant to stay.
const WORDS: &[&str] = &["hold", "temp", "temporary"];
/// What names of functions begin with that take locks of the session or of the transaction.
const LOCKS: [&str; 2] = ["pg_advisory_", "pg_try_advisory_"];
/// In the names of those that take locks of the transaction.
const OF_TRANSACTION: &str = "_xact_";
/// Settings that drivers make for every connection, and that change no answer: sorted.
/// `extra_float_digits` is one of them from 1 on, where all digits that are needed are shown.
const WEIGHTLESS: &[&str] = &["application_name", "extra_float_digits", "jit"];
/// The schema of the session's own tables.
const OWN_SCHEMA: &str = "pg_temp";

/// Whether these statements say in so many words that something is to outlive the transaction.
#[must_use]
pub fn is_lasting(sql: &str) -> bool {
    let keeps = |one: &Statement<'_>| keeps(one.verb) && !is_weightless(one.text);
    if statement::statements(sql).iter().any(keeps) {
        return true;
    }
    let tokens = scan::collect(sql);
    (0..tokens.len()).any(|at| names_lasting(tokens.get(at..).unwrap_or_default()))
}

fn keeps(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Set
            | Verb::SetRole
            | Verb::SetSessionAuthorization
            | Verb::Reset
            | Verb::Listen
            | Verb::Unlisten
            | Verb::Prepare
            | Verb::Load
    )
}

/// `SET [SESSION] extra_float_digits = 3`.
pub(crate) fn is_weightless(statement: &str) -> bool {
    let mut tokens = scan::significant(statement);
    if !tokens.next().is_some_and(|set| set.is_word("set")) {
        return false;
    }
    let mut name = tokens.next();
    if name.is_some_and(|name| name.is_word("session")) {
        name = tokens.next();
    }
    let assigns = tokens.next().is_some_and(|sign| sign.text == "=" || sign.is_word("to"));
    let value = tokens.next();
    let word = Word::of(name.as_ref());
    let unseen = word.as_str() != "extra_float_digits"
        || value.is_some_and(|value| matches!(value.text, "1" | "2" | "3"));
    assigns && word.is_in(WEIGHTLESS) && unseen && tokens.next().is_none()
}

/// `set_config('jit', …)`, as drivers call it around their own questions.
fn sets_weightless(tokens: &[Token<'_>]) -> bool {
    let name = tokens.get(1).filter(|name| name.kind == TokenKind::String);
    let name = name.map(|name| name.text.trim_matches('\''));
    name.is_some_and(|name| matches!(name, "application_name" | "jit"))
        && tokens.get(2).is_some_and(|comma| comma.is_punct(","))
}

fn names_lasting(tokens: &[Token<'_>]) -> bool {
    let Some(token) = tokens.first() else { return false };
    if !matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent) {
        return false;
    }
    let word = Word::of_name(Some(token));
    let name = word.as_str();
    let locks = LOCKS.iter().any(|prefix| name.starts_with(prefix));
    word.is_in(WORDS)
        || name.starts_with(OWN_SCHEMA)
        || locks && !name.contains(OF_TRANSACTION)
        || name == "set_config" && {
            let call = tokens.get(1..).unwrap_or_default();
            !is_local(call) && !sets_weightless(call)
        }
}

/// Tokens in which the end of a call is looked for: calls inside calls would else be read from each
/// of their names on.
const CALL_TOKENS_MAX: usize = 256;

/// Whether the last argument of a call is plainly `true`: the setting ends with the transaction.
fn is_local(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0_usize;
    let (mut before, mut last): (Option<&Token<'_>>, Option<&Token<'_>>) = (None, None);
    for token in tokens.iter().take(CALL_TOKENS_MAX) {
        match token.text {
            "(" => depth += 1,
            ")" if depth <= 1 => {
                let argument = before.is_some_and(|before| before.is_punct(","));
                let is_true = |last: &Token<'_>| last.is_word("true") || last.text == "'t'";
                return argument && last.is_some_and(is_true);
            }
            ")" => depth -= 1,
            _ if depth == 0 => return false,
            _ => {}
        }
        (before, last) = (last, Some(token));
    }
    false
}

#[cfg(test)]
mod tests;
