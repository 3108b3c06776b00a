//! What a message leaves behind: what its answer will be, frame by frame.

use std::cell::Cell;
use std::rc::Rc;

use rowhouse_protocol::backend::tag;

use crate::error::Error;

/// An answer that is waited for.
pub struct Expected {
    /// What it will be.
    pub reply: Reply,
    /// The client has not asked for it.
    pub ours: bool,
}

/// What one message is answered by.
pub enum Reply {
    /// Parse; where it is of the client's statement, that is confirmed.
    Parse(Option<Rc<Cell<bool>>>),
    /// Bind.
    Bind,
    /// Describe, of a statement.
    DescribeStatement,
    /// Describe, of a portal.
    DescribePortal,
    /// Execute, and what of a COPY stream was sent behind it.
    Execute(Stream),
    /// Close.
    Close,
    /// Sync.
    Sync,
    /// Query.
    Query(Closing),
    /// The Sync behind a Query, whose end is the Query's.
    Commit,
    /// The same where the Query was left out: nobody hears of it.
    Stray,
    /// An error, in whose place this one is told.
    Refusal(Error),
}

/// How much of a COPY stream was sent before PostgreSQL has asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// None of it.
    Nothing,
    /// Its beginning.
    Begun,
    /// All of it.
    Ended,
}

/// What ends the transaction of a Query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// The Query itself.
    Itself,
    /// A Sync that stands behind it: of two `ReadyForQuery`, the second counts.
    Sent,
    /// A Sync that goes when the Query is answered: in the middle of a COPY stream it would be
    /// lost.
    Later,
}

impl Expected {
    /// Whether the client does not hear this frame of the answer. Of a part of its text it misses
    /// the end only.
    pub fn strips(&self, tag_byte: u8) -> bool {
        match self.reply {
            Reply::Query(_) => self.ours && tag_byte == tag::READY_FOR_QUERY,
            _ => self.ours,
        }
    }

    /// It ends the settings that a session begins with.
    pub fn ends_settings(&self) -> bool {
        self.ours && matches!(self.reply, Reply::Sync)
    }
}

impl Reply {
    /// Whether this frame is the last of the answer; `None`: it is no frame of it. Errors and
    /// `ReadyForQuery` are looked at before.
    pub fn ends_with(&self, tag_byte: u8) -> Option<bool> {
        match (self, tag_byte) {
            (Reply::Parse(_), tag::PARSE_COMPLETE)
            | (Reply::Bind, tag::BIND_COMPLETE)
            | (Reply::Close, tag::CLOSE_COMPLETE)
            | (Reply::DescribeStatement | Reply::DescribePortal, tag::ROW_DESCRIPTION)
            | (Reply::DescribeStatement | Reply::DescribePortal, tag::NO_DATA)
            | (Reply::Execute(_), tag::PORTAL_SUSPENDED | tag::EMPTY_QUERY_RESPONSE)
            | (Reply::Execute(_), tag::COMMAND_COMPLETE) => Some(true),
            (Reply::DescribeStatement, tag::PARAMETER_DESCRIPTION)
            | (Reply::Query(_), tag::COMMAND_COMPLETE)
            | (Reply::Query(_), tag::ROW_DESCRIPTION | tag::EMPTY_QUERY_RESPONSE) => Some(false),
            // A Sync behind it would be lost in the stream: it was to be sent later.
            (Reply::Query(Closing::Sent), tag::COPY_IN_RESPONSE) => None,
            (Reply::Query(_) | Reply::Execute(_), tag::COPY_IN_RESPONSE) => Some(false),
            (Reply::Query(_) | Reply::Execute(_), answer) if is_data(answer) => Some(false),
            _ => None,
        }
    }

    /// Whether `ReadyForQuery` ends it.
    pub fn ends_segment(&self) -> bool {
        matches!(self, Reply::Sync | Reply::Query(_) | Reply::Commit | Reply::Stray)
    }

    /// What it completes has still to be committed.
    pub fn is_uncommitted(&self) -> bool {
        matches!(self, Reply::Query(Closing::Sent | Closing::Later))
    }
}

/// Rows and COPY streams towards the client.
fn is_data(tag_byte: u8) -> bool {
    [tag::DATA_ROW, tag::COPY_DATA, tag::COPY_DONE, tag::COPY_OUT_RESPONSE].contains(&tag_byte)
}
