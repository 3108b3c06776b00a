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

use super::{Dialogue, Expected, Reply, WRITTEN_MAX, write_error};
use crate::error::Error;

/// The largest frame that PostgreSQL can send. Rows and COPY data are passed on as they come.
const FRAME_BODY_MAX: usize = i32::MAX as usize;
/// The largest of all other frames: 1600 columns with their names, an error with its query.
const HELD_FRAME_MAX: usize = 64 * 1024 * 1024;

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
                self.tell_report(frame);
                return Ok(());
            }
            tag::PARAMETER_STATUS => {
                self.traces.reported = true;
                self.tell(frame);
                return Ok(());
            }
            tag::NOTIFICATION_RESPONSE => {
                // Others have listened on this connection; only who keeps it has now.
                if self.pinned {
                    self.tell(frame);
                }
                return Ok(());
            }
            tag::ERROR_RESPONSE => return self.hear_error(frame),
            tag::READY_FOR_QUERY => return self.hear_ready(frame),
            _ => {}
        }
        let Some(next) = self.expected.front() else {
            return Err(nonsense("a frame that nobody waits for"));
        };
        let strips = next.strips(tag_byte);
        let ends = match (&next.reply, tag_byte) {
            (Reply::Parse(confirmed), tag::PARSE_COMPLETE) => {
                confirmed.iter().for_each(|confirmed| confirmed.set(true));
                true
            }
            (Reply::Bind, tag::BIND_COMPLETE)
            | (Reply::Close, tag::CLOSE_COMPLETE)
            | (Reply::DescribeStatement | Reply::DescribePortal, tag::ROW_DESCRIPTION)
            | (Reply::DescribeStatement | Reply::DescribePortal, tag::NO_DATA)
            | (Reply::Execute, tag::PORTAL_SUSPENDED | tag::EMPTY_QUERY_RESPONSE) => true,
            (Reply::DescribeStatement, tag::PARAMETER_DESCRIPTION) => false,
            (Reply::Execute, tag::COMMAND_COMPLETE) => true,
            (Reply::Query, tag::COMMAND_COMPLETE) => false,
            (Reply::Query, tag::ROW_DESCRIPTION | tag::EMPTY_QUERY_RESPONSE) => false,
            (Reply::Query | Reply::Execute, tag::COPY_IN_RESPONSE) => {
                self.begin_copy();
                false
            }
            (Reply::Query | Reply::Execute, answer) if is_data(answer) => false,
            _ => return Err(nonsense("a frame out of order")),
        };
        if !strips {
            if tag_byte == tag::COMMAND_COMPLETE {
                self.note_completion(frame);
            }
            self.tell(frame);
        }
        if ends {
            self.expected.pop_front();
        }
        Ok(())
    }

    /// From here on PostgreSQL takes nothing but the stream; a `Sync` that was sent before it is
    /// lost (PostgreSQL docs, "Message Flow", COPY Operations).
    fn begin_copy(&mut self) {
        self.copying = true;
        self.waiting = false;
        while self.expected.get(1).is_some_and(|next| matches!(next.reply, Reply::Sync)) {
            self.expected.remove(1);
        }
    }

    /// What a completion says: how many rows, and that statements went all at once, which are the
    /// client's as well.
    fn note_completion(&mut self, frame: &Bytes) {
        let body = frame.get(HEADER_LEN..).unwrap_or_default();
        let Ok(tag) = CommandTag::decode(body) else { return };
        self.rows += tag.rows().unwrap_or(0);
        if matches!(tag.text, "DISCARD ALL" | "DEALLOCATE ALL") {
            self.prepared.clear();
            self.unnamed = None;
        }
    }

    /// Everything up to the end of the segment will not be answered.
    fn hear_error(&mut self, frame: &Bytes) -> Result<(), Error> {
        self.unnamed = None;
        self.copying = false;
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
        let is_query = matches!(&failed, Some(Expected { reply: Reply::Query, .. }));
        match failed {
            Some(Expected { reply: Reply::Refusal(error), .. }) => {
                self.error = Some(error.sqlstate());
                write_error(&mut self.to_client, Severity::Error, &error);
            }
            // Behind it there may be a Query, which PostgreSQL has left out and not answered.
            Some(Expected { reply, ours: true }) if !matches!(reply, Reply::Query) => {
                self.hear_prologue_error(frame)?;
            }
            Some(query @ Expected { reply: Reply::Query, .. }) => {
                self.expected.push_front(Expected { ours: false, ..query });
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
            self.expected.pop_front_if(|next| matches!(next.reply, Reply::Query));
        }
        self.waiting = !self.expected.is_empty();
        self.skipping = self.in_segment && self.expected.is_empty();
        Ok(())
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
        for next in &mut self.expected {
            if matches!(next.reply, Reply::Query) {
                *next = Expected { reply: Reply::Sync, ours: false };
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
        self.status = ready.status;
        if ours && matches!(reply, Reply::Sync) {
            return Ok(());
        }
        self.ended = false;
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

    fn tell(&mut self, frame: &Bytes) {
        self.to_client.extend_from_slice(frame);
    }
}

impl Expected {
    /// Whether the client does not hear this frame of the answer. Of a part of its text it misses
    /// the end only.
    fn strips(&self, tag_byte: u8) -> bool {
        match self.reply {
            Reply::Query => self.ours && tag_byte == tag::READY_FOR_QUERY,
            _ => self.ours,
        }
    }
}

impl Reply {
    fn ends_segment(&self) -> bool {
        matches!(self, Reply::Sync | Reply::Query)
    }
}

/// Rows and COPY streams towards the client.
fn is_data(tag_byte: u8) -> bool {
    [tag::DATA_ROW, tag::COPY_DATA, tag::COPY_DONE, tag::COPY_OUT_RESPONSE].contains(&tag_byte)
}

fn nonsense(what: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("PostgreSQL's answer cannot be understood: {what}"))
}
