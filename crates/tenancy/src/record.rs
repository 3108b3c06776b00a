//! What the registry knows about one tenant.

use std::fmt;

use crate::ids::TenantId;
use crate::limits::Limits;
use crate::tier::TierName;

/// A name is for lists and headings; 200 characters hold any firm's.
pub const NAME_CHARS_MAX: usize = 200;

/// A reason is a sentence that the tenant reads in an error.
pub const REASON_CHARS_MAX: usize = 500;

/// One tenant, as the registry holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    /// Which tenant.
    pub id: TenantId,
    /// What people call it.
    pub name: Option<String>,
    /// Its tier; `None` leaves it to the credential and to the default of the configuration.
    pub tier: Option<TierName>,
    /// Whether its requests are answered.
    pub state: State,
    /// What it is limited to, over the limits of its tier.
    pub limits: Limits,
}

/// Whether a tenant's requests are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// They are.
    Active,
    /// They are refused.
    Suspended {
        /// Why, in words that the tenant is told.
        reason: String,
    },
}

/// Why a text is no name or no reason. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidText {
    /// Nothing, or nothing but spaces.
    Empty,
    /// More characters than the named limit.
    TooLong(usize),
    /// A control character: no terminal, log or header is to meet one.
    ControlCharacter,
}

impl State {
    /// The word for lists, the log and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended { .. } => "suspended",
        }
    }

    /// Why the tenant is refused, if it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Active => None,
            Self::Suspended { reason } => Some(reason),
        }
    }

    /// Suspended for this reason.
    pub fn suspended(reason: &str) -> Result<State, InvalidText> {
        Ok(Self::Suspended { reason: checked(reason, REASON_CHARS_MAX)? })
    }
}

/// A name as it may stand in a record: trimmed, one line, not too long.
pub fn checked_name(text: &str) -> Result<String, InvalidText> {
    checked(text, NAME_CHARS_MAX)
}

impl fmt::Display for InvalidText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; give at least one character"),
            Self::TooLong(limit) => write!(f, "it is longer than {limit} characters; shorten it"),
            Self::ControlCharacter => {
                f.write_str("it has a control character; write one line of printable characters")
            }
        }
    }
}

impl std::error::Error for InvalidText {}

fn checked(text: &str, chars_max: usize) -> Result<String, InvalidText> {
    let text = text.trim();
    if text.is_empty() {
        return Err(InvalidText::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidText::ControlCharacter);
    }
    if text.chars().count() > chars_max {
        return Err(InvalidText::TooLong(chars_max));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
