//! Where an operator can have everybody wait who needs a new connection. With all others retired,
//! that is everybody.

use std::cell::Cell;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, Kind};

/// Open, or closed for a while.
#[derive(Default)]
pub struct Gate {
    closed: Cell<bool>,
    /// How often it was closed.
    closings: Cell<u64>,
    opened: Notify,
}

impl Gate {
    /// Nobody passes from now on.
    pub fn close(&self) {
        if !self.closed.replace(true) {
            self.closings.set(self.closings.get() + 1);
        }
    }

    /// How often it was closed.
    pub fn closings(&self) -> u64 {
        self.closings.get()
    }

    /// Whoever waits passes.
    pub fn open(&self) {
        self.closed.set(false);
        self.opened.notify_waiters();
    }

    /// Whether nobody passes.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Waits until it is open, for so long.
    pub async fn pass(&self, until: Instant) -> Result<(), Error> {
        loop {
            let opened = self.opened.notified();
            if !self.closed.get() {
                return Ok(());
            }
            if timeout_at(until, opened).await.is_err() {
                let text = "The database is paused for maintenance. Try again.";
                return Err(Error::new(Kind::Unavailable, text).because("paused by an operator"));
            }
        }
    }
}
