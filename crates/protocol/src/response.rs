//! Messages a server sends, appended to a buffer: the counterpart of [`crate::backend`].
//!
//! Layouts: <https://www.postgresql.org/docs/current/protocol-message-formats.html>. Texts of ours
//! hold no NUL; where one slips in, the text ends there, so that no message can be forged.

mod table;

use bytes::{BufMut, BytesMut};

use crate::backend::{ErrorFields, TransactionStatus, tag};
use crate::sqlstate::SqlState;

pub use table::{
    Column, bind_complete, data_row, empty_query_response, no_data, no_parameters, notice,
    parse_complete, row_description,
};

/// The answer to a request for TLS: now.
pub const TLS_ACCEPTED: u8 = b'S';
/// The answer to a request for TLS or GSSAPI: no.
pub const REFUSED: u8 = b'N';

/// How bad an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The command failed.
    Error,
    /// The session ends.
    Fatal,
}

/// An error as a server sends it.
#[derive(Debug, Clone, Copy)]
pub struct ErrorText<'a> {
    /// How bad.
    pub severity: Severity,
    /// Which.
    pub code: SqlState,
    /// What, and what to do next.
    pub message: &'a str,
}

/// AuthenticationOk.
pub fn authentication_ok(buf: &mut BytesMut) {
    tagged(buf, tag::AUTHENTICATION, |buf| buf.put_u32(0));
}

/// AuthenticationCleartextPassword.
pub fn authentication_cleartext(buf: &mut BytesMut) {
    tagged(buf, tag::AUTHENTICATION, |buf| buf.put_u32(3));
}

/// AuthenticationSASL with these mechanisms.
pub fn authentication_sasl(buf: &mut BytesMut, mechanisms: &[&str]) {
    tagged(buf, tag::AUTHENTICATION, |buf| {
        buf.put_u32(10);
        mechanisms.iter().for_each(|mechanism| c_str(buf, mechanism));
        buf.put_u8(0);
    });
}

/// AuthenticationSASLContinue.
pub fn authentication_sasl_continue(buf: &mut BytesMut, data: &[u8]) {
    tagged(buf, tag::AUTHENTICATION, |buf| {
        buf.put_u32(11);
        buf.put_slice(data);
    });
}

/// AuthenticationSASLFinal.
pub fn authentication_sasl_final(buf: &mut BytesMut, data: &[u8]) {
    tagged(buf, tag::AUTHENTICATION, |buf| {
        buf.put_u32(12);
        buf.put_slice(data);
    });
}

/// NegotiateProtocolVersion: the newest minor version spoken here, and the options not known.
pub fn negotiate_protocol_version(buf: &mut BytesMut, minor: u16, unknown: &[&str]) {
    tagged(buf, tag::NEGOTIATE_PROTOCOL_VERSION, |buf| {
        buf.put_u16(3);
        buf.put_u16(minor);
        buf.put_u32(u32::try_from(unknown.len()).unwrap_or(u32::MAX));
        unknown.iter().for_each(|option| c_str(buf, option));
    });
}

/// ParameterStatus.
pub fn parameter_status(buf: &mut BytesMut, name: &str, value: &str) {
    tagged(buf, tag::PARAMETER_STATUS, |buf| {
        c_str(buf, name);
        c_str(buf, value);
    });
}

/// BackendKeyData: what a cancel request must carry; 4 bytes of secret, up to 256 since 3.2.
pub fn backend_key_data(buf: &mut BytesMut, pid: i32, secret: &[u8]) {
    tagged(buf, tag::BACKEND_KEY_DATA, |buf| {
        buf.put_i32(pid);
        buf.put_slice(secret);
    });
}

/// ReadyForQuery.
pub fn ready_for_query(buf: &mut BytesMut, status: TransactionStatus) {
    tagged(buf, tag::READY_FOR_QUERY, |buf| buf.put_u8(status.as_byte()));
}

/// CommandComplete.
pub fn command_complete(buf: &mut BytesMut, text: &str) {
    tagged(buf, tag::COMMAND_COMPLETE, |buf| c_str(buf, text));
}

/// CloseComplete.
pub fn close_complete(buf: &mut BytesMut) {
    tagged(buf, tag::CLOSE_COMPLETE, |_| {});
}

/// ErrorResponse.
pub fn error(buf: &mut BytesMut, error: ErrorText<'_>) {
    let severity = match error.severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    tagged(buf, tag::ERROR_RESPONSE, |buf| {
        // `S` may be translated, `V` never is.
        let fields = [
            (b'S', severity),
            (b'V', severity),
            (b'C', error.code.as_str()),
            (b'M', error.message),
        ];
        for (code, text) in fields {
            buf.put_u8(code);
            c_str(buf, text);
        }
        buf.put_u8(0);
    });
}

/// An ErrorResponse or NoticeResponse of a server, told again without what may hold values of rows
/// or names from inside: severity, code, message and position stay.
pub fn plainly(buf: &mut BytesMut, tag_byte: u8, fields: ErrorFields<'_>) {
    tagged(buf, tag_byte, |buf| {
        for (code, bytes) in fields.iter().filter(|(code, _)| b"SVCMP".contains(code)) {
            buf.put_u8(code);
            buf.put_slice(bytes);
            buf.put_u8(0);
        }
        buf.put_u8(0);
    });
}

fn tagged(buf: &mut BytesMut, tag_byte: u8, body: impl FnOnce(&mut BytesMut)) {
    buf.put_u8(tag_byte);
    let start = buf.len();
    buf.put_u32(0);
    body(buf);
    let len = u32::try_from(buf.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(word) = buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *word = len.to_be_bytes();
    }
}

fn c_str(buf: &mut BytesMut, text: &str) {
    let text = text.split('\0').next().unwrap_or_default();
    buf.put_slice(text.as_bytes());
    buf.put_u8(0);
}

#[cfg(test)]
mod tests;
