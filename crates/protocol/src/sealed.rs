//! What a tenant may write whose SQL nobody answers for: a short list of commands.
//!
//! The wall of a sealed database is the context that SQL cannot forge. What is refused here is what
//! reaches past tables and their policies: estimates of all tenants' rows (EXPLAIN), the session
//! that others use after this one (SET, PREPARE, LISTEN, cursors WITH HOLD), the role that all
//! share (ALTER ROLE), locks and channels, code (DO, CALL). The list is of what may pass; a command
//! that PostgreSQL learns one day does not pass.

use std::error::Error;
use std::fmt;

use crate::effect;
use crate::lasting::is_weightless;
use crate::scan::{self, Token};
use crate::statement::{self, Verb};
use crate::word::Word;

/// Settings that tell of the server and not of sessions, and that drivers ask for. Sorted, for the
/// binary search.
const SHOWN: &[&str] = &[
    "client_encoding",
    "datestyle",
    "default_transaction_isolation",
    "integer_datetimes",
    "intervalstyle",
    "lc_collate",
    "lc_ctype",
    "max_identifier_length",
    "search_path",
    "server_encoding",
    "server_version",
    "server_version_num",
    "standard_conforming_strings",
    "statement_timeout",
    "time",
    "timezone",
    "transaction",
    "transaction_isolation",
    "transaction_read_only",
];

/// Why a statement is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More than one statement in one message.
    Several,
    /// A command that is not on the list.
    Command,
    /// `SELECT … INTO` makes a table.
    Into,
    /// A cursor that outlives its transaction would be there for whoever comes next.
    Hold,
    /// SHOW of a setting that is not on the list.
    Show,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Several => "one statement in one message, in a sealed database",
            Self::Command => {
                "a sealed database takes SELECT, VALUES, TABLE, WITH, INSERT, UPDATE, DELETE, \
                 MERGE, savepoints and cursors from tenants, and no other command"
            }
            Self::Into => "SELECT INTO is not for tenants of a sealed database: it makes a table",
            Self::Hold => {
                "cursors of a sealed database end with their transaction: leave WITH HOLD out"
            }
            Self::Show => {
                "a sealed database shows tenants only settings that drivers ask for, such as \
                 server_version, TimeZone and transaction_isolation"
            }
        })
    }
}

impl Error for Refusal {}

/// Whether, and why, a tenant of a sealed database may not send this text.
#[must_use]
pub fn refusal(sql: &str) -> Option<Refusal> {
    let tokens = scan::collect(sql);
    // The semicolon at the end parts nothing. Any other is refused wherever it stands: a text that
    // this scanner cuts otherwise than the server would be the way around the list.
    let end = tokens.iter().rposition(|token| !token.is_punct(";")).map_or(0, |last| last + 1);
    let words = tokens.get(..end).unwrap_or_default();
    if words.iter().any(|token| token.is_punct(";")) {
        return Some(Refusal::Several);
    }
    match statement::verb_of(words) {
        Verb::Select
        | Verb::Values
        | Verb::Table
        | Verb::With
        | Verb::Insert
        | Verb::Update
        | Verb::Delete
        | Verb::Merge => effect::makes_table(words).then_some(Refusal::Into),
        Verb::Declare if holds(words) => Some(Refusal::Hold),
        Verb::Declare
        | Verb::Fetch
        | Verb::Move
        | Verb::Close
        | Verb::Savepoint
        | Verb::Release
        | Verb::RollbackTo
        | Verb::Empty => None,
        Verb::Show if Word::of_name(words.get(1)).is_in(SHOWN) => None,
        Verb::Show => Some(Refusal::Show),
        _ => Some(Refusal::Command),
    }
}

/// The same for a client of PostgreSQL's own protocol. It begins and ends its transactions itself,
/// and its driver says things that touch nothing but the driver's own matters.
#[must_use]
pub fn refusal_of_client(sql: &str) -> Option<Refusal> {
    match refusal(sql)? {
        Refusal::Command if is_of_drivers(sql) => None,
        why => Some(why),
    }
}

/// What is said of transactions, of the driver's own prepared statements, and settings that change
/// no answer. A snapshot that somebody has exported would be a way to what was deleted since.
fn is_of_drivers(sql: &str) -> bool {
    let statements = statement::statements(sql);
    let [one] = statements.as_slice() else { return false };
    match one.verb {
        Verb::Begin | Verb::Commit | Verb::Rollback | Verb::Deallocate => true,
        Verb::SetTransaction => !scan::significant(one.text).any(|word| word.is_word("snapshot")),
        Verb::Set => is_weightless(one.text),
        _ => false,
    }
}

/// `DECLARE c … CURSOR WITH HOLD FOR …`; WITHOUT HOLD is what everybody gets.
fn holds(words: &[Token<'_>]) -> bool {
    let options = words.iter().take_while(|token| !token.is_word("for"));
    let behind = options.clone().skip(1);
    options.zip(behind).any(|(before, token)| before.is_word("with") && token.is_word("hold"))
}

#[cfg(test)]
mod tests;
