//! The corpus, cut off at every byte, and some thousand changes of it: a smoke test of what
//! cargo-fuzz does for hours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::{ENTRIES, Entry};

/// Changed inputs for each entry; with sanitizers and coverage a fuzzer does as many in a second.
const CHANGED: u32 = 2000;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

/// Runs the entry, and says with which input it fails.
fn holds(name: &str, entry: Entry, data: &[u8]) {
    let ran = catch_unwind(AssertUnwindSafe(|| entry(data)));
    assert!(ran.is_ok(), "{name} fails on {}", data.escape_ascii());
}

/// A folder of the corpus and a target of cargo-fuzz for each entry, and no others.
#[test]
fn entries_are_targets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let names = |inside: &str| {
        let files = fs::read_dir(folder.join(inside)).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<String> =
            files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("corpus"), ENTRIES.map(|(name, _)| name));
    assert_eq!(names("fuzz_targets"), ENTRIES.map(|(name, _)| name));
}

#[test]
fn the_corpus_holds() {
    for (name, entry) in ENTRIES {
        let seeds = corpus(name);
        assert!(seeds.len() >= 4, "{name} has {} seeds", seeds.len());
        for (_, seed) in &seeds {
            for end in 0..=seed.len() {
                holds(name, entry, &seed[..end]);
            }
        }
    }
}

#[test]
fn changes_of_the_corpus_hold() {
    for (name, entry) in ENTRIES {
        let seeds: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, seed)| seed).collect();
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        for _ in 0..CHANGED {
            let mut data = seeds[dice.below(seeds.len())].clone();
            for _ in 0..=dice.below(6) {
                change(&mut data, &seeds, &mut dice);
            }
            holds(name, entry, &data);
        }
    }
}

/// What fuzzers do: a bit, a byte, a piece of another input, a repetition, a cut.
fn change(data: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(data.len() + 1);
    match dice.below(7) {
        0 if at < data.len() => data[at] ^= 1 << dice.below(8),
        1 if at < data.len() => data[at] = NASTY[dice.below(NASTY.len())],
        2 => data.insert(at, NASTY[dice.below(NASTY.len())]),
        3 if at < data.len() => drop(data.remove(at)),
        4 => data.truncate(at),
        5 => {
            let other = &seeds[dice.below(seeds.len())];
            let from = dice.below(other.len() + 1);
            let piece = other[from..(from + dice.below(20)).min(other.len())].to_vec();
            drop(data.splice(at..at, piece));
        }
        _ => {
            let piece = data[at..(at + dice.below(10)).min(data.len())].repeat(dice.below(5));
            drop(data.splice(at..at, piece));
        }
    }
}

const NASTY: &[u8] = b"\0\x7f\x80\xff'\"\\$:;()[]{},.-/*\n\r \t+e01n";

/// Xorshift: the same numbers each time, so that what fails once fails again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}
