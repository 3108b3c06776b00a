//! Several statements in one exchange: what is written in which order, and which of it an answer
//! tells of.
//!
//! One list of steps rules both directions: each step is one command that completes, so the place
//! of an error in the answer says whose it is.

use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;
use rowhouse_protocol::backend::{Columns, CommandTag, ErrorFields, tag};
use rowhouse_protocol::frame::HEADER_LEN;
use rowhouse_protocol::frontend::{self, EncodeError, Parameter};
use rowhouse_protocol::oid;
use rowhouse_tenancy::prologue::{Context, Prologue};

use super::exchange::{
    Failure, INFERENCE_SAVEPOINT, Opening, malformed, shape, write_command, write_opening,
};
use super::inference::types_for;
use super::statement::{Outcome, Statement, Value, frames};
use crate::error::Error;
use crate::pool::StatementEntry;
use crate::upstream::{ExchangeShape, Reply};

/// What the answer to one statement holds besides its rows: `CommandComplete` and its like.
const ANSWER_BYTES_EACH: usize = 64;

/// A statement and what is known about it.
pub struct Item {
    /// The statement with its values.
    pub statement: Statement,
    /// What is known.
    pub entry: Rc<StatementEntry>,
}

/// What the statements stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The implicit transaction of the exchange, or the caller's explicit one.
    Bare,
    /// A transaction block of the caller's, which is begun and stays open.
    Begun,
    /// A transaction block of ours, begun with this command. In it a procedure cannot COMMIT
    /// half-way, and what needs a block (SAVEPOINT, DECLARE, LOCK) has one.
    Block(&'static str),
    /// A savepoint of ours, so that a failed inference of types does not cost the caller its
    /// transaction.
    Savepoint,
}

/// Where the prologue goes again: a caller with a fixed tenant is that tenant in every statement,
/// whatever the one before it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renew {
    /// Nowhere: the caller chooses its tenant itself.
    Never,
    /// Behind each statement that is not known to leave the session as it was.
    AfterUnknown,
    /// Before each statement.
    Always,
}

/// A setting that holds for the rest of the transaction.
pub type Local = (&'static str, String);

/// How settings of ours are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// All in one call of `set_config`.
    Call,
    /// Each by a `SET LOCAL`, in a transaction block: in a sealed database `set_config` is for
    /// nobody.
    Commands,
}

impl Making {
    /// How settings of ours are made where policies believe this.
    pub fn of(context: Context) -> Making {
        match context {
            Context::Standard => Making::Call,
            Context::Sealed => Making::Commands,
        }
    }
}

/// Everything that one exchange is made of.
pub struct Series<'a> {
    /// The caller's tenant.
    pub opening: Opening<'a>,
    /// Where the prologue goes again.
    pub renew: Renew,
    /// Settings of ours, behind the prologue.
    pub locals: &'a [Local],
    /// Settings of ours, behind the statements.
    pub afterwards: &'a [Local],
    /// How those settings are made.
    pub making: Making,
    /// What the statements stand in.
    pub frame: Frame,
    /// The statements.
    pub items: &'a [Item],
    /// Whether the rows are wanted; otherwise they are neither described nor held.
    pub rows: bool,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Begin(&'static str),
    Prologue {
        parse: bool,
    },
    /// All of them in one call, or the one of this number.
    Locals(Option<usize>),
    Savepoint,
    Statement {
        index: usize,
        parse: bool,
    },
    Afterwards(Option<usize>),
    Release,
    Commit,
}

/// Why there are no outcomes, and which statement is to blame, if one is.
#[derive(Debug)]
pub struct Broken {
    /// The statement, counted from 0.
    pub at: Option<usize>,
    /// What happened.
    pub failure: Failure,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Broken {
        Broken { at: None, failure }
    }
}

impl Series<'_> {
    /// The shape of the exchange. The limit is for the rows of all statements together: none of
    /// them leaves the others more than the one that may have most.
    pub fn shape(&self, atomic: bool, bytes_left: usize) -> ExchangeShape {
        let each = self.items.iter().map(|item| item.statement.result_bytes_max);
        let result_bytes_max = each.max().unwrap_or_default().min(bytes_left);
        let mut shape = shape(self.steps().len(), atomic, result_bytes_max);
        let more = self.items.len().saturating_mul(ANSWER_BYTES_EACH);
        shape.bytes_max = shape.bytes_max.saturating_add(more);
        shape
    }

    /// Writes all of it, closed by one `Sync`.
    pub fn write(&self, buf: &mut BytesMut) -> Result<(), EncodeError> {
        for step in self.steps() {
            match step {
                Step::Begin(sql) => write_command(buf, sql)?,
                Step::Prologue { parse } => write_opening(buf, Opening { parse, ..self.opening })?,
                Step::Locals(which) => write_locals(buf, self.locals, which)?,
                Step::Savepoint => write_command(buf, &format!("SAVEPOINT {INFERENCE_SAVEPOINT}"))?,
                Step::Statement { index, parse } => self.write_statement(buf, index, parse)?,
                Step::Afterwards(which) => write_locals(buf, self.afterwards, which)?,
                Step::Release => {
                    write_command(buf, &format!("RELEASE SAVEPOINT {INFERENCE_SAVEPOINT}"))?;
                }
                Step::Commit => write_command(buf, "COMMIT")?,
            }
        }
        frontend::sync(buf);
        Ok(())
    }

    /// Takes the answer apart: an outcome for each statement, or what went wrong with which.
    pub fn read(&self, reply: &Reply) -> Result<Vec<Outcome>, Broken> {
        let steps = self.steps();
        let mut left = steps.iter().copied();
        let mut step = left.next();
        let mut outcomes = Vec::with_capacity(self.items.len());
        let mut columns: Option<Arc<Columns>> = None;
        let (mut parsed, mut start, mut at) = (false, 0, 0);
        for (tag_byte, body) in frames(&reply.frames) {
            at += HEADER_LEN + body.len();
            let statement = matches!(step, Some(Step::Statement { .. }));
            match tag_byte {
                tag::PARSE_COMPLETE => parsed = true,
                // What an answer that is too large has kept does not tell whether it was parsed.
                tag::ERROR_RESPONSE => return Err(blame(step, parsed || reply.overflow, body)),
                tag::ROW_DESCRIPTION if statement => {
                    let decoded = Columns::decode(body).map_err(|e| malformed(&e.to_string()))?;
                    columns = Some(Arc::new(decoded));
                    start = at;
                }
                tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE => {
                    if step == Some(Step::Commit) && !completes(body, "COMMIT") {
                        let error = Error::internal("our COMMIT was answered otherwise");
                        return Err(Failure::Refused(error).into());
                    }
                    if statement {
                        let frames = reply.frames.slice(start..at);
                        outcomes.push(Outcome::new(columns.take(), frames, reply.run));
                    }
                    step = left.next();
                    (parsed, start) = (false, at);
                }
                _ => {}
            }
        }
        if reply.overflow && self.rows {
            return Err(Failure::Overflow.into());
        }
        if outcomes.len() < self.items.len() {
            return Err(malformed("an answer without completion").into());
        }
        Ok(outcomes)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.items.len().saturating_add(6));
        match self.frame {
            Frame::Begun => steps.push(Step::Begin("BEGIN")),
            Frame::Block(sql) => steps.push(Step::Begin(sql)),
            Frame::Bare | Frame::Savepoint => {}
        }
        let prologue = !self.opening.words.is_empty();
        if prologue {
            steps.push(Step::Prologue { parse: self.opening.parse });
        }
        steps.extend(self.calls(self.locals).map(Step::Locals));
        if self.frame == Frame::Savepoint {
            steps.push(Step::Savepoint);
        }
        let mut last: Option<&Item> = None;
        for (index, item) in self.items.iter().enumerate() {
            if prologue
                && let Some(last) = last
                && self.renews_behind(last)
            {
                // It may have closed what the server keeps under our name.
                steps.push(Step::Prologue { parse: !last.entry.is_clean() });
            }
            let parse = !last.is_some_and(|last| same_parse(last, item));
            steps.push(Step::Statement { index, parse });
            last = Some(item);
        }
        steps.extend(self.calls(self.afterwards).map(Step::Afterwards));
        match self.frame {
            Frame::Bare | Frame::Begun => {}
            Frame::Block(_) => steps.push(Step::Commit),
            Frame::Savepoint => steps.push(Step::Release),
        }
        steps
    }

    /// The steps that settings take.
    fn calls(&self, locals: &[Local]) -> impl Iterator<Item = Option<usize>> + use<> {
        let (whole, single) = match self.making {
            Making::Call => (usize::from(!locals.is_empty()), 0),
            Making::Commands => (0, locals.len()),
        };
        std::iter::repeat_n(None, whole).chain((0..single).map(Some))
    }

    fn renews_behind(&self, item: &Item) -> bool {
        match self.renew {
            Renew::Never => false,
            Renew::AfterUnknown => !item.entry.is_clean(),
            Renew::Always => true,
        }
    }

    fn write_statement(
        &self,
        buf: &mut BytesMut,
        index: usize,
        parse: bool,
    ) -> Result<(), EncodeError> {
        let Some(Item { statement, entry }) = self.items.get(index) else { return Ok(()) };
        if parse {
            frontend::parse(buf, "", &statement.sql, &types_for(entry, statement))?;
        }
        let values: Vec<Parameter<'_>> = statement.values.iter().map(Value::parameter).collect();
        frontend::bind(buf, "", "", &values)?;
        if self.rows {
            frontend::describe_portal(buf, "")?;
        }
        frontend::execute(buf, "", 0)
    }
}

/// Whether one parse serves both. Only the sets of a batch share their text.
fn same_parse(one: &Item, other: &Item) -> bool {
    Arc::ptr_eq(&one.statement.sql, &other.statement.sql)
        && types_for(&one.entry, &one.statement) == types_for(&other.entry, &other.statement)
}

/// With its own text each time: too rare to be kept prepared. Names and values are ours, and each
/// value is a number or quoted names, which `SET` takes as they are.
fn write_locals(
    buf: &mut BytesMut,
    locals: &[Local],
    which: Option<usize>,
) -> Result<(), EncodeError> {
    if let Some((name, value)) = which.and_then(|which| locals.get(which)) {
        return write_command(buf, &format!("SET LOCAL {name} TO {value}"));
    }
    let types = vec![oid::TEXT; locals.len() * 2];
    frontend::parse(buf, "", &Prologue::settings_sql(locals.len()), &types)?;
    let texts = locals.iter().flat_map(|(name, value)| [*name, value.as_str()]);
    let values: Vec<Parameter<'_>> = texts.map(Parameter::text).collect();
    frontend::bind(buf, "", "", &values)?;
    frontend::execute(buf, "", 0)
}

/// Whether a command completed as this.
fn completes(body: &[u8], command: &str) -> bool {
    CommandTag::decode(body).is_ok_and(|tag| tag.text == command)
}

/// Whose an error is that comes while `step` has not completed.
fn blame(step: Option<Step>, parsed: bool, body: &[u8]) -> Broken {
    let error = match ErrorFields::decode(body) {
        Ok(fields) => Box::new(fields.to_owned()),
        Err(error) => return malformed(&error.to_string()).into(),
    };
    match step {
        Some(Step::Statement { index, parse }) if parse && !parsed => {
            Broken { at: Some(index), failure: Failure::Unparsed(error) }
        }
        Some(Step::Statement { index, .. }) => {
            Broken { at: Some(index), failure: Failure::Server(error) }
        }
        // Constraints that wait for the end.
        Some(Step::Commit) | None => Failure::Server(error).into(),
        Some(_) => Failure::Prologue(error).into(),
    }
}
