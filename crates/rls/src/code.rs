//! The stable codes of all findings, in one table.
//!
//! A code never changes its meaning and is never used again: configurations accept findings by it.
//! The hundreds are families: `RH0xx` roles, and to come `RH1xx` tables, `RH2xx` policies,
//! `RH3xx` functions and views, `RH4xx` speed, `RH5xx` the sealed context. Among the roles,
//! `RH00x` is what the login role is, `RH01x` what it can become.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::finding::Severity;

/// Declares the codes and their table side by side, so that neither can miss one.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)+) => {
        /// Which rule a finding breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            /// Every code, in ascending order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as it is printed, configured and documented.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    /// The login role is a superuser: row-level security does not exist for it.
    LoginSuperuser = "RH001", Error;
    /// The login role has BYPASSRLS.
    LoginBypassRls = "RH002", Error;
    /// The login role has REPLICATION: it can copy the whole cluster, rows of all tenants included.
    LoginReplication = "RH003", Error;
    /// The login role has CREATEROLE: up to PostgreSQL 15 it can grant itself nearly any role.
    LoginCreateRole = "RH004", Error;
    /// The login role owns a tenant table: it can switch row-level security off.
    LoginOwnsTable = "RH005", Error;
    /// The login role can become a superuser.
    BecomesSuperuser = "RH011", Error;
    /// The login role can become a role with BYPASSRLS.
    BecomesBypassRls = "RH012", Error;
    /// The login role can become a role with REPLICATION.
    BecomesReplication = "RH013", Error;
    /// The login role can become a role with CREATEROLE.
    BecomesCreateRole = "RH014", Error;
    /// The login role is a member of the owner of a tenant table.
    MemberOfTableOwner = "RH015", Error;
    /// The login role may read or write files or run programs on the server.
    ReachesServerFiles = "RH016", Error;
}

impl Code {
    /// Reads a code as [`Code::as_str`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
