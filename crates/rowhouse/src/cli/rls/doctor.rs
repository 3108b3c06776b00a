//! `rowhouse rls doctor`: read the catalog, judge it, report.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rowhouse_rls::accept::{Acceptance, Judged, is_day, judge};
use rowhouse_rls::doctor::{doctor, tenant_tables};
use rowhouse_rls::report::{self, Format};
use rowhouse_rls::role::{RoleFacts, gate, gate_query_for};
use rowhouse_rls::{Code, Finding, Severity};
use toml_edit::{Document, Item};

use super::place::Place;
use super::reader::Reader;
use super::{Doctor, Level, ReportFormat};
use crate::cli::{Failure, terminal};
use crate::config::raw;

/// What one look has found.
struct Look {
    database: String,
    role: String,
    tables: usize,
    judged: Judged,
}

/// Looks once, or again and again.
pub async fn run(arguments: &Doctor) -> Result<(), Failure> {
    let place = Place::find(&arguments.connection).await?;
    let acceptances = match &arguments.accept {
        Some(file) => read_acceptances(file)?,
        None => Vec::new(),
    };
    if let Some(interval) = arguments.watch {
        return watch(arguments, &place, &acceptances, interval).await;
    }
    let look = examine(arguments, &place, &acceptances).await?;
    if let Some(file) = &arguments.fix {
        let script = report::migration(&look.judged.open);
        fs::write(file, script).map_err(|error| {
            Failure::new(format!("cannot write {}: {error}; choose another file", file.display()))
        })?;
    }
    let format = match arguments.format {
        ReportFormat::Text => Format::Text,
        ReportFormat::Json => Format::Json,
        ReportFormat::Sarif => Format::Sarif,
        ReportFormat::Junit => Format::Junit,
    };
    terminal::print(&report::write(format, &look.database, &look.judged.open));
    if format == Format::Text {
        terminal::line(&summary(&look));
    }
    for line in remarks(&look.judged, &acceptances) {
        terminal::error(&line);
    }
    if look.judged.open.is_empty() { Ok(()) } else { Err(Failure(Vec::new())) }
}

async fn watch(
    arguments: &Doctor,
    place: &Place,
    acceptances: &[Acceptance],
    interval: Duration,
) -> Result<(), Failure> {
    let mut before: Option<BTreeSet<String>> = None;
    loop {
        match examine(arguments, place, acceptances).await {
            Ok(look) => {
                let now: BTreeSet<String> = look.judged.open.iter().map(line).collect();
                match &before {
                    None => {
                        now.iter().for_each(|one| terminal::line(one));
                        terminal::line(&summary(&look));
                    }
                    Some(before) => {
                        let come = now.difference(before);
                        come.for_each(|one| terminal::line(&format!("+ {one}")));
                        let gone = before.difference(&now);
                        gone.for_each(|one| terminal::line(&format!("- {one}")));
                    }
                }
                before = Some(now);
            }
            // A server that restarts is asked again; at the first look it is a mistake.
            Err(failure) if before.is_none() => return Err(failure),
            Err(Failure(lines)) => lines.iter().for_each(|one| terminal::error(one)),
        }
        tokio::time::sleep(interval).await;
    }
}

async fn examine(
    arguments: &Doctor,
    place: &Place,
    acceptances: &[Acceptance],
) -> Result<Look, Failure> {
    let role = place.app_role.as_deref().unwrap_or(&place.login.role);
    let mut reader = Reader::connect(&place.login).await?;
    reader.query("set default_transaction_read_only = on").await?;
    if !reader.has_role(role).await? {
        return Err(reader.no_role(role));
    }
    let catalog = reader.catalog(role).await?;
    let rows = reader.query(&gate_query_for(role)).await?;
    let facts = RoleFacts::from_rows(&rows).map_err(|error| reader.failed(&error))?;

    let conventions = arguments.conventions.value(place);
    let mut findings = gate(&facts);
    findings.extend(doctor(&catalog, &conventions));
    let least = match arguments.level {
        Level::Info => Severity::Info,
        Level::Warning => Severity::Warning,
        Level::Error => Severity::Error,
    };
    findings.retain(|finding| finding.severity >= least);
    Ok(Look {
        tables: tenant_tables(&catalog, &conventions),
        judged: judge(findings, acceptances, &today()?),
        database: catalog.server.database,
        role: catalog.server.role,
    })
}

/// The file of `--accept`.
fn read_acceptances(file: &Path) -> Result<Vec<Acceptance>, Failure> {
    let name = file.display();
    let text = raw::read_config(file)
        .map_err(|error| Failure::new(format!("cannot read {name}: {error}")))?;
    let document = Document::parse(text.as_str())
        .map_err(|error| Failure::new(format!("{name} is not TOML: {error}")))?;
    let mut acceptances = Vec::new();
    let mut problems = Vec::new();
    for (key, item) in document.iter() {
        match item.as_array_of_tables().filter(|_| key == "accept") {
            Some(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    match acceptance(table) {
                        Ok(one) => acceptances.push(one),
                        Err(what) => {
                            problems
                                .push(format!("{name}: [[accept]] number {}: {what}", index + 1));
                        }
                    }
                }
            }
            None => problems.push(format!("{name}: {key:?} is unknown here: only [[accept]] is")),
        }
    }
    if problems.is_empty() { Ok(acceptances) } else { Err(Failure(problems)) }
}

fn acceptance(table: &toml_edit::Table) -> Result<Acceptance, String> {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    if let Some((key, _)) =
        table.iter().find(|(key, _)| !["code", "object", "reason", "until"].contains(key))
    {
        return Err(format!("{key:?} is unknown: write code, object, reason, until"));
    }
    let code = text("code").ok_or("code is needed, as \"RH112\"")?;
    let code = Code::parse(&code).ok_or_else(|| format!("there is no code {code:?}"))?;
    let reason = text("reason").filter(|reason| !reason.trim().is_empty());
    let reason = reason.ok_or("reason is needed: why it is accepted")?;
    let until = match table.get("until") {
        None => None,
        Some(_) => Some(
            text("until")
                .filter(|day| is_day(day))
                .ok_or("until must be a day in quotes, as \"2027-06-30\"")?,
        ),
    };
    Ok(Acceptance { code, object: text("object"), reason, until })
}

fn today() -> Result<String, Failure> {
    let now = jiff::Timestamp::try_from(SystemTime::now())?;
    Ok(now.strftime("%Y-%m-%d").to_string())
}

fn summary(look: &Look) -> String {
    let count = |severity: Severity| {
        look.judged.open.iter().filter(|finding| finding.severity == severity).count()
    };
    format!(
        "{}: {} tables of tenants, statements run as {}; {} errors, {} warnings, {} notes, {} \
         accepted",
        look.database,
        look.tables,
        look.role,
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Info),
        look.judged.accepted,
    )
}

fn line(finding: &Finding) -> String {
    format!("{} {}: {}", finding.code, finding.object, finding.message)
}

/// Acceptances that no longer serve: whoever keeps the file wants to know.
fn remarks(judged: &Judged, acceptances: &[Acceptance]) -> Vec<String> {
    let named = |index: &usize| {
        acceptances.get(*index).map(|one| {
            let object = one.object.as_deref().unwrap_or("(every object)");
            format!("{} {object} ({})", one.code, one.reason)
        })
    };
    let ended =
        judged.ended.iter().filter_map(named).map(|one| format!("no longer accepted: {one}"));
    let unused =
        judged.unused.iter().filter_map(named).map(|one| format!("accepted, but not found: {one}"));
    ended.chain(unused).collect()
}
