//! Reports: what each format holds, and that no name breaks out of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;

use super::{Format, migration, write};
use crate::code::Code;
use crate::finding::{Finding, Severity};

fn findings() -> Vec<Finding> {
    let object = "public.\"<a>&\u{1}\"".to_owned();
    let fix = format!("alter table {object} force row level security;");
    let one = |code: Code, severity| Finding {
        code,
        severity,
        object: object.clone(),
        message: "says \"why\"".to_owned(),
        fix: fix.clone(),
    };
    vec![one(Code::NotForced, Severity::Error), one(Code::NeverAnalyzed, Severity::Info)]
}

#[test]
fn json_is_the_list_of_findings() {
    let list: Value = serde_json::from_str(&write(Format::Json, "d", &findings())).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(list[0]["code"], "RH104");
    assert_eq!(list[0]["severity"], "error");
    assert_eq!(write(Format::Json, "d", &[]).trim(), "[]");
}

#[test]
fn sarif_names_rules_and_objects() {
    let sarif: Value = serde_json::from_str(&write(Format::Sarif, "d", &findings())).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(run["tool"]["driver"]["rules"][0]["id"], "RH104");
    assert_eq!(run["results"][1]["level"], "note");
    let place = &run["results"][0]["locations"][0]["logicalLocations"][0];
    assert_eq!(place["fullyQualifiedName"], "d/public.\"<a>&\u{1}\"");
}

#[test]
fn junit_is_whole_whatever_names_hold() {
    let junit = write(Format::Junit, "d", &findings());
    assert!(junit.contains("failures=\"2\""), "{junit}");
    assert!(junit.contains("public.&quot;&lt;a&gt;&amp; &quot;: says &quot;why&quot;"), "{junit}");
    assert_eq!(junit.matches("<testcase").count(), Code::ALL.len());
}

#[test]
fn a_migration_says_each_thing_once() {
    let mut list = findings();
    list.push(Finding { fix: "look at it".to_owned(), ..list[0].clone() });
    let script = migration(&list);
    assert_eq!(script.matches("\nalter table").count(), 1, "{script}");
    assert!(script.contains("\n-- look at it\n"), "{script}");
}
