//! Who may know whom inside the gateway: the layer table of ARCHITECTURE.md, held against the code.

use super::{File, Finding};

/// The modules from the bottom up: one may name only what stands before it.
const LAYERS: [&[&str]; 22] = [
    &["error"],
    &["config"],
    &["journal"],
    &["observe"],
    &["net"],
    &["jwks"],
    &["identity"],
    &["secrets"],
    &["seal"],
    &["upstream"],
    &["registry"],
    &["ledger"],
    &["admission"],
    &["pool"],
    &["session"],
    // The doors: side by side, they never name each other.
    &["http", "wire", "admin"],
    &["app"],
    &["cluster"],
    &["demo"],
    &["cli"],
    &["main"],
    &["lib"],
];

const DOORS: [&str; 3] = ["http", "wire", "admin"];
/// What no door may name: SQL goes through `session`, where the prologue is.
const BEHIND_SESSION: [&str; 2] = ["pool", "upstream"];
const SOURCES: &str = "crates/rowhouse/src/";

/// Every `crate::name` that points upwards or sideways.
pub fn layers(file: &File) -> Vec<Finding> {
    let Some(inside) = file.path.strip_prefix(SOURCES) else {
        return Vec::new();
    };
    let module = inside.split(['/', '.']).next().unwrap_or_default();
    let Some(level) = level(module) else {
        let message = format!(
            "`{module}` is not in the layer table: give it a place in it, and in \
                               ARCHITECTURE.md"
        );
        return vec![Finding::new(file, 0, "layers", message)];
    };
    if module == "lib" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let from_root = if module == "main" { "rowhouse::" } else { "crate::" };
    for (line, named) in named_modules(&file.code, from_root) {
        if let Some(why) = refusal(module, level, &named) {
            let message = format!("`{module}` names `crate::{named}`: {why}");
            findings.push(Finding::new(file, line, "layers", message));
        }
    }
    findings
}

fn refusal(module: &str, own: usize, named: &str) -> Option<&'static str> {
    let other = level(named)?;
    if named == module {
        return None;
    }
    let from_door = DOORS.contains(&module);
    if from_door && DOORS.contains(&named) {
        return Some("doors never name each other; what both need stands below them");
    }
    if from_door && BEHIND_SESSION.contains(&named) {
        return Some(
            "a door reaches PostgreSQL through `session` alone, which says the prologue first",
        );
    }
    (other >= own).then_some("it stands above; a module may use only what stands below it")
}

fn level(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The first names after `crate::`, of a group each one: `crate::{error::Error, pool}` → error,
/// pool.
fn named_modules(code: &str, from_root: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices(from_root) {
        let before = code.get(..at).unwrap_or_default();
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = before.matches('\n').count() + 1;
        let after = code.get(at + from_root.len()..).unwrap_or_default();
        let names = if after.starts_with('{') { group(after) } else { vec![word(after)] };
        named.extend(names.into_iter().map(|name| (line, name)));
    }
    named
}

/// The first name of every member of a `{…}` group, whose members may be groups themselves.
fn group(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begins = (c == '{' || c == ',') && depth == 1;
        if begins {
            names.push(word(text.get(at + 1..).unwrap_or_default()));
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    let text = text.trim_start();
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
