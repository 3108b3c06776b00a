//! Limits as a JSON object: the registry's column, and what programs send and get.
//!
//! Who writes is told of every mistake. Who reads what another version has written, or a person in
//! SQL, takes what it knows and names the rest.

use serde_json::{Map, Value};

use super::{InvalidLimit, Limit, Limits};

/// Nine limits are under 400 bytes; ten times that is for white space and for newer versions.
pub const LIMITS_JSON_BYTES_MAX: usize = 4096;

impl Limits {
    /// The object of those that are set.
    pub fn to_json(&self) -> Value {
        let entry = |(limit, text): (Limit, String)| {
            let value = match self.value(limit).filter(|_| limit.is_count()) {
                Some(number) => Value::from(number),
                None => Value::from(text),
            };
            (limit.as_str().to_owned(), value)
        };
        Value::Object(self.entries().map(entry).collect::<Map<_, _>>())
    }

    /// Reads an object in which everything must be right.
    pub fn from_json(text: &str) -> Result<Limits, InvalidLimit> {
        match Self::read_json(text)? {
            (limits, ignored) if ignored.is_empty() => Ok(limits),
            (_, ignored) => Err(ignored.into_iter().next().unwrap_or(InvalidLimit::NotAnObject)),
        }
    }

    /// Reads what is known in an object, and says what is not.
    pub fn read_json(text: &str) -> Result<(Limits, Vec<InvalidLimit>), InvalidLimit> {
        if text.len() > LIMITS_JSON_BYTES_MAX {
            return Err(InvalidLimit::NotAnObject);
        }
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| InvalidLimit::NotAnObject)?;
        let (mut limits, mut ignored) = (Limits::default(), Vec::new());
        for (name, value) in &object {
            match Limit::named(name).and_then(|limit| Ok((limit, read(limit, value)?))) {
                Ok((limit, value)) => limits.put(limit, value),
                Err(invalid) => ignored.push(invalid),
            }
        }
        Ok((limits, ignored))
    }

    /// Sets and takes away what an object names (`null` takes away), or changes nothing.
    pub fn merge_json(&mut self, object: &Map<String, Value>) -> Result<(), InvalidLimit> {
        let mut merged = self.clone();
        for (name, value) in object {
            let limit = Limit::named(name)?;
            merged.put(limit, read(limit, value)?);
        }
        *self = merged;
        Ok(())
    }
}

fn read(limit: Limit, value: &Value) -> Result<Option<u64>, InvalidLimit> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if !limit.is_count() => limit.read(text).map(Some),
        Value::Number(number) => limit.read_number(number.as_u64()).map(Some),
        _ => Err(InvalidLimit::Value(limit)),
    }
}
