//! The directory of an export: it appears when it is whole, and is believed after it was checked.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use rowhouse_rls::life::manifest::{Manifest, TableFile};

use crate::cli::Failure;

/// The file that says what the others are.
const MANIFEST: &str = "manifest.json";
/// A manifest of thousands of tables is smaller.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Of a file that is read to be checked.
const PIECE_BYTES: usize = 64 * 1024;

/// A directory in the making, beside the place where it will be.
pub struct Draft {
    partial: PathBuf,
    target: PathBuf,
}

/// A file of it in the making.
pub struct Sheet {
    file: BufWriter<File>,
    hash: digest::Context,
    bytes: u64,
}

impl Draft {
    /// Makes it, for its owner's eyes only.
    pub fn new(target: &Path) -> Result<Draft, Failure> {
        let shown = target.display();
        if target.symlink_metadata().is_ok() {
            return Err(Failure::new(format!("{shown} is there already: name a new directory")));
        }
        let Some(name) = target.file_name() else {
            return Err(Failure::new(format!("{shown} is no name for a directory")));
        };
        let name = format!(".{}.partial-{}", name.to_string_lossy(), std::process::id());
        let partial = target.with_file_name(name);
        let made = DirBuilder::new().mode(0o700).create(&partial);
        made.map_err(|error| Failure::new(format!("cannot make {}: {error}", partial.display())))?;
        Ok(Draft { partial, target: target.to_owned() })
    }

    /// Begins a file.
    pub fn sheet(&self, name: &str) -> Result<Sheet, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.partial.join(name))?;
        let hash = digest::Context::new(&digest::SHA256);
        Ok(Sheet { file: BufWriter::new(file), hash, bytes: 0 })
    }

    /// Writes the manifest, and lets the directory appear.
    pub fn finish(self, manifest: &Manifest) -> Result<(), Failure> {
        let mut sheet = self.sheet(MANIFEST)?;
        sheet.write(serde_json::to_string_pretty(manifest)?.as_bytes())?;
        sheet.write(b"\n")?;
        sheet.finish()?;
        File::open(&self.partial)?.sync_all()?;
        fs::rename(&self.partial, &self.target)?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After its end there is nothing under this name.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

impl Sheet {
    /// Appends.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        self.file.write_all(piece)
    }

    /// Writes all of it to disk. Its length and its hash.
    pub fn finish(mut self) -> io::Result<(u64, String)> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        Ok((self.bytes, hexadecimal(self.hash.finish().as_ref())))
    }
}

/// A directory that was checked.
pub struct Archive {
    directory: PathBuf,
    /// What it says it is.
    pub manifest: Manifest,
}

impl Archive {
    /// Reads the manifest and every file, before anything is done with the first.
    pub fn open(directory: &Path) -> Result<Archive, Failure> {
        let wrong = |why: String| Failure::new(format!("{}: {why}", directory.display()));
        let mut text = String::new();
        let file = File::open(directory.join(MANIFEST)).map_err(|error| {
            wrong(format!(
                "there is no {MANIFEST} to read ({error}): name a directory of an export"
            ))
        })?;
        file.take(MANIFEST_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(|error| wrong(format!("{MANIFEST}: {error}")))?;
        let manifest = Manifest::read(&text).map_err(|why| wrong(format!("{MANIFEST}: {why}")))?;
        let archive = Archive { directory: directory.to_owned(), manifest };
        let mut problems = Vec::new();
        for table in &archive.manifest.tables {
            problems.extend(archive.check(table).err());
        }
        if problems.is_empty() { Ok(archive) } else { Err(Failure(problems)) }
    }

    /// Reads a file again, checking that it still is what it was.
    pub fn page(&self, table: &TableFile) -> Result<Page, Failure> {
        let file = File::open(self.directory.join(&table.file))?;
        let hash = Some(digest::Context::new(&digest::SHA256));
        let (left, expected) = (table.bytes, table.sha256.clone());
        Ok(Page { file: BufReader::new(file), hash, left, expected })
    }

    fn check(&self, table: &TableFile) -> Result<(), String> {
        let path = self.directory.join(&table.file);
        let name = path.display();
        let metadata = fs::symlink_metadata(&path).map_err(|error| format!("{name}: {error}"))?;
        if !metadata.is_file() || metadata.len() != table.bytes {
            return Err(format!(
                "{name} is not the file of {} bytes that was exported: take the whole export again",
                table.bytes
            ));
        }
        let mut page = self.page(table).map_err(|Failure(lines)| lines.join("; "))?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match page.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
    }
}

/// A file that is being read. The end fails when it was not what the manifest says.
pub struct Page {
    file: BufReader<File>,
    hash: Option<digest::Context>,
    left: u64,
    expected: String,
}

impl Page {
    /// The next bytes; none at the end.
    pub fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(piece)?;
        let changed = || {
            io::Error::other("its content is not what was exported: take the whole export again")
        };
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(bytes).ok_or_else(changed)?;
        if length > 0 {
            if let Some(hash) = &mut self.hash {
                hash.update(piece.get(..length).unwrap_or_default());
            }
        } else if let Some(hash) = self.hash.take() {
            let found = hexadecimal(hash.finish().as_ref());
            if found != self.expected {
                return Err(changed());
            }
        }
        Ok(length)
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    hexadecimal(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
