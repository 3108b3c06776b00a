//! Dependencies are costs: what the pure crates may not have, and how many the gateway may.

use std::collections::BTreeSet;

use super::{File, Finding, lock};

/// Every direct dependency is a door for somebody else's bugs and a line somebody must keep up to
/// date.
const DIRECT_MAX: usize = 25;
/// What two cores can build in a coffee break. Counted without what only the gateway's optional
/// dependencies bring (the AWS SDK, some 80 packages): whoever has no time for them builds with
/// `--no-default-features`, and the SDK is one vendor's code whose size is not ours to change.
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
         (at most {LOCKED_MAX}), {} with the optional ones",
        direct(files),
        locked(files),
        lock::count(
            named(files, "Cargo.lock").map(|file| file.text.as_str()).unwrap_or_default(),
            &BTreeSet::new()
        )
    )
}

fn direct(files: &[File]) -> usize {
    let manifest = named(files, GATEWAY).map(|file| file.text.as_str()).unwrap_or_default();
    let all = dependencies(manifest, "dependencies");
    all.iter().filter(|(_, name)| !name.starts_with("rowhouse-")).count()
}

/// Packages that are not ours, without those that only optional dependencies need.
fn locked(files: &[File]) -> usize {
    let text = |path| named(files, path).map(|file| file.text.as_str()).unwrap_or_default();
    lock::count(text("Cargo.lock"), &optional(text(GATEWAY)))
}

/// What the features of a manifest switch on, as `dep:name`.
fn optional(manifest: &str) -> BTreeSet<String> {
    let names = manifest.split("\"dep:").skip(1).filter_map(|rest| rest.split_once('"'));
    names.map(|(name, _)| name.to_owned()).collect()
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
