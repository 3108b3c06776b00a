//! Several statements in one call: a text that holds more than one, and ExecuteTransaction.

use bytes::Bytes;
use rowhouse_data_api::fault::Fault;
use rowhouse_data_api::parameter::{BoundStatement, bind};
use rowhouse_data_api::request::{ExecuteStatement, ExecuteTransaction, IsolationLevel};
use rowhouse_data_api::result;
use rowhouse_protocol::statement::{self, statements};
use rowhouse_tenancy::principal::Principal;

use super::Door;
use super::wish::{Wish, at_timeout, limits, render, statement, target};
use crate::error::Error;
use crate::observe::Spent;
use crate::session::{AtTimeout, Change, Outcome, Statement, Target, Work};

/// What the values of all statements of a text may have together, as a multiple of what a request
/// may have: an array of quotation marks is twice as long for PostgreSQL as it is in JSON.
const VALUE_BYTES_FACTOR: usize = 2;

/// The statements of a text that may hold several; none where it cannot.
///
/// Most texts have no semicolon but perhaps a last one, and need no second look.
pub fn parts(sql: &str) -> Vec<statement::Statement<'_>> {
    let body = sql.trim_end().trim_end_matches(';');
    if body.contains(';') { statements(sql) } else { Vec::new() }
}

/// Runs all statements of a text in order, in one transaction; gives what the last one returned
/// that returns rows, else what the last one did.
///
/// Clients of the first version of the service send such texts; the second version refuses them.
pub async fn execute(
    door: &Door,
    principal: &Principal,
    target: &Target,
    request: &ExecuteStatement,
    parts: &[statement::Statement<'_>],
) -> Result<Outcome, Error> {
    let bound = bind_all(door, request, parts)?;
    let wish = Wish::of(request);
    let statements: Vec<Statement> =
        bound.iter().map(|bound| statement(door, target, bound, wish)).collect();
    let at_timeout = at_timeout(door, request.continue_after_timeout);
    let session = &door.session;
    let ran = match &request.transaction_id {
        None => session.execute_together(principal, target, "BEGIN", statements, at_timeout).await,
        Some(id) => {
            let work = Work { statements, batch: false, at_timeout };
            session.execute_in(principal, target, id, work).await
        }
    };
    let outcomes = ran.map_err(|error| {
        let index = error.statement().unwrap_or_default();
        let (Some(bound), Some(part)) = (bound.get(index), parts.get(index)) else { return error };
        let before = request.sql.get(..part.start).unwrap_or_default().chars().count();
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        error.at(|at| bound.original_position(at).saturating_add(before))
    })?;
    let with_rows = outcomes.iter().rposition(|outcome| outcome.columns().is_some());
    let chosen = with_rows.unwrap_or(outcomes.len().saturating_sub(1));
    let outcome = outcomes.into_iter().nth(chosen);
    outcome.ok_or_else(|| Error::internal("statements without outcome"))
}

/// Binds the parameters to each statement. A value comes once in the request and goes out with
/// every statement that names it, so a short text could make much of it.
fn bind_all(
    door: &Door,
    request: &ExecuteStatement,
    parts: &[statement::Statement<'_>],
) -> Result<Vec<BoundStatement>, Error> {
    let limits = &door.config.limits;
    let most = limits.transaction_statements_max;
    if parts.len() > most {
        return Err(Fault::validation(format!(
            "sql has {} statements, and at most {most} may run together: send it in parts",
            parts.len()
        ))
        .into());
    }
    let mut left = limits.request_bytes_max.saturating_mul(VALUE_BYTES_FACTOR);
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        let bound = bind(part.text, &request.parameters)?;
        let bytes = bound.values.iter().filter_map(|value| value.value.as_ref()).map(Bytes::len);
        left = left.checked_sub(bytes.sum()).ok_or_else(|| {
            Fault::validation(
                "The statements name so large values so often that they are too much together: \
                 send them in parts",
            )
        })?;
        all.push(bound);
    }
    Ok(all)
}

/// The gateway's own operation: statements with their parameters, all or nothing, in one request
/// and one round trip to the database.
pub async fn execute_transaction(
    door: &Door,
    principal: &Principal,
    body: &[u8],
    spent: &mut Spent,
) -> Result<Vec<u8>, Error> {
    let request = ExecuteTransaction::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    let bound = request.statements.iter().enumerate().map(|(index, statement)| {
        bind(&statement.sql, &statement.parameters).map_err(|fault| fault.in_statement(index))
    });
    let bound = bound.collect::<Result<Vec<_>, _>>()?;
    let begin = begin(request.isolation_level, request.read_only);
    let wishes: Vec<Wish> = request.statements.iter().map(Wish::of_part).collect();
    let statements = bound.iter().zip(&wishes);
    let statements: Vec<Statement> =
        statements.map(|(bound, wish)| statement(door, &target, bound, *wish)).collect();
    let mut left =
        statements.iter().map(|statement| statement.result_bytes_max).max().unwrap_or_default();
    let session = &door.session;
    let cancel = AtTimeout::Cancel;
    let ran = session.execute_together(principal, &target, begin, statements, cancel).await;
    let outcomes = ran.map_err(|error| located(error, &bound))?;
    outcomes.iter().for_each(|outcome| outcome.account(spent));
    let change = match outcomes.iter().any(Outcome::may_have_written) {
        true => Change::Committed,
        false => Change::Nothing,
    };
    let mut responses = Vec::with_capacity(outcomes.len());
    for (outcome, wish) in outcomes.iter().zip(wishes) {
        let response = render(door, &target, outcome, wish, left, change)?;
        left = left.saturating_sub(response.len());
        responses.push(response);
    }
    Ok(result::transaction(&responses))
}

/// The error with its position in the text of its statement, and with the number of that.
fn located(error: Error, bound: &[BoundStatement]) -> Error {
    let Some(bound) = error.statement().and_then(|index| bound.get(index)) else { return error };
    error.at(|at| bound.original_position(at)).telling_statement()
}

/// <https://www.postgresql.org/docs/current/sql-begin.html>
fn begin(level: Option<IsolationLevel>, read_only: bool) -> &'static str {
    match (level, read_only) {
        (None, false) => "BEGIN",
        (None, true) => "BEGIN READ ONLY",
        (Some(IsolationLevel::ReadCommitted), false) => "BEGIN ISOLATION LEVEL READ COMMITTED",
        (Some(IsolationLevel::ReadCommitted), true) => {
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
        }
        (Some(IsolationLevel::RepeatableRead), false) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        (Some(IsolationLevel::RepeatableRead), true) => {
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        }
        (Some(IsolationLevel::Serializable), false) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        (Some(IsolationLevel::Serializable), true) => {
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
        }
    }
}
