//! Rows that real servers returned, and rows that no server returns.
//!
//! `testdata/gate.json` was recorded with `record_gate.py` beside it from PostgreSQL 15.18, 16.14,
//! 17.10 and 18.4: one flaw at a time, the query run as the login role.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde::Deserialize;
use serde_json::json;

use super::{GATE_QUERY, InvalidRows, RoleFacts, gate};

#[derive(Deserialize)]
struct Recorded {
    name: String,
    majors: Vec<u32>,
    rows: Vec<Vec<Option<String>>>,
    findings: Vec<String>,
}

fn recorded() -> Vec<Recorded> {
    serde_json::from_str(include_str!("../../testdata/gate.json")).unwrap()
}

/// Rows written as `fact|role|via|detail`, `-` for null.
fn rows<'a>(lines: &[&'a str]) -> Vec<Vec<Option<&'a str>>> {
    let cell = |text: &'a str| (text != "-").then_some(text);
    lines.iter().map(|line| line.split('|').map(cell).collect()).collect()
}

#[test]
fn every_flaw_on_every_server() {
    for case in recorded() {
        let facts = RoleFacts::from_rows(&case.rows).unwrap();
        let found: Vec<String> = gate(&facts)
            .iter()
            .map(|finding| format!("{} {}", finding.code, finding.object))
            .collect();
        assert_eq!(found, case.findings, "{} on {:?}", case.name, case.majors);
        assert!(facts.login().contains("ogin"), "{}", case.name);
    }
}

#[test]
fn each_server_was_asked() {
    for major in [15, 16, 17, 18] {
        let asked = recorded().iter().filter(|case| case.majors.contains(&major)).count();
        assert!(asked >= 20, "{major}: {asked}");
    }
}

#[test]
fn findings_as_json() {
    let facts = RoleFacts::from_rows(rows(&[
        "role|app|-|bypassrls",
        "role|owner|team|",
        "role|owner|owner|",
        "role|team|team|",
        "table|owner|team|public.item",
        "table|owner|owner|public.item",
        "table|app|-|public.own",
    ]));
    assert_eq!(
        serde_json::to_value(gate(&facts.unwrap())).unwrap(),
        json!([
            {
                "code": "RH002", "severity": "error", "object": "app",
                "message": "the login role app has BYPASSRLS, so that no policy holds it",
                "fix": "let the gateway log in as another role, or: alter role app nobypassrls;"
            },
            {
                "code": "RH005", "severity": "error", "object": "public.own",
                "message": "the login role app owns the tenant table public.own and can switch \
                            its row-level security off",
                "fix": "create role rowhouse_owner nologin; \
                        alter table public.own owner to rowhouse_owner;"
            },
            {
                "code": "RH015", "severity": "error", "object": "public.item",
                "message": "the login role app is a member of owner, which owns the tenant table \
                            public.item and can switch its row-level security off",
                "fix": "revoke owner from app; revoke team from app;"
            }
        ])
    );
}

#[test]
fn rows_that_no_server_returns() {
    let login = "role|app|-|";
    for (lines, expected) in [
        (&[][..], InvalidRows::Login),
        (&[login, "role|other|-|"], InvalidRows::Login),
        (&["role|team|team|"], InvalidRows::Login),
        (&["role|app|-"], InvalidRows::Columns { found: 3, expected: 4 }),
        (&["role|app|-||"], InvalidRows::Columns { found: 5, expected: 4 }),
        (&[login, "-|app|-|"], InvalidRows::Null),
        (&[login, "role|-|-|"], InvalidRows::Null),
        (&[login, "role|app|-|-"], InvalidRows::Null),
        (&[login, "rule|app|-|"], InvalidRows::Fact),
        (&["role|app|-|super"], InvalidRows::Attribute),
        (&[login, "role|team|team|superuser,x"], InvalidRows::Attribute),
        (&[login, "table|owner|team|t.item"], InvalidRows::Owner),
        (&[login, "table|owner|-|t.item"], InvalidRows::Owner),
    ] {
        assert_eq!(RoleFacts::from_rows(rows(lines)), Err(expected), "{lines:?}");
    }
}

#[test]
fn the_query_is_one_statement_without_parameters() {
    assert!(!GATE_QUERY.contains(';') && !GATE_QUERY.contains('$'));
}

#[test]
fn the_query_can_be_about_another_role() {
    let query = super::gate_query_for("o'neil");
    assert!(query.contains("=) 'o''neil'"), "{query}");
    assert!(!query.contains("=) session_user"));
}
