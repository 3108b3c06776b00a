//! `cargo xtask conformance`: real clients against the running binary.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::gateway::{Gateway, Profile, build};
use crate::postgres::Binaries;
use crate::run::{Failure, Outcome};
use crate::scratch::Scratch;
use crate::{majors, setup, terminal};

mod suite;

use suite::{Prepared, Stage};
pub use suite::{SUITES, Suite};

/// Kept until the next run, as it tells what the gateway thought of a request.
const LOG: &str = "target/conformance.log";
/// The suite that arguments without a suite's name go to.
const FIRST: &str = "boto3";

/// Starts a gateway with the demo data in a folder of its own, runs the chosen programs, stops it.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    let choice = Choice::read(arguments)?;
    let binaries = match choice.major {
        Some(major) => Some(majors::binaries(root, major)?),
        None => setup::postgres().map(|_| None)?,
    };
    on(root, binaries.as_ref(), &choice.suites, &choice.arguments)
}

/// The same on the named PostgreSQL, or on the one that `rowhouse dev` finds.
pub fn on(
    root: &Path,
    binaries: Option<&Binaries>,
    suites: &[&'static Suite],
    arguments: &[String],
) -> Outcome {
    let prepare = |suite: &&'static Suite| suite.prepare(root).transpose();
    let prepared: Vec<Prepared> = suites.iter().filter_map(prepare).collect::<Outcome<_>>()?;
    let program = build(root, Profile::Debug)?;
    let folder = Scratch::create("conformance")?;
    let data = folder.path().join("data");
    let gateway = start(&program, &data, binaries, &root.join(LOG))?;
    let stage = Stage { root, data: &data, program: &program, arguments };
    let mut failed = Vec::new();
    for suite in &prepared {
        let start = Instant::now();
        match suite.run(&stage) {
            Ok(()) => terminal::done(suite.name(), start.elapsed()),
            Err(failure) => failed.push(format!("{}: {failure}", suite.name())),
        }
    }
    gateway.stop()?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{}; the gateway's log is {LOG}", failed.join("; "))))
}

/// What the command line asks for.
#[derive(Debug)]
struct Choice {
    suites: Vec<&'static Suite>,
    major: Option<u32>,
    arguments: Vec<String>,
}

impl Choice {
    /// `[--postgres MAJOR] [SUITE...] [ARGS]`: everything from the first word that is neither is
    /// for the suite's own runner.
    fn read(arguments: &[String]) -> Outcome<Choice> {
        let mut choice = Choice { suites: Vec::new(), major: None, arguments: Vec::new() };
        let mut words = arguments.iter().peekable();
        while let Some(word) = words.peek() {
            if *word == "--postgres" {
                words.next();
                choice.major = Some(majors::read(words.next().map(String::as_str))?);
            } else if let Some(suite) = suite::named(word) {
                words.next();
                choice.suites.push(suite);
            } else {
                break;
            }
        }
        choice.arguments = words.cloned().collect();
        if choice.suites.is_empty() {
            let all = choice.arguments.is_empty();
            choice.suites = SUITES.iter().filter(|suite| all || suite.name == FIRST).collect();
        }
        if choice.suites.len() > 1 && !choice.arguments.is_empty() {
            let text = "arguments for the runner go with one suite: they have different runners";
            return Err(Failure::usage(text));
        }
        Ok(choice)
    }
}

/// Every door on a free port, so that a gateway somebody is using stays undisturbed.
fn start(program: &Path, data: &Path, binaries: Option<&Binaries>, log: &Path) -> Outcome<Gateway> {
    let mut command = Command::new(program);
    command.arg("dev").arg("--data-dir").arg(data);
    for door in ["--http", "--pg", "--admin"] {
        command.args([door, "127.0.0.1:0"]);
    }
    if let Some(binaries) = binaries {
        command.arg("--pg-bin").arg(&binaries.folder);
    }
    Gateway::start(&mut command, log)
}

#[cfg(test)]
mod tests;
