//! Findings on paper: for people, for programs, for code scanners, for test reports.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::code::Code;
use crate::finding::{Finding, Severity};

/// Where the section of a code is (docs/doctor.md of the project).
const HELP: &str = "docs/doctor.md";

/// How findings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A block for each finding.
    Text,
    /// A list of objects `{code, severity, object, message, fix}`.
    Json,
    /// SARIF 2.1.0, which code hosts show beside the code
    /// (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>).
    Sarif,
    /// JUnit's XML, which CI systems show as tests.
    Junit,
}

/// Writes findings; `database` names what was looked at.
pub fn write(format: Format, database: &str, findings: &[Finding]) -> String {
    match format {
        Format::Text => text(findings),
        Format::Json => format!("{:#}\n", json!(findings)),
        Format::Sarif => format!("{:#}\n", sarif(database, findings)),
        Format::Junit => junit(database, findings),
    }
}

/// What mends every finding, as a script to read before it is run. What is not SQL stands in it as
/// a comment.
pub fn migration(findings: &[Finding]) -> String {
    let mut script = String::from(
        "-- What `rowhouse rls doctor` found, and what mends it. Read it before you run it.\n",
    );
    let mut written = Vec::new();
    for Finding { code, object, message, fix, .. } in findings {
        let _ = writeln!(script, "\n-- {code} {object}: {message}");
        let parts: Vec<&str> = fix.split_inclusive("; ").map(str::trim).collect();
        let is_sql = parts.iter().all(|part| is_statement(part));
        for part in parts {
            if is_sql && !written.contains(&part) {
                written.push(part);
                let _ = writeln!(script, "{part}");
            } else if !is_sql {
                let _ = writeln!(script, "-- {part}");
            }
        }
    }
    script
}

/// Whether a part of a fix is SQL and not a sentence about it.
fn is_statement(part: &str) -> bool {
    const VERBS: [&str; 6] = ["alter", "analyze", "create", "drop", "grant", "revoke"];
    let verb = part.split(' ').next().unwrap_or_default();
    VERBS.contains(&verb) && part.ends_with(';') && !part.contains('…')
}

fn text(findings: &[Finding]) -> String {
    let mut lines = String::new();
    for Finding { code, severity, object, message, fix } in findings {
        let _ =
            writeln!(lines, "{code} {:7} {object}\n    {message}\n    fix: {fix}", word(*severity));
    }
    lines
}

fn sarif(database: &str, findings: &[Finding]) -> Value {
    let rules: Vec<Value> = Code::ALL
        .iter()
        .filter(|code| findings.iter().any(|one| one.code == **code))
        .map(|code| {
            json!({
                "id": code.as_str(),
                "helpUri": format!("{HELP}#{}", code.as_str().to_lowercase()),
                "defaultConfiguration": { "level": level(code.severity()) },
            })
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|one| {
            let name = format!("{database}/{}", one.object);
            json!({
                "ruleId": one.code.as_str(),
                "level": level(one.severity),
                "message": { "text": format!("{}: {} Fix: {}", one.object, one.message, one.fix) },
                "locations": [{
                    "logicalLocations": [{ "fullyQualifiedName": name, "kind": "object" }],
                }],
                // The same flaw of the same object is the same alert in the next run.
                "partialFingerprints": { "object/v1": format!("{}:{name}", one.code) },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rowhouse rls doctor",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    })
}

fn junit(database: &str, findings: &[Finding]) -> String {
    let mut cases = String::new();
    for code in Code::ALL {
        let of_code: Vec<&Finding> = findings.iter().filter(|one| one.code == *code).collect();
        let mut failures = String::new();
        for one in &of_code {
            let (object, message, fix) = (xml(&one.object), xml(&one.message), xml(&one.fix));
            let _ = writeln!(
                failures,
                "      <failure type=\"{}\" message=\"{object}: {message}\">{fix}</failure>",
                word(one.severity)
            );
        }
        let place = xml(database);
        let _ = match failures.is_empty() {
            true => writeln!(cases, "    <testcase classname=\"{place}\" name=\"{code}\"/>"),
            false => writeln!(
                cases,
                "    <testcase classname=\"{place}\" name=\"{code}\">\n{failures}    </testcase>"
            ),
        };
    }
    let failed = Code::ALL.iter().filter(|code| findings.iter().any(|one| one.code == **code));
    let (tests, failures) = (Code::ALL.len(), failed.count());
    let mut report = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        report,
        "  <testsuite name=\"rowhouse rls doctor\" tests=\"{tests}\" failures=\"{failures}\">"
    );
    report + &cases + "  </testsuite>\n</testsuites>\n"
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// SARIF's words.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Text inside XML; control characters, which XML 1.0 cannot hold, become spaces.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
