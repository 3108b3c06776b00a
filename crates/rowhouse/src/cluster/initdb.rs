//! Making a new cluster: beside its final place, and moved there when it is whole.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use rowhouse_tenancy::secret::Secret;
use tokio::process::Command;

use super::account::Account;
use super::binaries::Binaries;
use super::home::Home;
use super::{ClusterError, SUPERUSER};

/// Names of what is being made; a start that was killed may have left one.
const UNFINISHED: &str = "new-";
/// The file initdb reads the password from: a pipe of root's cannot be opened by another user.
const PASSWORD_FILE: &str = "new-password";
/// Byte order everywhere, and letters beyond ASCII where the system has this locale.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The major version that made the data, if there are any.
pub fn made_by(data: &Path) -> Option<u32> {
    std::fs::read_to_string(data.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes a new cluster. May be cancelled: what is half-made is removed by the next start.
pub async fn make(
    home: &Home,
    binaries: &Binaries,
    account: &Account,
    password: &Secret,
) -> Result<(), ClusterError> {
    remove_unfinished(home)?;
    let password_file = home.file(PASSWORD_FILE);
    write_password(&password_file, account, password)?;
    let made = make_with_locale(home, binaries, account, &password_file).await;
    let removed = std::fs::remove_file(&password_file);
    let unfinished = made?;
    removed.map_err(|error| ClusterError::file(&password_file, error))?;
    let data = home.data();
    std::fs::rename(unfinished, &data).map_err(|error| ClusterError::file(&data, error))
}

/// The folder with the new cluster, in the first locale that the system has.
async fn make_with_locale(
    home: &Home,
    binaries: &Binaries,
    account: &Account,
    password_file: &Path,
) -> Result<std::path::PathBuf, ClusterError> {
    let mut reason = String::new();
    for locale in LOCALES {
        let target = home.file(&format!("{UNFINISHED}{}-{locale}", std::process::id()));
        let output = run(&target, locale, binaries, account, password_file).await?;
        if output.status.success() {
            return Ok(target);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let error = said.lines().find(|line| line.contains("error:")).or(said.lines().next());
        reason = error.unwrap_or("it said nothing").trim().to_owned();
        if !reason.contains("locale") {
            break;
        }
    }
    Err(ClusterError::Initdb { reason })
}

async fn run(
    target: &Path,
    locale: &str,
    binaries: &Binaries,
    account: &Account,
    password_file: &Path,
) -> Result<Output, ClusterError> {
    let initdb = binaries.program("initdb");
    let mut command = Command::new(&initdb);
    command
        .arg("--pgdata")
        .arg(target)
        .arg("--pwfile")
        .arg(password_file)
        .args(["--username", SUPERUSER, "--encoding", "UTF8", "--locale", locale])
        .args(["--auth-local", "scram-sha-256", "--auth-host", "scram-sha-256"])
        .args(["--no-sync", "--no-instructions"])
        .env("LC_ALL", "C")
        .env_remove("PGDATA")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    if let Some((uid, gid)) = account.ids() {
        command.uid(uid).gid(gid);
    }
    command.output().await.map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            ClusterError::NotExecutable { user: account.name().to_owned(), program: initdb }
        }
        _ => ClusterError::file(initdb, error),
    })
}

fn write_password(path: &Path, account: &Account, password: &Secret) -> Result<(), ClusterError> {
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", password.expose())
    };
    write().map_err(|error| ClusterError::file(path, error))?;
    account.own(path)
}

fn remove_unfinished(home: &Home) -> Result<(), ClusterError> {
    let folder = home.file("");
    let entries = std::fs::read_dir(&folder).map_err(|error| ClusterError::file(&folder, error))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed =
            if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| ClusterError::file(&path, error))?;
    }
    Ok(())
}
