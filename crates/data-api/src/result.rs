//! Responses, written as the rows arrive; the smaller ones in one go.
//!
//! `records` and `columnMetadata` are absent, not empty, when a statement has no result set, and an
//! empty result set has `records: []`: clients tell DML from SELECT by it.
//! <https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html>

use std::collections::HashSet;

use rowhouse_protocol::backend::{Column, Columns, CommandTag, DataRow};

use crate::catalog::ColumnFacts;
use crate::fault::Fault;
use crate::field::{FieldType, ResultSetOptions};
use crate::{formatted, json, metadata, strict};

/// `formatRecordsAs`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RecordsFormat {
    /// `NONE`: lists of fields.
    #[default]
    Fields,
    /// `JSON`: one JSON text, without metadata. Statements without a result set ignore it.
    Json,
}

/// How a response is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseOptions {
    /// Whether fields come with a description of their columns.
    pub include_result_metadata: bool,
    /// How numbers are returned.
    pub result_set_options: ResultSetOptions,
    /// Fields or one JSON text.
    pub records_format: RecordsFormat,
    /// Bytes of the records: of their JSON as fields, or of the JSON text itself.
    pub result_bytes_max: usize,
    /// What the service refuses is refused.
    pub strict: bool,
}

/// Why a row cannot be returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowRefusal {
    /// The records would be larger than one response may be.
    TooLarge,
    /// It has an array of several dimensions, which the service refuses.
    Dimensions,
}

/// Writes the response of ExecuteStatement row by row.
#[derive(Debug)]
pub struct ResponseWriter {
    out: Vec<u8>,
    body: Body,
    /// The bytes of the records may grow to this.
    result_bytes_max: usize,
    strict: bool,
    any_row: bool,
}

#[derive(Debug)]
enum Body {
    /// The statement returns no rows.
    Affected,
    /// `records`, which start at this byte.
    Fields { types: Vec<FieldType>, start: usize },
    /// `formattedRecords`. A row is written plainly and then escaped: its text is JSON in a JSON
    /// string.
    Formatted { columns: Vec<LabelledColumn>, row: Vec<u8>, written: usize },
}

#[derive(Debug)]
struct LabelledColumn {
    /// `"label":`
    key: Vec<u8>,
    field: FieldType,
}

impl ResponseWriter {
    /// A writer for a result of these columns, `None` if the statement returns no rows. `facts`
    /// are in the order of the columns; where there are none, nothing more is known. Fails if the
    /// format is JSON and two columns have the same label, or on a type that the service refuses.
    pub fn new(
        options: &ResponseOptions,
        columns: Option<&Columns>,
        facts: &[ColumnFacts],
    ) -> Result<ResponseWriter, Fault> {
        let mut out = Vec::with_capacity(RESPONSE_BYTES_USUAL);
        let described = columns.into_iter().flat_map(|columns| &columns.columns);
        let described = described.enumerate().map(|(at, column)| (column, facts.get(at)));
        if options.strict {
            described.clone().try_for_each(|(column, facts)| strict::check_type(column, facts))?;
        }
        let field = |(column, facts): (&Column, Option<&ColumnFacts>)| {
            let named = facts.and_then(|facts| facts.named_type.as_deref());
            FieldType::of(column.type_oid, named, options.result_set_options)
        };
        let body = match (columns, options.records_format) {
            (None, _) => {
                out.push(b'{');
                Body::Affected
            }
            (Some(_), RecordsFormat::Fields) => {
                out.push(b'{');
                if options.include_result_metadata {
                    write_metadata(&mut out, described.clone());
                }
                out.extend_from_slice(b"\"records\":[");
                Body::Fields { types: described.map(field).collect(), start: out.len() }
            }
            (Some(columns), RecordsFormat::Json) => {
                refuse_duplicate_labels(columns)?;
                out.extend_from_slice(b"{\"formattedRecords\":\"[");
                let labelled = described.map(|(column, facts)| LabelledColumn {
                    key: key(&column.name),
                    field: field((column, facts)),
                });
                Body::Formatted { columns: labelled.collect(), row: Vec::new(), written: 0 }
            }
        };
        let &ResponseOptions { result_bytes_max, strict, .. } = options;
        Ok(ResponseWriter { out, body, result_bytes_max, strict, any_row: false })
    }

    /// Writes one row. PostgreSQL sends as many values as it has announced columns. After an error
    /// the response is of no use.
    pub fn row(&mut self, row: DataRow<'_>) -> Result<(), RowRefusal> {
        if self.strict && self.is_nested(row) {
            return Err(RowRefusal::Dimensions);
        }
        let comma = self.any_row;
        self.any_row = true;
        let written = match &mut self.body {
            Body::Affected => return Ok(()),
            Body::Fields { types, start } => {
                write_fields(&mut self.out, comma, types, row);
                self.out.len().saturating_sub(*start)
            }
            Body::Formatted { columns, row: buffer, written } => {
                buffer.clear();
                write_object(buffer, comma, columns, row);
                json::escape(&mut self.out, buffer);
                *written = written.saturating_add(buffer.len());
                *written
            }
        };
        if written > self.result_bytes_max {
            return Err(RowRefusal::TooLarge);
        }
        Ok(())
    }

    fn is_nested(&self, row: DataRow<'_>) -> bool {
        let nested = |field: FieldType, value: Option<&[u8]>| {
            value.is_some_and(|value| field.is_nested(value))
        };
        match &self.body {
            Body::Affected => false,
            Body::Fields { types, .. } => {
                types.iter().zip(row.iter()).any(|(field, value)| nested(*field, value))
            }
            Body::Formatted { columns, .. } => {
                columns.iter().zip(row.iter()).any(|(column, value)| nested(column.field, value))
            }
        }
    }

    /// Ends the response with what the server says it has done.
    pub fn finish(self, tag: CommandTag<'_>) -> Vec<u8> {
        let mut out = self.out;
        let end: &[u8] = match self.body {
            Body::Affected => b"\"generatedFields\":[]",
            Body::Fields { .. } => b"]",
            Body::Formatted { .. } => b"]\"",
        };
        out.extend_from_slice(end);
        out.extend_from_slice(b",\"numberOfRecordsUpdated\":");
        json::integer(&mut out, records_updated(tag));
        out.push(b'}');
        out
    }
}

/// The response of BatchExecuteStatement, of the completion of each set. Generated fields do not
/// exist in PostgreSQL; the counts are the gateway's own, and clients of AWS pass over them.
pub fn batch<'t>(sets: impl Iterator<Item = CommandTag<'t>>) -> Vec<u8> {
    let mut out = b"{\"updateResults\":[".to_vec();
    for (index, tag) in sets.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"generatedFields\":[],\"numberOfRecordsUpdated\":");
        json::integer(&mut out, records_updated(tag));
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// The response of ExecuteTransaction, of the responses of its statements.
pub fn transaction(statements: &[Vec<u8>]) -> Vec<u8> {
    let bytes: usize = statements.iter().map(|response| response.len().saturating_add(1)).sum();
    let mut out = Vec::with_capacity(bytes.saturating_add(RESPONSE_BYTES_USUAL));
    out.extend_from_slice(b"{\"results\":[");
    for (index, response) in statements.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(response);
    }
    out.extend_from_slice(b"]}");
    out
}

/// The response of BeginTransaction.
pub fn transaction_begun(transaction_id: &str) -> Vec<u8> {
    one_member(b"{\"transactionId\":", transaction_id)
}

/// The response of CommitTransaction; clients compare the text.
pub fn transaction_committed() -> Vec<u8> {
    one_member(b"{\"transactionStatus\":", "Transaction Committed")
}

/// The response of RollbackTransaction.
pub fn transaction_rolled_back() -> Vec<u8> {
    one_member(b"{\"transactionStatus\":", "Rollback Complete")
}

/// Room for a small answer without growing.
const RESPONSE_BYTES_USUAL: usize = 512;

fn one_member(start: &[u8], value: &str) -> Vec<u8> {
    let mut out = start.to_vec();
    json::string(&mut out, value.as_bytes());
    out.push(b'}');
    out
}

/// Rows changed by DML, with or without RETURNING; zero for whatever else counts rows (SELECT,
/// FETCH, CREATE TABLE AS).
fn records_updated(tag: CommandTag<'_>) -> u64 {
    match tag.verb() {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" => tag.rows().unwrap_or(0),
        _ => 0,
    }
}

fn write_metadata<'c>(
    out: &mut Vec<u8>,
    columns: impl Iterator<Item = (&'c Column, Option<&'c ColumnFacts>)>,
) {
    let unknown = ColumnFacts::default();
    out.extend_from_slice(b"\"columnMetadata\":[");
    for (index, (column, facts)) in columns.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        metadata::write(out, column, facts.unwrap_or(&unknown));
    }
    out.extend_from_slice(b"],");
}

fn write_fields(out: &mut Vec<u8>, comma: bool, types: &[FieldType], row: DataRow<'_>) {
    out.extend_from_slice(if comma { b",[" } else { b"[" });
    for (index, (field, value)) in types.iter().zip(row.iter()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        field.write(out, value);
    }
    out.push(b']');
}

fn write_object(out: &mut Vec<u8>, comma: bool, columns: &[LabelledColumn], row: DataRow<'_>) {
    out.extend_from_slice(if comma { b",{" } else { b"{" });
    for (index, (column, value)) in columns.iter().zip(row.iter()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&column.key);
        formatted::write_value(out, column.field, value);
    }
    out.push(b'}');
}

fn refuse_duplicate_labels(columns: &Columns) -> Result<(), Fault> {
    let mut seen = HashSet::with_capacity(columns.columns.len());
    match columns.columns.iter().find(|column| !seen.insert(column.name.as_str())) {
        None => Ok(()),
        Some(column) => Err(Fault::duplicate_label(&column.name)),
    }
}

fn key(label: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(label.len().saturating_add(3));
    json::string(&mut key, label.as_bytes());
    key.push(b':');
    key
}

#[cfg(test)]
mod tests;
