//! The console's side of PostgreSQL's protocol, simple and extended, without IO: bytes in, commands
//! out, answers back.

use std::collections::HashMap;

use bytes::{Buf, BytesMut};
use foldhash::fast::RandomState;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::request::{self, Named, Request, tag};
use rowhouse_protocol::response::{self, ErrorText, Severity};

use super::Done;
use super::command::{Command, Courtesy};
use super::table::{Formats, describe, write_row};
use crate::error::{Error, Kind};

/// Bytes of one message: no command is nearly as long.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Statements, and portals, that one operator keeps.
const KEPT_MAX: usize = 256;

/// What one operator and the console say to each other.
pub struct Dialogue {
    status: TransactionStatus,
    prepared: HashMap<String, Command, RandomState>,
    portals: HashMap<String, Portal, RandomState>,
    /// Everything up to `Sync` is left out, since something before it failed.
    skipping: bool,
    /// What runs, and how it was asked for.
    running: Option<Running>,
}

#[derive(Clone)]
struct Portal {
    command: Command,
    formats: Formats,
}

struct Running {
    portal: Portal,
    /// By a Query, whose answer has a description and an end of its own.
    simple: bool,
}

/// What comes of the next message.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It was taken.
    Heard,
    /// It is not there yet.
    Missing,
    /// A command is to be done, and [`Dialogue::answer`] to be told of it.
    Run(Command),
    /// The operator says goodbye.
    Goodbye,
}

impl Default for Dialogue {
    fn default() -> Self {
        Dialogue {
            status: TransactionStatus::Idle,
            prepared: HashMap::default(),
            portals: HashMap::default(),
            skipping: false,
            running: None,
        }
    }
}

impl Dialogue {
    /// Takes the next message. An error is the end of the session.
    pub fn next(&mut self, incoming: &mut BytesMut, out: &mut BytesMut) -> Result<Next, Error> {
        let protocol =
            |error: &dyn std::fmt::Display| Error::new(Kind::Protocol, error.to_string());
        let header = frame::peek(incoming, MESSAGE_BYTES_MAX).map_err(|error| protocol(&error))?;
        let Some(header) = header else { return Ok(Next::Missing) };
        if !tag::is_of_session(header.tag) {
            let what = header.tag.escape_ascii();
            return Err(protocol(&format!("unexpected message {what}")));
        }
        if incoming.len() < header.len {
            return Ok(Next::Missing);
        }
        let mut message = incoming.split_to(header.len);
        message.advance(HEADER_LEN);
        let request = Request::decode(header.tag, &message).map_err(|error| protocol(&error))?;
        if self.skipping && !matches!(request, Request::Sync | Request::Terminate) {
            return Ok(Next::Heard);
        }
        Ok(match self.take(&request, out) {
            Ok(next) => next,
            Err(error) => {
                let simple = matches!(request, Request::Query { .. } | Request::FunctionCall);
                self.fail(&error, simple, out);
                Next::Heard
            }
        })
    }

    /// What became of the command that was to be done.
    pub fn answer(&mut self, done: Done, out: &mut BytesMut) {
        let Some(Running { portal, simple }) = self.running.take() else { return };
        let Portal { command, formats } = portal;
        let answer = match done {
            Ok(answer) => answer,
            Err(error) => return self.fail(&error, simple, out),
        };
        if let Some((headline, detail)) = &answer.notice {
            response::notice(out, headline, detail);
        }
        if let Some(headings) = command.headings() {
            if simple {
                describe(out, headings, &formats);
            }
            answer.rows.iter().for_each(|row| write_row(out, headings, row, &formats));
        }
        match &command {
            Command::Empty => response::empty_query_response(out),
            Command::Courtesy(courtesy) => {
                let tag = self.note(*courtesy, command.tag());
                response::command_complete(out, tag);
            }
            command => response::command_complete(out, command.tag()),
        }
        if simple {
            response::ready_for_query(out, self.status);
        }
    }

    /// Tells the operator that the session is over.
    pub fn say_fatal(&self, error: &Error, out: &mut BytesMut) {
        write(error, Severity::Fatal, out);
    }

    fn take(&mut self, request: &Request<'_>, out: &mut BytesMut) -> Result<Next, Error> {
        match request {
            Request::Query { sql } => {
                let command = self.admit(Command::parse(sql)?)?;
                let portal = Portal { command, formats: Formats::default() };
                return Ok(self.run(portal, true));
            }
            Request::Parse { name, sql, .. } => {
                let command = Command::parse(sql)?;
                if !name.is_empty() && self.prepared.contains_key(*name) {
                    let text = format!("prepared statement \"{name}\" already exists");
                    return Err(Error::new(Kind::StatementExists, text));
                }
                keep(&mut self.prepared, name, command)?;
                response::parse_complete(out);
            }
            Request::Bind { portal, statement, rest } => {
                let portal_of = self.bind(statement, rest)?;
                keep(&mut self.portals, portal, portal_of)?;
                response::bind_complete(out);
            }
            Request::Describe(Named::Statement, name) => {
                response::no_parameters(out);
                match self.statement(name)?.headings() {
                    Some(headings) => describe(out, headings, &Formats::default()),
                    None => response::no_data(out),
                }
            }
            Request::Describe(Named::Portal, name) => {
                let Portal { command, formats } = self.portal(name)?;
                match command.headings() {
                    Some(headings) => describe(out, headings, formats),
                    None => response::no_data(out),
                }
            }
            Request::Execute { portal } => {
                let portal = self.portal(portal)?.clone();
                self.admit(portal.command.clone())?;
                return Ok(self.run(portal, false));
            }
            Request::Close(Named::Statement, name) => {
                self.prepared.remove(*name);
                response::close_complete(out);
            }
            Request::Close(Named::Portal, name) => {
                self.portals.remove(*name);
                response::close_complete(out);
            }
            Request::Sync => {
                self.skipping = false;
                if self.status == TransactionStatus::Idle {
                    self.portals.clear();
                }
                response::ready_for_query(out, self.status);
            }
            Request::FunctionCall => {
                return Err(Error::new(Kind::NotSupported, "the console has no functions"));
            }
            Request::Terminate => return Ok(Next::Goodbye),
            Request::Flush | Request::CopyData | Request::CopyDone | Request::CopyFail => {}
        }
        Ok(Next::Heard)
    }

    fn run(&mut self, portal: Portal, simple: bool) -> Next {
        let command = portal.command.clone();
        self.running = Some(Running { portal, simple });
        Next::Run(command)
    }

    /// In a failed transaction only its end is taken, as everywhere.
    fn admit(&self, command: Command) -> Result<Command, Error> {
        let ends = [Courtesy::Commit, Courtesy::Rollback].map(Command::Courtesy);
        if self.status == TransactionStatus::Failed && !ends.contains(&command) {
            let text = "current transaction is aborted, commands ignored until end of transaction \
                        block";
            return Err(Error::new(Kind::Aborted, text));
        }
        Ok(command)
    }

    fn bind(&self, statement: &str, rest: &[u8]) -> Result<Portal, Error> {
        let command = self.statement(statement)?.clone();
        let formats = request::result_formats(rest);
        let formats = formats.map_err(|error| Error::new(Kind::Protocol, error.to_string()))?;
        let Some(formats) = formats else {
            let text = "commands of the console take no parameters: write names into the command";
            return Err(Error::new(Kind::Invalid, text));
        };
        let columns = command.headings().map_or(0, <[_]>::len);
        let formats = Formats::new(formats, columns).ok_or_else(|| {
            Error::new(Kind::Protocol, "Bind has formats for another number of columns")
        })?;
        Ok(Portal { command, formats })
    }

    fn statement(&self, name: &str) -> Result<&Command, Error> {
        self.prepared.get(name).ok_or_else(|| {
            let text = format!("prepared statement \"{name}\" does not exist");
            Error::new(Kind::StatementUnknown, text)
        })
    }

    fn portal(&self, name: &str) -> Result<&Portal, Error> {
        self.portals.get(name).ok_or_else(|| {
            Error::new(Kind::StatementUnknown, format!("portal \"{name}\" does not exist"))
        })
    }

    fn fail(&mut self, error: &Error, simple: bool, out: &mut BytesMut) {
        write(error, Severity::Error, out);
        if self.status == TransactionStatus::InTransaction {
            self.status = TransactionStatus::Failed;
        }
        if simple {
            response::ready_for_query(out, self.status);
        } else {
            self.skipping = true;
        }
    }

    /// What drivers say of transactions is kept, so that they are told what they expect. How it is
    /// completed.
    fn note(&mut self, courtesy: Courtesy, tag: &'static str) -> &'static str {
        let failed = self.status == TransactionStatus::Failed;
        match courtesy {
            Courtesy::Begin => self.status = TransactionStatus::InTransaction,
            Courtesy::Commit | Courtesy::Rollback => self.status = TransactionStatus::Idle,
            Courtesy::Discard => {
                self.prepared.clear();
                self.portals.clear();
            }
            Courtesy::Set | Courtesy::Reset => {}
        }
        if courtesy == Courtesy::Commit && failed { "ROLLBACK" } else { tag }
    }
}

fn keep<T>(kept: &mut HashMap<String, T, RandomState>, name: &str, item: T) -> Result<(), Error> {
    if kept.len() >= KEPT_MAX && !kept.contains_key(name) {
        let text = "too many statements are kept here: close some";
        return Err(Error::new(Kind::LimitReached, text));
    }
    kept.insert(name.to_owned(), item);
    Ok(())
}

fn write(error: &Error, severity: Severity, out: &mut BytesMut) {
    let message = error.to_string();
    response::error(out, ErrorText { severity, code: error.sqlstate(), message: &message });
}

#[cfg(test)]
mod tests;
