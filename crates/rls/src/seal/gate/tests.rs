//! What stands and what does not.
#![allow(clippy::unwrap_used)]

use super::{gate, objects};
use crate::role::InvalidRows;

type Row = Vec<Option<String>>;

fn row(fact: &str, name: &str, detail: &str) -> Row {
    vec![Some(fact.to_owned()), Some(name.to_owned()), Some(detail.to_owned())]
}

/// What a sealed database of this version answers.
fn whole(version: &str) -> Vec<Row> {
    let objects = objects().map(|object| {
        let body = object.sql.split("$seal$").nth(1).unwrap_or("closed");
        row(object.kind, object.name, body)
    });
    std::iter::once(row("version", version, "")).chain(objects).collect()
}

fn found(rows: &[Row]) -> Vec<String> {
    let findings = gate("app", rows).unwrap();
    findings.iter().map(|one| format!("{} {}", one.code, one.object)).collect()
}

#[test]
fn minor_versions() {
    for (version, expected) in [
        ("150018", None),
        ("150017", Some("RH608 app")),
        ("160013", Some("RH608 app")),
        ("160014", None),
        ("170009", Some("RH608 app")),
        ("180004", None),
        ("180003", Some("RH608 app")),
        ("140023", Some("RH608 app")),
        ("190000", None),
    ] {
        assert_eq!(found(&whole(version)), Vec::from_iter(expected), "{version}");
    }
}

#[test]
fn parts() {
    let all = whole("180004");
    let without = |name: &str| -> Vec<Row> {
        all.iter().filter(|row| row[1].as_deref() != Some(name)).cloned().collect()
    };
    for object in objects() {
        let name = object.name;
        assert_eq!(found(&without(name)), [format!("RH701 rowhouse.{name}")]);
        let mut other = without(name);
        other.push(row(object.kind, name, if object.kind == "table" { "open" } else { "" }));
        let code = if object.kind == "table" { "RH703" } else { "RH701" };
        assert_eq!(found(&other), [format!("{code} rowhouse.{name}")]);
    }
    let mut member = all.clone();
    member.push(row("member", "rowhouse_seal", ""));
    assert_eq!(found(&member), ["RH702 rowhouse_seal"]);
    assert_eq!(found(&all[..1]).len(), objects().count());
}

#[test]
fn rows_that_no_server_returns() {
    let none: &[Row] = &[];
    assert_eq!(gate("app", none), Err(InvalidRows::Fact));
    assert_eq!(gate("app", &[row("version", "new", "")]), Err(InvalidRows::Fact));
    assert_eq!(gate("app", &[vec![None::<String>, None, None]]), Err(InvalidRows::Null));
    let short = [vec![Some("version".to_owned())]];
    assert_eq!(gate("app", &short), Err(InvalidRows::Columns { found: 1, expected: 3 }));
}
