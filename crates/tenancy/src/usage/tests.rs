//! Units, sums, and slots that were torn at every place.

use super::slot::{self, Names, SLOT_BYTES, Slot};
use super::*;

const KIB: u64 = 1024;

#[test]
fn units_of_bytes() {
    for (bytes_in, bytes_out, expected) in [
        (0, 0, 1),
        (1, 0, 1),
        (32 * KIB - 1, 1, 1),
        (32 * KIB, 1, 2),
        (1, 32 * KIB, 2),
        (20 * KIB, 44 * KIB, 2),
        (0, 64 * KIB + 1, 3),
        (4096 * KIB, 1024 * KIB, 160),
        (u64::MAX, u64::MAX, u64::MAX.div_ceil(32 * KIB)),
    ] {
        assert_eq!(units(bytes_in, bytes_out), expected, "{bytes_in} + {bytes_out}");
    }
}

fn measure(outcome: Outcome) -> Measure {
    Measure {
        at_ms: 1_800_000_123_456,
        operation: Operation::ExecuteStatement,
        outcome,
        bytes_in: 40 * KIB,
        bytes_out: 7,
        rows: 3,
        database_us: 1500,
        queue_us: 20,
    }
}

#[test]
fn what_is_charged() {
    for (outcome, units) in [
        (Outcome::Ok, 2),
        (Outcome::Error, 2),
        (Outcome::Refused, 0),
        (Outcome::Failed, 0),
        (Outcome::Gone, 0),
    ] {
        let sums = measure(outcome).sums();
        assert_eq!((sums.requests, sums.units), (1, units), "{outcome:?}");
    }
}

#[test]
fn sums_do_not_wrap() {
    let mut sums = Sums { rows: u64::MAX - 1, ..Sums::default() };
    sums.add(&measure(Outcome::Ok).sums());
    assert_eq!((sums.rows, sums.requests, sums.bytes_in), (u64::MAX, 1, 40 * KIB));
}

#[test]
fn names_are_words() {
    for operation in Operation::ALL {
        assert_eq!(Operation::of(operation.as_str()), operation);
        assert_eq!(Operation::from_code(operation as u8), operation);
    }
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::of(outcome.as_str()), Some(outcome));
        assert_eq!(Outcome::from_code(outcome as u8), outcome);
    }
    assert_eq!(Operation::of("DropEverything"), Operation::Other);
    assert_eq!(Outcome::from_code(200), Outcome::Failed);
}

#[test]
fn hours() {
    let key = measure(Outcome::Ok).key(None);
    assert_eq!(key.hour, 500_000);
    assert_eq!(key.tenant, None);
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = Vec::new();
    write(&mut buf);
    assert_eq!(buf.len() % SLOT_BYTES, 0);
    buf
}

#[test]
fn slots_come_back() {
    let measure = Measure { rows: u64::MAX, ..measure(Outcome::Error) };
    let answer = Slot::Answer { tenant: 7, first: true, measure };
    for (bytes, expected) in [
        (written(|buf| slot::write_head(buf, &[9; 16])), Slot::Head { gateway: [9; 16] }),
        (written(|buf| slot::write_answer(buf, 7, true, &measure)), answer),
        (written(slot::write_settled), Slot::Settled),
        (written(slot::write_end), Slot::End),
    ] {
        assert_eq!(slot::read(&bytes), Some(expected));
        for cut in 0..SLOT_BYTES {
            assert_eq!(slot::read(&bytes[..cut]), None, "cut off at {cut}");
        }
        for bit in 0..SLOT_BYTES * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(slot::read(&damaged), None, "bit {bit}");
        }
    }
    assert_eq!(slot::read(&[0; SLOT_BYTES]), None);
    assert_eq!(slot::read(&[0xff; SLOT_BYTES]), None);
}

#[test]
fn names_come_back() {
    for length in [1, 2, 47, 48, 49, 96, 97, 254, 255] {
        let tenant = TenantId::parse(&"x".repeat(length)).unwrap();
        let bytes = written(|buf| slot::write_name(buf, 5, &tenant));
        let mut names = Names::default();
        for bytes in bytes.chunks(SLOT_BYTES) {
            assert_eq!(names.find(5), None, "{length}");
            let Some(Slot::Name { number, length, part, text }) = slot::read(bytes) else {
                panic!("{length}: no name")
            };
            names.take(number, length, part, text);
        }
        assert_eq!(names.find(5), Some(Some(&tenant)));
        assert_eq!(names.find(0), Some(None));
    }
}

/// A name whose slots were torn apart is lost; it does not become another.
#[test]
fn torn_names() {
    let parts: [(u8, u8, &[u8]); 4] =
        [(97, 0, &[b'a'; 48]), (97, 2, b"b"), (3, 1, b"c"), (3, 0, b"d\x1be")];
    let mut names = Names::default();
    for (length, part, text) in parts {
        names.take(1, length, part, text);
        assert_eq!(names.find(1), None);
    }
}
