//! `cargo xtask conformance`: real clients against the running binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::gateway::{Gateway, Profile, build};
use crate::run::{self, Failure, Outcome};
use crate::setup;

/// Starts a gateway with the demo data in a folder of its own, runs the programs, stops it.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    setup::postgres()?;
    let python = setup::python(root)?;
    let program = build(root, Profile::Debug)?;
    let folder = Folder::create()?;
    let data = folder.0.join("data");
    let log = folder.0.join("gateway.log");
    let gateway = start(&program, &data, &log)?;
    let outcome = run::checked(
        Command::new(python)
            .current_dir(root)
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "conformance/boto3"])
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ROWHOUSE_DATA_DIR", &data)
            .env("ROWHOUSE_PROGRAM", &program),
    );
    let last_lines = gateway.last_lines();
    gateway.stop()?;
    outcome.map_err(|failure| {
        Failure::new(format!("{failure}\nthe gateway's log ends:\n{last_lines}"))
    })
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

/// A folder under the system's temporary one, gone when the run is over.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Outcome<Folder> {
        let name = format!("rowhouse-conformance-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the way of nobody: the name is never used again.
        let _ = fs::remove_dir_all(&self.0);
    }
}
