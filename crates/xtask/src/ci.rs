//! `cargo xtask ci`: every check, in the order in which they are cheap, stopping at the first
//! failure.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::run::{self, Failure, Outcome};
use crate::{conformance, majors, setup, terminal, tidy};

/// One check: its name on the command line, its work, and the line that says how to go on.
struct Step {
    name: &'static str,
    work: fn(&Path) -> Outcome,
    mend: &'static str,
}

const STEPS: [Step; 7] = [
    Step { name: "fmt", work: fmt, mend: "type `cargo fmt --all`" },
    Step { name: "clippy", work: clippy, mend: "mend what clippy names above" },
    Step { name: "tidy", work: tidy::tidy, mend: "mend what tidy names above" },
    Step { name: "deny", work: deny, mend: "see deny.toml for what dependencies may be" },
    Step {
        name: "test",
        work: |root| tests(root, &[]),
        mend: "`cargo xtask ci test` runs the tests alone",
    },
    Step {
        name: "conformance",
        work: |root| conformance::run(root, &[]),
        mend: "`cargo xtask conformance -x` runs up to the first failure",
    },
    Step {
        name: "majors",
        work: majors::others,
        mend: "`cargo xtask majors 18` runs one version alone",
    },
];

/// All checks, or those that are named.
pub fn ci(root: &Path, names: &[String]) -> Outcome {
    for name in names {
        if !STEPS.iter().any(|step| step.name == name) {
            let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            let text = format!("no step {name:?}: there are {}", known.join(", "));
            return Err(Failure::usage(text));
        }
    }
    let start = Instant::now();
    timed("setup", "see the line above", || setup::everything(root))?;
    let chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    for step in STEPS.iter().filter(chosen) {
        timed(step.name, step.mend, || (step.work)(root))?;
    }
    terminal::done("everything", start.elapsed());
    Ok(())
}

/// The Rust tests and the conformance programs; with arguments, the Rust tests that they choose.
pub fn test(root: &Path, arguments: &[String]) -> Outcome {
    if arguments.is_empty() {
        return ci(root, &["test".to_owned(), "conformance".to_owned()]);
    }
    setup::postgres()?;
    tests(root, arguments)
}

fn timed(name: &str, mend: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    terminal::heading(name);
    let start = Instant::now();
    work().map_err(|failure| Failure::new(format!("{name} failed: {failure}; {mend}")))?;
    terminal::done(name, start.elapsed());
    Ok(())
}

fn fmt(root: &Path) -> Outcome {
    // rustfmt asks nobody whether it writes to a terminal.
    let colour = if terminal::is_coloured() { "--color=always" } else { "--color=never" };
    run::checked(run::cargo(root).args(["fmt", "--all", "--check", "--", colour]))
}

fn clippy(root: &Path) -> Outcome {
    let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    run::checked(run::cargo(root).args(arguments))
}

/// Licences, advisories and bans of deny.toml. The program is not part of Rust, so CI may lack it.
fn deny(root: &Path) -> Outcome {
    if !run::succeeds(run::cargo(root).args(["deny", "--version"])) {
        terminal::line("skipped: cargo-deny is not installed (`cargo install cargo-deny`)");
        return Ok(());
    }
    run::checked(run::cargo(root).args(["deny", "--workspace", "check", "--hide-inclusion-graph"]))
}

/// cargo's own runner and not nextest: the trials of the running binary share one PostgreSQL, which
/// a process for each test would start each time.
fn tests(root: &Path, arguments: &[String]) -> Outcome {
    let mut command: Command = run::cargo(root);
    let kinds = ["--lib", "--bins", "--tests", "--no-fail-fast"];
    command.args(["test", "--quiet", "--workspace"]).args(kinds);
    run::checked(command.args(arguments))
}
