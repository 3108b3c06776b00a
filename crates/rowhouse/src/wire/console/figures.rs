//! What clients have asked of each database, as sums and averages.

use std::collections::BTreeMap;
use std::time::Duration;

use super::show::Whole;
use super::table::{Answer, Heading, Row, cell, numeric, text};
use crate::session::{DatabasePlace, Sums};

/// The sums, in PgBouncer's order.
const TOTAL: [Heading; 12] = [
    numeric("total_server_assignment_count"),
    numeric("total_xact_count"),
    numeric("total_query_count"),
    numeric("total_received"),
    numeric("total_sent"),
    numeric("total_xact_time"),
    numeric("total_query_time"),
    numeric("total_wait_time"),
    numeric("total_client_parse_count"),
    numeric("total_server_parse_count"),
    numeric("total_bind_count"),
    numeric("total_client_connect_count"),
];
/// The averages, in the same order.
const AVERAGE: [Heading; 12] = [
    numeric("avg_server_assignment_count"),
    numeric("avg_xact_count"),
    numeric("avg_query_count"),
    numeric("avg_recv"),
    numeric("avg_sent"),
    numeric("avg_xact_time"),
    numeric("avg_query_time"),
    numeric("avg_wait_time"),
    numeric("avg_client_parse_count"),
    numeric("avg_server_parse_count"),
    numeric("avg_bind_count"),
    numeric("avg_client_connect_count"),
];
const DATABASE: [Heading; 1] = [text("database")];

/// SHOW STATS.
pub const STATS: [Heading; 25] = joined(&[&DATABASE, &TOTAL, &AVERAGE]);
/// SHOW STATS_TOTALS.
pub const STATS_TOTALS: [Heading; 13] = joined(&[&DATABASE, &TOTAL]);
/// SHOW STATS_AVERAGES.
pub const STATS_AVERAGES: [Heading; 13] = joined(&[&DATABASE, &AVERAGE]);
/// SHOW TOTALS.
pub const TOTALS: [Heading; 2] = [text("name"), numeric("value")];

const fn joined<const N: usize>(parts: &[&[Heading]]) -> [Heading; N] {
    let mut all = [text(""); N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let mut own = 0;
        while own < parts[part].len() {
            all[at] = parts[part][own];
            at += 1;
            own += 1;
        }
        part += 1;
    }
    all
}

/// Which half of the figures is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Sums and averages.
    Both,
    /// Sums.
    Totals,
    /// Averages.
    Averages,
}

/// The figures of one database over all shards.
#[derive(Default)]
struct Figures {
    total: Sums,
    last: Sums,
    period: Duration,
}

/// SHOW STATS and its halves: a row for each database that was asked something.
pub fn stats(whole: &Whole<'_>, wanted: Wanted) -> Answer {
    let mut by_name: BTreeMap<&str, Figures> = BTreeMap::new();
    for (place, figures) in gather(whole) {
        let own = by_name.entry(whole.database(place)).or_default();
        own.add(&figures);
    }
    let rows = by_name.into_iter().map(|(name, figures)| {
        let totals = figures.totals().into_iter().filter(|_| wanted != Wanted::Averages);
        let averages = figures.averages().into_iter().filter(|_| wanted != Wanted::Totals);
        std::iter::once(cell(name)).chain(totals.chain(averages).map(cell)).collect()
    });
    Answer::of(rows.collect())
}

/// SHOW TOTALS: everything together.
pub fn totals(whole: &Whole<'_>) -> Answer {
    let mut all = Figures::default();
    gather(whole).values().for_each(|figures| all.add(figures));
    let named = TOTAL.iter().zip(all.totals()).chain(AVERAGE.iter().zip(all.averages()));
    let rows = named.map(|(heading, value)| -> Row { vec![cell(heading.name), cell(value)] });
    Answer::of(rows.collect())
}

fn gather(whole: &Whole<'_>) -> BTreeMap<DatabasePlace, Figures> {
    let mut all: BTreeMap<DatabasePlace, Figures> = BTreeMap::new();
    for view in whole.surveys.iter().flat_map(|survey| &survey.sums) {
        let figures = Figures { total: view.total, last: view.last, period: view.period };
        all.entry(view.place).or_default().add(&figures);
    }
    all
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.total = self.total.plus(other.total);
        self.last = self.last.plus(other.last);
        // Shards count at the same time, and not one after the other.
        self.period = self.period.max(other.period);
    }

    fn totals(&self) -> [u64; 12] {
        let Sums { assignments, transactions, queries, received, sent, .. } = self.total;
        let Sums { transaction_us, query_us, wait_us, clients, .. } = self.total;
        // What is kept of prepared statements is counted for each client (SHOW CLIENTS).
        [
            assignments,
            transactions,
            queries,
            received,
            sent,
            transaction_us,
            query_us,
            wait_us,
            0,
            0,
            0,
            clients,
        ]
    }

    fn averages(&self) -> [u64; 12] {
        let last = self.last;
        let seconds = self.period.as_secs().max(1);
        let each = |sum: u64, count: u64| sum.checked_div(count).unwrap_or(0);
        [
            last.assignments / seconds,
            last.transactions / seconds,
            last.queries / seconds,
            last.received / seconds,
            last.sent / seconds,
            each(last.transaction_us, last.transactions),
            each(last.query_us, last.queries),
            each(last.wait_us, last.assignments),
            0,
            0,
            0,
            last.clients / seconds,
        ]
    }
}
