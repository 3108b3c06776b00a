//! `cargo xtask bench`: one piece of work, done in five ways, in turns, on the same PostgreSQL.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::gateway::{Profile, build};
use crate::run::{self, Failure, Outcome};
use crate::scratch::Scratch;
use crate::{setup, terminal};

mod bouncer;
mod cluster;
mod door;
mod generator;
mod options;
mod processes;
mod report;
mod sealed;
mod way;

use bouncer::Bouncer;
use cluster::Cluster;
use door::Door;
use generator::{Beside, Generator};
use options::Options;
use processes::Cpu;
use report::{Report, Sample};
use way::Way;

/// Caches fill, statements are prepared, connections open: not what is measured.
const WARM_UP: Duration = Duration::from_millis(700);
/// The concurrency of the part about slow neighbours.
const NEIGHBOURS: usize = 64;

/// Runs the benchmark, prints its tables and writes its JSON.
pub fn run(root: &Path, arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    if cfg!(debug_assertions) {
        return again_as_release(root, arguments);
    }
    if options.sealed {
        return sealed::run(root, &options);
    }
    let postgres = setup::postgres()?;
    let gateway = build(root, Profile::Release)?;
    let scripts = root.join("bench");
    let folder = Scratch::create("bench")?;
    let cluster = Cluster::start(&postgres, folder.path(), &scripts.join("schema.sql"))?;
    let bouncer = match Bouncer::program()? {
        Some(program) => Some(Bouncer::start(&program, folder.path(), &cluster)?),
        None => {
            terminal::line(format!(
                "no PgBouncer here, no rows of it: {}",
                setup::how_to("pgbouncer")
            ));
            None
        }
    };
    let door = Door::start(&gateway, folder.path(), &cluster, None)?;
    let bench = Bench { cluster, bouncer, door, scripts };
    let mut report = Report::new(root, &options, postgres.major);
    let outcome = bench.measure(&options, &mut report);
    bench.stop()?;
    outcome?;
    terminal::print(report.tables());
    let json = options.json.unwrap_or_else(|| root.join("target/bench.json"));
    fs::write(&json, report.json())
        .map_err(|error| Failure::new(format!("{}: {error}", json.display())))?;
    terminal::line(format!("written to {}", json.display()));
    Ok(())
}

/// Everything that runs while it is measured.
struct Bench {
    cluster: Cluster,
    bouncer: Option<Bouncer>,
    door: Door,
    scripts: PathBuf,
}

impl Bench {
    fn measure(&self, options: &Options, report: &mut Report) -> Outcome {
        let generator = self.generator()?;
        generator.run(NEIGHBOURS, WARM_UP, Beside::Nothing)?;
        for round in 1..=options.rounds {
            terminal::heading(&format!("round {round} of {}", options.rounds));
            for &connections in &options.connections {
                for way in Way::ALL {
                    let Some(sample) = self.sample(&generator, way, connections, options)? else {
                        continue;
                    };
                    let name = way.name();
                    terminal::line(format!(
                        "{name:<20} c={connections:<4} {:>8.0}/s",
                        sample.rate()
                    ));
                    report.add(way, connections, sample);
                }
            }
            let slow = generator.run(NEIGHBOURS, options.time, Beside::SlowStatements)?;
            let pauses = Beside::Pauses(slow.slow_mean());
            let alone = generator.run(NEIGHBOURS, options.time, pauses)?;
            for (beside, load) in [(Beside::SlowStatements, slow), (pauses, alone)] {
                terminal::line(format!("{:<27} p99 {:>6} µs", beside.name(), load.quantile(0.99)));
                report.add_beside(beside, &load);
            }
        }
        report.memory(processes::memory_kib(self.door.pid()));
        Ok(())
    }

    /// One way once; nothing where the way needs what is not here.
    fn sample(
        &self,
        generator: &Generator,
        way: Way,
        connections: usize,
        options: &Options,
    ) -> Outcome<Option<Sample>> {
        let Some(script) = way.pgbench() else {
            let before = self.cpu(std::process::id())?;
            let load = generator.run(connections, options.time, Beside::Nothing)?;
            let used = self.cpu(std::process::id())?.since(&before);
            return Ok(Some(Sample::of(&load, &used)));
        };
        let Some(host) = self.host(way) else { return Ok(None) };
        let mut pgbench = self.cluster.client("pgbench");
        pgbench.arg("--host").arg(host);
        let cpu = |pgbench| self.cpu(pgbench);
        let time = options.time;
        script.measure(pgbench, &self.scripts, connections, time, cpu).map(Some)
    }

    /// The folder of the socket that a way of pgbench goes to.
    fn host(&self, way: Way) -> Option<&Path> {
        if !way.through_bouncer() {
            return Some(self.cluster.socket_folder());
        }
        self.bouncer.as_ref().map(Bouncer::socket_folder)
    }

    fn cpu(&self, generator: u32) -> Outcome<Cpu> {
        let bouncer = self.bouncer.as_ref().map(Bouncer::pid);
        Cpu::now(self.door.pid(), self.cluster.pid(), bouncer, generator)
    }

    fn generator(&self) -> Outcome<Generator> {
        let tokens = (1..=cluster::TENANTS).map(|tenant| self.door.token(tenant));
        let tokens = tokens.collect::<Outcome<Vec<String>>>()?;
        Ok(Generator::new(self.door.address(), &tokens, "postgres"))
    }

    fn stop(self) -> Outcome {
        self.door.stop()?;
        drop(self.bouncer);
        drop(self.cluster);
        Ok(())
    }
}

/// A generator that was built for debugging would be the slowest thing on the machine.
fn again_as_release(root: &Path, arguments: &[String]) -> Outcome {
    let mut command = run::cargo(root);
    command.args(["run", "--quiet", "--release", "--package", "xtask", "--", "bench"]);
    let error = command.args(arguments).exec();
    Err(Failure::new(format!("`{}` does not start: {error}", run::shown(&command))))
}

#[cfg(test)]
mod tests;
