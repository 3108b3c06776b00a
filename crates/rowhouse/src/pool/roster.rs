//! Every connection of a pool, for those who look after it: what it is for, since when, and who has
//! it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::time::Instant;

use crate::upstream::{Link, Watch};

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Station {
    /// Statements known to be fast, many at once.
    Fast,
    /// One statement at a time.
    Slow,
    /// Explicit transactions of the Data API.
    Transaction,
    /// Clients of the PostgreSQL door.
    Wire,
}

impl Station {
    /// Whether several use a connection at once.
    pub fn is_shared(self) -> bool {
        self == Station::Fast
    }

    /// As operators read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Station::Fast => "fast",
            Station::Slow => "slow",
            Station::Transaction => "transaction",
            Station::Wire => "wire",
        }
    }
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupation {
    /// Nothing: it waits for somebody.
    Idle,
    /// It is lent.
    Lent,
    /// It is being reset.
    Reset,
}

/// What is noted of a connection by those who use it.
pub struct Note {
    /// What it is for, or was last.
    pub station: Cell<Station>,
    /// What it does.
    pub occupation: Cell<Occupation>,
    /// Since when it does that.
    pub since: Cell<Instant>,
    /// The number of the client of the PostgreSQL door that has it; 0 where none has.
    pub client: Cell<u64>,
}

impl Note {
    /// From now on it does this.
    pub fn turn(&self, occupation: Occupation) {
        self.occupation.set(occupation);
        self.since.set(Instant::now());
        if occupation != Occupation::Lent {
            self.client.set(0);
        }
    }
}

/// One connection as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The process id of the server's side.
    pub pid: i32,
    /// What it is for.
    pub station: Station,
    /// What it does.
    pub occupation: Occupation,
    /// When it was opened.
    pub opened_at: Instant,
    /// Since when it does what it does.
    pub since: Instant,
    /// Exchanges without an answer.
    pub in_flight: usize,
    /// It closes as soon as it is free.
    pub retiring: bool,
    /// The client of the PostgreSQL door that has it; 0 where none has.
    pub client: u64,
}

/// The connections of a pool.
#[derive(Default)]
pub struct Roster(RefCell<Vec<Row>>);

struct Row {
    watch: Watch,
    note: Rc<Note>,
    opened_at: Instant,
}

impl Roster {
    /// A connection has been opened.
    pub fn enter(&self, link: &Link, station: Station) -> Rc<Note> {
        let now = Instant::now();
        let note = Rc::new(Note {
            station: Cell::new(station),
            occupation: Cell::new(Occupation::Lent),
            since: Cell::new(now),
            client: Cell::new(0),
        });
        let mut rows = self.0.borrow_mut();
        rows.retain(|row| row.watch.look().is_some());
        rows.push(Row { watch: link.watch(), note: Rc::clone(&note), opened_at: now });
        note
    }

    /// Those that are open.
    pub fn members(&self) -> Vec<Member> {
        let rows = self.0.borrow();
        let seen = rows.iter().filter_map(|row| {
            let sight = row.watch.look()?;
            Some(Member {
                pid: sight.pid,
                station: row.note.station.get(),
                occupation: row.note.occupation.get(),
                opened_at: row.opened_at,
                since: row.note.since.get(),
                in_flight: sight.in_flight,
                retiring: sight.retiring,
                client: row.note.client.get(),
            })
        });
        seen.collect()
    }

    /// All that are open close as soon as they are free.
    pub fn retire(&self) {
        self.0.borrow().iter().for_each(|row| row.watch.retire());
    }

    /// How many are open, and how many of them are to close.
    pub fn count(&self) -> (usize, usize) {
        let rows = self.0.borrow();
        let seen = rows.iter().filter_map(|row| row.watch.look());
        seen.fold((0, 0), |(open, retiring), sight| {
            (open + 1, retiring + usize::from(sight.retiring))
        })
    }
}
