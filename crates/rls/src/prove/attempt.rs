//! One attempt to cross the wall: who, against whom, by which SQL, and what must come of it.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::quote_literal;

/// What is attempted: the columns of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// With no tenant, or one that is none.
    NoTenant,
    /// SELECT, by cursors and prepared statements as well.
    Select,
    /// INSERT of another tenant's row.
    Insert,
    /// UPDATE of another tenant's rows.
    Update,
    /// UPDATE that gives an own row to another tenant.
    Move,
    /// DELETE.
    Delete,
    /// INSERT … ON CONFLICT.
    Upsert,
    /// MERGE.
    Merge,
    /// SELECT … FOR UPDATE.
    Lock,
    /// COPY, both ways.
    Copy,
    /// TRUNCATE.
    Truncate,
    /// Keys that answer for other tenants' rows, or attach to them.
    Keys,
    /// Statistics of the planner.
    Statistics,
    /// Becoming another tenant.
    Context,
    /// Getting around the seal of a sealed context.
    Seal,
    /// A function that runs with its owner's rights.
    Call,
}

impl Command {
    /// The columns of the matrix of tables and views.
    pub const COLUMNS: [Command; 13] = [
        Command::NoTenant,
        Command::Select,
        Command::Insert,
        Command::Update,
        Command::Move,
        Command::Delete,
        Command::Upsert,
        Command::Merge,
        Command::Lock,
        Command::Copy,
        Command::Truncate,
        Command::Keys,
        Command::Statistics,
    ];

    /// Its word, in the matrix and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Command::NoTenant => "no-tenant",
            Command::Select => "select",
            Command::Insert => "insert",
            Command::Update => "update",
            Command::Move => "move",
            Command::Delete => "delete",
            Command::Upsert => "upsert",
            Command::Merge => "merge",
            Command::Lock => "lock",
            Command::Copy => "copy",
            Command::Truncate => "truncate",
            Command::Keys => "keys",
            Command::Statistics => "stats",
            Command::Context => "context",
            Command::Seal => "seal",
            Command::Call => "call",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// The way an attempt takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// As the application's role, on a connection of its own.
    Direct,
    /// As a tenant, over HTTP.
    Gateway,
}

impl Way {
    /// How it is told to people.
    pub fn words(self) -> &'static str {
        match self {
            Way::Direct => "directly",
            Way::Gateway => "through the gateway",
        }
    }
}

/// On which ways an attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// On both.
    Both,
    /// What a gateway's tenant cannot even begin.
    DirectOnly,
    /// What would last beyond a rollback if the gateway did not refuse it.
    GatewayOnly,
}

impl Ways {
    /// Whether it is tried on this one.
    pub fn include(self, way: Way) -> bool {
        match self {
            Ways::Both => true,
            Ways::DirectOnly => way == Way::Direct,
            Ways::GatewayOnly => way == Way::Gateway,
        }
    }
}

/// Who the attacker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Context {
    /// Nothing is set.
    Nothing,
    /// This text is set: a tenant's, or what is none.
    Tenant(String),
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A row comes back: without it, that others do not come proves nothing.
    OwnRow,
    /// No row comes back.
    NoRows,
    /// No row comes back that says anything; a view may count what is not there.
    NothingTold {
        /// It runs with its caller's rights, so that what it tells comes from elsewhere.
        invoker: bool,
    },
    /// No row is written.
    NotWritten,
    /// No more rows are written than the step before has counted as the attacker's own, nor more
    /// than this many.
    NoMoreThanOwn(u64),
    /// No row is locked, and none is found locked.
    NotLocked,
    /// A row of the attacker's own is written: another tenant's key is not in its way.
    OwnRowWritten {
        /// The index that would tell, without its schema.
        index: String,
    },
    /// A reference to another tenant's row is not possible.
    NotAttached,
    /// The privilege is not there.
    NotGranted,
    /// No row has a tenant in this column but the attacker's own.
    NoOtherTenant {
        /// The column, as JSON has it.
        column: String,
    },
    /// Not more rows are expected of one than of the other: both steps' estimates.
    SameEstimate,
}

/// A value of a statement, which stands beside its text and not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The value.
    pub value: Option<String>,
    /// What it is, in words that tell nothing of it.
    pub meaning: String,
}

/// One statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its text, with `$1` where parameters belong.
    pub sql: String,
    /// Them.
    pub parameters: Vec<Parameter>,
    /// It cannot have parameters, or is several statements: values become constants.
    pub inline: bool,
    /// What COPY FROM STDIN is sent.
    pub copied: Option<String>,
    /// Where it is refused, the attempt goes on without it.
    pub optional: bool,
}

impl Statement {
    /// A statement without parameters.
    pub fn plain(sql: impl Into<String>) -> Statement {
        Statement { sql: sql.into(), ..Statement::default() }
    }

    /// The same for a message that has no parameters.
    pub fn inline(mut self) -> Statement {
        self.inline = true;
        self
    }

    /// The text with each parameter in the form that `write` gives it.
    pub fn with(&self, write: impl Fn(usize, &Parameter) -> String) -> String {
        let mut text = String::with_capacity(self.sql.len());
        let mut quote = None;
        let mut rest = self.sql.chars().peekable();
        while let Some(c) = rest.next() {
            match quote {
                Some(open) if open == c => quote = None,
                None if c == '\'' || c == '"' => quote = Some(c),
                None if c == '$' => {
                    let mut digits = String::new();
                    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                        digits.push(digit);
                    }
                    let number = digits.parse::<usize>().unwrap_or_default();
                    match number.checked_sub(1).and_then(|index| self.parameters.get(index)) {
                        Some(parameter) => text.push_str(&write(number, parameter)),
                        None => {
                            text.push('$');
                            text.push_str(&digits);
                        }
                    }
                    continue;
                }
                _ => {}
            }
            text.push(c);
        }
        text
    }

    /// The text with its values as constants.
    pub fn literal(&self) -> String {
        self.with(|_, parameter| match &parameter.value {
            Some(value) => quote_literal(value),
            None => "null".to_owned(),
        })
    }
}

/// A step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The context changes hands, as it does on a pooled connection.
    Become(Context),
    /// A statement.
    Run(Statement),
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What tells it from all others of a proof.
    pub id: String,
    /// What it is about: schema-qualified and quoted.
    pub object: String,
    /// What is attempted.
    pub command: Command,
    /// In a few words.
    pub name: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Who attacks; `None` where it is nobody in particular.
    pub attacker: Option<String>,
    /// Whose rows are in danger.
    pub victim: Option<String>,
    /// In whose context the transaction begins.
    pub context: Context,
    /// What is done in it; the last one is judged.
    pub steps: Vec<Step>,
    /// What must hold.
    pub expect: Expect,
    /// The role has the privilege that it takes: without it a refusal is no credit to policies.
    pub privileged: bool,
    /// It needs a transaction that may write.
    pub writes: bool,
    /// Where it is tried.
    pub ways: Ways,
    /// It reads a table and nothing else, and may also be sent outside of a transaction.
    pub alone: bool,
}
