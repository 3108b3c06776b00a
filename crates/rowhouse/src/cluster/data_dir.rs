//! The data directory: locked, recognisably ours, its files private and never half-written.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use rowhouse_tenancy::secret::Secret;

use super::{CLUSTER_FILE, ClusterError, LOG_FILE, PORT_FILE, SUPERUSER_PASSWORD_FILE};

/// Held as long as the directory is used.
const LOCK_FILE: &str = "lock";
/// Says whose directory it is, to people and to `--reset`.
const MARKER_FILE: &str = "rowhouse-data-dir";
const MARKER_TEXT: &str = "This folder belongs to `rowhouse dev`, which made everything in it and \
                           takes it back with `rowhouse dev --reset`.\n";
/// Everything that is ever made in a data directory, besides marker and lock. Nothing else is
/// removed.
const CONTENTS: [&str; 12] = [
    super::home::FOLDER,
    super::home::ELSEWHERE_FILE,
    CLUSTER_FILE,
    PORT_FILE,
    LOG_FILE,
    SUPERUSER_PASSWORD_FILE,
    "owner.password",
    "jwt.key",
    "sts.key",
    "rowhouse.toml",
    "endpoints.json",
    "demo.loaded",
];
/// Bytes of a secret that is drawn here: 256 bits, as the strongest key that is made of one.
const SECRET_BYTES: usize = 32;

/// A data directory that nobody else uses as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes it if need be, and locks it.
    pub fn open(path: &Path) -> Result<DataDir, ClusterError> {
        // Others may pass through, since PostgreSQL may run as another user, but not look around.
        let made = DirBuilder::new().recursive(true).mode(0o711).create(path);
        made.map_err(|error| ClusterError::file(path, error))?;
        let path = path.canonicalize().map_err(|error| ClusterError::file(path, error))?;
        let marked = path.join(MARKER_FILE).is_file();
        let found = CONTENTS.iter().map(|name| path.join(name)).find(|path| path.exists());
        if let (false, Some(found)) = (marked, found) {
            return Err(ClusterError::NotOurs { directory: path, found });
        }
        let lock = private_file(&path.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ClusterError::Locked { directory: path }),
            Err(TryLockError::Error(error)) => return Err(ClusterError::file(path, error)),
        }
        let directory = DataDir { path, _lock: lock };
        if !marked {
            directory.write(MARKER_FILE, MARKER_TEXT.as_bytes())?;
        }
        Ok(directory)
    }

    /// The directory, absolute and without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that only its owner can read; readers see the old one or the new one.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ClusterError> {
        let path = self.file(name);
        let temporary = self.file(&format!(".{name}.new"));
        let write = || -> Result<(), ClusterError> {
            let mut file = private_file(&temporary)?;
            let written = file.set_len(0).and_then(|()| file.write_all(bytes));
            written.map_err(|error| ClusterError::file(&temporary, error))?;
            std::fs::rename(&temporary, &path).map_err(|error| ClusterError::file(&path, error))
        };
        write().inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
    }

    /// The secret in a file of that name; the first to ask for it draws it.
    pub fn secret(&self, name: &str) -> Result<Secret, ClusterError> {
        let path = self.file(name);
        match std::fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(Secret::from(text.trim())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ClusterError::file(path, error));
            }
            _ => {}
        }
        let text = random_text()?;
        self.write(name, format!("{text}\n").as_bytes())?;
        Ok(Secret::from(text))
    }

    /// Removes a file that need not be there.
    pub fn remove(&self, name: &str) -> Result<(), ClusterError> {
        let path = self.file(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ClusterError::file(path, error))
            }
            _ => Ok(()),
        }
    }

    /// Removes everything that was made in it, and nothing else.
    pub fn clear(&self) -> Result<(), ClusterError> {
        for name in CONTENTS {
            let path = self.file(name);
            let removed = match std::fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(&path),
                Ok(_) => std::fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            removed.map_err(|error| ClusterError::file(&path, error))?;
        }
        Ok(())
    }
}

/// Letters and digits only, so that it can stand in any file, URL or command line.
fn random_text() -> Result<String, ClusterError> {
    let mut bytes = [0_u8; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(|_| ClusterError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn private_file(path: &Path) -> Result<File, ClusterError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(|error| ClusterError::file(path, error))
}

#[cfg(test)]
mod tests;
