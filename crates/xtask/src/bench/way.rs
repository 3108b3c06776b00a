//! The ways to do the same work, and how pgbench does four of them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cluster::{Cluster, PORT, ROLE};
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
    /// pgbench with so many clients, on as many threads as there are cores for them.
    pub fn command(
        &self,
        cluster: &Cluster,
        host: &Path,
        scripts: &Path,
        connections: usize,
        time: Duration,
    ) -> Command {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = cluster.client("pgbench");
        command.args(["--no-vacuum", "--protocol", self.mode, "--username", ROLE]);
        command.arg("--host").arg(host).args(["--port", &PORT.to_string()]);
        command.args(["--client", &connections.to_string()]);
        command.args(["--jobs", &cores.min(connections).to_string()]);
        command.args(["--time", &time.as_secs().to_string()]);
        command.arg("--file").arg(scripts.join(self.file)).arg("postgres");
        command
    }
}

/// Runs pgbench and reads its summary.
pub fn measure(mut command: Command) -> Outcome<Sample> {
    let text = run::output(&mut command)?;
    let unread = || Failure::new(format!("`{}` printed no result:\n{text}", run::shown(&command)));
    parse(&text).ok_or_else(unread)
}

/// The lines of <https://www.postgresql.org/docs/current/pgbench.html> that matter.
pub fn parse(text: &str) -> Option<Sample> {
    let after = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let failed = after("number of failed transactions: ").and_then(first_number).unwrap_or(0.0);
    if failed > 0.0 {
        return None;
    }
    let requests = first_number(after("number of transactions actually processed: ")?)?;
    let rate = first_number(after("tps = ")?)?;
    let latency = first_number(after("latency average = ")?)?;
    Some(Sample::from_pgbench(requests, rate, latency))
}

fn first_number(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
