//! One exchange with PostgreSQL: the prologue and the statement in one write, closed by one `Sync`;
//! and the reading of its answer.
//!
//! Everything up to `Sync` is one implicit transaction (PostgreSQL docs, "Extended Query",
//! pipelining): no BEGIN, no COMMIT, no second round trip, rollback on error for free, and what the
//! prologue set is gone afterwards.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rowhouse_protocol::backend::Columns;
use rowhouse_protocol::backend::{ErrorFields, ServerError};
use rowhouse_protocol::backend::{TransactionStatus, tag};
use rowhouse_protocol::frontend::{self, EncodeError, Parameter};
use rowhouse_protocol::statement::Verb;
use rowhouse_tenancy::prologue::{Prologue, Words};
use tokio::time::{sleep, timeout};

use super::statement::{Outcome, Value, frames};
use crate::config::Server;
use crate::error::Error;
use crate::identity::now_unix;
use crate::pool::PROLOGUE_STATEMENT;
use crate::upstream::{ExchangeError, ExchangeShape, Link, Reply, cancel};

/// The savepoint around a statement whose parameter types PostgreSQL has not accepted yet, so that
/// a transaction survives when it cannot infer them.
pub(super) const INFERENCE_SAVEPOINT: &str = "rowhouse_infer";

/// How long a cancelled statement may take to end.
const CANCEL_GRACE: Duration = Duration::from_secs(5);

/// What an answer may hold beyond its rows: notices, descriptions, errors.
const ANSWER_SLACK_BYTES: usize = 64 * 1024;

/// What goes first on one connection.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// The prologue, made for this connection.
    pub words: &'a Words<'a>,
    /// The connection does not know the prologue's statement yet.
    pub parse: bool,
    /// The session is reset before all else. `DISCARD ALL` commits by itself, and if it fails the
    /// server skips everything up to `Sync`: nothing runs behind a reset that was none.
    pub reset: bool,
}

/// The prologue in the words for one connection, now. There are none for a connection that cannot
/// vouch for a tenant whose database asks for that.
pub fn words<'a>(prologue: &'a Prologue, link: &Link) -> Result<Words<'a>, Failure> {
    let words = prologue.words(link.session_key(), now_unix());
    words.map_err(|error| Failure::Refused(Error::internal(error)))
}

/// How a statement is sent.
#[derive(Clone, Copy)]
pub enum Naming {
    /// Parsed for this one time.
    Unnamed,
    /// Under a name that the connection keeps.
    Named {
        /// The number in the name.
        id: u32,
        /// The connection does not know it yet.
        parse: bool,
        /// A statement to close first, to make room.
        evict: Option<u32>,
        /// Ask for the columns.
        describe: bool,
    },
}

/// A statement and how to send it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// What comes first.
    pub opening: Opening<'a>,
    /// SQL with `$n`.
    pub sql: &'a str,
    /// Types of the `$n`.
    pub types: &'a [u32],
    /// Values of the `$n`.
    pub values: &'a [Value],
    /// How it is sent.
    pub naming: Naming,
}

/// What of ours comes before a caller's statement in an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before {
    /// Commands that complete.
    pub commands: usize,
    /// Statements that are parsed.
    pub parses: usize,
}

impl Opening<'_> {
    /// What it adds before the statement.
    pub fn before(&self) -> Before {
        let some = usize::from(!self.words.is_empty());
        let reset = usize::from(self.reset);
        Before { commands: some + reset, parses: some * usize::from(self.parse) + reset }
    }
}

/// Why an exchange gave no outcome.
#[derive(Debug)]
pub enum Failure {
    /// PostgreSQL refused the prologue: nothing of the statement ran.
    Prologue(Box<ServerError>),
    /// PostgreSQL refused the statement's text or types: nothing of it ran.
    Unparsed(Box<ServerError>),
    /// PostgreSQL refused the statement; a part of it may have run.
    Server(Box<ServerError>),
    /// The answer was too large and has been thrown away.
    Overflow,
    /// Nothing of it was committed.
    NotCommitted(String),
    /// It may have been committed.
    Lost(String),
    /// It never came to an exchange.
    Refused(Error),
}

/// The shape of an exchange whose answer may hold `result_bytes_max` bytes of JSON.
///
/// Text of PostgreSQL is at most twice as long as its JSON here: `bytea` in hex against base64 is
/// the widest, `jsonb` with its spaces against compact JSON the next.
pub fn shape(commands: usize, atomic: bool, result_bytes_max: usize) -> ExchangeShape {
    let bytes_max = result_bytes_max.saturating_mul(2).saturating_add(ANSWER_SLACK_BYTES);
    ExchangeShape { commands, atomic, bytes_max }
}

/// Whether a statement by itself commits whole or not at all. Procedures may COMMIT half-way, and
/// so may what runs outside a transaction block, such as `VACUUM`; the list is of what cannot.
pub fn is_atomic(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Select
            | Verb::Insert
            | Verb::Update
            | Verb::Delete
            | Verb::Merge
            | Verb::Values
            | Verb::Table
            | Verb::With
            | Verb::Show
    )
}

/// The name of a kept statement on a connection.
fn name_of(id: u32) -> String {
    format!("rowhouse_{id}")
}

/// Writes the prologue.
///
/// A name is closed before it is parsed: what we believe the server not to know it may know after
/// all, when an error came between, and closing what is not there is no error (PostgreSQL docs,
/// "Message Flow", Close).
pub fn write_opening(buf: &mut BytesMut, opening: Opening<'_>) -> Result<(), EncodeError> {
    let Opening { words, parse, reset } = opening;
    if reset {
        write_command(buf, "DISCARD ALL")?;
    }
    if words.is_empty() {
        return Ok(());
    }
    if parse {
        frontend::close_statement(buf, PROLOGUE_STATEMENT)?;
        frontend::parse(buf, PROLOGUE_STATEMENT, &words.sql(), &[])?;
    }
    let parameters = words.parameters();
    let values: Vec<Parameter<'_>> = parameters
        .iter()
        .map(|value| Parameter { value: Some(value.as_ref()), binary: false })
        .collect();
    frontend::bind(buf, "", PROLOGUE_STATEMENT, &values)?;
    frontend::execute(buf, "", 0)
}

/// Writes a statement of ours that takes no values.
pub fn write_command(buf: &mut BytesMut, sql: &str) -> Result<(), EncodeError> {
    frontend::parse(buf, "", sql, &[])?;
    frontend::bind(buf, "", "", &[])?;
    frontend::execute(buf, "", 0)
}

/// Writes a whole exchange.
pub fn write_request(buf: &mut BytesMut, request: &Request<'_>) -> Result<(), EncodeError> {
    write_opening(buf, request.opening)?;
    let values: Vec<Parameter<'_>> = request.values.iter().map(Value::parameter).collect();
    match request.naming {
        Naming::Unnamed => {
            frontend::parse(buf, "", request.sql, request.types)?;
            frontend::bind(buf, "", "", &values)?;
            frontend::describe_portal(buf, "")?;
        }
        Naming::Named { id, parse, evict, describe } => {
            if let Some(oldest) = evict {
                frontend::close_statement(buf, &name_of(oldest))?;
            }
            let name = name_of(id);
            if parse {
                frontend::close_statement(buf, &name)?;
                frontend::parse(buf, &name, request.sql, request.types)?;
            }
            frontend::bind(buf, "", &name, &values)?;
            if describe {
                frontend::describe_portal(buf, "")?;
            }
        }
    }
    frontend::execute(buf, "", 0)?;
    frontend::sync(buf);
    Ok(())
}

/// Takes back a statement that failed behind our savepoint.
pub fn write_back_out(buf: &mut BytesMut) -> Result<(), EncodeError> {
    write_command(buf, &format!("ROLLBACK TO SAVEPOINT {INFERENCE_SAVEPOINT}"))?;
    write_command(buf, &format!("RELEASE SAVEPOINT {INFERENCE_SAVEPOINT}"))?;
    frontend::sync(buf);
    Ok(())
}

impl Request<'_> {
    /// How many commands complete when all of it runs.
    pub fn commands(&self) -> usize {
        self.before().commands + 1
    }

    /// What of ours comes before the statement.
    pub fn before(&self) -> Before {
        self.opening.before()
    }
}

/// Appends an exchange and waits for its answer.
pub async fn exchange(
    link: &Link,
    shape: ExchangeShape,
    build: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<Reply, Failure> {
    let answer = link.submit(shape, build).map_err(Failure::from)?;
    match answer.await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Failure::Lost("the connection's task ended".to_owned())),
    }
}

/// The ends of an exchange on an exclusive connection.
#[derive(Clone, Copy)]
pub struct Ends<'a> {
    /// Where to send the cancel request.
    pub server: &'a Server,
    /// How long it may take.
    pub limit: Duration,
    /// Nothing is lost when it is cancelled as soon as its answer turns out too large: what only
    /// reads need not be read to its end, unseen.
    pub when_too_large: bool,
}

/// The same on an exclusive connection, with an end: what reaches one is cancelled, and where even
/// that brings no answer the connection is given up.
///
/// After a cancel request the connection is closed in any case: the request may arrive late, and
/// would hit whatever runs then.
pub async fn exchange_within(
    ends: Ends<'_>,
    link: &Link,
    shape: ExchangeShape,
    build: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<Reply, Failure> {
    let mut answer = pin!(exchange(link, shape, build));
    let too_large = async {
        match ends.when_too_large {
            true => link.overflowing().await,
            false => pending().await,
        }
    };
    let too_large = tokio::select! {
        reply = &mut answer => return reply,
        () = too_large => true,
        () = sleep(ends.limit) => false,
    };
    cancel(ends.server, link.backend()).await;
    let late = timeout(CANCEL_GRACE, answer).await;
    link.close("a statement had to be cancelled");
    let mut reply =
        late.unwrap_or_else(|_| Err(Failure::Lost("no answer, not even to a cancel".to_owned())))?;
    if too_large && reply.overflow {
        // That it was cancelled is our doing, and no error of the statement.
        reply.frames = Bytes::new();
    }
    Ok(reply)
}

impl From<ExchangeError> for Failure {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::NotCommitted(text) => Failure::NotCommitted(text.to_string()),
            ExchangeError::Lost(text) => Failure::Lost(text.to_string()),
            ExchangeError::Encode(text) => {
                Failure::Refused(Error::new(crate::error::Kind::Invalid, text.to_string()))
            }
        }
    }
}

/// An answer taken apart: the outcome, and what else was learned.
pub struct Answer {
    /// What the statement returned.
    pub outcome: Outcome,
    /// Whether the answer described the columns; otherwise the known ones were used.
    pub described: bool,
}

impl Answer {
    /// The same answer, whose connection was waited for.
    pub fn after(mut self, waited: Duration) -> Answer {
        self.outcome.queue = waited;
        self
    }
}

/// Reads the answer to one statement behind `before` commands of ours. `known` are the columns
/// where the exchange did not ask for them.
pub fn read_answer(
    reply: &Reply,
    before: Before,
    known: Option<Arc<Columns>>,
) -> Result<Answer, Failure> {
    if reply.overflow {
        return Err(read_overflow(reply));
    }
    let mut to_skip = before.commands;
    let mut parsed = 0;
    let mut columns = known;
    let mut described = false;
    let mut start = 0;
    let mut at = 0;
    let mut answer = None;
    for (tag_byte, body) in frames(&reply.frames) {
        at += rowhouse_protocol::frame::HEADER_LEN + body.len();
        match tag_byte {
            tag::PARSE_COMPLETE => parsed += 1,
            tag::ERROR_RESPONSE if to_skip > 0 => {
                return Err(read_error(body, Failure::Prologue));
            }
            tag::ERROR_RESPONSE if parsed <= before.parses => {
                return Err(read_error(body, Failure::Unparsed));
            }
            tag::ERROR_RESPONSE => return Err(read_error(body, Failure::Server)),
            tag::ROW_DESCRIPTION if to_skip == 0 => {
                let decoded = Columns::decode(body).map_err(|e| malformed(&e.to_string()))?;
                columns = Some(Arc::new(decoded));
                described = true;
                start = at;
            }
            tag::NO_DATA if to_skip == 0 => {
                columns = None;
                described = true;
                start = at;
            }
            tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE if to_skip > 0 => {
                to_skip -= 1;
                start = at;
            }
            tag::COMMAND_COMPLETE | tag::EMPTY_QUERY_RESPONSE => {
                let frames = reply.frames.slice(start..at);
                let outcome = Outcome::new(columns.clone(), frames, reply.run);
                answer.get_or_insert(Answer { outcome, described });
            }
            _ => {}
        }
    }
    answer.ok_or_else(|| malformed("an answer without completion"))
}

/// An answer that was too large says all the same how it ended.
fn read_overflow(reply: &Reply) -> Failure {
    ended_well(reply).err().unwrap_or(Failure::Overflow)
}

fn read_error(body: &[u8], failure: fn(Box<ServerError>) -> Failure) -> Failure {
    match ErrorFields::decode(body) {
        Ok(fields) => failure(Box::new(fields.to_owned())),
        Err(error) => malformed(&error.to_string()),
    }
}

pub(super) fn malformed(text: &str) -> Failure {
    Failure::Refused(Error::internal(format!("unreadable answer: {text}")))
}

/// Whether commands of ours, of which no rows are wanted, have all run.
pub fn ended_well(reply: &Reply) -> Result<(), Failure> {
    let error = frames(&reply.frames).find(|(tag_byte, _)| *tag_byte == tag::ERROR_RESPONSE);
    error.map_or(Ok(()), |(_, body)| Err(read_error(body, Failure::Server)))
}

/// Whether the session is outside any transaction after an answer.
pub fn is_idle(reply: &Reply) -> bool {
    reply.status == TransactionStatus::Idle
}

/// An answer of ours without rows, to tell how a command completed.
pub fn completion(frames_of: &Bytes) -> Option<String> {
    frames(frames_of)
        .filter(|(tag_byte, _)| *tag_byte == tag::COMMAND_COMPLETE)
        .last()
        .and_then(|(_, body)| rowhouse_protocol::backend::CommandTag::decode(body).ok())
        .map(|tag| tag.text.to_owned())
}
