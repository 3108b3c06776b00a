//! The answer on HTTP/2: a body that knows how much of it has gone out.
//!
//! Flow control lets a client hold up an answer for as long as it likes (CVE-2019-9517), and what
//! hyper has handed to h2 it does not look after. So every piece tells by being dropped that it was
//! written, and the connection looks for answers that do not get on.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// As much as goes into one frame without either side asking for more (RFC 9113, 4.2).
const PIECE_BYTES: usize = 16 * 1024;

/// The answers of one connection that have not gone out, each with the time when something of it
/// last did.
#[derive(Default)]
pub struct Unsent {
    answers: RefCell<BTreeMap<u64, Instant>>,
    next: Cell<u64>,
    /// Requests that nobody took the answer of, less the answers that were taken; never below zero.
    abandoned: Cell<usize>,
}

impl Unsent {
    /// When the one that stands still for longest last moved.
    pub fn oldest(&self) -> Option<Instant> {
        self.answers.borrow().values().min().copied()
    }

    /// How many requests more were taken back than answers taken.
    pub fn abandoned(&self) -> usize {
        self.abandoned.get()
    }

    /// A request has come to its end.
    pub fn count(&self, taken: bool) {
        let abandoned = self.abandoned.get();
        self.abandoned.set(match taken {
            true => abandoned.saturating_sub(1),
            false => abandoned + 1,
        });
    }
}

/// A body that goes out in pieces.
pub struct Answer {
    rest: Bytes,
    way: Rc<Way>,
}

/// An answer on its way: it is over when nothing of it is left.
struct Way {
    unsent: Rc<Unsent>,
    number: u64,
    /// Bytes that have not been written.
    left: Cell<usize>,
}

/// What goes out in one go.
pub struct Piece {
    bytes: Bytes,
    way: Rc<Way>,
}

impl Answer {
    /// The same response, looked after.
    pub fn of(response: Response<Full<Bytes>>, unsent: &Rc<Unsent>) -> Response<Answer> {
        let number = unsent.next.get();
        unsent.next.set(number.wrapping_add(1));
        unsent.answers.borrow_mut().insert(number, Instant::now());
        response.map(|body| {
            let rest = whole(body);
            let left = Cell::new(rest.len());
            Answer { rest, way: Rc::new(Way { unsent: Rc::clone(unsent), number, left }) }
        })
    }
}

/// What is in a `Full`, which has it in one piece.
fn whole(mut body: Full<Bytes>) -> Bytes {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.unsent.answers.borrow_mut().remove(&self.number);
        self.unsent.count(self.left.get() == 0);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(moved) = self.way.unsent.answers.borrow_mut().get_mut(&self.way.number) {
            *moved = Instant::now();
        }
    }
}

impl Body for Answer {
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = this.rest.split_to(this.rest.len().min(PIECE_BYTES));
        Poll::Ready(Some(Ok(Frame::data(Piece { bytes, way: Rc::clone(&this.way) }))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.way.left.set(self.way.left.get().saturating_sub(count));
    }
}
