//! The usage sink: answers as the journal counts them.

use std::time::Duration;

use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::usage::{Measure, Operation, Outcome};

use super::{Answered, Conversed, Event, Spent};
use crate::error::{Error, Kind};
use crate::journal::{Page, now_ms};

/// Counts an event, if it is an answer.
pub fn count(page: &Page, event: &Event<'_>) {
    match event {
        Event::Answered(answered) => count_answered(page, answered),
        Event::Conversed(conversed) => count_conversed(page, conversed),
        _ => {}
    }
}

fn count_answered(page: &Page, answered: &Answered<'_>) {
    let tenant = answered.principal.and_then(Principal::tenant);
    let (bytes_in, bytes_out) = (answered.bytes_in, answered.bytes_out);
    let operation = Operation::of(answered.operation);
    let outcome = answered.error.map_or(Outcome::Ok, outcome);
    page.count(tenant, &measure(operation, outcome, &answered.spent, bytes_in, bytes_out));
}

fn count_conversed(page: &Page, conversed: &Conversed<'_>) {
    let tenant = conversed.principal.tenant();
    let (bytes_in, bytes_out) = (conversed.bytes_in, conversed.bytes_out);
    let outcome = conversed.sqlstate.as_ref().map_or(Outcome::Ok, outcome_of_state);
    let operation = Operation::Conversation;
    page.count(tenant, &measure(operation, outcome, &conversed.spent, bytes_in, bytes_out));
}

fn measure(
    operation: Operation,
    outcome: Outcome,
    spent: &Spent,
    bytes_in: usize,
    bytes_out: usize,
) -> Measure {
    Measure {
        at_ms: now_ms(),
        operation,
        outcome,
        bytes_in: bytes_in as u64,
        bytes_out: bytes_out as u64,
        rows: spent.rows,
        database_us: micros(spent.database),
        queue_us: micros(spent.queue),
    }
}

/// Whose doing it is that an answer is none: this is what a bill rests on, so every kind is named.
fn outcome(error: &Error) -> Outcome {
    match error.kind() {
        Kind::Identity
        | Kind::Signature
        | Kind::TokenExpired
        | Kind::SessionExpired
        | Kind::SessionUnknown
        | Kind::Password
        | Kind::Forbidden
        | Kind::TenantRefused
        | Kind::ContextProtected
        | Kind::Overloaded
        | Kind::Throttled
        | Kind::QuotaSpent
        | Kind::TooManyFailures
        | Kind::ShuttingDown => Outcome::Refused,
        Kind::Unavailable
        | Kind::SecretRefused
        | Kind::SecretUnavailable
        | Kind::OutcomeUnknown
        | Kind::Internal => Outcome::Failed,
        Kind::ClientGone => Outcome::Gone,
        Kind::Sql
        | Kind::StatementTimeout
        | Kind::ResultTooLarge
        | Kind::ChangedAndTooLarge
        | Kind::ResourceUnknown
        | Kind::SecretUnknown
        | Kind::DatabaseUnknown
        | Kind::Invalid
        | Kind::NotSupported
        | Kind::TransactionNotFound
        | Kind::Aborted
        | Kind::TransactionBusy
        | Kind::StatementTooLong
        | Kind::Protocol
        | Kind::StatementUnknown
        | Kind::StatementExists
        | Kind::LimitReached
        | Kind::TransactionIdle
        | Kind::SessionIdle => Outcome::Error,
    }
}

/// The same by SQLSTATE, whose first two characters are its class
/// (PostgreSQL docs, appendix A, "PostgreSQL Error Codes").
fn outcome_of_state(state: &SqlState) -> Outcome {
    match state.as_str().get(..2) {
        // Invalid authorization; too many, or a configured limit.
        Some("28" | "53") => Outcome::Refused,
        // Connection, operator intervention but for a cancelled query, system, defect.
        Some("08" | "58" | "XX" | "F0") => Outcome::Failed,
        Some("57") if state.as_str() != "57014" => Outcome::Failed,
        _ => Outcome::Error,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
