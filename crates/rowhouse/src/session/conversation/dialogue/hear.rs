//! What PostgreSQL answers, and what of it the client hears: everything but the answers to what is
//! ours.

use bytes::{Bytes, BytesMut};
use rowhouse_protocol::backend::{CommandTag, ErrorFields, ReadyForQuery, TransactionStatus, tag};
use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::frontend;
use rowhouse_protocol::response::{self, Severity};
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::PrincipalKind;
use rowhouse_tenancy::prologue::Context;

use super::expected::{Closing, Expected, Reply};
use super::{Dialogue, WRITTEN_MAX, write_error};
use crate::error::Error;

/// The largest frame that PostgreSQL can send. Rows and COPY data are passed on as they come.
const FRAME_BODY_MAX: usize = i32::MAX as usize;
/// The largest of all other frames: 1600 columns with their names, an error with its query.
const HELD_FRAME_MAX: usize = 64 * 1024 * 1024;

/// What to do about a statement that no transaction can hold.
const RUNS_ALONE: &str = ", and every statement of a tenant or an application runs in the \
    transaction that its tenant is said in: run it as a user whose principal is \"admin\"";

/// What became of a segment.
#[derive(Debug, Clone, Copy)]
pub struct Spoken {
    /// The error, if there was one.
    pub sqlstate: Option<SqlState>,
    /// Rows that came back, or that were written where none did.
    pub rows: u64,
}

impl Dialogue {
    /// Takes what has come of PostgreSQL's answer, as far as there is room. An error is the end of
    /// the connection.
    pub fn hear(&mut self, incoming: &mut BytesMut) -> Result<bool, Error> {
        let before = incoming.len();
        while self.to_client.len() <= WRITTEN_MAX && !incoming.is_empty() {
            if self.passing > 0 {
                let now = incoming.split_to(self.passing.min(incoming.len()));
                self.passing -= now.len();
                self.to_client.extend_from_slice(&now);
                continue;
            }
            let header = frame::peek(incoming, FRAME_BODY_MAX).map_err(nonsense)?;
            let Some(header) = header else { break };
            if incoming.len() < header.len {
                let flows = matches!(header.tag, tag::DATA_ROW | tag::COPY_DATA)
                    && self.expected.front().is_some_and(|next| !next.strips(header.tag));
                if flows {
                    self.tell_completion();
                    self.passing = header.len;
                    continue;
                }
                if header.len > HELD_FRAME_MAX {
                    return Err(nonsense("a frame too large to be held"));
                }
                break;
            }
            let frame = incoming.split_to(header.len).freeze();
            self.hear_frame(header.tag, &frame)?;
        }
        Ok(incoming.len() != before)
    }

    fn hear_frame(&mut self, tag_byte: u8, frame: &Bytes) -> Result<(), Error> {
        match tag_byte {
            tag::NOTICE_RESPONSE => {
                // The next statement of the text gives it, and not the commit.
                if matches!(self.expected.front(), Some(Expected { reply: Reply::Query(_), .. })) {
                    self.tell_completion();
                }
                self.tell_report(frame);
                return Ok(());
            }
            tag::PARAMETER_STATUS => {
                self.hear_report(frame);
                return Ok(());
            }
            tag::NOTIFICATION_RESPONSE => {
                // Others have listened on this connection; only who keeps it has now.
                if self.pinned {
                    self.tell_completion();
                    self.tell(frame);
                }
                return Ok(());
            }
            tag::ERROR_RESPONSE if self.take_parting(frame) => return Ok(()),
            tag::ERROR_RESPONSE => return self.hear_error(frame),
            tag::READY_FOR_QUERY => return self.hear_ready(frame),
            _ => {}
        }
        let Some(next) = self.expected.front() else {
            return Err(nonsense("a frame that nobody waits for"));
        };
        let ends = next.reply.ends_with(tag_byte);
        let ends = ends.ok_or_else(|| nonsense("a frame out of order"))?;
        let (strips, uncommitted) = (next.strips(tag_byte), next.reply.is_uncommitted());
        if let Reply::Parse(Some(confirmed)) = &next.reply {
            confirmed.set(true);
        }
        if tag_byte == tag::COPY_IN_RESPONSE {
            self.begin_copy();
        }
        if !strips {
            self.tell_completion();
            let completes = tag_byte == tag::COMMAND_COMPLETE;
            if completes {
                self.note_completion(frame);
            }
            if completes && uncommitted {
                self.completion = Some(BytesMut::from(&**frame));
            } else {
                self.tell(frame);
            }
        }
        if ends {
            self.expected.pop_front();
        }
        Ok(())
    }

    /// What a completion says: how many rows, and that statements went all at once, which are the
    /// client's as well.
    fn note_completion(&mut self, frame: &Bytes) {
        let body = frame.get(HEADER_LEN..).unwrap_or_default();
        let Ok(tag) = CommandTag::decode(body) else { return };
        self.rows += tag.rows().unwrap_or(0);
        self.sayings.hear(tag.text);
        if matches!(tag.text, "DISCARD ALL" | "DEALLOCATE ALL") {
            self.prepared.clear();
            self.unnamed = None;
        }
    }

    /// Everything up to the end of the segment will not be answered.
    fn hear_error(&mut self, frame: &Bytes) -> Result<(), Error> {
        self.unnamed = None;
        self.end_copy();
        self.parts.clear();
        // What was bound behind the error is not there.
        self.portals.clear();
        let fields = ErrorFields::decode(frame.get(HEADER_LEN..).unwrap_or_default());
        if let Ok(fields) = &fields {
            self.told_fatal |= matches!(&*fields.severity(), "FATAL" | "PANIC");
        }
        self.error = fields.ok().map(|fields| fields.code());
        self.prepared.forget_unconfirmed();
        let failed = self.expected.pop_front();
        let is_query = matches!(&failed, Some(Expected { reply: Reply::Query(_), .. }));
        let is_commit = matches!(&failed, Some(Expected { reply: Reply::Commit, .. }));
        let commits = self.expected.front().is_some_and(|next| matches!(next.reply, Reply::Commit));
        match failed {
            // It could not be committed after all.
            _ if is_commit || commits && !is_query => {
                self.completion = None;
                self.tell_report(frame);
                if is_commit || self.expected.pop_front().is_some() {
                    self.expected.push_front(Expected { reply: Reply::Commit, ours: false });
                }
            }
            Some(Expected { reply: Reply::Refusal(error), .. }) => {
                self.error = Some(error.sqlstate());
                write_error(&mut self.to_client, Severity::Error, &error);
            }
            // The client's own statement, told to PostgreSQL again.
            Some(Expected { reply: Reply::Parse(Some(_)), .. }) => self.tell_report(frame),
            // Behind it there may be a Query, which PostgreSQL has left out and not answered.
            Some(Expected { reply, ours: true }) if !matches!(reply, Reply::Query(_)) => {
                self.hear_prologue_error(frame)?;
            }
            Some(query @ Expected { reply: Reply::Query(_), .. }) => {
                self.expected.push_front(Expected { ours: false, ..query });
                for next in &mut self.expected {
                    next.ours &= !matches!(next.reply, Reply::Commit);
                }
                self.tell_completion();
                self.tell_report(frame);
            }
            // The transaction could not be committed; what ends the segment is still to come.
            Some(sync @ Expected { reply: Reply::Sync, .. }) => {
                self.expected.push_front(sync);
                self.tell_report(frame);
            }
            Some(_) | None => self.tell_report(frame),
        }
        while let Some(left_out) = self.expected.pop_front_if(|next| !next.reply.ends_segment()) {
            // The prologue's statement may be among them.
            self.parse_prologue |= left_out.ours && matches!(left_out.reply, Reply::Parse(_));
        }
        // A Query behind a failed message of the extended protocol is left out as well, and the
        // client has to send a Sync.
        if !is_query {
            self.leave_query_out();
        }
        self.waiting = !self.expected.is_empty();
        self.skipping = self.in_segment && self.expected.is_empty();
        Ok(())
    }

    /// Behind an error PostgreSQL takes no Query, but a Sync of ours that stands behind it.
    fn leave_query_out(&mut self) {
        let query = self.expected.pop_front_if(|next| matches!(next.reply, Reply::Query(_)));
        if let Some(Expected { reply: Reply::Query(Closing::Sent), .. }) = query {
            while self.expected.pop_front_if(|next| !matches!(next.reply, Reply::Commit)).is_some()
            {
            }
            self.expected.pop_front();
            self.expected.push_front(Expected { reply: Reply::Stray, ours: true });
        }
    }

    /// Something of ours was refused. What comes behind the settings would run, and must not.
    fn hear_prologue_error(&mut self, frame: &Bytes) -> Result<(), Error> {
        let fields = ErrorFields::decode(frame.get(HEADER_LEN..).unwrap_or_default());
        let Ok(fields) = fields else { return Err(nonsense("an error that is none")) };
        let code = fields.code();
        let cause = format!("the prologue was refused: {} ({code})", fields.message());
        if self.expected.iter().any(|next| next.ours && matches!(next.reply, Reply::Sync)) {
            return Err(Error::internal(cause));
        }
        if code == SqlState::QUERY_CANCELED {
            self.tell_report(frame);
        } else {
            self.trouble = Some(cause);
            write_error(&mut self.to_client, Severity::Error, &Error::internal("the prologue"));
        }
        self.parse_prologue = true;
        // The Sync that commits a Query ends the segment without it.
        self.expected.retain(|next| !matches!(next.reply, Reply::Query(Closing::Sent)));
        for next in &mut self.expected {
            let is_query = matches!(next.reply, Reply::Query(_));
            if is_query || matches!(next.reply, Reply::Commit) {
                *next = Expected { reply: Reply::Sync, ours: false };
            }
            if is_query {
                frontend::sync(&mut self.to_server);
            }
        }
        Ok(())
    }

    fn hear_ready(&mut self, frame: &Bytes) -> Result<(), Error> {
        let ready = ReadyForQuery::decode(frame.get(HEADER_LEN..).unwrap_or_default());
        let ready = ready.map_err(nonsense)?;
        let ended = self.expected.pop_front().filter(|next| next.reply.ends_segment());
        let Some(Expected { reply, ours }) = ended else {
            return Err(nonsense("ReadyForQuery that nobody waits for"));
        };
        match reply {
            Reply::Query(Closing::Sent) => return Ok(()),
            Reply::Query(Closing::Later) => return self.write_commit(ours),
            Reply::Stray => (self.waiting, self.skipping) = (false, true),
            _ => {}
        }
        self.status = ready.status;
        if ours && matches!(reply, Reply::Sync | Reply::Stray) {
            return Ok(());
        }
        self.tell_completion();
        (self.ended, self.said, self.ran) = (false, false, false);
        let idle = ready.status == TransactionStatus::Idle;
        let (again, changed) = self.sayings.end(idle, self.error.is_some());
        self.settings_due |= again;
        if changed {
            self.renew_prologue();
        }
        if ready.status == TransactionStatus::Idle {
            self.portals.clear();
        }
        let another = std::mem::take(&mut self.another);
        let anew = another || ready.status == TransactionStatus::Idle || self.fixed;
        self.due |= anew && self.has_prologue();
        if ours {
            return self.send_part();
        }
        let rows = std::mem::take(&mut self.rows);
        self.outcome = Some(Spoken { sqlstate: self.error.take(), rows });
        self.tell(frame);
        self.in_segment = !self.expected.is_empty();
        (self.waiting, self.skipping, self.copying) = (self.in_segment, false, false);
        Ok(())
    }

    /// An error or a notice. Detail, hint and the rest may hold what is in others' rows, and in a
    /// sealed database nobody answers for who reads it.
    fn tell_report(&mut self, frame: &Bytes) {
        if self.lone && self.error == Some(SqlState::ACTIVE_SQL_TRANSACTION) {
            return self.tell_what_runs_alone(frame);
        }
        if self.context == Context::Standard || self.kind != PrincipalKind::Tenant {
            return self.tell(frame);
        }
        let kind = frame.first().copied().unwrap_or_default();
        match ErrorFields::decode(frame.get(HEADER_LEN..).unwrap_or_default()) {
            Ok(fields) => response::plainly(&mut self.to_client, kind, fields),
            Err(_) if kind == tag::NOTICE_RESPONSE => {}
            Err(error) => {
                write_error(&mut self.to_client, Severity::Error, &Error::internal(error));
            }
        }
    }

    /// `VACUUM` and its like would stand alone on a connection of the client's own.
    fn tell_what_runs_alone(&mut self, frame: &Bytes) {
        let fields = ErrorFields::decode(frame.get(HEADER_LEN..).unwrap_or_default());
        let Ok(mut error) = fields.map(|fields| fields.to_owned()) else { return self.tell(frame) };
        error.message.push_str(RUNS_ALONE);
        write_error(&mut self.to_client, Severity::Error, &Error::sql(error));
    }

    /// What was held back until its transaction was committed.
    fn tell_completion(&mut self) {
        if let Some(held) = self.completion.take() {
            self.to_client.extend_from_slice(&held);
        }
    }

    fn tell(&mut self, frame: &Bytes) {
        self.to_client.extend_from_slice(frame);
    }
}

fn nonsense(what: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("PostgreSQL's answer cannot be understood: {what}"))
}
