//! A JDK and Debian's JDBC driver, and the programs of a suite compiled with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{self, Failure, Outcome};
use crate::{setup, terminal};

/// Where Debian's package puts the driver.
const DRIVER: &str = "/usr/share/java/postgresql.jar";
const PACKAGES: [&str; 2] = ["default-jdk-headless", "libpostgresql-jdbc-java"];
/// The class with `main`.
const MAIN: &str = "Conformance";

/// The compiled programs of `conformance/NAME`. `None`: there is no JDK or no driver, which has
/// been said; few who work on a gateway have one.
pub fn classes(root: &Path, name: &str) -> Outcome<Option<PathBuf>> {
    let missing = || run::on_path("javac").is_none() || !Path::new(DRIVER).is_file();
    if missing() && run::on_path("apt-get").is_some() && setup::is_root() {
        setup::apt_install(&PACKAGES)?;
    }
    let Some(javac) = run::on_path("javac").filter(|_| !missing()) else {
        let how = setup::how_to(&PACKAGES.join(" "));
        terminal::line(format!("{name}: SKIPPED, for want of a JDK and {DRIVER}: {how}"));
        return Ok(None);
    };
    let source = root.join("conformance").join(name);
    let folder = root.join("target").join(format!("conformance-{name}"));
    let mut command = Command::new(javac);
    command.args(["-classpath", DRIVER, "-d"]).arg(&folder).args(programs(&source)?);
    run::checked(&mut command)?;
    Ok(Some(folder))
}

/// Runs what was compiled.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new("java");
    command.arg("-classpath").arg(format!("{}:{DRIVER}", folder.display())).arg(MAIN);
    command
}

fn programs(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    let mut paths =
        read().map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "java"));
    Ok(paths)
}
