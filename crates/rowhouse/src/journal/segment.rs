//! Segments as they are found on the disk, and what is in them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::usage::slot::{self, Names, SLOT_BYTES, Slot};
use rowhouse_tenancy::usage::{Account, Key, Measure};

use super::Segment;

/// What the names of segments end in.
pub const SEGMENT_SUFFIX: &str = ".usage";
/// Bytes that are read at once: a whole number of slots.
const CHUNK_BYTES: usize = 256 * 1024;
/// Segments that are looked at in one go; a folder with more is worked off bit by bit.
const SEGMENTS_MAX: usize = 10_000;

/// What slots come to.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers, added up.
    pub account: Account,
    /// Answers of the last write, if nothing says that they were sent.
    pub in_doubt: u64,
    /// Slots that cannot be read, and answers of tenants whose names cannot.
    pub damaged: u64,
    /// Answers.
    pub answers: u64,
    /// Whether the segment was ended in good order.
    pub ended: bool,
    names: Names,
    /// Of which gateway.
    gateway: Option<[u8; 16]>,
}

impl Tally {
    /// Takes a slot.
    pub fn take(&mut self, bytes: &[u8]) {
        self.take_slot(bytes, true);
    }

    /// The same for slots that have been added up before: their names count, their answers only
    /// for whether they are in doubt.
    fn pass(&mut self, bytes: &[u8]) {
        self.take_slot(bytes, false);
    }

    fn take_slot(&mut self, bytes: &[u8], counts: bool) {
        match slot::read(bytes) {
            Some(Slot::Head { gateway }) => self.gateway = Some(gateway),
            Some(Slot::Name { number, length, part, text }) => {
                self.names.take(number, length, part, text);
            }
            Some(Slot::Answer { tenant, first, measure }) => {
                self.in_doubt = if first { 1 } else { self.in_doubt + 1 };
                if counts {
                    self.count(tenant, &measure);
                }
            }
            Some(Slot::Settled) => self.in_doubt = 0,
            Some(Slot::End) => {
                self.in_doubt = 0;
                self.ended = true;
            }
            None if counts => self.damaged += 1,
            None => {}
        }
    }

    /// Gives a tenant its number.
    pub fn name(&mut self, number: u32, tenant: &TenantId) {
        self.names.know(number, tenant);
    }

    fn count(&mut self, tenant: u32, measure: &Measure) {
        let tenant = self.names.find(tenant);
        if tenant.is_none() {
            self.damaged += 1;
        }
        // An answer whose tenant is lost is nobody's, and has been given all the same.
        let key: Key = measure.key(tenant.flatten());
        self.account.entry(key).or_default().add(&measure.sums());
        self.answers += 1;
    }
}

/// Every segment in a folder, the oldest first. What is still written to may be longer soon.
pub fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !name.ends_with(SEGMENT_SUFFIX) {
            continue;
        }
        let length = match entry.metadata() {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => continue,
            // It has just been added up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        found.push(Segment { name, path: entry.path(), length, finished: false });
    }
    // Names begin with the gateway and the time.
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.truncate(SEGMENTS_MAX);
    Ok(found)
}

/// Adds up what stands in a segment from a position on, and gives the position behind it. What
/// stands before is read for the tenants' names. In an unfinished segment it ends before the first
/// slot that cannot be read, which may just be written; in a finished one such slots are damaged.
pub fn read(segment: &Segment, from: u64) -> io::Result<(Tally, u64)> {
    let file = File::open(&segment.path)?;
    let mut tally = Tally::default();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut position = 0;
    while position < segment.length {
        let left = usize::try_from(segment.length - position).unwrap_or(CHUNK_BYTES);
        let Some(part) = chunk.get_mut(..left.min(CHUNK_BYTES)) else { break };
        let read = read_up_to(&file, part, position)?;
        let (slots, rest) = part.get(..read).unwrap_or_default().as_chunks::<SLOT_BYTES>();
        for bytes in slots {
            if position < from {
                tally.pass(bytes);
            } else if !segment.finished && slot::read(bytes).is_none() {
                return Ok((tally, position));
            } else {
                tally.take(bytes);
            }
            position += SLOT_BYTES as u64;
        }
        if slots.is_empty() || !rest.is_empty() {
            // Cut off by a crash: what was being written was not sent.
            break;
        }
    }
    Ok((tally, position))
}

/// Fewer bytes only at the end of the file.
fn read_up_to(file: &File, buf: &mut [u8], position: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, position + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
