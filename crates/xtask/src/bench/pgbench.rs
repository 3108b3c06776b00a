//! pgbench: one process of it or several side by side, and what they and the servers use meanwhile.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::processes::Cpu;
use super::report::Sample;
use crate::run::{self, Failure, Outcome};

/// How long a client of pgbench may take until it is connected; most of it is PostgreSQL's fork.
const CONNECTING: Duration = Duration::from_millis(4);
/// The least for all of them.
const CONNECTING_MIN: Duration = Duration::from_millis(250);

/// What pgbench runs, with how many clients, for how long.
#[derive(Debug, Clone, Copy)]
pub struct Load<'a> {
    /// The script.
    pub script: &'a Path,
    /// `simple`, `extended` or `prepared`.
    pub mode: &'a str,
    /// Clients of all processes together.
    pub connections: usize,
    /// How long they are watched.
    pub time: Duration,
}

impl Load<'_> {
    /// Runs it with these processes, which know where to connect and as whom, and share the
    /// clients. CPU is looked at between two moments when all of them are connected and at work:
    /// connecting is not what is measured.
    pub fn run(
        &self,
        processes: Vec<Command>,
        cpu: impl Fn(&[u32]) -> Outcome<Cpu>,
    ) -> Outcome<Sample> {
        let count = processes.len().min(self.connections).max(1);
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        let connecting = CONNECTING_MIN.max(CONNECTING.saturating_mul(all));
        let mut running = Vec::new();
        for (index, mut pgbench) in processes.into_iter().take(count).enumerate() {
            let clients = self.connections / count + usize::from(index < self.connections % count);
            self.say(&mut pgbench, clients, count, connecting);
            running.push(Running::start(pgbench)?);
        }
        let pids: Vec<u32> = running.iter().map(|running| running.child.id()).collect();
        run::pause(connecting);
        let (start, before) = (Instant::now(), cpu(&pids)?);
        run::pause(self.time);
        let (window, used) = (start.elapsed(), cpu(&pids)?.since(&before));
        let summaries = running.into_iter().map(Running::end).collect::<Outcome<Vec<_>>>()?;
        let summary = Summary::together(&summaries);
        Ok(Sample::of_pgbench(&summary, &used.per(summary.rate * window.as_secs_f64())))
    }

    fn say(&self, pgbench: &mut Command, clients: usize, processes: usize, connecting: Duration) {
        // Its clock starts before its clients connect, and knows whole seconds only.
        let seconds = (connecting + self.time).as_secs_f64().ceil();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = (cores / processes).max(1).min(clients);
        pgbench.args(["--no-vacuum", "--protocol", self.mode]);
        pgbench.args(["--client", &clients.to_string(), "--jobs", &jobs.to_string()]);
        pgbench.args(["--time", &seconds.to_string()]);
        pgbench.arg("--file").arg(self.script).arg("postgres");
    }
}

/// A process at work.
struct Running {
    child: Child,
    shown: String,
}

impl Running {
    fn start(mut pgbench: Command) -> Outcome<Running> {
        let shown = run::shown(&pgbench);
        let child = pgbench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child =
            child.map_err(|error| Failure::new(format!("`{shown}` does not start: {error}")))?;
        Ok(Running { child, shown })
    }

    fn end(self) -> Outcome<Summary> {
        let Running { child, shown } = self;
        let failed = |text: String| Failure::new(format!("`{shown}` {text}"));
        let output = child.wait_with_output();
        let output = output.map_err(|error| failed(format!("is lost: {error}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Summary::parse(&text).filter(|_| output.status.success()).ok_or_else(|| {
            let errors = String::from_utf8_lossy(&output.stderr);
            failed(format!("printed no result:\n{text}{errors}"))
        })
    }
}

/// What pgbench prints at the end (<https://www.postgresql.org/docs/current/pgbench.html>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Transactions for each second, without the time it took to connect.
    pub rate: f64,
    /// How long one took.
    pub average_ms: f64,
}

impl Summary {
    /// The lines that matter; none when transactions failed.
    pub fn parse(text: &str) -> Option<Summary> {
        let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
        let failed = after("number of failed transactions: ").and_then(first_number);
        if failed.is_some_and(|failed| failed > 0.0) {
            return None;
        }
        let rate = first_number(after("tps = ")?)?;
        let average_ms = first_number(after("latency average = ")?)?;
        (rate > 0.0).then_some(Summary { rate, average_ms })
    }

    /// What several processes came to: each transaction counts the same in the average.
    pub fn together(all: &[Summary]) -> Summary {
        let rate: f64 = all.iter().map(|one| one.rate).sum();
        let weighed: f64 = all.iter().map(|one| one.rate * one.average_ms).sum();
        Summary { rate, average_ms: weighed / rate.max(f64::MIN_POSITIVE) }
    }
}

fn first_number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
