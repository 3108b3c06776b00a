//! The ways to do the same work, and how pgbench does four of them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::cluster::{PORT, ROLE};
use super::processes::Cpu;
use super::report::Sample;
use crate::run::{self, Failure, Outcome};

/// A way to read one row as one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// BEGIN, set_config, SELECT, COMMIT to PostgreSQL, one after the other.
    FourDirect,
    /// The same in one round trip.
    PipelinedDirect,
    /// The four statements through PgBouncer.
    FourBouncer,
    /// The four statements as one text through PgBouncer.
    OneTripBouncer,
    /// One POST to the Data API with a JWT.
    Gateway,
}

/// What pgbench runs.
#[derive(Debug)]
pub struct Script {
    file: &'static str,
    mode: &'static str,
}

/// How long a client of pgbench may take until it is connected; most of it is PostgreSQL's fork.
const CONNECTING: Duration = Duration::from_millis(4);
/// The least for all of them.
const CONNECTING_MIN: Duration = Duration::from_millis(250);

impl Way {
    /// In the order of the table.
    pub const ALL: [Way; 5] = [
        Way::FourDirect,
        Way::PipelinedDirect,
        Way::FourBouncer,
        Way::OneTripBouncer,
        Way::Gateway,
    ];

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Way::FourDirect => "four, direct",
            Way::PipelinedDirect => "pipelined, direct",
            Way::FourBouncer => "four, PgBouncer",
            Way::OneTripBouncer => "one trip, PgBouncer",
            Way::Gateway => "gateway",
        }
    }

    /// Whether it goes through PgBouncer.
    pub fn through_bouncer(self) -> bool {
        matches!(self, Way::FourBouncer | Way::OneTripBouncer)
    }

    /// Direct ways use prepared statements, the fastest that pgbench has; through a transaction
    /// pooler they are not to be had before PgBouncer 1.21, and texts of several statements never.
    pub fn pgbench(self) -> Option<Script> {
        let (file, mode) = match self {
            Way::FourDirect => ("four-statements.sql", "prepared"),
            Way::PipelinedDirect => ("pipelined.sql", "prepared"),
            Way::FourBouncer => ("four-statements.sql", "simple"),
            Way::OneTripBouncer => ("one-round-trip.sql", "simple"),
            Way::Gateway => return None,
        };
        Some(Script { file, mode })
    }
}

impl Script {
    /// Runs pgbench with so many clients for so long. CPU is looked at between two moments when all
    /// of them are connected and at work: connecting is not what is measured.
    pub fn measure(
        &self,
        mut pgbench: Command,
        scripts: &Path,
        connections: usize,
        time: Duration,
        cpu: impl Fn(u32) -> Outcome<Cpu>,
    ) -> Outcome<Sample> {
        let clients = u32::try_from(connections).unwrap_or(u32::MAX);
        let connecting = CONNECTING_MIN.max(CONNECTING.saturating_mul(clients));
        // Its clock starts before its clients connect, and knows whole seconds only.
        let seconds = (connecting + time).as_secs_f64().ceil();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        pgbench.args(["--no-vacuum", "--protocol", self.mode, "--username", ROLE]);
        pgbench.args(["--port", &PORT.to_string(), "--client", &connections.to_string()]);
        pgbench.args(["--jobs", &cores.min(connections).to_string()]);
        pgbench.args(["--time", &seconds.to_string()]);
        pgbench.arg("--file").arg(scripts.join(self.file)).arg("postgres");
        let shown = run::shown(&pgbench);
        let failed = |text: String| Failure::new(format!("`{shown}` {text}"));

        let child = pgbench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|error| failed(format!("does not start: {error}")))?;
        run::pause(connecting);
        let (start, before) = (Instant::now(), cpu(child.id())?);
        run::pause(time);
        let (window, used) = (start.elapsed(), cpu(child.id())?.since(&before));
        let output = child.wait_with_output();
        let output = output.map_err(|error| failed(format!("is lost: {error}")))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let summary = Summary::parse(&text).ok_or_else(|| {
            failed(format!("printed no result:\n{text}{}", String::from_utf8_lossy(&output.stderr)))
        })?;
        Ok(Sample::of_pgbench(&summary, &used.per(summary.rate * window.as_secs_f64())))
    }
}

/// What pgbench prints at the end (<https://www.postgresql.org/docs/current/pgbench.html>).
#[derive(Debug, PartialEq)]
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
}

fn first_number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
