//! The members of a request body as they stand in its JSON, read once, straight into their types.
//!
//! A wrong type is reported by the name of its member: the reader notes where it is, because the
//! parser's own message would repeat the value. Lists are cut off at their limit while they are
//! read. Nesting is bounded by the parser (128 levels), and so is what an unknown member may hold.

mod array;
mod parameter;

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::{IsolationLevel, RequestLimits};
use crate::fault::Fault;
use crate::field::{DecimalReturnType, LongReturnType, ResultSetOptions};
use crate::operation::Operation;
use crate::parameter::SqlParameter;
use crate::result::RecordsFormat;
use parameter::ParameterSeed;

/// Every member that any operation knows.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub resource_arn: Option<String>,
    pub secret_arn: Option<String>,
    pub sql: Option<String>,
    pub database: Option<String>,
    pub schema: Option<String>,
    pub transaction_id: Option<String>,
    pub parameters: Vec<SqlParameter>,
    pub parameter_sets: Vec<Vec<SqlParameter>>,
    pub include_result_metadata: bool,
    pub continue_after_timeout: bool,
    pub result_set_options: ResultSetOptions,
    pub records_format: RecordsFormat,
    pub statements: Vec<Document>,
    pub isolation_level: Option<IsolationLevel>,
    pub read_only: bool,
}

impl Document {
    /// Reads a body. Members that the operation does not know are ignored; `null` is absent.
    pub(super) fn read(
        body: &[u8],
        operation: Operation,
        limits: &RequestLimits,
    ) -> Result<Document, Fault> {
        // restJson1: no body is a body without members.
        let body = if body.is_empty() { b"{}" } else { body };
        let reading = Reading { limits, at: Cell::new(""), refusal: Cell::new(None) };
        let mut json = serde_json::Deserializer::from_slice(body);
        let document = DocumentSeed { reading: &reading, operation }.deserialize(&mut json);
        let document = document.and_then(|document| json.end().map(|()| document));
        document.map_err(|error| reading.fault(&error))
    }
}

/// Where the reader is, and what it has found.
struct Reading<'r> {
    limits: &'r RequestLimits,
    /// The member whose value is being read; empty for the body itself.
    at: Cell<&'static str>,
    /// The fault that a visitor wants to return; serde would make text of it.
    refusal: Cell<Option<Fault>>,
}

impl Reading<'_> {
    /// Stops reading with a fault of the visitor's own.
    fn refuse<E: Error>(&self, fault: Fault) -> E {
        self.refusal.set(Some(fault));
        E::custom("refused")
    }

    fn fault(&self, error: &serde_json::Error) -> Fault {
        if let Some(fault) = self.refusal.take() {
            return fault;
        }
        let (line, column) = (error.line(), error.column());
        match (error.classify(), self.at.get()) {
            (Category::Data, "") => Fault::serialization("The request body must be a JSON object"),
            (Category::Data, member) => Fault::serialization(format!(
                "The value of '{member}' doesn't have the JSON type that the API prescribes"
            )),
            (Category::Syntax | Category::Eof | Category::Io, _) => Fault::serialization(format!(
                "The request body isn't valid JSON in UTF-8 (line {line}, column {column})"
            )),
        }
    }

    /// One of a set of names, or the service's sentence about it.
    fn one_of<T: Copy, E: Error>(
        &self,
        member: &str,
        text: Option<&str>,
        names: &[(&str, T)],
    ) -> Result<Option<T>, E> {
        let Some(text) = text else { return Ok(None) };
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
            return Ok(Some(*value));
        }
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        let names = names.join(", ");
        Err(self.refuse(Fault::validation(format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
             Member must satisfy enum value set: [{names}]"
        ))))
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Member {
    ResourceArn,
    SecretArn,
    Sql,
    Database,
    Schema,
    TransactionId,
    Parameters,
    ParameterSets,
    IncludeResultMetadata,
    ContinueAfterTimeout,
    ResultSetOptions,
    FormatRecordsAs,
    Statements,
    IsolationLevel,
    ReadOnly,
    #[serde(other)]
    Unknown,
}

impl Member {
    fn name(self) -> &'static str {
        match self {
            Member::ResourceArn => "resourceArn",
            Member::SecretArn => "secretArn",
            Member::Sql => "sql",
            Member::Database => "database",
            Member::Schema => "schema",
            Member::TransactionId => "transactionId",
            Member::Parameters => "parameters",
            Member::ParameterSets => "parameterSets",
            Member::IncludeResultMetadata => "includeResultMetadata",
            Member::ContinueAfterTimeout => "continueAfterTimeout",
            Member::ResultSetOptions => "resultSetOptions",
            Member::FormatRecordsAs => "formatRecordsAs",
            Member::Statements => "statements",
            Member::IsolationLevel => "isolationLevel",
            Member::ReadOnly => "readOnly",
            Member::Unknown => "an unknown member",
        }
    }

    /// Whether the model, or this gateway, gives the operation this member. The statements of a
    /// transaction are read as those of ExecuteStatement.
    fn belongs_to(self, operation: Operation) -> bool {
        use Operation as Op;
        match self {
            Member::ResourceArn | Member::SecretArn => true,
            Member::Sql => matches!(operation, Op::ExecuteStatement | Op::BatchExecuteStatement),
            Member::Database | Member::Schema => {
                !matches!(operation, Op::CommitTransaction | Op::RollbackTransaction)
            }
            Member::TransactionId => operation != Op::BeginTransaction,
            Member::Statements | Member::IsolationLevel | Member::ReadOnly => {
                operation == Op::ExecuteTransaction
            }
            Member::ParameterSets => operation == Op::BatchExecuteStatement,
            Member::Parameters
            | Member::IncludeResultMetadata
            | Member::ContinueAfterTimeout
            | Member::ResultSetOptions
            | Member::FormatRecordsAs => operation == Op::ExecuteStatement,
            Member::Unknown => false,
        }
    }
}

const ISOLATION_LEVELS: &[(&str, IsolationLevel)] = &[
    ("READ_COMMITTED", IsolationLevel::ReadCommitted),
    ("REPEATABLE_READ", IsolationLevel::RepeatableRead),
    ("SERIALIZABLE", IsolationLevel::Serializable),
];

#[derive(Clone, Copy)]
struct DocumentSeed<'r> {
    reading: &'r Reading<'r>,
    operation: Operation,
}

impl<'de> DeserializeSeed<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Document, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for DocumentSeed<'_> {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        while let Some(member) = map.next_key::<Member>()? {
            self.reading.at.set(member.name());
            if member.belongs_to(self.operation) {
                self.read_member(member, &mut document, &mut map)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(document)
    }
}

impl<'r> DocumentSeed<'r> {
    fn read_member<'de, A: MapAccess<'de>>(
        self,
        member: Member,
        document: &mut Document,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let limits = self.reading.limits;
        let parameters = ListSeed {
            reading: self.reading,
            member: Member::Parameters,
            len_max: limits.parameters_max,
            item: ParameterSeed { reading: self.reading },
        };
        match member {
            Member::ResourceArn => document.resource_arn = map.next_value()?,
            Member::SecretArn => document.secret_arn = map.next_value()?,
            Member::Sql => document.sql = map.next_value()?,
            Member::Database => document.database = map.next_value()?,
            Member::Schema => document.schema = map.next_value()?,
            Member::TransactionId => document.transaction_id = map.next_value()?,
            Member::Parameters => document.parameters = map.next_value_seed(parameters)?,
            Member::ParameterSets => {
                document.parameter_sets = map.next_value_seed(ListSeed {
                    reading: self.reading,
                    member: Member::ParameterSets,
                    len_max: limits.parameter_sets_max,
                    item: parameters,
                })?;
            }
            Member::IncludeResultMetadata => {
                document.include_result_metadata = map.next_value::<Option<_>>()?.unwrap_or(false);
            }
            Member::ContinueAfterTimeout => {
                document.continue_after_timeout = map.next_value::<Option<_>>()?.unwrap_or(false);
            }
            Member::ResultSetOptions => document.result_set_options = self.read_options(map)?,
            Member::FormatRecordsAs => {
                let names = &[("NONE", RecordsFormat::Fields), ("JSON", RecordsFormat::Json)];
                let text = map.next_value::<Option<String>>()?;
                let format = self.reading.one_of(member.name(), text.as_deref(), names)?;
                document.records_format = format.unwrap_or_default();
            }
            Member::Statements => {
                document.statements = map.next_value_seed(ListSeed {
                    reading: self.reading,
                    member,
                    len_max: limits.transaction_statements_max,
                    item: DocumentSeed { operation: Operation::ExecuteStatement, ..self },
                })?;
            }
            Member::IsolationLevel => {
                let text = map.next_value::<Option<String>>()?;
                let text = text.as_deref();
                let levels = ISOLATION_LEVELS;
                document.isolation_level = self.reading.one_of(member.name(), text, levels)?;
            }
            Member::ReadOnly => {
                document.read_only = map.next_value::<Option<_>>()?.unwrap_or(false);
            }
            Member::Unknown => {}
        }
        Ok(())
    }

    fn read_options<'de, A: MapAccess<'de>>(
        self,
        map: &mut A,
    ) -> Result<ResultSetOptions, A::Error> {
        let written: Option<OptionsWritten> = map.next_value()?;
        let written = written.unwrap_or_default();
        let decimals = &[
            ("STRING", DecimalReturnType::String),
            ("DOUBLE_OR_LONG", DecimalReturnType::DoubleOrLong),
        ];
        let longs = &[("STRING", LongReturnType::String), ("LONG", LongReturnType::Long)];
        let decimal = written.decimal_return_type.as_deref();
        let decimal = self.reading.one_of("decimalReturnType", decimal, decimals)?;
        let long = written.long_return_type.as_deref();
        let long = self.reading.one_of("longReturnType", long, longs)?;
        Ok(ResultSetOptions {
            decimal_return_type: decimal.unwrap_or_default(),
            long_return_type: long.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct OptionsWritten {
    decimal_return_type: Option<String>,
    long_return_type: Option<String>,
}

/// A list with a limit; `null` is an empty one.
#[derive(Clone, Copy)]
struct ListSeed<'r, S> {
    reading: &'r Reading<'r>,
    member: Member,
    len_max: usize,
    item: S,
}

impl<'de, S: DeserializeSeed<'de> + Copy> DeserializeSeed<'de> for ListSeed<'_, S> {
    type Value = Vec<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, S: DeserializeSeed<'de> + Copy> Visitor<'de> for ListSeed<'_, S> {
    type Value = Vec<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self.item)? {
            if items.len() == self.len_max {
                return Err(self.reading.refuse(Fault::validation(format!(
                    "1 validation error detected: Value at '{}' failed to satisfy constraint: \
                     Member must have length less than or equal to {}",
                    self.member.name(),
                    self.len_max
                ))));
            }
            items.push(item);
            self.reading.at.set(self.member.name());
        }
        Ok(items)
    }
}
