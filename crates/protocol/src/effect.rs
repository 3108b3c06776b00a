//! The short list of statements that leave a session as it was.
//!
//! A statement is on it when every name that is directly followed by an opening parenthesis is
//! shown by the grammar not to be a call, or is a built-in function known to touch no session
//! state. What is not understood is not on the list; that costs a reset, never a leak.

use crate::builtin::{KEYWORDS, SESSION_NEUTRAL};
use crate::scan::{Token, TokenKind};
use crate::statement::Verb;
use crate::word::Word;

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
    let mut effect = Effect { clean: true, read_only: reads };
    for (at, token) in statement.iter().enumerate() {
        let known = match token.kind {
            // Their meaning hides behind escapes or an end that is missing.
            TokenKind::UnicodeIdent
            | TokenKind::UnicodeString
            | TokenKind::Unterminated
            | TokenKind::Other => false,
            TokenKind::Punct if token.text == "(" => calls_nothing_unknown(statement, at),
            TokenKind::Ident if token.is_word("into") => into_is_target(statement, at),
            TokenKind::Ident => {
                effect.read_only &= !writes_or_locks(token);
                true
            }
            _ => true,
        };
        if !known {
            return Effect::UNKNOWN;
        }
    }
    if !effect.read_only && statement.iter().any(is_settings_view) {
        return Effect::UNKNOWN;
    }
    effect
}

/// UPDATE of `pg_settings` is SET for the session: a rule of the view calls `set_config`
/// (<https://www.postgresql.org/docs/current/view-pg-settings.html>).
fn is_settings_view(token: &Token<'_>) -> bool {
    is_name(token) && token.text.trim_matches('"').eq_ignore_ascii_case("pg_settings")
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

/// SELECT … INTO makes a table, possibly a temporary one.
fn into_is_target(statement: &[Token<'_>], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| statement.get(before))
        .is_some_and(|before| before.is_word("insert") || before.is_word("merge"))
}

/// Looks at what stands before the parenthesis at `at`.
fn calls_nothing_unknown(statement: &[Token<'_>], at: usize) -> bool {
    let back = |steps: usize| at.checked_sub(steps).and_then(|index| statement.get(index));
    let Some(name) = back(1).filter(|token| is_name(token)) else {
        return true;
    };
    // `a.b.c (`: `parts` names and the points between them; before them stands `lead`.
    let mut parts = 1;
    while back(2 * parts).is_some_and(|token| token.is_punct("."))
        && back(2 * parts + 1).is_some_and(is_name)
    {
        parts += 1;
    }
    let lead = back(2 * parts);
    if names_no_function(lead) {
        return true;
    }
    let word = Word::of(Some(name));
    match parts {
        1 => {
            word.is_in(KEYWORDS)
                || word.is_in(SESSION_NEUTRAL) && !lead.is_some_and(|lead| lead.is_punct("."))
                || is_clause(word.as_str(), lead, back(3))
        }
        2 => {
            Word::of(back(3)).as_str() == "pg_catalog"
                && word.is_in(SESSION_NEUTRAL)
                && !lead.is_some_and(|lead| lead.is_punct("."))
        }
        _ => false,
    }
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, TokenKind::Ident | TokenKind::QuotedIdent)
}

/// After `::` stands a type, after AS a type, an alias or MATERIALIZED, after INTO a table.
fn names_no_function(lead: Option<&Token<'_>>) -> bool {
    lead.is_some_and(|lead| {
        lead.kind == TokenKind::Cast || lead.is_word("as") || lead.is_word("into")
    })
}

/// Words that are keywords only in their place and could be a user's function elsewhere.
fn is_clause(word: &str, lead: Option<&Token<'_>>, before_lead: Option<&Token<'_>>) -> bool {
    let before_lead = Word::of(before_lead);
    let lead_word = Word::of(lead);
    let after_parenthesis = lead.is_some_and(|lead| lead.is_punct(")"));
    match (word, lead_word.as_str()) {
        ("over" | "filter", _) => after_parenthesis,
        ("by", "group" | "order" | "partition") => true,
        ("conflict", "on") | ("sets", "grouping") | ("insert", "then") => true,
        ("materialized", "not") => before_lead.as_str() == "as",
        // The columns of the first common table expression.
        (_, "with") => true,
        (_, "recursive") => before_lead.as_str() == "with",
        ("join", "inner" | "outer" | "left" | "right" | "full" | "cross") => true,
        ("join", _) => after_parenthesis || lead.is_some_and(is_name) && !lead_word.is_in(KEYWORDS),
        _ => false,
    }
}
