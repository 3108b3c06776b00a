//! What a client says and what PostgreSQL is told of it, without IO: bytes in, bytes out.
//!
//! Messages are passed on as they are. What is ours goes in between: the prologue before whatever
//! runs, a statement's text before its values where the connection does not know it. Each message
//! leaves behind what its answer will be, so that the answers to ours can be taken out again
//! ([`hear`]).
//!
//! One segment is under way at a time: what a client sends up to `Sync` or `Query`. So the state of
//! the transaction is known whenever it is decided whether a prologue is due.

mod copying;
mod expected;
mod extended;
mod hear;
mod loss;
mod needs;
mod portals;
mod reports;
mod simple;

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::frontend::{self, EncodeError};
use rowhouse_protocol::request::{DecodeError, Named, Request, tag};
use rowhouse_protocol::response::{self, ErrorText, Severity};
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::PrincipalKind;
use rowhouse_tenancy::prologue::{Context, Prologue};
use rowhouse_tenancy::seal::SessionKey;

use expected::{Expected, Reply};
use hear::Spoken;
use needs::needs_connection;
use portals::Portals;

use super::nature::Nature;
use super::parts::Part;
use super::prepared::{ClientStatement, Prepared};
use super::sayings::{ALL, Mask, Sayings};
use crate::error::{Error, Kind};
use crate::pool::Condition;

/// The portal of the prologue: the unnamed one may be the client's.
const PROLOGUE_PORTAL: &str = "rowhouse_prologue";
/// A statement that is nowhere: to bind it fails, in the place of what is refused.
const NOWHERE: &str = "rowhouse_refused";
/// What is written and not yet sent, in each direction, before no more is taken in.
pub const WRITTEN_MAX: usize = 256 * 1024;
/// Room for what most transactions say, in each direction; it is given back with the connection.
const WRITTEN_FIRST: usize = 1024;
/// Answers that are waited for. PostgreSQL holds back some thousand at most before it sends them.
const EXPECTED_MAX: usize = 16 * 1024;

/// What a text is, or why it may not be sent.
pub type Judgement = dyn Fn(&str, &[u32]) -> Result<Nature, Error>;

/// What one client and one server say to each other.
pub struct Dialogue {
    judge: Box<Judgement>,
    kind: PrincipalKind,
    fixed: bool,
    prologue: Prologue,
    /// What the client's session begins with, for the session and not for the transaction.
    settings: Vec<(String, String)>,
    context: Context,
    now: fn() -> u64,
    message_bytes_max: usize,
    sql_bytes_max: usize,
    prepared_bytes_max: usize,
    /// What the next text was found to be, while it waits for a connection.
    judged: Cell<Option<Nature>>,
    /// What vouches for a tenant on the connection that is being used.
    pub key: Option<SessionKey>,
    /// For PostgreSQL.
    pub to_server: BytesMut,
    /// For the client.
    pub to_client: BytesMut,
    /// The client's session stays with one connection.
    pub pinned: bool,
    /// What of a connection that is being used there is to know when it is given back.
    pub traces: Traces,
    status: TransactionStatus,
    expected: VecDeque<Expected>,
    prepared: Prepared,
    /// What PostgreSQL knows under no name.
    unnamed: Option<Rc<ClientStatement>>,
    portals: Portals,
    /// Something was bound that may run functions while it is planned.
    unsettled: bool,
    /// Parts of a text that come when the one before has been answered.
    parts: VecDeque<Part>,
    held: bool,
    /// The prologue goes before whatever runs next.
    due: bool,
    /// The connection does not know the prologue's statement, or may have forgotten it.
    parse_prologue: bool,
    /// Of the settings that the session begins with, those that have to be made.
    settings_due: Mask,
    /// On this connection an implicit transaction that the prologue began outlives a Query.
    lingering: bool,
    /// The prologue was said since the last end of a segment.
    said: bool,
    /// How a command completed whose transaction is still to be committed.
    completion: Option<BytesMut>,
    /// What goes before where SQL has said nothing of it.
    given: Prologue,
    /// What the client was told last of settings that its session began with, by their places;
    /// nothing of those that are still the same.
    reported: Vec<(usize, String)>,
    /// What SQL has said of it.
    sayings: Sayings,
    /// What runs is one statement, and stands alone but for what goes before it.
    lone: bool,
    /// Something of the client's ran since the last end of a segment.
    ran: bool,
    /// Something was sent that no `ReadyForQuery` has ended.
    in_segment: bool,
    /// The client waits for `ReadyForQuery`.
    waiting: bool,
    /// What follows waits for the end of a transaction in the middle of a segment.
    holding: bool,
    /// Everything up to `Sync` is left out, since something before it failed.
    skipping: bool,
    /// PostgreSQL takes a COPY stream.
    copying: bool,
    /// Syncs behind the last data of that stream.
    syncs_in_stream: usize,
    /// The transaction that has failed was ended, or goes on, in this segment.
    ended: bool,
    /// The transaction was ended by the last statement of a text: by `AND CHAIN` it is in another.
    another: bool,
    /// Bytes of a large frame for the client that are still to come.
    passing: usize,
    /// PostgreSQL itself has told the client that its session is over.
    told_fatal: bool,
    /// The last words of the server, which the client has not heard.
    parting: Option<Error>,
    trouble: Option<String>,
    /// The error of this segment.
    error: Option<SqlState>,
    outcome: Option<Spoken>,
    /// What the client has been answered since the last outcome.
    rows: u64,
}

/// What a connection is left with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traces {
    /// Something ran that is not known to leave none.
    pub unclean: bool,
    /// A reset will not take them away.
    pub indelible: bool,
    /// The catalog may say something else now.
    pub defining: bool,
    /// PostgreSQL has told of a changed parameter.
    pub reported: bool,
}

/// What comes of the next message of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It was taken.
    Taken,
    /// It is not there yet.
    Missing,
    /// Others must be answered, or sent, before it.
    Later,
    /// It needs a connection first.
    Connection(Condition),
    /// The client says goodbye.
    Goodbye,
}

/// What a dialogue is made of.
pub struct Terms {
    /// Judges texts.
    pub judge: Box<Judgement>,
    /// What kind of caller it is.
    pub kind: PrincipalKind,
    /// Its tenant is the same to the end, and is said whenever it could have been lost.
    pub fixed: bool,
    /// What goes before.
    pub prologue: Prologue,
    /// What the client's session begins with.
    pub settings: Vec<(String, String)>,
    /// What the policies of the database believe.
    pub context: Context,
    /// The time (Unix, seconds): tokens end.
    pub now: fn() -> u64,
    /// Bytes of one message.
    pub message_bytes_max: usize,
    /// Bytes of one text.
    pub sql_bytes_max: usize,
    /// Bytes of all prepared statements.
    pub prepared_bytes_max: usize,
}

impl Dialogue {
    /// Nothing has been said yet.
    pub fn new(terms: Terms) -> Dialogue {
        Dialogue {
            judge: terms.judge,
            kind: terms.kind,
            fixed: terms.fixed,
            given: terms.prologue.clone(),
            prologue: terms.prologue,
            settings: terms.settings,
            context: terms.context,
            now: terms.now,
            key: None,
            message_bytes_max: terms.message_bytes_max,
            sql_bytes_max: terms.sql_bytes_max,
            prepared_bytes_max: terms.prepared_bytes_max,
            judged: Cell::new(None),
            to_server: BytesMut::new(),
            to_client: BytesMut::new(),
            pinned: false,
            traces: Traces::default(),
            status: TransactionStatus::Idle,
            expected: VecDeque::new(),
            prepared: Prepared::default(),
            unnamed: None,
            portals: Portals::default(),
            unsettled: false,
            parts: VecDeque::new(),
            held: false,
            due: false,
            parse_prologue: false,
            settings_due: 0,
            lingering: false,
            said: false,
            completion: None,
            reported: Vec::new(),
            sayings: Sayings::default(),
            lone: false,
            ran: false,
            in_segment: false,
            waiting: false,
            holding: false,
            skipping: false,
            copying: false,
            syncs_in_stream: 0,
            ended: false,
            another: false,
            passing: 0,
            told_fatal: false,
            parting: None,
            trouble: None,
            error: None,
            outcome: None,
            rows: 0,
        }
    }

    /// There is a connection now. `prologue_unknown`: it has to be told the prologue's statement;
    /// `lingering`: a Query behind an Execute does not end their transaction.
    pub fn begin_using(&mut self, prologue_unknown: bool, condition: Condition, lingering: bool) {
        self.held = true;
        self.to_server.reserve(WRITTEN_FIRST);
        self.to_client.reserve(WRITTEN_FIRST);
        self.lingering = lingering;
        self.said = false;
        self.traces = Traces::default();
        self.parse_prologue = prologue_unknown;
        self.settings_due = if condition == Condition::Pristine { ALL } else { 0 };
        self.due = self.has_prologue();
    }

    /// The connection is given back.
    pub fn end_using(&mut self) {
        self.held = false;
        self.unnamed = None;
        self.portals.clear();
    }

    /// The connection has still to be told the prologue's statement.
    pub fn is_prologue_unknown(&self) -> bool {
        self.parse_prologue
    }

    /// What the log should know of this connection, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Nothing is outstanding, and nothing holds the client to its connection.
    pub fn is_done_with_connection(&self) -> bool {
        self.held && self.is_at_rest() && !self.pinned && self.status == TransactionStatus::Idle
    }

    /// Nothing is outstanding in either direction, as far as PostgreSQL is concerned.
    pub fn is_at_rest(&self) -> bool {
        !self.in_segment && self.expected.is_empty() && self.to_server.is_empty()
    }

    /// The client is in a transaction, or in the middle of saying something.
    pub fn is_in_transaction(&self) -> bool {
        self.status != TransactionStatus::Idle || self.in_segment
    }

    /// PostgreSQL has something to do, and the client waits for it.
    pub fn is_waiting(&self) -> bool {
        self.waiting || self.holding
    }

    /// Prepared statements that the client keeps.
    pub fn prepared_count(&self) -> usize {
        self.prepared.count()
    }

    /// What became of the last segment, once.
    pub fn take_outcome(&mut self) -> Option<Spoken> {
        self.outcome.take()
    }

    /// Tells the client that its session is over.
    pub fn say_fatal(&mut self, error: &Error) {
        // In the middle of a row it would be taken for a value.
        if self.told_fatal || self.passing > 0 {
            return;
        }
        write_error(&mut self.to_client, Severity::Fatal, error);
    }

    /// There is no connection for what the client has just sent.
    pub fn refuse_connection(&mut self, incoming: &mut BytesMut, error: Error) {
        let is_query = incoming.first() == Some(&tag::QUERY);
        if let Ok(Some(header)) = frame::peek(incoming, self.message_bytes_max)
            && incoming.len() >= header.len
        {
            drop(incoming.split_to(header.len));
        }
        self.judged.set(None);
        self.refuse(error, is_query);
    }

    /// Takes the next message of the client. An error is the end of the session.
    pub fn next(&mut self, incoming: &mut BytesMut) -> Result<Next, Error> {
        if self.waiting && !self.copying
            || self.to_server.len() > WRITTEN_MAX
            || self.to_client.len() > WRITTEN_MAX
            || self.expected.len() > EXPECTED_MAX
            || self.holds_back()
        {
            return Ok(Next::Later);
        }
        let Some(header) = frame::peek(incoming, self.message_bytes_max).map_err(misframed)? else {
            return Ok(Next::Missing);
        };
        if !tag::is_of_session(header.tag) {
            let what = header.tag.escape_ascii();
            return Err(Error::new(Kind::Protocol, format!("unexpected message {what}")));
        }
        if incoming.len() < header.len {
            return Ok(Next::Missing);
        }
        if header.tag == tag::TERMINATE {
            return Ok(Next::Goodbye);
        }
        if !self.held && !self.skipping && needs_connection(header.tag) {
            // Whatever was found before was of another text.
            self.judged.set(None);
            if self.answer_alone(incoming.get(..header.len).unwrap_or_default()) {
                self.judged.set(None);
                drop(incoming.split_to(header.len));
                return Ok(Next::Taken);
            }
            return Ok(Next::Connection(self.condition(incoming)));
        }
        let message = incoming.split_to(header.len).freeze();
        self.take(header.tag, &message)?;
        self.judged.set(None);
        Ok(Next::Taken)
    }

    fn take(&mut self, tag_byte: u8, message: &Bytes) -> Result<(), Error> {
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let request = match Request::decode(tag_byte, body) {
            Ok(request) => request,
            Err(DecodeError::InvalidUtf8) if self.skipping => return Ok(()),
            Err(DecodeError::InvalidUtf8) if !self.copying => {
                let error = Error::new(Kind::Invalid, "text is not UTF-8; set client_encoding");
                self.refuse(error, tag_byte == tag::QUERY);
                return Ok(());
            }
            Err(error) => return Err(Error::new(Kind::Protocol, error.to_string())),
        };
        if self.copying {
            return self.take_copy(&request, message);
        }
        if self.skipping && request != Request::Sync {
            return Ok(());
        }
        match request {
            Request::Query { sql } => self.query(sql, message)?,
            Request::Parse { name, sql, types } => self.parse(name, sql, types)?,
            Request::Bind { portal, statement, rest } => self.bind(portal, statement, rest)?,
            Request::Describe(Named::Statement, name) => self.describe_statement(name)?,
            Request::Describe(Named::Portal, name) => {
                self.prepare(self.portals.get(name).opens)?;
                self.pass(message, Reply::DescribePortal);
            }
            Request::Execute { portal } => self.execute(portal, message)?,
            Request::Close(Named::Statement, name) => self.close_statement(name)?,
            Request::Close(Named::Portal, name) => {
                self.portals.remove(name);
                self.pass(message, Reply::Close);
            }
            Request::Flush if self.held => self.to_server.extend_from_slice(message),
            Request::Sync => self.sync(message),
            Request::FunctionCall => {
                let text = "function calls by their own message are not supported; use SELECT";
                self.refuse(Error::new(Kind::NotSupported, text), true);
            }
            // Also that of a COPY that has failed, which is still coming.
            Request::CopyData | Request::CopyDone | Request::CopyFail => {
                self.take_copy_ahead(&request, message);
            }
            Request::Flush | Request::Terminate => {}
        }
        Ok(())
    }

    fn sync(&mut self, message: &[u8]) {
        self.skipping = false;
        if !self.held {
            self.in_segment = false;
            response::ready_for_query(&mut self.to_client, self.status);
            return;
        }
        self.pass(message, Reply::Sync);
        self.waiting = true;
    }

    /// The client is told why not. To PostgreSQL goes what fails, so that everything after it is
    /// as after any other error.
    fn refuse(&mut self, error: Error, with_ready: bool) {
        if !self.held {
            write_error(&mut self.to_client, Severity::Error, &error);
            if with_ready {
                response::ready_for_query(&mut self.to_client, self.status);
            } else {
                self.skipping = true;
            }
            return;
        }
        // The names are ours and short.
        let _ = frontend::bind(&mut self.to_server, "", NOWHERE, &[]);
        self.expect(Reply::Refusal(error), false);
        if with_ready {
            frontend::sync(&mut self.to_server);
            self.expect(Reply::Sync, false);
            self.waiting = true;
        } else {
            // What it has said up to here is answered now.
            frontend::flush(&mut self.to_server);
            self.skipping = true;
        }
    }

    fn pass(&mut self, message: &[u8], reply: Reply) {
        self.to_server.extend_from_slice(message);
        self.expect(reply, false);
    }

    fn expect(&mut self, reply: Reply, ours: bool) {
        self.in_segment = true;
        self.expected.push_back(Expected { reply, ours });
    }
}

fn write_error(buf: &mut BytesMut, severity: Severity, error: &Error) {
    let message = error.to_string();
    response::error(buf, ErrorText { severity, code: error.sqlstate(), message: &message });
}

fn encode(encoded: Result<(), EncodeError>) -> Result<(), Error> {
    encoded.map_err(|error| Error::new(Kind::Invalid, error.to_string()))
}

fn misframed(error: frame::FrameError) -> Error {
    Error::new(Kind::Protocol, error.to_string())
}

#[cfg(test)]
mod tests;
