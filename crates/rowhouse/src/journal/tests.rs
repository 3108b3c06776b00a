//! A journal whose process dies, whose disk is full, and which is read while it is written.

use std::fs;
use std::path::PathBuf;

use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::usage::slot::SLOT_BYTES;
use rowhouse_tenancy::usage::{Measure, Operation, Outcome, Sums};

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("rowhouse-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }

    fn open(&self) -> Arc<Journal> {
        self.open_with(1 << 30, WhenFull::Count)
    }

    fn open_with(&self, journal_bytes_max: u64, when_full: WhenFull) -> Arc<Journal> {
        let usage = Usage {
            journal_dir: Some(self.0.clone()),
            when_full,
            journal_bytes_max,
            fold_interval: Duration::from_secs(1),
            retention_months: 1,
            cloud_events: None,
            prices: Vec::new(),
        };
        Journal::open(&usage, &self.0).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn measure() -> Measure {
    Measure {
        at_ms: 7_200_000,
        operation: Operation::ExecuteStatement,
        outcome: Outcome::Ok,
        bytes_in: 10,
        bytes_out: 20,
        rows: 1,
        database_us: 5,
        queue_us: 0,
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// Everything in all segments.
fn total(journal: &Journal) -> (u64, u64, u64) {
    let mut sums = (0, 0, 0);
    for one in journal.segments().unwrap() {
        let (tally, position) = segment::read(&one, 0).unwrap();
        assert!(position <= one.length);
        sums.0 += tally.answers;
        sums.1 += if one.finished && !tally.ended { tally.in_doubt } else { 0 };
        sums.2 += tally.damaged;
    }
    sums
}

#[test]
fn what_is_flushed_is_there_after_a_crash() {
    let folder = Folder::new("crash");
    let journal = folder.open();
    let page = journal.page(0);
    for number in 0..1000 {
        page.count(Some(&tenant(&format!("t{}", number % 7))), &measure());
        page.flush();
    }
    page.count(None, &measure());
    assert_eq!(total(&journal), (1000, 0, 0), "what waits is not written, and nothing in doubt");
    page.flush();
    page.count(None, &measure());
    // As if it was killed: nothing is ended, and what waits is lost.
    drop((page, journal));
    let journal = folder.open();
    assert_eq!(total(&journal), (1001, 1, 0), "only the last write is in doubt");
    let one = journal.segments().unwrap().remove(0);
    let (tally, _) = segment::read(&one, 0).unwrap();
    let of = |name: &str| {
        let key = measure().key(Some(&tenant(name)));
        tally.account.get(&key).copied().unwrap_or_default()
    };
    let expected = Sums { requests: 143, units: 143, rows: 143, ..of("t0") };
    assert_eq!(of("t0"), expected);
    assert_eq!(of("t6").requests, 142);
    journal.remove(&one).unwrap();
    assert_eq!((journal.segments().unwrap().len(), journal.bytes()), (0, 0));
}

#[test]
fn a_settled_or_ended_segment_has_no_doubts() {
    let folder = Folder::new("settled");
    let journal = folder.open();
    let (one, other) = (journal.page(0), journal.page(1));
    for page in [&one, &other] {
        page.count(None, &measure());
        page.flush();
    }
    one.settle();
    assert_eq!(total(&journal), (2, 0, 0));
    drop((one, other, journal));
    let journal = folder.open();
    assert_eq!(total(&journal), (2, 1, 0));
    let page = journal.page(0);
    page.count(None, &measure());
    journal.close();
    page.count(None, &measure());
    drop((page, journal));
    let journal = folder.open();
    assert_eq!(total(&journal).1, 1, "a good end leaves no doubts");
}

/// Cut off at every byte, a segment has what stood in it whole.
#[test]
fn torn_segments() {
    let folder = Folder::new("torn");
    let journal = folder.open();
    let page = journal.page(0);
    for _ in 0..3 {
        page.count(Some(&tenant(&"long ".repeat(20))), &measure());
        page.flush();
    }
    let one = journal.segments().unwrap().remove(0);
    let whole = fs::read(&one.path).unwrap();
    assert_eq!(whole.len(), (1 + 3 + 3) * SLOT_BYTES);
    drop((page, journal));
    for length in 0..=whole.len() {
        fs::write(&one.path, whole.get(..length).unwrap()).unwrap();
        let journal = folder.open();
        let answers = (length / SLOT_BYTES).saturating_sub(4) as u64;
        assert_eq!(total(&journal), (answers, u64::from(answers > 0), 0), "cut off at {length}");
    }
    for slot in 1..7 {
        let mut damaged = whole.clone();
        damaged[slot * SLOT_BYTES + 9] ^= 0x40;
        fs::write(&one.path, damaged).unwrap();
        let journal = folder.open();
        let (answers, _, damaged) = total(&journal);
        // A name that is lost leaves its answers with nobody; they stay counted.
        assert_eq!((answers, damaged), if slot < 4 { (3, 4) } else { (2, 1) }, "slot {slot}");
    }
}

#[test]
fn a_full_journal_counts_in_memory() {
    let folder = Folder::new("full");
    let journal = folder.open_with(4 * SLOT_BYTES as u64, WhenFull::Refuse);
    let page = journal.page(0);
    for _ in 0..10 {
        page.count(Some(&tenant("a")), &measure());
        page.flush();
    }
    // Head, name and two answers fit.
    assert_eq!(total(&journal), (2, 0, 0));
    assert!(journal.refuses());
    assert!(journal.take_trouble().unwrap().contains("journal_bytes_max"));
    let overflow = journal.take_overflow();
    assert_eq!(overflow.values().map(|sums| sums.requests).sum::<u64>(), 8);
    assert_eq!(overflow.keys().next().unwrap().tenant, Some(tenant("a")));
    page.settle();
    assert!(journal.refuses(), "there is still no room");
    let full = journal.segments().unwrap().remove(0);
    assert!(full.finished, "what was full is closed");
    journal.remove(&full).unwrap();
    page.settle();
    assert!(!journal.refuses());
    page.count(None, &measure());
    page.flush();
    assert_eq!(total(&journal), (1, 0, 0));
    assert_eq!(journal.take_overflow().len(), 0);
}

#[test]
fn one_process_at_a_time() {
    let folder = Folder::new("lock");
    let journal = folder.open();
    let usage = Usage { journal_dir: None, ..usage_like() };
    assert_eq!(Journal::open(&usage, &folder.0).err().unwrap().kind(), io::ErrorKind::ResourceBusy);
    let name = journal.gateway();
    drop(journal);
    assert_eq!(folder.open().gateway(), name);
    fs::write(folder.0.join(GATEWAY_FILE), "../../etc").unwrap();
    assert!(Journal::open(&usage, &folder.0).is_err());
}

fn usage_like() -> Usage {
    Usage {
        journal_dir: None,
        when_full: WhenFull::Count,
        journal_bytes_max: 1 << 30,
        fold_interval: Duration::from_secs(1),
        retention_months: 1,
        cloud_events: None,
        prices: Vec::new(),
    }
}
