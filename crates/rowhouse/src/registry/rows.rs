//! From rows of `rowhouse.tenant` to records: what cannot be read is said, and never a way in.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rowhouse_tenancy::ids::{TenantId, TierName};
use rowhouse_tenancy::limits::Limits;
use rowhouse_tenancy::record::{State, TenantRecord, checked_name};

use crate::upstream::{Connection, TextRow, UpstreamError};

/// Rows in one answer: some MiB at once.
const PAGE_ROWS: usize = 10_000;
/// Records are kept in memory, some 300 bytes each; whoever has more has another problem first.
const RECORDS_MAX: usize = 1_000_000;
/// What a suspended tenant is told where nobody has written down why.
const NO_REASON: &str = "no reason is given";
/// The columns in the order in which [`record`] reads them.
const PAGE: &str = "select id, name, tier, state, reason, limits from rowhouse.tenant \
                    where id operator(pg_catalog.>) $1 order by id limit 10000";
/// What tells whether anything has changed.
const MARK: &str = "select epoch::text, version::text from rowhouse.tenant_change";

/// Records by tenant.
pub type Records = HashMap<TenantId, Arc<TenantRecord>, RandomState>;

/// All records as they were at one moment.
pub struct Snapshot {
    /// What tells it from another.
    pub mark: String,
    /// The records.
    pub records: Records,
    /// What could not be understood, one line each.
    pub odd: Vec<String>,
}

/// What tells whether the table has changed. To be run to its end.
pub async fn mark(connection: &mut Connection) -> Result<String, UpstreamError> {
    let rows = connection.query_text(MARK).await?;
    let parts: Vec<String> = rows.into_iter().flatten().flatten().collect();
    match parts.is_empty() {
        true => Err(UpstreamError::Protocol("rowhouse.tenant_change has no row".to_owned())),
        false => Ok(parts.join(" ")),
    }
}

/// Reads the whole table under one snapshot. To be run to its end.
pub async fn read(connection: &mut Connection) -> Result<Snapshot, UpstreamError> {
    connection.query_text("begin isolation level repeatable read read only").await?;
    let mark = mark(connection).await?;
    let mut snapshot = Snapshot { mark, records: Records::default(), odd: Vec::new() };
    let mut after = String::new();
    loop {
        let rows = connection.call(PAGE, &[&after]).await?;
        let count = rows.len();
        for row in rows {
            after = row.first().cloned().flatten().unwrap_or_default();
            if let Some(record) = record(row, &mut snapshot.odd) {
                snapshot.records.insert(record.id.clone(), Arc::new(record));
            }
        }
        if snapshot.records.len() > RECORDS_MAX {
            let text = format!("rowhouse.tenant has more than {RECORDS_MAX} rows");
            return Err(UpstreamError::Protocol(text));
        }
        if count < PAGE_ROWS {
            break;
        }
    }
    connection.query_text("commit").await?;
    Ok(snapshot)
}

/// The record of a row. An id that no credential can name has none.
pub fn record(row: TextRow, odd: &mut Vec<String>) -> Option<TenantRecord> {
    let mut columns = row.into_iter();
    let mut next = || columns.next().flatten();
    let text = next().unwrap_or_default();
    let id = match TenantId::parse(&text) {
        Ok(id) => id,
        Err(error) => {
            odd.push(format!("tenant {text:?} is left out: {error}"));
            return None;
        }
    };
    let (name, tier) = (next(), next());
    let (state, reason) = (next().unwrap_or_default(), next());
    let limits = next().unwrap_or_default();
    let name = name.and_then(|name| checked_name(&name).ok());
    let tier = tier.and_then(|tier| match TierName::parse(&tier) {
        Ok(tier) => Some(tier),
        Err(error) => {
            odd.push(format!("tenant {text:?}: its tier is ignored: {error}"));
            None
        }
    });
    let limits = match Limits::read_json(&limits) {
        Ok((limits, ignored)) => {
            odd.extend(ignored.iter().map(|why| format!("tenant {text:?}: {why}; it is ignored")));
            limits
        }
        Err(error) => {
            odd.push(format!("tenant {text:?}: its limits are ignored: {error}"));
            Limits::default()
        }
    };
    Some(TenantRecord { id, name, tier, state: state_of(&state, reason.as_deref()), limits })
}

/// Whatever is not plainly active is refused: another version may have words of its own.
fn state_of(state: &str, reason: Option<&str>) -> State {
    if state == State::Active.as_str() {
        return State::Active;
    }
    let reason = reason.unwrap_or(NO_REASON);
    State::suspended(reason).unwrap_or_else(|_| State::Suspended { reason: NO_REASON.to_owned() })
}

#[cfg(test)]
mod tests;
