//! Finding PostgreSQL's server programs: the same places, in the same order, as `rowhouse dev`
//! looks.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run;

/// The oldest major version that Rowhouse supports.
pub const MAJOR_MIN: u32 = 15;

/// PostgreSQL server programs of one version.
#[derive(Debug)]
pub struct Binaries {
    /// The folder with `postgres`, `initdb` and the others.
    pub folder: PathBuf,
    /// The major version.
    pub major: u32,
}

impl Binaries {
    /// The newest server programs of this machine that are new enough.
    pub fn find() -> Option<Binaries> {
        let mut found: Vec<Binaries> = folders().into_iter().filter_map(Binaries::at).collect();
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        found.into_iter().find(|binaries| binaries.major >= MAJOR_MIN)
    }

    /// Those in a folder, if they start.
    pub fn at(folder: PathBuf) -> Option<Binaries> {
        let postgres = folder.join("postgres");
        if !postgres.is_file() || !folder.join("initdb").is_file() {
            return None;
        }
        let text = run::output(Command::new(postgres).arg("--version")).ok()?;
        Some(Binaries { folder, major: major(&text)? })
    }
}

/// `postgres (PostgreSQL) 15.18 (Debian …)` → 15; betas write `18beta1`.
fn major(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    folders.extend(run::on_path("postgres").and_then(|file| file.parent().map(Path::to_owned)));
    if run::on_path("pg_config").is_some()
        && let Ok(folder) = run::output(Command::new("pg_config").arg("--bindir"))
    {
        folders.push(PathBuf::from(folder.trim()));
    }
    let families = [
        "/usr/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
        "/Applications/Postgres.app/Contents/Versions",
    ];
    for family in families {
        let Ok(entries) = std::fs::read_dir(family) else {
            continue;
        };
        folders.extend(entries.flatten().map(|entry| entry.path().join("bin")));
    }
    folders.sort();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests;
