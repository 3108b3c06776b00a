//! Folders that are gone when the trials are over.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Told apart by this within one run.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// A folder that is removed when this value goes.
///
/// It stands in the system's folder for temporary files and not in cargo's, whose path may be too
/// long for a socket and closed to the user that PostgreSQL runs as.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder. Others may pass through and not look around.
    pub fn new(name: &str) -> Folder {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("rowhouse-it-{}-{number}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o711).create(&path).unwrap();
        // The mode above goes through the umask.
        std::fs::set_permissions(&path, Permissions::from_mode(0o711)).unwrap();
        Folder(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The file with this text.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.file(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to remove.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
