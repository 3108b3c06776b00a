//! The start-up gate of sealed databases: can this server be sealed, and is this database?

use super::objects;
use crate::code::Code;
use crate::doctor::outdated;
use crate::finding::Finding;
use crate::role::InvalidRows;

/// The one query, for PostgreSQL 15 to 18; to be run on a connection of the role of tenants.
pub const GATE_QUERY: &str = include_str!("gate.sql");
/// The columns of its rows: fact, name, detail.
const COLUMNS: usize = 3;

/// What keeps a database from being sealed, from the rows of [`GATE_QUERY`]; empty is good. Doctor
/// looks at more: this is what the gateway would stand on.
pub fn gate<R, T>(database: &str, rows: &[R]) -> Result<Vec<Finding>, InvalidRows>
where
    R: AsRef<[Option<T>]>,
    T: AsRef<str>,
{
    let mut facts = Vec::with_capacity(rows.len());
    for row in rows {
        let [fact, name, detail] = row.as_ref() else {
            return Err(InvalidRows::Columns { found: row.as_ref().len(), expected: COLUMNS });
        };
        let text = |cell: &Option<T>| cell.as_ref().map(|text| text.as_ref().to_owned());
        let fact = text(fact).ok_or(InvalidRows::Null)?;
        facts.push((fact, text(name).ok_or(InvalidRows::Null)?, text(detail)));
    }
    let find = |fact: &str, name: &str| {
        facts.iter().find(|(own_fact, own_name, _)| own_fact == fact && own_name == name)
    };
    let detail = |fact: &str, name: &str| find(fact, name)?.2.as_deref();
    let mut findings = Vec::new();
    let version = facts.iter().find(|(fact, ..)| fact == "version").ok_or(InvalidRows::Fact)?;
    let version: u32 = version.1.parse().map_err(|_| InvalidRows::Fact)?;
    if let Some((message, fix)) = outdated(version) {
        findings.push(finding(Code::ServerTooOld, database, message, fix));
    }
    for object in objects() {
        let name = format!("rowhouse.{}", object.name);
        let body = object.sql.split("$seal$").nth(1).unwrap_or_default().trim();
        let what = match detail(object.kind, object.name) {
            None => "is missing",
            Some("open") if object.kind == "table" => {
                let message = "the role of tenants has rights on it".to_owned();
                findings.push(finding(Code::SealKeyReadable, &name, message, APPLY));
                continue;
            }
            Some(found) if object.kind == "function" && found.trim() != body => {
                "is not as it was made, or cannot be called"
            }
            Some(_) => continue,
        };
        let message = format!("this {} of the sealed context {what}", object.kind);
        findings.push(finding(Code::SealPart, &name, message, APPLY));
    }
    if facts.iter().any(|(fact, ..)| fact == "member") {
        let message = "the role of tenants is a member of it and reads the keys".to_owned();
        findings.push(finding(Code::SealRole, crate::catalog::SEAL_ROLE, message, APPLY));
    }
    Ok(findings)
}

/// What mends all of it.
const APPLY: &str = "run `rowhouse rls apply --sealed`";

fn finding(code: Code, object: &str, message: String, fix: &str) -> Finding {
    let (object, fix) = (object.to_owned(), fix.to_owned());
    Finding { code, severity: code.severity(), object, message, fix }
}

#[cfg(test)]
mod tests;
