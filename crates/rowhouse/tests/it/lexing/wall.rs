//! A statement that passes as harmless is harmless: asked of a real session before and after.
//!
//! Ways to change a setting, a role or a session are written by a grammar and then garbled. Of what
//! the gateway would let a tenant send, nothing may change whose rows are seen; of what it takes
//! for clean, nothing may be left on the connection; what it takes for reading may not write or
//! lock. Functions of somebody's own and texts put together at run time are not among the ways:
//! nothing in the statement shows what they do.

use proptest::prelude::*;

use rowhouse_protocol::context::context_change;
use rowhouse_protocol::statement::{SessionEffect, examine};

use super::budget;
use super::ways::{garbled, way};
use super::wire::{Reply, Wire};
use crate::postgres::Address;
use crate::schema::TENANT_SETTING;
use crate::stand::Stand;

/// The role that tenants use, on a connection past the gateway.
fn tenant_session(address: &Address) -> Wire {
    let mut wire = Wire::connect(address, "it_app", "it_app", "it");
    // The first look loads PL/pgSQL, whose settings are there from then on.
    fingerprint(&mut wire);
    wire
}

/// Garbled statements, of which only those are run that the gateway would let pass.
pub fn what_passes_keeps_the_tenant(stand: &Stand) {
    let mut wire = tenant_session(&stand.cluster().address);
    let fresh = fingerprint(&mut wire);
    let (mut run, mut clean) = (0, 0);
    let tried = budget::spend(&garbled(), |sql| {
        let passes = context_change(&sql, &[TENANT_SETTING]).is_none();
        let examined = examine(&sql);
        let is_clean = examined.session == SessionEffect::KnownClean;
        if !passes && !is_clean || ENDLESS.iter().any(|word| sql.contains(word)) {
            return Ok(());
        }
        let seen = run_as_tenant(&mut wire, &sql);
        run += u32::from(seen.error.is_none());
        clean += u32::from(seen.error.is_none() && is_clean);
        if passes && seen.in_transaction {
            prop_assert_eq!(&seen.identity, &identity(), "it passes");
        }
        if examined.read_only {
            prop_assert_eq!(seen.wrote, "", "it is read-only");
        }
        let after = is_clean.then(|| fingerprint(&mut wire));
        wire.ask("rollback");
        let reset = wire.ask("discard all");
        prop_assert!(reset.error.is_none(), "{:?}", reset);
        prop_assert_eq!(after.as_ref().unwrap_or(&fresh), &fresh, "it is clean");
        Ok(())
    });
    assert!(run > tried / 50 && clean > tried / 200, "{run} and {clean} of {tried} ran");
}

/// Every way there is, as it is meant: where it works, it is refused and not clean.
pub fn known_ways_are_refused(stand: &Stand) {
    let mut wire = tenant_session(&stand.cluster().address);
    let mut worked = 0;
    let tried = budget::spend(&way(), |sql| {
        let seen = run_as_tenant(&mut wire, &sql);
        let after = fingerprint(&mut wire);
        wire.ask("rollback");
        wire.ask("discard all");
        let changes = seen.error.is_none() && seen.in_transaction && seen.identity != identity();
        if changes {
            worked += 1;
            let refused = context_change(&sql, &[TENANT_SETTING]);
            prop_assert!(refused.is_some(), "{:?}", seen.identity);
        }
        let left = after != fingerprint(&mut wire);
        if left {
            prop_assert_ne!(examine(&sql).session, SessionEffect::KnownClean, "{:?}", after);
        }
        Ok(())
    });
    assert!(worked > tried / 4, "{worked} of {tried} ways worked");
}

/// What one statement did.
struct Seen {
    error: Option<String>,
    /// Whether the transaction of the statement is still there to be looked at.
    in_transaction: bool,
    identity: Vec<String>,
    /// What it wrote or locked; empty if nothing.
    wrote: String,
}

fn identity() -> Vec<String> {
    ["tenant_1", "it_app", "it_app", "none", "on", "UTF8"].map(str::to_owned).to_vec()
}

/// Prologue, statement and a look in one transaction, which is committed.
fn run_as_tenant(wire: &mut Wire, sql: &str) -> Seen {
    wire.ask(&format!("begin; select set_config('{TENANT_SETTING}', 'tenant_1', true)"));
    let clock = "select transaction_timestamp()";
    let began = wire.ask(clock).values();
    let reply: Reply = wire.ask(sql);
    let look = wire.ask(&format!(
        "select current_setting('{TENANT_SETTING}', true), current_user, session_user,
            current_setting('role'), current_setting('standard_conforming_strings'),
            current_setting('client_encoding')"
    ));
    let locks = wire.ask(
        "select coalesce(pg_current_xact_id_if_assigned()::text, '')
            || coalesce(string_agg(mode, ' '), '') from pg_locks
        where pid = pg_backend_pid() and locktype in ('relation', 'tuple')
        and mode <> 'AccessShareLock'",
    );
    // A statement that ended the transaction took the prologue with it; guards elsewhere see to it.
    let in_transaction = wire.ask(clock).values() == began;
    wire.ask("commit");
    Seen {
        error: reply.error.map(|error| error.to_string()),
        in_transaction,
        identity: look.values(),
        wrote: locks.values().concat(),
    }
}

/// What the next one on this connection could meet.
fn fingerprint(wire: &mut Wire) -> Vec<Vec<String>> {
    let looks = [
        "select md5(string_agg(name || ' ' || coalesce(setting, ''), ',' order by name))
            from pg_settings where name not like 'transaction_%'",
        "select string_agg(name, ',' order by name) from pg_prepared_statements",
        "select string_agg(name, ',' order by name) from pg_cursors where is_holdable",
        "select string_agg(mode || objid, ',' order by 1) from pg_locks
            where locktype = 'advisory' and pid = pg_backend_pid()",
        "select string_agg(channel, ',') from pg_listening_channels() as channel",
        "select string_agg(relname, ',' order by relname) from pg_class
            where relnamespace = pg_my_temp_schema()",
        "select coalesce(current_setting('app.current_tenant', true), ''),
            coalesce(current_setting('app.other', true), ''), has_lastval()::text,
            current_user, session_user, current_schemas(false)::text",
    ];
    looks.iter().map(|look| wire.ask(look).values()).collect()
}

/// These wait for somebody, which is no change.
const ENDLESS: &[&str] = &["pg_sleep", "setseed"];
