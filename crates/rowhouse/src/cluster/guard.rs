//! The process between the gateway and its PostgreSQL: it ends PostgreSQL when the gateway is gone,
//! whatever ended that.
//!
//! The gateway holds the other end of the guard's standard input. The kernel closes it when the
//! gateway dies, even by SIGKILL, and no code has to run for that. In a process group of its own
//! the guard outlives Ctrl-C on the terminal, so that the gateway can drain first.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, kill_process};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::postmaster::WAYS_TO_STOP;

/// The name of the hidden command.
pub const COMMAND: &str = "cluster-guard";

/// Connections of the cluster. Above PostgreSQL's 100, because every pair of database and role that
/// is in use has connections of its own, for each shard.
const MAX_CONNECTIONS: u32 = 300;

/// What the guard starts and watches.
#[derive(Debug, Clone)]
pub struct GuardOptions {
    /// The server program.
    pub postgres: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// The folder of its socket.
    pub socket: PathBuf,
    /// Its port.
    pub port: u16,
    /// The user to run it as.
    pub uid: Option<u32>,
    /// The group to run it as.
    pub gid: Option<u32>,
}

impl GuardOptions {
    /// The arguments that make the program a guard; [`COMMAND`] first.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            COMMAND.into(),
            "--postgres".into(),
            self.postgres.clone().into(),
            "--data".into(),
            self.data.clone().into(),
            "--socket".into(),
            self.socket.clone().into(),
            "--port".into(),
            self.port.to_string().into(),
        ];
        for (name, id) in [("--uid", self.uid), ("--gid", self.gid)] {
            if let Some(id) = id {
                arguments.extend([name.into(), id.to_string().into()]);
            }
        }
        arguments
    }

    fn command(&self) -> Command {
        // A list of folders: quoted, since a comma would end one
        // (https://www.postgresql.org/docs/current/runtime-config-connection.html).
        let mut socket = OsString::from("unix_socket_directories=\"");
        socket.push(self.socket.to_string_lossy().replace('"', "\"\""));
        socket.push("\"");
        let mut command = Command::new(&self.postgres);
        command.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        command.arg("-c").arg(socket);
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_permissions=0700".to_owned(),
            format!("max_connections={MAX_CONNECTIONS}"),
            "fsync=off".to_owned(),
            "logging_collector=off".to_owned(),
            "log_destination=stderr".to_owned(),
            "cluster_name=rowhouse-dev".to_owned(),
        ];
        for setting in settings {
            command.arg("-c").arg(setting);
        }
        command.env_remove("PGDATA").current_dir("/").stdin(Stdio::null());
        if let (Some(uid), Some(gid)) = (self.uid, self.gid) {
            command.uid(uid).gid(gid);
        }
        command
    }
}

/// Starts PostgreSQL, waits until it ends or the gateway is gone, and stops it then. Errors are for
/// the log, which is where standard error leads.
pub async fn run(options: &GuardOptions) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let lifeline = Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let mut postgres = options.command().spawn()?;
    tokio::select! {
        status = postgres.wait() => {
            status?;
            return Ok(());
        }
        () = closed(&lifeline) => {}
        _ = hangup.recv() => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    stop(&mut postgres).await
}

/// Waits until nobody holds the other end. Nothing is ever sent, and what is sent all the same is
/// thrown away.
async fn closed(lifeline: &Receiver) {
    let mut thrown_away = [0_u8; 64];
    loop {
        if lifeline.readable().await.is_err() {
            return;
        }
        match lifeline.try_read(&mut thrown_away) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

async fn stop(postgres: &mut Child) -> io::Result<()> {
    for (signal, patience) in WAYS_TO_STOP {
        let pid = postgres.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        // It may just have ended by itself, which the wait tells.
        let _ = kill_process(pid, signal);
        if let Ok(ended) = tokio::time::timeout(patience, postgres.wait()).await {
            return ended.map(drop);
        }
    }
    Err(io::Error::other("PostgreSQL does not stop"))
}
