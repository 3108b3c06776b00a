//! The exceptions, by name and with their reason: one table, so that there are few.

use super::{File, Finding};

struct Exception {
    path: &'static str,
    rule: &'static str,
    why: &'static str,
}

const EXCEPTIONS: [Exception; 2] = [
    Exception {
        path: "crates/xtask/src/tidy/names.rs",
        rule: "machine-path",
        why: "the list of such folders itself",
    },
    Exception {
        path: "crates/xtask/src/tidy/tests.rs",
        rule: "machine-path",
        why: "bad paths are what it feeds to the rule",
    },
];

/// The findings that no exception covers, and the exceptions that cover nothing any more.
pub fn without(findings: Vec<Finding>, files: &[File]) -> Vec<Finding> {
    let covers = |exception: &Exception, finding: &Finding| {
        exception.path == finding.path && exception.rule == finding.rule
    };
    let mut left: Vec<Finding> = Vec::new();
    for exception in &EXCEPTIONS {
        let stale = !findings.iter().any(|finding| covers(exception, finding));
        let exists = files.iter().find(|file| file.path == exception.path);
        if let Some(file) = exists.filter(|_| stale) {
            let message = format!(
                "needs its exception ({}) no more: take it out of exceptions.rs",
                exception.why
            );
            left.push(Finding::new(file, 0, exception.rule, message));
        }
    }
    let uncovered = |finding: &Finding| !EXCEPTIONS.iter().any(|each| covers(each, finding));
    left.extend(findings.into_iter().filter(uncovered));
    left
}
