//! What a simple query becomes.

use bytes::Bytes;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend;
use rowhouse_protocol::response;
use rowhouse_protocol::statement::{Verb, statements};
use rowhouse_tenancy::principal::PrincipalKind;

use super::expected::{Closing, Reply};
use super::{Dialogue, encode};
use crate::error::Error;
use crate::session::conversation::nature::{Nature, ends, opens};
use crate::session::conversation::parts::{Renewal, cut, leaves_traces};
use crate::session::conversation::prepared::deallocated;

impl Dialogue {
    pub(super) fn query(&mut self, sql: &str, message: &Bytes) -> Result<(), Error> {
        // A simple query takes the unnamed statement away, whatever becomes of it.
        self.prepared.remove("");
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
        // What was found before the client waited for its connection may have changed since: others
        // of its tenant may keep as many as they may by now.
        let again = |nature: Nature| match nature.lasting && !self.pinned {
            true => (self.judge)(sql, &[]),
            false => Ok(nature),
        };
        let judged = self.judge_next(sql, &[]).and_then(again);
        let cut = || cut(sql, Renewal { renew, in_block });
        let parts = if self.has_prologue() && judged.is_ok() { cut() } else { Ok(Vec::new()) };
        let judged = judged.and_then(|nature| Ok((nature, parts?)));
        let (nature, parts) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                self.refuse(error, true);
                return Ok(());
            }
        };
        self.lone = false;
        self.parts = parts.into();
        if self.parts.is_empty() {
            let between = self.status == TransactionStatus::Idle && !self.in_segment;
            self.prepare(nature.opens || nature.bare && between)?;
            self.to_server.extend_from_slice(message);
            self.commit(nature.copies, false)?;
            let last = || statements(sql).last().is_some_and(|last| ends(last.verb));
            self.another |= !nature.clean && last();
            self.lone = self.said && nature.single && between;
            self.say(nature.saying);
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
        if let Ok(nature) = (self.judge)(part.text(), &[]) {
            self.say(nature.saying);
        }
        self.another |= statements.last().is_some_and(|last| ends(last.verb));
        // What the text as a whole was noted for, each of its parts may have done again.
        self.parse_prologue |= statements.iter().any(leaves_traces);
        let ours = !self.parts.is_empty();
        self.commit(statements.iter().any(|statement| statement.verb == Verb::Copy), ours)
    }

    /// Behind a Query: what ends its transaction, where the Query does not.
    fn commit(&mut self, copies: bool, ours: bool) -> Result<(), Error> {
        // A block of the client's own goes on until it says otherwise.
        let implicit = self.status == TransactionStatus::Idle || self.ended;
        let closing = match self.lingering && self.said && implicit {
            false => Closing::Itself,
            true if copies => Closing::Later,
            true => Closing::Sent,
        };
        self.expect(Reply::Query(closing), ours);
        if closing == Closing::Sent { self.write_commit(ours) } else { Ok(()) }
    }

    /// The Sync that ends a Query's transaction, and before it something that PostgreSQL begins to
    /// work at: where nothing was begun since the Query, Sync takes the transaction for ended and
    /// does not end it (`finish_xact_command` in postgres.c of 18).
    pub(super) fn write_commit(&mut self, ours: bool) -> Result<(), Error> {
        encode(frontend::parse(&mut self.to_server, "", "", &[]))?;
        frontend::sync(&mut self.to_server);
        self.expect(Reply::Parse(None), true);
        self.expect(Reply::Commit, ours);
        Ok(())
    }
}
