//! The benchmark's own PostgreSQL: a new cluster with its data, on a unix socket, gone afterwards.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::postgres::Binaries;
use crate::run::{self, Failure, Outcome};
use crate::setup;

/// As many tenants as bench/schema.sql makes.
pub const TENANTS: usize = 100;
/// As many rows for each tenant as bench/schema.sql makes.
pub const ROWS: usize = 1000;
/// The role of pgbench and PgBouncer; it owns nothing. It says its password in the clear, over the
/// socket: 256 clients that compute SCRAM's 4096 iterations would connect longer than they work.
pub const ROLE: &str = "bench_app";
/// The role of the gateway, with SCRAM as in real use; otherwise the same.
pub const GATEWAY_ROLE: &str = "bench_gateway";
/// Known to everyone, on a cluster that lives for minutes behind a socket.
pub const PASSWORD: &str = "bench-password";
/// The database whose context is sealed, where one is wanted.
pub const SEALED: &str = "sealed";
/// The number in the socket's name; no TCP port.
pub const PORT: u16 = 5432;

const SUPERUSER: &str = "postgres";
const START_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A running cluster. Dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    postgres: Child,
    binaries: PathBuf,
    socket: PathBuf,
}

impl Cluster {
    /// A new cluster in the folder, with the data of the script.
    pub fn start(binaries: &Binaries, folder: &Path, schema: &Path) -> Outcome<Cluster> {
        let account = Account::unprivileged()?;
        let home = folder.join("postgres");
        make_folder(&home, account)?;
        let data = home.join("data");
        let password = home.join("password");
        write_for(&password, PASSWORD, account)?;
        let mut initdb = account.command(&binaries.folder.join("initdb"));
        initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg("--username").arg(SUPERUSER);
        initdb.arg("--pgdata").arg(&data).arg("--pwfile").arg(&password);
        run::output(&mut initdb)?;
        let rules = format!("local all {ROLE} password\nlocal all all scram-sha-256\n");
        write_for(&data.join("pg_hba.conf"), &rules, account)?;

        let log = fs::File::create(folder.join("postgres.log"))
            .map_err(|error| Failure::new(format!("no log for PostgreSQL: {error}")))?;
        let mut command = account.command(&binaries.folder.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(&home).args(["-p", &PORT.to_string()]);
        for setting in ["listen_addresses=", "max_connections=600", "shared_buffers=256MB"] {
            command.args(["-c", setting]);
        }
        let postgres = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::new(format!("PostgreSQL does not start: {error}")))?;
        let cluster = Cluster { postgres, binaries: binaries.folder.clone(), socket: home };
        cluster.wait()?;
        cluster.load(schema)?;
        Ok(cluster)
    }

    /// The folder with the socket.
    pub fn socket_folder(&self) -> &Path {
        &self.socket
    }

    /// The postmaster's process id.
    pub fn pid(&self) -> u32 {
        self.postgres.id()
    }

    /// A client program of the same PostgreSQL, with the password it needs.
    pub fn client(&self, name: &str) -> Command {
        let beside = self.binaries.join(name);
        let program = if beside.is_file() { beside } else { PathBuf::from(name) };
        let mut command = Command::new(program);
        command.env("PGPASSWORD", PASSWORD);
        command
    }

    /// One more database with the data of the script.
    pub fn add_database(&self, name: &str, schema: &Path) -> Outcome {
        self.query("postgres", &format!("create database {name}"))?;
        run::output(self.psql(name).arg("-f").arg(schema)).map(drop)
    }

    /// SQL as the superuser.
    pub fn query(&self, database: &str, sql: &str) -> Outcome {
        run::output(self.psql(database).args(["-c", sql])).map(drop)
    }

    /// Where the superuser gets in.
    pub fn url(&self, database: &str) -> String {
        let socket = self.socket.display();
        format!("postgres://{SUPERUSER}:{PASSWORD}@/{database}?host={socket}&port={PORT}")
    }

    fn wait(&self) -> Outcome {
        let start = Instant::now();
        loop {
            match run::output(self.psql("postgres").args(["-c", "select 1"])) {
                Ok(_) => return Ok(()),
                Err(_) if start.elapsed() < START_MAX => run::pause(POLL),
                Err(failure) => return Err(failure),
            }
        }
    }

    fn load(&self, schema: &Path) -> Outcome {
        for role in [ROLE, GATEWAY_ROLE] {
            let role = format!("create role {role} login password '{PASSWORD}'");
            self.query("postgres", &role)?;
        }
        run::output(self.psql("postgres").arg("-f").arg(schema)).map(drop)
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = self.client("psql");
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database]);
        command.arg("-h").arg(&self.socket).args(["-U", SUPERUSER]);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown: clients are cut off, files are left in order.
        let _ = kill_process(Pid::from_child(&self.postgres), Signal::INT);
        let _ = self.postgres.wait();
    }
}

/// Whom servers run as: PostgreSQL and PgBouncer both refuse to be root.
#[derive(Debug, Clone, Copy)]
pub struct Account(Option<(u32, u32)>);

impl Account {
    /// Ourselves, or `postgres` or `nobody` when we are root.
    pub fn unprivileged() -> Outcome<Account> {
        if !setup::is_root() {
            return Ok(Account(None));
        }
        let id = |flag: &str, name: &str| -> Option<u32> {
            run::output(Command::new("id").args([flag, name])).ok()?.trim().parse().ok()
        };
        let account =
            ["postgres", "nobody"].iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        let missing =
            || Failure::new("neither `postgres` nor `nobody` exists: run this without root");
        Ok(Account(Some(account.ok_or_else(missing)?)))
    }

    /// A program that runs as this account.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}

/// A folder that the account owns and others may look through, as the socket is in it.
pub fn make_folder(path: &Path, account: Account) -> Outcome {
    fs::create_dir(path)
        .and_then(|()| own(path, account))
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// A file that the account owns.
pub fn write_for(path: &Path, text: &str, account: Account) -> Outcome {
    fs::write(path, text)
        .and_then(|()| own(path, account))
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn own(path: &Path, account: Account) -> std::io::Result<()> {
    match account.0 {
        Some((user, group)) => std::os::unix::fs::chown(path, Some(user), Some(group)),
        None => Ok(()),
    }
}
