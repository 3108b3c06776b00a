//! What the catalog said about columns and types, so that it is asked once and not with every
//! answer.
//!
//! Bounded in number and in age: another session may rename a table or drop a NOT NULL at any time,
//! and nobody tells us. What an array holds never changes as long as its oid lives, so what is old
//! is better than nothing while it is asked for again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use rowhouse_data_api::catalog::{
    ColumnFacts, ColumnOrigin, NamedType, has_origin, is_named, is_wanting,
};
use rowhouse_protocol::backend::Columns;
use tokio::time::Instant;

/// Columns and types kept, each; a few hundred bytes for one. Whoever has more starts over.
const FACTS_MAX: usize = 8192;
/// How long a fact is believed.
const BELIEVED: Duration = Duration::from_secs(60);
/// While one caller asks again for what is old, the others make do with it for this long.
const BEING_ASKED: Duration = Duration::from_secs(5);
/// After a failed look-up nobody tries for this long: it would only slow down a server in trouble.
const PAUSE: Duration = Duration::from_secs(5);

/// A column of a table: its oid and the column's number.
pub type ColumnKey = (u32, i16);

/// The facts of one pool.
#[derive(Default)]
pub struct FactTable {
    columns: HashMap<ColumnKey, Fact<ColumnOrigin>, RandomState>,
    types: HashMap<u32, Fact<NamedType>, RandomState>,
    paused_until: Option<Instant>,
}

struct Fact<T> {
    known: Arc<T>,
    believed_until: Instant,
}

/// What has to be asked for.
#[derive(Debug, Default)]
pub struct Missing {
    /// Columns of tables.
    pub columns: Vec<ColumnKey>,
    /// Types.
    pub types: Vec<u32>,
}

impl Missing {
    /// Whether everything is known.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.types.is_empty()
    }
}

impl FactTable {
    /// What is known of these columns, one for each, and what is missing. No facts at all where
    /// none are wanted.
    pub fn of(
        &mut self,
        columns: &Columns,
        describe: bool,
        now: Instant,
    ) -> (Vec<ColumnFacts>, Missing) {
        let mut missing = Missing::default();
        if !is_wanting(columns, describe) {
            return (Vec::new(), missing);
        }
        let facts = columns.columns.iter().map(|column| {
            let mut facts = ColumnFacts::default();
            if describe && has_origin(column) {
                let key = (column.table_oid, column.attribute);
                facts.origin = known(self.columns.get_mut(&key), now, || missing.columns.push(key));
            }
            if is_named(column.type_oid) {
                let key = column.type_oid;
                facts.named_type = known(self.types.get_mut(&key), now, || missing.types.push(key));
            }
            facts
        });
        let facts = facts.collect();
        if self.paused_until.is_some_and(|until| now < until) {
            missing = Missing::default();
        }
        (facts, missing)
    }

    /// Keeps what the catalog said of a column.
    pub fn keep_column(&mut self, key: ColumnKey, origin: ColumnOrigin, now: Instant) {
        keep(&mut self.columns, key, origin, now);
    }

    /// Keeps what the catalog said of a type.
    pub fn keep_type(&mut self, key: u32, named: NamedType, now: Instant) {
        keep(&mut self.types, key, named, now);
    }

    /// Makes a pause after a look-up that failed.
    pub fn pause(&mut self, now: Instant) {
        self.paused_until = Some(now + PAUSE);
    }

    /// Definitions may have changed.
    pub fn forget(&mut self) {
        self.columns.clear();
        self.types.clear();
    }
}

fn known<T>(fact: Option<&mut Fact<T>>, now: Instant, ask: impl FnOnce()) -> Option<Arc<T>> {
    let Some(fact) = fact else {
        ask();
        return None;
    };
    if now >= fact.believed_until {
        fact.believed_until = now + BEING_ASKED;
        ask();
    }
    Some(Arc::clone(&fact.known))
}

fn keep<K: std::hash::Hash + Eq, T>(
    table: &mut HashMap<K, Fact<T>, RandomState>,
    key: K,
    fact: T,
    now: Instant,
) {
    if table.len() >= FACTS_MAX && !table.contains_key(&key) {
        table.clear();
    }
    table.insert(key, Fact { known: Arc::new(fact), believed_until: now + BELIEVED });
}

#[cfg(test)]
mod tests;
