//! `rowhouse tenant add`, `list`, `show`, `set`, `suspend`, `resume`: the registry's records.

use clap::{ArgGroup, Args, Parser, ValueEnum};
use rowhouse_tenancy::ids::{TenantId, TierName};
use rowhouse_tenancy::limits::Limits;
use rowhouse_tenancy::record::{State, TenantRecord, checked_name};
use serde_json::Value;

use super::place::{Office, Place};
use crate::cli::{Failure, Format, terminal};
use crate::registry::{Account, Change, Filter};

/// Add a tenant to the registry, with what is said about it.
///
/// Every gateway knows it within a second. Exit status 1 where it is there already.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant add acme --name 'Acme GmbH' --tier gold requests_per_second=50 burst=200
  rowhouse tenant add 7 --config rowhouse.toml")]
pub struct Add {
    /// Its id, as its credentials have it.
    #[arg(value_name = "ID", value_parser = tenant)]
    tenant: TenantId,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    place: Place,
}

/// Change what the registry says about a tenant; what is not named stays.
///
/// Running gateways go by it within a second.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant set acme requests_per_second=50 statement_timeout=10s
  rowhouse tenant set acme burst=               # the tier's again
  rowhouse tenant set acme --tier '' --name ''  # takes both away

Limits:
  requests_per_second, burst, concurrency, transactions, requests_per_day, requests_per_month,
  database_ms_per_second, statement_timeout (as 30s), result_bytes_max (as 4MiB)")]
#[command(group = ArgGroup::new("what").required(true).multiple(true)
    .args(["name", "tier", "limits"]))]
pub struct Set {
    /// Its id.
    #[arg(value_name = "ID", value_parser = tenant)]
    tenant: TenantId,
    #[command(flatten)]
    terms: Terms,
    #[command(flatten)]
    place: Place,
}

/// What is said about a tenant.
#[derive(Debug, Args)]
struct Terms {
    /// What people call it.
    #[arg(long, value_name = "NAME", value_parser = name_or_none)]
    name: Option<Given<String>>,
    /// Its tier, as the configuration has it in [[tier]].
    #[arg(long, value_name = "TIER", value_parser = tier_or_none)]
    tier: Option<Given<TierName>>,
    /// Limits of its own, over those of its tier; KEY= takes one away.
    #[arg(value_name = "KEY=VALUE", value_parser = assignment)]
    limits: Vec<String>,
}

/// A value, or that there is to be none.
#[derive(Debug, Clone)]
struct Given<T>(Option<T>);

/// List the tenants of the registry.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant list --state suspended
  rowhouse tenant list --format json --config rowhouse.toml")]
pub struct List {
    /// Those in this state.
    #[arg(long, value_enum)]
    state: Option<StateName>,
    /// Those of this tier.
    #[arg(long, value_name = "TIER", value_parser = tier)]
    tier: Option<TierName>,
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: Place,
}

/// Print all that the registry says about a tenant. Exit status 1 where that is nothing.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant show acme --format json")]
pub struct Show {
    /// Its id.
    #[arg(value_name = "ID", value_parser = tenant)]
    tenant: TenantId,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    place: Place,
}

/// Refuse a tenant's requests from now on, at every gateway within a second.
///
/// What runs goes on to its end; no further statement or transaction begins, tokens and sessions
/// from before included.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant suspend acme --reason 'invoice 4711 is open; write to billing@example.com'")]
pub struct Suspend {
    /// Its id.
    #[arg(value_name = "ID", value_parser = tenant)]
    tenant: TenantId,
    /// Why, in words that the tenant is told.
    #[arg(long, value_name = "REASON", value_parser = suspended)]
    reason: State,
    #[command(flatten)]
    place: Place,
}

/// Serve a suspended tenant again.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant resume acme")]
pub struct Resume {
    /// Its id.
    #[arg(value_name = "ID", value_parser = tenant)]
    tenant: TenantId,
    #[command(flatten)]
    place: Place,
}

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    /// It is.
    Active,
    /// It is not.
    Suspended,
}

/// `tenant add`.
pub async fn add(arguments: &Add) -> Result<(), Failure> {
    let change = arguments.terms.change()?;
    let mut office = arguments.place.open().await?;
    let added = office.registrar.add(&arguments.tenant, &change).await;
    added.map_err(|refusal| office.failed(&refusal))?;
    tell(&mut office, &arguments.tenant, "added").await
}

/// `tenant set`.
pub async fn set(arguments: &Set) -> Result<(), Failure> {
    let change = arguments.terms.change()?;
    alter(&arguments.place, &arguments.tenant, &change, "changed").await
}

/// `tenant suspend`.
pub async fn suspend(arguments: &Suspend) -> Result<(), Failure> {
    let change = Change { state: Some(arguments.reason.clone()), ..Change::default() };
    alter(&arguments.place, &arguments.tenant, &change, "suspended").await
}

/// `tenant resume`.
pub async fn resume(arguments: &Resume) -> Result<(), Failure> {
    let change = Change { state: Some(State::Active), ..Change::default() };
    alter(&arguments.place, &arguments.tenant, &change, "resumed").await
}

/// `tenant show`.
pub async fn show(arguments: &Show) -> Result<(), Failure> {
    let mut office = arguments.place.open().await?;
    let found = office.registrar.find(&arguments.tenant).await;
    let account = found.map_err(|refusal| office.failed(&refusal))?;
    match arguments.format {
        Format::Json => terminal::line(&format!("{:#}", account.to_json())),
        Format::Text => {
            for (key, value) in lines(&account) {
                terminal::line(&format!("{key:<10}  {}", plain(&value)));
            }
        }
    }
    Ok(())
}

/// `tenant list`. A page at a time: there may be a million.
pub async fn list(arguments: &List) -> Result<(), Failure> {
    let mut office = arguments.place.open().await?;
    let filter = Filter {
        state: arguments.state.map(|state| match state {
            StateName::Active => "active".to_owned(),
            StateName::Suspended => "suspended".to_owned(),
        }),
        tier: arguments.tier.clone(),
    };
    let is_json = arguments.format == Format::Json;
    let (mut after, mut count) = (String::new(), 0_usize);
    loop {
        let page = office.registrar.page(&filter, &after).await;
        let page = page.map_err(|error| office.failed(&error))?;
        let Some(last) = page.last() else { break };
        after = last.record.id.as_str().to_owned();
        for account in &page {
            count += 1;
            match is_json {
                true => {
                    let begin = if count == 1 { "[\n" } else { ",\n" };
                    terminal::print(&format!("{begin}  {}", account.to_json()));
                }
                false => terminal::line(&row(&account.record)),
            }
        }
    }
    match (is_json, count) {
        (true, 0) => terminal::line("[]"),
        (true, _) => terminal::print("\n]\n"),
        (false, 0) => terminal::line("no tenants"),
        (false, _) => {}
    }
    Ok(())
}

impl Terms {
    /// What is to be another. Every assignment has been read once when it was typed.
    fn change(&self) -> Result<Change, Failure> {
        let given = |name: &Given<String>| name.0.clone();
        let mut change = Change {
            name: self.name.as_ref().map(given),
            tier: self.tier.as_ref().map(|tier| tier.0.clone()),
            ..Change::default()
        };
        for assignment in &self.limits {
            change.assign(assignment)?;
        }
        Ok(change)
    }
}

async fn alter(
    place: &Place,
    tenant: &TenantId,
    change: &Change,
    done: &str,
) -> Result<(), Failure> {
    let mut office = place.open().await?;
    let changed = office.registrar.change(tenant, change).await;
    changed.map_err(|refusal| office.failed(&refusal))?;
    tell(&mut office, tenant, done).await
}

/// One line of what holds now.
async fn tell(office: &mut Office, tenant: &TenantId, done: &str) -> Result<(), Failure> {
    let found = office.registrar.find(tenant).await;
    let account = found.map_err(|refusal| office.failed(&refusal))?;
    let mut facts: Vec<String> = Vec::new();
    let TenantRecord { tier, state, limits, .. } = &account.record;
    facts.extend(tier.iter().map(|tier| format!("tier {}", tier.as_str())));
    facts.extend(state.reason().map(|reason| format!("reason: {reason}")));
    facts.extend(limits.entries().map(|(limit, value)| format!("{}={value}", limit.as_str())));
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    terminal::line(&plain(&format!("tenant {} {done}{facts}", tenant.as_str())));
    Ok(())
}

/// What `show` prints for people.
fn lines(account: &Account) -> Vec<(&'static str, String)> {
    let TenantRecord { id, name, tier, state, .. } = &account.record;
    let mut lines = vec![("id", id.as_str().to_owned())];
    lines.extend(name.iter().map(|name| ("name", name.clone())));
    lines.extend(tier.iter().map(|tier| ("tier", tier.as_str().to_owned())));
    lines.push(("state", state.as_str().to_owned()));
    lines.extend(state.reason().map(|reason| ("reason", reason.to_owned())));
    let json = account.to_json();
    for (key, value) in json.get("limits").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.push(("limit", format!("{key}={value}")));
    }
    lines.push(("created", account.created_at.clone()));
    lines.push(("changed", format!("{} by {}", account.changed_at, account.changed_by)));
    lines
}

fn row(record: &TenantRecord) -> String {
    let TenantRecord { id, name, tier, state, limits } = record;
    let tier = tier.as_ref().map_or("-", TierName::as_str);
    let name = name.as_deref().unwrap_or_default();
    let mut text = format!("{:<9}  {tier:<12}  {:<24}  {name}", state.as_str(), id.as_str());
    for (limit, value) in limits.entries() {
        text.push_str(&format!("  {}={value}", limit.as_str()));
    }
    plain(text.trim_end())
}

/// What somebody has written by hand must not speak to the terminal.
fn plain(text: &str) -> String {
    let shown = |c: char| match c.is_control() {
        true => c.escape_unicode().to_string(),
        false => c.to_string(),
    };
    text.chars().map(shown).collect()
}

fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|error| error.to_string())
}

fn tier(text: &str) -> Result<TierName, String> {
    TierName::parse(text).map_err(|error| error.to_string())
}

fn name_or_none(text: &str) -> Result<Given<String>, String> {
    let name = (!text.is_empty()).then(|| checked_name(text)).transpose();
    name.map(Given).map_err(|error| error.to_string())
}

fn tier_or_none(text: &str) -> Result<Given<TierName>, String> {
    (!text.is_empty()).then(|| tier(text)).transpose().map(Given)
}

fn assignment(text: &str) -> Result<String, String> {
    let read = Limits::default().assign(text);
    read.map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn suspended(text: &str) -> Result<State, String> {
    State::suspended(text).map_err(|error| error.to_string())
}
