//! Node.js, and what the lock files of the conformance programs name, installed below `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Failure, Outcome};
use crate::{setup, terminal};

/// What the strictest package asks for.
const VERSION_MIN: (u32, u32) = (20, 19);

/// `node`, new enough, or the line that says how to get it.
pub fn program() -> Outcome<PathBuf> {
    let (major, minor) = VERSION_MIN;
    let failed = |found: &str| {
        let how = setup::how_to("nodejs");
        Failure::new(format!("{found}, and {major}.{minor} or newer is needed: {how}"))
    };
    let node = run::on_path("node").ok_or_else(|| failed("no Node.js here"))?;
    let text = run::output(Command::new(&node).arg("--version"))?;
    if version(&text).is_none_or(|version| version < VERSION_MIN) {
        return Err(failed(&format!("Node.js here is {}", text.trim())));
    }
    Ok(node)
}

/// The packages of `conformance/NAME`: a folder with `node_modules` in it, exactly as locked.
pub fn packages(root: &Path, name: &str) -> Outcome<PathBuf> {
    program()?;
    let npm = run::on_path("npm")
        .ok_or_else(|| Failure::new(format!("no npm here: {}", setup::how_to("npm"))))?;
    let source = root.join("conformance").join(name);
    let folder = root.join("target").join(format!("conformance-{name}"));
    let failed =
        |path: &Path, error: std::io::Error| Failure::new(format!("{}: {error}", path.display()));
    let lock = source.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).map_err(|error| failed(&lock, error))?;
    // Written last, so a broken installation is never taken for a whole one.
    let stamp = folder.join("packages.installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    terminal::line(format!("setup: npm packages of conformance/{name} (once)"));
    fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), folder.join(file)).map_err(|error| failed(&folder, error))?;
    }
    let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    // No package's own programs are run to install it.
    let mut install = Command::new(npm);
    install.current_dir(&folder).args(["ci", "--ignore-scripts"]).args(quiet);
    run::output(&mut install)
        .map_err(|failure| Failure::new(format!("{failure}: is the package index reachable?")))?;
    fs::write(&stamp, wanted).map_err(|error| failed(&stamp, error))?;
    Ok(folder)
}

/// `v20.19.2` → (20, 19)
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests;
