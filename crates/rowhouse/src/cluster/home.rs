//! Where the cluster's own files are: in the data directory, or beside it where PostgreSQL's user
//! cannot get in there.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::account::Account;
use super::{ClusterError, DataDir};

/// The cluster's folder in the data directory.
pub const FOLDER: &str = "cluster";
/// File in the data directory that names the folder when it is elsewhere.
pub const ELSEWHERE_FILE: &str = "cluster.path";

/// Where everybody can get in and nothing is removed at a restart.
const ELSEWHERE: &str = "/var/tmp";
/// For sockets whose path would be too long anywhere else.
const SHORT: &str = "/tmp";
/// `sun_path` has 104 bytes on macOS and 108 on Linux; a round number below both.
const SOCKET_PATH_BYTES_MAX: usize = 100;
/// The longest name of a socket.
const SOCKET_NAME: &str = ".s.PGSQL.65535";
/// Bytes of the data directory's hash in the name of a folder elsewhere.
const HASH_BYTES: usize = 8;

/// The cluster's folder, owned by the user that PostgreSQL runs as.
#[derive(Debug)]
pub struct Home {
    folder: PathBuf,
    socket: PathBuf,
}

impl Home {
    /// Makes or finds the folders.
    pub fn settle(directory: &DataDir, account: &Account) -> Result<Home, ClusterError> {
        let folder = match elsewhere(directory)? {
            Some(folder) => folder,
            None if account.can_reach(directory.path()) => directory.file(FOLDER),
            None => {
                let folder = Path::new(ELSEWHERE).join(name(directory));
                directory.write(ELSEWHERE_FILE, folder.as_os_str().as_bytes())?;
                folder
            }
        };
        let home = Home { socket: socket(directory, &folder), folder };
        for folder in [&home.folder, &home.socket] {
            make_private(folder, account)?;
        }
        Ok(home)
    }

    /// The folders of a cluster that may be there already.
    pub fn existing(directory: &DataDir, account: &Account) -> Result<Option<Home>, ClusterError> {
        let folder = elsewhere(directory)?.unwrap_or_else(|| directory.file(FOLDER));
        if !folder.is_dir() {
            return Ok(None);
        }
        check_owner(&folder, account)?;
        Ok(Some(Home { socket: socket(directory, &folder), folder }))
    }

    /// PostgreSQL's data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The folder of its socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// A file of the cluster.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes the folders and everything in them.
    pub fn remove(&self) -> Result<(), ClusterError> {
        for folder in [&self.folder, &self.socket] {
            match std::fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(ClusterError::file(folder, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn elsewhere(directory: &DataDir) -> Result<Option<PathBuf>, ClusterError> {
    let file = directory.file(ELSEWHERE_FILE);
    match std::fs::read(&file) {
        Ok(bytes) => Ok(Some(PathBuf::from(OsStr::from_bytes(&bytes)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::file(file, error)),
    }
}

fn socket(directory: &DataDir, folder: &Path) -> PathBuf {
    let near = folder.join("socket");
    let longest = near.join(SOCKET_NAME);
    if longest.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
        return near;
    }
    Path::new(SHORT).join(name(directory))
}

/// The same folder for the same data directory, and no other.
fn name(directory: &DataDir) -> String {
    let hash = digest::digest(&digest::SHA256, directory.path().as_os_str().as_bytes());
    let hash: String = hash.as_ref().iter().take(HASH_BYTES).map(|b| format!("{b:02x}")).collect();
    format!("rowhouse-{hash}")
}

/// A folder that only PostgreSQL's user gets into. One that is there already must be its own: in a
/// folder that everybody can write to, somebody else may have been faster.
fn make_private(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => account.own(folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_owner(folder, account),
        Err(error) => Err(ClusterError::file(folder, error)),
    }
}

fn check_owner(folder: &Path, account: &Account) -> Result<(), ClusterError> {
    let metadata =
        std::fs::symlink_metadata(folder).map_err(|error| ClusterError::file(folder, error))?;
    let private = metadata.is_dir() && metadata.mode() & 0o077 == 0;
    if private && metadata.uid() == account.uid() {
        return Ok(());
    }
    let reason = format!("it is not a folder of {} alone: remove it", account.name());
    Err(ClusterError::file(folder, io::Error::other(reason)))
}
