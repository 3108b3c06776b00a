//! What is in force, key by key, to find out what another reading of the file has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aws_lc_rs::digest;

/// Every value under its key, as `pool.shards` or `secret[0].role`. Of what a file, a variable or a
/// secret holds there is a hash.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<String, String>);

impl fmt::Debug for Values {
    /// A hash of a short secret can be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Values").field(&self.0.len()).finish()
    }
}

impl Values {
    /// The keys that have another value than before, or came, or went.
    pub fn changed<'v>(&'v self, before: &'v Values) -> impl Iterator<Item = &'v str> {
        let keys: BTreeSet<&String> = self.0.keys().chain(before.0.keys()).collect();
        let changed = keys.into_iter().filter(|key| self.0.get(*key) != before.0.get(*key));
        changed.map(String::as_str)
    }

    pub(super) fn put(&mut self, key: String, value: String) {
        self.0.insert(key, value);
    }

    pub(super) fn put_content(&mut self, key: &str, content: &str) {
        let hash = digest::digest(&digest::SHA256, content.as_bytes());
        self.0.insert(format!("{key} (content)"), format!("{:?}", hash.as_ref()));
    }
}
