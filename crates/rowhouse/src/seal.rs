//! The key that new connections to sealed databases are registered with: the current one of the
//! keys file, which is read again when it changes.
//!
//! A key that is there goes on when the file is gone or broken: nobody's request is to fail because
//! somebody edits a file. Who is registered already needs no key any more. And a database that has
//! been forgotten when keys were rotated is served with the key before.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rowhouse_tenancy::seal::SealKey;

use crate::config::{Config, SealKeys};
use crate::observe::{Event, Observer};

/// How often the file is looked at. It has a few hundred bytes, and whoever rotates waits for it.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The current key, for all shards.
pub struct Seals {
    path: PathBuf,
    /// The current one, then the others, newest first.
    keys: RwLock<Vec<SealKey>>,
    /// How often the current key has changed.
    generation: AtomicU64,
    /// What was last told about the file, if it cannot be used.
    trouble: Mutex<Option<String>>,
    /// A database does not take the current key.
    refused: AtomicBool,
    observer: Observer,
}

impl Seals {
    /// The keys of a configuration; `None` where no database is sealed.
    pub fn new(config: &Config, observer: &Observer) -> Option<Arc<Seals>> {
        let seal = config.seal.as_ref()?;
        observer.emit(&Event::SealKey { id: seal.key.id() });
        Some(Arc::new(Seals {
            path: seal.keys_file.clone(),
            keys: RwLock::new(std::iter::once(&seal.key).chain(&seal.others).cloned().collect()),
            generation: AtomicU64::new(0),
            trouble: Mutex::new(None),
            refused: AtomicBool::new(false),
            observer: observer.clone(),
        }))
    }

    /// The current key and then the others, in the order in which they are tried; and the
    /// generation of the current one.
    pub fn keys(&self) -> (Vec<SealKey>, u64) {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        (keys.clone(), self.generation.load(Ordering::Acquire))
    }

    /// How often the current key has changed: connections of an earlier generation are on their way
    /// out.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether a database has refused the current key, and none has taken it since.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// A database has taken the current key, or refused it. Then the file is looked at: perhaps
    /// there is a newer one.
    pub fn note(&self, taken: bool) {
        self.refused.store(!taken, Ordering::Relaxed);
        if !taken {
            self.look();
        }
    }

    /// A database has refused the current key and taken another one.
    pub fn note_forgotten(&self, reason: &str) {
        self.refused.store(false, Ordering::Relaxed);
        self.observer.emit(&Event::SealKeysFailed { reason });
    }

    /// Looks at the file, for as long as the gateway runs.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            self.look();
        }
    }

    /// Reads the file.
    pub fn look(&self) {
        let trouble = match SealKeys::read(&self.path) {
            Ok(Some(keys)) => match keys.current_key() {
                Some(key) => {
                    self.take(key, keys.others());
                    None
                }
                None => Some(format!("the keys file {} has no key", self.path.display())),
            },
            Ok(None) => Some(format!("the keys file {} is gone", self.path.display())),
            Err(error) => Some(error.to_string()),
        };
        let mut told = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = &trouble
            && *told != trouble
        {
            self.observer.emit(&Event::SealKeysFailed { reason });
        }
        *told = trouble;
    }

    fn take(&self, key: &SealKey, mut others: Vec<SealKey>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let is_known =
            keys.first().is_some_and(|own| own.id() == key.id() && own.expose() == key.expose());
        others.insert(0, key.clone());
        *keys = others;
        if is_known {
            return;
        }
        self.generation.fetch_add(1, Ordering::Release);
        self.observer.emit(&Event::SealKey { id: key.id() });
    }
}
