//! The operations: parse the request, run it through the session, write the response.

use bytes::Bytes;
use rowhouse_data_api::fault::{Exception, Fault};
use rowhouse_data_api::operation::Operation;
use rowhouse_data_api::parameter::{bind, bind_sets};
use rowhouse_data_api::request::{
    BatchExecuteStatement, BeginTransaction, CommitTransaction, ExecuteStatement,
    RollbackTransaction,
};
use rowhouse_data_api::result;
use rowhouse_protocol::backend::CommandTag;
use rowhouse_tenancy::principal::Principal;

use super::wish::{Wish, at_timeout, limits, render, statement, target};
use super::{Door, several};
use crate::error::Error;
use crate::observe::Spent;
use crate::session::{AtTimeout, Change, Ending, Outcome, Statement, Target, Work};

/// Runs one operation; gives the body of its response.
pub async fn run(
    door: &Door,
    principal: &Principal,
    operation: Operation,
    body: &[u8],
    spent: &mut Spent,
) -> Result<Bytes, Error> {
    let response = match operation {
        Operation::ExecuteStatement => execute(door, principal, body, spent).await?,
        Operation::BatchExecuteStatement => batch(door, principal, body, spent).await?,
        Operation::BeginTransaction => begin(door, principal, body).await?,
        Operation::CommitTransaction => commit(door, principal, body).await?,
        Operation::RollbackTransaction => rollback(door, principal, body).await?,
        Operation::ExecuteTransaction => {
            several::execute_transaction(door, principal, body, spent).await?
        }
        Operation::ExecuteSql => return Err(refused_execute_sql()),
    };
    Ok(Bytes::from(response))
}

async fn execute(
    door: &Door,
    principal: &Principal,
    body: &[u8],
    spent: &mut Spent,
) -> Result<Vec<u8>, Error> {
    let request = ExecuteStatement::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    let parts = several::parts(&request.sql);
    let outcome = match parts.len() {
        0 | 1 => execute_one(door, principal, &target, &request).await?,
        _ if target.is_strict() => return Err(Fault::multistatements().into()),
        _ => several::execute(door, principal, &target, &request, &parts).await?,
    };
    outcome.account(spent);
    let change = match (outcome.may_have_written(), &request.transaction_id) {
        (false, _) => Change::Nothing,
        (true, Some(_)) => Change::Uncommitted,
        (true, None) => Change::Committed,
    };
    render(door, &target, &outcome, Wish::of(&request), usize::MAX, change)
}

async fn execute_one(
    door: &Door,
    principal: &Principal,
    target: &Target,
    request: &ExecuteStatement,
) -> Result<Outcome, Error> {
    let bound = bind(&request.sql, &request.parameters)?;
    let statement = statement(door, target, &bound, Wish::of(request));
    let at_timeout = at_timeout(door, request.continue_after_timeout);
    let ran = match &request.transaction_id {
        None => door.session.execute(principal, target, &statement, at_timeout).await,
        Some(id) => {
            let work = Work { statements: vec![statement], batch: false, at_timeout };
            let ran = door.session.execute_in(principal, target, id, work).await;
            ran.and_then(|mut outcomes| {
                outcomes.pop().ok_or_else(|| Error::internal("a statement without outcome"))
            })
        }
    };
    ran.map_err(|error| error.at(|at| bound.original_position(at)))
}

async fn batch(
    door: &Door,
    principal: &Principal,
    body: &[u8],
    spent: &mut Spent,
) -> Result<Vec<u8>, Error> {
    let request = BatchExecuteStatement::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    let bound = bind_sets(&request.sql, &request.parameter_sets)?;
    let wish = Wish::default();
    let statements: Vec<Statement> =
        bound.iter().map(|bound| statement(door, &target, bound, wish)).collect();
    let ran = match &request.transaction_id {
        None => door.session.execute_batch(principal, &target, statements).await,
        Some(id) => {
            let at_timeout = AtTimeout::Cancel;
            let work = Work { statements, batch: true, at_timeout };
            door.session.execute_in(principal, &target, id, work).await
        }
    };
    let outcomes = ran.map_err(|error| match bound.first() {
        Some(first) => error.at(|at| first.original_position(at)),
        None => error,
    })?;
    outcomes.iter().for_each(|outcome| outcome.account(spent));
    let empty = CommandTag { text: "" };
    Ok(result::batch(outcomes.iter().map(|outcome| outcome.tag().unwrap_or(empty))))
}

async fn begin(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = BeginTransaction::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    let id = door.session.begin(principal, &target).await?;
    Ok(result::transaction_begun(&id))
}

async fn commit(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = CommitTransaction::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    door.session.end(principal, &target, &request.transaction_id, Ending::Commit).await?;
    Ok(result::transaction_committed())
}

async fn rollback(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = RollbackTransaction::parse(body, &limits(door))?;
    let target = target(door, principal, &request.access)?;
    door.session.end(principal, &target, &request.transaction_id, Ending::Rollback).await?;
    Ok(result::transaction_rolled_back())
}

/// Deprecated in 2019 and gone from the second version of the service
/// (Aurora User Guide, "Comparing Amazon RDS Data API …", ExecuteSql).
fn refused_execute_sql() -> Error {
    Fault::new(
        Exception::BadRequest,
        "The ExecuteSql operation isn't supported. Use ExecuteStatement or BatchExecuteStatement.",
    )
    .into()
}
