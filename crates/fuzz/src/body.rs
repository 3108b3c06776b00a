//! Request bodies: the first byte chooses the operation, the rest is what a caller sends.

use rowhouse_data_api::fault::Fault;
use rowhouse_data_api::parameter::{BoundStatement, bind, bind_sets};
use rowhouse_data_api::request::{
    BatchExecuteStatement, BeginTransaction, CommitTransaction, ExecuteStatement,
    ExecuteTransaction, RequestLimits, RollbackTransaction,
};
use rowhouse_protocol::scan::{TokenKind, significant};

use crate::json_object;

/// Small, so that short inputs meet them.
const LIMITS: RequestLimits = RequestLimits {
    sql_chars_max: 200,
    parameters_max: 20,
    parameter_sets_max: 10,
    transaction_statements_max: 5,
};

/// A refusal repeats some of what was sent, and never much of it.
const FAULT_BYTES_MAX: usize = 4096;

/// Every operation's parser, and what becomes of the statement and its parameters.
pub fn body(data: &[u8]) {
    let Some((operation, body)) = data.split_first() else {
        return;
    };
    let refused = match operation % 6 {
        0 => ExecuteStatement::parse(body, &LIMITS).map(|request| {
            check_sql(&request.sql);
            assert!(request.parameters.len() <= LIMITS.parameters_max);
            match bind(&request.sql, &request.parameters) {
                Ok(bound) => check_bound(&bound, &request.sql),
                Err(fault) => check_fault(&fault),
            }
            assert_eq!(ExecuteStatement::parse(body, &LIMITS).as_ref(), Ok(&request));
        }),
        1 => BatchExecuteStatement::parse(body, &LIMITS).map(|request| check_batch(&request)),
        2 => BeginTransaction::parse(body, &LIMITS).map(drop),
        5 => ExecuteTransaction::parse(body, &LIMITS).map(|request| {
            let count = request.statements.len();
            assert!((1..=LIMITS.transaction_statements_max).contains(&count));
            request.statements.iter().for_each(|statement| check_sql(&statement.sql));
        }),
        3 => CommitTransaction::parse(body, &LIMITS).map(drop),
        _ => RollbackTransaction::parse(body, &LIMITS).map(drop),
    };
    if let Err(fault) = refused {
        check_fault(&fault);
    }
}

fn check_sql(sql: &str) {
    assert!(sql.chars().count() <= LIMITS.sql_chars_max);
    assert!(!sql.trim().is_empty() && !sql.contains('\0'));
}

fn check_batch(request: &BatchExecuteStatement) {
    check_sql(&request.sql);
    let sets = &request.parameter_sets;
    assert!(sets.len() <= LIMITS.parameter_sets_max);
    assert!(sets.iter().all(|set| set.len() <= LIMITS.parameters_max));
    match bind_sets(&request.sql, sets) {
        Ok(bound) => {
            assert_eq!(bound.len(), sets.len());
            for (set, bound_set) in sets.iter().zip(&bound) {
                check_bound(bound_set, &request.sql);
                // Every set means what it would mean alone.
                assert_eq!(bind(&request.sql, set).map(|alone| alone.values.len()), {
                    Ok(bound_set.values.len())
                });
            }
        }
        Err(fault) => check_fault(&fault),
    }
}

/// As many values as types, each of them named in the text, and places that lie in the caller's.
fn check_bound(bound: &BoundStatement, sql: &str) {
    assert_eq!(bound.types.len(), bound.values.len());
    for number in 1..=bound.values.len() {
        let name = format!("${number}");
        let is_it = |token: rowhouse_protocol::scan::Token<'_>| {
            token.kind == TokenKind::Param && token.text == name
        };
        assert!(significant(&bound.sql).any(is_it), "{name} is not in {}", bound.sql);
    }
    let chars = sql.chars().count();
    for position in 1..=bound.sql.chars().count() {
        let position = u32::try_from(position).unwrap_or(u32::MAX);
        let place = bound.original_position(position) as usize;
        assert!((1..=chars).contains(&place), "{position} is at {place} of {chars}");
    }
}

/// The caller's fault, in JSON, in a few words.
fn check_fault(fault: &Fault) {
    let body = fault.body();
    assert!(!json_object(&body).is_empty());
    assert!(body.len() <= FAULT_BYTES_MAX, "{} bytes", body.len());
    assert_eq!(fault.exception.status(), 400, "{fault:?}");
}
