//! Looking at records and changing them: what `rowhouse tenant` does, in one statement each.

use std::fmt;

use rowhouse_tenancy::ids::{TenantId, TierName};
use rowhouse_tenancy::limits::{InvalidLimit, Limit, Limits};
use rowhouse_tenancy::record::{State, TenantRecord};
use serde_json::{Value, json};

use super::{CONNECT_TIMEOUT, PARAMETERS, rows, schema};
use crate::upstream::{Connection, Login, TextRow, UpstreamError, connect_with};

/// Records in one answer.
const PAGE_ROWS: usize = 1000;
/// The columns that [`account`] reads.
const COLUMNS: &str = "id, name, tier, state, reason, limits, \
                       to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                       to_char(changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                       changed_by";
/// What is not named stays, and so do limits that this version does not know.
const CHANGE: &str = "
    update rowhouse.tenant set
        name = case when $2::bool then nullif($3, '') else name end,
        tier = case when $4::bool then nullif($5, '') else tier end,
        limits = (limits - $6::text[]) || $7::jsonb,
        state = case when $8::bool then $9 else state end,
        reason = case when $8::bool then nullif($10, '') else reason end
    where id = $1
    returning id";

/// A connection to the registry for somebody who changes it.
pub struct Registrar(Connection);

/// What is to be another. The default changes nothing.
#[derive(Debug, Default)]
pub struct Change {
    /// The name; `Some(None)` takes it away.
    pub name: Option<Option<String>>,
    /// The tier; `Some(None)` takes it away.
    pub tier: Option<Option<TierName>>,
    /// Limits that are set.
    pub limits: Limits,
    /// Limits that are taken away.
    pub without: Vec<Limit>,
    /// Whether it is served.
    pub state: Option<State>,
}

/// Which records are wanted; all of them, if nothing is said.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those in this state.
    pub state: Option<String>,
    /// Those of this tier.
    pub tier: Option<TierName>,
}

/// A record with its history.
#[derive(Debug)]
pub struct Account {
    /// The record.
    pub record: TenantRecord,
    /// Its limits as they are stored, those included that this version does not know.
    limits: String,
    /// When it was added, in UTC.
    pub created_at: String,
    /// When it was changed last.
    pub changed_at: String,
    /// Who did that: a role of the database.
    pub changed_by: String,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such tenant.
    Unknown(TenantId),
    /// There is one already.
    Exists(TenantId),
    /// The database said no.
    Database(UpstreamError),
}

impl Change {
    /// Adds `name=value`, or `name=`.
    pub fn assign(&mut self, assignment: &str) -> Result<(), InvalidLimit> {
        let before = self.limits.clone();
        self.limits.assign(assignment)?;
        let (name, value) = assignment.split_once('=').unwrap_or((assignment, ""));
        let limit = Limit::named(name.trim())?;
        self.without.retain(|one| *one != limit);
        if value.trim().is_empty() {
            self.limits = before;
            self.without.push(limit);
        }
        Ok(())
    }
}

impl Registrar {
    /// Connects, and makes the schema if there is none.
    pub async fn connect(login: &Login) -> Result<Registrar, UpstreamError> {
        let mut connection = connect_with(login, CONNECT_TIMEOUT, &PARAMETERS).await?;
        schema::bring_up_to_date(&mut connection).await?;
        Ok(Registrar(connection))
    }

    /// Connects where there is a registry, and makes none.
    pub async fn existing(login: &Login) -> Result<Option<Registrar>, UpstreamError> {
        let mut connection = connect_with(login, CONNECT_TIMEOUT, &PARAMETERS).await?;
        Ok(schema::is_there(&mut connection).await?.then_some(Registrar(connection)))
    }

    /// Adds a tenant, whose state is not chosen here: it is active.
    pub async fn add(&mut self, tenant: &TenantId, change: &Change) -> Result<(), Refusal> {
        let sql = "insert into rowhouse.tenant (id, name, tier, limits) \
                   values ($1, nullif($2, ''), nullif($3, ''), $4::jsonb) \
                   on conflict do nothing returning id";
        let (name, tier) = (change.name(), change.tier());
        let limits = change.limits.to_json().to_string();
        let rows = self.0.call(sql, &[tenant.as_str(), name, tier, &limits]).await;
        match rows.map_err(Refusal::Database)?.is_empty() {
            true => Err(Refusal::Exists(tenant.clone())),
            false => Ok(()),
        }
    }

    /// Changes a tenant's record.
    pub async fn change(&mut self, tenant: &TenantId, change: &Change) -> Result<(), Refusal> {
        let flag = |set: bool| if set { "true" } else { "false" };
        let without: Vec<&str> = change.without.iter().map(|one| one.as_str()).collect();
        let without = format!("{{{}}}", without.join(","));
        let limits = change.limits.to_json().to_string();
        let state = change.state.as_ref();
        let values = [
            tenant.as_str(),
            flag(change.name.is_some()),
            change.name(),
            flag(change.tier.is_some()),
            change.tier(),
            &without,
            &limits,
            flag(state.is_some()),
            state.map_or("", State::as_str),
            state.and_then(State::reason).unwrap_or_default(),
        ];
        let rows = self.0.call(CHANGE, &values).await.map_err(Refusal::Database)?;
        match rows.is_empty() {
            true => Err(Refusal::Unknown(tenant.clone())),
            false => Ok(()),
        }
    }

    /// A tenant's record.
    pub async fn find(&mut self, tenant: &TenantId) -> Result<Account, Refusal> {
        let sql = format!("select {COLUMNS} from rowhouse.tenant where id = $1");
        let rows = self.0.call(&sql, &[tenant.as_str()]).await.map_err(Refusal::Database)?;
        let found = rows.into_iter().find_map(account);
        found.ok_or_else(|| Refusal::Unknown(tenant.clone()))
    }

    /// The records behind this id in order, some of them: none where there are no more.
    pub async fn page(
        &mut self,
        filter: &Filter,
        after: &str,
    ) -> Result<Vec<Account>, UpstreamError> {
        let sql = format!(
            "select {COLUMNS} from rowhouse.tenant where id > $1 \
             and ($2 = '' or state = $2) and ($3 = '' or tier = $3) order by id limit {PAGE_ROWS}"
        );
        let state = filter.state.as_deref().unwrap_or_default();
        let tier = filter.tier.as_ref().map_or("", TierName::as_str);
        let rows = self.0.call(&sql, &[after, state, tier]).await?;
        Ok(rows.into_iter().filter_map(account).collect())
    }
}

impl Account {
    /// All of it, for programs.
    pub fn to_json(&self) -> Value {
        let TenantRecord { id, name, tier, state, .. } = &self.record;
        json!({
            "id": id.as_str(), "name": name, "tier": tier.as_ref().map(TierName::as_str),
            "state": state.as_str(), "reason": state.reason(),
            "limits": serde_json::from_str(&self.limits).unwrap_or(Value::Null),
            "created_at": self.created_at, "changed_at": self.changed_at,
            "changed_by": self.changed_by,
        })
    }
}

impl Change {
    fn name(&self) -> &str {
        self.name.as_ref().and_then(|name| name.as_deref()).unwrap_or_default()
    }

    fn tier(&self) -> &str {
        self.tier.as_ref().and_then(|tier| tier.as_ref()).map_or("", TierName::as_str)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(tenant) => {
                let id = tenant.as_str();
                write!(f, "there is no tenant {id:?}; add it with `rowhouse tenant add`")
            }
            Self::Exists(tenant) => {
                let id = tenant.as_str();
                write!(f, "there is a tenant {id:?} already; change it with `rowhouse tenant set`")
            }
            Self::Database(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Refusal {}

fn account(row: TextRow) -> Option<Account> {
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let (limits, created_at, changed_at, changed_by) = (text(5), text(6), text(7), text(8));
    let record = rows::record(row, &mut Vec::new())?;
    Some(Account { record, limits, created_at, changed_at, changed_by })
}
