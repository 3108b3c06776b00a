//! `cargo xtask conformance`: real clients against the running binary.

use std::path::Path;
use std::process::Command;

use crate::gateway::{Gateway, Profile, build};
use crate::run::{self, Failure, Outcome};
use crate::scratch::Scratch;
use crate::{setup, terminal};

/// Kept until the next run, as it tells what the gateway thought of a request.
const LOG: &str = "target/conformance.log";

/// Starts a gateway with the demo data in a folder of its own, runs the programs, stops it.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    setup::postgres()?;
    let python = setup::python(root)?;
    let program = build(root, Profile::Debug)?;
    let folder = Scratch::create("conformance")?;
    let data = folder.path().join("data");
    let gateway = start(&program, &data, &root.join(LOG))?;
    let outcome = run::checked(
        Command::new(python)
            .current_dir(root)
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance/boto3"])
            .args(arguments)
            .arg(if terminal::is_coloured() { "--color=yes" } else { "--color=no" })
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ROWHOUSE_DATA_DIR", &data)
            .env("ROWHOUSE_PROGRAM", &program),
    );
    gateway.stop()?;
    outcome.map_err(|failure| Failure::new(format!("{failure}; the gateway's log is {LOG}")))
}

/// Every door on a free port, so that a gateway somebody is using stays undisturbed.
fn start(program: &Path, data: &Path, log: &Path) -> Outcome<Gateway> {
    let mut command = Command::new(program);
    command.arg("dev").arg("--data-dir").arg(data);
    for door in ["--http", "--pg", "--admin"] {
        command.args([door, "127.0.0.1:0"]);
    }
    Gateway::start(&mut command, log)
}
