//! The handle to a driven connection: exchanges go in, answers come out.
//!
//! Requests append their messages to the link's buffer and wait for an answer. The driver is the
//! task at the other end.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_tenancy::seal::SessionKey;
use tokio::sync::{Notify, oneshot};

use super::Connection;
use super::connect::BackendKey;
use super::driver::Driver;
use super::takeover::Parts;

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

/// What the link and its driver share.
pub(super) struct Shared {
    /// Messages that no write has picked up yet.
    pub(super) outgoing: RefCell<BytesMut>,
    pub(super) pending: RefCell<VecDeque<Pending>>,
    pub(super) driver: RefCell<Option<Waker>>,
    /// Bytes ever appended to `outgoing`.
    pub(super) appended: Cell<u64>,
    /// Bytes ever accepted by the socket.
    pub(super) written: Cell<u64>,
    pub(super) closed: RefCell<Option<Rc<str>>>,
    pub(super) closing: Cell<bool>,
    /// A parameter that the server reports has changed since the last reset.
    pub(super) session_changed: Cell<bool>,
    /// When the server last gave an answer, or was last given something to do after none was left.
    pub(super) progress_at: Cell<Instant>,
    /// The answer at the head of the queue is larger than allowed.
    pub(super) overflowing: Cell<bool>,
    pub(super) overflow: Notify,
    pub(super) backend: BackendKey,
    /// The server's major version, if it said one.
    pub(super) server_major: Option<u32>,
    /// Who wants to take the connection over.
    pub(super) taker: RefCell<Option<oneshot::Sender<Parts>>>,
    seal: OnceCell<Seal>,
    /// It is not to be lent again.
    retiring: Cell<bool>,
}

/// A look at a connection that does not keep it open.
pub struct Watch(Weak<Shared>);

/// What is seen of one.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// The process id of the server's side.
    pub pid: i32,
    /// Exchanges without an answer.
    pub in_flight: usize,
    /// It is not to be lent again.
    pub retiring: bool,
}

impl Watch {
    /// What there is to see; nothing once its socket is closed.
    pub fn look(&self) -> Option<Sight> {
        let shared = self.0.upgrade()?;
        let in_flight = shared.pending.borrow().len();
        Some(Sight { pid: shared.backend.pid, in_flight, retiring: shared.retiring.get() })
    }

    /// The connection is not to be lent again.
    pub fn retire(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.retiring.set(true);
        }
    }
}

/// What a connection to a sealed database has agreed upon with it.
struct Seal {
    key: SessionKey,
    generation: u64,
}

/// An exchange without answer.
pub(super) struct Pending {
    pub(super) answer: oneshot::Sender<Result<Reply, ExchangeError>>,
    /// Where its messages start in the stream of all bytes.
    pub(super) starts_at: u64,
    /// The most that is held of its answer.
    pub(super) bytes_max: usize,
    /// How many `CommandComplete` it has when all of it ran.
    pub(super) commands: usize,
    /// It cannot commit a part of itself.
    pub(super) atomic: bool,
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
        let server_major = connection.server_major();
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
            overflowing: Cell::new(false),
            overflow: Notify::new(),
            backend,
            server_major,
            seal: OnceCell::new(),
            taker: RefCell::new(None),
            retiring: Cell::new(false),
        });
        Driver::start(stream, buffer, &shared);
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

    /// Waits until an answer turns out larger than allowed, while it still comes. For connections
    /// with one exchange at a time: whose answer it is, is not told.
    pub async fn overflowing(&self) {
        loop {
            let told = self.0.0.overflow.notified();
            if self.0.0.overflowing.get() {
                return;
            }
            told.await;
        }
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

    /// The connection is registered, once and for all.
    pub fn seal(&self, key: SessionKey, generation: u64) {
        let _ = self.0.0.seal.set(Seal { key, generation });
    }

    /// What vouches for tenants on this connection, if anything does.
    pub fn session_key(&self) -> Option<&SessionKey> {
        self.0.0.seal.get().map(|seal| &seal.key)
    }

    /// A look at it that does not keep it open.
    pub fn watch(&self) -> Watch {
        Watch(Rc::downgrade(&self.0.0))
    }

    /// It is not to be lent again.
    pub fn is_retiring(&self) -> bool {
        self.0.0.retiring.get()
    }

    /// The generation of the key that it was registered with.
    pub fn seal_generation(&self) -> Option<u64> {
        self.0.0.seal.get().map(|seal| seal.generation)
    }

    pub(super) fn shared(&self) -> &Rc<Shared> {
        &self.0.0
    }

    /// What a cancel request for this connection must carry.
    pub fn backend(&self) -> &BackendKey {
        &self.0.0.backend
    }
}

impl Shared {
    pub(super) fn close(&self, reason: &str) {
        self.closed.borrow_mut().get_or_insert_with(|| reason.into());
        self.closing.set(true);
        self.wake_driver();
    }

    pub(super) fn tell_overflow(&self) {
        if !self.overflowing.replace(true) {
            self.overflow.notify_waiters();
        }
    }

    pub(super) fn wake_driver(&self) {
        if let Some(waker) = &*self.driver.borrow() {
            waker.wake_by_ref();
        }
    }
}
