//! Messages a client sends, decoded from their bodies without copying: the counterpart of
//! [`crate::frontend`].
//!
//! Layouts: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. What is only
//! passed on is not taken apart: the server judges it.

use crate::cursor::Cursor;
pub use crate::cursor::DecodeError;

/// The tag bytes of the messages a client sends.
pub mod tag {
    /// A portal out of a statement and values.
    pub const BIND: u8 = b'B';
    /// Forget a statement or portal.
    pub const CLOSE: u8 = b'C';
    /// Part of a COPY stream.
    pub const COPY_DATA: u8 = b'd';
    /// End of a COPY stream.
    pub const COPY_DONE: u8 = b'c';
    /// A COPY stream that will not be completed.
    pub const COPY_FAIL: u8 = b'f';
    /// What a statement or portal takes and returns.
    pub const DESCRIBE: u8 = b'D';
    /// Run a portal.
    pub const EXECUTE: u8 = b'E';
    /// Send the answers so far.
    pub const FLUSH: u8 = b'H';
    /// The fast-path function call.
    pub const FUNCTION_CALL: u8 = b'F';
    /// A prepared statement.
    pub const PARSE: u8 = b'P';
    /// A password, or a message of SASL.
    pub const PASSWORD: u8 = b'p';
    /// Statements as text.
    pub const QUERY: u8 = b'Q';
    /// The end of a series.
    pub const SYNC: u8 = b'S';
    /// The polite end.
    pub const TERMINATE: u8 = b'X';

    /// Whether a client in a session may send it: what cannot be is not waited for.
    #[must_use]
    pub fn is_of_session(tag_byte: u8) -> bool {
        const OF_SESSION: [u8; 13] = [
            BIND,
            CLOSE,
            COPY_DATA,
            COPY_DONE,
            COPY_FAIL,
            DESCRIBE,
            EXECUTE,
            FLUSH,
            FUNCTION_CALL,
            PARSE,
            QUERY,
            SYNC,
            TERMINATE,
        ];
        OF_SESSION.contains(&tag_byte)
    }
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

/// One message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a> {
    /// Statements as text.
    Query {
        /// The text.
        sql: &'a str,
    },
    /// A statement to prepare.
    Parse {
        /// Its name; empty for the unnamed one.
        name: &'a str,
        /// Its text.
        sql: &'a str,
        /// Types of its parameters, as far as the client says them.
        types: Vec<u32>,
    },
    /// A portal out of a statement and values.
    Bind {
        /// The portal's name.
        portal: &'a str,
        /// The statement's name.
        statement: &'a str,
        /// Formats and values, for the server to judge.
        rest: &'a [u8],
    },
    /// A question about a statement or portal.
    Describe(Named, &'a str),
    /// Run a portal.
    Execute {
        /// Its name.
        portal: &'a str,
    },
    /// Forget a statement or portal.
    Close(Named, &'a str),
    /// Send the answers so far.
    Flush,
    /// The end of a series.
    Sync,
    /// The fast-path function call.
    FunctionCall,
    /// Part of a COPY stream.
    CopyData,
    /// End of a COPY stream.
    CopyDone,
    /// A COPY stream that will not be completed.
    CopyFail,
    /// The polite end.
    Terminate,
}

impl<'a> Request<'a> {
    /// Decodes the body of a message with this tag.
    pub fn decode(tag_byte: u8, body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let request = match tag_byte {
            tag::QUERY => Self::Query { sql: fields.c_str()? },
            tag::PARSE => parse(&mut fields)?,
            tag::BIND => {
                let (portal, statement) = (fields.c_str()?, fields.c_str()?);
                return Ok(Self::Bind { portal, statement, rest: fields.rest() });
            }
            tag::DESCRIBE => Self::Describe(named(&mut fields)?, fields.c_str()?),
            tag::CLOSE => Self::Close(named(&mut fields)?, fields.c_str()?),
            tag::EXECUTE => {
                let portal = fields.c_str()?;
                fields.i32()?;
                Self::Execute { portal }
            }
            tag::FLUSH => Self::Flush,
            tag::SYNC => Self::Sync,
            tag::TERMINATE => Self::Terminate,
            tag::COPY_DONE => Self::CopyDone,
            tag::FUNCTION_CALL => return Ok(Self::FunctionCall),
            tag::COPY_DATA => return Ok(Self::CopyData),
            tag::COPY_FAIL => return Ok(Self::CopyFail),
            other => return Err(DecodeError::UnknownCode(other)),
        };
        fields.end()?;
        Ok(request)
    }
}

/// The formats in which a Bind without parameters wants its columns, from what stands in it behind
/// the names: `true` is binary. `None`: it brings parameters.
pub fn result_formats(rest: &[u8]) -> Result<Option<Vec<bool>>, DecodeError> {
    let mut fields = Cursor::new(rest);
    for _ in 0..fields.u16()? {
        fields.u16()?;
    }
    if fields.u16()? > 0 {
        return Ok(None);
    }
    let count = fields.u16()?;
    let formats = (0..count).map(|_| fields.u16().map(|code| code == 1));
    let formats = formats.collect::<Result<Vec<bool>, DecodeError>>()?;
    fields.end()?;
    Ok(Some(formats))
}

/// The text of a PasswordMessage.
pub fn password(body: &[u8]) -> Result<&str, DecodeError> {
    let mut fields = Cursor::new(body);
    let password = fields.c_str()?;
    fields.end()?;
    Ok(password)
}

/// Mechanism and data of a SASLInitialResponse.
pub fn sasl_initial(body: &[u8]) -> Result<(&str, &[u8]), DecodeError> {
    let mut fields = Cursor::new(body);
    let mechanism = fields.c_str()?;
    let data = fields.value()?.unwrap_or_default();
    fields.end()?;
    Ok((mechanism, data))
}

fn parse<'a>(fields: &mut Cursor<'a>) -> Result<Request<'a>, DecodeError> {
    let (name, sql) = (fields.c_str()?, fields.c_str()?);
    let count = usize::from(fields.u16()?);
    // The count is the client's word; the bytes that are there are the bound.
    if fields.rest().len() != count.saturating_mul(4) {
        return Err(DecodeError::Truncated);
    }
    let types = (0..count).map(|_| fields.u32()).collect::<Result<_, _>>()?;
    Ok(Request::Parse { name, sql, types })
}

fn named(fields: &mut Cursor<'_>) -> Result<Named, DecodeError> {
    match fields.u8()? {
        b'S' => Ok(Named::Statement),
        b'P' => Ok(Named::Portal),
        other => Err(DecodeError::UnknownCode(other)),
    }
}

#[cfg(test)]
mod tests;
