//! Messages a server sends, decoded from their bodies without copying.
//!
//! Layouts: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. The server's
//! bytes are not trusted either: every count and length is checked before it is used.

use std::fmt;

use crate::cursor::Cursor;
pub use crate::cursor::DecodeError;
pub use crate::fields::{ErrorFields, ServerError};
pub use crate::row::{Column, Columns, DataRow, Values, parameter_types};

/// The tag bytes of the messages a server sends.
pub mod tag {
    /// Authentication request, or its success.
    pub const AUTHENTICATION: u8 = b'R';
    /// Process id and cancel key.
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// Bind is done.
    pub const BIND_COMPLETE: u8 = b'2';
    /// Close is done.
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// A command is done.
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// Part of a COPY stream.
    pub const COPY_DATA: u8 = b'd';
    /// End of a COPY stream.
    pub const COPY_DONE: u8 = b'c';
    /// The server waits for COPY data.
    pub const COPY_IN_RESPONSE: u8 = b'G';
    /// The server will send COPY data.
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    /// COPY data flows both ways (replication).
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    /// One row.
    pub const DATA_ROW: u8 = b'D';
    /// An empty statement is done.
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    /// An error.
    pub const ERROR_RESPONSE: u8 = b'E';
    /// The answer of the fast-path function call.
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    /// The server speaks an older minor version than asked for.
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    /// The described statement returns no rows.
    pub const NO_DATA: u8 = b'n';
    /// A warning or a message.
    pub const NOTICE_RESPONSE: u8 = b'N';
    /// A NOTIFY from some session.
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    /// Types of a statement's parameters.
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// A setting and its new value.
    pub const PARAMETER_STATUS: u8 = b'S';
    /// Parse is done.
    pub const PARSE_COMPLETE: u8 = b'1';
    /// Execute stopped at its row limit.
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// The server waits for the next command; tells the transaction status.
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// Names and types of a result's columns.
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// What the server wants next while a connection is being opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Done; the server goes on without being asked.
    Ok,
    /// The password as it is.
    CleartextPassword,
    /// The password hashed by MD5 with this salt.
    Md5Password {
        /// Four random bytes of the server's.
        salt: [u8; 4],
    },
    /// One of these SASL mechanisms, the server's favourite first.
    Sasl {
        /// Their registered names.
        mechanisms: Vec<&'a str>,
    },
    /// The next challenge of the SASL exchange.
    SaslContinue(&'a [u8]),
    /// The last message of the SASL exchange, by which the server proves itself.
    SaslFinal(&'a [u8]),
    /// Kerberos, GSSAPI, SSPI or something newer.
    Unsupported(u32),
}

impl<'a> Authentication<'a> {
    /// Decodes the body of a message tagged [`tag::AUTHENTICATION`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let decoded = match fields.u32()? {
            0 => Self::Ok,
            3 => Self::CleartextPassword,
            5 => Self::Md5Password { salt: fields.array()? },
            10 => Self::Sasl { mechanisms: mechanisms(&mut fields)? },
            11 => return Ok(Self::SaslContinue(fields.rest())),
            12 => return Ok(Self::SaslFinal(fields.rest())),
            other => return Ok(Self::Unsupported(other)),
        };
        fields.end()?;
        Ok(decoded)
    }
}

/// What a cancel request for this connection must carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    /// The server's process id.
    pub pid: i32,
    /// The cancel key: 4 bytes in protocol 3.0, up to 256 since 3.2.
    pub secret: &'a [u8],
}

impl<'a> BackendKeyData<'a> {
    /// Longest key protocol 3.2 allows.
    pub const SECRET_LEN_MAX: usize = 256;

    /// Decodes the body of a message tagged [`tag::BACKEND_KEY_DATA`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let pid = fields.i32()?;
        let secret = fields.rest();
        match secret.len() {
            0..4 => Err(DecodeError::Truncated),
            4..=Self::SECRET_LEN_MAX => Ok(Self { pid, secret }),
            _ => Err(DecodeError::InvalidLength),
        }
    }
}

impl fmt::Debug for BackendKeyData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendKeyData").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// A setting the server reports, at the start and whenever it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// Name of the setting.
    pub name: &'a str,
    /// Its value now.
    pub value: &'a str,
}

impl<'a> ParameterStatus<'a> {
    /// Decodes the body of a message tagged [`tag::PARAMETER_STATUS`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let decoded = Self { name: fields.c_str()?, value: fields.c_str()? };
        fields.end()?;
        Ok(decoded)
    }
}

/// Where the session stands between two commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Not in a transaction block.
    Idle,
    /// In a transaction block.
    InTransaction,
    /// In a transaction block that has failed: only its end is accepted.
    Failed,
}

impl TransactionStatus {
    /// The byte by which the protocol names this status.
    #[must_use]
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The server has done everything up to the last Sync or Query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyForQuery {
    /// Where that leaves the session.
    pub status: TransactionStatus,
}

impl ReadyForQuery {
    /// Decodes the body of a message tagged [`tag::READY_FOR_QUERY`].
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let status = match fields.u8()? {
            b'I' => TransactionStatus::Idle,
            b'T' => TransactionStatus::InTransaction,
            b'E' => TransactionStatus::Failed,
            other => return Err(DecodeError::UnknownCode(other)),
        };
        fields.end()?;
        Ok(Self { status })
    }
}

/// What a finished command says about itself: `INSERT 0 5`, `SELECT 2`, `CREATE TABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandTag<'a> {
    /// The tag as the server wrote it.
    pub text: &'a str,
}

impl<'a> CommandTag<'a> {
    /// Decodes the body of a message tagged [`tag::COMMAND_COMPLETE`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let text = fields.c_str()?;
        fields.end()?;
        Ok(Self { text })
    }

    /// The first word: `INSERT`, `CREATE`.
    #[must_use]
    pub fn verb(self) -> &'a str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// How many rows were returned or changed; none for commands that count no rows.
    #[must_use]
    pub fn rows(self) -> Option<u64> {
        self.text.rsplit_once(' ').and_then(|(_, count)| count.parse().ok())
    }
}

/// Names end with an empty name. One is enough to go on, none is a broken server.
fn mechanisms<'a>(fields: &mut Cursor<'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut names = Vec::new();
    loop {
        match fields.c_str()? {
            "" => return Ok(names),
            name => names.push(name),
        }
    }
}

#[cfg(test)]
mod tests;
