//! The task that owns a PostgreSQL connection.
//!
//! Requests append their messages to the link's buffer and wait for an answer; the driver writes
//! what has gathered in one go, cuts what comes back at each `ReadyForQuery`, and hands every
//! exchange its own bytes without copying them. A request that goes away loses its answer, never
//! the connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use rowhouse_protocol::backend::{ErrorFields, ReadyForQuery, TransactionStatus, tag};
use rowhouse_protocol::{frame, frontend};
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::link::{ExchangeError, Pending, Reply, Shared};
use super::takeover::Parts;
use crate::net::Stream;

/// Bytes read from the socket at once: several small answers fit, and an idle link stays small.
const READ_CHUNK: usize = 16 * 1024;
/// A write buffer that grew beyond this for one large request is given back afterwards.
const WRITE_BUFFER_KEPT_MAX: usize = 256 * 1024;
/// Write/read rounds before the driver lets other tasks of its shard run.
const ROUNDS_PER_POLL: usize = 16;
/// Frames that tell more than rows are looked at up to this size, also in an answer that is too
/// large.
const TELLING_FRAME_MAX: usize = 64 * 1024;
/// The largest frame PostgreSQL can send; nothing of that size is ever held, see
/// `Pending::bytes_max`.
const FRAME_BODY_MAX: usize = i32::MAX as usize;

/// What has been seen of the exchange at the head of the queue.
#[derive(Default)]
struct Exchange {
    /// Bytes at the head of `incoming` that belong to it.
    scanned: usize,
    /// Bytes of a frame being thrown away that have not arrived yet.
    skip: usize,
    /// Its answer was too large; its frames are dropped as they come, but for errors and
    /// completions.
    overflow: bool,
    /// What is kept of an answer that was too large.
    kept: BytesMut,
    /// `CommandComplete` seen.
    completed: usize,
}

/// Owns the socket.
pub(super) struct Driver {
    stream: Stream,
    shared: Rc<Shared>,
    writing: BytesMut,
    incoming: BytesMut,
    exchange: Exchange,
    /// The last FATAL or PANIC the server sent.
    last_error: Option<String>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.remember_waker(cx);
        if this.is_wanted() {
            return Poll::Ready(());
        }
        for _ in 0..ROUNDS_PER_POLL {
            match this.round(cx) {
                Ok(true) => {}
                Ok(false) if this.is_wanted() => return Poll::Ready(()),
                Ok(false) => return Poll::Pending,
                Err(reason) => {
                    this.fail(&reason);
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Driver {
    /// Spawns the driver of a connection; `incoming` is what has been read of it already.
    pub(super) fn start(stream: Stream, incoming: BytesMut, shared: &Rc<Shared>) {
        let mut driver = Driver {
            stream,
            shared: Rc::clone(shared),
            writing: BytesMut::new(),
            incoming,
            exchange: Exchange::default(),
            last_error: None,
        };
        tokio::task::spawn_local(async move {
            (&mut driver).await;
            driver.hand_over();
        });
    }

    /// Whether somebody takes the connection over, and nothing is outstanding on it.
    fn is_wanted(&self) -> bool {
        let shared = &self.shared;
        shared.taker.borrow().is_some()
            && !shared.closing.get()
            && shared.pending.borrow().is_empty()
            && shared.outgoing.borrow().is_empty()
            && self.writing.is_empty()
    }

    /// The end of this driver: of the connection as well, unless somebody takes it over. A taker
    /// that is gone means that it closes.
    fn hand_over(self) {
        let taker = self.shared.taker.borrow_mut().take();
        let Some(taker) = taker else { return };
        if self.shared.closed.borrow().is_some() {
            return;
        }
        let parts = Parts { stream: self.stream, incoming: self.incoming };
        if taker.send(parts).is_err() {
            self.shared.close("who wanted it is gone");
        }
    }

    fn remember_waker(&self, cx: &Context<'_>) {
        let mut waker = self.shared.driver.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Writes what is there, reads what is there. `Ok(false)`: nothing more to do until woken.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, String> {
        if self.shared.closing.get() {
            let reason = self.shared.closed.borrow().as_deref().unwrap_or("closed").to_owned();
            self.say_goodbye(cx);
            return Err(reason);
        }
        let wrote = self.write(cx)?;
        let read = self.read(cx)?;
        Ok(wrote || read)
    }

    /// Tells an idle server that the session ends, if the socket takes it at once.
    fn say_goodbye(&mut self, cx: &mut Context<'_>) {
        let mut goodbye = BytesMut::new();
        frontend::terminate(&mut goodbye);
        if self.writing.is_empty() && self.shared.pending.borrow().is_empty() {
            let _ = Pin::new(&mut self.stream).poll_write(cx, &goodbye);
            let _ = Pin::new(&mut self.stream).poll_flush(cx);
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, String> {
        let mut progress = false;
        loop {
            if self.writing.is_empty() {
                let mut outgoing = self.shared.outgoing.borrow_mut();
                if outgoing.is_empty() {
                    break;
                }
                self.writing.clear();
                if self.writing.capacity() > WRITE_BUFFER_KEPT_MAX {
                    self.writing = BytesMut::new();
                }
                std::mem::swap(&mut self.writing, &mut outgoing);
            }
            match Pin::new(&mut self.stream).poll_write(cx, &self.writing) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Err("the server closed the connection".to_owned()),
                Poll::Ready(Ok(count)) => {
                    self.note_written(count as u64);
                    self.writing.advance(count);
                    progress = true;
                }
                Poll::Ready(Err(error)) => return Err(error.to_string()),
            }
        }
        if progress {
            // Only TLS keeps bytes back; there, a flush that is not done yet is taken up on the
            // next round.
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        Ok(progress)
    }

    fn note_written(&mut self, count: u64) {
        let before = self.shared.written.get();
        let idle_until_now = match self.shared.pending.borrow().front() {
            Some(pending) => pending.starts_at >= before,
            None => true,
        };
        if idle_until_now {
            self.shared.progress_at.set(Instant::now());
        }
        self.shared.written.set(before + count);
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, String> {
        self.incoming.reserve(READ_CHUNK);
        let read = pin!(self.stream.read_buf(&mut self.incoming)).poll(cx);
        match read {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => {
                let said = self.last_error.take();
                Err(said.unwrap_or_else(|| "the server closed the connection".to_owned()))
            }
            Poll::Ready(Ok(_)) => {
                self.cut_exchanges()?;
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.last_error.take().unwrap_or(error.to_string())),
        }
    }

    /// Cuts the incoming bytes at every `ReadyForQuery` and answers the exchanges that are whole.
    fn cut_exchanges(&mut self) -> Result<(), String> {
        let mut whole: Vec<(Pending, Reply)> = Vec::new();
        while let Some(status) = self.next_end()? {
            let frames = self.incoming.split_to(self.exchange.scanned).freeze();
            let ended = std::mem::take(&mut self.exchange);
            self.shared.overflowing.set(false);
            let Some(pending) = self.shared.pending.borrow_mut().pop_front() else {
                return Err("ReadyForQuery that nobody waits for".to_owned());
            };
            let frames = if ended.overflow { ended.kept.freeze() } else { frames };
            let reply = Reply { frames, status, overflow: ended.overflow, run: Duration::ZERO };
            whole.push((pending, reply));
        }
        if !whole.is_empty() {
            let now = Instant::now();
            let busy = now.saturating_duration_since(self.shared.progress_at.get());
            let each = busy / u32::try_from(whole.len()).unwrap_or(u32::MAX);
            self.shared.progress_at.set(now);
            for (pending, mut reply) in whole {
                reply.run = each;
                // A receiver that is gone is a caller that left; its answer is nobody's.
                let _ = pending.answer.send(Ok(reply));
            }
        }
        Ok(())
    }

    /// Scans frames until the exchange at the head is whole, or until bytes are missing.
    fn next_end(&mut self) -> Result<Option<TransactionStatus>, String> {
        loop {
            if !self.skip_rest() {
                return Ok(None);
            }
            let rest = self.incoming.get(self.exchange.scanned..).unwrap_or_default();
            let header = frame::peek(rest, FRAME_BODY_MAX).map_err(|error| error.to_string())?;
            let Some(header) = header else { return Ok(None) };
            let Some(bytes_max) = self.shared.pending.borrow().front().map(|p| p.bytes_max) else {
                if rest.len() < header.len {
                    return Ok(None);
                }
                self.take_unasked(header.tag, header.len)?;
                continue;
            };
            let is_end = header.tag == tag::READY_FOR_QUERY;
            if !is_end && self.exchange.scanned + header.len > bytes_max {
                self.exchange.overflow = true;
                self.shared.tell_overflow();
            }
            let seen = is_end || is_telling(header.tag) && header.len <= TELLING_FRAME_MAX;
            if self.exchange.overflow && !seen {
                self.keep_scanned();
                self.exchange.skip = header.len;
                continue;
            }
            if rest.len() < header.len {
                return Ok(None);
            }
            let body = rest.get(5..header.len).unwrap_or_default();
            match header.tag {
                tag::READY_FOR_QUERY => {
                    let ready = ReadyForQuery::decode(body).map_err(|error| error.to_string())?;
                    self.exchange.scanned += header.len;
                    return Ok(Some(ready.status));
                }
                tag::COMMAND_COMPLETE => self.exchange.completed += 1,
                tag::ERROR_RESPONSE => self.last_error = fatal_text(body),
                tag::PARAMETER_STATUS => self.shared.session_changed.set(true),
                // The session never sends a COPY that talks to the client; if one starts all the
                // same, the Sync has been swallowed and the connection is of no
                // use.
                tag::COPY_IN_RESPONSE | tag::COPY_OUT_RESPONSE | tag::COPY_BOTH_RESPONSE => {
                    return Err("COPY with the client started unasked".to_owned());
                }
                _ => {}
            }
            self.exchange.scanned += header.len;
            if self.exchange.overflow {
                self.keep_scanned();
            }
        }
    }

    /// Moves what has been scanned of an answer that is too large to what is kept of it; what was
    /// scanned before it became too large is dropped, but for errors and completions.
    fn keep_scanned(&mut self) {
        let scanned = self.incoming.split_to(self.exchange.scanned);
        self.exchange.scanned = 0;
        let mut rest: &[u8] = &scanned;
        while let Ok(Some((header, _))) = frame::split(rest, FRAME_BODY_MAX) {
            let (whole, behind) = rest.split_at_checked(header.len).unwrap_or_default();
            if matches!(header.tag, tag::ERROR_RESPONSE | tag::COMMAND_COMPLETE) {
                self.exchange.kept.extend_from_slice(whole);
            }
            rest = behind;
        }
    }

    /// Throws away the rest of a frame that is too large. `false`: more of it is to come.
    fn skip_rest(&mut self) -> bool {
        let now = self.exchange.skip.min(self.incoming.len());
        if now > 0 {
            self.incoming.advance(now);
            self.exchange.skip -= now;
        }
        self.exchange.skip == 0
    }

    /// A frame that no exchange asked for: notices and parameter changes are fine, an error is the
    /// end.
    fn take_unasked(&mut self, tag_byte: u8, len: usize) -> Result<(), String> {
        let frame = self.incoming.split_to(len);
        match tag_byte {
            tag::NOTICE_RESPONSE | tag::NOTIFICATION_RESPONSE => Ok(()),
            tag::PARAMETER_STATUS => {
                self.shared.session_changed.set(true);
                Ok(())
            }
            tag::ERROR_RESPONSE => {
                let body = frame.get(5..).unwrap_or_default();
                Err(fatal_text(body).unwrap_or_else(|| "error outside any exchange".to_owned()))
            }
            other => Err(format!("frame {:?} that nobody waits for", char::from(other))),
        }
    }

    /// The connection is over: every exchange learns whether it may have been committed.
    fn fail(&mut self, reason: &str) {
        let shared = Rc::clone(&self.shared);
        let reason: Rc<str> = reason.into();
        shared.closed.borrow_mut().get_or_insert_with(|| Rc::clone(&reason));
        // A FATAL of the server ends the session at once: what had not completed by then was rolled
        // back, and what stood behind it never ran. A connection that just broke tells
        // nothing of the kind.
        let server_gave_up = self.last_error.is_some() || reason.starts_with("FATAL");
        let written = shared.written.get();
        let mut completed = self.exchange.completed;
        for pending in shared.pending.borrow_mut().drain(..) {
            let never_sent = pending.starts_at >= written;
            let rolled_back = server_gave_up && pending.atomic && completed < pending.commands;
            completed = 0;
            let error = if never_sent || rolled_back {
                ExchangeError::NotCommitted(Rc::clone(&reason))
            } else {
                ExchangeError::Lost(Rc::clone(&reason))
            };
            let _ = pending.answer.send(Err(error));
        }
    }
}

/// Frames that say what became of an exchange, however large the rest of its answer is.
fn is_telling(tag_byte: u8) -> bool {
    matches!(
        tag_byte,
        tag::ERROR_RESPONSE
            | tag::COMMAND_COMPLETE
            | tag::PARAMETER_STATUS
            | tag::COPY_IN_RESPONSE
            | tag::COPY_OUT_RESPONSE
            | tag::COPY_BOTH_RESPONSE
    )
}

/// The text of a FATAL or PANIC error; other errors end nothing.
fn fatal_text(body: &[u8]) -> Option<String> {
    let fields = ErrorFields::decode(body).ok()?;
    let severity = fields.severity();
    if severity == "FATAL" || severity == "PANIC" {
        return Some(format!("{severity}: {} ({})", fields.message(), fields.code()));
    }
    None
}
