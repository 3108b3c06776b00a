//! `cargo xtask setup`: everything a fresh machine lacks, named or fetched; nothing when all is
//! there.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::postgres::{Binaries, MAJOR_MIN};
use crate::run::{self, Failure, Outcome};
use crate::{node, terminal};

/// The Python packages of the conformance programs, pinned.
const REQUIREMENTS: &str = "conformance/requirements.txt";

/// PostgreSQL, the packages of the conformance programs, rustfmt and clippy.
pub fn everything(root: &Path) -> Outcome {
    rust_components(root)?;
    let postgres = postgres()?;
    python(root)?;
    for suite in ["node", "wire-node"] {
        node::packages(root, suite)?;
    }
    let folder = postgres.folder.display();
    let major = postgres.major;
    terminal::line(format!("PostgreSQL {major} in {folder}, Python, Node.js, rustfmt, clippy"));
    Ok(())
}

/// `cargo xtask dev`: PostgreSQL, then the whole system as a release build.
///
/// The process becomes the gateway, so that Ctrl-C and SIGTERM reach it and nobody else.
pub fn dev(root: &Path, arguments: &[String]) -> Outcome {
    postgres()?;
    let here =
        std::env::current_dir().map_err(|error| Failure::new(format!("no folder: {error}")))?;
    let mut command = run::cargo(root);
    command
        .current_dir(here)
        .arg("run")
        .arg("--release")
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .args(["--package", "rowhouse", "--", "dev"])
        .args(arguments);
    let error = command.exec();
    Err(Failure::new(format!("`{}` does not start: {error}", run::shown(&command))))
}

/// PostgreSQL's server programs, installed from Debian's packages where that is possible.
pub fn postgres() -> Outcome<Binaries> {
    if let Some(binaries) = Binaries::find() {
        return Ok(binaries);
    }
    if run::on_path("apt-get").is_some() && is_root() {
        forbid_debian_cluster()?;
        apt_install(&["postgresql"])?;
    }
    Binaries::find().ok_or_else(|| {
        Failure::new(format!("no PostgreSQL {MAJOR_MIN} or newer here: {}", how_to("postgresql")))
    })
}

/// The Python of the conformance programs, with its packages.
pub fn python(root: &Path) -> Outcome<PathBuf> {
    let environment = root.join("target/conformance-venv");
    let python = environment.join("bin/python");
    let requirements = root.join(REQUIREMENTS);
    let wanted = fs::read_to_string(&requirements)
        .map_err(|error| Failure::new(format!("{REQUIREMENTS} cannot be read: {error}")))?;
    // Written last, so a broken installation is never taken for a whole one.
    let stamp = environment.join("requirements.installed");
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    terminal::line("setup: Python packages for the conformance programs (once)");
    make_environment(&environment)?;
    run::checked(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements),
    )
    .map_err(|failure| Failure::new(format!("{failure}: is the package index reachable?")))?;
    fs::write(&stamp, wanted)
        .map_err(|error| Failure::new(format!("{}: {error}", stamp.display())))?;
    Ok(python)
}

/// Installs Debian packages; the caller has made sure of root and of apt.
///
/// `RUNLEVEL=1` keeps the packages' services from being started: this is a build machine, not
/// theirs.
pub fn apt_install(packages: &[&str]) -> Outcome {
    terminal::line(format!("setup: apt-get install {} (once)", packages.join(" ")));
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("UCF_FORCE_CONFFOLD", "1")
            .env("RUNLEVEL", "1")
            .args(["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold"]);
        command
    };
    run::output(apt().arg("update"))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run::output(apt().args(install).args(packages)).map(drop)
}

/// Whether this process may install packages.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The command that installs a package, for a person to type.
pub fn how_to(debian_package: &str) -> String {
    if cfg!(target_os = "macos") {
        return format!("type `brew install {debian_package}`");
    }
    format!("type `sudo apt-get install {debian_package}` (or what your system has for it)")
}

fn rust_components(root: &Path) -> Outcome {
    for component in ["fmt", "clippy"] {
        if run::succeeds(run::cargo(root).args([component, "--version"])) {
            continue;
        }
        let name = if component == "fmt" { "rustfmt" } else { component };
        let failed =
            || Failure::new(format!("{name} is missing: type `rustup component add {name}`"));
        let rustup = run::on_path("rustup").ok_or_else(failed)?;
        run::checked(Command::new(rustup).args(["component", "add", name]))
            .map_err(|_| failed())?;
    }
    Ok(())
}

/// Debian starts a server on port 5432 when the package is installed, unless it is told not to.
fn forbid_debian_cluster() -> Outcome {
    let file = Path::new("/etc/postgresql-common/createcluster.conf");
    if file.exists() {
        return Ok(());
    }
    let write = || {
        fs::create_dir_all("/etc/postgresql-common")?;
        fs::write(file, "create_main_cluster = false\n")
    };
    write().map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

fn make_environment(environment: &Path) -> Outcome {
    let python = run::on_path("python3").ok_or_else(|| {
        Failure::new(format!("no python3 here: {}", how_to("python3 python3-venv")))
    })?;
    let make = || {
        let mut command = Command::new(&python);
        command.args(["-m", "venv", "--clear"]).arg(environment);
        command
    };
    if run::succeeds(&mut make()) {
        return Ok(());
    }
    // Debian keeps ensurepip, without which a new environment has no pip, in a package of its own.
    if run::on_path("apt-get").is_some() && is_root() {
        apt_install(&["python3-venv"])?;
    }
    run::checked(&mut make())
        .map_err(|failure| Failure::new(format!("{failure}: {}", how_to("python3-venv"))))
}
