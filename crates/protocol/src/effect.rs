//! The short list of statements that leave a session as it was.
//!
//! A statement is on it when every name that is directly followed by an opening parenthesis is
//! shown by the grammar not to be a call, or is a built-in function known to touch no session
//! state. What is not understood is not on the list; that costs a reset, never a leak.

use crate::builtin::{ONE_ARGUMENT, SHOWS_SESSIONS, SHOWS_SESSIONS_PREFIX};
use crate::scan::{Token, TokenKind};
use crate::statement::Verb;
use crate::word::Word;

mod clause;
mod indelible;

pub(crate) use indelible::is_indelible;

/// What one statement may do.
#[derive(Clone, Copy)]
pub(crate) struct Effect {
    pub(crate) clean: bool,
    pub(crate) read_only: bool,
}

impl Effect {
    pub(crate) const UNKNOWN: Self = Self { clean: false, read_only: false };
}

/// Judges the tokens of one statement, without space and comments.
pub(crate) fn of(statement: &[Token<'_>], verb: Verb) -> Effect {
    let Some(reads) = reads_only(verb) else {
        return Effect::UNKNOWN;
    };
    let clauses = clause::Clauses::of(statement);
    let mut effect = Effect { clean: true, read_only: reads };
    for (at, token) in statement.iter().enumerate() {
        let known = match token.kind {
            // Their meaning hides behind escapes or an end that is missing.
            TokenKind::UnicodeIdent
            | TokenKind::UnicodeString
            | TokenKind::Unterminated
            | TokenKind::Other => false,
            TokenKind::Punct if token.text == "(" => clauses.call_nothing_unknown(at),
            TokenKind::Ident if token.is_word("into") => clauses.is_target_of_into(at),
            TokenKind::Ident | TokenKind::QuotedIdent => {
                effect.read_only &= !writes_or_locks(token);
                !shows_sessions(token)
                    && !indelible::is_setseed(token)
                    && !may_be_attribute_call(statement, at)
            }
            _ => true,
        };
        if !known {
            return Effect::UNKNOWN;
        }
    }
    effect
}

/// Whether SELECT … INTO makes a table, as far as INTO is not shown to belong to INSERT or MERGE.
pub(crate) fn makes_table(statement: &[Token<'_>]) -> bool {
    let clauses = clause::Clauses::of(statement);
    let mut words = statement.iter().enumerate();
    words.any(|(at, token)| token.is_word("into") && !clauses.is_target_of_into(at))
}

/// Whether this command only reads; none for commands that are not on the short list.
fn reads_only(verb: Verb) -> Option<bool> {
    match verb {
        Verb::Select | Verb::Values | Verb::Table | Verb::With => Some(true),
        // Drivers send an empty text to see whether the connection lives.
        Verb::Empty => Some(true),
        Verb::Insert | Verb::Update | Verb::Delete | Verb::Merge => Some(false),
        _ => None,
    }
}

/// WITH can hold writes, and SELECT … FOR UPDATE or SHARE locks rows.
fn writes_or_locks(token: &Token<'_>) -> bool {
    match token.text.len() {
        5 => token.is_word("merge") || token.is_word("share"),
        6 => token.is_word("insert") || token.is_word("update") || token.is_word("delete"),
        _ => false,
    }
}

/// Whether it names what tells one session from another. UPDATE of `pg_settings` is even SET
/// (<https://www.postgresql.org/docs/current/view-pg-settings.html>).
fn shows_sessions(token: &Token<'_>) -> bool {
    let name = Word::of_name(Some(token));
    name.is_in(SHOWS_SESSIONS) || name.as_str().starts_with(SHOWS_SESSIONS_PREFIX)
}

/// `(x).f`, `x[1].f`, `$1.f` and even `t.f` call the function `f` with one argument when there is
/// no such field: <https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-USAGE>. Fields
/// behind parentheses and brackets are too rare to be worth the doubt. Behind a name nearly
/// everything is a column, so there only built-in functions are looked for.
fn may_be_attribute_call(statement: &[Token<'_>], at: usize) -> bool {
    let back = |steps: usize| at.checked_sub(steps).and_then(|index| statement.get(index));
    if !back(1).is_some_and(|token| token.is_punct(".")) {
        return false;
    }
    let owner = back(2);
    if !owner.is_some_and(is_name) {
        return true;
    }
    let name = Word::of_name(statement.get(at));
    // In their own schema these are mostly catalogs, `pg_catalog.pg_class`.
    let is_catalog = Word::of_name(owner).as_str() == "pg_catalog";
    name.is_in(ONE_ARGUMENT) || !is_catalog && name.as_str().starts_with("pg_")
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent)
}

#[cfg(test)]
mod tests;
