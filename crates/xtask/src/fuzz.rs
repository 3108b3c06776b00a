//! `cargo xtask fuzz TARGET [--seconds N]`: libFuzzer on one of the entries of `crates/fuzz`.

use std::path::Path;
use std::process::Command;

use crate::run::{self, Failure, Outcome};
use crate::terminal;

const FOLDER: &str = "fuzz";
/// Long enough to come past the corpus, short enough to wait for.
const SECONDS_DEFAULT: u32 = 60;
/// Longer inputs say nothing new about these parsers and are slow.
const INPUT_BYTES_MAX: u32 = 2048;

/// Fuzzes one target, or each in turn.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    let targets = targets(root)?;
    let known = || targets.join(", ");
    let (target, seconds) = match arguments {
        [target] => (target, SECONDS_DEFAULT),
        [target, option, number] if option == "--seconds" => {
            let seconds = number.parse();
            (target, seconds.map_err(|_| Failure::usage("--seconds takes a number"))?)
        }
        _ => {
            let usage = format!("cargo xtask fuzz TARGET [--seconds N]; TARGET: all, {}", known());
            return Err(Failure::usage(usage));
        }
    };
    if target != "all" && !targets.contains(target) {
        return Err(Failure::usage(format!("no target {target:?}: there are all, {}", known())));
    }
    if !run::succeeds(nightly(root).args(["fuzz", "--version"])) {
        return Err(Failure::new(
            "this needs a nightly compiler and cargo-fuzz: type `rustup toolchain install \
             nightly` and `cargo install cargo-fuzz`",
        ));
    }
    for name in targets.iter().filter(|name| target == "all" || *name == target) {
        terminal::heading(name);
        fuzz(root, name, seconds)?;
    }
    Ok(())
}

/// The folders of the corpus: each target has one, as the tests of `crates/fuzz` check.
fn targets(root: &Path) -> Outcome<Vec<String>> {
    let folder = root.join(FOLDER).join("corpus");
    let failed = |error| Failure::new(format!("{}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn fuzz(root: &Path, target: &str, seconds: u32) -> Outcome {
    // libFuzzer writes what it finds into the first folder; the corpus keeps what people chose.
    let found = format!("found/{target}");
    let folder = root.join(FOLDER).join(&found);
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    let mut command = nightly(&root.join(FOLDER));
    command.args(["fuzz", "run", target, &found, &format!("corpus/{target}"), "--"]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
    run::checked(&mut command)
}

/// By its name and not by `CARGO`, which is the one compiler's that runs this program.
fn nightly(folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").current_dir(folder);
    command
}
