//! What a text of a conversation is: whether it leaves traces, is meant to, and where it stands to
//! transactions.

use std::rc::Rc;
use std::sync::Arc;

use rowhouse_protocol::lasting::is_lasting;
use rowhouse_protocol::statement::{SessionEffect, Verb, examine, statements};
use rowhouse_tenancy::ids::SettingName;
use rowhouse_tenancy::principal::Principal;

use super::pinning::Pinning;
use super::sayings::Saying;
use crate::config::Context;
use crate::error::Error;
use crate::pool::Pool;
use crate::session::catalog::is_definition;
use crate::session::guard::{check_choice, check_conversation};

/// What is known of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nature {
    /// On the short list of what leaves no trace and looks at none.
    pub clean: bool,
    /// Nothing but the beginning and the end of transactions, and settings inside them.
    pub control: bool,
    /// It says that something is to outlive the transaction.
    pub lasting: bool,
    /// No reset takes its traces away.
    pub indelible: bool,
    /// It begins a transaction or says how it is to be: nothing may run before it.
    pub opens: bool,
    /// Outside a transaction block it is refused, or does nothing: so says PostgreSQL, if nothing
    /// runs before it.
    pub bare: bool,
    /// One statement, and not several.
    pub single: bool,
    /// It has a COPY, which may take a stream.
    pub copies: bool,
    /// It ends a transaction, and what comes next is another one.
    pub ends: bool,
    /// A transaction that has failed goes on behind it.
    pub revives: bool,
    /// What the catalog says may be something else afterwards.
    pub defining: bool,
    /// What it says of settings that the session has begun with.
    pub saying: Saying,
}

/// Judges texts, or refuses them.
pub struct Judge {
    /// Where statements are known.
    pub pool: Rc<Pool>,
    /// What the client keeps already.
    pub pinning: Rc<Pinning>,
    /// Who speaks.
    pub principal: Principal,
    /// The settings that hold the tenant.
    pub settings: Arc<[SettingName]>,
    /// What policies believe.
    pub context: Context,
    /// An application has chosen its tenant when it began.
    pub chosen: bool,
    /// The names of the other settings that the session has begun with.
    pub begun: Vec<String>,
}

impl Judge {
    /// What this text is.
    pub fn judge(&self, sql: &str, types: &[u32]) -> Result<Nature, Error> {
        let entry = self.pool.statement(sql, types);
        check_conversation(&self.principal, self.context, &self.settings, &entry, sql)?;
        if self.chosen && self.context == Context::Sealed {
            check_choice(&self.settings, sql)?;
        }
        if entry.examined.session == SessionEffect::KnownClean {
            return Ok(Nature { clean: true, ..Nature::default() });
        }
        let names: Vec<&str> = self.settings.iter().map(SettingName::as_str).collect();
        let begun: Vec<&str> = self.begun.iter().map(String::as_str).collect();
        let saying = Saying::of(sql, &names, &begun);
        let nature = of(sql);
        if nature.lasting {
            self.pinning.check(sql)?;
        }
        // DISCARD ALL stands alone, or PostgreSQL refuses it.
        let opens = nature.opens || saying.discards;
        Ok(Nature { saying, opens, indelible: entry.is_indelible(), ..nature })
    }
}

/// What the text says, whoever says it.
pub fn of(sql: &str) -> Nature {
    let parts = statements(sql);
    let one = if let [one] = parts.as_slice() { Some(one.verb) } else { None };
    let clean = |text| examine(text).session == SessionEffect::KnownClean;
    let lasting = is_lasting(sql);
    Nature {
        clean: false,
        control: parts.iter().all(|part| is_control(part.verb) || clean(part.text)),
        lasting,
        opens: one.is_some_and(opens),
        // A cursor WITH HOLD needs no block.
        bare: !lasting && one.is_some_and(needs_block),
        single: one.is_some(),
        copies: parts.iter().any(|part| part.verb == Verb::Copy),
        ends: one.is_some_and(ends),
        revives: one == Some(Verb::RollbackTo),
        defining: parts.iter().any(|part| is_definition(part.verb)),
        ..Nature::default()
    }
}

/// Nothing may run in a transaction before these, not even a prologue of ours
/// (<https://www.postgresql.org/docs/current/sql-set-transaction.html>).
pub fn opens(verb: Verb) -> bool {
    matches!(verb, Verb::Begin | Verb::SetTransaction)
}

/// These want a transaction block (`RequireTransactionBlock` and `WarnNoTransactionBlock` in
/// PostgreSQL's xact.c).
fn needs_block(verb: Verb) -> bool {
    matches!(verb, Verb::Declare | Verb::Lock | Verb::SetLocal | Verb::SetConstraints)
}

/// What runs behind these runs in another transaction.
pub fn ends(verb: Verb) -> bool {
    matches!(verb, Verb::Commit | Verb::Rollback | Verb::PrepareTransaction)
}

/// It only says where transactions begin and end, and what holds inside them.
pub fn is_control(verb: Verb) -> bool {
    let savepoint = matches!(verb, Verb::Savepoint | Verb::Release | Verb::RollbackTo);
    opens(verb) || ends(verb) || savepoint || verb == Verb::SetLocal
}
