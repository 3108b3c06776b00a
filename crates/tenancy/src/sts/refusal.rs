//! Why temporary credentials are refused: words for the log, never for the caller.

use std::fmt;

use super::token::SESSION_TOKEN_BYTES_MAX;

/// Why a session token does not count.
///
/// The text (`Display`) is for the log. A door may tell a caller of [`Refusal::Expired`], which
/// only the holder of a genuine token meets, and has one sentence for all the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// More bytes than the limit.
    TooLong(usize),
    /// Not base64url, too short, or of another version.
    NotAToken,
    /// Sealed with a key that is not configured, or no longer.
    UnknownKey,
    /// Changed, or not sealed with the key that it names.
    Broken,
    /// Sealed by us, with content that this version cannot read.
    Content,
    /// Not a caller that temporary credentials are for.
    NotATenant,
    /// The access key id beside it is not its own.
    AccessKeyId,
    /// At or past its end (Unix time).
    Expired(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(len) => write!(
                f,
                "the session token has {len} bytes, {SESSION_TOKEN_BYTES_MAX} are allowed"
            ),
            Self::NotAToken => f.write_str("the session token is none of ours"),
            Self::UnknownKey => f.write_str("no configured key has sealed the session token"),
            Self::Broken => f.write_str("the seal of the session token is broken"),
            Self::Content => f.write_str("the content of the session token cannot be read"),
            Self::NotATenant => f.write_str("temporary credentials are for tenants only"),
            Self::AccessKeyId => f.write_str("the access key id is not the session token's"),
            Self::Expired(at) => write!(f, "the session ended at {at} (Unix time)"),
        }
    }
}

impl std::error::Error for Refusal {}
