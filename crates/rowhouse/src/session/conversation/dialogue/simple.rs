//! What a simple query becomes, and what a COPY stream does.

use bytes::Bytes;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend;
use rowhouse_protocol::request::Request;
use rowhouse_protocol::response;
use rowhouse_protocol::statement::statements;
use rowhouse_tenancy::principal::PrincipalKind;

use super::{Dialogue, Reply, encode};
use crate::error::{Error, Kind};
use crate::session::conversation::nature::{ends, opens};
use crate::session::conversation::parts::{Renewal, cut};
use crate::session::conversation::prepared::deallocated;

impl Dialogue {
    pub(super) fn query(&mut self, sql: &str, message: &Bytes) -> Result<(), Error> {
        let known = deallocated(sql).filter(|name| self.prepared.get(name).is_some());
        if let Some(name) = known.filter(|_| !self.in_segment) {
            self.prepared.remove(&name);
            if self.status != TransactionStatus::Failed {
                response::command_complete(&mut self.to_client, "DEALLOCATE");
                response::ready_for_query(&mut self.to_client, self.status);
                return Ok(());
            }
        }
        let renew = self.kind == PrincipalKind::Tenant;
        let in_block = self.status == TransactionStatus::InTransaction;
        let cut = || cut(sql, Renewal { renew, in_block });
        let parts = if self.has_prologue() { cut() } else { Ok(Vec::new()) };
        let judged = (self.judge)(sql, &[]).and_then(|nature| Ok((nature, parts?)));
        let (nature, parts) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                self.refuse(error, true);
                return Ok(());
            }
        };
        // A simple query takes the unnamed statement away.
        self.prepared.remove("");
        self.parts = parts.into();
        if self.parts.is_empty() {
            self.prepare(nature.opens)?;
            self.pass(message, Reply::Query);
            let last = || statements(sql).last().is_some_and(|last| ends(last.verb));
            self.another |= !nature.clean && last();
        } else {
            self.send_part()?;
        }
        self.unnamed = None;
        self.waiting = true;
        self.note(nature);
        Ok(())
    }

    pub(super) fn send_part(&mut self) -> Result<(), Error> {
        let Some(part) = self.parts.pop_front() else { return Ok(()) };
        let statements = statements(part.text());
        self.prepare(statements.iter().all(|statement| opens(statement.verb)))?;
        encode(frontend::query(&mut self.to_server, &part.written()))?;
        self.another |= statements.last().is_some_and(|last| ends(last.verb));
        let ours = !self.parts.is_empty();
        self.expect(Reply::Query, ours);
        Ok(())
    }

    pub(super) fn take_copy(
        &mut self,
        request: &Request<'_>,
        message: &Bytes,
    ) -> Result<(), Error> {
        match request {
            Request::CopyData => self.to_server.extend_from_slice(message),
            Request::CopyDone | Request::CopyFail => {
                self.to_server.extend_from_slice(message);
                self.copying = false;
                // Behind a COPY of the extended protocol the client sends a Sync.
                self.waiting =
                    self.expected.front().is_some_and(|next| matches!(next.reply, Reply::Query));
            }
            // PostgreSQL leaves them out in the middle of a stream.
            Request::Flush | Request::Sync => {}
            _ => {
                let text = "a COPY stream was not ended before the next message";
                return Err(Error::new(Kind::Protocol, text));
            }
        }
        Ok(())
    }
}
