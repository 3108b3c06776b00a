//! What the extended protocol's messages become, and what of ours goes between them.

use std::cell::Cell;
use std::rc::Rc;

use bytes::{BufMut, Bytes};
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend::{self, EncodeError, MESSAGE_LEN_MAX, Parameter};
use rowhouse_protocol::request::tag;
use rowhouse_tenancy::principal::PrincipalKind;
use rowhouse_tenancy::prologue::Context;

use super::expected::{Reply, Stream};
use super::{Dialogue, NOWHERE, PROLOGUE_PORTAL, encode};
use crate::error::{Error, Kind};
use crate::pool::PROLOGUE_STATEMENT;
use crate::session::conversation::beginning::{self, Scope};
use crate::session::conversation::nature::Nature;
use crate::session::conversation::prepared::ClientStatement;
use crate::session::conversation::sayings::{Saying, at};
use crate::session::series::Making;

impl Dialogue {
    /// Parse: on the connection it has no name, whatever the client calls it.
    pub(super) fn parse(&mut self, name: &str, sql: &str, types: Vec<u32>) -> Result<(), Error> {
        let nature = match self.judge_next(sql, &types) {
            Ok(nature) => nature,
            Err(error) => {
                self.refuse(error, false);
                return Ok(());
            }
        };
        let confirmed = Rc::new(Cell::new(false));
        let statement = ClientStatement { sql: sql.to_owned(), types, nature, confirmed };
        match self.prepared.insert(name, statement, self.prepared_bytes_max) {
            Ok(statement) => {
                self.settle();
                self.prepare(nature.opens)?;
                self.write_parse(&statement)?;
                self.expect(Reply::Parse(Some(Rc::clone(&statement.confirmed))), false);
                self.unnamed = Some(statement);
            }
            Err(error) => self.refuse(error, false),
        }
        Ok(())
    }

    /// Bind: the values as they came, for a statement without a name.
    pub(super) fn bind(&mut self, portal: &str, statement: &str, rest: &[u8]) -> Result<(), Error> {
        let Some(known) = self.prepared.get(statement) else {
            self.refuse(unknown(statement), false);
            return Ok(());
        };
        if portal == PROLOGUE_PORTAL {
            let text = "names that begin with rowhouse_ are the gateway's own: choose another";
            self.refuse(Error::new(Kind::ContextProtected, text), false);
            return Ok(());
        }
        if known.nature.lasting && !self.pinned {
            // Others may keep what this one could have kept when it was parsed.
            if let Err(error) = (self.judge)(&known.sql, &known.types) {
                self.refuse(error, false);
                return Ok(());
            }
        }
        self.settle();
        self.prepare(known.nature.opens)?;
        self.make_known(&known)?;
        // The portal's name, no name of a statement, and each with the NUL that ends it.
        let len = 4 + portal.len() + 2 + rest.len();
        let Some(len) = u32::try_from(len).ok().filter(|_| len <= MESSAGE_LEN_MAX) else {
            return encode(Err(EncodeError::TooLong));
        };
        let buf = &mut self.to_server;
        buf.put_u8(tag::BIND);
        buf.put_u32(len);
        buf.put_slice(portal.as_bytes());
        buf.put_slice(b"\0\0");
        buf.put_slice(rest);
        self.expect(Reply::Bind, false);
        self.note(known.nature);
        self.portals.insert(portal, known.nature);
        self.unsettled = !known.nature.clean;
        Ok(())
    }

    pub(super) fn describe_statement(&mut self, name: &str) -> Result<(), Error> {
        let Some(known) = self.prepared.get(name) else {
            self.refuse(unknown(name), false);
            return Ok(());
        };
        self.settle();
        self.prepare(known.nature.opens)?;
        self.make_known(&known)?;
        encode(frontend::describe_statement(&mut self.to_server, ""))?;
        self.expect(Reply::DescribeStatement, false);
        Ok(())
    }

    /// Close: PostgreSQL never knew the name; its answer has a place in the order all the same.
    pub(super) fn close_statement(&mut self, name: &str) -> Result<(), Error> {
        self.prepared.remove(name);
        encode(frontend::close_statement(&mut self.to_server, NOWHERE))?;
        self.expect(Reply::Close, false);
        Ok(())
    }

    /// Execute: what a portal is, was said when it was bound. Of one that was not bound here, a
    /// cursor of SQL, nothing is known.
    pub(super) fn execute(&mut self, portal: &str, message: &Bytes) -> Result<(), Error> {
        let nature = self.portals.get(portal);
        if self.portals.is_last(portal) {
            // What its plan has run is its own matter; what comes behind it is not.
            self.unsettled = false;
        }
        self.settle();
        self.prepare(nature.opens)?;
        self.pass(message, Reply::Execute(Stream::Nothing));
        self.note(nature);
        self.lone = self.said && !self.ran && self.status == TransactionStatus::Idle;
        self.say(nature.saying);
        if !nature.clean && !nature.control {
            // It goes on in the same portal.
            self.portals.insert(portal, nature);
        }
        self.ended |= nature.ends || nature.revives;
        let again = nature.ends || self.fixed && !nature.clean;
        self.due |= again && self.has_prologue();
        Ok(())
    }

    /// To plan is to run functions that say of themselves that they are immutable.
    fn settle(&mut self) {
        let ran = std::mem::take(&mut self.unsettled) && self.kind == PrincipalKind::Tenant;
        self.due |= ran && self.has_prologue();
    }

    /// What something that runs, or may run, leaves behind.
    pub(super) fn note(&mut self, nature: Nature) {
        if nature.clean {
            return;
        }
        self.traces.unclean = true;
        self.traces.indelible |= nature.indelible;
        self.traces.defining |= nature.defining;
        if !nature.control {
            // It may have closed them and made others of the same names.
            self.portals.clear();
        }
        self.pinned |= nature.lasting;
        // DISCARD, DEALLOCATE or what a function hides may have taken it away.
        self.parse_prologue |= !nature.control;
    }

    /// What something that runs says of settings. Those of the tenant decide nothing in a sealed
    /// database, and of those of a tenant it has nothing to say.
    pub(super) fn say(&mut self, saying: Saying) {
        let alone = self.status == TransactionStatus::Idle && !self.ran;
        self.ran = true;
        if saying.discards && alone {
            // Nothing is left that would hold the client to its connection.
            self.pinned = false;
        }
        let believed = self.context == Context::Standard && self.kind == PrincipalKind::App;
        let of_tenant =
            if believed { saying } else { Saying { reset: saying.reset, ..Saying::default() } };
        if self.sayings.say(of_tenant) {
            self.renew_prologue();
        }
        // What it went back to is not what the client has chosen when it began.
        self.due |= believed && saying.returned != 0 && self.has_prologue();
    }

    /// What goes before is everything of which SQL has said nothing.
    pub(super) fn renew_prologue(&mut self) {
        self.prologue = self.given.without(|place| self.sayings.takes(place));
        self.parse_prologue = true;
        self.due &= self.has_prologue();
    }

    pub(super) fn has_prologue(&self) -> bool {
        !self.prologue.is_empty()
    }

    /// What has to be on the connection before anything of the client's runs. `opens`: what comes
    /// next begins a transaction, and nothing may run in it before that.
    pub(super) fn prepare(&mut self, opens: bool) -> Result<(), Error> {
        let between = self.status == TransactionStatus::Idle && !self.in_segment;
        if self.settings_due != 0 && between {
            self.write_settings()?;
        }
        let runs = self.status != TransactionStatus::Failed || self.ended;
        if self.due && !opens && runs {
            self.due = false;
            self.write_prologue()?;
        }
        Ok(())
    }

    /// Makes a statement the one that the connection knows under no name.
    fn make_known(&mut self, statement: &Rc<ClientStatement>) -> Result<(), Error> {
        if self.unnamed.as_ref().is_some_and(|known| Rc::ptr_eq(known, statement)) {
            return Ok(());
        }
        self.write_parse(statement)?;
        self.expect(Reply::Parse(Some(Rc::clone(&statement.confirmed))), true);
        self.unnamed = Some(Rc::clone(statement));
        Ok(())
    }

    fn write_parse(&mut self, statement: &ClientStatement) -> Result<(), Error> {
        let ClientStatement { sql, types, .. } = statement;
        encode(frontend::parse(&mut self.to_server, "", sql, types))
    }

    fn write_prologue(&mut self) -> Result<(), Error> {
        self.said = true;
        let prologue = self.prologue.clone();
        let words = prologue.words(self.key.as_ref(), (self.now)()).map_err(Error::internal)?;
        if std::mem::take(&mut self.parse_prologue) {
            let sql = words.sql();
            encode(frontend::close_statement(&mut self.to_server, PROLOGUE_STATEMENT))?;
            encode(frontend::parse(&mut self.to_server, PROLOGUE_STATEMENT, &sql, &[]))?;
            self.expect(Reply::Close, true);
            self.expect(Reply::Parse(None), true);
        }
        let parameters = words.parameters();
        let value = |value| Parameter { value: Some(value), binary: false };
        let values: Vec<Parameter<'_>> =
            parameters.iter().map(|bytes| value(bytes.as_ref())).collect();
        let buf = &mut self.to_server;
        encode(frontend::bind(buf, PROLOGUE_PORTAL, PROLOGUE_STATEMENT, &values))?;
        encode(frontend::execute(buf, PROLOGUE_PORTAL, 0))?;
        encode(frontend::close_portal(buf, PROLOGUE_PORTAL))?;
        self.expect(Reply::Bind, true);
        self.expect(Reply::Execute(Stream::Nothing), true);
        self.expect(Reply::Close, true);
        Ok(())
    }

    fn write_settings(&mut self) -> Result<(), Error> {
        let making = Making::of(self.context);
        let due = std::mem::take(&mut self.settings_due);
        let named = self.settings.iter().enumerate().filter(|(place, _)| due & at(*place) != 0);
        let settings: Vec<_> = named.map(|(_, setting)| setting.clone()).collect();
        if settings.is_empty() {
            return Ok(());
        }
        encode(beginning::write(&mut self.to_server, &settings, making, Scope::Session))?;
        for _ in 0..beginning::count(&settings, making, Scope::Session) {
            for reply in [Reply::Parse(None), Reply::Bind, Reply::Execute(Stream::Nothing)] {
                self.expect(reply, true);
            }
        }
        self.expect(Reply::Sync, true);
        self.traces.unclean = true;
        self.unnamed = None;
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    let text = match name {
        "" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{name}\" does not exist"),
    };
    Error::new(Kind::StatementUnknown, text)
}
