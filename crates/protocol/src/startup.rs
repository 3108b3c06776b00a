//! The first packet of a client, which has no tag: a session, TLS, GSSAPI, or a cancel request.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use crate::cursor::{Cursor, DecodeError};

/// PostgreSQL's own limit (`MAX_STARTUP_PACKET_LENGTH`): whoever sends it has not proven anything.
pub const STARTUP_BYTES_MAX: usize = 10_000;
/// Parameters of one start; drivers send about ten.
pub const PARAMETERS_MAX: usize = 100;

/// The length word.
const LENGTH_WORD_LEN: usize = 4;
const MAJOR: u16 = 3;
/// The newest minor version spoken: 3.2, whose cancel keys may be longer.
pub const MINOR_MAX: u16 = 2;
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_ENCRYPTION_REQUEST: u32 = 80_877_104;
/// Parameters of the protocol itself rather than of the session
/// (<https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-VERSIONS>).
const PROTOCOL_OPTION_PREFIX: &str = "_pq_.";

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Startup<'a> {
    /// TLS, before anything else.
    Tls,
    /// GSSAPI encryption, before anything else.
    GssEncryption,
    /// To cancel what another connection runs.
    Cancel {
        /// The number that the other connection was given.
        pid: i32,
        /// Its secret: 4 bytes, up to 256 since protocol 3.2.
        secret: &'a [u8],
    },
    /// A session.
    Session(Session<'a>),
    /// Another major version of the protocol.
    OtherProtocol(u16),
}

/// What a session is asked for with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session<'a> {
    /// The minor version asked for; above [`MINOR_MAX`] it must be negotiated.
    pub minor: u16,
    /// Names and values in the order they came.
    pub parameters: Vec<(&'a str, &'a str)>,
    /// Options of the protocol that nobody here knows.
    pub unknown_options: Vec<&'a str>,
}

impl<'a> Session<'a> {
    /// The last value of a parameter: PostgreSQL takes it so.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().rev().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }
}

/// How long the packet at the front of `buf` is, length word included; `Ok(None)` = not yet known.
pub fn packet_len(buf: &[u8]) -> Result<Option<usize>, DecodeError> {
    let Some(word) = buf.first_chunk::<LENGTH_WORD_LEN>() else { return Ok(None) };
    let len = usize::try_from(u32::from_be_bytes(*word)).map_err(|_| DecodeError::InvalidLength)?;
    // The code behind the length word is in every packet.
    let fits = (2 * LENGTH_WORD_LEN..=STARTUP_BYTES_MAX).contains(&len);
    if fits { Ok(Some(len)) } else { Err(DecodeError::InvalidLength) }
}

impl<'a> Startup<'a> {
    /// Decodes a whole packet, length word included.
    pub fn decode(packet: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(packet);
        fields.u32()?;
        match fields.u32()? {
            SSL_REQUEST => fields.end().map(|()| Self::Tls),
            GSS_ENCRYPTION_REQUEST => fields.end().map(|()| Self::GssEncryption),
            CANCEL_REQUEST => {
                let pid = fields.i32()?;
                let secret = fields.rest();
                match secret.len() {
                    4..=256 => Ok(Self::Cancel { pid, secret }),
                    _ => Err(DecodeError::InvalidLength),
                }
            }
            version => {
                let [a, b, c, d] = version.to_be_bytes();
                let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                if major == MAJOR {
                    session(&mut fields, minor).map(Self::Session)
                } else {
                    Ok(Self::OtherProtocol(major))
                }
            }
        }
    }
}

fn session<'a>(fields: &mut Cursor<'a>, minor: u16) -> Result<Session<'a>, DecodeError> {
    let mut session = Session { minor, ..Session::default() };
    loop {
        let name = fields.c_str()?;
        if name.is_empty() {
            fields.end()?;
            return Ok(session);
        }
        let value = fields.c_str()?;
        if session.parameters.len() + session.unknown_options.len() >= PARAMETERS_MAX {
            return Err(DecodeError::InvalidLength);
        }
        if name.starts_with(PROTOCOL_OPTION_PREFIX) {
            session.unknown_options.push(name);
        } else {
            session.parameters.push((name, value));
        }
    }
}

#[cfg(test)]
mod tests;
