//! SQLSTATE codes: five characters that say what went wrong in a way programs can rely on.
//!
//! <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use std::fmt;

/// A five-character error code of digits and upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// The code, if these are five ASCII digits or upper-case letters.
    #[must_use]
    pub fn from_bytes(code: &[u8]) -> Option<Self> {
        let code: [u8; 5] = code.try_into().ok()?;
        code.iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            .then_some(Self(code))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructors let only ASCII in, so the fallback is never taken.
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }

    /// The code as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 5] {
        &self.0
    }

    /// The first two characters, which name the class of errors this one belongs to.
    #[must_use]
    pub fn class(&self) -> &str {
        self.as_str().get(..2).unwrap_or("XX")
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        impl SqlState {
            $(#[doc = $meaning] pub const $name: Self = Self(*$code);)*
        }

        /// Every named code, in the order of the appendix.
        pub const NAMED: &[SqlState] = &[$(SqlState::$name),*];
    };
}

codes! {
    SUCCESSFUL_COMPLETION = b"00000", "Success.";
    WARNING = b"01000", "A warning of no special kind.";
    NO_DATA = b"02000", "No data.";
    CONNECTION_EXCEPTION = b"08000", "Something is wrong with the connection.";
    UNABLE_TO_CONNECT = b"08001", "The client could not reach the server.";
    CONNECTION_DOES_NOT_EXIST = b"08003", "There is no such connection.";
    CONNECTION_REJECTED = b"08004", "The server would not have the connection.";
    CONNECTION_FAILURE = b"08006", "The connection broke.";
    TRANSACTION_RESOLUTION_UNKNOWN = b"08007", "Nobody knows whether the transaction committed.";
    PROTOCOL_VIOLATION = b"08P01", "The peer does not keep to the protocol.";
    FEATURE_NOT_SUPPORTED = b"0A000", "Not supported.";
    CARDINALITY_VIOLATION = b"21000", "More rows than the place allows.";
    DATA_EXCEPTION = b"22000", "A value is wrong.";
    STRING_DATA_RIGHT_TRUNCATION = b"22001", "A string is too long for its type.";
    NUMERIC_VALUE_OUT_OF_RANGE = b"22003", "A number is out of range.";
    INVALID_DATETIME_FORMAT = b"22007", "A date or time is not written as one.";
    DATETIME_FIELD_OVERFLOW = b"22008", "A field of a date or time is out of range.";
    DIVISION_BY_ZERO = b"22012", "Division by zero.";
    CHARACTER_NOT_IN_REPERTOIRE = b"22021", "Bytes that are no character of the encoding.";
    INVALID_PARAMETER_VALUE = b"22023", "A parameter has a value it cannot have.";
    INVALID_TEXT_REPRESENTATION = b"22P02", "Text is not a value of its type.";
    INVALID_BINARY_REPRESENTATION = b"22P03", "Bytes are not a value of their type.";
    UNTRANSLATABLE_CHARACTER = b"22P05", "A character has no place in the other encoding.";
    INTEGRITY_CONSTRAINT_VIOLATION = b"23000", "A constraint is violated.";
    NOT_NULL_VIOLATION = b"23502", "NULL where it may not be.";
    FOREIGN_KEY_VIOLATION = b"23503", "A foreign key has nothing to point to.";
    UNIQUE_VIOLATION = b"23505", "A key is there already.";
    CHECK_VIOLATION = b"23514", "A check constraint says no.";
    EXCLUSION_VIOLATION = b"23P01", "An exclusion constraint says no.";
    INVALID_CURSOR_STATE = b"24000", "The cursor is not in the state for this.";
    INVALID_TRANSACTION_STATE = b"25000", "The transaction is not in the state for this.";
    ACTIVE_SQL_TRANSACTION = b"25001", "Not inside a transaction.";
    READ_ONLY_SQL_TRANSACTION = b"25006", "The transaction may only read.";
    NO_ACTIVE_SQL_TRANSACTION = b"25P01", "There is no transaction.";
    IN_FAILED_SQL_TRANSACTION = b"25P02", "The transaction has failed; only its end is accepted.";
    IDLE_IN_TRANSACTION_TIMEOUT = b"25P03", "The transaction was idle for too long.";
    TRANSACTION_TIMEOUT = b"25P04", "The transaction took too long.";
    INVALID_SQL_STATEMENT_NAME = b"26000", "There is no prepared statement of that name.";
    INVALID_AUTHORIZATION = b"28000", "This user may not log in here.";
    INVALID_PASSWORD = b"28P01", "The password is wrong.";
    INVALID_CURSOR_NAME = b"34000", "There is no cursor of that name.";
    INVALID_CATALOG_NAME = b"3D000", "There is no database of that name.";
    INVALID_SCHEMA_NAME = b"3F000", "There is no schema of that name.";
    TRANSACTION_ROLLBACK = b"40000", "The transaction was rolled back.";
    SERIALIZATION_FAILURE = b"40001", "Transactions collided; try again.";
    STATEMENT_COMPLETION_UNKNOWN = b"40003", "Nobody knows whether the statement was run.";
    DEADLOCK_DETECTED = b"40P01", "Transactions waited for each other; try again.";
    INSUFFICIENT_PRIVILEGE = b"42501", "Permission denied, or a policy says no.";
    SYNTAX_ERROR = b"42601", "Not SQL.";
    UNDEFINED_COLUMN = b"42703", "There is no such column.";
    UNDEFINED_OBJECT = b"42704", "There is no such object.";
    DUPLICATE_OBJECT = b"42710", "The object is there already.";
    AMBIGUOUS_FUNCTION = b"42725", "More than one function fits.";
    DATATYPE_MISMATCH = b"42804", "The types do not fit.";
    CANNOT_COERCE = b"42846", "No cast leads from one type to the other.";
    UNDEFINED_FUNCTION = b"42883", "No function or operator fits these types.";
    UNDEFINED_TABLE = b"42P01", "There is no such table.";
    UNDEFINED_PARAMETER = b"42P02", "There is no parameter of that number.";
    DUPLICATE_CURSOR = b"42P03", "The cursor is there already.";
    DUPLICATE_DATABASE = b"42P04", "The database is there already.";
    DUPLICATE_PREPARED_STATEMENT = b"42P05", "The prepared statement is there already.";
    DUPLICATE_SCHEMA = b"42P06", "The schema is there already.";
    DUPLICATE_TABLE = b"42P07", "The table is there already.";
    AMBIGUOUS_PARAMETER = b"42P08", "The type of a parameter is inferred in two ways.";
    INDETERMINATE_DATATYPE = b"42P18", "The type of a parameter cannot be inferred.";
    WITH_CHECK_OPTION_VIOLATION = b"44000", "The check option of a view says no.";
    INSUFFICIENT_RESOURCES = b"53000", "The server lacks the resources.";
    DISK_FULL = b"53100", "The disk is full.";
    OUT_OF_MEMORY = b"53200", "Memory has run out.";
    TOO_MANY_CONNECTIONS = b"53300", "Too many connections.";
    CONFIGURATION_LIMIT_EXCEEDED = b"53400", "A configured limit is reached.";
    PROGRAM_LIMIT_EXCEEDED = b"54000", "A limit of the program is reached.";
    STATEMENT_TOO_COMPLEX = b"54001", "The statement is nested too deeply.";
    OBJECT_NOT_IN_PREREQUISITE_STATE = b"55000", "The object is not in the state for this.";
    LOCK_NOT_AVAILABLE = b"55P03", "A lock was not to be had.";
    OPERATOR_INTERVENTION = b"57000", "Someone stepped in.";
    QUERY_CANCELED = b"57014", "Cancelled, or over the statement timeout.";
    ADMIN_SHUTDOWN = b"57P01", "The server is shutting down, or ended this connection.";
    CRASH_SHUTDOWN = b"57P02", "Another connection crashed the server.";
    CANNOT_CONNECT_NOW = b"57P03", "The server is starting or stopping; try again.";
    DATABASE_DROPPED = b"57P04", "The database was dropped.";
    IDLE_SESSION_TIMEOUT = b"57P05", "The session was idle for too long.";
    SYSTEM_ERROR = b"58000", "An error outside PostgreSQL.";
    RAISE_EXCEPTION = b"P0001", "A function raised it.";
    INTERNAL_ERROR = b"XX000", "An error inside.";
    DATA_CORRUPTED = b"XX001", "Stored data is damaged.";
}

#[cfg(test)]
mod tests;
