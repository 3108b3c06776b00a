//! Parameters bound to a statement: `:name` becomes `$n`, values become the bytes of a Bind
//! message.
//!
//! A string without a hint is sent without a type, so that PostgreSQL infers it: uuid, enum, jsonb
//! and inet columns take it as they are, where the service insists on casts. When PostgreSQL cannot
//! infer it (42P18, 42P08, 42725) the statement is prepared again with the fallback types, the
//! service's own. An array is sent with the type of its values, and without one where that does not
//! fit. Everything but bytea goes in text format: PostgreSQL's input functions are the rule.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use rowhouse_protocol::named::{Rewritten, rewrite};
use rowhouse_protocol::oid;

use super::{ArrayValue, SqlParameter, TypeHint, Value};
use crate::fault::Fault;

/// A Bind message counts its parameters in sixteen bits.
pub const PARAMETERS_PER_STATEMENT_MAX: usize = 65_535;

/// A statement in the form PostgreSQL takes, with its values. Calls of the same shape (the same
/// text, the same kinds of values) have the same `sql` and `types`, which makes them a key for
/// prepared statements.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundStatement {
    /// The text with `$n`. The sets of a batch share it.
    pub sql: Arc<str>,
    /// The type of each `$n`; 0 leaves it to PostgreSQL.
    pub types: Vec<u32>,
    /// The value of each `$n`.
    pub values: Vec<BoundValue>,
    /// Where the text differs from the caller's; `None` if it does not.
    positions: Option<Arc<Rewritten<'static>>>,
}

/// One value of a Bind message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundValue {
    /// The bytes; `None` is NULL.
    pub value: Option<Bytes>,
    /// Whether they are in binary format.
    pub binary: bool,
    /// The type to send when PostgreSQL cannot infer one that was left open; 0 where the type may
    /// be left open instead.
    pub fallback_type: u32,
}

impl BoundStatement {
    /// Where a character of `sql`, counted from 1, stands in the caller's text.
    pub fn original_position(&self, position: u32) -> u32 {
        self.positions.as_ref().map_or(position, |map| map.original_position(position))
    }
}

/// Binds parameters to a statement. Parameters that the statement does not name are ignored.
pub fn bind(sql: &str, parameters: &[SqlParameter]) -> Result<BoundStatement, Fault> {
    Ok(Numbered::new(sql, parameters)?.bind_first())
}

/// Binds each set of a batch to one text. It is scanned once, with the names of the first set; a
/// later set may order its parameters otherwise, but has to have those that the statement uses.
pub fn bind_sets(sql: &str, sets: &[Vec<SqlParameter>]) -> Result<Vec<BoundStatement>, Fault> {
    let Some(first) = sets.first() else { return Ok(Vec::new()) };
    let numbered = Numbered::new(sql, first)?;
    sets.iter().map(|set| numbered.bind(set)).collect()
}

/// A statement whose `:name` have become `$n`.
struct Numbered<'p> {
    sql: Arc<str>,
    /// The parameters the names were taken from.
    first: &'p [SqlParameter],
    /// For each `$n` the place of its parameter in that list.
    order: Vec<usize>,
    positions: Option<Arc<Rewritten<'static>>>,
}

impl<'p> Numbered<'p> {
    fn new(sql: &str, first: &'p [SqlParameter]) -> Result<Numbered<'p>, Fault> {
        let places = places(first)?;
        let mut rewritten = rewrite(sql, &|name| places.get(name).copied())
            .map_err(|missing| Fault::missing_parameter(&missing.name))?;
        if rewritten.order.len() > PARAMETERS_PER_STATEMENT_MAX {
            return Err(Fault::validation(format!(
                "The statement uses more than {PARAMETERS_PER_STATEMENT_MAX} parameters"
            )));
        }
        let sql = Arc::from(&*rewritten.sql);
        let order = std::mem::take(&mut rewritten.order);
        // Only the map of positions is kept of it.
        rewritten.sql = "".into();
        let positions = (!order.is_empty()).then(|| Arc::new(rewritten.into_owned()));
        Ok(Numbered { sql, first, order, positions })
    }

    fn bind(&self, set: &[SqlParameter]) -> Result<BoundStatement, Fault> {
        if same_names(self.first, set) {
            return Ok(self.bound(self.order.iter().filter_map(|&place| set.get(place))));
        }
        let places = places(set)?;
        let used = self.used_in_first().map(|parameter| {
            let place = places.get(parameter.name.as_str());
            place
                .and_then(|&place| set.get(place))
                .ok_or_else(|| Fault::missing_parameter(&parameter.name))
        });
        let used: Vec<&SqlParameter> = used.collect::<Result<_, _>>()?;
        Ok(self.bound(used.into_iter()))
    }

    fn bind_first(&self) -> BoundStatement {
        self.bound(self.used_in_first())
    }

    /// The parameter of each `$n`.
    fn used_in_first(&self) -> impl Iterator<Item = &'p SqlParameter> {
        self.order.iter().filter_map(|&place| self.first.get(place))
    }

    fn bound<'s>(&self, used: impl Iterator<Item = &'s SqlParameter>) -> BoundStatement {
        let mut types = Vec::with_capacity(self.order.len());
        let mut values = Vec::with_capacity(self.order.len());
        for parameter in used {
            let (type_oid, value) = bind_value(parameter);
            types.push(type_oid);
            values.push(value);
        }
        let (sql, positions) = (Arc::clone(&self.sql), self.positions.clone());
        BoundStatement { sql, types, values, positions }
    }
}

fn places(parameters: &[SqlParameter]) -> Result<HashMap<&str, usize>, Fault> {
    let mut places = HashMap::with_capacity(parameters.len());
    for (place, parameter) in parameters.iter().enumerate() {
        if places.insert(parameter.name.as_str(), place).is_some() {
            return Err(Fault::duplicate_parameter(&parameter.name));
        }
    }
    Ok(places)
}

fn same_names(one: &[SqlParameter], other: &[SqlParameter]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.name == other.name)
}

fn bind_value(parameter: &SqlParameter) -> (u32, BoundValue) {
    if let Value::Array(array) = &parameter.value {
        return bind_array(array, parameter.type_hint);
    }
    let (type_oid, value) = match &parameter.value {
        // Without a type a NULL fits into any column, an array's as well.
        Value::Null => (oid::UNSPECIFIED, None),
        Value::Boolean(value) => {
            let text: &'static [u8] = if *value { b"t" } else { b"f" };
            (oid::BOOL, Some(Bytes::from_static(text)))
        }
        Value::Long(value) => {
            let mut buffer = itoa::Buffer::new();
            let text = buffer.format(*value).as_bytes();
            (oid::INT8, Some(Bytes::copy_from_slice(text)))
        }
        Value::Double(value) => (oid::FLOAT8, Some(double_text(*value))),
        Value::Text(text) => {
            (hinted_type(parameter.type_hint), Some(Bytes::copy_from_slice(text.as_bytes())))
        }
        Value::Blob(bytes) => (oid::BYTEA, Some(bytes.clone())),
        Value::Array(array) => (oid::UNSPECIFIED, Some(array.text())),
    };
    let binary = type_oid == oid::BYTEA;
    let fallback_type = match (type_oid, parameter.type_hint) {
        (oid::UNSPECIFIED, Some(TypeHint::Json)) => oid::JSONB,
        (oid::UNSPECIFIED, _) => oid::TEXT,
        (declared, _) => declared,
    };
    (type_oid, BoundValue { value, binary, fallback_type })
}

/// The type of its values comes first: a list alone tells PostgreSQL nothing, and would be text.
fn bind_array(array: &ArrayValue, hint: Option<TypeHint>) -> (u32, BoundValue) {
    let element = array.element_type(hint);
    let type_oid = element.and_then(oid::array_of).unwrap_or(oid::TEXT_ARRAY);
    let value = Some(array.text());
    (type_oid, BoundValue { value, binary: false, fallback_type: oid::UNSPECIFIED })
}

/// A JSON hint leaves the choice between json and jsonb to PostgreSQL.
fn hinted_type(hint: Option<TypeHint>) -> u32 {
    match hint {
        None | Some(TypeHint::Json) => oid::UNSPECIFIED,
        Some(hint) => hint.type_oid(),
    }
}

/// The shortest text that reads back as the same double.
pub(super) fn double_text(value: f64) -> Bytes {
    if value.is_nan() {
        Bytes::from_static(b"NaN")
    } else if value.is_infinite() {
        Bytes::from_static(if value > 0.0 { b"Infinity" } else { b"-Infinity" })
    } else {
        Bytes::from(format!("{value:?}"))
    }
}

#[cfg(test)]
mod tests;
