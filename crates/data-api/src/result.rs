//! Responses, written as the rows arrive; the smaller ones in one go.
//!
//! `records` and `columnMetadata` are absent, not empty, when a statement has no result set, and an
//! empty result set has `records: []`: clients tell DML from SELECT by it.
//! <https://docs.aws.amazon.com/rdsdataservice/latest/APIReference/API_ExecuteStatement.html>

use std::collections::HashSet;
use std::fmt;

use rowhouse_protocol::backend::{Columns, CommandTag, DataRow};

use crate::fault::Fault;
use crate::field::{FieldType, ResultSetOptions};
use crate::{formatted, json, metadata};

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
}

/// Whether a column can be NULL, by the numbers of JDBC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Nullable {
    /// It cannot.
    No,
    /// It can.
    Yes,
    /// Nobody has looked, or it is an expression.
    #[default]
    Unknown,
}

impl Nullable {
    pub(crate) fn code(self) -> i32 {
        match self {
            Nullable::No => 0,
            Nullable::Yes => 1,
            Nullable::Unknown => 2,
        }
    }
}

/// What the catalog knows about a column and RowDescription does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnOrigin {
    /// The schema of the table; the service leaves it empty.
    pub schema: String,
    /// The table the column comes from.
    pub table: String,
    /// Whether it can be NULL.
    pub nullable: Nullable,
    /// Whether a sequence fills it.
    pub auto_increment: bool,
    /// The name of a type that is not built in, or `serial`.
    pub type_name: Option<String>,
}

/// The records would be larger than one response may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultTooLarge {
    /// The limit that would be passed.
    pub result_bytes_max: usize,
}

impl fmt::Display for ResultTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = self.result_bytes_max;
        write!(f, "the result is larger than {max} bytes; select less, or page through it")
    }
}

impl std::error::Error for ResultTooLarge {}

/// Writes the response of ExecuteStatement row by row.
#[derive(Debug)]
pub struct ResponseWriter {
    out: Vec<u8>,
    body: Body,
    /// The bytes of the records may grow to this.
    result_bytes_max: usize,
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
    /// A writer for a result of these columns, `None` if the statement returns no rows. Fails if
    /// the format is JSON and two columns have the same label.
    pub fn new(
        options: &ResponseOptions,
        columns: Option<&Columns>,
    ) -> Result<ResponseWriter, Fault> {
        ResponseWriter::with_origins(options, columns, &[])
    }

    /// The same with what the catalog knows of the columns, in their order.
    pub fn with_origins(
        options: &ResponseOptions,
        columns: Option<&Columns>,
        origins: &[ColumnOrigin],
    ) -> Result<ResponseWriter, Fault> {
        let mut out = Vec::with_capacity(RESPONSE_BYTES_USUAL);
        let field = |type_oid| FieldType::of(type_oid, options.result_set_options);
        let body = match (columns, options.records_format) {
            (None, _) => {
                out.push(b'{');
                Body::Affected
            }
            (Some(columns), RecordsFormat::Fields) => {
                out.push(b'{');
                if options.include_result_metadata {
                    write_metadata(&mut out, columns, origins);
                }
                out.extend_from_slice(b"\"records\":[");
                let types = columns.columns.iter().map(|column| field(column.type_oid));
                Body::Fields { types: types.collect(), start: out.len() }
            }
            (Some(columns), RecordsFormat::Json) => {
                refuse_duplicate_labels(columns)?;
                out.extend_from_slice(b"{\"formattedRecords\":\"[");
                let labelled = columns.columns.iter().map(|column| LabelledColumn {
                    key: key(&column.name),
                    field: field(column.type_oid),
                });
                Body::Formatted { columns: labelled.collect(), row: Vec::new(), written: 0 }
            }
        };
        let result_bytes_max = options.result_bytes_max;
        Ok(ResponseWriter { out, body, result_bytes_max, any_row: false })
    }

    /// Writes one row. PostgreSQL sends as many values as it has announced columns. After an error
    /// the response is of no use.
    pub fn row(&mut self, row: DataRow<'_>) -> Result<(), ResultTooLarge> {
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
            return Err(ResultTooLarge { result_bytes_max: self.result_bytes_max });
        }
        Ok(())
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

/// The response of BatchExecuteStatement. Generated fields do not exist in PostgreSQL, so it says
/// no more than how many sets were run.
pub fn batch(sets: usize) -> Vec<u8> {
    const RESULT: &[u8] = b"{\"generatedFields\":[]}";
    let mut out = Vec::with_capacity(RESULT.len().saturating_add(1).saturating_mul(sets));
    out.extend_from_slice(b"{\"updateResults\":[");
    for index in 0..sets {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(RESULT);
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

fn write_metadata(out: &mut Vec<u8>, columns: &Columns, origins: &[ColumnOrigin]) {
    out.extend_from_slice(b"\"columnMetadata\":[");
    for (index, column) in columns.columns.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        metadata::write(out, column, origins.get(index));
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
