//! Dependencies are costs: what the pure crates may not have, and how many the gateway may.

use super::{File, Finding};

/// Every direct dependency is a door for somebody else's bugs and a line somebody must keep up to
/// date.
const DIRECT_MAX: usize = 25;
/// What two cores can build in a coffee break. Counted without the AWS SDK's 268, behind their
/// feature.
const LOCKED_MAX: usize = 200;

const GATEWAY: &str = "crates/rowhouse/Cargo.toml";
const PURE: [&str; 4] = [
    "crates/protocol/Cargo.toml",
    "crates/data-api/Cargo.toml",
    "crates/tenancy/Cargo.toml",
    "crates/rls/Cargo.toml",
];
const IO_CRATES: [&str; 10] = [
    "axum",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "reqwest",
    "rustix",
    "rustls",
    "socket2",
    "tokio",
];

/// Manifests and the lock file.
pub fn manifests(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| PURE.contains(&file.path.as_str())) {
        for (line, name) in dependencies(&file.text, "dependencies") {
            if IO_CRATES.contains(&name.as_str()) || name.starts_with("tokio-") {
                let message =
                    format!("`{name}` in a pure crate: it may know no socket, file or clock");
                findings.push(Finding::new(file, line, "pure", message));
            }
        }
    }
    let direct = direct(files);
    if let Some(file) = named(files, GATEWAY).filter(|_| direct > DIRECT_MAX) {
        let message = format!("{direct} direct dependencies; {DIRECT_MAX} at most: what can go?");
        findings.push(Finding::new(file, 0, "direct-dependencies", message));
    }
    let locked = locked(files);
    if let Some(file) = named(files, "Cargo.lock").filter(|_| locked > LOCKED_MAX) {
        let message =
            format!("{locked} packages; {LOCKED_MAX} at most: see `cargo tree` for who brings");
        findings.push(Finding::new(file, 0, "locked-packages", message));
    }
    findings
}

/// The two numbers, as a line to print.
pub fn counts(files: &[File]) -> String {
    format!(
        "dependencies: {} direct ones of the gateway (at most {DIRECT_MAX}), {} packages locked \
         (at most {LOCKED_MAX})",
        direct(files),
        locked(files)
    )
}

fn direct(files: &[File]) -> usize {
    let manifest = named(files, GATEWAY).map(|file| file.text.as_str()).unwrap_or_default();
    let all = dependencies(manifest, "dependencies");
    all.iter().filter(|(_, name)| !name.starts_with("rowhouse-")).count()
}

/// Packages with a source; those without are ours.
fn locked(files: &[File]) -> usize {
    let lock = named(files, "Cargo.lock").map(|file| file.text.as_str()).unwrap_or_default();
    lock.lines().filter(|line| line.starts_with("source = ")).count()
}

fn named<'a>(files: &'a [File], path: &str) -> Option<&'a File> {
    files.iter().find(|file| file.path == path)
}

/// Names in a table of dependencies, as `name = …`, `name.workspace = true` or
/// `[dependencies.name]`.
fn dependencies(manifest: &str, table: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            inside = header == table;
            let single = header.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
            names.extend(single.map(|name| (index + 1, name.to_owned())));
        } else if inside && !line.starts_with('#') {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            if line.contains('=') {
                names.push((index + 1, name.trim_matches('"').to_owned()));
            }
        }
    }
    names
}
