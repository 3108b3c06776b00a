//! The journal of answers: what is counted is written down before the answer is handed to its
//! socket, and so survives the process.
//!
//! Each shard has a [`Page`] and writes segments of its own, without waiting for anybody. What is
//! counted waits in memory until the shard is about to write to any client; so an answer that a
//! client has is always in the file, and of what is in the file only the last write of each shard
//! may not have reached a client when the process is killed. Segments are read ([`segment`]) by
//! whoever adds them up, and removed then.

mod page;
pub mod segment;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rowhouse_tenancy::usage::Account;
use rustix::fs::{FlockOperation, flock};

use crate::config::{Usage, WhenFull};
pub use page::Page;
use segment::SEGMENT_SUFFIX;

/// File that says whose the journal is: a gateway keeps its name when it starts anew.
const GATEWAY_FILE: &str = "gateway";
/// File that one process holds a lock on.
const LOCK_FILE: &str = "lock";
/// Bytes of a gateway's name.
const GATEWAY_BYTES: usize = 16;

/// The journal of one gateway.
pub struct Journal {
    ground: Arc<Ground>,
    pages: Mutex<Vec<Arc<Page>>>,
    /// Held as long as the journal is open.
    _lock: File,
}

/// What all pages stand on.
struct Ground {
    directory: PathBuf,
    gateway: [u8; GATEWAY_BYTES],
    /// When this process began, which tells its segments from those of others before it.
    started_ms: u64,
    when_full: WhenFull,
    bytes_max: u64,
    /// Bytes of all segments, as far as is known.
    bytes: AtomicU64,
    /// Pages that cannot write.
    failing: AtomicUsize,
    /// Somebody waits for the journal to be closed.
    closed: AtomicBool,
    /// What was last wrong, until it is told.
    trouble: Mutex<Option<String>>,
}

/// A segment, and how much of it may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name, without a folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes that are whole.
    pub length: u64,
    /// Whether nothing will be added.
    pub finished: bool,
}

impl Journal {
    /// Opens the journal of a folder, which is made if it is not there. One process at a time has
    /// it.
    pub fn open(usage: &Usage, directory: &Path) -> io::Result<Arc<Journal>> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut options = private();
        options.write(true).create(true).truncate(false);
        let lock = options.open(directory.join(LOCK_FILE))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            let text = format!("another process has it open ({error})");
            io::Error::new(io::ErrorKind::ResourceBusy, text)
        })?;
        let gateway = gateway_name(directory)?;
        let ground = Arc::new(Ground {
            directory: directory.to_owned(),
            gateway,
            started_ms: now_ms(),
            when_full: usage.when_full,
            bytes_max: usage.journal_bytes_max,
            bytes: AtomicU64::new(0),
            failing: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            trouble: Mutex::new(None),
        });
        ground.weigh()?;
        Ok(Arc::new(Journal { ground, pages: Mutex::default(), _lock: lock }))
    }

    /// The page of a shard.
    pub fn page(&self, shard: usize) -> Arc<Page> {
        let page = Arc::new(Page::new(Arc::clone(&self.ground), shard));
        lock(&self.pages).push(Arc::clone(&page));
        page
    }

    /// The gateway's name, as it stands beside its sums.
    pub fn gateway(&self) -> String {
        hex(&self.ground.gateway)
    }

    /// When this process began to write it, in milliseconds since 1970.
    pub fn started_ms(&self) -> u64 {
        self.ground.started_ms
    }

    /// Whether callers are to be refused because what they are answered cannot be written down.
    pub fn refuses(&self) -> bool {
        self.ground.refuses()
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.ground.bytes()
    }

    /// What was wrong since it was last asked.
    pub fn take_trouble(&self) -> Option<String> {
        lock(&self.ground.trouble).take()
    }

    /// Every segment, those of earlier processes included, the oldest first.
    pub fn segments(&self) -> io::Result<Vec<Segment>> {
        // In this order: whatever is listed and then not open was ended, and is as long as it ever
        // will be.
        let mut found = segment::list(&self.ground.directory)?;
        let open: Vec<Segment> =
            lock(&self.pages).iter().filter_map(|page| page.segment()).collect();
        for one in &mut found {
            match open.iter().find(|open| open.name == one.name) {
                Some(open) => *one = open.clone(),
                None => {
                    one.finished = true;
                    one.length = fs::metadata(&one.path)?.len();
                }
            }
        }
        Ok(found)
    }

    /// Removes a segment that has been added up.
    pub fn remove(&self, segment: &Segment) -> io::Result<()> {
        fs::remove_file(&segment.path)?;
        self.ground.weigh()
    }

    /// What could not be written and was counted in memory.
    pub fn take_overflow(&self) -> Account {
        let mut all = Account::new();
        for page in lock(&self.pages).iter() {
            merge(&mut all, page.take_overflow());
        }
        all
    }

    /// Takes back what was given out by [`Journal::take_overflow`].
    pub fn put_back(&self, account: Account) {
        if let Some(page) = lock(&self.pages).first() {
            page.put_back(account);
        }
    }

    /// Has the system write to the disk what it holds in memory: what a power cut may lose is what
    /// came since. It takes as long as the disk does.
    pub fn sync(&self) {
        let files: Vec<Arc<File>> =
            lock(&self.pages).iter().flat_map(|page| page.unsynced()).collect();
        for file in files {
            if let Err(error) = file.sync_data() {
                self.ground.note_trouble(&format!("cannot be written to the disk: {error}"));
            }
        }
    }

    /// Ends all segments; nothing is counted in files afterwards.
    pub fn close(&self) {
        self.ground.closed.store(true, Ordering::Relaxed);
        let pages = lock(&self.pages).clone();
        for page in pages {
            page.close();
        }
    }
}

impl Ground {
    /// Where a page's next segment is.
    fn segment_path(&self, shard: usize, number: u64) -> PathBuf {
        let (gateway, started) = (hex(&self.gateway), self.started_ms);
        self.directory
            .join(format!("{gateway}-{started:013}-{shard:03}-{number:06}{SEGMENT_SUFFIX}"))
    }

    fn refuses(&self) -> bool {
        self.when_full == WhenFull::Refuse && self.failing.load(Ordering::Relaxed) > 0
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether so many bytes more are too many.
    fn is_full(&self, more: usize) -> bool {
        self.bytes().saturating_add(more as u64) > self.bytes_max
    }

    fn note_written(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn note_trouble(&self, text: &str) {
        *lock(&self.trouble) = Some(text.to_owned());
    }

    /// Looks how large all segments are.
    fn weigh(&self) -> io::Result<()> {
        let all = segment::list(&self.directory)?;
        self.bytes.store(all.iter().map(|one| one.length).sum(), Ordering::Relaxed);
        Ok(())
    }
}

/// Adds one account to another.
pub fn merge(account: &mut Account, other: Account) {
    for (key, sums) in other {
        account.entry(key).or_default().add(&sums);
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Files of the journal are for nobody else.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// The gateway's name: drawn once.
fn gateway_name(directory: &Path) -> io::Result<[u8; GATEWAY_BYTES]> {
    let path = directory.join(GATEWAY_FILE);
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => {
            file.take(1024).read_to_string(&mut text)?;
            unhex(text.trim()).ok_or_else(|| {
                let text = format!("{} is not what was written there", path.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut name = [0; GATEWAY_BYTES];
            aws_lc_rs::rand::fill(&mut name).map_err(|_| io::Error::other("no randomness"))?;
            // Under another name first: half a name would be another gateway's.
            let new = directory.join("gateway.new");
            let mut file = private().write(true).create(true).truncate(true).open(&new)?;
            file.write_all(hex(&name).as_bytes())?;
            file.sync_all()?;
            fs::rename(new, path)?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; GATEWAY_BYTES]> {
    if !text.is_ascii() || text.len() != GATEWAY_BYTES * 2 {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(number.to_be_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
