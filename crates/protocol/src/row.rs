//! Results: what the columns and parameters are, and the values of one row.

use std::iter::FusedIterator;

use crate::cursor::{Cursor, DecodeError};

/// One column of a result, as RowDescription has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name or alias.
    pub name: String,
    /// The table it comes straight from, or 0.
    pub table_oid: u32,
    /// Its attribute number in that table, or 0.
    pub attribute: i16,
    /// Its type, see [`crate::oid`].
    pub type_oid: u32,
    /// Bytes of the type, negative when they vary.
    pub type_size: i16,
    /// What the type's modifier means is the type's affair; -1 for none.
    pub type_modifier: i32,
    /// 0 text, 1 binary; 0 also when the format is not known yet.
    pub format: i16,
}

/// The columns of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// In the order of the values of a row.
    pub columns: Vec<Column>,
}

impl Columns {
    /// An empty name and the fixed fields: below this no column can be.
    const COLUMN_LEN_MIN: usize = 19;

    /// Decodes the body of a message tagged [`crate::backend::tag::ROW_DESCRIPTION`].
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let count = usize::from(fields.u16()?);
        // Nothing is reserved for columns that the body cannot hold.
        let mut columns = Vec::with_capacity(count.min(body.len() / Self::COLUMN_LEN_MIN));
        for _ in 0..count {
            columns.push(Column {
                name: fields.c_str()?.to_owned(),
                table_oid: fields.u32()?,
                attribute: fields.i16()?,
                type_oid: fields.u32()?,
                type_size: fields.i16()?,
                type_modifier: fields.i32()?,
                format: fields.i16()?,
            });
        }
        fields.end()?;
        Ok(Self { columns })
    }
}

/// Decodes the body of a message tagged [`crate::backend::tag::PARAMETER_DESCRIPTION`]: the type
/// oids of the parameters, `$1` first.
pub fn parameter_types(body: &[u8]) -> Result<Vec<u32>, DecodeError> {
    let mut fields = Cursor::new(body);
    let count = usize::from(fields.u16()?);
    let mut types = Vec::with_capacity(count.min(body.len() / size_of::<u32>()));
    for _ in 0..count {
        types.push(fields.u32()?);
    }
    fields.end()?;
    Ok(types)
}

/// The values of one row, checked when decoded so that reading them cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRow<'a> {
    count: u16,
    values: &'a [u8],
}

impl<'a> DataRow<'a> {
    /// Decodes the body of a message tagged [`crate::backend::tag::DATA_ROW`].
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Cursor::new(body);
        let count = fields.u16()?;
        let values = fields.rest();
        for _ in 0..count {
            fields.value()?;
        }
        fields.end()?;
        Ok(Self { count, values })
    }

    /// How many values the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether the row has no values at all, as `SELECT` without a list returns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in the order of the columns, `None` for NULL.
    #[must_use]
    pub fn iter(&self) -> Values<'a> {
        Values { left: self.count, fields: Cursor::new(self.values) }
    }
}

impl<'a> IntoIterator for DataRow<'a> {
    type Item = Option<&'a [u8]>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &DataRow<'a> {
    type Item = Option<&'a [u8]>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

/// The values of one row, one after the other.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    left: u16,
    fields: Cursor<'a>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        // Decoding has walked these values before, so `ok` hides no error.
        self.fields.value().ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Values<'_> {}
impl FusedIterator for Values<'_> {}

#[cfg(test)]
mod tests;
