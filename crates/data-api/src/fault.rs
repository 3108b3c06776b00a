//! The exceptions of the service: name, HTTP status, public text, body.
//!
//! The names and statuses are those of the service model
//! (<https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html>),
//! plus the codes every AWS service has. SDKs repeat 5xx answers by themselves, so a 5xx is never
//! the answer to a statement that may have been committed.

use std::fmt;

use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::sqlstate::SqlState;

use crate::json;

/// Characters of a caller's own name or path that a message repeats; more would only blow up the
/// answer.
const ECHO_CHARS_MAX: usize = 64;

macro_rules! exceptions {
    ($(
        $(#[doc = $meaning:literal])+
        $variant:ident = $name:literal, $status:literal, $text:ident;
    )*) => {
        /// The code of a fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Exception {
            $($(#[doc = $meaning])+ $variant,)*
        }

        impl Exception {
            /// Every exception.
            pub const ALL: &[Exception] = &[$(Exception::$variant),*];

            /// The code that SDKs turn into a class; also the value of `x-amzn-ErrorType`.
            pub fn name(self) -> &'static str {
                match self { $(Exception::$variant => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Exception::$variant => $status,)* }
            }

            /// Whether the model gives it a `message` member.
            pub fn has_message(self) -> bool {
                match self { $(Exception::$variant => exceptions!(@ $text),)* }
            }
        }
    };
    (@ message) => { true };
    (@ silent) => { false };
}

exceptions! {
    /// The caller may not do this.
    AccessDenied = "AccessDeniedException", 403, message;
    /// A bad call. Clients repeat a call that failed with it, so no SQL error is ever one.
    BadRequest = "BadRequestException", 400, message;
    /// PostgreSQL refused the statement.
    DatabaseError = "DatabaseErrorException", 400, message;
    /// The cluster has no instance.
    DatabaseNotFound = "DatabaseNotFoundException", 404, message;
    /// The database is waking up.
    DatabaseResuming = "DatabaseResumingException", 400, message;
    /// The database cannot be reached.
    DatabaseUnavailable = "DatabaseUnavailableException", 504, silent;
    /// The caller's temporary credentials were good and their time is over. Not in the model: every
    /// AWS service has it, and SDKs fetch new ones.
    ExpiredToken = "ExpiredTokenException", 403, message;
    /// The caller lacks a privilege.
    Forbidden = "ForbiddenException", 403, message;
    /// No Data API for this resource.
    HttpEndpointNotEnabled = "HttpEndpointNotEnabledException", 400, message;
    /// A defect of the service.
    InternalServerError = "InternalServerErrorException", 500, silent;
    /// The resource is not in a state for this.
    InvalidResourceState = "InvalidResourceStateException", 400, message;
    /// The secret does not open the database.
    InvalidSecret = "InvalidSecretException", 400, message;
    /// The signature does not fit the request.
    InvalidSignature = "InvalidSignatureException", 403, message;
    /// Commit or rollback named something that does not exist.
    NotFound = "NotFoundException", 404, message;
    /// The tenant's quota is spent; a code that SDKs do not repeat.
    QuotaExceeded = "QuotaExceededException", 429, message;
    /// The secret cannot be read.
    SecretsError = "SecretsErrorException", 400, message;
    /// The body is not the JSON that the model prescribes.
    Serialization = "SerializationException", 400, message;
    /// The service cannot take the call now.
    ServiceUnavailable = "ServiceUnavailableError", 503, silent;
    /// The statement ran into its time limit.
    StatementTimeout = "StatementTimeoutException", 400, message;
    /// The caller calls too often; a code that SDKs repeat after a pause.
    Throttling = "ThrottlingException", 429, message;
    /// No such transaction.
    TransactionNotFound = "TransactionNotFoundException", 404, message;
    /// No such operation.
    UnknownOperation = "UnknownOperationException", 404, message;
    /// The caller's temporary credentials are none of ours. Not in the model either.
    UnrecognizedClient = "UnrecognizedClientException", 403, message;
    /// The result cannot be returned.
    UnsupportedResult = "UnsupportedResultException", 400, message;
    /// The request is not acceptable. Not in the model, yet the service returns it.
    Validation = "ValidationException", 400, message;
}

/// Why a transaction id leads nowhere, in the service's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionLoss {
    /// Unknown, or timed out long ago.
    Expired,
    /// A call before this one ended it, for instance by a timeout.
    Terminated,
    /// A call before this one failed and took it along.
    Aborted,
}

impl TransactionLoss {
    fn sentence(self) -> &'static str {
        match self {
            TransactionLoss::Expired => "Transaction may be expired.",
            TransactionLoss::Terminated => {
                "One previous call resulted in a termination of your transaction."
            }
            TransactionLoss::Aborted => {
                "Transaction has been aborted due to an error from a previous call."
            }
        }
    }
}

/// An exception with its public text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The code.
    pub exception: Exception,
    /// What the caller reads.
    pub message: String,
    /// The `dbConnectionId` of a [`Exception::StatementTimeout`].
    pub db_connection_id: Option<i64>,
    /// Which statement of an ExecuteTransaction it is about, counted from 0.
    pub statement_index: Option<usize>,
}

impl Fault {
    /// An exception with its public text.
    pub fn new(exception: Exception, message: impl Into<String>) -> Fault {
        Fault { exception, message: message.into(), db_connection_id: None, statement_index: None }
    }

    /// PostgreSQL's refusal of the caller's statement. `position` maps the error position in the
    /// statement that was sent to the caller's text.
    pub fn from_server_error(error: &ServerError, position: impl Fn(u32) -> u32) -> Fault {
        Fault::new(Exception::DatabaseError, server_text(error, position))
    }

    /// The same for a statement that the gateway's own clock cancelled: the cancellation is the
    /// timeout that the service documents, any other error came first and is shown.
    pub fn from_timed_out(error: &ServerError, position: impl Fn(u32) -> u32) -> Fault {
        match error.code {
            SqlState::QUERY_CANCELED => Fault::statement_timeout(None),
            _ => Fault::from_server_error(error, position),
        }
    }

    /// The same fault about one statement of an ExecuteTransaction: for people in the text, for
    /// programs in a member of its own.
    pub fn in_statement(self, index: usize) -> Fault {
        let message = format!("statements[{index}]: {}", self.message);
        Fault { message, statement_index: Some(index), ..self }
    }

    /// The request is not acceptable, and why.
    pub fn validation(message: impl Into<String>) -> Fault {
        Fault::new(Exception::Validation, message)
    }

    /// The body is not the JSON that the model prescribes, and where.
    pub fn serialization(message: impl Into<String>) -> Fault {
        Fault::new(Exception::Serialization, message)
    }

    /// More than one statement in one call.
    pub fn multistatements() -> Fault {
        Fault::validation("Multistatements aren't supported.")
    }

    /// A `:name` in the statement that no parameter carries.
    pub fn missing_parameter(name: &str) -> Fault {
        Fault::validation(format!("Cannot find parameter: {}", echo(name)))
    }

    /// Two parameters of one name: which of them is meant cannot be known.
    pub fn duplicate_parameter(name: &str) -> Fault {
        let name = echo(name);
        Fault::validation(format!("The parameter {name} is given more than once. Remove one"))
    }

    /// No such transaction, or no longer.
    pub fn transaction_not_found(id: &str, loss: TransactionLoss) -> Fault {
        let message = format!("Transaction {} isn't found. {}", echo(id), loss.sentence());
        Fault::new(Exception::TransactionNotFound, message)
    }

    /// Two calls at once in one transaction.
    pub fn transaction_busy() -> Fault {
        Fault::new(Exception::DatabaseError, "Transaction is still running a query")
    }

    /// The statement ran into its time limit.
    pub fn statement_timeout(db_connection_id: Option<i64>) -> Fault {
        Fault { db_connection_id, ..Fault::new(Exception::StatementTimeout, "Request timed out") }
    }

    /// The result is larger than one answer may be.
    pub fn result_too_large() -> Fault {
        // Clients look for the first sentence and switch to a cursor.
        let message = "Database returned more than the allowed response size limit. \
                       Select fewer rows or columns, or page with LIMIT or a cursor";
        Fault::new(Exception::UnsupportedResult, message)
    }

    /// Two columns of one name cannot both be members of a JSON object.
    pub fn duplicate_label(label: &str) -> Fault {
        let label = echo(label);
        let message = format!(
            "The result contains the column label \"{label}\" more than once. \
             Give each column its own alias to use formatRecordsAs JSON"
        );
        Fault::new(Exception::UnsupportedResult, message)
    }

    /// No such operation.
    pub fn unknown_operation(path: &str) -> Fault {
        let path = echo(path);
        let message = format!(
            "Unknown operation {path}. Use POST /Execute, /BatchExecute, /BeginTransaction, \
             /CommitTransaction or /RollbackTransaction"
        );
        Fault::new(Exception::UnknownOperation, message)
    }

    /// `ExecuteSql`, which the service has withdrawn.
    pub fn execute_sql_withdrawn() -> Fault {
        let message = "ExecuteSql isn't supported. Use ExecuteStatement or BatchExecuteStatement";
        Fault::new(Exception::BadRequest, message)
    }

    /// The JSON body. The code is repeated in the header `x-amzn-ErrorType` by the door.
    pub fn body(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.message.len());
        out.extend_from_slice(b"{\"__type\":");
        json::string(&mut out, self.exception.name().as_bytes());
        if self.exception.has_message() {
            out.extend_from_slice(b",\"message\":");
            json::string(&mut out, self.message.as_bytes());
        }
        if let Some(id) = self.db_connection_id {
            out.extend_from_slice(b",\"dbConnectionId\":");
            json::integer(&mut out, id);
        }
        if let Some(index) = self.statement_index {
            out.extend_from_slice(b",\"statementIndex\":");
            json::integer(&mut out, index);
        }
        out.push(b'}');
        out
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.exception.name(), self.message)
    }
}

impl std::error::Error for Fault {}

/// The text of the JDBC driver that the service is built on, its lines joined by `; `, the SQLSTATE
/// last: `ERROR: relation "x" does not exist; Position: 15; SQLState: 42P01`. Clients take it
/// apart.
fn server_text(error: &ServerError, position: impl Fn(u32) -> u32) -> String {
    // A refused login is FATAL on the wire; the service calls every error an ERROR.
    let mut text = String::from("ERROR: ");
    push_flat(&mut text, &error.message);
    push_part(&mut text, "Detail", error.detail.as_deref());
    push_part(&mut text, "Hint", error.hint.as_deref());
    let position = error.position.map(|at| position(at).to_string());
    push_part(&mut text, "Position", position.as_deref());
    push_part(&mut text, "Where", error.where_.as_deref());
    push_part(&mut text, "Internal Query", error.internal_query.as_deref());
    let internal = error.internal_position.map(|at| at.to_string());
    push_part(&mut text, "Internal Position", internal.as_deref());
    push_part(&mut text, "SQLState", Some(error.code.as_str()));
    text
}

fn push_part(text: &mut String, label: &str, value: Option<&str>) {
    if let Some(value) = value {
        text.push_str("; ");
        text.push_str(label);
        text.push_str(": ");
        push_flat(text, value);
    }
}

/// One line: the lines of the value, trimmed, joined by `; `.
fn push_flat(text: &mut String, value: &str) {
    let lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
    for (index, line) in lines.enumerate() {
        if index > 0 {
            text.push_str("; ");
        }
        text.push_str(line);
    }
}

/// The beginning of something the caller wrote.
fn echo(text: &str) -> &str {
    text.char_indices().nth(ECHO_CHARS_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests;
