//! What a pool knows about the statements it has met: what the scanner found, what PostgreSQL said
//! it returns, and how long its runs take.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use rowhouse_protocol::backend::Columns;
use rowhouse_protocol::statement::{Examined, SessionEffect, examine};

/// Statements remembered in one generation; the table keeps two generations.
const GENERATION_MAX: usize = 512;
/// Statements longer than this are examined anew each time: a few of them would fill the memory
/// that thousands of ordinary ones need.
const REMEMBERED_SQL_BYTES_MAX: usize = 16 * 1024;

/// A statement is taken into the fast lane when three in four of its runs take less than this,
/// beyond the round trip itself.
const FAST_RUN_MAX: Duration = Duration::from_millis(2);
/// Runs that must have been seen before: the first ones plan and fill caches, and a caller who
/// varies the text to slip slow work into the fast lane pays this many runs for each try.
const FAST_RUNS_MIN: u32 = 4;
/// A statement leaves the fast lane when one in four of its runs there takes longer than this.
/// Above `FAST_RUN_MAX`, so that one on the edge does not go back and forth. A quantile and not the
/// average: on a busy machine a few runs of any statement wait for a processor, and that is not its
/// doing.
const SLOW_RUN_MIN: Duration = Duration::from_millis(4);
/// It leaves, too, when its average exceeds this: rare runs that are very long hold up others as
/// well.
const SLOW_AVERAGE_MIN: Duration = Duration::from_millis(12);
/// Runs on exclusive connections before a statement that was sent away may come back; doubles each
/// time.
const EXILE_RUNS_FIRST: u32 = 32;
/// The longest exile.
const EXILE_RUNS_MAX: u32 = 1 << 16;

/// Where a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Packed with others on one connection.
    Fast,
    /// Alone on a connection.
    Slow,
}

/// What is known about one statement with one list of parameter types.
pub struct StatementEntry {
    /// What the scanner found.
    pub examined: Examined,
    id: Cell<u32>,
    types: Box<[u32]>,
    columns: RefCell<Option<Option<Arc<Columns>>>>,
    refused_context: OnceCell<Option<String>>,
    /// The text is ours.
    vouched_for: Cell<bool>,
    type_choice: Cell<TypeChoice>,
    types_accepted: Cell<bool>,
    runs: Cell<Runs>,
}

/// Which of the possible types the parameters of a statement are sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypeChoice {
    /// As they are declared: strings without a type, arrays with the type of their values.
    #[default]
    Declared,
    /// Strings and arrays without a type.
    Open,
    /// Strings as text, arrays with the type of their values.
    Text,
    /// As they are declared, but longs as `integer`.
    Narrow,
}

#[derive(Debug, Clone, Copy, Default)]
struct Runs {
    seen: u32,
    /// Three in four runs are shorter; an estimate that every run moves a little.
    quartile_ns: u64,
    average_ns: u64,
    exile: u32,
    exile_next: u32,
}

/// The statements of one pool. Bounded: what has not been used for a generation is forgotten.
#[derive(Default)]
pub struct StatementTable {
    recent: Generation,
    older: Generation,
    next_id: u32,
}

type Generation = HashMap<Rc<str>, Vec<Rc<StatementEntry>>, RandomState>;

impl StatementTable {
    /// What is known about a statement.
    pub fn entry(&mut self, sql: &str, types: &[u32]) -> Rc<StatementEntry> {
        if let Some(entry) = find(&self.recent, sql, types) {
            return entry;
        }
        let entry = match find(&self.older, sql, types) {
            Some(entry) => entry,
            None => self.stranger(sql, types),
        };
        if sql.len() <= REMEMBERED_SQL_BYTES_MAX {
            if self.recent.len() >= GENERATION_MAX {
                self.older = std::mem::take(&mut self.recent);
            }
            let same_text = self.recent.entry(Rc::from(sql)).or_default();
            // The types of a statement's parameters come in few combinations; a caller who makes
            // them many starts over.
            if same_text.len() >= TYPE_LISTS_MAX {
                same_text.clear();
            }
            same_text.push(Rc::clone(&entry));
        }
        entry
    }

    /// An entry that is not kept.
    pub fn stranger(&mut self, sql: &str, types: &[u32]) -> Rc<StatementEntry> {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        Rc::new(StatementEntry {
            examined: examine(sql),
            id: Cell::new(id),
            types: types.into(),
            columns: RefCell::new(None),
            refused_context: OnceCell::new(),
            vouched_for: Cell::new(false),
            type_choice: Cell::default(),
            types_accepted: Cell::new(false),
            runs: Cell::new(Runs::default()),
        })
    }
}

/// Lists of parameter types kept for one text.
const TYPE_LISTS_MAX: usize = 16;

fn find(generation: &Generation, sql: &str, types: &[u32]) -> Option<Rc<StatementEntry>> {
    let same_text = generation.get(sql)?;
    same_text.iter().find(|entry| *entry.types == *types).map(Rc::clone)
}

impl StatementEntry {
    /// The same statement for one caller alone: it begins with what all know, and what is learnt
    /// of it here nobody else knows.
    pub fn apart(&self) -> Rc<StatementEntry> {
        Rc::new(StatementEntry {
            examined: self.examined,
            id: self.id.clone(),
            types: self.types.clone(),
            columns: self.columns.clone(),
            refused_context: self.refused_context.clone(),
            vouched_for: self.vouched_for.clone(),
            type_choice: self.type_choice.clone(),
            types_accepted: self.types_accepted.clone(),
            runs: self.runs.clone(),
        })
    }

    /// The number that names it on packed connections.
    pub fn id(&self) -> u32 {
        self.id.get()
    }

    /// Where it runs now.
    pub fn lane(&self) -> Lane {
        let runs = self.runs.get();
        let fast = self.is_clean()
            && runs.exile == 0
            && runs.seen >= FAST_RUNS_MIN
            && runs.quartile_ns < nanos(FAST_RUN_MAX);
        if fast { Lane::Fast } else { Lane::Slow }
    }

    /// Whether running it leaves no trace in the session.
    pub fn is_clean(&self) -> bool {
        self.vouched_for.get() || self.examined.session == SessionEffect::KnownClean
    }

    /// The text is one of ours and leaves no trace, though the scanner cannot know. A caller who
    /// sends the very same text gets the same treatment, and leaves no trace either.
    pub fn vouch(&self) {
        self.vouched_for.set(true);
    }

    /// Whether running it may leave traces that no reset removes.
    pub fn is_indelible(&self) -> bool {
        self.examined.session == SessionEffect::Indelible
    }

    /// Takes note of a run that ended well; `run` is without the round trip.
    pub fn note_run(&self, lane: Lane, run: Duration) {
        let mut runs = self.runs.get();
        runs.take(nanos(run));
        let slow =
            runs.quartile_ns > nanos(SLOW_RUN_MIN) || runs.average_ns > nanos(SLOW_AVERAGE_MIN);
        match lane {
            Lane::Slow => runs.exile = runs.exile.saturating_sub(1),
            Lane::Fast if slow => runs.send_away(),
            Lane::Fast => {}
        }
        self.runs.set(runs);
    }

    /// Takes note that it had to be cancelled on a packed connection.
    pub fn note_too_slow(&self) {
        let mut runs = self.runs.get();
        runs.send_away();
        self.runs.set(runs);
    }

    /// What it returns, if PostgreSQL has said so: `Some(None)` is a statement without a result
    /// set.
    pub fn columns(&self) -> Option<Option<Arc<Columns>>> {
        self.columns.borrow().clone()
    }

    /// Takes note of what PostgreSQL said it returns.
    pub fn set_columns(&self, columns: Option<Arc<Columns>>) {
        *self.columns.borrow_mut() = Some(columns);
    }

    /// Which types its parameters are sent with.
    pub fn type_choice(&self) -> TypeChoice {
        self.type_choice.get()
    }

    /// From now on its parameters are sent with other types.
    pub fn choose_types(&self, choice: TypeChoice) {
        self.type_choice.set(choice);
    }

    /// Whether PostgreSQL has accepted its parameter types before.
    pub fn types_accepted(&self) -> bool {
        self.types_accepted.get()
    }

    /// PostgreSQL has accepted its parameter types.
    pub fn note_types_accepted(&self) {
        self.types_accepted.set(true);
    }

    /// Why a caller with a protected context may not run it; computed once.
    pub fn refused_context(&self, compute: impl FnOnce() -> Option<String>) -> Option<&str> {
        self.refused_context.get_or_init(compute).as_deref()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Runs {
    fn take(&mut self, run_ns: u64) {
        match self.seen {
            // The first run plans; where the second is shorter, the first says little about the
            // rest.
            0 | 1 if self.seen == 0 || run_ns < self.quartile_ns => {
                self.quartile_ns = run_ns;
                self.average_ns = run_ns;
            }
            _ => {
                // Up by 3/32 where a run was longer, down by 1/32 where not: at rest with one in
                // four above.
                let step = (self.quartile_ns / 32).max(1);
                self.quartile_ns = if run_ns > self.quartile_ns {
                    self.quartile_ns.saturating_add(step.saturating_mul(3))
                } else {
                    self.quartile_ns.saturating_sub(step)
                };
                let kept = self.average_ns / 16 * 15;
                self.average_ns = kept.saturating_add(run_ns / 16);
            }
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn send_away(&mut self) {
        self.exile_next = match self.exile_next {
            0 => EXILE_RUNS_FIRST,
            last => last.saturating_mul(2).min(EXILE_RUNS_MAX),
        };
        self.exile = self.exile_next;
        self.seen = 0;
        self.quartile_ns = 0;
        self.average_ns = 0;
    }
}
