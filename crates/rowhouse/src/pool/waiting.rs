//! The bound on requests that wait for a connection.

use std::cell::Cell;

use crate::error::{Error, Kind};

/// How many wait, and how many may.
pub struct Waiting {
    count: Cell<usize>,
    max: usize,
}

/// One that waits. Dropping it, also half-way, takes it off the count.
pub struct Waiter<'a>(&'a Cell<usize>);

impl Waiting {
    /// Nobody waits yet.
    pub fn new(max: usize) -> Waiting {
        Waiting { count: Cell::new(0), max }
    }

    /// Joins those who wait, or is refused because too many do.
    pub fn join(&self) -> Result<Waiter<'_>, Error> {
        if self.count.get() >= self.max {
            return Err(overloaded("too many requests wait for a connection"));
        }
        self.count.set(self.count.get() + 1);
        Ok(Waiter(&self.count))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Nothing ran: the caller may try again.
pub fn overloaded(cause: &'static str) -> Error {
    Error::new(Kind::Overloaded, "The service is busy. Try again.").because(cause)
}
