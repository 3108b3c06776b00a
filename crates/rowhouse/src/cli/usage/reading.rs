//! What is in the sums of PostgreSQL, and what the journal on this machine holds beyond them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rowhouse_rls::catalog::SEARCH_PATH;
use rowhouse_tenancy::usage::Key;

use super::line::{Lines, Used};
use super::{By, Month};
use crate::cli::Failure;
use crate::config::Login;
use crate::journal::{Segment, segment};
use crate::ledger;
use crate::upstream::{Connection, TextRow, UpstreamError, connect_with};

/// Connecting; the sums of a large month may take as long as they need.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Names mean PostgreSQL's own.
const PARAMETERS: [(&str, &str); 2] =
    [("search_path", SEARCH_PATH), ("application_name", "rowhouse usage")];
/// A segment that was added up and removed meanwhile means reading anew.
const ATTEMPTS_MAX: usize = 10;

/// Sums and positions of one moment.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";
const IS_METERED: &str = "select to_regclass('rowhouse.usage_hour') is not null";
const IN_DOUBT: &str = "
    select coalesce(sum(in_doubt), 0), coalesce(sum(damaged), 0) from rowhouse.usage_segment
    where folded_at >= to_timestamp($1::float8) and folded_at < to_timestamp($2::float8)";

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Asked {
    /// Which month.
    pub month: Month,
    /// Apart by what.
    pub by: Option<By>,
}

/// What was found.
#[derive(Default)]
pub struct Read {
    /// The lines.
    pub lines: Lines,
    /// Answers that gateways counted as they were killed, and perhaps did not send.
    pub in_doubt: u64,
    /// Slots of journals that could not be read.
    pub damaged: u64,
    /// Answers of the journal on this machine that are not added up yet; they are in the lines.
    pub not_folded: u64,
}

/// Reads both.
pub async fn read(login: &Login, journal: Option<PathBuf>, asked: Asked) -> Result<Read, Failure> {
    let place = format!("database {} on {}", login.database, login.server.name);
    let connected = connect_with(login, CONNECT_TIMEOUT, &PARAMETERS).await;
    let mut connection = connected.map_err(|error| {
        let role = &login.role;
        Failure::new(format!(
            "cannot connect to {place} as {role}: {error}; name another with --config, --data-dir \
             or --database-url"
        ))
    })?;
    let failed =
        |error: UpstreamError| Failure::new(format!("cannot read the usage in {place}: {error}"));
    for _ in 0..ATTEMPTS_MAX {
        // In this order: what is removed after it was listed is missed below, and noticed.
        let segments = match &journal {
            Some(folder) => list(folder)?,
            None => Vec::new(),
        };
        let (mut read, positions) =
            snapshot(&mut connection, asked, &segments).await.map_err(failed)?;
        match add_journal(&mut read, asked, &segments, &positions) {
            Ok(()) => return Ok(read),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::new(format!("cannot read the journal of usage: {error}")));
            }
        }
    }
    Err(Failure::new("the journal is added up faster than it can be read: try again"))
}

fn list(folder: &Path) -> Result<Vec<Segment>, Failure> {
    match segment::list(folder) {
        Ok(segments) => Ok(segments),
        // Nothing has been metered yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", folder.display()))),
    }
}

async fn snapshot(
    connection: &mut Connection,
    asked: Asked,
    segments: &[Segment],
) -> Result<(Read, Vec<u64>), UpstreamError> {
    connection.query_text(SNAPSHOT).await?;
    let metered = connection.query_text(IS_METERED).await?;
    let mut read = Read::default();
    let mut positions = vec![0; segments.len()];
    if metered.first().and_then(|row| row.first()) == Some(&Some("t".to_owned())) {
        let (begin, end) = asked.month.hours();
        let (begin, end) = ((begin * 3600).to_string(), (end * 3600).to_string());
        for row in connection.call(&sums_sql(asked.by), &[&begin, &end]).await? {
            let (tenant, part, used) = line(row);
            read.lines.entry((tenant, part)).or_default().add(&used);
        }
        let doubts = connection.call(IN_DOUBT, &[&begin, &end]).await?;
        let mut doubts = doubts.into_iter().flatten().map(number);
        read.in_doubt = doubts.next().unwrap_or_default();
        read.damaged = doubts.next().unwrap_or_default();
        for (one, position) in segments.iter().zip(&mut positions) {
            // The name of its gateway comes first.
            let gateway = one.name.split('-').next().unwrap_or_default();
            let known = ledger::positions(connection, gateway, &[&one.name]).await;
            let known = known.map_err(UpstreamError::Protocol)?;
            *position = known.get(&one.name).copied().unwrap_or(0);
        }
    }
    connection.query_text("commit").await?;
    Ok((read, positions))
}

fn sums_sql(by: Option<By>) -> String {
    let part = match by {
        None => "''",
        Some(By::Operation) => "operation",
        Some(By::Day) => "to_char(hour at time zone 'UTC', 'YYYY-MM-DD')",
        Some(By::Hour) => "to_char(hour at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:00:00\"Z\"')",
    };
    format!(
        "select used_by, {part} as part,
            coalesce(sum(requests) filter (where outcome <> 'gone'), 0),
            coalesce(sum(requests) filter (where outcome in ('ok', 'error')), 0),
            sum(units), sum(rows), sum(bytes_in), sum(bytes_out), sum(database_us), sum(queue_us),
            coalesce(sum(requests) filter (where outcome in ('error', 'failed')), 0),
            coalesce(sum(requests) filter (where outcome = 'refused'), 0)
        from rowhouse.usage_hour
        where hour >= to_timestamp($1::float8) and hour < to_timestamp($2::float8)
        group by used_by, part"
    )
}

fn line(row: TextRow) -> (String, String, Used) {
    let mut values = row.into_iter();
    let mut text = || values.next().flatten().unwrap_or_default();
    let (tenant, part) = (text(), text());
    let mut next = || number(Some(text()));
    let used = Used {
        requests: next(),
        charged: next(),
        units: next(),
        rows: next(),
        bytes_in: next(),
        bytes_out: next(),
        database_us: next(),
        queue_us: next(),
        errors: next(),
        refused: next(),
    };
    (tenant, part, used)
}

/// A sum beyond all numbers stays at their end.
fn number(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse::<u128>().ok())
        .map_or(0, |number| u64::try_from(number).unwrap_or(u64::MAX))
}

/// What stands in segments beyond their positions.
fn add_journal(
    read: &mut Read,
    asked: Asked,
    segments: &[Segment],
    positions: &[u64],
) -> io::Result<()> {
    let (begin, end) = asked.month.hours();
    for (one, position) in segments.iter().zip(positions) {
        let (tally, _) = segment::read(one, *position)?;
        for (key, sums) in tally.account.iter().filter(|(key, _)| (begin..end).contains(&key.hour))
        {
            let tenant = key.tenant.as_ref().map_or("", |tenant| tenant.as_str()).to_owned();
            let used = Used::of(key.outcome, sums);
            read.lines.entry((tenant, part(key, asked.by))).or_default().add(&used);
            read.not_folded += sums.requests;
        }
    }
    Ok(())
}

fn part(key: &Key, by: Option<By>) -> String {
    let hour = ledger::hour(key.hour);
    match by {
        None => String::new(),
        Some(By::Operation) => key.operation.as_str().to_owned(),
        Some(By::Hour) => hour,
        Some(By::Day) => hour.get(..10).unwrap_or(&hour).to_owned(),
    }
}
