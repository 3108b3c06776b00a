//! `cargo xtask majors`: the conformance programs and the trials on every supported PostgreSQL.
//!
//! The server programs come from npm's registry, locked in `conformance/postgres`: one source for
//! all versions, no root, nothing installed outside of `target`.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use crate::postgres::Binaries;
use crate::run::{self, Failure, Outcome};
use crate::{conformance, node, setup, terminal};

/// What Rowhouse supports: PostgreSQL's own five years, from 15 on.
pub const MAJORS: [u32; 4] = [15, 16, 17, 18];
/// Trials of the program and of what stands before PostgreSQL: on another version they say nothing
/// new.
const SKIPPED: [&str; 13] = [
    "auth::",
    "bad_input::sockets",
    "chaos::",
    "cli::",
    "config::",
    "http2::",
    "https::",
    "issuers::",
    "openapi::",
    "reload::",
    "secrets::",
    "shutdown::",
    "sts::",
];
/// What the trials take `rowhouse dev`'s PostgreSQL from.
const TRIALS_PG_BIN: &str = "ROWHOUSE_TRIALS_PG_BIN";

/// The named versions, or all of them.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    let named: Vec<u32> = arguments.iter().map(|word| read(Some(word))).collect::<Outcome<_>>()?;
    each(root, if named.is_empty() { &MAJORS } else { &named })
}

/// What `cargo xtask ci` adds: every version but the one that its other steps have run on.
pub fn others(root: &Path) -> Outcome {
    let here = setup::postgres()?.major;
    let others: Vec<u32> = MAJORS.into_iter().filter(|major| *major != here).collect();
    each(root, &others)
}

/// A major version as an argument.
pub fn read(word: Option<&str>) -> Outcome<u32> {
    let major = word.and_then(|word| word.parse().ok()).filter(|major| MAJORS.contains(major));
    major.ok_or_else(|| {
        let all: Vec<String> = MAJORS.iter().map(u32::to_string).collect();
        Failure::usage(format!("--postgres takes one of {}", all.join(", ")))
    })
}

/// The server programs of a version, fetched if they are not there.
pub fn binaries(root: &Path, major: u32) -> Outcome<Binaries> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let text = "PostgreSQL of another version is fetched on Linux on x86-64 only: install it, \
                    and `rowhouse dev --pg-bin DIR` runs on it";
        return Err(Failure::new(text));
    }
    let packages = node::packages(root, "postgres")?.join("node_modules");
    let package = packages.join(format!("postgres-{major}"));
    make_links(&package)?;
    let folder = package.join("native/bin");
    let found = Binaries::at(folder.clone());
    found.ok_or_else(|| Failure::new(format!("{} does not start here", folder.display())))
}

fn each(root: &Path, majors: &[u32]) -> Outcome {
    let mut failed = Vec::new();
    for major in majors {
        let start = Instant::now();
        let name = format!("PostgreSQL {major}");
        match on(root, &binaries(root, *major)?) {
            Ok(()) => terminal::done(&name, start.elapsed()),
            Err(failure) => failed.push(format!("{name}: {failure}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("; "))) }
}

fn on(root: &Path, binaries: &Binaries) -> Outcome {
    // What the other suites show of the gateway is the same on every version.
    let suites: Vec<_> = conformance::SUITES.iter().filter(|suite| suite.name == "boto3").collect();
    conformance::on(root, Some(binaries), &suites, &[])?;
    let mut trials = run::cargo(root);
    trials.args(["test", "--quiet", "--package", "rowhouse", "--test", "it", "--", "--quiet"]);
    for name in SKIPPED {
        trials.args(["--skip", name]);
    }
    run::checked(trials.env(TRIALS_PG_BIN, &binaries.folder))
}

/// Packages of npm hold no symbolic links; this one lists those of its libraries in a file.
fn make_links(package: &Path) -> Outcome {
    let list = package.join("native/pg-symlinks.json");
    let failed = |text: String| Failure::new(format!("{}: {text}", list.display()));
    let text = std::fs::read_to_string(&list).map_err(|error| failed(error.to_string()))?;
    let links: Vec<serde_json::Value> =
        serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    for link in &links {
        let [source, target] = ["source", "target"].map(|key| link[key].as_str().map(Path::new));
        let source = source.and_then(Path::file_name);
        let (Some(source), Some(target)) = (source, target) else {
            return Err(failed("not a list of source and target".to_owned()));
        };
        let target = package.join(target);
        if !target.exists() {
            symlink(source, &target).map_err(|error| failed(error.to_string()))?;
        }
    }
    Ok(())
}
