//! A client's stream that ends by itself when the client takes too long: between requests, in the
//! middle of a request's head, or to take an answer.
//!
//! The timer is set anew only when it fires or when a nearer deadline comes up, so that a client
//! that keeps pace costs nothing.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

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
}

impl PacedStream {
    /// A client that has just connected.
    pub fn new(stream: TcpStream, limits: PaceLimits) -> (PacedStream, Pace) {
        let now = Instant::now();
        let pace = Pace(Rc::new(Cell::new(Waiting::Idle(now))));
        let timer = Box::pin(sleep_until(now + limits.idle));
        let paced =
            PacedStream { stream, pace: pace.clone(), limits, timer, write_stuck_since: None };
        (paced, pace)
    }

    /// `Ready` when a deadline has passed; otherwise the task is woken at the next one.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reading = match self.pace.0.get() {
            Waiting::Idle(since) => Some(since + self.limits.idle),
            Waiting::Head(since) => Some(since + self.limits.head),
            Waiting::Served => None,
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
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.0.set(Waiting::Idle(Instant::now()));
    }
}

impl AsyncRead for PacedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        match read {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {
                if let Waiting::Idle(_) = this.pace.0.get() {
                    this.pace.0.set(Waiting::Head(Instant::now()));
                }
                read
            }
            Poll::Ready(_) => read,
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
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.after_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
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
