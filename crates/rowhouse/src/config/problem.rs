//! One thing that is wrong with a configuration, where it stands, and what to write instead.

use std::fmt;

/// One thing that is wrong. It prints as `rowhouse.toml:12: pool.shards: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub place: Place,
    /// The key with its section, as `pool.shards`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the compiled-in defaults.
    Default,
    /// In the file.
    File {
        /// The line, counted from 1; `None` for what should be there and is not.
        line: Option<usize>,
        /// The file as it was named.
        name: String,
    },
    /// In an environment variable.
    Environment {
        /// The variable.
        variable: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("default"),
            Place::File { line: Some(line), name } => write!(f, "{name}:{line}"),
            Place::File { line: None, name } => f.write_str(name),
            Place::Environment { variable } => f.write_str(variable),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}
