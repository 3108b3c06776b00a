//! What callers were told about what they wrote, held against what is there.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::postgres::Direct;

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is there.
    Done,
    /// It is not.
    Undone,
    /// One or the other.
    Unknown,
}

/// What was said.
#[derive(Default)]
pub struct Ledger {
    /// Marks that are there together or not at all, and what was said.
    written: Mutex<Vec<(Vec<String>, Outcome)>>,
    done: AtomicU64,
    undone: AtomicU64,
    unknown: AtomicU64,
}

impl Ledger {
    /// Notes what was said about a mark.
    pub fn note(&self, mark: String, outcome: Outcome) {
        self.note_together(vec![mark], outcome);
    }

    /// Notes what was said about marks that belong together.
    pub fn note_together(&self, marks: Vec<String>, outcome: Outcome) {
        self.written.lock().unwrap().push((marks, outcome));
    }

    /// Counts an answer.
    pub fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Done => &self.done,
            Outcome::Undone => &self.undone,
            Outcome::Unknown => &self.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was said that something is done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Looks at everything.
    pub fn audit(&self, direct: &mut Direct) {
        let rows = direct.query("select mark, count(*) from written group by mark");
        let there: HashMap<String, String> = rows
            .into_iter()
            .map(|row| {
                let mut values = row.into_iter().flatten();
                (values.next().unwrap(), values.next().unwrap())
            })
            .collect();
        let written = self.written.lock().unwrap();
        let mut wrong = Vec::new();
        for (marks, said) in written.iter() {
            let counts: Vec<&str> =
                marks.iter().map(|mark| there.get(mark).map_or("0", String::as_str)).collect();
            let all = |count: &str| counts.iter().all(|each| *each == count);
            let fits = match said {
                Outcome::Done => all("1"),
                Outcome::Undone => all("0"),
                Outcome::Unknown => all("0") || all("1"),
            };
            if !fits {
                wrong.push(format!("{marks:?}: said {said:?}, found {counts:?} times"));
            }
        }
        let [done, undone, unknown] =
            [&self.done, &self.undone, &self.unknown].map(|count| count.load(Ordering::Relaxed));
        assert!(wrong.is_empty(), "of {done}/{undone}/{unknown} answers:\n{}", wrong.join("\n"));
        let marks: usize = written.iter().map(|(marks, _)| marks.len()).sum();
        assert!(there.len() <= marks, "more is there than was ever written");
    }
}
