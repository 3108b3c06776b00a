//! A folder for the length of one run: under the system's temporary one, gone afterwards.
//!
//! Not in `target`: the path of a unix socket must be short, and the account that PostgreSQL runs
//! as must be able to look through every folder above it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Failure, Outcome};

/// A new folder. Dropping it removes it with everything in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// `rowhouse-NAME-PID` in the temporary folder.
    pub fn create(name: &str) -> Outcome<Scratch> {
        let name = format!("rowhouse-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the way of nobody: the name is never used again.
        let _ = fs::remove_dir_all(&self.0);
    }
}
