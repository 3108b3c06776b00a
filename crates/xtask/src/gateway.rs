//! A gateway that runs for a while: started, waited for, stopped by its process id.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::run::{self, Failure, Outcome};

/// A new cluster with the demo data on a slow machine; seconds on any other.
const READY_MAX: Duration = Duration::from_secs(120);
/// Draining may take its default deadline, stopping PostgreSQL a little more.
const STOP_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// As much of the log as helps on a terminal.
const LOG_LINES_SHOWN: usize = 30;

/// How a build is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Debug,
    /// Quick to run.
    Release,
}

/// Builds the program and says where it is.
pub fn build(root: &Path, profile: Profile) -> Outcome<PathBuf> {
    let mut command = run::cargo(root);
    command.args(["build", "--quiet", "--package", "rowhouse", "--bin", "rowhouse"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    run::checked(&mut command)?;
    let folder = if profile == Profile::Release { "release" } else { "debug" };
    Ok(target(root)?.join(folder).join("rowhouse"))
}

/// cargo's target folder, wherever the person keeps it.
pub fn target(root: &Path) -> Outcome<PathBuf> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps"];
    let text = run::output(run::cargo(root).args(arguments))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("`cargo metadata` printed no JSON: {error}")))?;
    let folder = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    folder.map(PathBuf::from).ok_or_else(|| Failure::new("`cargo metadata` names no target folder"))
}

/// A running gateway. Dropping it kills it; `stop` is the polite way.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    log: PathBuf,
}

impl Gateway {
    /// Starts the program and waits until it prints its `ready` line. Everything it prints, on both
    /// streams, goes to the log file.
    pub fn start(command: &mut Command, log: &Path) -> Outcome<Gateway> {
        let shown = run::shown(command);
        let failed = |text: String| Failure::new(format!("`{shown}` {text}"));
        let file = File::create(log).map_err(|error| failed(format!("has no log: {error}")))?;
        let errors = file.try_clone().map_err(|error| failed(format!("has no log: {error}")))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| failed(format!("does not start: {error}")))?;
        // One line is all that is ever sent.
        let (sender, receiver) = sync_channel(1);
        if let Some(stdout) = child.stdout.take() {
            std::thread::spawn(move || copy_lines(stdout, file, &sender));
        }
        let mut gateway = Gateway { child, log: log.to_owned() };
        match gateway.wait_until_ready(&receiver) {
            Ok(()) => Ok(gateway),
            Err(text) => Err(failed(format!("{text}\n{}", gateway.last_lines()))),
        }
    }

    /// SIGTERM, and time to drain. It is a failure when it does not end by itself or ends badly.
    pub fn stop(mut self) -> Outcome {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < STOP_MAX {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => {
                    let lines = self.last_lines();
                    return Err(Failure::new(format!("the gateway ended with {status}\n{lines}")));
                }
                Ok(None) => run::pause(POLL),
                Err(error) => return Err(Failure::new(format!("the gateway is lost: {error}"))),
            }
        }
        let seconds = STOP_MAX.as_secs();
        Err(Failure::new(format!("the gateway runs on {seconds} s after SIGTERM; killed")))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The end of the log, for a person who has to find out what happened.
    pub fn last_lines(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LOG_LINES_SHOWN);
        lines.get(first..).unwrap_or_default().join("\n")
    }

    fn wait_until_ready(&mut self, ready: &Receiver<()>) -> Result<(), String> {
        let start = Instant::now();
        loop {
            match ready.recv_timeout(POLL) {
                Ok(()) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if start.elapsed() < READY_MAX => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "is not ready after {} s; its log ends:",
                        READY_MAX.as_secs()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err("ended before it was ready; its log ends:".to_owned());
                }
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // After `stop` the process is gone, which kill reports and nobody needs to know.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies until the stream ends, so that the program never waits for a reader.
fn copy_lines(stdout: ChildStdout, mut log: File, ready: &SyncSender<()>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        if line.starts_with("ready ") {
            let _ = ready.try_send(());
        }
    }
}
