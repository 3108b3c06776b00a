//! Why there is no cluster, in one line that says what to do next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why there is no cluster.
#[derive(Debug)]
pub enum ClusterError {
    /// No PostgreSQL programs anywhere.
    NoBinaries,
    /// PostgreSQL programs, but none that is new enough.
    TooOld {
        /// The newest that was found.
        folder: PathBuf,
        /// Its version.
        version: String,
    },
    /// The named folder holds no PostgreSQL.
    NotBinaries {
        /// The folder.
        folder: PathBuf,
    },
    /// The data were made by a major version that is not here.
    OtherMajor {
        /// The version that made them.
        made_by: u32,
        /// The newest that was found.
        found: u32,
    },
    /// Another process uses the data directory.
    Locked {
        /// The data directory.
        directory: PathBuf,
    },
    /// The data directory is somebody else's.
    NotOurs {
        /// The data directory.
        directory: PathBuf,
        /// What is in it that is not ours.
        found: PathBuf,
    },
    /// A file or folder cannot be used.
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// PostgreSQL refuses to run as root, and there is nobody else.
    NoAccount,
    /// The unprivileged user cannot run PostgreSQL's programs.
    NotExecutable {
        /// The user.
        user: String,
        /// The program.
        program: PathBuf,
    },
    /// initdb failed.
    Initdb {
        /// What it said.
        reason: String,
    },
    /// PostgreSQL ended while starting.
    Start {
        /// What it said last.
        reason: String,
        /// Where it said more.
        log: PathBuf,
    },
    /// PostgreSQL does not answer.
    StartTimeout {
        /// Where it said why.
        log: PathBuf,
    },
    /// PostgreSQL does not stop.
    StopTimeout {
        /// Its process.
        pid: i32,
    },
    /// Somebody took the port in between.
    PortTaken(u16),
    /// There is no port to be had.
    NoPort(io::Error),
    /// The system gives no random bytes.
    NoRandomness,
}

impl ClusterError {
    /// A file or folder cannot be used.
    pub fn file(path: impl AsRef<Path>, error: io::Error) -> ClusterError {
        ClusterError::File { path: path.as_ref().to_owned(), error }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::NoBinaries
            | ClusterError::TooOld { .. }
            | ClusterError::NotBinaries { .. }
            | ClusterError::OtherMajor { .. } => self.about_binaries(f),
            ClusterError::Locked { .. }
            | ClusterError::NotOurs { .. }
            | ClusterError::File { .. }
            | ClusterError::NoAccount
            | ClusterError::NotExecutable { .. } => self.about_places(f),
            ClusterError::Initdb { .. }
            | ClusterError::Start { .. }
            | ClusterError::StartTimeout { .. }
            | ClusterError::StopTimeout { .. }
            | ClusterError::PortTaken(_)
            | ClusterError::NoPort(_)
            | ClusterError::NoRandomness => self.about_running(f),
        }
    }
}

impl ClusterError {
    fn about_binaries(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::TooOld { folder, version } => write!(
                f,
                "PostgreSQL {version} in {} is too old: install 15 or newer, or name its binaries \
                 with --pg-bin DIR",
                folder.display()
            ),
            ClusterError::NotBinaries { folder } => write!(
                f,
                "{} does not hold PostgreSQL's programs postgres and initdb: name their folder \
                 with --pg-bin DIR",
                folder.display()
            ),
            ClusterError::OtherMajor { made_by, found } => write!(
                f,
                "the data were made by PostgreSQL {made_by}, and {found} cannot read them: name \
                 the binaries of {made_by} with --pg-bin DIR, or begin anew with --reset"
            ),
            _ => f.write_str(
                "no PostgreSQL 15 or newer found: install it (Debian, Ubuntu: apt-get install \
                 postgresql; macOS: brew install postgresql@17) or name its binaries with --pg-bin \
                 DIR",
            ),
        }
    }

    fn about_places(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Locked { directory } => write!(
                f,
                "another rowhouse uses {}: stop it, or choose another folder with --data-dir DIR",
                directory.display()
            ),
            ClusterError::NotOurs { directory, found } => write!(
                f,
                "{} was not made by rowhouse dev, but holds {}: choose another folder with \
                 --data-dir DIR",
                directory.display(),
                found.display()
            ),
            ClusterError::File { path, error } => write!(
                f,
                "cannot use {}: {error}; mend that, or choose another folder with --data-dir DIR",
                path.display()
            ),
            ClusterError::NotExecutable { user, program } => write!(
                f,
                "the user {user} may not run {}: open its folders to everybody (chmod o+x), or \
                 name other binaries with --pg-bin DIR",
                program.display()
            ),
            _ => f.write_str(
                "PostgreSQL refuses to run as root, and neither a user postgres nor nobody exists: \
                 run as another user, or make one (useradd --system postgres)",
            ),
        }
    }

    fn about_running(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Initdb { reason } => {
                write!(f, "PostgreSQL's initdb failed: {reason}; mend that and start again")
            }
            ClusterError::Start { reason, log } => write!(
                f,
                "PostgreSQL did not start: {reason}; see {}, or begin anew with --reset",
                log.display()
            ),
            ClusterError::StartTimeout { log } => write!(
                f,
                "PostgreSQL does not answer; see {}, or begin anew with --reset",
                log.display()
            ),
            ClusterError::StopTimeout { pid } => {
                write!(f, "PostgreSQL (process {pid}) does not stop: kill -9 {pid}, then try again")
            }
            ClusterError::PortTaken(port) => {
                write!(f, "port {port} was taken by somebody else: try again")
            }
            ClusterError::NoPort(error) => write!(
                f,
                "no free port on 127.0.0.1: {error}; close some connections and try again"
            ),
            _ => f.write_str("the system gives no random bytes for passwords: try again"),
        }
    }
}

impl std::error::Error for ClusterError {}
