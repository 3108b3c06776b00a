//! `cargo xtask tidy`: the house rules that rustfmt and clippy do not know, each with its reason.
//!
//! A rule is a function from files to findings; the tables it goes by stand at the top of its file.

use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::run::{self, Failure, Outcome};
use crate::terminal;

mod documents;
mod exceptions;
mod layers;
mod lock;
mod manifests;
mod mask;
mod names;
mod shape;
mod words;

use mask::code_only;

/// Something that breaks a house rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, from the root of the checkout.
    pub path: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The name of the rule, for the table of exceptions.
    pub rule: &'static str,
    /// What is wrong and why it matters.
    pub message: String,
}

impl Finding {
    fn new(file: &File, line: usize, rule: &'static str, message: impl Into<String>) -> Finding {
        Finding { path: file.path.clone(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {} [{}]", self.path, self.message, self.rule),
            line => write!(f, "{}:{line}: {} [{}]", self.path, self.message, self.rule),
        }
    }
}

/// One file of the project.
#[derive(Debug)]
pub struct File {
    /// From the root of the checkout, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Rust only: without comments and without what strings hold, line for line.
    pub code: String,
}

impl File {
    /// A file under its name.
    pub fn new(path: &str, text: &str) -> File {
        let code = if path.ends_with(".rs") { code_only(text) } else { String::new() };
        File { path: path.to_owned(), text: text.to_owned(), code }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tests, wherever they stand: the folder of an integration binary, or `tests.rs` beside a
    /// module.
    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

/// Checks the whole checkout.
pub fn tidy(root: &Path) -> Outcome {
    let files = files(root)?;
    let mut findings = check(&files);
    findings.extend(names::machine_paths(&files, root));
    let findings = exceptions::without(findings, &files);
    for finding in &findings {
        terminal::line(finding);
    }
    terminal::line(manifests::counts(&files));
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::new("one finding of tidy")),
        n => Err(Failure::new(format!("{n} findings of tidy"))),
    }
}

/// Every rule that needs nothing but the files.
fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(names::file_name(file));
        findings.extend(words::unfinished(file));
        findings.extend(shape::width(file));
        if file.is_rust() {
            findings.extend(shape::rust(file));
            findings.extend(words::banned(file));
            findings.extend(words::sleeping_tests(file));
            findings.extend(layers::layers(file));
        }
    }
    findings.extend(manifests::manifests(files));
    findings.extend(documents::documents(files));
    findings
}

/// What git holds, and what it would hold after `git add`: a finding should come before the commit.
fn files(root: &Path) -> Outcome<Vec<File>> {
    let mut list = Command::new("git");
    list.current_dir(root);
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = run::output(&mut list)?;
    let mut files = Vec::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // Deleted and not yet committed, or not text: nothing that a rule could read.
        let Ok(text) = std::fs::read_to_string(root.join(name)) else {
            continue;
        };
        files.push(File::new(name, &text));
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
