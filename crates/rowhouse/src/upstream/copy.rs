//! COPY in both directions: rows as a stream, of which no more than one is held at a time.

use std::io;

use bytes::BytesMut;
use rowhouse_protocol::backend::{CommandTag, tag};
use rowhouse_protocol::frontend;

use super::UpstreamError;
use super::connect::{Connection, server_error};

/// PostgreSQL makes no message longer than it can allocate at once (`MaxAllocSize`), and a row is
/// one message.
const ROW_BYTES_MAX: usize = 1 << 30;

impl Connection {
    /// Runs a COPY … TO STDOUT, and gives its data away as they come. Answers with the number of
    /// rows. When a piece cannot be taken, the connection is of no use any more.
    pub async fn copy_out(
        &mut self,
        sql: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, UpstreamError> {
        self.begin_copy(sql).await?;
        let mut failed = None;
        let mut rows = 0;
        loop {
            let (tag_byte, body) = self.read_frame_within(ROW_BYTES_MAX).await?;
            match tag_byte {
                tag::COPY_DATA => take(&body)?,
                tag::COMMAND_COMPLETE => rows = copied_rows(&body)?,
                tag::ERROR_RESPONSE => failed = Some(server_error(&body)),
                tag::READY_FOR_QUERY => return failed.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    /// Runs a COPY … FROM STDIN with what `give` puts into the buffer, until that is nothing.
    /// Answers with the number of rows. The server reads on when it has found a mistake, and tells
    /// it at the end. What cannot be given fails the COPY.
    pub async fn copy_in(
        &mut self,
        sql: &str,
        mut give: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<u64, UpstreamError> {
        /// Of what is sent at once.
        const PIECE_BYTES: usize = 64 * 1024;
        self.begin_copy(sql).await?;
        let mut failed = None;
        let mut rows = 0;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let (tag_byte, body) = self.read_frame_within(ROW_BYTES_MAX).await?;
            match tag_byte {
                tag::COPY_IN_RESPONSE => self.give_all(&mut piece, &mut give).await?,
                tag::COMMAND_COMPLETE => rows = copied_rows(&body)?,
                tag::ERROR_RESPONSE => failed = Some(server_error(&body)),
                tag::READY_FOR_QUERY => return failed.map_or(Ok(rows), Err),
                _ => {}
            }
        }
    }

    async fn begin_copy(&mut self, sql: &str) -> Result<(), UpstreamError> {
        let mut message = BytesMut::new();
        frontend::query(&mut message, sql).map_err(|e| UpstreamError::Protocol(e.to_string()))?;
        self.send(&message).await
    }

    async fn give_all(
        &mut self,
        piece: &mut [u8],
        give: &mut impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Result<(), UpstreamError> {
        let mut message = BytesMut::new();
        loop {
            message.clear();
            let given = give(piece);
            let written = match &given {
                Ok(0) => {
                    frontend::copy_done(&mut message);
                    Ok(())
                }
                Ok(length) => {
                    let data = piece.get(..*length).unwrap_or_default();
                    frontend::copy_data(&mut message, data)
                }
                Err(error) => frontend::copy_fail(&mut message, &error.to_string()),
            };
            written.map_err(|error| UpstreamError::Protocol(error.to_string()))?;
            self.send(&message).await?;
            if !matches!(given, Ok(length) if length > 0) {
                return Ok(());
            }
        }
    }
}

fn copied_rows(body: &[u8]) -> Result<u64, UpstreamError> {
    let tag = CommandTag::decode(body).map_err(|e| UpstreamError::Protocol(e.to_string()))?;
    Ok(tag.rows().unwrap_or_default())
}
