//! The keys by which clients cancel what runs on their other connection. They are ours: what
//! PostgreSQL would take stays inside, and a key reaches its own client's statement only, whichever
//! connection that runs on.
//!
//! One table for all shards, since a cancel request arrives at any of them. It is locked when a
//! client comes, goes, or cancels, and never for a statement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{constant_time, rand};
use foldhash::fast::RandomState;
use tokio::sync::Notify;

use crate::error::Error;

/// Bytes of a secret in protocol 3.0.
const SECRET_LEN: usize = 4;
/// Bytes of a secret since protocol 3.2, which allows up to 256.
const LONG_SECRET_LEN: usize = 32;
/// Numbers that are drawn before there are too many clients.
const DRAWS_MAX: usize = 16;

/// All clients that can be cancelled.
#[derive(Clone, Default)]
pub struct Cancels(Arc<Mutex<HashMap<i32, Entry, RandomState>>>);

struct Entry {
    secret: Vec<u8>,
    bell: Arc<Notify>,
}

/// What one client cancels by. Dropped, it is good for nothing.
pub struct CancelKey {
    /// The number that stands for a process id.
    pub pid: i32,
    /// The secret.
    pub secret: Vec<u8>,
    bell: Arc<Notify>,
    cancels: Cancels,
}

impl Cancels {
    /// A key for a client. `long`: the client speaks protocol 3.2.
    pub fn key(&self, long: bool) -> Result<CancelKey, Error> {
        let no_randomness = |_| Error::internal("no randomness");
        let mut secret = vec![0; if long { LONG_SECRET_LEN } else { SECRET_LEN }];
        rand::fill(&mut secret).map_err(no_randomness)?;
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..DRAWS_MAX {
            let mut number = [0; 4];
            rand::fill(&mut number).map_err(no_randomness)?;
            // Process ids are positive.
            let pid = i32::from_be_bytes(number) & i32::MAX;
            if pid != 0 && !entries.contains_key(&pid) {
                let bell = Arc::new(Notify::new());
                let entry = Entry { secret: secret.clone(), bell: Arc::clone(&bell) };
                entries.insert(pid, entry);
                return Ok(CancelKey { pid, secret, bell, cancels: self.clone() });
            }
        }
        Err(Error::internal("no number is free for a client"))
    }

    /// Rings for the client whose key this is; for nobody where it is nobody's. Which it was, is
    /// not told.
    pub fn ring(&self, pid: i32, secret: &[u8]) {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&pid)
            && constant_time::verify_slices_are_equal(&entry.secret, secret).is_ok()
        {
            entry.bell.notify_one();
        }
    }
}

impl CancelKey {
    /// What rings.
    pub fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.bell)
    }

    /// Done when somebody has cancelled by this key.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }
}

impl Drop for CancelKey {
    fn drop(&mut self) {
        let mut entries = self.cancels.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.remove(&self.pid);
    }
}
