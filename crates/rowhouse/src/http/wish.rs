//! What a caller wants of a statement: from the members of its request to the session's terms, and
//! from the outcome back to an answer.

use rowhouse_data_api::field::ResultSetOptions;
use rowhouse_data_api::parameter::{BoundStatement, BoundValue};
use rowhouse_data_api::request::{Access, ExecuteStatement, RequestLimits, TransactionStatement};
use rowhouse_data_api::result::{RecordsFormat, ResponseOptions, ResponseWriter, RowRefusal};
use rowhouse_data_api::strict::refused_dimensions;
use rowhouse_protocol::backend::CommandTag;
use rowhouse_tenancy::principal::Principal;

use super::Door;
use crate::error::Error;
use crate::session::{AtTimeout, Change, Outcome, Statement, Target, Value, too_large};

/// What a caller wants the answer to a statement to be like.
#[derive(Clone, Copy, Default)]
pub struct Wish {
    /// Its columns described.
    pub metadata: bool,
    /// Its numbers so.
    pub options: ResultSetOptions,
    /// Its records so.
    pub format: RecordsFormat,
}

impl Wish {
    /// What a request says of it.
    pub fn of(request: &ExecuteStatement) -> Wish {
        Wish {
            metadata: request.include_result_metadata,
            options: request.result_set_options,
            format: request.records_format,
        }
    }

    /// What a transaction in one piece says of one of its statements.
    pub fn of_part(statement: &TransactionStatement) -> Wish {
        Wish {
            metadata: statement.include_result_metadata,
            options: statement.result_set_options,
            format: statement.records_format,
        }
    }
}

/// The response to one statement, of no more than `bytes_left` whatever else it may have.
/// `change` is what has been changed by the time that it turns out too large.
pub fn render(
    door: &Door,
    target: &Target,
    outcome: &Outcome,
    wish: Wish,
    bytes_left: usize,
    change: Change,
) -> Result<Vec<u8>, Error> {
    let records_format = match outcome.tag() {
        Some(tag) if tag.verb() == "SELECT" => wish.format,
        // Documented: of other statements, RETURNING as well, the format is ignored.
        _ => RecordsFormat::Fields,
    };
    let options = ResponseOptions {
        include_result_metadata: wish.metadata,
        result_set_options: wish.options,
        records_format,
        result_bytes_max: target
            .result_bytes_max(door.config.limits.of_result(records_format))
            .min(bytes_left),
        strict: outcome.is_strict(),
    };
    let mut writer = ResponseWriter::new(&options, outcome.columns(), outcome.facts())?;
    for row in outcome.rows() {
        writer.row(row).map_err(|refusal| match refusal {
            RowRefusal::TooLarge => too_large(change),
            RowRefusal::Dimensions => refused_dimensions().into(),
        })?;
    }
    let tag = outcome.tag().unwrap_or(CommandTag { text: "" });
    Ok(writer.finish(tag))
}

/// What a request names, if the caller may use it.
pub fn target(door: &Door, principal: &Principal, access: &Access) -> Result<Target, Error> {
    let Access { resource_arn, secret_arn, database, schema } = access;
    let (database, schema) = (database.as_deref(), schema.as_deref());
    door.session.resolve(principal, resource_arn, secret_arn, database, schema)
}

/// How much one request may ask for.
pub fn limits(door: &Door) -> RequestLimits {
    let limits = &door.config.limits;
    RequestLimits {
        sql_chars_max: limits.sql_chars_max,
        parameters_max: limits.parameters_max,
        parameter_sets_max: limits.parameter_sets_max,
        transaction_statements_max: limits.transaction_statements_max,
    }
}

/// What a caller has asked for, unless the configuration lets nothing outlive its timeout.
pub fn at_timeout(door: &Door, go_on: bool) -> AtTimeout {
    let permitted = door.config.pool.continued_statements > 0;
    if go_on && permitted { AtTimeout::GoOn } else { AtTimeout::Cancel }
}

/// The statement as the session takes it.
pub fn statement(door: &Door, target: &Target, bound: &BoundStatement, wish: Wish) -> Statement {
    let value = |value: &BoundValue| Value {
        bytes: value.value.clone(),
        binary: value.binary,
        fallback_type: value.fallback_type,
    };
    Statement {
        sql: bound.sql.clone(),
        types: bound.types.clone(),
        values: bound.values.iter().map(value).collect(),
        describe: wish.metadata,
        result_bytes_max: target.result_bytes_max(door.config.limits.of_result(wish.format)),
    }
}
