//! Documents: short maps, links that lead somewhere, a changelog that says what is new.

use std::collections::BTreeSet;

use super::{File, Finding};

/// A map longer than this is not read: what it says must then be in the code.
const LINES_MAX: [(&str, usize); 2] = [("ARCHITECTURE.md", 250), ("STYLE.md", 150)];
/// What a reader expects at the root.
const EXPECTED: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "STYLE.md", "SECURITY.md", "CHANGELOG.md", "LICENSE"];

/// All rules about Markdown files.
pub fn documents(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in EXPECTED {
        if !files.iter().any(|file| file.path == name) {
            let missing = File::new(name, "");
            let message = "is missing; readers look for it at the root";
            findings.push(Finding::new(&missing, 0, "document", message));
        }
    }
    let places = places(files);
    findings.extend(files.iter().filter_map(conflict));
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        findings.extend(too_long(file));
        findings.extend(changelog(file));
        findings.extend(dead_links(file, &places));
    }
    findings
}

/// No compiler reads documents and configurations: what a merge has left there stays.
fn conflict(file: &File) -> Option<Finding> {
    let marks = [["<"; 7].concat() + " ", [">"; 7].concat() + " "];
    let is_mark = |line: &str| marks.iter().any(|mark| line.starts_with(mark.as_str()));
    let line = file.text.lines().position(is_mark)?;
    Some(Finding::new(file, line + 1, "conflict", "is what a merge left: decide which it is"))
}

fn too_long(file: &File) -> Option<Finding> {
    let (_, max) = LINES_MAX.iter().find(|(name, _)| *name == file.path)?;
    let lines = file.text.lines().count();
    let message = format!("{lines} lines; {max} at most: a map is read when it is short");
    (lines > *max).then(|| Finding::new(file, 0, "document", message))
}

/// The first section is the unreleased one or the newest release.
fn changelog(file: &File) -> Option<Finding> {
    if file.path != "CHANGELOG.md" {
        return None;
    }
    let heading = file.text.lines().find_map(|line| line.strip_prefix("## "));
    let good = |text: &str| {
        let text = text.trim_start_matches('[');
        text.starts_with("Unreleased") || text.starts_with(|c: char| c.is_ascii_digit())
    };
    let message =
        "its first section must be `## Unreleased` or a version: that is where users look";
    (!heading.is_some_and(good)).then(|| Finding::new(file, 0, "document", message))
}

/// Every file and every folder, as links may name both.
fn places(files: &[File]) -> BTreeSet<String> {
    let mut places = BTreeSet::new();
    for file in files {
        let mut place = file.path.as_str();
        places.insert(place.to_owned());
        while let Some((folder, _)) = place.rsplit_once('/') {
            places.insert(folder.to_owned());
            place = folder;
        }
    }
    places
}

fn dead_links(file: &File, places: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for target in targets(line) {
            let Some(place) = resolve(&file.path, target) else {
                continue;
            };
            if !place.is_empty() && !places.contains(&place) {
                let message = format!("the link to `{target}` leads nowhere");
                findings.push(Finding::new(file, index + 1, "link", message));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and `[text](target "title")`; code in backticks is no link.
fn targets(line: &str) -> Vec<&str> {
    let prose = line.split('`').step_by(2);
    let parts = prose.flat_map(|text| text.split("](").skip(1));
    parts.filter_map(|part| part.split([')', ' ']).next()).collect()
}

/// The file a target means, from the root; `None` for addresses and for places in the same
/// document.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
