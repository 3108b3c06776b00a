//! Room for clients: one seat of so many, and a guest that is counted while it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::observe::{Event, Observer};

/// One of the places that a door has over all shards, given back however it ends.
pub struct Seat(Arc<AtomicUsize>);

impl Seat {
    /// Takes one, and says how many had been taken before: whether that was one too many, the door
    /// decides.
    pub fn take(taken: &Arc<AtomicUsize>) -> (Seat, usize) {
        let others = taken.fetch_add(1, Ordering::Relaxed);
        (Seat(Arc::clone(taken)), others)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A client connection that is counted until it ends.
pub struct Seated {
    observer: Observer,
    _seat: Seat,
}

impl Seated {
    /// A client has come.
    pub fn new(seat: Seat, observer: &Observer) -> Seated {
        observer.emit(&Event::Accepted);
        Seated { observer: observer.clone(), _seat: seat }
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.observer.emit(&Event::Closed);
    }
}
