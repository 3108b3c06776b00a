//! The last known records in a file, for a start while the registry's database is away.
//!
//! Whoever can write the file can take a suspension back, so it is its owner's alone; and it is
//! believed only where it was written for the same place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rowhouse_tenancy::record::TenantRecord;
use serde::{Deserialize, Serialize};

use super::rows::{self, Records};

/// A million records of 250 bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// What the file says it is.
const FORMAT: &str = "rowhouse-registry-cache-1";

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    /// Which registry.
    place: String,
    tenants: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    id: String,
    name: Option<String>,
    tier: Option<String>,
    state: String,
    reason: Option<String>,
    limits: String,
}

/// The records that were last known of this place; why not, in words for an operator.
pub fn read(path: &Path, place: &str) -> Result<Records, String> {
    let named = |what: String| format!("{} {what}", path.display());
    let text = read_text(path).map_err(|error| named(format!("cannot be read: {error}")))?;
    let document: Document =
        serde_json::from_str(&text).map_err(|error| named(format!("is not good: {error}")))?;
    if document.format != FORMAT || document.place != place {
        return Err(named("was written for another registry".to_owned()));
    }
    let record = |entry: Entry| {
        let Entry { id, name, tier, state, reason, limits } = entry;
        let row = vec![Some(id), name, tier, Some(state), reason, Some(limits)];
        // What is odd was told when it was read from the database.
        rows::record(row, &mut Vec::new())
    };
    let records = document.tenants.into_iter().filter_map(record);
    Ok(records.map(|record| (record.id.clone(), Arc::new(record))).collect())
}

/// Replaces the file, at once or not at all.
pub fn write(path: &Path, place: &str, records: &Records) -> io::Result<()> {
    let tenants = records.values().map(|record| entry(record)).collect();
    let document = Document { format: FORMAT.to_owned(), place: place.to_owned(), tenants };
    let text = serde_json::to_string(&document)?;
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
    written
}

fn entry(record: &TenantRecord) -> Entry {
    Entry {
        id: record.id.as_str().to_owned(),
        name: record.name.clone(),
        tier: record.tier.as_ref().map(|tier| tier.as_str().to_owned()),
        state: record.state.as_str().to_owned(),
        reason: record.state.reason().map(str::to_owned),
        limits: record.limits.to_json().to_string(),
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.mode() & WRITABLE_BY_OTHERS != 0 {
        let message = "others than its owner may write it; delete it, and it is made anew";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
