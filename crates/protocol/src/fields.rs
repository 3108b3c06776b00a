//! What an ErrorResponse or NoticeResponse says, field by field.
//!
//! <https://www.postgresql.org/docs/current/protocol-error-fields.html>. Texts are read lossily: an
//! error that comes before the encoding is agreed on is still worth more than "not UTF-8".

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::cursor::{Cursor, DecodeError};
use crate::sqlstate::SqlState;

/// The fields of an error or notice, checked when decoded, read on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorFields<'a> {
    body: &'a [u8],
}

impl<'a> ErrorFields<'a> {
    /// Decodes the body of a message tagged [`crate::backend::tag::ERROR_RESPONSE`] or
    /// [`crate::backend::tag::NOTICE_RESPONSE`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        while fields.u8()? != 0 {
            fields.c_bytes()?;
        }
        fields.end()?;
        Ok(Self { body })
    }

    /// Every field in the order sent: its code byte and its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut fields = Cursor::new(self.body);
        std::iter::from_fn(move || {
            let code = fields.u8().ok().filter(|code| *code != 0)?;
            Some((code, fields.c_bytes().ok()?))
        })
    }

    /// The field of this code byte as text.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<Cow<'a, str>> {
        self.iter().find(|field| field.0 == code).map(|field| String::from_utf8_lossy(field.1))
    }

    /// `ERROR`, `FATAL`, `NOTICE` …: never translated where the server is 9.6 or newer.
    #[must_use]
    pub fn severity(&self) -> Cow<'a, str> {
        self.get(b'V').or_else(|| self.get(b'S')).unwrap_or(Cow::Borrowed("ERROR"))
    }

    /// The SQLSTATE; a server that sends none or nonsense gets XX000.
    #[must_use]
    pub fn code(&self) -> SqlState {
        self.iter()
            .find(|field| field.0 == b'C')
            .and_then(|field| SqlState::from_bytes(field.1))
            .unwrap_or(SqlState::INTERNAL_ERROR)
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> Cow<'a, str> {
        self.get(b'M').unwrap_or_default()
    }

    /// More about it. Can hold values out of rows.
    #[must_use]
    pub fn detail(&self) -> Option<Cow<'a, str>> {
        self.get(b'D')
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'a, str>> {
        self.get(b'H')
    }

    /// The character in the statement, counted from 1.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        self.get(b'P').and_then(|text| text.parse().ok())
    }

    /// The character in [`Self::internal_query`], counted from 1.
    #[must_use]
    pub fn internal_position(&self) -> Option<u32> {
        self.get(b'p').and_then(|text| text.parse().ok())
    }

    /// The statement that failed inside a function.
    #[must_use]
    pub fn internal_query(&self) -> Option<Cow<'a, str>> {
        self.get(b'q')
    }

    /// The call stack inside the server.
    #[must_use]
    pub fn where_(&self) -> Option<Cow<'a, str>> {
        self.get(b'W')
    }

    /// The schema of what the error is about.
    #[must_use]
    pub fn schema(&self) -> Option<Cow<'a, str>> {
        self.get(b's')
    }

    /// The table the error is about.
    #[must_use]
    pub fn table(&self) -> Option<Cow<'a, str>> {
        self.get(b't')
    }

    /// The column the error is about.
    #[must_use]
    pub fn column(&self) -> Option<Cow<'a, str>> {
        self.get(b'c')
    }

    /// The type the error is about.
    #[must_use]
    pub fn data_type(&self) -> Option<Cow<'a, str>> {
        self.get(b'd')
    }

    /// The constraint the error is about.
    #[must_use]
    pub fn constraint(&self) -> Option<Cow<'a, str>> {
        self.get(b'n')
    }

    /// The server's function that raised it.
    #[must_use]
    pub fn routine(&self) -> Option<Cow<'a, str>> {
        self.get(b'R')
    }

    /// The error as a value of its own.
    #[must_use]
    pub fn to_owned(&self) -> ServerError {
        ServerError {
            severity: self.severity().into_owned(),
            code: self.code(),
            message: self.message().into_owned(),
            detail: self.detail().map(Cow::into_owned),
            hint: self.hint().map(Cow::into_owned),
            position: self.position(),
            internal_position: self.internal_position(),
            internal_query: self.internal_query().map(Cow::into_owned),
            where_: self.where_().map(Cow::into_owned),
            schema: self.schema().map(Cow::into_owned),
            table: self.table().map(Cow::into_owned),
            column: self.column().map(Cow::into_owned),
            data_type: self.data_type().map(Cow::into_owned),
            constraint: self.constraint().map(Cow::into_owned),
            routine: self.routine().map(Cow::into_owned),
        }
    }
}

/// An error or notice of the server that outlives the bytes it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL`, `PANIC`; `WARNING`, `NOTICE` … for notices.
    pub severity: String,
    /// The SQLSTATE.
    pub code: SqlState,
    /// What went wrong.
    pub message: String,
    /// More about it. Can hold values out of rows.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The character in the statement, counted from 1.
    pub position: Option<u32>,
    /// The character in `internal_query`, counted from 1.
    pub internal_position: Option<u32>,
    /// The statement that failed inside a function.
    pub internal_query: Option<String>,
    /// The call stack inside the server.
    pub where_: Option<String>,
    /// The schema of what the error is about.
    pub schema: Option<String>,
    /// The table the error is about.
    pub table: Option<String>,
    /// The column the error is about.
    pub column: Option<String>,
    /// The type the error is about.
    pub data_type: Option<String>,
    /// The constraint the error is about.
    pub constraint: Option<String>,
    /// The server's function that raised it: the one part of some errors that tells them apart
    /// and that translations leave alone.
    pub routine: Option<String>,
}

impl ServerError {
    /// Whether the server closes the connection after this error.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.severity, self.message, self.code)
    }
}

impl Error for ServerError {}

#[cfg(test)]
mod tests;
