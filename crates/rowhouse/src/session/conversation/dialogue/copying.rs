//! COPY streams from a client: when they begin, what belongs to them, and what of a `Sync` in their
//! middle is left.
//!
//! While PostgreSQL reads a stream, it leaves out each `Sync`; behind an error it answers the next
//! one ("Message Flow", COPY Operations, in PostgreSQL's documentation).

use bytes::Bytes;
use rowhouse_protocol::request::Request;

use super::Dialogue;
use super::expected::{Expected, Reply, Stream};
use crate::error::{Error, Kind};

impl Dialogue {
    /// What is sent while PostgreSQL takes a stream.
    pub(super) fn take_copy(
        &mut self,
        request: &Request<'_>,
        message: &Bytes,
    ) -> Result<(), Error> {
        match request {
            Request::CopyData => {
                self.to_server.extend_from_slice(message);
                self.syncs_in_stream = 0;
            }
            Request::CopyDone | Request::CopyFail => {
                self.to_server.extend_from_slice(message);
                self.copying = false;
                // Behind a COPY of the extended protocol the client sends a Sync.
                self.waiting =
                    self.expected.front().is_some_and(|next| matches!(next.reply, Reply::Query(_)));
            }
            Request::Sync => {
                self.to_server.extend_from_slice(message);
                self.syncs_in_stream += 1;
            }
            Request::Flush => {}
            _ => {
                let text = "a COPY stream was not ended before the next message";
                return Err(Error::new(Kind::Protocol, text));
            }
        }
        Ok(())
    }

    /// A stream, or a part of one, before PostgreSQL has asked for it. It belongs to the Execute
    /// that it stands behind; of everything else PostgreSQL takes no notice.
    pub(super) fn take_copy_ahead(&mut self, request: &Request<'_>, message: &Bytes) {
        let Some(Expected { reply: Reply::Execute(stream), .. }) = self.expected.back_mut() else {
            return;
        };
        if *stream != Stream::Ended {
            let more = *request == Request::CopyData;
            *stream = if more { Stream::Begun } else { Stream::Ended };
            self.to_server.extend_from_slice(message);
        }
    }

    /// PostgreSQL asks for a stream. What was sent before it, and is no part of it, is lost.
    pub(super) fn begin_copy(&mut self) {
        let front = self.expected.front().map(|next| &next.reply);
        if matches!(front, Some(Reply::Execute(Stream::Ended))) {
            return;
        }
        self.copying = true;
        self.waiting = false;
        self.syncs_in_stream = 0;
        while self.expected.get(1).is_some_and(|next| matches!(next.reply, Reply::Sync)) {
            self.expected.remove(1);
            self.syncs_in_stream += 1;
        }
    }

    /// The stream has failed. What the client has said behind the last of its data is answered.
    pub(super) fn end_copy(&mut self) {
        if !std::mem::take(&mut self.copying) {
            return;
        }
        for _ in 0..std::mem::take(&mut self.syncs_in_stream) {
            self.expected.push_back(Expected { reply: Reply::Sync, ours: false });
        }
    }
}
