//! What a statement may not do, decided before any of it reaches PostgreSQL.

use rowhouse_data_api::fault::Fault;
use rowhouse_protocol::context::{ContextChange, context_change};
use rowhouse_protocol::scan;
use rowhouse_protocol::sealed::{refusal, refusal_of_client};
use rowhouse_protocol::statement::{Verb, statements};
use rowhouse_tenancy::ids::SettingName;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};

use crate::config::{Context, Database};
use crate::error::{Error, Kind};
use crate::pool::StatementEntry;

/// How the names of our own statements begin.
const OUR_PREFIX: &str = "rowhouse_";

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By itself, in an implicit transaction.
    Alone,
    /// With others in a transaction that is not its own to begin or to end.
    Together,
    /// Inside an explicit transaction.
    InTransaction,
}

/// Lets a statement pass, or says why not.
pub fn check(
    principal: &Principal,
    database: &Database,
    entry: &StatementEntry,
    sql: &str,
    place: Place,
) -> Result<(), Error> {
    let sealed = database.context == Context::Sealed;
    if sealed && principal.kind() == PrincipalKind::Tenant {
        refuse_unless_listed(entry, sql)?;
    }
    if entry.examined.statements > 1 {
        return Err(multistatements());
    }
    match entry.examined.verb {
        Verb::Copy => {
            return Err(Error::new(
                Kind::NotSupported,
                "COPY is not supported here; use INSERT with parameter sets instead",
            ));
        }
        // Alone, it would open a transaction that nobody can continue.
        Verb::Begin if place == Place::Alone => {
            return Err(Error::new(
                Kind::NotSupported,
                "BEGIN is not supported here; use the BeginTransaction operation",
            ));
        }
        verb if place == Place::Together && ends_or_begins(verb) => {
            return Err(Error::new(
                Kind::NotSupported,
                "statements that run together begin and end together: take out BEGIN, COMMIT, \
                 ROLLBACK and the like",
            ));
        }
        _ => {}
    }
    if principal.kind() == PrincipalKind::Tenant && !sealed {
        refuse_two_phases(entry.examined.verb)?;
        refuse_context_change(&database.tenant_settings, entry, sql)?;
    }
    Ok(())
}

/// The same for who talks to PostgreSQL itself, in its own protocol: transactions are its own
/// business, and where the database is not sealed so are several statements in one text and COPY.
pub fn check_conversation(
    principal: &Principal,
    context: Context,
    settings: &[SettingName],
    entry: &StatementEntry,
    sql: &str,
) -> Result<(), Error> {
    if principal.kind() != PrincipalKind::Tenant {
        return Ok(());
    }
    refuse_our_names(sql)?;
    match context {
        // What the entry keeps is another door's answer.
        Context::Sealed => refusal_of_client(sql)
            .map_or(Ok(()), |why| Err(Error::new(Kind::ContextProtected, why.to_string()))),
        Context::Standard => {
            for statement in statements(sql) {
                refuse_two_phases(statement.verb)?;
            }
            refuse_context_change(settings, entry, sql)
        }
    }
}

/// What an application may not write in a sealed database when it has chosen its tenant for all its
/// transactions: a setting of another one would be believed by the reader of this text and by
/// nobody else.
pub fn check_choice(settings: &[SettingName], sql: &str) -> Result<(), Error> {
    let names: Vec<&str> = settings.iter().map(SettingName::as_str).collect();
    match context_change(sql, &names) {
        Some(ContextChange::Setting { name }) => {
            let text = format!(
                "in a sealed database the tenant is said when connecting \
                 (options=-c {name}=…): SET does not change it"
            );
            Err(Error::new(Kind::NotSupported, text))
        }
        _ => Ok(()),
    }
}

/// Prepared statements of ours that set the context are on the connection as well, where EXECUTE
/// finds them.
fn refuse_our_names(sql: &str) -> Result<(), Error> {
    let ours = |token: scan::Token<'_>| {
        let name = token.text.trim_matches('"');
        let start = name.get(..OUR_PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(OUR_PREFIX))
    };
    if scan::significant(sql).any(ours) {
        let text = "names that begin with rowhouse_ are the gateway's own: choose another";
        return Err(Error::new(Kind::ContextProtected, text));
    }
    Ok(())
}

/// In AWS's words.
pub fn multistatements() -> Error {
    Fault::multistatements().into()
}

/// Savepoints are fine: they are the caller's own.
fn ends_or_begins(verb: Verb) -> bool {
    let savepoint = matches!(verb, Verb::Savepoint | Verb::Release | Verb::RollbackTo);
    verb.is_transaction_control() && !savepoint
}

/// What is prepared keeps its locks beyond connection and timeouts, and whoever has the same role
/// may end it: another tenant
/// (<https://www.postgresql.org/docs/current/sql-prepare-transaction.html>). Functions and DO
/// cannot run these commands.
fn refuse_two_phases(verb: Verb) -> Result<(), Error> {
    match verb {
        Verb::PrepareTransaction | Verb::CommitPrepared | Verb::RollbackPrepared => {
            let text = "two-phase commit is not for tenants: use CommitTransaction";
            Err(Error::new(Kind::NotSupported, text))
        }
        _ => Ok(()),
    }
}

/// Where a tenant's SQL is anybody's, only what is on a short list goes on.
fn refuse_unless_listed(entry: &StatementEntry, sql: &str) -> Result<(), Error> {
    let refused = entry.refused_context(|| refusal(sql).map(|why| why.to_string()));
    refused.map_or(Ok(()), |why| Err(Error::new(Kind::ContextProtected, why.to_owned())))
}

/// A caller with a fixed tenant may not change what makes it that tenant. This is the second line:
/// the prologue goes first in every transaction, whatever the statement is.
fn refuse_context_change(
    settings: &[SettingName],
    entry: &StatementEntry,
    sql: &str,
) -> Result<(), Error> {
    let refused = entry.refused_context(|| {
        let names: Vec<&str> = settings.iter().map(SettingName::as_str).collect();
        context_change(sql, &names).map(|change| change.to_string())
    });
    match refused {
        Some(text) => Err(Error::new(Kind::ContextProtected, text.to_owned())),
        None => Ok(()),
    }
}
