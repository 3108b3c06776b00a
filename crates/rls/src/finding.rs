//! One finding: what breaks a rule, and what to do about it.

use serde::Serialize;

use crate::code::Code;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The wall stands but is weaker, or slower, than it should be.
    Warning,
    /// There is a way through the wall.
    Error,
}

/// A finding as `rowhouse rls doctor` prints it and as the start-up gate logs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which rule.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// What breaks it: a schema-qualified name or a role, quoted where SQL needs it.
    pub object: String,
    /// Why that matters, in one sentence.
    pub message: String,
    /// What to do; SQL where SQL does it.
    pub fix: String,
}
