//! A program under trial: started, listened to, stopped by its process id.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::wait;

/// A new cluster with its demo data, on a machine that compiles something else meanwhile.
pub const START_MAX: Duration = Duration::from_secs(90);
/// The drain's own deadline, and what stopping PostgreSQL takes.
pub const STOP_MAX: Duration = Duration::from_secs(60);
/// As much of a log as helps on a terminal.
const LOG_LINES_SHOWN: usize = 40;

/// The program under trial.
pub fn rowhouse() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowhouse"));
    // Whoever runs the trials may have settings of their own.
    for name in ["DATABASE_URL", "PGHOST", "PGPORT", "PGSSLMODE", "PGSSLROOTCERT", "PGDATABASE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// `rowhouse dev` on a data directory, with the PostgreSQL that `cargo xtask majors` names.
pub fn dev(directory: &Path) -> Command {
    let mut command = rowhouse();
    command.arg("dev").arg("--data-dir").arg(directory);
    if let Some(folder) = std::env::var_os("ROWHOUSE_TRIALS_PG_BIN") {
        command.arg("--pg-bin").arg(folder);
    }
    command
}

/// Runs a command to its end; gives what it printed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

/// A running program. Dropping it kills it; [`Process::stop`] is the polite way.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    printed: Arc<Mutex<Vec<String>>>,
}

impl Process {
    /// Starts a program; what it says on standard error goes to the log.
    pub fn start(command: &mut Command, log: &Path) -> Process {
        let errors = File::create(log).unwrap();
        let child = command.stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let printed = Arc::new(Mutex::new(Vec::new()));
        let stdout = child.stdout.take().unwrap();
        let lines = Arc::clone(&printed);
        std::thread::spawn(move || collect_lines(stdout, &lines));
        Process { child, log: log.to_owned(), printed }
    }

    /// Waits for a line on standard output that begins like this.
    pub fn wait_for_line(&mut self, beginning: &str) -> String {
        wait::until(&format!("{}: {beginning:?}", self.log.display()), START_MAX, || {
            let printed = self.printed.lock().unwrap();
            let found = printed.iter().find(|line| line.starts_with(beginning)).cloned();
            drop(printed);
            if found.is_none() && self.child.try_wait().unwrap().is_some() {
                panic!("it ended; its log:\n{}", self.last_lines());
            }
            found
        })
    }

    /// Everything printed on standard output so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().join("\n")
    }

    /// Everything said on standard error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The end of the log.
    pub fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default().join("\n")
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.log.display());
        wait::until(&what, STOP_MAX, || self.ended())
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) -> ExitStatus {
        if let Some(status) = self.ended() {
            return status;
        }
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Kills it as nothing can be prepared for.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After its end there is nothing to kill, and nobody needs to know.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is a process of this id.
pub fn is_running(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// Reads until the stream ends, so that the program never waits for a reader.
fn collect_lines(stdout: ChildStdout, lines: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stdout);
    for line in reader.by_ref().lines().map_while(Result::ok) {
        lines.lock().unwrap().push(line);
    }
}
