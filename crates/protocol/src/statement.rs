//! What a text of SQL is going to do, as far as its words tell: how many statements, which
//! command, whether the session can look different afterwards.
//!
//! A view, a trigger, an operator, a cast or what looks like a column (`t.f`) can call a function
//! that nobody sees in the text, and a function can be called like a built-in one. What they may do
//! to the session is therefore limited by who may create functions, not here.

use crate::effect;
use crate::scan::{self, Token};
use crate::word::Word;

/// The command a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the command of its name")]
pub enum Verb {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    Values,
    Table,
    With,
    /// BEGIN, START TRANSACTION
    Begin,
    /// COMMIT, END
    Commit,
    /// ROLLBACK, ABORT
    Rollback,
    RollbackTo,
    Savepoint,
    Release,
    PrepareTransaction,
    CommitPrepared,
    RollbackPrepared,
    /// SET of a setting for the session, SET SESSION CHARACTERISTICS
    Set,
    SetLocal,
    /// SET ROLE, also with SESSION or LOCAL
    SetRole,
    SetSessionAuthorization,
    SetTransaction,
    SetConstraints,
    Reset,
    Show,
    Discard,
    Listen,
    Unlisten,
    Notify,
    Copy,
    Explain,
    Prepare,
    Execute,
    Deallocate,
    Declare,
    Fetch,
    Move,
    Close,
    Do,
    Call,
    Create,
    Alter,
    Drop,
    Truncate,
    Grant,
    Revoke,
    Vacuum,
    Analyze,
    Cluster,
    Reindex,
    Lock,
    Load,
    Checkpoint,
    Import,
    Refresh,
    Comment,
    Security,
    Reassign,
    /// Something else, or no SQL at all
    Other,
    /// Nothing but space and comments
    Empty,
}

impl Verb {
    /// Whether it begins or ends a transaction block or a part of one.
    #[must_use]
    pub fn is_transaction_control(self) -> bool {
        matches!(
            self,
            Self::Begin
                | Self::Commit
                | Self::Rollback
                | Self::RollbackTo
                | Self::Savepoint
                | Self::Release
                | Self::PrepareTransaction
                | Self::CommitPrepared
                | Self::RollbackPrepared
        )
    }
}

/// Whether the session can look different to whoever uses the connection next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEffect {
    /// On the short list of what cannot change it.
    KnownClean,
    /// Everything else: `DISCARD ALL` makes the session as it was.
    MayChange,
    /// It may change it in a way that `DISCARD ALL` does not undo: close the connection.
    Indelible,
}

/// What a text of SQL was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Statements that are not empty.
    pub statements: usize,
    /// The command of the first one.
    pub verb: Verb,
    /// What all of them together may do to the session.
    pub session: SessionEffect,
    /// One statement that writes nothing and locks no row: running it twice does no harm.
    pub read_only: bool,
}

impl Examined {
    /// To run it again after it has run changes nothing that anybody has written: it only reads, or
    /// it reads on from a cursor, whose query ran when it was declared.
    pub fn is_harmless(&self) -> bool {
        self.read_only || (self.statements == 1 && self.verb == Verb::Fetch)
    }
}

/// One statement of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Which command it is.
    pub verb: Verb,
    /// Its text without the semicolon and the space around it.
    pub text: &'a str,
    /// Byte offset of the text.
    pub start: usize,
}

/// Looks at a text as a whole.
#[must_use]
pub fn examine(sql: &str) -> Examined {
    let tokens = scan::collect(sql);
    let mut parts = split(&tokens);
    let first = parts.next().unwrap_or_default();
    let others = parts.count();
    let verb = verb_of(first);
    let effect = if others == 0 { effect::of(first, verb) } else { effect::Effect::UNKNOWN };
    Examined {
        statements: usize::from(!first.is_empty()) + others,
        verb,
        session: match effect.clean {
            true => SessionEffect::KnownClean,
            false if effect::is_indelible(&tokens) => SessionEffect::Indelible,
            false => SessionEffect::MayChange,
        },
        read_only: effect.read_only,
    }
}

/// The statements of a text that are not empty. A semicolon inside parentheses (CREATE RULE) or
/// inside a BEGIN ATOMIC body parts nothing.
#[must_use]
pub fn statements(sql: &str) -> Vec<Statement<'_>> {
    let tokens = scan::collect(sql);
    split(&tokens)
        .filter_map(|part| {
            let start = part.first()?.start;
            let text = sql.get(start..part.last()?.end())?;
            Some(Statement { verb: verb_of(part), text, start })
        })
        .collect()
}

/// The tokens of each statement that has any.
fn split<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        loop {
            let (first, _) = rest.split_first()?;
            let len = statement_len(rest);
            let (statement, behind) = rest.split_at_checked(len)?;
            rest = behind.get(1..).unwrap_or_default();
            if !first.is_punct(";") {
                return Some(statement);
            }
        }
    })
}

/// How many tokens there are before the semicolon that ends the first statement.
fn statement_len(tokens: &[Token<'_>]) -> usize {
    let mut parentheses = 0_usize;
    let mut body = AtomicBody::before(tokens);
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" => parentheses += 1,
            ")" => parentheses = parentheses.saturating_sub(1),
            _ if parentheses > 0 => {}
            ";" if !body.open => return at,
            _ => body.pass(at.checked_sub(1).and_then(|before| tokens.get(before)), token),
        }
    }
    tokens.len()
}

/// The SQL-standard body of a function: `BEGIN ATOMIC …; …; END`. Its END stands where a statement
/// could begin; elsewhere END belongs to a CASE, or is the name of a column (`t.end`, `1 end`).
struct AtomicBody {
    possible: bool,
    open: bool,
}

impl AtomicBody {
    fn before(tokens: &[Token<'_>]) -> Self {
        let is_create = tokens.first().is_some_and(|token| token.is_word("create"));
        let kind = if tokens.get(1).is_some_and(|token| token.is_word("or")) { 3 } else { 1 };
        let is_routine = tokens
            .get(kind)
            .is_some_and(|token| token.is_word("function") || token.is_word("procedure"));
        Self { possible: is_create && is_routine, open: false }
    }

    fn pass(&mut self, before: Option<&Token<'_>>, token: &Token<'_>) {
        let behind = |word: &str| before.is_some_and(|before| before.is_word(word));
        if !self.possible {
            return;
        }
        if self.open {
            let begins = behind("atomic") || before.is_some_and(|before| before.is_punct(";"));
            self.open = !(begins && token.is_word("end"));
        } else {
            self.open = behind("begin") && token.is_word("atomic");
        }
    }
}

pub(crate) fn verb_of(statement: &[Token<'_>]) -> Verb {
    if statement.is_empty() {
        return Verb::Empty;
    }
    // `(SELECT …) UNION …` is a SELECT.
    let opening = statement.iter().take_while(|token| token.is_punct("(")).count();
    let words = statement.get(opening..).unwrap_or_default();
    let first = Word::of(words.first());
    let second = || Word::of(words.get(1));
    match first.as_str() {
        "set" => set_verb(words),
        "rollback" | "abort" => rollback_verb(words),
        "commit" | "end" if second().as_str() == "prepared" => Verb::CommitPrepared,
        "prepare" if second().as_str() == "transaction" => Verb::PrepareTransaction,
        word => VERBS
            .binary_search_by_key(&word, |(verb, _)| verb)
            .ok()
            .and_then(|found| VERBS.get(found))
            .map_or(Verb::Other, |(_, verb)| *verb),
    }
}

fn set_verb(words: &[Token<'_>]) -> Verb {
    let word = |at: usize| Word::of(words.get(at));
    let named = |at: usize| words.get(at).is_some_and(|token| token.is_punct("."));
    // `SET local.x = 1` sets a setting whose name begins so.
    let scope = match word(1).as_str() {
        "session" | "local" if !named(2) => 1,
        _ => 0,
    };
    let local = scope == 1 && word(1).as_str() == "local";
    if named(2 + scope) {
        return if local { Verb::SetLocal } else { Verb::Set };
    }
    match (word(1 + scope).as_str(), word(2 + scope).as_str()) {
        ("role", _) => Verb::SetRole,
        ("session_authorization" | "authorization", _) | ("session", "authorization") => {
            Verb::SetSessionAuthorization
        }
        ("transaction", _) => Verb::SetTransaction,
        ("constraints", _) if scope == 0 => Verb::SetConstraints,
        _ if local => Verb::SetLocal,
        _ => Verb::Set,
    }
}

fn rollback_verb(words: &[Token<'_>]) -> Verb {
    let noise = usize::from(matches!(Word::of(words.get(1)).as_str(), "work" | "transaction"));
    match Word::of(words.get(1 + noise)).as_str() {
        "to" => Verb::RollbackTo,
        "prepared" => Verb::RollbackPrepared,
        _ => Verb::Rollback,
    }
}

/// Sorted, for the binary search.
const VERBS: &[(&str, Verb)] = &[
    ("alter", Verb::Alter),
    ("analyse", Verb::Analyze),
    ("analyze", Verb::Analyze),
    ("begin", Verb::Begin),
    ("call", Verb::Call),
    ("checkpoint", Verb::Checkpoint),
    ("close", Verb::Close),
    ("cluster", Verb::Cluster),
    ("comment", Verb::Comment),
    ("commit", Verb::Commit),
    ("copy", Verb::Copy),
    ("create", Verb::Create),
    ("deallocate", Verb::Deallocate),
    ("declare", Verb::Declare),
    ("delete", Verb::Delete),
    ("discard", Verb::Discard),
    ("do", Verb::Do),
    ("drop", Verb::Drop),
    ("end", Verb::Commit),
    ("execute", Verb::Execute),
    ("explain", Verb::Explain),
    ("fetch", Verb::Fetch),
    ("grant", Verb::Grant),
    ("import", Verb::Import),
    ("insert", Verb::Insert),
    ("listen", Verb::Listen),
    ("load", Verb::Load),
    ("lock", Verb::Lock),
    ("merge", Verb::Merge),
    ("move", Verb::Move),
    ("notify", Verb::Notify),
    ("prepare", Verb::Prepare),
    ("reassign", Verb::Reassign),
    ("refresh", Verb::Refresh),
    ("reindex", Verb::Reindex),
    ("release", Verb::Release),
    ("reset", Verb::Reset),
    ("revoke", Verb::Revoke),
    ("savepoint", Verb::Savepoint),
    ("security", Verb::Security),
    ("select", Verb::Select),
    ("show", Verb::Show),
    ("start", Verb::Begin),
    ("table", Verb::Table),
    ("truncate", Verb::Truncate),
    ("unlisten", Verb::Unlisten),
    ("update", Verb::Update),
    ("vacuum", Verb::Vacuum),
    ("values", Verb::Values),
    ("with", Verb::With),
];

#[cfg(test)]
mod tests;
