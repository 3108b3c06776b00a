//! The `options` of a start, read by PostgreSQL's own rules: spaces part words, a backslash takes
//! what follows it as it is, `-c name=value` and `--name=value` set a parameter.
//!
//! The rules are `pg_split_opts` and `ParseLongOption` of PostgreSQL's sources; poolers that cut at
//! every `-c` have made `acme-corp` the tenant `acme`.

use std::error::Error;
use std::fmt;

/// One parameter of the options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The name; `-` in it has become `_`.
    pub name: String,
    /// The value, whatever is in it.
    pub value: String,
}

/// Why options cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionsError {
    /// A word that sets no parameter.
    Unknown(String),
    /// A name without `=` and a value.
    NoValue(String),
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(
                f,
                "options: {word:?} is not supported; write -c name=value or --name=value, and a \
                 backslash before spaces in a value"
            ),
            Self::NoValue(word) => write!(f, "options: {word:?} requires a value; add =value"),
        }
    }
}

impl Error for OptionsError {}

/// The parameters that options set, in order.
pub fn settings(options: &str) -> Result<Vec<Setting>, OptionsError> {
    let mut words = split(options).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let long = word.strip_prefix("--").filter(|rest| !rest.is_empty());
        let assigned = match (long, word.strip_prefix("-c")) {
            (Some(rest), _) => rest.to_owned(),
            (None, Some("")) => match words.next() {
                Some(next) => next,
                None => return Err(OptionsError::NoValue(word)),
            },
            (None, Some(rest)) => rest.to_owned(),
            (None, None) => return Err(OptionsError::Unknown(word)),
        };
        let Some((name, value)) = assigned.split_once('=') else {
            return Err(OptionsError::NoValue(assigned));
        };
        settings.push(Setting { name: name.replace('-', "_"), value: value.to_owned() });
    }
    Ok(settings)
}

fn split(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            // isspace() of the C locale.
            ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests;
