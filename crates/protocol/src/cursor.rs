//! A cursor over one message body that can only fail, never read out of bounds.

use std::error::Error;
use std::fmt;

use memchr::memchr;

/// Why a message body could not be decoded; always a fault of whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The body ends inside a field.
    Truncated,
    /// The body goes on after its last field.
    Trailing,
    /// A field that must be UTF-8 is not.
    InvalidUtf8,
    /// A count or length is negative other than the -1 that means NULL.
    InvalidLength,
    /// A byte that selects one of several meanings selects none.
    UnknownCode(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("message ends inside a field; close the connection"),
            Self::Trailing => {
                f.write_str("message goes on after its last field; close the connection")
            }
            Self::InvalidUtf8 => {
                f.write_str("message field is not UTF-8; set client_encoding to UTF8")
            }
            Self::InvalidLength => {
                f.write_str("message field has an impossible length; close the connection")
            }
            Self::UnknownCode(code) => {
                write!(f, "message holds the unknown code {code}; close the connection")
            }
        }
    }
}

impl Error for DecodeError {}

/// Reads the fields of a body from front to back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn end(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }

    /// A field of a row: its length first, -1 for NULL.
    pub(crate) fn value(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        let len = self.i32()?;
        if len == -1 {
            return Ok(None);
        }
        let len = usize::try_from(len).map_err(|_| DecodeError::InvalidLength)?;
        self.bytes(len).map(Some)
    }

    /// The bytes up to the next NUL, which is consumed and not returned.
    pub(crate) fn c_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = memchr(0, self.rest).ok_or(DecodeError::Truncated)?;
        let text = self.bytes(len)?;
        self.u8()?;
        Ok(text)
    }

    pub(crate) fn c_str(&mut self) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.c_bytes()?).map_err(|_| DecodeError::InvalidUtf8)
    }
}
