//! One `ArrayValue` as it stands in the JSON of a request.

use rowhouse_protocol::text::DIMENSIONS_MAX;
use serde::Deserialize;

use super::parameter::Double;
use crate::fault::Fault;
use crate::parameter::ArrayValue;

/// The members of a union, of which one may be there. Nesting is bounded by the JSON parser.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Written {
    boolean_values: Option<Vec<Option<bool>>>,
    long_values: Option<Vec<Option<i64>>>,
    double_values: Option<Vec<Option<Double>>>,
    string_values: Option<Vec<Option<String>>>,
    array_values: Option<Vec<Written>>,
}

impl Written {
    /// The array, if it is one that PostgreSQL can hold.
    pub(super) fn checked(self) -> Result<ArrayValue, Fault> {
        let array = self.union(1)?;
        match array.element_type(None) {
            Some(_) => Ok(array),
            None => Err(Fault::validation("The values of an array must all be of one type")),
        }
    }

    fn union(self, dimension: usize) -> Result<ArrayValue, Fault> {
        if dimension > DIMENSIONS_MAX {
            let message = format!("An array can't have more than {DIMENSIONS_MAX} dimensions");
            return Err(Fault::validation(message));
        }
        let doubles = |values: Vec<Option<Double>>| {
            ArrayValue::Doubles(values.into_iter().map(|value| value.map(|v| v.0)).collect())
        };
        let arrays = |arrays: Vec<Written>| {
            let arrays = arrays.into_iter().map(|array| array.union(dimension.saturating_add(1)));
            arrays.collect::<Result<_, _>>().map(ArrayValue::Arrays)
        };
        let mut found = [
            self.boolean_values.map(ArrayValue::Booleans),
            self.long_values.map(ArrayValue::Longs),
            self.double_values.map(doubles),
            self.string_values.map(ArrayValue::Strings),
            self.array_values.map(arrays).transpose()?,
        ]
        .into_iter()
        .flatten();
        match (found.next(), found.next()) {
            (Some(array), None) => Ok(array),
            _ => Err(Fault::validation(ONE_LIST)),
        }
    }
}

const ONE_LIST: &str = "An arrayValue must have exactly one member: booleanValues, longValues, \
                        doubleValues, stringValues or arrayValues";
