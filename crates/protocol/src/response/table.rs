//! What a server that has rows of its own answers with: descriptions, rows, and the completions of
//! the extended protocol.

use bytes::{BufMut, BytesMut};

use super::{c_str, tagged};
use crate::backend::tag;
use crate::sqlstate::SqlState;

/// One column of rows, as it is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub oid: u32,
    /// Bytes of a value, or -1 where they differ (`pg_type.typlen`).
    pub len: i16,
    /// Whether values come in the type's binary format.
    pub binary: bool,
}

/// RowDescription: columns of no table.
pub fn row_description<'a>(buf: &mut BytesMut, columns: impl Iterator<Item = Column<'a>>) {
    counted(buf, tag::ROW_DESCRIPTION, columns, |buf, column| {
        c_str(buf, column.name);
        // Neither a table nor a place in one.
        buf.put_u32(0);
        buf.put_u16(0);
        buf.put_u32(column.oid);
        buf.put_i16(column.len);
        buf.put_i32(-1);
        buf.put_u16(u16::from(column.binary));
    });
}

/// DataRow.
pub fn data_row<V: AsRef<[u8]>>(buf: &mut BytesMut, values: impl Iterator<Item = Option<V>>) {
    counted(buf, tag::DATA_ROW, values, |buf, value| match value {
        None => buf.put_i32(-1),
        Some(value) => {
            let value = value.as_ref();
            buf.put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
            buf.put_slice(value);
        }
    });
}

/// ParseComplete.
pub fn parse_complete(buf: &mut BytesMut) {
    tagged(buf, tag::PARSE_COMPLETE, |_| {});
}

/// BindComplete.
pub fn bind_complete(buf: &mut BytesMut) {
    tagged(buf, tag::BIND_COMPLETE, |_| {});
}

/// ParameterDescription of a statement that takes none.
pub fn no_parameters(buf: &mut BytesMut) {
    tagged(buf, tag::PARAMETER_DESCRIPTION, |buf| buf.put_u16(0));
}

/// NoData: what is described returns no rows.
pub fn no_data(buf: &mut BytesMut) {
    tagged(buf, tag::NO_DATA, |_| {});
}

/// EmptyQueryResponse.
pub fn empty_query_response(buf: &mut BytesMut) {
    tagged(buf, tag::EMPTY_QUERY_RESPONSE, |_| {});
}

/// NoticeResponse: something to read, and its details.
pub fn notice(buf: &mut BytesMut, message: &str, detail: &str) {
    tagged(buf, tag::NOTICE_RESPONSE, |buf| {
        let code = SqlState::SUCCESSFUL_COMPLETION;
        let fields = [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', code.as_str()), (b'M', message)];
        for (code, text) in fields.into_iter().chain([(b'D', detail)]) {
            buf.put_u8(code);
            c_str(buf, text);
        }
        buf.put_u8(0);
    });
}

/// A message that begins with the number of what is in it.
fn counted<T>(
    buf: &mut BytesMut,
    tag_byte: u8,
    items: impl Iterator<Item = T>,
    mut item: impl FnMut(&mut BytesMut, T),
) {
    tagged(buf, tag_byte, |buf| {
        let start = buf.len();
        buf.put_u16(0);
        let mut count = 0_u16;
        for one in items.take(usize::from(u16::MAX)) {
            item(buf, one);
            count += 1;
        }
        if let Some(word) = buf.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
            *word = count.to_be_bytes();
        }
    });
}
