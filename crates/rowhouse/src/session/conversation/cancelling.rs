//! Cancelling what a client runs. Every request costs the server a connection, and its sender
//! nothing: so there is one at a time for each client, few at once for each pool, and a pause
//! behind each.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::Conversation;
use crate::observe::{Event, Operation};

/// Until the next request of the same client is sent. Nobody presses Ctrl-C more often.
const PAUSE: Duration = Duration::from_millis(250);

/// What of one client is being cancelled.
pub struct Cancelling {
    /// A request is on its way, or was a moment ago.
    busy: Cell<bool>,
    /// The segment that is to be cancelled when there is time for it.
    wanted: Cell<Option<u64>>,
    /// Segments that were answered.
    answered: Cell<u64>,
    bell: Arc<Notify>,
}

impl Cancelling {
    /// Nothing is.
    pub fn new(bell: Arc<Notify>) -> Rc<Cancelling> {
        Rc::new(Cancelling {
            busy: Cell::new(false),
            wanted: Cell::new(None),
            answered: Cell::new(0),
            bell,
        })
    }

    /// A segment was answered: what was to be cancelled is over.
    pub fn note_answer(&self) {
        self.answered.set(self.answered.get() + 1);
    }

    /// Whether a request goes out now. Otherwise the bell rings again when it may.
    fn begin(&self) -> bool {
        let now = self.answered.get();
        if self.busy.get() {
            self.wanted.set(Some(now));
            return false;
        }
        // What was remembered is for the segment of that time and no other.
        let meant = self.wanted.take().is_none_or(|segment| segment == now);
        self.busy.set(meant);
        meant
    }

    fn end(&self) {
        self.busy.set(false);
        if self.wanted.get().is_some() {
            self.bell.notify_one();
        }
    }
}

impl Conversation {
    /// What runs is cancelled. A request that arrives late would hit whatever runs then, so the
    /// connection serves this client to the end of its transaction and nobody afterwards.
    pub(super) fn cancel(&mut self) {
        let Some(server) = &mut self.server else { return };
        // Late by a moment, and nothing runs any more.
        if self.dialogue.is_at_rest() || !self.cancelling.begin() {
            return;
        }
        server.lease.condemn();
        let (pool, key) = (Rc::clone(&self.pool), server.taken.backend().clone());
        let cancelling = Rc::clone(&self.cancelling);
        self.session.observer.emit(&Event::Operation(Operation::Cancelled));
        tokio::task::spawn_local(async move {
            pool.cancel(&key).await;
            sleep(PAUSE).await;
            cancelling.end();
        });
    }
}
