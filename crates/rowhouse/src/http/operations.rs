//! The operations: parse the request, run it through the session, write the response.

use std::time::Duration;

use bytes::Bytes;
use rowhouse_data_api::fault::{Exception, Fault};
use rowhouse_data_api::operation::Operation;
use rowhouse_data_api::parameter::{BoundStatement, bind, bind_sets};
use rowhouse_data_api::request::{
    BatchExecuteStatement, BeginTransaction, CommitTransaction, ExecuteStatement, RequestLimits,
    RollbackTransaction,
};
use rowhouse_data_api::result::{self, RecordsFormat, ResponseOptions, ResponseWriter, RowRefusal};
use rowhouse_data_api::strict::refused_dimensions;
use rowhouse_protocol::backend::CommandTag;
use rowhouse_tenancy::principal::Principal;

use super::Door;
use crate::error::{Error, Kind};
use crate::session::{Ending, Outcome, Statement, Value};

/// Runs one operation; gives the body of its response.
pub async fn run(
    door: &Door,
    principal: &Principal,
    operation: Operation,
    body: &[u8],
    database: &mut Duration,
) -> Result<Bytes, Error> {
    let response = match operation {
        Operation::ExecuteStatement => execute(door, principal, body, database).await?,
        Operation::BatchExecuteStatement => batch(door, principal, body, database).await?,
        Operation::BeginTransaction => begin(door, principal, body).await?,
        Operation::CommitTransaction => commit(door, principal, body).await?,
        Operation::RollbackTransaction => rollback(door, principal, body).await?,
        Operation::ExecuteSql => return Err(refused_execute_sql()),
    };
    Ok(Bytes::from(response))
}

async fn execute(
    door: &Door,
    principal: &Principal,
    body: &[u8],
    database: &mut Duration,
) -> Result<Vec<u8>, Error> {
    let request = ExecuteStatement::parse(body, &limits(door))?;
    let target = door.session.resolve(
        principal,
        &request.resource_arn,
        &request.secret_arn,
        request.database.as_deref(),
    )?;
    let bound = bind(&request.sql, &request.parameters)?;
    let limits = &door.config.limits;
    let statement = Statement {
        describe: request.include_result_metadata,
        ..statement(&bound, limits.of_result(request.records_format))
    };
    let ran = match &request.transaction_id {
        None => door.session.execute(principal, &target, &statement).await,
        Some(id) => {
            let ran = door.session.execute_in(principal, &target, id, vec![statement]).await;
            ran.and_then(|mut outcomes| {
                outcomes.pop().ok_or_else(|| Error::internal("a statement without outcome"))
            })
        }
    };
    let outcome = ran.map_err(|error| error.at(|at| bound.original_position(at)))?;
    *database = outcome.database_time();
    let records_format = match outcome.tag() {
        Some(tag) if tag.verb() == "SELECT" => request.records_format,
        // Documented: of other statements, RETURNING as well, the format is ignored.
        _ => RecordsFormat::Fields,
    };
    let options = ResponseOptions {
        include_result_metadata: request.include_result_metadata,
        result_set_options: request.result_set_options,
        records_format,
        result_bytes_max: limits.of_result(records_format),
        strict: outcome.is_strict(),
    };
    render(&outcome, &options)
}

fn render(outcome: &Outcome, options: &ResponseOptions) -> Result<Vec<u8>, Error> {
    let mut writer = ResponseWriter::new(options, outcome.columns(), outcome.facts())?;
    for row in outcome.rows() {
        writer.row(row).map_err(|refusal| match refusal {
            RowRefusal::TooLarge => {
                Error::new(Kind::ResultTooLarge, "Database response exceeded size limit")
            }
            RowRefusal::Dimensions => refused_dimensions().into(),
        })?;
    }
    let tag = outcome.tag().unwrap_or(CommandTag { text: "" });
    Ok(writer.finish(tag))
}

async fn batch(
    door: &Door,
    principal: &Principal,
    body: &[u8],
    database: &mut Duration,
) -> Result<Vec<u8>, Error> {
    let request = BatchExecuteStatement::parse(body, &limits(door))?;
    let target = door.session.resolve(
        principal,
        &request.resource_arn,
        &request.secret_arn,
        request.database.as_deref(),
    )?;
    let bound = bind_sets(&request.sql, &request.parameter_sets)?;
    let result_bytes_max = door.config.limits.result_bytes_max;
    let statements: Vec<Statement> =
        bound.iter().map(|bound| statement(bound, result_bytes_max)).collect();
    let ran = match &request.transaction_id {
        None => door.session.execute_batch(principal, &target, &statements).await,
        Some(id) => door.session.execute_in(principal, &target, id, statements).await,
    };
    let outcomes = ran.map_err(|error| match bound.first() {
        Some(first) => error.at(|at| first.original_position(at)),
        None => error,
    })?;
    *database = outcomes.iter().map(Outcome::database_time).max().unwrap_or_default();
    Ok(result::batch(outcomes.len()))
}

async fn begin(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = BeginTransaction::parse(body, &limits(door))?;
    let target = door.session.resolve(
        principal,
        &request.resource_arn,
        &request.secret_arn,
        request.database.as_deref(),
    )?;
    let id = door.session.begin(principal, &target).await?;
    Ok(result::transaction_begun(&id))
}

async fn commit(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = CommitTransaction::parse(body, &limits(door))?;
    let session = &door.session;
    let target = session.resolve(principal, &request.resource_arn, &request.secret_arn, None)?;
    session.end(principal, &target, &request.transaction_id, Ending::Commit).await?;
    Ok(result::transaction_committed())
}

async fn rollback(door: &Door, principal: &Principal, body: &[u8]) -> Result<Vec<u8>, Error> {
    let request = RollbackTransaction::parse(body, &limits(door))?;
    let session = &door.session;
    let target = session.resolve(principal, &request.resource_arn, &request.secret_arn, None)?;
    session.end(principal, &target, &request.transaction_id, Ending::Rollback).await?;
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

fn limits(door: &Door) -> RequestLimits {
    let limits = &door.config.limits;
    RequestLimits {
        sql_chars_max: limits.sql_chars_max,
        parameters_max: limits.parameters_max,
        parameter_sets_max: limits.parameter_sets_max,
    }
}

fn statement(bound: &BoundStatement, result_bytes_max: usize) -> Statement {
    let value = |value: &rowhouse_data_api::parameter::BoundValue| Value {
        bytes: value.value.clone(),
        binary: value.binary,
        fallback_type: value.fallback_type,
    };
    Statement {
        sql: bound.sql.clone(),
        types: bound.types.clone(),
        values: bound.values.iter().map(value).collect(),
        describe: false,
        result_bytes_max,
    }
}
