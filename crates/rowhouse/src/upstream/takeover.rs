//! A connection that one user takes out of its driver's hands, to pass bytes on as they come, and
//! gives back when nothing is outstanding on it. What is not given back is closed.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use rowhouse_protocol::backend::tag;
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;

use super::connect::BackendKey;
use super::driver::Driver;
use super::link::{Link, Shared};
use crate::net::Stream;

/// What a driver hands over.
pub(super) struct Parts {
    pub(super) stream: Stream,
    pub(super) incoming: BytesMut,
}

/// A connection in other hands than its driver's.
pub struct Taken {
    /// What has been read of it and not been looked at.
    pub incoming: BytesMut,
    /// The socket; `None` once it was given back.
    stream: Option<Stream>,
    shared: Rc<Shared>,
}

impl Link {
    /// Takes the connection over, once everything that is in flight on it has been answered.
    /// `None`: it is closed. Cancelled half-way, the connection closes.
    pub async fn take_over(&self) -> Option<Taken> {
        let shared = self.shared();
        if shared.closed.borrow().is_some() {
            return None;
        }
        let (taker, handed) = oneshot::channel();
        shared.taker.borrow_mut().replace(taker);
        shared.wake_driver();
        let Parts { stream, incoming } = handed.await.ok()?;
        Some(Taken { incoming, stream: Some(stream), shared: Rc::clone(shared) })
    }
}

impl Taken {
    /// The socket and what has been read of it.
    pub fn parts(&mut self) -> Option<(&mut Stream, &mut BytesMut)> {
        self.stream.as_mut().map(|stream| (stream, &mut self.incoming))
    }

    /// Whether the server has ended the connection meanwhile, as far as can be seen at once.
    pub fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(stream) = &mut self.stream else { return true };
        let over = match pin!(stream.read_buf(&mut self.incoming)).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(Ok(count)) => count == 0,
            Poll::Ready(Err(_)) => true,
        };
        // Notices may come at any time; an error that nobody has caused is the server's last word.
        over || self.incoming.first() == Some(&tag::ERROR_RESPONSE)
    }

    /// What a cancel request must carry.
    pub fn backend(&self) -> &BackendKey {
        &self.shared.backend
    }

    /// The server's major version, if it said one.
    pub fn server_major(&self) -> Option<u32> {
        self.shared.server_major
    }

    /// A parameter that the server reports has changed.
    pub fn note_session_changed(&self) {
        self.shared.session_changed.set(true);
    }

    /// Gives the connection back. Everything sent on it must have been answered.
    pub fn give_back(mut self) {
        if let Some(stream) = self.stream.take() {
            let incoming = std::mem::take(&mut self.incoming);
            Driver::start(stream, incoming, &self.shared);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.stream.take().is_some() {
            self.shared.close("who had it left it in the middle of something");
        }
    }
}
