//! What the next message of a client needs before it can be taken: a connection, and of which kind;
//! or that something else comes to its end first.

use rowhouse_protocol::frame::{self, HEADER_LEN};
use rowhouse_protocol::frontend;
use rowhouse_protocol::request::{Request, tag};
use rowhouse_protocol::response;
use rowhouse_tenancy::principal::PrincipalKind;
use rowhouse_tenancy::prologue::Context;

use super::Dialogue;
use crate::error::{Error, Kind};
use crate::pool::Condition;
use crate::session::conversation::nature::Nature;
use crate::session::conversation::prepared::deallocated;

impl Dialogue {
    /// A token that is made before the transaction it is for may have ended when that begins. So
    /// what follows a COMMIT in the middle of a segment waits until that has been answered.
    pub(super) fn holds_back(&mut self) -> bool {
        let begins = self.context == Context::Sealed && self.ended && self.due && !self.skipping;
        let holds = begins && !self.expected.is_empty();
        if holds && !self.holding {
            frontend::flush(&mut self.to_server);
        }
        self.holding = holds;
        holds
    }

    /// What the next text is, or why it may not be sent. It is read once, however often that is
    /// asked.
    pub(super) fn judge_next(&self, sql: &str, types: &[u32]) -> Result<Nature, Error> {
        if let Some(nature) = self.judged.get() {
            return Ok(nature);
        }
        let nature = self.judge_text(sql, types)?;
        self.judged.set(Some(nature));
        Ok(nature)
    }

    fn judge_text(&self, sql: &str, types: &[u32]) -> Result<Nature, Error> {
        if sql.len() > self.sql_bytes_max {
            let text = "the text of this statement is too long: send values as parameters or by \
                        COPY, or raise wire.sql_bytes_max";
            return Err(Error::new(Kind::StatementTooLong, text));
        }
        (self.judge)(sql, types)
    }

    /// What needs no connection to be answered: what is refused anyway, and the end of a statement
    /// of which PostgreSQL knows nothing.
    pub(super) fn answer_alone(&mut self, message: &[u8]) -> bool {
        let tag_byte = message.first().copied().unwrap_or_default();
        let body = message.get(HEADER_LEN..).unwrap_or_default();
        let refused = match Request::decode(tag_byte, body) {
            Ok(Request::Query { sql }) => {
                // As for any simple query.
                self.prepared.remove("");
                if let Some(name) = deallocated(sql)
                    && self.prepared.remove(&name).is_some()
                {
                    response::command_complete(&mut self.to_client, "DEALLOCATE");
                    response::ready_for_query(&mut self.to_client, self.status);
                    return true;
                }
                match self.judge_next(sql, &[]) {
                    // PostgreSQL keeps nothing of this client.
                    Ok(nature) if nature.saying.discards && !self.in_segment => {
                        self.prepared.clear();
                        response::command_complete(&mut self.to_client, "DISCARD ALL");
                        response::ready_for_query(&mut self.to_client, self.status);
                        return true;
                    }
                    judged => judged.err(),
                }
            }
            Ok(Request::Parse { sql, types, .. }) => self.judge_next(sql, &types).err(),
            _ => None,
        };
        let Some(error) = refused else { return false };
        self.refuse(error, tag_byte == tag::QUERY);
        true
    }

    /// How a connection has to be for this segment. Only what is there as a whole, and known to
    /// look at no session, may have one that others have used.
    pub(super) fn condition(&self, mut incoming: &[u8]) -> Condition {
        if !self.settings_are_usual() || self.kind == PrincipalKind::Admin {
            return Condition::Pristine;
        }
        // The first has been looked at.
        let mut first = self.judged.get();
        let mut clean = |sql: &str, types: &[u32]| match first.take() {
            Some(nature) => nature.clean,
            None => self.judge_text(sql, types).is_ok_and(|nature| nature.clean),
        };
        while let Ok(Some((header, body))) = frame::split(incoming, self.message_bytes_max) {
            let known = match Request::decode(header.tag, body) {
                Ok(Request::Query { sql }) if clean(sql, &[]) => return Condition::Clean,
                Ok(Request::Sync) => return Condition::Clean,
                Ok(Request::Parse { sql, types, .. }) => clean(sql, &types),
                // One that this segment prepares has been looked at.
                Ok(Request::Bind { statement, .. }) => {
                    self.prepared.get(statement).is_none_or(|known| known.nature.clean)
                }
                Ok(Request::Query { .. } | Request::FunctionCall) | Err(_) => false,
                Ok(_) => true,
            };
            if !known {
                break;
            }
            incoming = incoming.get(header.len..).unwrap_or_default();
        }
        Condition::Pristine
    }

    /// What every session has need not be set where nobody can see it.
    fn settings_are_usual(&self) -> bool {
        self.settings.len() <= 1
    }
}

/// What PostgreSQL has to do something for.
pub(super) fn needs_connection(tag_byte: u8) -> bool {
    [tag::QUERY, tag::PARSE, tag::BIND, tag::DESCRIBE, tag::EXECUTE, tag::CLOSE].contains(&tag_byte)
}
