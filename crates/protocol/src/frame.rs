//! Framing: where one message ends and the next begins, and when a length is not to be believed.
//!
//! Every message but the very first of a client is a tag byte, a 32-bit length that counts itself
//! and the body, and the body:
//! <https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS>

use std::error::Error;
use std::fmt;

/// Tag byte and length word.
pub const HEADER_LEN: usize = 5;
/// The length word counts its own four bytes.
const LENGTH_WORD_LEN: u32 = 4;

/// What the first five bytes of a message say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Which message it is; the meaning depends on the direction.
    pub tag: u8,
    /// Bytes of the whole frame: tag, length word and body.
    pub len: usize,
}

impl FrameHeader {
    /// Bytes of the body alone.
    #[must_use]
    pub fn body_len(self) -> usize {
        self.len.saturating_sub(HEADER_LEN)
    }
}

/// A length that no honest peer sends; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The length does not even cover its own four bytes.
    TooShort {
        /// Which message claims it.
        tag: u8,
        /// The length word as it came.
        len: u32,
    },
    /// The body is longer than the reader is ready to hold.
    TooLong {
        /// Which message claims it.
        tag: u8,
        /// The length word as it came.
        len: u32,
        /// The longest body the reader takes.
        body_max: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { tag, len } => write!(
                f,
                "message {} claims the impossible length {len}; close the connection",
                tag.escape_ascii()
            ),
            Self::TooLong { tag, len, body_max } => write!(
                f,
                "message {} claims {len} bytes, more than the limit of {body_max}; \
                 send less at a time or raise the limit",
                tag.escape_ascii()
            ),
        }
    }
}

impl Error for FrameError {}

/// Reads the header at the front of `buf`. `Ok(None)` means that not even the header is there
/// yet; `Ok(Some(_))` says nothing about the body, of which only a part may have arrived:
/// compare `len` with `buf.len()`, or use [`split`].
pub fn peek(buf: &[u8], body_max: usize) -> Result<Option<FrameHeader>, FrameError> {
    let Some(&[tag, a, b, c, d]) = buf.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let len = u32::from_be_bytes([a, b, c, d]);
    let Some(body_len) = len.checked_sub(LENGTH_WORD_LEN) else {
        return Err(FrameError::TooShort { tag, len });
    };
    match usize::try_from(body_len) {
        Ok(body_len) if body_len <= body_max => {
            Ok(Some(FrameHeader { tag, len: HEADER_LEN.saturating_add(body_len) }))
        }
        _ => Err(FrameError::TooLong { tag, len, body_max }),
    }
}

/// One whole message at the front of `buf`: its header and its body. `Ok(None)` = not yet.
pub fn split(buf: &[u8], body_max: usize) -> Result<Option<(FrameHeader, &[u8])>, FrameError> {
    let Some(header) = peek(buf, body_max)? else {
        return Ok(None);
    };
    Ok(buf.get(HEADER_LEN..header.len).map(|body| (header, body)))
}

#[cfg(test)]
mod tests;
