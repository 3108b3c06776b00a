//! What a caller sends: the bodies of the operations, parsed and checked.
//!
//! Lengths are those of the service model; characters are counted as characters. Messages name the
//! member and never repeat a value. Minimum lengths are not enforced: a short secret name is as
//! good as an ARN.

mod document;
mod transaction;

pub use transaction::{ExecuteTransaction, IsolationLevel, TransactionStatement};

use crate::fault::Fault;
use crate::field::ResultSetOptions;
use crate::operation::Operation;
use crate::parameter::SqlParameter;
use crate::result::RecordsFormat;
use document::Document;

/// Length of an ARN in the service model.
pub const ARN_CHARS_MAX: usize = 100;
/// Length of a database name in the service model; PostgreSQL's own limit is 63 bytes.
pub const DATABASE_CHARS_MAX: usize = 64;
/// Length of a transaction id in the service model.
pub const TRANSACTION_ID_CHARS_MAX: usize = 192;

/// How much one request may ask for. The size of the whole body is the door's to limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Characters of a statement.
    pub sql_chars_max: usize,
    /// Parameters of one statement, or of one set of a batch.
    pub parameters_max: usize,
    /// Sets of a batch.
    pub parameter_sets_max: usize,
    /// Statements of a transaction that comes in one piece.
    pub transaction_statements_max: usize,
}

impl Default for RequestLimits {
    /// The service's statement length, what a Bind message can count, and the batch that fits in
    /// the service's 4 MiB request with 64 bytes for each set and some room.
    fn default() -> RequestLimits {
        RequestLimits {
            sql_chars_max: 65_536,
            parameters_max: 65_535,
            parameter_sets_max: 50_000,
            transaction_statements_max: 25,
        }
    }
}

/// What every request names: where to, and with whose rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The cluster.
    pub resource_arn: String,
    /// The secret, by ARN or by name.
    pub secret_arn: String,
    /// The database; the resource's default without.
    pub database: Option<String>,
    /// Where the statements look for names; the role's own search path without.
    pub schema: Option<String>,
}

/// `POST /Execute`
#[derive(Debug, Clone, PartialEq)]
pub struct ExecuteStatement {
    /// Where it goes.
    pub access: Access,
    /// The statement with `:name` parameters.
    pub sql: String,
    /// The transaction to run in; a transaction of its own without.
    pub transaction_id: Option<String>,
    /// What `:name` stands for.
    pub parameters: Vec<SqlParameter>,
    /// Whether the answer describes its columns.
    pub include_result_metadata: bool,
    /// Whether the statement goes on when the call has timed out.
    pub continue_after_timeout: bool,
    /// How numbers are returned.
    pub result_set_options: ResultSetOptions,
    /// Records as fields or as one JSON text.
    pub records_format: RecordsFormat,
}

impl ExecuteStatement {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<ExecuteStatement, Fault> {
        let mut document = Document::read(body, Operation::ExecuteStatement, limits)?;
        let mut violations = Violations::default();
        let request = ExecuteStatement {
            access: violations.access(&mut document),
            sql: violations.required("sql", document.sql, usize::MAX),
            transaction_id: violations.transaction_id(document.transaction_id),
            parameters: document.parameters,
            include_result_metadata: document.include_result_metadata,
            continue_after_timeout: document.continue_after_timeout,
            result_set_options: document.result_set_options,
            records_format: document.records_format,
        };
        violations.none()?;
        check_sql(&request.sql, limits)?;
        Ok(request)
    }
}

/// `POST /BatchExecute`
#[derive(Debug, Clone, PartialEq)]
pub struct BatchExecuteStatement {
    /// Where it goes.
    pub access: Access,
    /// The statement with `:name` parameters.
    pub sql: String,
    /// The transaction to run in; a transaction of its own without.
    pub transaction_id: Option<String>,
    /// The statement is run once for each of these; never, if there are none.
    pub parameter_sets: Vec<Vec<SqlParameter>>,
}

impl BatchExecuteStatement {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<BatchExecuteStatement, Fault> {
        let mut document = Document::read(body, Operation::BatchExecuteStatement, limits)?;
        let mut violations = Violations::default();
        let request = BatchExecuteStatement {
            access: violations.access(&mut document),
            sql: violations.required("sql", document.sql, usize::MAX),
            transaction_id: violations.transaction_id(document.transaction_id),
            parameter_sets: document.parameter_sets,
        };
        violations.none()?;
        check_sql(&request.sql, limits)?;
        Ok(request)
    }
}

/// `POST /BeginTransaction`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeginTransaction {
    /// Where it goes.
    pub access: Access,
}

impl BeginTransaction {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<BeginTransaction, Fault> {
        let mut document = Document::read(body, Operation::BeginTransaction, limits)?;
        let mut violations = Violations::default();
        let access = violations.access(&mut document);
        violations.none()?;
        Ok(BeginTransaction { access })
    }
}

/// `POST /CommitTransaction`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitTransaction {
    /// Where it goes.
    pub access: Access,
    /// The transaction.
    pub transaction_id: String,
}

impl CommitTransaction {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<CommitTransaction, Fault> {
        let document = Document::read(body, Operation::CommitTransaction, limits)?;
        let (access, transaction_id) = end_of_transaction(document)?;
        Ok(CommitTransaction { access, transaction_id })
    }
}

/// `POST /RollbackTransaction`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackTransaction {
    /// Where it goes.
    pub access: Access,
    /// The transaction.
    pub transaction_id: String,
}

impl RollbackTransaction {
    /// Parses and checks a body.
    pub fn parse(body: &[u8], limits: &RequestLimits) -> Result<RollbackTransaction, Fault> {
        let document = Document::read(body, Operation::RollbackTransaction, limits)?;
        let (access, transaction_id) = end_of_transaction(document)?;
        Ok(RollbackTransaction { access, transaction_id })
    }
}

/// Commit and rollback ask for the same members; the transaction has its database and schema.
fn end_of_transaction(mut document: Document) -> Result<(Access, String), Fault> {
    let mut violations = Violations::default();
    (document.database, document.schema) = (None, None);
    let access = violations.access(&mut document);
    let id = document.transaction_id;
    let transaction_id = violations.required("transactionId", id, TRANSACTION_ID_CHARS_MAX);
    violations.none()?;
    Ok((access, transaction_id))
}

fn check_sql(sql: &str, limits: &RequestLimits) -> Result<(), Fault> {
    let max = limits.sql_chars_max;
    // A character has at least one byte: most statements need no count.
    if sql.len() > max && sql.chars().nth(max).is_some() {
        let message = format!("Number of characters in SQLStatement is longer than {max}");
        return Err(Fault::validation(message));
    }
    if sql.trim().is_empty() {
        return Err(Fault::validation("SQL is empty"));
    }
    if sql.contains('\0') {
        // The protocol ends a statement at its first NUL: what follows would be dropped unseen.
        return Err(Fault::validation("SQL contains a NUL character. Remove it"));
    }
    Ok(())
}

/// What is wrong with the members of a request, all of it in one answer, in the words of AWS.
#[derive(Default)]
struct Violations(Vec<String>);

impl Violations {
    fn access(&mut self, document: &mut Document) -> Access {
        let (resource, secret) = (document.resource_arn.take(), document.secret_arn.take());
        Access {
            resource_arn: self.required("resourceArn", resource, ARN_CHARS_MAX),
            secret_arn: self.required("secretArn", secret, ARN_CHARS_MAX),
            database: self.database(document.database.take()),
            schema: self.schema(document.schema.take()),
        }
    }

    /// A member that has to be there; the empty string stands in for it until [`Violations::none`]
    /// fails.
    fn required(&mut self, member: &str, value: Option<String>, chars_max: usize) -> String {
        if value.is_none() {
            self.add("Value null", member, "Member must not be null");
        }
        self.optional(member, value, chars_max).unwrap_or_default()
    }

    fn optional(
        &mut self,
        member: &str,
        value: Option<String>,
        chars_max: usize,
    ) -> Option<String> {
        if value.as_ref().is_some_and(|value| value.chars().nth(chars_max).is_some()) {
            let bound = format!("Member must have length less than or equal to {chars_max}");
            self.add("Value", member, &bound);
        }
        value
    }

    /// An empty name is none: clients that always send the member send it empty.
    fn database(&mut self, value: Option<String>) -> Option<String> {
        self.optional("database", value, DATABASE_CHARS_MAX).filter(|name| !name.is_empty())
    }

    /// As with the database; whether it is a name at all is the session's to say.
    fn schema(&mut self, value: Option<String>) -> Option<String> {
        self.optional("schema", value, DATABASE_CHARS_MAX).filter(|name| !name.is_empty())
    }

    /// An empty id stays one: to run outside of the transaction that the caller believes in would
    /// be worse than to say that it does not exist.
    fn transaction_id(&mut self, value: Option<String>) -> Option<String> {
        self.optional("transactionId", value, TRANSACTION_ID_CHARS_MAX)
    }

    fn add(&mut self, value: &str, member: &str, constraint: &str) {
        self.0.push(format!("{value} at '{member}' failed to satisfy constraint: {constraint}"));
    }

    fn none(self) -> Result<(), Fault> {
        let errors = match self.0.len() {
            0 => return Ok(()),
            1 => "error",
            _ => "errors",
        };
        let (count, list) = (self.0.len(), self.0.join("; "));
        Err(Fault::validation(format!("{count} validation {errors} detected: {list}")))
    }
}

#[cfg(test)]
mod tests;
