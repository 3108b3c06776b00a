//! One round of adding up: what segments hold beyond the position that PostgreSQL knows of each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::usage::{Account, Key, Sums};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::events;
use crate::config::Usage;
use crate::journal::segment::{self, Tally};
use crate::journal::{Journal, Segment, merge};
use crate::observe::{Event, Observer};
use crate::upstream::Connection;

/// How often old sums are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(3600);

/// The positions of these segments.
const POSITIONS: &str = "
    select segment, position from rowhouse.usage_segment
    where gateway = $1 and segment in (select jsonb_array_elements_text($2::jsonb))";
/// Moves a position, if it is where we believe it is; the row says whether it was.
const MOVE: &str = "
    insert into rowhouse.usage_segment as s
        (gateway, segment, position, answers, in_doubt, damaged)
    select $1::text, $2::text, $4::bigint, $5::numeric, $6::bigint, $7::bigint
    where $3::bigint = 0
        or exists (select from rowhouse.usage_segment where gateway = $1 and segment = $2)
    on conflict (gateway, segment) do update set
        position = excluded.position, answers = s.answers + excluded.answers,
        in_doubt = excluded.in_doubt, damaged = s.damaged + excluded.damaged, folded_at = now()
    where s.position = $3::bigint
    returning 1";
/// Adds sums, in an order that is the same for all gateways, so that they wait for each other and
/// not crosswise.
const ADD: &str = "
    insert into rowhouse.usage_hour as u (used_by, hour, operation, outcome, requests, units, rows,
        bytes_in, bytes_out, database_us, queue_us)
    select tenant, to_timestamp(hour * 3600), operation, outcome, requests, units, rows,
        bytes_in, bytes_out, database_us, queue_us
    from jsonb_to_recordset($1::jsonb) as x(tenant text, hour bigint, operation text, outcome text,
        requests numeric, units numeric, rows numeric, bytes_in numeric, bytes_out numeric,
        database_us numeric, queue_us numeric)
    order by hour, tenant collate \"C\", operation collate \"C\", outcome collate \"C\"
    on conflict (hour, used_by, operation, outcome) do update set
        requests = u.requests + excluded.requests, units = u.units + excluded.units,
        rows = u.rows + excluded.rows, bytes_in = u.bytes_in + excluded.bytes_in,
        bytes_out = u.bytes_out + excluded.bytes_out,
        database_us = u.database_us + excluded.database_us,
        queue_us = u.queue_us + excluded.queue_us";
/// What is older than the months that are kept.
const FORGET: [&str; 2] = [
    "delete from rowhouse.usage_hour where hour < (date_trunc('month', now() at time zone 'UTC')
        - make_interval(months => $1::int - 1)) at time zone 'UTC'",
    "delete from rowhouse.usage_segment where folded_at < (date_trunc('month',
        now() at time zone 'UTC') - make_interval(months => $1::int - 1)) at time zone 'UTC'",
];

/// What is known between rounds.
pub struct Fold {
    /// Open, and nothing has gone wrong on it.
    pub connection: Option<Connection>,
    journal: Arc<Journal>,
    retention_months: u64,
    /// What may wait of CloudEvents, and what they say they come from.
    events: Option<(usize, String)>,
    /// What was counted in memory, under the number of the transaction that adds it.
    memory: Account,
    memory_number: u64,
    forgot_at: Option<Instant>,
}

/// Sums that change together with a position.
struct Batch<'a> {
    segment: &'a str,
    from: u64,
    to: u64,
    account: &'a Account,
    answers: u64,
    in_doubt: u64,
    damaged: u64,
}

impl Fold {
    /// Of this journal.
    pub fn new(journal: Arc<Journal>, usage: &Usage) -> Fold {
        let events = usage.cloud_events.as_ref();
        Fold {
            connection: None,
            journal,
            retention_months: usage.retention_months,
            events: events.map(|events| (events.backlog_max, events.source.clone())),
            memory: Account::new(),
            memory_number: 0,
            forgot_at: None,
        }
    }

    /// A round. It may be cancelled: what has not been committed is added up by the next one.
    pub async fn all(
        &mut self,
        connection: &mut Connection,
        observer: &Observer,
    ) -> Result<(), String> {
        let segments = self.journal.segments().map_err(|error| error.to_string())?;
        let memory = format!("{}-{:013}-memory", self.journal.gateway(), self.journal.started_ms());
        let mut names: Vec<&str> = segments.iter().map(|one| one.name.as_str()).collect();
        names.push(&memory);
        let known = positions(connection, &self.journal.gateway(), &names).await?;
        let (mut answers, mut in_doubt, mut damaged) = (0, 0, 0);
        for one in &segments {
            let from = known.get(&one.name).copied().unwrap_or(0);
            let Some(tally) = self.one(connection, one, from).await? else { continue };
            answers += tally.answers;
            if one.finished {
                in_doubt += if tally.ended { 0 } else { tally.in_doubt };
                damaged += tally.damaged;
            }
        }
        let at = known.get(&memory).copied().unwrap_or(0);
        answers += self.remember(connection, &memory, at).await?;
        self.forget(connection).await?;
        if answers + in_doubt + damaged > 0 {
            let bytes = self.journal.bytes();
            observer.emit(&Event::Folded { answers, in_doubt, damaged, bytes });
        }
        Ok(())
    }

    /// Adds up what is new in a segment, and removes one that is finished.
    async fn one(
        &self,
        connection: &mut Connection,
        segment: &Segment,
        from: u64,
    ) -> Result<Option<Tally>, String> {
        let reading = segment.clone();
        let read = tokio::task::spawn_blocking(move || segment::read(&reading, from)).await;
        let (tally, to) = match read.map_err(|error| error.to_string())? {
            Ok(read) => read,
            Err(error) => return Err(format!("{}: {error}", segment.path.display())),
        };
        if to <= from && !segment.finished {
            return Ok(None);
        }
        let batch = Batch {
            segment: &segment.name,
            from,
            to: to.max(from),
            account: &tally.account,
            answers: tally.answers,
            in_doubt: if segment.finished && !tally.ended { tally.in_doubt } else { 0 },
            damaged: tally.damaged,
        };
        self.commit(connection, &batch).await?;
        if segment.finished {
            // Should it come back after a power cut, its position says that it is done.
            let removed = self.journal.remove(segment);
            removed.map_err(|error| format!("{}: {error}", segment.path.display()))?;
        }
        Ok(Some(tally))
    }

    /// What was counted in memory. When it is not known whether it was added, the number in
    /// PostgreSQL says so.
    async fn remember(
        &mut self,
        connection: &mut Connection,
        name: &str,
        at: u64,
    ) -> Result<u64, String> {
        if at > self.memory_number {
            self.memory.clear();
            self.memory_number = at;
        }
        // While one lot is on its way nothing is added to it.
        if self.memory.is_empty() {
            merge(&mut self.memory, self.journal.take_overflow());
        }
        if self.memory.is_empty() {
            return Ok(0);
        }
        let answers = self.memory.values().map(|sums| sums.requests).sum();
        let batch = Batch {
            segment: name,
            from: at,
            to: at + 1,
            account: &self.memory,
            answers,
            in_doubt: 0,
            damaged: 0,
        };
        self.commit(connection, &batch).await?;
        self.memory.clear();
        self.memory_number = at + 1;
        Ok(answers)
    }

    async fn commit(&self, connection: &mut Connection, batch: &Batch<'_>) -> Result<(), String> {
        let told = |error: crate::upstream::UpstreamError| error.to_string();
        let numbers = [batch.from, batch.to, batch.answers, batch.in_doubt, batch.damaged]
            .map(|n| n.to_string());
        let [from, to, answers, in_doubt, damaged] = &numbers;
        let gateway = self.journal.gateway();
        connection.query_text("begin").await.map_err(told)?;
        let values: [&str; 7] = [&gateway, batch.segment, from, to, answers, in_doubt, damaged];
        let moved = connection.call(MOVE, &values).await.map_err(told)?;
        if moved.is_empty() {
            return Err("somebody else has added up this journal: give each gateway a \
                        usage.journal_dir of its own"
                .to_owned());
        }
        if !batch.account.is_empty() {
            let sums = ordered(batch.account);
            connection.call(ADD, &[&json_of(&sums)]).await.map_err(told)?;
            if let Some((backlog_max, source)) = &self.events {
                let place = format!("{}/{from}-{to}", batch.segment);
                events::note(connection, &sums, &place, source, *backlog_max).await?;
            }
        }
        connection.query_text("commit").await.map_err(told).map(drop)
    }

    async fn forget(&mut self, connection: &mut Connection) -> Result<(), String> {
        if self.forgot_at.is_some_and(|at| at.elapsed() < RETENTION_INTERVAL) {
            return Ok(());
        }
        let months = self.retention_months.to_string();
        for sql in FORGET {
            connection.call(sql, &[&months]).await.map_err(|error| error.to_string())?;
        }
        self.forgot_at = Some(Instant::now());
        Ok(())
    }
}

/// How far segments are in the sums.
pub async fn positions(
    connection: &mut Connection,
    gateway: &str,
    names: &[&str],
) -> Result<HashMap<String, u64>, String> {
    let names = json!(names).to_string();
    let rows = connection.call(POSITIONS, &[gateway, &names]).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let position = |row: Vec<Option<String>>| {
        let mut values = row.into_iter().flatten();
        Some((values.next()?, values.next()?.parse().ok()?))
    };
    rows.into_iter().map(|row| position(row).ok_or("a position is no number".to_owned())).collect()
}

fn ordered(account: &Account) -> Vec<(&Key, &Sums)> {
    let mut sums: Vec<(&Key, &Sums)> = account.iter().collect();
    sums.sort_by(|a, b| a.0.cmp(b.0));
    sums
}

fn json_of(sums: &[(&Key, &Sums)]) -> String {
    let rows: Vec<Value> = sums
        .iter()
        .map(|(key, sums)| {
            json!({
                "tenant": key.tenant.as_ref().map_or("", |tenant| tenant.as_str()),
                "hour": key.hour,
                "operation": key.operation.as_str(),
                "outcome": key.outcome.as_str(),
                "requests": sums.requests,
                "units": sums.units,
                "rows": sums.rows,
                "bytes_in": sums.bytes_in,
                "bytes_out": sums.bytes_out,
                "database_us": sums.database_us,
                "queue_us": sums.queue_us,
            })
        })
        .collect();
    Value::from(rows).to_string()
}
