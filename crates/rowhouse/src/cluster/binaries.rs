//! Finding PostgreSQL's server programs: where packages put them, the newest first.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ClusterError;
use crate::config::raw;

/// The oldest supported major version; 14 has just reached its end of life.
const MAJOR_MIN: u32 = 15;
/// Folders that hold one folder with `bin` for each version: Debian, Homebrew on both kinds of Mac,
/// Postgres.app.
const FAMILIES: [&str; 4] = [
    "/usr/lib/postgresql",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/Applications/Postgres.app/Contents/Versions",
];
/// Where the packages of postgresql.org for Red Hat's family have a folder for each version.
const RED_HAT: &str = "/usr";
/// How those folders begin.
const RED_HAT_PREFIX: &str = "pgsql-";

/// Server programs of one version.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
    version: String,
    major: u32,
}

impl Binaries {
    /// Those in the named folder, or the newest of this machine; if the data are there already,
    /// those that can read them.
    pub fn find(named: Option<&Path>, made_by: Option<u32>) -> Result<Binaries, ClusterError> {
        let found = match named {
            Some(folder) => {
                let folder = std::path::absolute(folder)
                    .map_err(|error| ClusterError::file(folder, error))?;
                let binaries = Binaries::at(&folder);
                vec![binaries.ok_or(ClusterError::NotBinaries { folder })?]
            }
            None => everywhere(),
        };
        choose(found, made_by)
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The version, as `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn at(folder: &Path) -> Option<Binaries> {
        let postgres = folder.join("postgres");
        if !postgres.is_file() || !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(postgres).arg("--version").output().ok()?;
        let (version, major) = version_in(&String::from_utf8_lossy(&output.stdout))?;
        Some(Binaries { folder: folder.to_owned(), version, major })
    }
}

fn choose(mut found: Vec<Binaries>, made_by: Option<u32>) -> Result<Binaries, ClusterError> {
    found.sort_by_key(|binaries| Reverse(binaries.major));
    let newest = found.first().cloned().ok_or(ClusterError::NoBinaries)?;
    if newest.major < MAJOR_MIN {
        return Err(ClusterError::TooOld { folder: newest.folder, version: newest.version });
    }
    let Some(made_by) = made_by else { return Ok(newest) };
    let same = found.into_iter().find(|binaries| binaries.major == made_by);
    same.ok_or(ClusterError::OtherMajor { made_by, found: newest.major })
}

fn everywhere() -> Vec<Binaries> {
    let mut folders = raw::search_path();
    folders.extend(told_by_pg_config());
    for family in FAMILIES {
        folders.extend(folders_in(family).into_iter().map(|folder| folder.join("bin")));
    }
    let red_hat = folders_in(RED_HAT).into_iter().filter(|folder| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(RED_HAT_PREFIX))
    });
    folders.extend(red_hat.map(|folder| folder.join("bin")));
    folders.iter().filter(|folder| folder.is_absolute()).filter_map(|f| Binaries::at(f)).collect()
}

fn told_by_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}

fn folders_in(family: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(family).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0)` is 15.18 and 15; betas say `18beta1`.
fn version_in(text: &str) -> Option<(String, u32)> {
    let rest = text.split_once("(PostgreSQL)")?.1;
    let version = rest.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

#[cfg(test)]
mod tests;
