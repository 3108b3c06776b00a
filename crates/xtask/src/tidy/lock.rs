//! The lock file as a graph: which packages a build needs that goes without some of them.

use std::collections::{BTreeMap, BTreeSet};

struct Package<'a> {
    version: &'a str,
    /// Those without a source are ours.
    foreign: bool,
    /// As the lock file writes them: `name`, or `name version` where there are several.
    dependencies: Vec<&'a str>,
}

/// How many packages with a source ours need, when none of ours takes those in `without`.
pub fn count(lock: &str, without: &BTreeSet<String>) -> usize {
    let packages = parse(lock);
    let mut waiting = Vec::new();
    for (name, versions) in &packages {
        for own in versions.iter().filter(|package| !package.foreign) {
            let taken = own.dependencies.iter().filter(|name| !without.contains(**name));
            waiting.extend(taken.copied());
            waiting.push(name);
        }
    }
    let mut needed = BTreeSet::new();
    while let Some(dependency) = waiting.pop() {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let versions = packages.get(name).into_iter().flatten();
        for package in versions.filter(|one| version.is_none_or(|wanted| wanted == one.version)) {
            if package.foreign && needed.insert((name, package.version)) {
                waiting.extend(&package.dependencies);
            }
        }
    }
    needed.len()
}

fn parse(lock: &str) -> BTreeMap<&str, Vec<Package<'_>>> {
    let mut packages: BTreeMap<&str, Vec<Package<'_>>> = BTreeMap::new();
    for block in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.map(|quoted| quoted.trim_matches('"'))
        };
        let listed =
            block.split_once("dependencies = [").and_then(|(_, rest)| rest.split_once(']'));
        let listed = listed.map(|(list, _)| list).unwrap_or_default();
        // Every other piece between quotes is a name.
        let dependencies = listed.split('"').skip(1).step_by(2).collect();
        let version = value("version").unwrap_or_default();
        let package = Package { version, foreign: value("source").is_some(), dependencies };
        packages.entry(value("name").unwrap_or_default()).or_default().push(package);
    }
    packages
}
