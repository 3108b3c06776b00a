//! A client's stream that ends by itself when the client takes too long: between requests, in the
//! middle of a request's head, or to take an answer; or when it talks without asking for anything.
//!
//! It stands beneath TLS, where a byte is a byte that came and not one that was understood.
//!
//! The timer is set anew only when it fires or when a nearer deadline comes up, so that a client
//! that keeps pace costs nothing.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::journal::Page;

/// What can be looked at before it is decided who reads: as long as the preface of HTTP/2.
const BEGINNING_BYTES: usize = 24;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct PaceLimits {
    /// Until the first byte of the next request.
    pub idle: Duration,
    /// From there until the end of its head.
    pub head: Duration,
    /// To take any part of an answer that waits for it.
    pub write: Duration,
}

/// What the stream and the one who serves it tell each other.
#[derive(Clone)]
pub struct Pace(Rc<Cell<Waiting>>);

/// What the client is waited for.
#[derive(Debug, Clone, Copy)]
enum Waiting {
    /// The next request, since then.
    Idle(Instant),
    /// The rest of a request's head, since then.
    Head(Instant),
    /// Nothing: a request is being served, which has limits of its own.
    Served,
    /// The next request in frames of HTTP/2, of which this many bytes may come before it. Its time
    /// is kept by who reads them, and knows how to say goodbye.
    Frames(usize),
    /// Nothing any more: the client has gone too far.
    Refused,
}

/// A request is being served until this is dropped.
pub struct Serving(Pace);

/// The stream.
pub struct PacedStream {
    stream: TcpStream,
    pace: Pace,
    limits: PaceLimits,
    timer: Pin<Box<Sleep>>,
    write_stuck_since: Option<Instant>,
    /// The first bytes, which have been looked at and not yet been read.
    beginning: [u8; BEGINNING_BYTES],
    looked_at: Range<usize>,
    /// Where answers are counted, which are to be written down before they are sent.
    page: Option<Arc<Page>>,
}

impl PacedStream {
    /// A client that has just connected. What it is answered is counted on that page.
    pub fn new(
        stream: TcpStream,
        limits: PaceLimits,
        page: Option<Arc<Page>>,
    ) -> (PacedStream, Pace) {
        let now = Instant::now();
        let pace = Pace(Rc::new(Cell::new(Waiting::Idle(now))));
        let timer = Box::pin(sleep_until(now + limits.idle));
        let paced = PacedStream {
            stream,
            pace: pace.clone(),
            limits,
            timer,
            write_stuck_since: None,
            beginning: [0; BEGINNING_BYTES],
            looked_at: 0..0,
            page,
        };
        (paced, pace)
    }

    /// The address that the client came to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Waits for the first bytes of the stream until there are `enough`, or no more to be had, and
    /// leaves them to be read. Once, before anything is read. When it is cancelled, what has come
    /// is lost, and the stream with it.
    pub async fn look(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        let mut beginning = [0; BEGINNING_BYTES];
        let mut length = 0;
        while let Some(rest) = beginning.get_mut(length..).filter(|rest| !rest.is_empty()) {
            let read = self.read(rest).await?;
            length += read;
            if read == 0 || enough(beginning.get(..length).unwrap_or_default()) {
                break;
            }
        }
        self.beginning = beginning;
        self.looked_at = 0..length;
        Ok(self.beginning.get(..length).unwrap_or_default())
    }

    /// `Ready` when a deadline has passed; otherwise the task is woken at the next one.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reading = match self.pace.0.get() {
            Waiting::Idle(since) => Some(since + self.limits.idle),
            Waiting::Head(since) => Some(since + self.limits.head),
            Waiting::Served | Waiting::Frames(_) | Waiting::Refused => None,
        };
        let writing = self.write_stuck_since.map(|since| since + self.limits.write);
        let deadline = match (reading, writing) {
            (Some(reading), Some(writing)) => reading.min(writing),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Poll::Pending,
        };
        if deadline < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Takes note of bytes that have come; `false` when they are too many.
    fn note_read(&self, bytes: usize) -> bool {
        let pace = &self.pace.0;
        match pace.get() {
            Waiting::Idle(_) if bytes > 0 => pace.set(Waiting::Head(Instant::now())),
            Waiting::Frames(left) if bytes > left => return false,
            Waiting::Frames(left) => pace.set(Waiting::Frames(left - bytes)),
            Waiting::Refused => return false,
            _ => {}
        }
        true
    }

    /// Whatever is written may be an answer. Nothing stands between this and the system's own
    /// write, so that a process which is killed has counted what it has sent.
    fn before_write(&self) {
        if let Some(page) = &self.page {
            page.flush();
        }
    }

    /// Takes note of whether the client takes what is written, and looks at the deadline: an answer
    /// is the last thing that is done for a client before its next request is waited for.
    fn after_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &written {
            Poll::Ready(_) => self.write_stuck_since = None,
            Poll::Pending => {
                self.write_stuck_since.get_or_insert_with(Instant::now);
            }
        }
        match (self.poll_deadline(cx), written) {
            (Poll::Ready(error), Poll::Pending) => Poll::Ready(Err(error)),
            (_, written) => written,
        }
    }
}

impl Pace {
    /// A request's head is complete.
    pub fn serve(&self) -> Serving {
        self.0.set(Waiting::Served);
        Serving(self.clone())
    }

    /// What came so far was no request; the next one is waited for from now on.
    pub fn wait(&self) {
        self.0.set(Waiting::Idle(Instant::now()));
    }

    /// Requests are being served that have limits of their own.
    pub fn serve_frames(&self) {
        self.set_frames(Waiting::Served);
    }

    /// No request is being served, and before the next one this many bytes of frames may come.
    pub fn wait_for_frames(&self, bytes_max: usize) {
        self.set_frames(Waiting::Frames(bytes_max));
    }

    /// Who has gone too far does not come back by what was begun before.
    fn set_frames(&self, waiting: Waiting) {
        if !matches!(self.0.get(), Waiting::Refused) {
            self.0.set(waiting);
        }
    }

    /// Nothing more is read from this client; whoever tries gets an error.
    pub fn refuse(&self) {
        self.0.set(Waiting::Refused);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.wait();
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(rest) = this.beginning.get(this.looked_at.clone())
            && !rest.is_empty()
        {
            let length = rest.len().min(buf.remaining());
            buf.put_slice(rest.get(..length).unwrap_or_default());
            this.looked_at.start += length;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if !this.note_read(buf.filled().len() - before) => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => match this.poll_deadline(cx) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl AsyncWrite for PacedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.before_write();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.after_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.before_write();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.after_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
