//! Sums as CloudEvents 1.0 in JSON, for systems that bill.
//!
//! An event says what came since the last one: so much more of one tenant, hour, operation and
//! outcome. It is noted in the transaction that adds the same to the sums, under an id made of the
//! journal's positions, and struck out when it was delivered: it may be delivered twice, with the
//! same id, and is never lost. <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rowhouse_tenancy::usage::{Key, Sums};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Home, post};
use crate::config::{Config, EventSink};
use crate::observe::{Event, Observer};
use crate::upstream::Connection;

/// What kind of event it is; the digit goes up when what is in `data` changes its meaning.
const EVENT_TYPE: &str = "rowhouse.usage.v1";
/// Events that are delivered together: some 50 KiB.
const BATCH_MAX: usize = 100;
/// How often it is looked for new ones.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The first pause after a failure; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// And the longest.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// One delivery, with what the database does about it.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);

const NOTE: &str = "
    insert into rowhouse.usage_event (id, body)
    select x.id, x.body from jsonb_to_recordset($1::jsonb) as x(id text, body text)
    on conflict (id) do nothing";
const WAITING: &str =
    "select count(*) from (select from rowhouse.usage_event limit $1::bigint) as waiting";
/// Several gateways deliver side by side, each what no other has in its hands.
const NEXT: &str = "
    select number, body from rowhouse.usage_event order by number limit 100
    for update skip locked";
const STRIKE_OUT: &str = "
    delete from rowhouse.usage_event
    where number in (select x::bigint from jsonb_array_elements_text($1::jsonb) as x)";

/// Notes events within a transaction. Where too many wait already, that is an error, and told; the
/// sums are kept all the same.
pub async fn note(
    connection: &mut Connection,
    sums: &[(&Key, &Sums)],
    place: &str,
    source: &str,
    backlog_max: usize,
) -> Result<(), String> {
    let told = |error: crate::upstream::UpstreamError| error.to_string();
    let limit = backlog_max.to_string();
    let waiting = connection.call(WAITING, &[&limit]).await.map_err(told)?;
    let waiting = waiting.into_iter().flatten().flatten().next();
    let waiting: usize = waiting.and_then(|count| count.parse().ok()).unwrap_or(usize::MAX);
    let room = backlog_max.saturating_sub(waiting);
    let events: Vec<Value> = sums
        .iter()
        .enumerate()
        .take(room)
        .map(|(index, (key, sums))| {
            let id = format!("{place}/{index}");
            json!({"id": id, "body": event(&id, source, key, sums).to_string()})
        })
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    connection.call(NOTE, &[&Value::from(events).to_string()]).await.map_err(told).map(drop)
}

/// One event. Its time is the begin of its hour.
pub fn event(id: &str, source: &str, key: &Key, sums: &Sums) -> Value {
    let hour = hour(key.hour);
    let mut event = json!({
        "specversion": "1.0",
        "type": EVENT_TYPE,
        "source": source,
        "id": id,
        "time": hour,
        "datacontenttype": "application/json",
        "data": {
            "hour": hour,
            "operation": key.operation.as_str(),
            "outcome": key.outcome.as_str(),
            "requests": sums.requests,
            "units": sums.units,
            "rows": sums.rows,
            "bytes_in": sums.bytes_in,
            "bytes_out": sums.bytes_out,
            "database_us": sums.database_us,
            "queue_us": sums.queue_us,
        },
    });
    // "subject" must not be empty; callers without a tenant have none.
    if let (Some(tenant), Some(event)) = (&key.tenant, event.as_object_mut()) {
        event.insert("subject".to_owned(), tenant.as_str().into());
        if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
            data.insert("tenant".to_owned(), tenant.as_str().into());
        }
    }
    event
}

/// An hour since 1970 as RFC 3339 writes its begin.
pub fn hour(hour: u64) -> String {
    let second = i64::try_from(hour.saturating_mul(3600)).unwrap_or(i64::MAX);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX).to_string()
}

/// Delivers what waits, for as long as the gateway runs.
pub(super) async fn deliver(config: Arc<Config>, home: Home, observer: Observer) {
    let Some(settings) = &config.usage.cloud_events else { return };
    let mut connection = None;
    let mut pause = PAUSE_MIN;
    loop {
        let delivering = some(&mut connection, &home, &settings.sink);
        let delivered = timeout(DELIVERY_TIMEOUT, delivering).await;
        match delivered.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
            Ok(count) => {
                pause = PAUSE_MIN;
                if count < BATCH_MAX {
                    sleep(LOOK_INTERVAL).await;
                }
            }
            Err(reason) => {
                connection = None;
                observer.emit(&Event::UsageTrouble { part: "events", reason: &reason });
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Delivers a batch; gives how many they were.
async fn some(
    kept: &mut Option<Connection>,
    home: &Home,
    sink: &EventSink,
) -> Result<usize, String> {
    let told = |error: crate::upstream::UpstreamError| error.to_string();
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => {
            let mut connection = home.connect().await.map_err(told)?;
            crate::registry::schema::bring_up_to_date(&mut connection).await.map_err(told)?;
            connection
        }
    };
    connection.query_text("begin").await.map_err(told)?;
    let rows = connection.query_text(NEXT).await.map_err(told)?;
    let events: Vec<(String, String)> = rows
        .into_iter()
        .filter_map(|row| {
            let mut values = row.into_iter().flatten();
            Some((values.next()?, values.next()?))
        })
        .collect();
    if !events.is_empty() {
        let bodies: Vec<&str> = events.iter().map(|(_, body)| body.as_str()).collect();
        send(sink, &bodies).await?;
        let numbers: Vec<&str> = events.iter().map(|(number, _)| number.as_str()).collect();
        connection.call(STRIKE_OUT, &[&json!(numbers).to_string()]).await.map_err(told)?;
    }
    connection.query_text("commit").await.map_err(told)?;
    *kept = Some(connection);
    Ok(events.len())
}

async fn send(sink: &EventSink, bodies: &[&str]) -> Result<(), String> {
    match sink {
        EventSink::File(path) => {
            let (path, lines) = (path.clone(), bodies.join("\n") + "\n");
            let written = tokio::task::spawn_blocking(move || append(&path, &lines)).await;
            let written = written.map_err(|error| error.to_string())?;
            written.map_err(|error| format!("cloud_events_file: {error}"))
        }
        EventSink::Http { url, token, ca_file } => {
            // They are JSON already, and a batch is a list of them.
            let body = format!("[{}]", bodies.join(","));
            let posted = post::post(url, token.as_ref(), ca_file.as_deref(), body).await;
            posted.map_err(|error| format!("cloud_events_url: {error}"))
        }
    }
}

/// On the disk before they are struck out.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests;
