//! The running server as its `postmaster.pid` tells of it, and stopping one that was left behind.
//!
//! The file's lines are described in PostgreSQL's `miscadmin.h`: process id, data directory, start
//! time, port, socket folder, listen address, shared memory key, status.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use super::ClusterError;

/// The ways to end PostgreSQL and how long each may take: "fast" lets transactions be rolled back
/// and writes everything down, "immediate" leaves recovery to the next start
/// (<https://www.postgresql.org/docs/current/server-shutdown.html>).
pub const WAYS_TO_STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(10)),
    (Signal::QUIT, Duration::from_secs(5)),
    (Signal::KILL, Duration::from_secs(5)),
];
/// How often the end is looked for.
const STOP_LOOK: Duration = Duration::from_millis(20);

/// The file that a running server keeps in its data directory.
#[derive(Debug)]
pub struct PidFile {
    data: PathBuf,
}

impl PidFile {
    /// That of a data directory.
    pub fn of(data: &Path) -> PidFile {
        PidFile { data: data.to_owned() }
    }

    /// Whether the server accepts connections.
    pub fn is_ready(&self) -> bool {
        std::fs::read_to_string(self.path()).is_ok_and(|text| says_ready(&text))
    }

    /// The running server of this data directory, which must prove to be one: process ids are used
    /// again, and signalling a stranger is not an option.
    pub fn running(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.path()).ok()?;
        let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1)?)?;
        let alive = !matches!(test_kill_process(pid), Err(Errno::SRCH));
        (alive && self.is_served_by(pid)).then_some(pid)
    }

    fn path(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    /// A server works in its data directory; where there is no `/proc`, it is named in its command.
    fn is_served_by(&self, pid: Pid) -> bool {
        if Path::new("/proc/self/cwd").exists() {
            let folder = std::fs::read_link(format!("/proc/{pid}/cwd"));
            return folder.is_ok_and(|folder| folder == self.data);
        }
        let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
        output.is_ok_and(|output| {
            let command = String::from_utf8_lossy(&output.stdout);
            command.contains("postgres") && command.contains(&*self.data.to_string_lossy())
        })
    }
}

/// Stops a server whose owner and guard were killed, and removes the file of one that is gone. May
/// be cancelled.
pub async fn stop_left_behind(data: &Path) -> Result<(), ClusterError> {
    let file = PidFile::of(data);
    for (signal, patience) in WAYS_TO_STOP {
        let Some(pid) = file.running() else { break };
        // It may just have ended by itself, which the next look tells.
        let _ = kill_process(pid, signal);
        let deadline = Instant::now() + patience;
        while file.running().is_some() && Instant::now() < deadline {
            sleep(STOP_LOOK).await;
        }
    }
    if let Some(pid) = file.running() {
        return Err(ClusterError::StopTimeout { pid: pid.as_raw_nonzero().get() });
    }
    // PostgreSQL would take a stranger with the same process id for itself and refuse to start.
    match std::fs::remove_file(file.path()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ClusterError::file(file.path(), error))
        }
        _ => Ok(()),
    }
}

fn says_ready(text: &str) -> bool {
    text.lines().nth(7).is_some_and(|status| status.trim() == "ready")
}

#[cfg(test)]
mod tests;
