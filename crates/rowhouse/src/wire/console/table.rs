//! Rows for operators: their columns have PgBouncer's names and types, so that what reads that one
//! reads this one.

use bytes::BytesMut;
use rowhouse_protocol::oid;
use rowhouse_protocol::response::{self, Column};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// Text.
    Text,
    /// int4.
    Int,
    /// int8.
    Long,
    /// numeric, whole numbers only.
    Numeric,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Heading {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Holds,
}

/// A column of text.
pub const fn text(name: &'static str) -> Heading {
    Heading { name, holds: Holds::Text }
}

/// A column of int4.
pub const fn int(name: &'static str) -> Heading {
    Heading { name, holds: Holds::Int }
}

/// A column of int8.
pub const fn long(name: &'static str) -> Heading {
    Heading { name, holds: Holds::Long }
}

/// A column of numeric.
pub const fn numeric(name: &'static str) -> Heading {
    Heading { name, holds: Holds::Numeric }
}

/// SHOW VERSION.
pub const VERSION: [Heading; 1] = [text("version")];
/// SHOW LISTS.
pub const LISTS: [Heading; 2] = [text("list"), int("items")];
/// SHOW CONFIG.
pub const CONFIG: [Heading; 4] = [text("key"), text("value"), text("default"), text("changeable")];
/// SHOW MEM. A gateway may have more bytes than PgBouncer's int4 can count.
pub const MEM: [Heading; 5] =
    [text("name"), long("size"), long("used"), long("free"), long("memtotal")];
/// SHOW STATE.
pub const STATE: [Heading; 2] = [text("key"), text("value")];

/// A row, in text.
pub type Row = Vec<Option<String>>;

/// What a command answers.
#[derive(Debug, Default)]
pub struct Answer {
    /// Rows.
    pub rows: Vec<Row>,
    /// Something to read: a headline and what follows.
    pub notice: Option<(String, String)>,
}

impl Answer {
    /// Rows, and nothing to read.
    pub fn of(rows: Vec<Row>) -> Answer {
        Answer { rows, notice: None }
    }
}

/// A cell.
#[allow(clippy::needless_pass_by_value, reason = "numbers and texts alike, as they come")]
pub fn cell(value: impl ToString) -> Option<String> {
    Some(value.to_string())
}

/// A number that int4 has room for.
pub fn small(value: usize) -> Option<String> {
    cell(i32::try_from(value).unwrap_or(i32::MAX))
}

/// Writes the description of columns in these formats.
pub fn describe(buf: &mut BytesMut, headings: &[Heading], formats: &Formats) {
    let columns = headings.iter().enumerate().map(|(index, heading)| {
        let (oid, len) = match heading.holds {
            Holds::Text => (oid::TEXT, -1),
            Holds::Int => (oid::INT4, 4),
            Holds::Long => (oid::INT8, 8),
            Holds::Numeric => (oid::NUMERIC, -1),
        };
        Column { name: heading.name, oid, len, binary: formats.is_binary(index) }
    });
    response::row_description(buf, columns);
}

/// Writes a row in these formats.
pub fn write_row(buf: &mut BytesMut, headings: &[Heading], row: &Row, formats: &Formats) {
    let cells = headings.iter().zip(row).enumerate().map(|(index, (heading, value))| {
        let value = value.as_ref()?;
        Some(match formats.is_binary(index) {
            true => binary(heading.holds, value),
            false => value.clone().into_bytes(),
        })
    });
    response::data_row(buf, cells);
}

/// In which formats a client wants its columns.
#[derive(Debug, Clone, Default)]
pub struct Formats(Vec<bool>);

impl Formats {
    /// As a Bind says it: none for text, one for all columns, or one for each.
    pub fn new(formats: Vec<bool>, columns: usize) -> Option<Formats> {
        (formats.len() <= 1 || formats.len() == columns).then_some(Formats(formats))
    }

    fn is_binary(&self, index: usize) -> bool {
        match self.0.as_slice() {
            [one] => *one,
            each => each.get(index).copied().unwrap_or(false),
        }
    }
}

/// The binary form of a value (`int4send`, `int8send`, `numeric_send` in PostgreSQL's source).
fn binary(holds: Holds, text: &str) -> Vec<u8> {
    match holds {
        Holds::Text => text.as_bytes().to_vec(),
        Holds::Int => text.parse().unwrap_or(0_i32).to_be_bytes().to_vec(),
        Holds::Long => text.parse().unwrap_or(0_i64).to_be_bytes().to_vec(),
        Holds::Numeric => binary_numeric(text.parse().unwrap_or(0)),
    }
}

/// Digits of numeric are of base 10000, the first being the most significant.
fn binary_numeric(mut value: u64) -> Vec<u8> {
    const BASE: u64 = 10_000;
    let mut digits: Vec<u16> = Vec::new();
    while value > 0 {
        digits.push(u16::try_from(value % BASE).unwrap_or(0));
        value /= BASE;
    }
    let count = u16::try_from(digits.len()).unwrap_or(0);
    let weight = count.saturating_sub(1);
    // The sign is plus, and there is nothing behind the point.
    let header = [count, weight, 0, 0];
    let words = header.into_iter().chain(digits.into_iter().rev());
    words.flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests;
