//! The types that a statement's parameters are sent with, and which come next when PostgreSQL
//! cannot do with them.
//!
//! A string goes without a type, and PostgreSQL infers it; where it cannot, the string is text. An
//! array goes with the type of its values, so that `select :a` gives an array and not the text of
//! one; where that does not fit (`uuid[]`, an enum's), it goes without a type as well. A long goes
//! as `bigint`; where no function and no operator takes one, it goes as `integer`. What was found
//! is kept with the statement.

use std::borrow::Cow;

use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::oid;
use rowhouse_protocol::sqlstate::SqlState;

use super::Statement;
use crate::config::Database;
use crate::error::{Error, Kind};
use crate::pool::{StatementEntry, TypeChoice};

/// The types a statement goes out with.
pub fn types_for<'a>(entry: &StatementEntry, statement: &'a Statement) -> Cow<'a, [u32]> {
    let choice = entry.type_choice();
    if choice == TypeChoice::Declared {
        return Cow::Borrowed(&statement.types);
    }
    let typed = statement.types.iter().zip(&statement.values);
    Cow::Owned(
        typed
            .map(|(&declared, value)| match choice {
                TypeChoice::Text if declared == oid::UNSPECIFIED => value.fallback_type,
                TypeChoice::Narrow if declared == oid::INT8 => oid::INT4,
                TypeChoice::Open if value.fallback_type == oid::UNSPECIFIED => oid::UNSPECIFIED,
                _ => declared,
            })
            .collect(),
    )
}

/// Whether PostgreSQL may be unable to do with the types a statement goes out with, as far as is
/// known.
pub fn is_uncertain(entry: &StatementEntry, statement: &Statement) -> bool {
    let uncertain = has_open_types(statement) || has_arrays(statement) || has_longs(statement);
    !entry.types_accepted() && uncertain
}

/// Chooses other types after PostgreSQL has refused a statement's text; false when there are none
/// or when types are not what is wrong.
pub fn choose_others(entry: &StatementEntry, statement: &Statement, error: &ServerError) -> bool {
    let arrays = has_arrays(statement);
    let misfit = arrays && does_not_fit(error.code);
    let next = match entry.type_choice() {
        TypeChoice::Declared if misfit => Some(TypeChoice::Open),
        TypeChoice::Declared if cannot_infer(error.code) && has_open_types(statement) => {
            Some(TypeChoice::Text)
        }
        TypeChoice::Declared if too_wide(error.code) && has_longs(statement) => {
            Some(TypeChoice::Narrow)
        }
        TypeChoice::Open if misfit || cannot_infer(error.code) => Some(TypeChoice::Text),
        // It was not for the types: another time, from the beginning.
        TypeChoice::Text | TypeChoice::Narrow if does_not_fit(error.code) => {
            entry.choose_types(TypeChoice::Declared);
            None
        }
        _ => None,
    };
    if let Some(next) = next {
        entry.choose_types(next);
    }
    next.is_some()
}

/// Refuses arrays as the service does, where that is what is wanted.
pub fn check_arrays(database: &Database, statement: &Statement) -> Result<(), Error> {
    if database.strict && has_arrays(statement) {
        return Err(Error::new(Kind::Invalid, "Array parameters are not supported"));
    }
    Ok(())
}

fn has_open_types(statement: &Statement) -> bool {
    statement.types.contains(&oid::UNSPECIFIED)
}

/// Whether a type is declared that may be left open instead.
fn has_arrays(statement: &Statement) -> bool {
    let typed = statement.types.iter().zip(&statement.values);
    typed.into_iter().any(|(&declared, value)| {
        declared != oid::UNSPECIFIED && value.fallback_type == oid::UNSPECIFIED
    })
}

fn has_longs(statement: &Statement) -> bool {
    statement.types.contains(&oid::INT8)
}

/// Functions and operators that take `integer` (`jsonb -> 0`, `generate_subscripts`, most that
/// people write) do not take `bigint`, and no cast goes there by itself.
fn too_wide(code: SqlState) -> bool {
    code == SqlState::UNDEFINED_FUNCTION
}

/// PostgreSQL cannot tell the type of a parameter that was left open.
fn cannot_infer(code: SqlState) -> bool {
    code == SqlState::INDETERMINATE_DATATYPE
        || code == SqlState::AMBIGUOUS_PARAMETER
        || code == SqlState::AMBIGUOUS_FUNCTION
}

/// No operator, function, column or cast takes a value of such a type. An open type where only
/// the arguments tell the type of the function is a mismatch, too.
fn does_not_fit(code: SqlState) -> bool {
    code == SqlState::UNDEFINED_FUNCTION
        || code == SqlState::DATATYPE_MISMATCH
        || code == SqlState::CANNOT_COERCE
        || code == SqlState::AMBIGUOUS_FUNCTION
}
