//! Everything that can go wrong for a caller: a kind, a public text, a private cause.
//!
//! A door renders an error once and hands the cause to the log; nothing else shows text from inside
//! to a caller. One table gives every kind its SQLSTATE and its AWS exception.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use rowhouse_data_api::fault::{Exception, Fault};
use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::sqlstate::SqlState;

/// What failed, and whose doing it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller did not prove who it is.
    Identity,
    /// The caller's AWS signature does not fit the request.
    Signature,
    /// The caller's JWT was good and its time is over.
    TokenExpired,
    /// The caller's temporary credentials were good and their time is over.
    SessionExpired,
    /// The caller's temporary credentials are none of ours, or were changed.
    SessionUnknown,
    /// The tenant is suspended, or not registered where that is needed.
    TenantRefused,
    /// The caller may not use what it named.
    Forbidden,
    /// No such resource ARN.
    ResourceUnknown,
    /// No such secret ARN.
    SecretUnknown,
    /// PostgreSQL refuses the role or the password of the secret.
    SecretRefused,
    /// The secret cannot be read where it is kept; nothing ran.
    SecretUnavailable,
    /// No such database on that resource.
    DatabaseUnknown,
    /// The request itself is not acceptable, whatever the database would say.
    Invalid,
    /// The statement would change the context that makes the caller a tenant.
    ContextProtected,
    /// A statement that this door cannot carry.
    NotSupported,
    /// No such transaction, or not the caller's.
    TransactionNotFound,
    /// The transaction had failed; committing it has rolled it back.
    Aborted,
    /// The transaction still runs the caller's previous statement.
    TransactionBusy,
    /// PostgreSQL refused the caller's SQL.
    Sql,
    /// The statement ran into its time limit and was cancelled.
    StatementTimeout,
    /// The result is larger than one answer may be, and nothing was changed.
    ResultTooLarge,
    /// The same of a statement that changed something, or may have.
    ChangedAndTooLarge,
    /// The text of a statement is longer than a client's may be; nothing ran.
    StatementTooLong,
    /// No connection became free in time; nothing ran.
    Overloaded,
    /// The database cannot be reached; nothing ran, or nothing was committed.
    Unavailable,
    /// The connection was lost while the statement ran; it may have been committed.
    OutcomeUnknown,
    /// A client does not keep to PostgreSQL's protocol.
    Protocol,
    /// A client has named a prepared statement that is none.
    StatementUnknown,
    /// A client has named a prepared statement anew.
    StatementExists,
    /// A limit of the configuration is reached.
    LimitReached,
    /// The tenant asks for more than it may have at once.
    Throttled,
    /// The tenant has had all that it may have in this period.
    QuotaSpent,
    /// A client has left its transaction alone for too long.
    TransactionIdle,
    /// A client has said nothing for too long.
    SessionIdle,
    /// A client's password is wrong.
    Password,
    /// Too many passwords from the client's address were wrong.
    TooManyFailures,
    /// The gateway is stopping; nothing ran.
    ShuttingDown,
    /// The client left before its answer; what it had sent may have run.
    ClientGone,
    /// A defect of ours.
    Internal,
}

impl Kind {
    /// The one table: kind → SQLSTATE, AWS exception.
    ///
    /// `OutcomeUnknown` is a 400 on purpose: SDKs retry 5xx by themselves, and a statement that may
    /// have been committed must not run twice unasked.
    fn row(self) -> (SqlState, Exception) {
        match self {
            Kind::Identity => (SqlState::INVALID_AUTHORIZATION, Exception::AccessDenied),
            Kind::Signature => (SqlState::INVALID_AUTHORIZATION, Exception::InvalidSignature),
            // Bearer tokens are no AWS credentials, so nobody waits for AWS's word for it.
            Kind::TokenExpired => (SqlState::INVALID_AUTHORIZATION, Exception::AccessDenied),
            Kind::SessionExpired => (SqlState::INVALID_AUTHORIZATION, Exception::ExpiredToken),
            Kind::SessionUnknown => {
                (SqlState::INVALID_AUTHORIZATION, Exception::UnrecognizedClient)
            }
            // SDKs do not try it again, and an operator has to do something first.
            Kind::TenantRefused => (SqlState::INVALID_AUTHORIZATION, Exception::AccessDenied),
            Kind::Forbidden => (SqlState::INSUFFICIENT_PRIVILEGE, Exception::AccessDenied),
            Kind::ResourceUnknown => {
                (SqlState::UNABLE_TO_CONNECT, Exception::HttpEndpointNotEnabled)
            }
            Kind::SecretUnknown => (SqlState::INVALID_AUTHORIZATION, Exception::SecretsError),
            Kind::SecretRefused => (SqlState::INVALID_PASSWORD, Exception::InvalidSecret),
            Kind::SecretUnavailable => (SqlState::CANNOT_CONNECT_NOW, Exception::SecretsError),
            Kind::DatabaseUnknown => (SqlState::INVALID_CATALOG_NAME, Exception::DatabaseError),
            Kind::Invalid => (SqlState::INVALID_PARAMETER_VALUE, Exception::Validation),
            Kind::ContextProtected => (SqlState::INSUFFICIENT_PRIVILEGE, Exception::DatabaseError),
            Kind::NotSupported => (SqlState::FEATURE_NOT_SUPPORTED, Exception::DatabaseError),
            Kind::TransactionNotFound => {
                (SqlState::NO_ACTIVE_SQL_TRANSACTION, Exception::TransactionNotFound)
            }
            Kind::Aborted => (SqlState::IN_FAILED_SQL_TRANSACTION, Exception::DatabaseError),
            Kind::TransactionBusy => {
                (SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, Exception::DatabaseError)
            }
            Kind::Sql => (SqlState::INTERNAL_ERROR, Exception::DatabaseError),
            Kind::StatementTimeout => (SqlState::QUERY_CANCELED, Exception::StatementTimeout),
            Kind::ResultTooLarge => (SqlState::PROGRAM_LIMIT_EXCEEDED, Exception::BadRequest),
            Kind::ChangedAndTooLarge => {
                (SqlState::PROGRAM_LIMIT_EXCEEDED, Exception::DatabaseError)
            }
            Kind::StatementTooLong => (SqlState::PROGRAM_LIMIT_EXCEEDED, Exception::BadRequest),
            Kind::Overloaded => (SqlState::TOO_MANY_CONNECTIONS, Exception::ServiceUnavailable),
            Kind::Unavailable => (SqlState::CANNOT_CONNECT_NOW, Exception::DatabaseUnavailable),
            Kind::OutcomeUnknown => {
                (SqlState::TRANSACTION_RESOLUTION_UNKNOWN, Exception::DatabaseError)
            }
            Kind::Protocol => (SqlState::PROTOCOL_VIOLATION, Exception::BadRequest),
            Kind::StatementUnknown => {
                (SqlState::INVALID_SQL_STATEMENT_NAME, Exception::DatabaseError)
            }
            Kind::StatementExists => {
                (SqlState::DUPLICATE_PREPARED_STATEMENT, Exception::DatabaseError)
            }
            Kind::LimitReached => {
                (SqlState::CONFIGURATION_LIMIT_EXCEEDED, Exception::DatabaseError)
            }
            Kind::Throttled => (SqlState::CONFIGURATION_LIMIT_EXCEEDED, Exception::Throttling),
            Kind::QuotaSpent => (SqlState::CONFIGURATION_LIMIT_EXCEEDED, Exception::QuotaExceeded),
            Kind::TransactionIdle => {
                (SqlState::IDLE_IN_TRANSACTION_TIMEOUT, Exception::DatabaseError)
            }
            Kind::SessionIdle => (SqlState::IDLE_SESSION_TIMEOUT, Exception::DatabaseError),
            Kind::Password => (SqlState::INVALID_PASSWORD, Exception::AccessDenied),
            Kind::TooManyFailures => (SqlState::INVALID_AUTHORIZATION, Exception::AccessDenied),
            Kind::ShuttingDown => (SqlState::ADMIN_SHUTDOWN, Exception::ServiceUnavailable),
            Kind::ClientGone => (SqlState::CONNECTION_FAILURE, Exception::BadRequest),
            Kind::Internal => (SqlState::INTERNAL_ERROR, Exception::InternalServerError),
        }
    }

    /// Every kind, for the test that walks the table.
    pub const ALL: [Kind; 39] = [
        Kind::Identity,
        Kind::Signature,
        Kind::TokenExpired,
        Kind::SessionExpired,
        Kind::SessionUnknown,
        Kind::TenantRefused,
        Kind::Forbidden,
        Kind::ResourceUnknown,
        Kind::SecretUnknown,
        Kind::SecretRefused,
        Kind::SecretUnavailable,
        Kind::DatabaseUnknown,
        Kind::Invalid,
        Kind::ContextProtected,
        Kind::NotSupported,
        Kind::TransactionNotFound,
        Kind::Aborted,
        Kind::TransactionBusy,
        Kind::Sql,
        Kind::StatementTimeout,
        Kind::ResultTooLarge,
        Kind::ChangedAndTooLarge,
        Kind::StatementTooLong,
        Kind::Overloaded,
        Kind::Unavailable,
        Kind::OutcomeUnknown,
        Kind::Protocol,
        Kind::StatementUnknown,
        Kind::StatementExists,
        Kind::LimitReached,
        Kind::Throttled,
        Kind::QuotaSpent,
        Kind::TransactionIdle,
        Kind::SessionIdle,
        Kind::Password,
        Kind::TooManyFailures,
        Kind::ShuttingDown,
        Kind::ClientGone,
        Kind::Internal,
    ];
}

/// One public sentence for every failed proof of identity: which part failed is for the log only.
pub const IDENTITY_SENTENCE: &str =
    "The credentials of this request are missing, invalid or expired.";

/// AWS's own words, which callers look for in order to fetch new credentials.
pub const SESSION_EXPIRED_SENTENCE: &str = "The security token included in the request is expired";

/// An error on its way to a caller.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    public: Cow<'static, str>,
    server: Option<ServerError>,
    fault: Option<Fault>,
    cause: Option<String>,
    /// The statement it is about, of several.
    statement: Option<usize>,
    /// Whether the caller counts its statements as we do, and is told.
    tells_statement: bool,
    /// The connection on which the statement goes on.
    connection: Option<i64>,
    /// When to try again.
    retry_in: Option<Duration>,
}

impl Error {
    /// An error with a public sentence.
    pub fn new(kind: Kind, public: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            kind,
            public: public.into(),
            server: None,
            fault: None,
            cause: None,
            statement: None,
            tells_statement: false,
            connection: None,
            retry_in: None,
        }))
    }

    /// PostgreSQL refused the caller's SQL: its fields are the caller's to see.
    pub fn sql(error: ServerError) -> Error {
        let public = Cow::Owned(error.message.clone());
        let mut sql = Error::new(Kind::Sql, public);
        sql.0.server = Some(error);
        sql
    }

    /// A failed proof of identity: the reason goes to the log.
    pub fn identity(reason: impl fmt::Display) -> Error {
        Error::new(Kind::Identity, IDENTITY_SENTENCE).because(reason)
    }

    /// A signature that does not fit: the reason goes to the log.
    pub fn signature(reason: impl fmt::Display) -> Error {
        Error::new(Kind::Signature, IDENTITY_SENTENCE).because(reason)
    }

    /// Temporary credentials that are none of ours: the reason goes to the log.
    pub fn unknown_session(reason: impl fmt::Display) -> Error {
        Error::new(Kind::SessionUnknown, IDENTITY_SENTENCE).because(reason)
    }

    /// Temporary credentials past their end. Only the holder of genuine ones hears of it.
    pub fn expired_session(reason: impl fmt::Display) -> Error {
        Error::new(Kind::SessionExpired, SESSION_EXPIRED_SENTENCE).because(reason)
    }

    /// A token past its end: only an exchange of tokens tells it from any other failed proof.
    pub fn expired_token(reason: impl fmt::Display) -> Error {
        Error::new(Kind::TokenExpired, IDENTITY_SENTENCE).because(reason)
    }

    /// The database cannot be reached and nothing was committed.
    pub fn unavailable(cause: impl fmt::Display) -> Error {
        Error::new(Kind::Unavailable, "The database is not available. Try again.").because(cause)
    }

    /// The connection was lost while the statement ran.
    pub fn outcome_unknown(cause: impl fmt::Display) -> Error {
        let public = "The connection to the database was lost while the statement ran; whether it \
                      was committed is unknown. Check before running it again";
        Error::new(Kind::OutcomeUnknown, public).because(cause)
    }

    /// A defect of ours: the text goes to the log.
    pub fn internal(cause: impl fmt::Display) -> Error {
        Error::new(Kind::Internal, "Internal error.").because(cause)
    }

    /// The same error with what the log should know and the caller should not.
    pub fn because(mut self, cause: impl fmt::Display) -> Error {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// The same error about one statement of several, counted from 0. Who knew it first is right.
    pub fn in_statement(mut self, index: usize) -> Error {
        self.0.statement.get_or_insert(index);
        self
    }

    /// The statement of several that it is about.
    pub fn statement(&self) -> Option<usize> {
        self.0.statement
    }

    /// The same error, which tells the caller which of its statements it is about.
    pub fn telling_statement(mut self) -> Error {
        self.0.tells_statement = true;
        self
    }

    /// The same error about a statement that goes on, and where: the server's process id, which
    /// the role may look for in `pg_stat_activity`.
    pub fn on_connection(mut self, id: i64) -> Error {
        self.0.connection = Some(id);
        self
    }

    /// The same error with no more of PostgreSQL's than its sentence, its code and the place in the
    /// caller's own text.
    pub fn without_details(mut self) -> Error {
        if let Some(server) = &mut self.0.server {
            let ServerError { severity, code, message, position, .. } = server.clone();
            *server = ServerError {
                severity,
                code,
                message,
                position,
                detail: None,
                hint: None,
                internal_position: None,
                internal_query: None,
                where_: None,
                schema: None,
                table: None,
                column: None,
                data_type: None,
                constraint: None,
                routine: None,
            };
        }
        self
    }

    /// The same error, with how long it is before trying again makes sense.
    pub fn retry_in(mut self, time: Duration) -> Error {
        self.0.retry_in = Some(time);
        self
    }

    /// How long it is before trying again makes sense, where that is known.
    pub fn retry_time(&self) -> Option<Duration> {
        self.0.retry_in
    }

    /// What failed.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What the log should know and the caller should not.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The SQLSTATE: PostgreSQL's own where it refused, the table's otherwise.
    pub fn sqlstate(&self) -> SqlState {
        self.0.server.as_ref().map_or(self.0.kind.row().0, |error| error.code)
    }

    /// The same error with PostgreSQL's error position moved to where the caller's own text has it.
    pub fn at(mut self, position: impl Fn(u32) -> u32) -> Error {
        if let Some(server) = &mut self.0.server {
            server.position = server.position.map(position);
        }
        self
    }

    /// The error as the Data API shows it.
    pub fn fault(&self) -> Fault {
        let fault = self.plain_fault();
        match self.0.statement {
            Some(index) if self.0.tells_statement && fault.statement_index.is_none() => {
                fault.in_statement(index)
            }
            _ => fault,
        }
    }

    fn plain_fault(&self) -> Fault {
        if let Some(fault) = &self.0.fault {
            return fault.clone();
        }
        if let Some(server) = &self.0.server {
            return Fault::from_server_error(server, |position| position);
        }
        let (state, exception) = self.0.kind.row();
        let message = match exception {
            Exception::DatabaseError if self.0.kind != Kind::TransactionBusy => {
                format!("ERROR: {}; SQLState: {state}", self.0.public)
            }
            _ => self.0.public.to_string(),
        };
        Fault { db_connection_id: self.0.connection, ..Fault::new(exception, message) }
    }
}

impl From<Fault> for Error {
    /// A request that the Data API's own rules refuse.
    fn from(fault: Fault) -> Error {
        let mut error = Error::new(Kind::Invalid, fault.message.clone());
        error.0.fault = Some(fault);
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.public)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
