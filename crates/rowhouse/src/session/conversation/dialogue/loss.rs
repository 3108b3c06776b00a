//! A connection that goes away: the server stops, is stopped, or cannot be reached any more.
//!
//! A client whose session was not on that connection, but for what runs, keeps its session: it is
//! told that this has failed, and may try again. Who was in a transaction, or has asked for
//! something to stay, has lost more than that, and its session ends; so does the session of whom
//! nobody can tell whether it was done.

use bytes::Bytes;
use rowhouse_protocol::backend::{ErrorFields, TransactionStatus};
use rowhouse_protocol::frame::HEADER_LEN;
use rowhouse_protocol::response::{self, Severity};

use super::expected::Reply;
use super::hear::Spoken;
use super::{Dialogue, write_error};
use crate::error::Error;

impl Dialogue {
    /// Whether the client's session goes on when its connection is lost now.
    pub fn outlives_loss(&self) -> bool {
        let outside = self.status == TransactionStatus::Idle;
        // In the middle of a row nothing can be told.
        self.held && outside && !self.pinned && self.passing == 0 && !self.told_fatal
    }

    /// Takes the last words of a server, where the client need not hear them as the end. Nothing of
    /// what runs was committed then: the server gives up before it commits, or completes what it
    /// has committed (`ProcessInterrupts` in PostgreSQL's postgres.c).
    pub(super) fn take_parting(&mut self, frame: &Bytes) -> bool {
        if !self.outlives_loss() {
            return false;
        }
        let fields = ErrorFields::decode(frame.get(HEADER_LEN..).unwrap_or_default());
        let Ok(error) = fields.map(|fields| fields.to_owned()) else { return false };
        let parts = error.is_fatal();
        if parts {
            self.parting = Some(Error::sql(error));
        }
        parts
    }

    /// The server has said its last words.
    pub fn has_parted(&self) -> bool {
        self.parting.is_some()
    }

    /// What the client is told of a connection that was lost.
    pub fn loss(&mut self, reason: &str) -> Error {
        match self.parting.take() {
            Some(error) => error,
            None if self.is_at_rest() => Error::unavailable(reason),
            None => Error::outcome_unknown(reason),
        }
    }

    /// The connection is lost, and the client goes on without it.
    pub fn lose(&mut self, error: &Error) {
        let is_query = |reply: &Reply| matches!(reply, Reply::Query(_));
        let query = !self.parts.is_empty() || self.expected.iter().any(|e| is_query(&e.reply));
        let is_over = self.waiting || query;
        // Who has been told of an error waits for no other before it ends the segment.
        if !self.skipping {
            write_error(&mut self.to_client, Severity::Error, error);
        }
        self.status = TransactionStatus::Idle;
        if is_over {
            let rows = std::mem::take(&mut self.rows);
            self.outcome = Some(Spoken { sqlstate: Some(error.sqlstate()), rows });
            response::ready_for_query(&mut self.to_client, self.status);
        }
        self.skipping = !is_over;
        self.in_segment = !is_over;
        (self.waiting, self.holding, self.copying) = (false, false, false);
        (self.ended, self.another, self.said) = (false, false, false);
        (self.ran, self.lone, self.syncs_in_stream) = (false, false, 0);
        let (_, changed) = self.sayings.end(true, true);
        if changed {
            self.renew_prologue();
        }
        self.error = None;
        self.completion = None;
        self.expected.clear();
        self.parts.clear();
        self.to_server.clear();
        self.prepared.forget_unconfirmed();
        self.end_using();
    }
}
