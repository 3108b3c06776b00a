//! One shard's part of the journal: what it counts, and the segment it writes to.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::usage::slot::{self, NOBODY, SLOT_BYTES};
use rowhouse_tenancy::usage::{Account, Key, Measure};

use super::segment::Tally;
use super::{Ground, Segment, lock, merge, private};

/// A segment is ended when it is as long: some 250,000 answers, added up in one go.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Or when it names as many tenants, whose names are held in memory: a few MiB for each shard.
const TENANTS_MAX: usize = 16 * 1024;
/// What waits in memory to be written. It is written before any client is; only answers that
/// nobody waited for come to more than a few.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Sums that are kept in memory where nothing can be written; then tenants lose their names.
const OVERFLOW_KEYS_MAX: usize = 100_000;

/// A shard's part of the journal. The shard is alone with it but for who adds up.
pub struct Page {
    ground: Arc<Ground>,
    shard: usize,
    /// Whether something waits to be written, so that most writes to clients need no lock.
    waiting: AtomicBool,
    writer: Mutex<Writer>,
}

struct Writer {
    open: Option<Open>,
    /// Of the next segment.
    number: u64,
    /// Slots that wait.
    buffer: Vec<u8>,
    /// Whether every answer in the file is known to have been handed on.
    settled: bool,
    /// It could not be written last time.
    failing: bool,
    /// Written since the disk was asked for it.
    unsynced: bool,
    /// Ended, and the disk was not asked for their last part.
    ended: Vec<Arc<File>>,
    overflow: Account,
}

struct Open {
    file: Arc<File>,
    path: PathBuf,
    /// Whole and written.
    length: u64,
    tenants: foldhash::HashMap<TenantId, u32>,
}

impl Page {
    pub(super) fn new(ground: Arc<Ground>, shard: usize) -> Page {
        let writer = Writer {
            open: None,
            number: 0,
            buffer: Vec::new(),
            settled: true,
            failing: false,
            unsynced: false,
            ended: Vec::new(),
            overflow: Account::new(),
        };
        Page { ground, shard, waiting: AtomicBool::new(false), writer: Mutex::new(writer) }
    }

    /// Counts an answer. It is written down by [`Page::flush`], before the answer is sent.
    pub fn count(&self, tenant: Option<&TenantId>, measure: &Measure) {
        let mut writer = lock(&self.writer);
        if writer.failing {
            writer.count_in_memory(tenant, measure);
            return;
        }
        if let Err(error) = self.append(&mut writer, tenant, measure) {
            self.fail(&mut writer, &error);
            writer.count_in_memory(tenant, measure);
            return;
        }
        self.waiting.store(true, Ordering::Relaxed);
        if writer.buffer.len() >= BUFFER_BYTES_MAX {
            self.write(&mut writer);
        }
    }

    /// Writes down what was counted. To be called before anything is written to a client, and with
    /// nothing between: whatever is killed in between is counted and not sent.
    pub fn flush(&self) {
        if self.waiting.load(Ordering::Relaxed) {
            self.write(&mut lock(&self.writer));
        }
    }

    /// Nothing has come for a while, and what came was handed on. To be called by the shard,
    /// between its other tasks. What could not be written before is tried again.
    pub fn settle(&self) {
        let mut writer = lock(&self.writer);
        self.write(&mut writer);
        if writer.failing {
            self.recover(&mut writer);
        } else if !writer.settled {
            slot::write_settled(&mut writer.buffer);
            self.write(&mut writer);
            writer.settled = true;
        }
    }

    /// Whether callers are to be refused.
    pub fn refuses(&self) -> bool {
        self.ground.refuses()
    }

    pub(super) fn segment(&self) -> Option<Segment> {
        let writer = lock(&self.writer);
        let open = writer.open.as_ref()?;
        let name = open.path.file_name()?.to_str()?.to_owned();
        Some(Segment { name, path: open.path.clone(), length: open.length, finished: false })
    }

    pub(super) fn take_overflow(&self) -> Account {
        std::mem::take(&mut lock(&self.writer).overflow)
    }

    pub(super) fn put_back(&self, account: Account) {
        merge(&mut lock(&self.writer).overflow, account);
    }

    /// The files whose last part the disk has not been asked for.
    pub(super) fn unsynced(&self) -> Vec<Arc<File>> {
        let mut writer = lock(&self.writer);
        let mut files = std::mem::take(&mut writer.ended);
        if std::mem::take(&mut writer.unsynced) {
            files.extend(writer.open.as_ref().map(|open| Arc::clone(&open.file)));
        }
        files
    }

    pub(super) fn close(&self) {
        let mut writer = lock(&self.writer);
        self.write(&mut writer);
        self.end(&mut writer);
    }

    fn append(
        &self,
        writer: &mut Writer,
        tenant: Option<&TenantId>,
        measure: &Measure,
    ) -> io::Result<()> {
        let first = writer.buffer.is_empty();
        // All that was written before has been handed on by now.
        if first && writer.open.as_ref().is_some_and(Open::is_long) {
            self.end(writer);
        }
        if writer.open.is_none() {
            writer.open = Some(self.begin(&mut writer.number)?);
        }
        let Writer { open: Some(open), buffer, .. } = writer else { return Ok(()) };
        let number = match tenant {
            None => NOBODY,
            Some(tenant) => match open.tenants.get(tenant) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(open.tenants.len() + 1).unwrap_or(u32::MAX);
                    slot::write_name(buffer, number, tenant);
                    open.tenants.insert(tenant.clone(), number);
                    number
                }
            },
        };
        slot::write_answer(buffer, number, first, measure);
        Ok(())
    }

    /// A new segment. `number` counts those that were begun.
    fn begin(&self, number: &mut u64) -> io::Result<Open> {
        if self.ground.is_full(SLOT_BYTES) {
            return Err(full());
        }
        let path = self.ground.segment_path(self.shard, *number);
        *number += 1;
        let file = private().write(true).create_new(true).open(&path)?;
        let mut head = Vec::with_capacity(SLOT_BYTES);
        slot::write_head(&mut head, &self.ground.gateway);
        if let Err(error) = file.write_all_at(&head, 0) {
            // There is nothing in it, and it is looked for by nobody.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        self.ground.note_written(head.len());
        let length = head.len() as u64;
        Ok(Open { file: Arc::new(file), path, length, tenants: foldhash::HashMap::default() })
    }

    fn write(&self, writer: &mut Writer) {
        self.waiting.store(false, Ordering::Relaxed);
        let Writer { open: Some(open), buffer, .. } = writer else { return };
        if buffer.is_empty() {
            return;
        }
        let written = match self.ground.is_full(buffer.len()) {
            true => Err(full()),
            // One write in most cases: it is cut short on a full disk only.
            false => open.file.write_all_at(buffer, open.length),
        };
        if let Err(error) = written {
            self.fail(writer, &error);
            return;
        }
        self.ground.note_written(buffer.len());
        open.length += buffer.len() as u64;
        buffer.clear();
        writer.settled = false;
        writer.unsynced = true;
    }

    /// Nothing comes into this segment any more.
    fn end(&self, writer: &mut Writer) {
        let Some(open) = writer.open.take() else { return };
        let mut end = Vec::with_capacity(SLOT_BYTES);
        slot::write_end(&mut end);
        // Without it, whoever adds up takes it for the segment of a gateway that was killed.
        if open.file.write_all_at(&end, open.length).is_ok() {
            self.ground.note_written(end.len());
        }
        // The disk takes its time, and a shard has none.
        writer.ended.push(open.file);
        writer.unsynced = false;
        writer.settled = true;
    }

    /// The file cannot be written: what waits is counted in memory.
    fn fail(&self, writer: &mut Writer, error: &io::Error) {
        let waiting = std::mem::take(&mut writer.buffer);
        if let Some(open) = writer.open.take() {
            // What was half written is taken back, and the end needs no room that was not there. If
            // neither can be done, the last that was written counts as in doubt.
            if open.file.set_len(open.length).is_ok() {
                let mut end = Vec::with_capacity(SLOT_BYTES);
                slot::write_end(&mut end);
                let _ = open.file.write_all_at(&end, open.length);
            }
            let mut tally = Tally::default();
            for (tenant, number) in &open.tenants {
                tally.name(*number, tenant);
            }
            for slot in waiting.chunks(SLOT_BYTES) {
                tally.take(slot);
            }
            merge(&mut writer.overflow, tally.account);
        }
        if !std::mem::replace(&mut writer.failing, true) {
            self.ground.failing.fetch_add(1, Ordering::Relaxed);
            self.ground.note_trouble(&format!(
                "cannot be written: {error}; answers are counted in memory meanwhile, and lost if \
                 the process dies"
            ));
        }
    }

    /// Tries a new segment.
    fn recover(&self, writer: &mut Writer) {
        if self.ground.closed.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(open) = self.begin(&mut writer.number) {
            writer.open = Some(open);
            writer.failing = false;
            self.ground.failing.fetch_sub(1, Ordering::Relaxed);
            self.ground.note_trouble("it can be written again");
        }
    }
}

impl Open {
    fn is_long(&self) -> bool {
        self.length >= SEGMENT_BYTES || self.tenants.len() >= TENANTS_MAX
    }
}

impl Writer {
    fn count_in_memory(&mut self, tenant: Option<&TenantId>, measure: &Measure) {
        let key = measure.key(tenant);
        let known = self.overflow.contains_key(&key);
        let key = match known || self.overflow.len() < OVERFLOW_KEYS_MAX {
            true => key,
            false => Key { tenant: None, ..key },
        };
        self.overflow.entry(key).or_default().add(&measure.sums());
    }
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "usage.journal_bytes_max is reached")
}
