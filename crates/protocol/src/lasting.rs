//! What a session is meant to keep beyond the transaction: SET, temporary tables, PREPARE, cursors
//! WITH HOLD, advisory locks, LISTEN.
//!
//! Whoever writes that wants to meet it again, so the connection has to stay with its client. What
//! hides in a function is not seen; it costs its writer the effect, and nobody a leak, since what
//! is not on the short list of [`crate::statement`] is reset anyway.

use crate::scan::{self, Token, TokenKind};
use crate::statement::{self, Statement, Verb};
use crate::word::Word;

/// A word that only stands where a cursor is meant to stay.
const HOLD: &str = "hold";
/// Words that only stand where a table, a view or a sequence is the session's own.
const WORDS: &[&str] = &["temp", "temporary"];
/// What names of functions begin with that take locks of the session or of the transaction.
const LOCKS: [&str; 2] = ["pg_advisory_", "pg_try_advisory_"];
/// In the names of those that take locks of the transaction, or give back those of the session.
const NOT_KEPT: [&str; 2] = ["_xact_", "_unlock"];
/// Settings that drivers make for every connection, and that change no answer: sorted.
/// `extra_float_digits` is one of them from 1 on, where all digits that are needed are shown.
const WEIGHTLESS: &[&str] = &["application_name", "extra_float_digits", "jit"];
/// The schema of the session's own tables.
const OWN_SCHEMA: &str = "pg_temp";

/// What is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// A setting.
    Setting,
    /// A role.
    Role,
    /// Notifications.
    Listen,
    /// A prepared statement of SQL.
    Prepare,
    /// A library.
    Load,
    /// A cursor WITH HOLD.
    Cursor,
    /// A temporary table.
    Temporary,
    /// An advisory lock.
    Lock,
}

impl Lasting {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Lasting::Setting => "setting",
            Lasting::Role => "role",
            Lasting::Listen => "listen",
            Lasting::Prepare => "prepare",
            Lasting::Load => "load",
            Lasting::Cursor => "cursor",
            Lasting::Temporary => "temporary",
            Lasting::Lock => "lock",
        }
    }
}

/// Whether these statements say in so many words that something is to outlive the transaction.
#[must_use]
pub fn is_lasting(sql: &str) -> bool {
    lasting(sql).is_some()
}

/// What these statements say is to outlive the transaction; the first of several.
#[must_use]
pub fn lasting(sql: &str) -> Option<Lasting> {
    let keeps = |one: &Statement<'_>| keeps(one.verb).filter(|_| !is_weightless(one.text));
    if let Some(kept) = statement::statements(sql).iter().find_map(keeps) {
        return Some(kept);
    }
    let tokens = scan::collect(sql);
    (0..tokens.len()).find_map(|at| named(tokens.get(at..).unwrap_or_default()))
}

fn keeps(verb: Verb) -> Option<Lasting> {
    match verb {
        Verb::Set => Some(Lasting::Setting),
        Verb::SetRole | Verb::SetSessionAuthorization => Some(Lasting::Role),
        Verb::Listen => Some(Lasting::Listen),
        Verb::Prepare => Some(Lasting::Prepare),
        Verb::Load => Some(Lasting::Load),
        _ => None,
    }
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

fn named(tokens: &[Token<'_>]) -> Option<Lasting> {
    let token = tokens.first()?;
    if !matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent) {
        return None;
    }
    let word = Word::of_name(Some(token));
    let name = word.as_str();
    let locks = LOCKS.iter().any(|prefix| name.starts_with(prefix));
    if name == HOLD {
        Some(Lasting::Cursor)
    } else if word.is_in(WORDS) || name.starts_with(OWN_SCHEMA) {
        Some(Lasting::Temporary)
    } else if locks && !NOT_KEPT.iter().any(|part| name.contains(part)) {
        Some(Lasting::Lock)
    } else if name == "set_config" {
        let call = tokens.get(1..).unwrap_or_default();
        let lasts = !is_local(call) && !sets_weightless(call);
        lasts.then_some(Lasting::Setting)
    } else {
        None
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
