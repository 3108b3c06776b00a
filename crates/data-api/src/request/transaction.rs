//! A transaction that comes in one piece: the gateway's own operation, in the words of the others.

use super::document::Document;
use super::{Access, RequestLimits, Violations, check_sql};
use crate::fault::Fault;
use crate::field::ResultSetOptions;
use crate::operation::Operation;
use crate::parameter::SqlParameter;
use crate::result::RecordsFormat;

/// `POST /ExecuteTransaction`
#[derive(Debug, Clone, PartialEq)]
pub struct ExecuteTransaction {
    /// Where it goes.
    pub access: Access,
    /// What the transaction sees of others; the server's default without.
    pub isolation_level: Option<IsolationLevel>,
    /// Whether it may not write.
    pub read_only: bool,
    /// At least one.
    pub statements: Vec<TransactionStatement>,
}

/// `isolationLevel`
/// (<https://www.postgresql.org/docs/current/transaction-iso.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IsolationLevel {
    /// Each statement sees what was committed before it.
    ReadCommitted,
    /// All statements see what was committed before the first.
    RepeatableRead,
    /// As if nobody else were there.
    Serializable,
}

/// One statement of the transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionStatement {
    /// The statement with `:name` parameters.
    pub sql: String,
    /// What `:name` stands for.
    pub parameters: Vec<SqlParameter>,
    /// Whether the answer describes its columns.
    pub include_result_metadata: bool,
    /// How numbers are returned.
    pub result_set_options: ResultSetOptions,
    /// Records as fields or as one JSON text.
    pub records_format: RecordsFormat,
}

impl ExecuteTransaction {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<ExecuteTransaction, Fault> {
        let mut document = Document::read(body, Operation::ExecuteTransaction, limits)?;
        let mut violations = Violations::default();
        let access = violations.access(&mut document);
        if document.statements.is_empty() {
            let least = "Member must have length greater than or equal to 1";
            violations.add("Value", "statements", least);
        }
        violations.none()?;
        if document.transaction_id.is_some() {
            return Err(Fault::validation(
                "transactionId isn't supported here: the transaction begins and ends with this \
                 call. Take it out, or use ExecuteStatement",
            ));
        }
        let statements = document.statements.into_iter().enumerate();
        let statements = statements.map(|(index, document)| {
            TransactionStatement::check(document, limits).map_err(|fault| fault.in_statement(index))
        });
        Ok(ExecuteTransaction {
            access,
            isolation_level: document.isolation_level,
            read_only: document.read_only,
            statements: statements.collect::<Result<_, _>>()?,
        })
    }
}

impl TransactionStatement {
    fn check(document: Document, limits: &RequestLimits) -> Result<TransactionStatement, Fault> {
        // What holds for the whole transaction would be missed if it were ignored here.
        let misplaced = [
            ("resourceArn", document.resource_arn.is_some()),
            ("secretArn", document.secret_arn.is_some()),
            ("database", document.database.is_some()),
            ("schema", document.schema.is_some()),
            ("transactionId", document.transaction_id.is_some()),
            ("continueAfterTimeout", document.continue_after_timeout),
        ];
        if let Some((member, _)) = misplaced.iter().find(|(_, there)| *there) {
            let message = format!("{member} isn't supported for one statement of a transaction");
            return Err(Fault::validation(message));
        }
        let mut violations = Violations::default();
        let sql = violations.required("sql", document.sql, usize::MAX);
        violations.none()?;
        check_sql(&sql, limits)?;
        Ok(TransactionStatement {
            sql,
            parameters: document.parameters,
            include_result_metadata: document.include_result_metadata,
            result_set_options: document.result_set_options,
            records_format: document.records_format,
        })
    }
}
