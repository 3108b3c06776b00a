//! One `SqlParameter` as it stands in the JSON of a request.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Reading, array};
use crate::fault::Fault;
use crate::parameter::{SqlParameter, TypeHint, Value};

/// Clients differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize, Clone, Copy)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Member {
    Name,
    Value,
    TypeHint,
    #[serde(other)]
    Unknown,
}

/// Reads a `SqlParameter`.
#[derive(Clone, Copy)]
pub(super) struct ParameterSeed<'r> {
    pub reading: &'r Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for ParameterSeed<'_> {
    type Value = SqlParameter;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<SqlParameter, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ParameterSeed<'_> {
    type Value = SqlParameter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parameter")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SqlParameter, A::Error> {
        let (mut name, mut value, mut hint) = (None::<String>, None, None);
        while let Some(member) = map.next_key()? {
            match member {
                Member::Name => {
                    self.reading.at.set("name");
                    name = map.next_value()?;
                }
                Member::Value => {
                    self.reading.at.set("value");
                    value = map.next_value_seed(ValueSeed { reading: self.reading })?;
                }
                Member::TypeHint => {
                    self.reading.at.set("typeHint");
                    let text = map.next_value::<Option<String>>()?;
                    let names = TypeHint::NAMES;
                    hint = self.reading.one_of("typeHint", text.as_deref(), names)?;
                }
                Member::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let refuse = |sentence: &str| self.reading.refuse(Fault::validation(sentence));
        let name = name.filter(|name| !name.is_empty());
        Ok(SqlParameter {
            name: name.ok_or_else(|| refuse("Every parameter must have a name"))?,
            value: value.ok_or_else(|| refuse(ONE_MEMBER))?,
            type_hint: hint,
        })
    }
}

const ONE_MEMBER: &str = "The value of a parameter must have exactly one member: isNull (true), \
                          booleanValue, longValue, doubleValue, stringValue, blobValue or \
                          arrayValue";

#[derive(Deserialize, Clone, Copy)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ValueMember {
    IsNull,
    BooleanValue,
    LongValue,
    DoubleValue,
    StringValue,
    BlobValue,
    ArrayValue,
    #[serde(other)]
    Unknown,
}

/// Reads the `Field` of a parameter; `None` if the member is null.
#[derive(Clone, Copy)]
struct ValueSeed<'r> {
    reading: &'r Reading<'r>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = None;
        while let Some(member) = map.next_key()? {
            if let Some(found) = self.read_member(member, &mut map)?
                && value.replace(found).is_some()
            {
                return Err(self.reading.refuse(Fault::validation(ONE_MEMBER)));
            }
        }
        match value {
            None => Err(self.reading.refuse(Fault::validation(ONE_MEMBER))),
            some => Ok(some),
        }
    }
}

impl ValueSeed<'_> {
    fn read_member<'de, A: MapAccess<'de>>(
        self,
        member: ValueMember,
        map: &mut A,
    ) -> Result<Option<Value>, A::Error> {
        let at = &self.reading.at;
        Ok(match member {
            ValueMember::IsNull => {
                at.set("isNull");
                let null: Option<bool> = map.next_value()?;
                // "Not null" says nothing about the value; the member that does has to be there.
                null.filter(|&null| null).map(|_| Value::Null)
            }
            ValueMember::BooleanValue => {
                at.set("booleanValue");
                map.next_value::<Option<_>>()?.map(Value::Boolean)
            }
            ValueMember::LongValue => {
                at.set("longValue");
                map.next_value::<Option<_>>()?.map(Value::Long)
            }
            ValueMember::DoubleValue => {
                at.set("doubleValue");
                map.next_value::<Option<Double>>()?.map(|double| Value::Double(double.0))
            }
            ValueMember::StringValue => {
                at.set("stringValue");
                map.next_value::<Option<_>>()?.map(Value::Text)
            }
            ValueMember::BlobValue => {
                at.set("blobValue");
                let text: Option<String> = map.next_value()?;
                text.map(|text| self.decode_blob(&text)).transpose()?
            }
            ValueMember::ArrayValue => {
                at.set("arrayValue");
                let array: Option<array::Written> = map.next_value()?;
                let array = array.map(array::Written::checked).transpose();
                array.map_err(|fault| self.reading.refuse(fault))?.map(Value::Array)
            }
            ValueMember::Unknown => {
                map.next_value::<IgnoredAny>()?;
                None
            }
        })
    }

    fn decode_blob<E: Error>(self, text: &str) -> Result<Value, E> {
        match BASE64.decode(text) {
            Ok(bytes) => Ok(Value::Blob(Bytes::from(bytes))),
            Err(_) => {
                let message = "The value of 'blobValue' isn't valid base64";
                Err(self.reading.refuse(Fault::serialization(message)))
            }
        }
    }
}

/// A JSON number, or one of the three strings that restJson1 has for what is no JSON number.
pub(super) struct Double(pub(super) f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Double, D::Error> {
        json.deserialize_any(DoubleVisitor).map(Double)
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<f64, E> {
        match value {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(E::custom("not a number")),
        }
    }
}
