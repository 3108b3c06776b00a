//! `arrayValue` as a parameter, an extension: the service refuses it.
//!
//! An array is bound as the text that PostgreSQL reads arrays from
//! (<https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT>). Whether its dimensions fit
//! each other is left to PostgreSQL.

use bytes::Bytes;
use rowhouse_protocol::oid;

use super::TypeHint;

/// An `ArrayValue`: one list of values, NULL among them, or one of arrays.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayValue {
    /// `booleanValues`
    Booleans(Vec<Option<bool>>),
    /// `longValues`
    Longs(Vec<Option<i64>>),
    /// `doubleValues`
    Doubles(Vec<Option<f64>>),
    /// `stringValues`
    Strings(Vec<Option<String>>),
    /// `arrayValues`: the next dimension.
    Arrays(Vec<ArrayValue>),
}

impl ArrayValue {
    /// The type of its values, found where the dimensions end; strings are what their hint says.
    /// `None` if the values are of several types.
    pub(crate) fn element_type(&self, hint: Option<TypeHint>) -> Option<u32> {
        match self {
            ArrayValue::Booleans(_) => Some(oid::BOOL),
            ArrayValue::Longs(_) => Some(oid::INT8),
            ArrayValue::Doubles(_) => Some(oid::FLOAT8),
            ArrayValue::Strings(_) => Some(hint.map_or(oid::TEXT, TypeHint::type_oid)),
            ArrayValue::Arrays(arrays) => {
                let mut types = arrays.iter().map(|array| array.element_type(hint));
                let first = types.next().unwrap_or(Some(oid::TEXT))?;
                types.all(|other| other == Some(first)).then_some(first)
            }
        }
    }

    /// The text that PostgreSQL reads it from.
    pub(super) fn text(&self) -> Bytes {
        let mut text = Vec::new();
        self.write(&mut text);
        Bytes::from(text)
    }

    /// The depth is bounded by the parser of requests.
    fn write(&self, text: &mut Vec<u8>) {
        match self {
            ArrayValue::Booleans(values) => list(text, values, |text, value| {
                text.push(if *value { b't' } else { b'f' });
            }),
            ArrayValue::Longs(values) => list(text, values, |text, value| {
                text.extend_from_slice(itoa::Buffer::new().format(*value).as_bytes());
            }),
            ArrayValue::Doubles(values) => list(text, values, |text, value| {
                text.extend_from_slice(&super::bind::double_text(*value));
            }),
            ArrayValue::Strings(values) => list(text, values, |text, value| quoted(text, value)),
            ArrayValue::Arrays(arrays) => {
                separated(text, arrays, |text, array| array.write(text));
            }
        }
    }
}

fn list<T>(text: &mut Vec<u8>, values: &[Option<T>], write: fn(&mut Vec<u8>, &T)) {
    separated(text, values, |text, value| match value {
        None => text.extend_from_slice(b"NULL"),
        Some(value) => write(text, value),
    });
}

fn separated<T>(text: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    text.push(b'{');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write(text, item);
    }
    text.push(b'}');
}

/// Between quotes only the quote and the backslash mean something.
fn quoted(text: &mut Vec<u8>, value: &str) {
    text.push(b'"');
    for byte in value.bytes() {
        if matches!(byte, b'"' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests;
