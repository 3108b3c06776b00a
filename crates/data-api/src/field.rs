//! One PostgreSQL value in text format as a `Field`, written straight into the answer.
//!
//! A `Field` has exactly one member: SDKs refuse the whole response otherwise. The type of the
//! column says which; a value that is not what its type says (no server sends one) becomes a
//! string, so that the JSON holds whatever comes. Types that the service refuses (money, ranges,
//! points …) are returned as text.
//! <https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_Field.html>
//!
//! Choices where no source settles the form: elements of `numeric[]` are strings, or numbers of one
//! kind where numbers are asked for; elements of `bytea[]` are strings as PostgreSQL writes them;
//! `timetz` is moved to UTC like `timestamptz`; arrays of several dimensions are nested
//! `arrayValues`, which the service refuses.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowhouse_protocol::oid;
use rowhouse_protocol::text::{Element, decode_bool, decode_bytea, parse_array};

use crate::catalog::NamedType;
use crate::{instant, json};

/// How `numeric` is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DecimalReturnType {
    /// As a string with every digit.
    #[default]
    String,
    /// As a long if it has no fraction, as a double otherwise. What fits neither stays a string.
    DoubleOrLong,
}

/// How integers are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LongReturnType {
    /// As a JSON number, which JavaScript rounds beyond 2^53.
    #[default]
    Long,
    /// As a string.
    String,
}

/// `resultSetOptions`: how numbers are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ResultSetOptions {
    /// How `numeric` is returned.
    pub decimal_return_type: DecimalReturnType,
    /// How integers are returned.
    pub long_return_type: LongReturnType,
}

/// How the values of one column become fields; worked out once per result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldType {
    pub(crate) scalar: Scalar,
    /// What parts the elements, if the column holds arrays.
    pub(crate) delimiter: Option<u8>,
}

impl FieldType {
    /// How values of a type become fields. A type that is not built in is not known by its oid;
    /// without `named` it is text as PostgreSQL writes it, arrays as well.
    pub fn of(type_oid: u32, named: Option<&NamedType>, options: ResultSetOptions) -> FieldType {
        if let Some(array) = named.and_then(|named| named.array) {
            let scalar = Scalar::of(array.element_oid, options);
            return FieldType { scalar, delimiter: Some(array.delimiter) };
        }
        match oid::element_of(type_oid) {
            None => FieldType { scalar: Scalar::of(type_oid, options), delimiter: None },
            Some(element) => FieldType {
                scalar: Scalar::of(element, options),
                delimiter: Some(oid::delimiter_of(element)),
            },
        }
    }

    /// Whether a value is an array of more than one dimension.
    pub(crate) fn is_nested(self, text: &[u8]) -> bool {
        let (Some(delimiter), Ok(text)) = (self.delimiter, std::str::from_utf8(text)) else {
            return false;
        };
        let elements = parse_array(text, delimiter).unwrap_or_default();
        matches!(elements.first(), Some(Element::Array(_)))
    }

    /// Writes one `Field`; `None` is SQL's NULL.
    pub fn write(self, out: &mut Vec<u8>, value: Option<&[u8]>) {
        let Some(text) = value else {
            return out.extend_from_slice(b"{\"isNull\":true}");
        };
        let start = out.len();
        if let Some(delimiter) = self.delimiter {
            if write_array_field(out, self.scalar, text, delimiter).is_some() {
                return;
            }
            out.truncate(start);
        }
        let plain = if self.delimiter.is_some() { Scalar::Text } else { self.scalar };
        write_scalar_field(out, &plain.value(text));
    }
}

/// What a value that is no array is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Long,
    Double,
    /// `numeric` that is to be returned as a number.
    Decimal,
    Boolean,
    Blob,
    Json,
    Timestamptz,
    Timetz,
    Text,
}

/// One value, checked: what stands in it is what its variant says.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// A JSON integer.
    Long(&'a [u8]),
    /// A JSON number.
    Double(&'a [u8]),
    /// NaN or an infinity, which JSON has no number for.
    NotFinite(&'a [u8]),
    Boolean(bool),
    Blob(Vec<u8>),
    /// A JSON document.
    Json(&'a [u8]),
    Text(Cow<'a, [u8]>),
}

impl Scalar {
    fn of(type_oid: u32, options: ResultSetOptions) -> Scalar {
        match type_oid {
            oid::INT2 | oid::INT4 | oid::INT8 => match options.long_return_type {
                LongReturnType::Long => Scalar::Long,
                LongReturnType::String => Scalar::Text,
            },
            oid::NUMERIC => match options.decimal_return_type {
                DecimalReturnType::String => Scalar::Text,
                DecimalReturnType::DoubleOrLong => Scalar::Decimal,
            },
            oid::FLOAT4 | oid::FLOAT8 => Scalar::Double,
            oid::BOOL => Scalar::Boolean,
            oid::BYTEA => Scalar::Blob,
            oid::JSON | oid::JSONB => Scalar::Json,
            oid::TIMESTAMPTZ => Scalar::Timestamptz,
            oid::TIMETZ => Scalar::Timetz,
            _ => Scalar::Text,
        }
    }

    /// The value that PostgreSQL's text stands for.
    pub(crate) fn value(self, text: &[u8]) -> Value<'_> {
        let value = match self {
            Scalar::Long => json::is_long(text).then_some(Value::Long(text)),
            Scalar::Double => double(text),
            Scalar::Decimal if json::is_long(text) => Some(Value::Long(text)),
            Scalar::Decimal => double(text),
            Scalar::Boolean => decode_bool(text).ok().map(Value::Boolean),
            Scalar::Blob => decode_bytea(text).ok().map(Value::Blob),
            Scalar::Json => Some(Value::Json(text)),
            Scalar::Timestamptz => Some(moved(text, instant::timestamp_in_utc)),
            Scalar::Timetz => Some(moved(text, instant::time_in_utc)),
            Scalar::Text => None,
        };
        value.unwrap_or(Value::Text(Cow::Borrowed(text)))
    }
}

/// Without an exponent, a number of so many digits is one that a double can hold.
const DOUBLE_DIGITS_SURE: usize = 308;

fn double(text: &[u8]) -> Option<Value<'_>> {
    let exponent = || text.iter().any(|byte| matches!(byte, b'e' | b'E'));
    match text {
        b"NaN" | b"Infinity" | b"-Infinity" => Some(Value::NotFinite(text)),
        _ if !json::is_number(text) => None,
        // A numeric may be beyond any double; as a string it keeps its value.
        _ if text.len() > DOUBLE_DIGITS_SURE || exponent() => {
            let finite = json::lossy(text).parse().is_ok_and(f64::is_finite);
            finite.then_some(Value::Double(text))
        }
        _ => Some(Value::Double(text)),
    }
}

fn moved<'a>(text: &'a [u8], to_utc: fn(&str) -> Cow<'_, str>) -> Value<'a> {
    Value::Text(match std::str::from_utf8(text).map(to_utc) {
        Ok(Cow::Borrowed(utc)) => Cow::Borrowed(utc.as_bytes()),
        Ok(Cow::Owned(utc)) => Cow::Owned(utc.into_bytes()),
        Err(_) => Cow::Borrowed(text),
    })
}

fn write_scalar_field(out: &mut Vec<u8>, value: &Value<'_>) {
    let member: &[u8] = match value {
        Value::Long(_) => b"{\"longValue\":",
        Value::Double(_) | Value::NotFinite(_) => b"{\"doubleValue\":",
        Value::Boolean(_) => b"{\"booleanValue\":",
        Value::Blob(_) => b"{\"blobValue\":",
        Value::Json(_) | Value::Text(_) => b"{\"stringValue\":",
    };
    out.extend_from_slice(member);
    write_value(out, value);
    out.push(b'}');
}

/// Writes the value as JSON.
fn write_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Double(text) => write_double(out, text),
        other => write_undisputed(out, other),
    }
}

/// Writes a value whose JSON is the same in fields and in formatted records. A double is not one of
/// them.
pub(crate) fn write_undisputed(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Long(number) | Value::Double(number) => out.extend_from_slice(number),
        Value::NotFinite(text) => json::string(out, text),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Blob(bytes) => {
            out.push(b'"');
            write_base64(out, bytes);
            out.push(b'"');
        }
        Value::Json(document) => {
            out.push(b'"');
            json::escape_compact(out, json::lossy(document).as_bytes());
            out.push(b'"');
        }
        Value::Text(text) => json::string(out, text),
    }
}

/// The server's own shortest digits, with `.0` where nothing else says that it is no integer:
/// languages that tell the two apart by their spelling shall see a double.
fn write_double(out: &mut Vec<u8>, number: &[u8]) {
    out.extend_from_slice(number);
    if !number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        out.extend_from_slice(b".0");
    }
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    // Four characters for every three bytes begun.
    let len = bytes.len().div_ceil(3).saturating_mul(4);
    out.resize(start.saturating_add(len), 0);
    let written = out.get_mut(start..).and_then(|room| STANDARD.encode_slice(bytes, room).ok());
    out.truncate(start.saturating_add(written.unwrap_or(0)));
}

/// `None`, with `out` in disorder, if the text is not an array of such values.
fn write_array_field(out: &mut Vec<u8>, scalar: Scalar, text: &[u8], delimiter: u8) -> Option<()> {
    let elements = parse_array(std::str::from_utf8(text).ok()?, delimiter).ok()?;
    out.extend_from_slice(b"{\"arrayValue\":");
    let scalar = if scalar == Scalar::Decimal { one_kind(&elements) } else { scalar };
    write_array(out, scalar, &elements)?;
    out.push(b'}');
    Some(())
}

/// One `ArrayValue`. Empty lists have a type as well. The depth is bounded by the parser.
fn write_array(out: &mut Vec<u8>, scalar: Scalar, elements: &[Element<'_>]) -> Option<()> {
    let nested = matches!(elements.first(), Some(Element::Array(_)));
    let (scalar, member): (_, &[u8]) = match scalar {
        _ if nested => (scalar, b"{\"arrayValues\":["),
        Scalar::Long => (scalar, b"{\"longValues\":["),
        Scalar::Double => (scalar, b"{\"doubleValues\":["),
        Scalar::Boolean => (scalar, b"{\"booleanValues\":["),
        Scalar::Decimal | Scalar::Blob => (Scalar::Text, b"{\"stringValues\":["),
        _ => (scalar, b"{\"stringValues\":["),
    };
    out.extend_from_slice(member);
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match element {
            Element::Array(elements) if nested => write_array(out, scalar, elements)?,
            Element::Item(item) if !nested => write_item(out, scalar, item.as_deref())?,
            _ => return None,
        }
    }
    out.extend_from_slice(b"]}");
    Some(())
}

/// One array has one kind of list: what would be a long here and a double there is a double, and
/// where a value is neither, all are strings.
fn one_kind(elements: &[Element<'_>]) -> Scalar {
    let kinds = elements.iter().map(|element| match element {
        Element::Array(elements) => one_kind(elements),
        Element::Item(None) => Scalar::Long,
        Element::Item(Some(text)) => match Scalar::Decimal.value(text.as_bytes()) {
            Value::Long(_) => Scalar::Long,
            Value::Double(_) | Value::NotFinite(_) => Scalar::Double,
            _ => Scalar::Text,
        },
    });
    kinds.fold(Scalar::Long, |one, other| match (one, other) {
        (Scalar::Long, other) => other,
        (Scalar::Double, Scalar::Long) => Scalar::Double,
        (Scalar::Double, other) => other,
        (one, _) => one,
    })
}

fn write_item(out: &mut Vec<u8>, scalar: Scalar, item: Option<&str>) -> Option<()> {
    let Some(text) = item else {
        out.extend_from_slice(b"null");
        return Some(());
    };
    let value = scalar.value(text.as_bytes());
    let stray = matches!(value, Value::Text(_))
        && matches!(scalar, Scalar::Long | Scalar::Double | Scalar::Boolean);
    (!stray).then(|| write_value(out, &value))
}

#[cfg(test)]
mod tests;
