//! What a caller may not write whose tenant is fixed: statements that would change the context.
//!
//! **This is a second line only.** A custom setting is no boundary against hostile SQL: a function,
//! a view or a text put together at run time changes it and nothing in the statement shows it. What
//! is refused here is what can be seen; hostile SQL needs the sealed context.
//!
//! Every statement of the text is looked at, and every call wherever it stands, so also inside
//! EXPLAIN, PREPARE … AS, DECLARE, COPY (…). Texts that the statement can run (DO, the bodies of
//! functions, the arguments of `query_to_xml` and its like) are looked into as far as they are
//! literals. Settings that change how PostgreSQL reads SQL text are protected always: with another
//! `standard_conforming_strings` or `client_encoding` the server would read other statements than
//! this module does.

use std::error::Error;
use std::fmt;

use crate::literal;
use crate::scan::{self, Token, TokenKind};
use crate::setting;
use crate::word::Word;

/// Texts inside texts are looked into this deep; what is nested deeper is refused.
const NESTING_MAX: usize = 4;

/// Functions that run SQL given as text. Sorted, for the binary search.
const RUNS_SQL: &[&str] = &[
    "connectby",
    "crosstab",
    "crosstab2",
    "crosstab3",
    "crosstab4",
    "crosstabn",
    "dblink",
    "dblink_exec",
    "dblink_open",
    "dblink_send_query",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "schedule",
    "schedule_in_database",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

/// Built-in functions whose first argument is the SQL they run, in this session.
const RUNS_FIRST_ARGUMENT: &[&str] =
    &["query_to_xml", "query_to_xml_and_xmlschema", "query_to_xmlschema", "ts_stat"];

/// `ts_rewrite(query, text)` runs its text; with three arguments it runs nothing.
const RUNS_SECOND_OF_TWO: &str = "ts_rewrite";

/// Functions that run their one argument, so `('…'::text).crosstab` calls them as well.
const RUNS_ONE_ARGUMENT: &[&str] =
    &["crosstab", "crosstab2", "crosstab3", "crosstab4", "dblink", "dblink_exec"];

/// Tokens in which the end of such a call is looked for: calls inside calls would else be read from
/// each of their names on. A longer one is not readable.
const REWRITE_TOKENS_MAX: usize = 1024;

/// `pg_settings` in a statement with one of these words may be an UPDATE of it, which calls
/// `set_config`; where exactly the name stands in it has too many forms.
const WRITES: &[&str] = &["delete", "insert", "merge", "update"];
const SETTINGS_VIEW: &str = "pg_settings";

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextChange {
    /// It sets or resets a protected setting.
    Setting {
        /// The setting, in lower case.
        name: String,
    },
    /// It changes a setting on which the reading of SQL itself depends.
    Lexing {
        /// The setting, in lower case.
        name: String,
    },
    /// It changes the role.
    Role,
    /// It changes the user of the session.
    SessionAuthorization,
    /// It resets all settings.
    ResetAll,
    /// It discards the state of the session.
    Discard,
    /// It changes what sessions begin with: ALTER ROLE, USER, DATABASE, SYSTEM.
    AlterDefaults,
    /// LISTEN, UNLISTEN, NOTIFY: channels are shared by all tenants.
    Channel,
    /// It names `set_config` other than in a call for an unprotected setting given as a literal.
    SetConfig,
    /// It calls a function by `TREAT(… AS function)`.
    Treat,
    /// It holds or builds SQL text that would change the context, or that cannot be read.
    HiddenSql,
    /// It writes a name by escapes, which only hides what it is.
    EscapedName,
}

impl fmt::Display for ContextChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { name } => write!(
                f,
                "the setting {name} is fixed by your credential; leave it out of the statement"
            ),
            Self::Lexing { name } => write!(
                f,
                "the setting {name} must keep its value here; write the statement for \
                 standard_conforming_strings = on and UTF8"
            ),
            Self::Role => f.write_str(
                "the role is fixed by your credential; leave SET ROLE and RESET ROLE out",
            ),
            Self::SessionAuthorization => f.write_str(
                "the session's user is fixed by your credential; leave SESSION AUTHORIZATION out",
            ),
            Self::ResetAll => {
                f.write_str("RESET ALL would reset your tenant; reset settings by their names")
            }
            Self::Discard => {
                f.write_str("DISCARD would reset your tenant; connections are cleaned for you")
            }
            Self::AlterDefaults => f.write_str(
                "ALTER ROLE, USER, DATABASE and SYSTEM are for administrators; ask yours",
            ),
            Self::Channel => f.write_str(
                "LISTEN, UNLISTEN and NOTIFY reach across tenants and are not available here",
            ),
            Self::SetConfig => f.write_str(
                "set_config is accepted only with the name of an unprotected setting as a literal",
            ),
            Self::Treat => f.write_str(
                "TREAT(… AS name) calls the function of that name; write the cast or call plainly",
            ),
            Self::HiddenSql => f.write_str(
                "SQL inside a text must be a plain literal and must not touch the tenant's context",
            ),
            Self::EscapedName => {
                f.write_str("names written as U&\"…\" are not accepted here; write them plainly")
            }
        }
    }
}

impl Error for ContextChange {}

/// What in `sql` would change the context, if anything. `protected` are the settings that may not
/// be changed, the tenant's first of all; the role and the session's user always are.
#[must_use]
pub fn context_change(sql: &str, protected: &[&str]) -> Option<ContextChange> {
    Search { protected, depth: 0 }.text(sql)
}

#[derive(Clone, Copy)]
struct Search<'p> {
    protected: &'p [&'p str],
    /// 0 is the caller's own text, more is text inside text.
    depth: usize,
}

impl Search<'_> {
    fn text(self, sql: &str) -> Option<ContextChange> {
        let tokens = scan::collect(sql);
        let mut runs_text = self.depth > 0;
        let mut in_routine = false;
        let mut settings_view = false;
        let mut writes = false;
        for at in 0..tokens.len() {
            let rest = tokens.get(at..).unwrap_or_default();
            if self.begins_statement(&tokens, at) {
                if let Some(change) = self.statement(rest) {
                    return Some(change);
                }
                runs_text |= is_given_text(rest);
                in_routine = is_routine(rest);
            }
            if in_routine && let Some(change) = self.routine_setting(rest) {
                return Some(change);
            }
            if let Some(change) = self.name(&tokens, at) {
                return Some(change);
            }
            runs_text |= is_call_in(rest, RUNS_SQL);
            if rest.first().is_some_and(|token| token.is_punct(";")) {
                (settings_view, writes) = (false, false);
            }
            settings_view |= rest.first().is_some_and(|token| is_named(token, SETTINGS_VIEW));
            writes |= Word::of(rest.first()).is_in(WRITES);
            if settings_view && writes {
                return Some(ContextChange::SetConfig);
            }
        }
        if runs_text { tokens.iter().find_map(|token| self.literal(token)) } else { None }
    }

    /// A statement begins at the start and behind every semicolon, even one that is inside a body
    /// or parentheses: looking too often does no harm. Inside a function's body, words open blocks.
    fn begins_statement(self, tokens: &[Token<'_>], at: usize) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|before| tokens.get(before)) else {
            return true;
        };
        let opens_block = || {
            let word = Word::of(Some(before));
            matches!(word.as_str(), "begin" | "then" | "else" | "loop" | "atomic")
                || before.text == ">>"
        };
        before.is_punct(";") || self.depth > 0 && opens_block()
    }

    fn statement(self, tokens: &[Token<'_>]) -> Option<ContextChange> {
        let rest = tokens.get(1..).unwrap_or_default();
        let second = Word::of(rest.first());
        match Word::of(tokens.first()).as_str() {
            "set" => setting::set(rest, self.protected),
            "reset" => setting::reset(rest, self.protected),
            "discard" => Some(ContextChange::Discard),
            "listen" | "unlisten" | "notify" => Some(ContextChange::Channel),
            "alter" if matches!(second.as_str(), "role" | "user" | "database" | "system") => {
                Some(ContextChange::AlterDefaults)
            }
            "do" if !is_plpgsql(rest) => Some(ContextChange::HiddenSql),
            _ => None,
        }
    }

    /// `CREATE FUNCTION … SET app.x = '2' AS …`: the setting holds while the function runs.
    /// An UPDATE of a column `role` in a BEGIN ATOMIC body looks the same and is refused with it.
    fn routine_setting(self, tokens: &[Token<'_>]) -> Option<ContextChange> {
        let (first, rest) = tokens.split_first()?;
        let sets = first.is_word("set") || first.is_word("reset");
        sets.then(|| setting::set(rest, self.protected)).flatten()
    }

    /// What the name at `at` gives away, wherever it stands.
    fn name(self, tokens: &[Token<'_>], at: usize) -> Option<ContextChange> {
        let token = tokens.get(at)?;
        let rest = tokens.get(at + 1..).unwrap_or_default();
        if token.kind == TokenKind::UnicodeIdent {
            return Some(ContextChange::EscapedName);
        }
        if is_named(token, "set_config") {
            return setting::set_config(rest, self.protected);
        }
        if is_named(token, "pg_notify") {
            return Some(ContextChange::Channel);
        }
        // In a body: what it runs is put together at run time.
        if self.depth > 0 && token.is_word("execute") && !is_whole_literal(rest) {
            return Some(ContextChange::HiddenSql);
        }
        let is_call = rest.first().is_some_and(|next| next.is_punct("("));
        if token.is_word("treat") && is_call {
            return Some(ContextChange::Treat);
        }
        // `t.f` calls `f` too, and so does an operator or aggregate made of it.
        let name = Word::of_name(Some(token));
        let is_field = at.checked_sub(1).and_then(|before| tokens.get(before));
        let is_field = is_field.is_some_and(|before| before.is_punct("."));
        let is_unreadable = name.is_in(RUNS_FIRST_ARGUMENT) && !is_literal_argument(rest)
            || name.as_str() == RUNS_SECOND_OF_TWO && !is_readable_rewrite(rest)
            || name.is_in(RUNS_ONE_ARGUMENT) && is_field && !is_call;
        is_unreadable.then_some(ContextChange::HiddenSql)
    }

    /// A literal of a statement that runs text.
    fn literal(self, token: &Token<'_>) -> Option<ContextChange> {
        if token.kind == TokenKind::UnicodeString {
            return Some(ContextChange::HiddenSql);
        }
        let text = literal::value(token)?;
        if self.depth == NESTING_MAX {
            return Some(ContextChange::HiddenSql);
        }
        let folded = text.to_lowercase();
        let named = |name: &str| folded.contains(&name.to_lowercase());
        let updates_settings = || named(SETTINGS_VIEW) && WRITES.iter().any(|word| named(word));
        if named("set_config")
            || updates_settings()
            || self.protected.iter().any(|name| named(name))
        {
            return Some(ContextChange::HiddenSql);
        }
        Search { depth: self.depth + 1, ..self }.text(&text).map(|_| ContextChange::HiddenSql)
    }
}

/// DO, EXECUTE, CREATE FUNCTION, CREATE PROCEDURE: their literals are run now or later.
fn is_given_text(tokens: &[Token<'_>]) -> bool {
    match Word::of(tokens.first()).as_str() {
        "do" | "execute" => true,
        _ => is_routine(tokens),
    }
}

/// `CREATE [OR REPLACE] FUNCTION`, `ALTER PROCEDURE`, `ALTER ROUTINE` …
fn is_routine(tokens: &[Token<'_>]) -> bool {
    if !matches!(Word::of(tokens.first()).as_str(), "create" | "alter") {
        return false;
    }
    let or_replace = tokens.get(1).is_some_and(|token| token.is_word("or"));
    let kind = Word::of(tokens.get(if or_replace { 3 } else { 1 }));
    matches!(kind.as_str(), "function" | "procedure" | "routine")
}

fn is_call_in(tokens: &[Token<'_>], names: &[&str]) -> bool {
    let Some(token) = tokens.first() else {
        return false;
    };
    if !tokens.get(1).is_some_and(|next| next.is_punct("(")) {
        return false;
    }
    match token.kind {
        TokenKind::Ident => Word::of(Some(token)).is_in(names),
        TokenKind::QuotedIdent => names.iter().any(|name| is_named(token, name)),
        _ => false,
    }
}

/// Whether a parenthesis opens and the first argument behind it is one literal and no more.
fn is_literal_argument(tokens: &[Token<'_>]) -> bool {
    let opens = tokens.first().is_some_and(|token| token.is_punct("("));
    let literal = tokens.get(1).is_some_and(|first| literal::value(first).is_some());
    opens && literal && tokens.get(2).is_some_and(|next| next.is_punct(",") || next.is_punct(")"))
}

/// Whether a call has other than two arguments, or one literal and no more as the second.
fn is_readable_rewrite(tokens: &[Token<'_>]) -> bool {
    let Some((_, inside)) = tokens.split_first().filter(|(open, _)| open.is_punct("(")) else {
        return true;
    };
    let mut depth = 0_usize;
    let mut arguments = vec![Vec::new()];
    if inside.len() > REWRITE_TOKENS_MAX && !has_end(inside) {
        return false;
    }
    for token in inside.iter().take(REWRITE_TOKENS_MAX) {
        let closes = token.is_punct(")") || token.is_punct("]");
        if closes && depth == 0 {
            break;
        }
        if token.is_punct(",") && depth == 0 {
            arguments.push(Vec::new());
        } else if let Some(argument) = arguments.last_mut() {
            argument.push(token);
        }
        depth += usize::from(token.is_punct("(") || token.is_punct("["));
        depth -= usize::from(closes);
    }
    match arguments.as_slice() {
        [_, second] => matches!(second.as_slice(), [one] if literal::value(one).is_some()),
        _ => true,
    }
}

/// Whether the parenthesis that is open before these closes soon.
fn has_end(inside: &[Token<'_>]) -> bool {
    let mut depth = 1_usize;
    inside.iter().take(REWRITE_TOKENS_MAX).any(|token| {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// Whether EXECUTE of a body is given one literal and no more
/// (<https://www.postgresql.org/docs/current/plpgsql-statements.html#PLPGSQL-STATEMENTS-EXECUTING-DYN>).
fn is_whole_literal(tokens: &[Token<'_>]) -> bool {
    let literal = tokens.first().is_some_and(|first| literal::value(first).is_some());
    let end = tokens.get(1).is_none_or(|next| {
        next.is_punct(";") || ["into", "using", "loop"].iter().any(|word| next.is_word(word))
    });
    literal && end
}

/// Whether a DO block is in the one language whose texts are read here; it is the default.
fn is_plpgsql(tokens: &[Token<'_>]) -> bool {
    let statement = tokens.split(|token| token.is_punct(";")).next().unwrap_or_default();
    let at = statement.iter().position(|token| token.is_word("language"));
    let language = at.and_then(|at| statement.get(at + 1));
    at.is_none()
        || language.is_some_and(|name| {
            is_named(name, "plpgsql")
                || literal::value(name).is_some_and(|text| text.eq_ignore_ascii_case("plpgsql"))
        })
}

/// Whether the token is this name, with quotes or without. Quoted names keep their case; looking
/// past it refuses a little too much.
fn is_named(token: &Token<'_>, name: &str) -> bool {
    let text = match token.kind {
        TokenKind::Ident => token.text,
        TokenKind::QuotedIdent => token.text.trim_matches('"'),
        _ => return false,
    };
    text.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests;
