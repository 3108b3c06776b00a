//! What was written: the text of the file, the environment, and the files that they name. Nothing
//! is judged here; this is the one place of the program that reads environment variables.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Passwords, keys and certificates are far below; a wrong file name must not fill the memory.
const NAMED_FILE_BYTES_MAX: u64 = 64 * 1024;
/// A thousand resources with their secrets are below 1 MiB.
const CONFIG_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The bits of a mode that are about the group and everybody.
const OF_OTHERS: u32 = 0o077;

/// Everything that a configuration is made of.
#[derive(Debug)]
pub struct Source<'a> {
    /// The text of the file.
    pub text: &'a str,
    /// The file: it names problems, and relative names are looked for beside it.
    pub path: &'a Path,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Source<'_> {
    /// The file as messages name it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Where a file named in the configuration is.
    pub fn resolve(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(name)
    }
}

/// The environment of this process. Variables that are not UTF-8 cannot be ours and are left out.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The folders of PATH, in order.
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH")
        .map(|folders| std::env::split_paths(&folders).collect())
        .unwrap_or_default()
}

/// The text of a configuration file.
pub fn read_config(path: &Path) -> io::Result<String> {
    read_text(path, CONFIG_BYTES_MAX)
}

/// The text of a file named in the configuration.
pub fn read_named(path: &Path) -> io::Result<String> {
    read_text(path, NAMED_FILE_BYTES_MAX)
}

/// The text of a file of keys, which nobody but its owner may read or write. The open file is asked
/// for its mode, so that nothing can take its place in between.
pub fn read_private(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.mode() & OF_OTHERS != 0 {
        let message = "others than its owner may read or write it; chmod 600 it, and make new keys \
                       if somebody did";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    read_open(file, NAMED_FILE_BYTES_MAX)
}

/// Whether a file that is read later is there and may be read.
pub fn check_readable(path: &Path) -> io::Result<()> {
    File::open(path).map(drop)
}

fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    read_open(File::open(path)?, bytes_max)
}

fn read_open(file: File, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = file.take(bytes_max.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|bytes| bytes > bytes_max) {
        let message =
            format!("it has more than {bytes_max} bytes, which is not what belongs there");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}
