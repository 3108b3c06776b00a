//! Names: nouns for files, and no name of one machine.

use std::path::Path;

use super::{File, Finding};

/// Names that say nothing, so that everything ends up there.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "misc", "lib2", "v2"];
/// The same as endings.
const EMPTY_ENDINGS: [&str; 8] =
    ["_lib", "_util", "_utils", "_helper", "_helpers", "_manager", "_common", "_v2"];
/// Where people keep their checkouts.
const HOMES: [&str; 3] = ["/home/", "/Users/", "/root/"];

/// Folders and files whose name says nothing.
pub fn file_name(file: &File) -> Vec<Finding> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_owned();
    let empty = |part: &String| {
        EMPTY_NAMES.contains(&part.as_str())
            || EMPTY_ENDINGS.iter().any(|ending| part.ends_with(ending))
    };
    let found = file.path.split('/').map(stem).find(empty);
    let message = |name: String| {
        format!("`{name}` says nothing about what is in it, so everything will be: name the thing")
    };
    found.map(|name| Finding::new(file, 0, "file-name", message(name))).into_iter().collect()
}

/// Folders that exist on one machine only.
pub fn machine_paths(files: &[File], root: &Path) -> Vec<Finding> {
    let root = root.to_string_lossy();
    let mut places: Vec<&str> = HOMES.to_vec();
    // A checkout at `/src` or `/app` would make a finding of every container file.
    if root.matches('/').count() >= 2 {
        places.push(&root);
    }
    let mut findings = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| names_folder(line, place)) {
                let message = format!("`{place}` exists on one machine only");
                findings.push(Finding::new(file, index + 1, "machine-path", message));
            }
        }
    }
    findings
}

/// Whether the line holds the path as the beginning of one, not inside a longer path or an address.
fn names_folder(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + place.len()..).and_then(|text| text.chars().next());
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || "/.-_$}".contains(c));
        let ends = place.ends_with('/') || !after.is_some_and(char::is_alphanumeric);
        begins && ends
    })
}
