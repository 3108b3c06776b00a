//! Messages a client sends, appended to a buffer.
//!
//! Layouts: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. A message is
//! in the buffer whole or, after an error, not at all.

use std::error::Error;
use std::fmt;

use bytes::{BufMut, BytesMut};
use memchr::memchr;

/// Protocol 3.0, which every supported server speaks.
const PROTOCOL_VERSION: i32 = 196_608;
/// The version number that asks for TLS instead of a session.
const SSL_REQUEST_CODE: i32 = 80_877_103;
/// The version number that asks for the cancelling of another session's query.
const CANCEL_REQUEST_CODE: i32 = 80_877_102;
/// The server reads counts of parameters as 16 bits without sign.
pub const PARAMETERS_MAX: usize = 65_535;
/// The server refuses messages above this, its largest allocation (`PQ_LARGE_MESSAGE_LIMIT`).
pub const MESSAGE_LEN_MAX: usize = 0x3fff_fffe;

/// Why a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The protocol ends texts by NUL, so none may be inside.
    NulInText,
    /// More parameters than a 16-bit count can say.
    TooManyParameters,
    /// More bytes than the server accepts in one message.
    TooLong,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NulInText => f.write_str("text holds a NUL character; remove it"),
            Self::TooManyParameters => {
                write!(f, "more than {PARAMETERS_MAX} parameters; send fewer, or an array instead")
            }
            Self::TooLong => f.write_str("message is above 1 GB; send less at a time"),
        }
    }
}

impl Error for EncodeError {}

/// One value bound to a parameter of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The value's bytes, `None` for NULL.
    pub value: Option<&'a [u8]>,
    /// Whether the bytes are the type's binary form rather than its text.
    pub binary: bool,
}

impl<'a> Parameter<'a> {
    /// NULL.
    pub const NULL: Self = Self { value: None, binary: false };

    /// A value in its text form.
    #[must_use]
    pub fn text(value: &'a str) -> Self {
        Self { value: Some(value.as_bytes()), binary: false }
    }

    /// A value in its binary form.
    #[must_use]
    pub fn binary(value: &'a [u8]) -> Self {
        Self { value: Some(value), binary: true }
    }
}

/// StartupMessage: opens a session with these parameters (`user` is required by the server).
pub fn startup(buf: &mut BytesMut, parameters: &[(&str, &str)]) -> Result<(), EncodeError> {
    untagged(buf, |buf| {
        buf.put_i32(PROTOCOL_VERSION);
        for (name, value) in parameters {
            c_str(buf, name)?;
            c_str(buf, value)?;
        }
        buf.put_u8(0);
        Ok(())
    })
}

/// SSLRequest: the server answers one byte, `S` or `N`.
pub fn ssl_request(buf: &mut BytesMut) {
    buf.put_i32(8);
    buf.put_i32(SSL_REQUEST_CODE);
}

/// CancelRequest, on a connection of its own. The key is sent as the server gave it.
pub fn cancel_request(buf: &mut BytesMut, pid: i32, key: &[u8]) -> Result<(), EncodeError> {
    untagged(buf, |buf| {
        buf.put_i32(CANCEL_REQUEST_CODE);
        buf.put_i32(pid);
        buf.put_slice(key);
        Ok(())
    })
}

/// PasswordMessage: the password in the form asked for.
pub fn password(buf: &mut BytesMut, password: &str) -> Result<(), EncodeError> {
    tagged(buf, b'p', |buf| c_str(buf, password))
}

/// PasswordMessage in answer to [`crate::backend::Authentication::Md5Password`].
pub fn md5_password(
    buf: &mut BytesMut,
    user: &str,
    secret: &str,
    salt: [u8; 4],
) -> Result<(), EncodeError> {
    let hash =
        postgres_protocol::authentication::md5_hash(user.as_bytes(), secret.as_bytes(), salt);
    password(buf, &hash)
}

/// SASLInitialResponse: the chosen mechanism and its first message.
pub fn sasl_initial(buf: &mut BytesMut, mechanism: &str, data: &[u8]) -> Result<(), EncodeError> {
    tagged(buf, b'p', |buf| {
        c_str(buf, mechanism)?;
        value(buf, Some(data))
    })
}

/// SASLResponse: the next message of the exchange.
pub fn sasl_response(buf: &mut BytesMut, data: &[u8]) -> Result<(), EncodeError> {
    tagged(buf, b'p', |buf| {
        buf.put_slice(data);
        Ok(())
    })
}

/// Query: one or more statements, no parameters, results as text.
pub fn query(buf: &mut BytesMut, sql: &str) -> Result<(), EncodeError> {
    tagged(buf, b'Q', |buf| c_str(buf, sql))
}

/// Parse: a prepared statement; the empty name is the unnamed one, type 0 is left to the server.
pub fn parse(buf: &mut BytesMut, name: &str, sql: &str, types: &[u32]) -> Result<(), EncodeError> {
    tagged(buf, b'P', |buf| {
        c_str(buf, name)?;
        c_str(buf, sql)?;
        buf.put_u16(count(types.len())?);
        for oid in types {
            buf.put_u32(*oid);
        }
        Ok(())
    })
}

/// Bind: a portal out of a statement and values, its results in text format. Allocates nothing
/// but room in `buf`.
pub fn bind(
    buf: &mut BytesMut,
    portal: &str,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<(), EncodeError> {
    let parameter_count = count(parameters.len())?;
    tagged(buf, b'B', |buf| {
        c_str(buf, portal)?;
        c_str(buf, statement)?;
        // No format codes means: all in text format.
        if parameters.iter().any(|parameter| parameter.binary) {
            buf.put_u16(parameter_count);
            for parameter in parameters {
                buf.put_u16(u16::from(parameter.binary));
            }
        } else {
            buf.put_u16(0);
        }
        buf.put_u16(parameter_count);
        for parameter in parameters {
            value(buf, parameter.value)?;
        }
        buf.put_u16(0);
        Ok(())
    })
}

/// Describe: the parameters and columns of a prepared statement.
pub fn describe_statement(buf: &mut BytesMut, name: &str) -> Result<(), EncodeError> {
    named(buf, b'D', b'S', name)
}

/// Describe: the columns of a portal.
pub fn describe_portal(buf: &mut BytesMut, name: &str) -> Result<(), EncodeError> {
    named(buf, b'D', b'P', name)
}

/// Execute: runs a portal, up to `rows_max` rows; 0 is no limit.
pub fn execute(buf: &mut BytesMut, portal: &str, rows_max: i32) -> Result<(), EncodeError> {
    tagged(buf, b'E', |buf| {
        c_str(buf, portal)?;
        buf.put_i32(rows_max);
        Ok(())
    })
}

/// Close: forgets a prepared statement.
pub fn close_statement(buf: &mut BytesMut, name: &str) -> Result<(), EncodeError> {
    named(buf, b'C', b'S', name)
}

/// Close: forgets a portal.
pub fn close_portal(buf: &mut BytesMut, name: &str) -> Result<(), EncodeError> {
    named(buf, b'C', b'P', name)
}

/// CopyData: part of a COPY stream.
pub fn copy_data(buf: &mut BytesMut, data: &[u8]) -> Result<(), EncodeError> {
    tagged(buf, b'd', |buf| {
        buf.put_slice(data);
        Ok(())
    })
}

/// CopyDone: the COPY stream is complete.
pub fn copy_done(buf: &mut BytesMut) {
    empty(buf, b'c');
}

/// CopyFail: the COPY stream will not be completed; the server makes an error of it.
pub fn copy_fail(buf: &mut BytesMut, message: &str) -> Result<(), EncodeError> {
    tagged(buf, b'f', |buf| c_str(buf, message))
}

/// Sync: ends the implicit transaction and asks for ReadyForQuery.
pub fn sync(buf: &mut BytesMut) {
    empty(buf, b'S');
}

/// Flush: asks for the answers so far.
pub fn flush(buf: &mut BytesMut) {
    empty(buf, b'H');
}

/// Terminate: the polite end.
pub fn terminate(buf: &mut BytesMut) {
    empty(buf, b'X');
}

fn empty(buf: &mut BytesMut, tag: u8) {
    buf.put_u8(tag);
    buf.put_i32(4);
}

fn named(buf: &mut BytesMut, tag: u8, kind: u8, name: &str) -> Result<(), EncodeError> {
    tagged(buf, tag, |buf| {
        buf.put_u8(kind);
        c_str(buf, name)
    })
}

fn tagged(
    buf: &mut BytesMut,
    tag: u8,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = buf.len();
    buf.put_u8(tag);
    untagged(buf, body).inspect_err(|_| buf.truncate(start))
}

/// The length word and the body. The length is known last and written back into its place.
fn untagged(
    buf: &mut BytesMut,
    body: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = buf.len();
    buf.put_i32(0);
    let done = body(buf).and_then(|()| length(buf.len().saturating_sub(start)));
    match (done, buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut)) {
        (Ok(len), Some(word)) => {
            *word = len.to_be_bytes();
            Ok(())
        }
        (done, _) => {
            buf.truncate(start);
            Err(done.err().unwrap_or(EncodeError::TooLong))
        }
    }
}

fn length(len: usize) -> Result<u32, EncodeError> {
    u32::try_from(len).ok().filter(|_| len <= MESSAGE_LEN_MAX).ok_or(EncodeError::TooLong)
}

fn count(len: usize) -> Result<u16, EncodeError> {
    u16::try_from(len).map_err(|_| EncodeError::TooManyParameters)
}

fn c_str(buf: &mut BytesMut, text: &str) -> Result<(), EncodeError> {
    if memchr(0, text.as_bytes()).is_some() {
        return Err(EncodeError::NulInText);
    }
    bounded(buf, text.as_bytes())?;
    buf.put_u8(0);
    Ok(())
}

fn value(buf: &mut BytesMut, value: Option<&[u8]>) -> Result<(), EncodeError> {
    let Some(value) = value else {
        buf.put_i32(-1);
        return Ok(());
    };
    buf.put_u32(length(value.len())?);
    bounded(buf, value)
}

/// Refuses what cannot become part of a message before it is copied.
fn bounded(buf: &mut BytesMut, bytes: &[u8]) -> Result<(), EncodeError> {
    length(bytes.len())?;
    buf.put_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests;
