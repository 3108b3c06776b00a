//! The keys of sealed databases: a file that `rowhouse keys` writes and the gateway reads.
//!
//! The file is read and written as a whole; a new one takes the place of the old one at once, so
//! that a reader meets one or the other.

use std::cmp::Reverse;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rowhouse_tenancy::seal::{SECRET_BYTES, SealKey, SealKeyId};
use serde::{Deserialize, Serialize};

use super::raw;

/// All keys: the current one registers new connections, the others may still be in use.
#[derive(Debug)]
pub struct SealKeys {
    current: SealKeyId,
    keys: Vec<StoredKey>,
}

/// One key of the file.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: SealKey,
    /// When it was made.
    pub created: Timestamp,
}

/// Why the file cannot be used. Its content is not repeated.
#[derive(Debug)]
pub struct SealKeysError {
    path: PathBuf,
    what: String,
}

/// What stands in the file. It has no `Debug`: there are secrets in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    current: i64,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: i64,
    secret: String,
    created: String,
}

impl SealKeys {
    /// The only key of a new file.
    pub fn first(key: StoredKey) -> SealKeys {
        SealKeys { current: key.key.id(), keys: vec![key] }
    }

    /// Reads the file. `None`: there is none.
    pub fn read(path: &Path) -> Result<Option<SealKeys>, SealKeysError> {
        let failed = |what: String| SealKeysError { path: path.to_owned(), what };
        let text = match raw::read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(format!("cannot be read: {error}"))),
        };
        SealKeys::parse(&text).map(Some).map_err(failed)
    }

    /// Writes the file, with mode 0600; what was there is replaced at once or not at all.
    pub fn write(&self, path: &Path) -> Result<(), SealKeysError> {
        self.replace(path).map_err(|error| SealKeysError {
            path: path.to_owned(),
            what: format!("cannot be written: {error}"),
        })
    }

    /// The key of new connections.
    pub fn current(&self) -> SealKeyId {
        self.current
    }

    /// The key of new connections, itself. `None` cannot be: the file is checked when it is read.
    pub fn current_key(&self) -> Option<&SealKey> {
        self.keys.iter().map(|one| &one.key).find(|key| key.id() == self.current)
    }

    /// All but the current one, the newest first.
    pub fn others(&self) -> Vec<SealKey> {
        let others = self.keys.iter().map(|one| &one.key).filter(|key| key.id() != self.current);
        let mut others: Vec<SealKey> = others.cloned().collect();
        others.sort_by_key(|key| Reverse(key.id()));
        others
    }

    /// All keys in the order of the file.
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// The id that the next key gets: above all that are in use. `None` at the end of all numbers.
    pub fn next_id(&self) -> Option<SealKeyId> {
        self.keys.iter().map(|one| one.key.id()).max().and_then(SealKeyId::next)
    }

    /// Adds a key and makes it the current one.
    pub fn add(&mut self, key: StoredKey) {
        self.current = key.key.id();
        self.keys.push(key);
    }

    /// Takes a key out; the current one stays.
    pub fn remove(&mut self, id: SealKeyId) {
        let current = self.current;
        self.keys.retain(|one| one.key.id() != id || id == current);
    }

    fn parse(text: &str) -> Result<SealKeys, String> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("is not good JSON: {error}"))?;
        let mut keys: Vec<StoredKey> = Vec::new();
        for entry in document.keys {
            let id = SealKeyId::new(entry.id)
                .ok_or_else(|| format!("has key {}; ids are numbers from 1 on", entry.id))?;
            let secret: [u8; SECRET_BYTES] = STANDARD
                .decode(&entry.secret)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| {
                    format!("has key {id} that is not base64 of {SECRET_BYTES} bytes")
                })?;
            if keys.iter().any(|one| one.key.id() == id) {
                return Err(format!("has key {id} twice"));
            }
            let created = entry.created.parse().map_err(|_| {
                format!("has key {id} whose \"created\" is no instant, as 2026-01-31T00:00:00Z")
            })?;
            keys.push(StoredKey { key: SealKey::new(id, secret), created });
        }
        let current =
            keys.iter().map(|one| one.key.id()).find(|id| i64::from(id.get()) == document.current);
        let current = current.ok_or_else(|| {
            format!("names key {} as the current one, which is not in it", document.current)
        })?;
        Ok(SealKeys { current, keys })
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let entry = |one: &StoredKey| Entry {
            id: i64::from(one.key.id().get()),
            secret: STANDARD.encode(one.key.expose()),
            created: one.created.to_string(),
        };
        let document = Document {
            current: i64::from(self.current.get()),
            keys: self.keys.iter().map(entry).collect(),
        };
        let text = serde_json::to_string_pretty(&document)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let beside = path.with_file_name(name);
        // Left behind by a process of the same number that was killed.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        let written = writeln!(file, "{text}")
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            // What could not be finished is nobody's file.
            let _ = fs::remove_file(&beside);
        }
        written?;
        let folder = path.parent().filter(|one| !one.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl fmt::Display for SealKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keys file {} {}", self.path.display(), self.what)
    }
}

impl std::error::Error for SealKeysError {}

#[cfg(test)]
mod tests;
