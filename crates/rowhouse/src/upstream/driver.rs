//! The task that owns a PostgreSQL connection.
//!
//! Requests append their messages to the link's buffer and wait for an answer; the driver writes
//! what has gathered in one go, cuts what comes back at each `ReadyForQuery`, and hands every
//! exchange its own bytes without copying them. A request that goes away loses its answer, never
//! the connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use rowhouse_protocol::backend::{ErrorFields, ReadyForQuery, TransactionStatus, tag};
use rowhouse_protocol::{frame, frontend};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::sync::oneshot;

use super::Connection;
use super::connect::BackendKey;
use crate::net::Stream;

/// Bytes read from the socket at once: several small answers fit, and an idle link stays small.
const READ_CHUNK: usize = 16 * 1024;
/// A write buffer that grew beyond this for one large request is given back afterwards.
const WRITE_BUFFER_KEPT_MAX: usize = 256 * 1024;
/// Write/read rounds before the driver lets other tasks of its shard run.
const ROUNDS_PER_POLL: usize = 16;
/// Frames that tell more than rows are looked at up to this size, also in an answer that is too large.
const TELLING_FRAME_MAX: usize = 64 * 1024;
/// The largest frame PostgreSQL can send; nothing of that size is ever held, see
/// `Pending::bytes_max`.
const FRAME_BODY_MAX: usize = i32::MAX as usize;

/// The answer to one exchange.
#[derive(Debug)]
pub struct Reply {
    /// The server's frames up to and including `ReadyForQuery`; only errors and completions when
    /// `overflow` is set.
    pub frames: Bytes,
    /// The transaction status `ReadyForQuery` told.
    pub status: TransactionStatus,
    /// The answer was larger than allowed and has been thrown away.
    pub overflow: bool,
    /// How long the server was busy with this exchange alone.
    pub run: Duration,
}

/// Why an exchange has no answer.
#[derive(Debug, Clone)]
pub enum ExchangeError {
    /// Nothing of it was committed: it was never sent, or the server gave up before completing it.
    NotCommitted(Rc<str>),
    /// The connection broke after it was sent; it may have been committed.
    Lost(Rc<str>),
    /// A value cannot be put into a protocol message.
    Encode(Rc<str>),
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExchangeError::NotCommitted(text) => write!(f, "not committed: {text}"),
            ExchangeError::Lost(text) => write!(f, "connection lost: {text}"),
            ExchangeError::Encode(text) => f.write_str(text),
        }
    }
}

/// A handle to a driven connection. Clones share it; when the last one goes, the connection closes.
#[derive(Clone)]
pub struct Link(Rc<Handle>);

/// What all clones of a link share, and the driver does not: its end is the connection's.
struct Handle(Rc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close("nobody uses it any more");
    }
}

struct Shared {
    /// Messages that no write has picked up yet.
    outgoing: RefCell<BytesMut>,
    pending: RefCell<VecDeque<Pending>>,
    driver: RefCell<Option<Waker>>,
    /// Bytes ever appended to `outgoing`.
    appended: Cell<u64>,
    /// Bytes ever accepted by the socket.
    written: Cell<u64>,
    closed: RefCell<Option<Rc<str>>>,
    closing: Cell<bool>,
    /// A parameter that the server reports has changed since the last reset.
    session_changed: Cell<bool>,
    /// When the server last gave an answer, or was last given something to do after none was left.
    progress_at: Cell<Instant>,
    backend: BackendKey,
}

struct Pending {
    answer: oneshot::Sender<Result<Reply, ExchangeError>>,
    /// Where its messages start in the stream of all bytes.
    starts_at: u64,
    /// The most that is held of its answer.
    bytes_max: usize,
    /// How many `CommandComplete` it has when all of it ran.
    commands: usize,
    /// It cannot commit a part of itself.
    atomic: bool,
}

/// An exchange as a request builds it.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeShape {
    /// How many `CommandComplete` a full answer has.
    pub commands: usize,
    /// Whether all of it commits or none: not so for a procedure, which may COMMIT half-way.
    pub atomic: bool,
    /// The most bytes of answer that are held.
    pub bytes_max: usize,
}

impl Link {
    /// Spawns the driver of a connection on this thread.
    pub fn start(connection: Connection) -> Link {
        let (stream, buffer, backend) = connection.into_parts();
        let shared = Rc::new(Shared {
            outgoing: RefCell::new(BytesMut::new()),
            pending: RefCell::new(VecDeque::new()),
            driver: RefCell::new(None),
            appended: Cell::new(0),
            written: Cell::new(0),
            closed: RefCell::new(None),
            closing: Cell::new(false),
            session_changed: Cell::new(false),
            progress_at: Cell::new(Instant::now()),
            backend,
        });
        let driver = Driver {
            stream,
            shared: Rc::clone(&shared),
            writing: BytesMut::new(),
            incoming: buffer,
            exchange: Exchange::default(),
            last_error: None,
        };
        tokio::task::spawn_local(driver);
        Link(Rc::new(Handle(shared)))
    }

    /// Appends one exchange. `build` writes its messages, the closing `Sync` included. The answer
    /// comes through the receiver; dropping the receiver drops the answer only.
    pub fn submit<E: fmt::Display>(
        &self,
        shape: ExchangeShape,
        build: impl FnOnce(&mut BytesMut) -> Result<(), E>,
    ) -> Result<oneshot::Receiver<Result<Reply, ExchangeError>>, ExchangeError> {
        let shared = &*self.0.0;
        if let Some(reason) = &*shared.closed.borrow() {
            return Err(ExchangeError::NotCommitted(Rc::clone(reason)));
        }
        let mut outgoing = shared.outgoing.borrow_mut();
        let before = outgoing.len();
        if let Err(error) = build(&mut outgoing) {
            outgoing.truncate(before);
            return Err(ExchangeError::Encode(error.to_string().into()));
        }
        let added = (outgoing.len() - before) as u64;
        let (answer, receiver) = oneshot::channel();
        let mut pending = shared.pending.borrow_mut();
        if pending.is_empty() {
            // Otherwise an idle hour would count as a stall until the driver comes to write.
            shared.progress_at.set(Instant::now());
        }
        pending.push_back(Pending {
            answer,
            starts_at: shared.appended.get(),
            bytes_max: shape.bytes_max,
            commands: shape.commands,
            atomic: shape.atomic,
        });
        shared.appended.set(shared.appended.get() + added);
        drop((outgoing, pending));
        shared.wake_driver();
        Ok(receiver)
    }

    /// Exchanges that have no answer yet.
    pub fn in_flight(&self) -> usize {
        self.0.0.pending.borrow().len()
    }

    /// Whether the connection can take another exchange.
    pub fn is_open(&self) -> bool {
        self.0.0.closed.borrow().is_none()
    }

    /// Whether a parameter that the server reports (`search_path` from 18 on, `TimeZone`,
    /// `standard_conforming_strings`, …) has changed. A tripwire: it tells that something was not
    /// as clean as its text looked (PostgreSQL docs, "Asynchronous Operations", ParameterStatus).
    pub fn session_changed(&self) -> bool {
        self.0.0.session_changed.get()
    }

    /// The session has been reset.
    pub fn forget_session_changes(&self) {
        self.0.0.session_changed.set(false);
    }

    /// For how long exchanges have been waiting without any answer.
    pub fn stalled_for(&self, now: Instant) -> Duration {
        if self.in_flight() == 0 {
            return Duration::ZERO;
        }
        now.saturating_duration_since(self.0.0.progress_at.get())
    }

    /// Closes the connection: exchanges in flight fail.
    pub fn close(&self, reason: &str) {
        self.0.0.close(reason);
    }

    /// What a cancel request for this connection must carry.
    pub fn backend(&self) -> &BackendKey {
        &self.0.0.backend
    }
}

impl Shared {
    fn close(&self, reason: &str) {
        self.closed.borrow_mut().get_or_insert_with(|| reason.into());
        self.closing.set(true);
        self.wake_driver();
    }

    fn wake_driver(&self) {
        if let Some(waker) = &*self.driver.borrow() {
            waker.wake_by_ref();
        }
    }
}

/// What has been seen of the exchange at the head of the queue.
#[derive(Default)]
struct Exchange {
    /// Bytes at the head of `incoming` that belong to it.
    scanned: usize,
    /// Bytes of a frame being thrown away that have not arrived yet.
    skip: usize,
    /// Its answer was too large; its frames are dropped as they come, but for errors and completions.
    overflow: bool,
    /// What is kept of an answer that was too large.
    kept: BytesMut,
    /// `CommandComplete` seen.
    completed: usize,
}

struct Driver {
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
        for _ in 0..ROUNDS_PER_POLL {
            match this.round(cx) {
                Ok(true) => {}
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
            }
            let seen = is_end || is_telling(header.tag) && header.len <= TELLING_FRAME_MAX;
            if self.exchange.overflow && !seen {
                let dropped = self.exchange.scanned + header.len;
                self.exchange.scanned = 0;
                self.exchange.skip = dropped;
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

impl From<io::Error> for ExchangeError {
    fn from(error: io::Error) -> Self {
        ExchangeError::Lost(error.to_string().into())
    }
}
