//! `cargo xtask bench --wire`: the PostgreSQL door against PgBouncer in transaction mode, by
//! pgbench in the ways that it can talk.
//!
//! Each transaction reads one row as one tenant. Through PgBouncer the client names its tenant
//! itself, as four statements, as one text or in a pipeline; through the door it sends the
//! statement alone, for the tenant is its credential's. Two processes of pgbench share the clients
//! in every way, and at the door each is another tenant.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bouncer::Bouncer;
use super::cluster::{Cluster, PORT, ROLE};
use super::door::Door;
use super::options::Options;
use super::pgbench::Load;
use super::processes::Cpu;
use super::report::{Sample, machine};
use super::{WARM_UP, program};
use crate::run::{Failure, Outcome};
use crate::scratch::Scratch;
use crate::{setup, terminal};

mod table;

use table::Table;

/// pgbench's processes, and tenants at the door.
const PROCESSES: usize = 2;
/// Clients of the run before all others.
const WARM_CLIENTS: usize = 16;

/// Who is in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Middle {
    /// Nobody.
    Nobody,
    /// PgBouncer.
    Bouncer,
    /// The gateway.
    Door,
}

/// A way to read a row as a tenant.
#[derive(Debug)]
pub struct Way {
    /// For the table.
    pub name: &'static str,
    /// Who is in the middle.
    pub middle: Middle,
    /// `simple`, `extended` or `prepared`.
    pub mode: &'static str,
    script: &'static str,
    /// What the door is compared with for this way of talking; of the door's own ways, with what.
    pub against: &'static [&'static str],
}

const fn way(
    name: &'static str,
    middle: Middle,
    mode: &'static str,
    script: &'static str,
    against: &'static [&'static str],
) -> Way {
    Way { name, middle, mode, script, against }
}

/// In the order of the table. Texts of several statements go by the simple protocol only.
pub const WAYS: [Way; 10] = [
    way("four, direct", Middle::Nobody, "prepared", "four-statements.sql", &[]),
    way("four, PgBouncer, simple", Middle::Bouncer, "simple", "four-statements.sql", &[]),
    way("four, PgBouncer, extended", Middle::Bouncer, "extended", "four-statements.sql", &[]),
    way("one text, PgBouncer, simple", Middle::Bouncer, "simple", "one-round-trip.sql", &[]),
    way("pipeline, PgBouncer, extended", Middle::Bouncer, "extended", "pipelined.sql", &[]),
    way("pipeline, PgBouncer, prepared", Middle::Bouncer, "prepared", "pipelined.sql", &[]),
    way("no tenant, PgBouncer, simple", Middle::Bouncer, "simple", "alone.sql", &[]),
    way(
        "door, simple",
        Middle::Door,
        "simple",
        "alone.sql",
        &["four, PgBouncer, simple", "one text, PgBouncer, simple", "no tenant, PgBouncer, simple"],
    ),
    way(
        "door, extended",
        Middle::Door,
        "extended",
        "alone.sql",
        &["four, PgBouncer, extended", "pipeline, PgBouncer, extended"],
    ),
    way(
        "door, prepared",
        Middle::Door,
        "prepared",
        "alone.sql",
        &["pipeline, PgBouncer, extended", "pipeline, PgBouncer, prepared"],
    ),
];

/// Runs it, prints its tables and writes its JSON.
pub fn run(root: &Path, options: &Options) -> Outcome {
    let postgres = setup::postgres()?;
    let gateway = program(root, options)?;
    let scripts = root.join("bench");
    let folder = Scratch::create("bench")?;
    let cluster = Cluster::start(&postgres, folder.path(), &scripts.join("schema.sql"))?;
    let pgbouncer = Bouncer::program()?.ok_or_else(|| {
        Failure::new(format!("no PgBouncer to compare with: {}", setup::how_to("pgbouncer")))
    })?;
    let bouncer = Bouncer::start(&pgbouncer, folder.path(), &cluster)?;
    let door = Door::start(&gateway, folder.path(), &cluster, None)?;
    let tokens = (1..=PROCESSES).map(|tenant| door.token(tenant)).collect::<Outcome<_>>()?;
    let bench = Bench { cluster, bouncer, door, tokens, scripts };
    let mut table = Table::new(machine(root, options, postgres.major));
    let outcome = bench.measure(options, &mut table);
    bench.door.stop()?;
    outcome?;
    terminal::print(table.text());
    let json = options.json.clone().unwrap_or_else(|| root.join("target/bench-wire.json"));
    fs::write(&json, table.json())
        .map_err(|error| Failure::new(format!("{}: {error}", json.display())))?;
    terminal::line(format!("written to {}", json.display()));
    Ok(())
}

/// Everything that runs while it is measured.
struct Bench {
    cluster: Cluster,
    bouncer: Bouncer,
    door: Door,
    tokens: Vec<String>,
    scripts: PathBuf,
}

impl Bench {
    fn measure(&self, options: &Options, table: &mut Table) -> Outcome {
        let ways = || WAYS.iter().filter(|way| self.can(way));
        for way in ways() {
            self.sample(way, WARM_CLIENTS, &Options { time: WARM_UP, ..options.clone() })?;
        }
        for round in 1..=options.rounds {
            terminal::heading(&format!("round {round} of {}", options.rounds));
            for &connections in &options.connections {
                for way in ways() {
                    let sample = self.sample(way, connections, options)?;
                    let (name, rate) = (way.name, sample.rate());
                    terminal::line(format!("{name:<30} c={connections:<4} {rate:>8.0}/s"));
                    table.add(way, connections, sample);
                }
            }
        }
        Ok(())
    }

    /// Prepared statements go through some versions of PgBouncer only.
    fn can(&self, way: &Way) -> bool {
        way.middle != Middle::Bouncer || way.mode != "prepared" || self.bouncer.keeps_statements()
    }

    fn sample(&self, way: &Way, connections: usize, options: &Options) -> Outcome<Sample> {
        let script = self.scripts.join(way.script);
        let load = Load { script: &script, mode: way.mode, connections, time: options.time };
        let processes = self.tokens.iter().map(|token| self.pgbench(way.middle, token)).collect();
        let (door, bouncer) = (self.door.pid(), self.bouncer.pid());
        load.run(processes, |pids| Cpu::now(door, self.cluster.pid(), Some(bouncer), pids))
    }

    /// PgBouncer and the door are reached over loopback, PostgreSQL itself over its socket.
    fn pgbench(&self, middle: Middle, token: &str) -> Command {
        let mut command = self.cluster.client("pgbench");
        command.env("PGSSLMODE", "disable").arg("--username").arg(ROLE);
        let address = match middle {
            Middle::Nobody => {
                command.arg("--host").arg(self.cluster.socket_folder());
                command.args(["--port", &PORT.to_string()]);
                return command;
            }
            Middle::Bouncer => self.bouncer.address(),
            Middle::Door => self.door.wire(),
        };
        if middle == Middle::Door {
            command.env("PGPASSWORD", token);
        }
        command.args(["--host", &address.ip().to_string()]);
        command.args(["--port", &address.port().to_string()]);
        command
    }
}
