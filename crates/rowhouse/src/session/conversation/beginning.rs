//! What a client's session begins with, as PostgreSQL is told it: settings for the session, in a
//! transaction of their own, so that they stay whatever becomes of the client's.

use bytes::BytesMut;
use rowhouse_protocol::frontend::{self, EncodeError, Parameter};
use rowhouse_protocol::oid;

use crate::session::exchange::write_command;
use crate::session::series::Making;

/// For how long settings are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// For the session.
    Session,
    /// To see whether they can be made.
    Trial,
}

/// Writes the settings, closed by a `Sync`.
pub fn write(
    buf: &mut BytesMut,
    settings: &[(String, String)],
    making: Making,
    scope: Scope,
) -> Result<(), EncodeError> {
    match making {
        Making::Call => write_call(buf, settings, scope)?,
        Making::Commands => {
            for command in commands(settings, scope) {
                write_command(buf, &command)?;
            }
        }
    }
    frontend::sync(buf);
    Ok(())
}

/// How many commands that takes.
pub fn count(settings: &[(String, String)], making: Making, scope: Scope) -> usize {
    match making {
        Making::Call => 1,
        Making::Commands => commands(settings, scope).len(),
    }
}

fn write_call(
    buf: &mut BytesMut,
    settings: &[(String, String)],
    scope: Scope,
) -> Result<(), EncodeError> {
    let texts = settings.iter().flat_map(|(name, value)| [name, value]);
    let values: Vec<Parameter<'_>> = texts.map(|text| Parameter::text(text)).collect();
    let types = vec![oid::TEXT; values.len()];
    frontend::parse(buf, "", &call(settings.len(), scope), &types)?;
    frontend::bind(buf, "", "", &values)?;
    frontend::execute(buf, "", 0)
}

/// The statement that makes `n` settings at once.
fn call(n: usize, scope: Scope) -> String {
    let local = scope == Scope::Trial;
    let call =
        |at: usize| format!("pg_catalog.set_config(${}, ${}, {local})", at * 2 + 1, at * 2 + 2);
    format!("select {}", (0..n).map(call).collect::<Vec<_>>().join(", "))
}

fn commands(settings: &[(String, String)], scope: Scope) -> Vec<String> {
    let own = settings.iter().map(|(name, value)| command(name, value));
    match scope {
        Scope::Session => own.collect(),
        Scope::Trial => {
            let [begin, end] = ["BEGIN", "ROLLBACK"].map(|word| std::iter::once(word.to_owned()));
            begin.chain(own).chain(end).collect()
        }
    }
}

/// One setting by SET, which takes no parameters: the name in quotes, part by part, and the value
/// as a literal that means the same whatever `standard_conforming_strings` is.
fn command(name: &str, value: &str) -> String {
    let quote = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    let name: Vec<String> = name.split('.').map(quote).collect();
    let value = value.replace('\'', "''");
    let literal = match value.contains('\\') {
        true => format!("E'{}'", value.replace('\\', "\\\\")),
        false => format!("'{value}'"),
    };
    format!("SET SESSION {} TO {literal}", name.join("."))
}

#[cfg(test)]
mod tests;
