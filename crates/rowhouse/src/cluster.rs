//! The private PostgreSQL of `rowhouse dev`: found, made, started, and stopped with its owner.
//!
//! Nobody else's PostgreSQL is touched: data directory, socket folder and port are its own, and
//! every connection needs a SCRAM password that only the owner of the data directory can read. It
//! runs with `fsync=off`: what was committed survives the death of any process, since it is in the
//! kernel's hands, but not a power cut. Full-page writes stay on, because a killed process may
//! leave half a page.

mod account;
mod binaries;
mod data_dir;
mod error;
pub mod guard;
mod home;
mod initdb;
mod postmaster;

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::secret::Secret;
use serde_json::json;
use tokio::process::{Child, ChildStdin};
use tokio::time::{Instant, sleep};

use crate::config::{Server, ServerAddress, ServerTls};
use account::Account;
use binaries::Binaries;
pub use data_dir::DataDir;
pub use error::ClusterError;
use guard::GuardOptions;
use home::Home;

/// The superuser's name: what every PostgreSQL tool assumes.
pub const SUPERUSER: &str = "postgres";
/// File with the superuser's password, in the data directory.
pub const SUPERUSER_PASSWORD_FILE: &str = "superuser.password";
/// File that tells tools and tests where the running cluster is, in the data directory.
pub const CLUSTER_FILE: &str = "cluster.json";
/// PostgreSQL's log, in the data directory.
pub const LOG_FILE: &str = "postgres.log";

/// A larger log of earlier starts is begun anew.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// As much of the log as is searched for the reason of a failed start.
const LOG_TAIL_BYTES: u64 = 64 * 1024;
/// Recovery after a crash included, on a slow disk.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the start is looked at; PostgreSQL takes some 50 ms.
const START_LOOK: Duration = Duration::from_millis(10);
/// Longer than the guard gives PostgreSQL for all its ways to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(25);
/// Between picking a free port and using it somebody else may take it.
const PORT_ATTEMPTS: u32 = 5;

/// How to start a cluster.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder with PostgreSQL's programs; `None` looks for them.
    pub pg_bin: Option<PathBuf>,
    /// The program whose `cluster-guard` command watches; `None` is the running one.
    pub guard_program: Option<PathBuf>,
}

/// A running PostgreSQL that ends with this value: by [`Cluster::stop`] in good order, and
/// otherwise by itself, since its guard sees the pipe close.
#[derive(Debug)]
pub struct Cluster {
    server: Arc<Server>,
    port: u16,
    password: Secret,
    is_new: bool,
    data: PathBuf,
    cluster_file: PathBuf,
    guard: Child,
    lifeline: Option<ChildStdin>,
}

impl Cluster {
    /// Makes the cluster if there is none, and starts it. May not be cancelled half-way and called
    /// again for the same directory before what it started has ended.
    pub async fn start(directory: &DataDir, options: &Options) -> Result<Cluster, ClusterError> {
        let account = Account::choose()?;
        let home = Home::settle(directory, &account)?;
        let data = home.data();
        postmaster::stop_left_behind(&data).await?;
        let made_by = initdb::made_by(&data);
        let binaries = Binaries::find(options.pg_bin.as_deref(), made_by)?;
        let password = directory.secret(SUPERUSER_PASSWORD_FILE)?;
        if made_by.is_none() {
            initdb::make(&home, &binaries, &account, &password).await?;
        }
        let program = match &options.guard_program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|error| ClusterError::file(".", error))?,
        };
        let wanted =
            WantedCluster { directory, home: &home, binaries: &binaries, account: &account };
        let (guard, port) = wanted.start(&program).await?;
        wanted.write_cluster_file(port)?;
        Ok(wanted.cluster(guard, port, password, made_by.is_none()))
    }

    /// The cluster as a server of the configuration, by its unix socket.
    pub fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server)
    }

    /// The port on 127.0.0.1.
    pub fn tcp_port(&self) -> u16 {
        self.port
    }

    /// The password of [`SUPERUSER`].
    pub fn superuser_password(&self) -> &Secret {
        &self.password
    }

    /// Whether this start made it.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Waits until PostgreSQL ends by itself, which it should not. May be cancelled.
    pub async fn ended(&mut self) {
        // An error means that there is no such child any more: it ended.
        let _ = self.guard.wait().await;
    }

    /// Stops PostgreSQL and waits until it has. May be cancelled: it stops all the same.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        drop(self.lifeline.take());
        let ended = tokio::time::timeout(STOP_TIMEOUT, self.guard.wait()).await;
        if ended.is_err() {
            let _ = self.guard.kill().await;
        }
        // A guard that was killed could not stop anything.
        postmaster::stop_left_behind(&self.data).await?;
        let _ = std::fs::remove_file(&self.cluster_file);
        if let ServerAddress::Unix { directory, .. } = &self.server.address {
            // Empty by now, and made anew by the next start; it may be in a folder that is not
            // ours.
            let _ = std::fs::remove_dir(directory);
        }
        Ok(())
    }
}

/// Takes back everything that a data directory holds, a cluster that is still running included;
/// unless there are no programs to begin anew with.
pub async fn reset(directory: &DataDir, options: &Options) -> Result<(), ClusterError> {
    Binaries::find(options.pg_bin.as_deref(), None)?;
    let account = Account::choose()?;
    if let Some(home) = Home::existing(directory, &account)? {
        postmaster::stop_left_behind(&home.data()).await?;
        home.remove()?;
    }
    directory.clear()
}

/// What a start is made of.
struct WantedCluster<'a> {
    directory: &'a DataDir,
    home: &'a Home,
    binaries: &'a Binaries,
    account: &'a Account,
}

impl WantedCluster<'_> {
    /// Starts the guard, and through it PostgreSQL, on the port of the last start if that is free.
    async fn start(&self, program: &Path) -> Result<(Child, u16), ClusterError> {
        let mut port = self.last_port();
        let mut attempt = 1;
        loop {
            let chosen = free_port(port.take())?;
            match self.start_on(program, chosen).await {
                Ok(guard) => return Ok((guard, chosen)),
                Err(ClusterError::PortTaken(_)) if attempt < PORT_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn start_on(&self, program: &Path, port: u16) -> Result<Child, ClusterError> {
        let log = self.directory.file(LOG_FILE);
        let log_start = prepare_log(&log)?;
        let open = || {
            // It can hold statements of tenants.
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&log);
            file.map(Stdio::from).map_err(|error| ClusterError::file(&log, error))
        };
        let options = GuardOptions {
            postgres: self.binaries.program("postgres"),
            data: self.home.data(),
            socket: self.home.socket().to_owned(),
            port,
            uid: self.account.ids().map(|(uid, _)| uid),
            gid: self.account.ids().map(|(_, gid)| gid),
        };
        let mut guard = tokio::process::Command::new(program)
            .args(options.arguments())
            .stdin(Stdio::piped())
            .stdout(open()?)
            .stderr(open()?)
            .current_dir("/")
            // Ctrl-C on the terminal is for the gateway, which drains first.
            .process_group(0)
            .spawn()
            .map_err(|error| ClusterError::file(program, error))?;
        let pid_file = postmaster::PidFile::of(&self.home.data());
        let deadline = Instant::now() + START_TIMEOUT;
        while !pid_file.is_ready() {
            let ended = guard.try_wait().map_err(|error| ClusterError::file(program, error))?;
            if ended.is_some() {
                return Err(failed_start(&log, log_start, port));
            }
            if Instant::now() >= deadline {
                return Err(ClusterError::StartTimeout { log });
            }
            sleep(START_LOOK).await;
        }
        Ok(guard)
    }

    /// A port that stays the same is one that people can write down.
    fn last_port(&self) -> Option<u16> {
        let text = std::fs::read_to_string(self.directory.file(PORT_FILE)).ok()?;
        text.trim().parse().ok()
    }

    fn write_cluster_file(&self, port: u16) -> Result<(), ClusterError> {
        self.directory.write(PORT_FILE, format!("{port}\n").as_bytes())?;
        let value = json!({
            "data": self.home.data(),
            "socket_dir": self.home.socket(),
            "host": Ipv4Addr::LOCALHOST,
            "port": port,
            "version": self.binaries.version(),
            "bin": self.binaries.folder(),
            "superuser": SUPERUSER,
            "superuser_password_file": self.directory.file(SUPERUSER_PASSWORD_FILE),
        });
        self.directory.write(CLUSTER_FILE, format!("{value:#}\n").as_bytes())
    }

    fn cluster(&self, mut guard: Child, port: u16, password: Secret, is_new: bool) -> Cluster {
        let directory = self.home.socket().to_owned();
        let server = Arc::new(Server {
            name: "dev".to_owned(),
            address: ServerAddress::Unix { directory, port },
            tls: ServerTls::Disable,
        });
        let lifeline = guard.stdin.take();
        let (data, cluster_file) = (self.home.data(), self.directory.file(CLUSTER_FILE));
        Cluster { server, port, password, is_new, data, cluster_file, guard, lifeline }
    }
}

/// File with the port of the last start, in the data directory.
const PORT_FILE: &str = "cluster.port";

/// The wanted port if it is free, else one that is.
fn free_port(wanted: Option<u16>) -> Result<u16, ClusterError> {
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let listener = match wanted.map(bind) {
        Some(Ok(listener)) => listener,
        _ => bind(0).map_err(ClusterError::NoPort)?,
    };
    Ok(listener.local_addr().map_err(ClusterError::NoPort)?.port())
}

/// The length of the log before this start.
fn prepare_log(log: &Path) -> Result<u64, ClusterError> {
    match std::fs::metadata(log) {
        Ok(metadata) if metadata.len() <= LOG_BYTES_MAX => Ok(metadata.len()),
        Ok(_) => {
            std::fs::remove_file(log).map_err(|error| ClusterError::file(log, error))?;
            Ok(0)
        }
        Err(_) => Ok(0),
    }
}

/// What PostgreSQL said last: the reason is in its FATAL line, or in the guard's only line.
fn failed_start(log: &Path, start: u64, port: u16) -> ClusterError {
    let tail = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let tail = tail().unwrap_or_default();
    if tail.contains("Address already in use") {
        return ClusterError::PortTaken(port);
    }
    let fatal = tail.lines().rev().find(|line| line.contains("FATAL:") || line.contains("PANIC:"));
    let reason = fatal.or(tail.lines().next_back()).unwrap_or("it said nothing");
    ClusterError::Start { reason: reason.trim().to_owned(), log: log.to_owned() }
}
