//! What the portals of a client are, by their names: any of them may be told to run at any time.
//!
//! Only what is certain is kept. A portal that is not here is taken for one that may do anything.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::session::conversation::nature::Nature;

/// Portals that are known at a time; drivers have one, or one for each cursor that is open.
const PORTALS_MAX: usize = 256;
/// Bytes of a name; drivers take a letter and a number.
const NAME_BYTES_MAX: usize = 128;

/// Portals of one client on one connection.
#[derive(Debug, Default)]
pub struct Portals {
    known: HashMap<String, Nature, RandomState>,
    last: Option<String>,
}

impl Portals {
    /// What this portal is.
    pub fn get(&self, name: &str) -> Nature {
        self.known.get(name).copied().unwrap_or_default()
    }

    /// Whether it is the one that was bound last.
    pub fn is_last(&self, name: &str) -> bool {
        self.last.as_deref() == Some(name)
    }

    /// A portal was bound.
    pub fn insert(&mut self, name: &str, nature: Nature) {
        self.known.remove(name);
        self.last = None;
        if name.len() <= NAME_BYTES_MAX && self.known.len() < PORTALS_MAX {
            self.known.insert(name.to_owned(), nature);
            self.last = Some(name.to_owned());
        }
    }

    /// It was closed.
    pub fn remove(&mut self, name: &str) {
        self.known.remove(name);
    }

    /// Nothing is known of any.
    pub fn clear(&mut self) {
        self.known.clear();
        self.last = None;
    }
}
