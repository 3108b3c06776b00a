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
mod idle;
mod options;
mod pgbench;
mod processes;
mod report;
mod sealed;
mod way;
mod wire;

use bouncer::Bouncer;
use cluster::{Cluster, PORT, ROLE};
use door::Door;
use generator::{Beside, Generator};
use options::{Options, Part};
use pgbench::Load;
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
    if let Part::Idle(count) = options.part {
        return idle::run(root, &options, count);
    }
    if cfg!(debug_assertions) {
        return again_as_release(root, arguments);
    }
    match options.part {
        Part::Doors => doors(root, &options),
        Part::Sealed => sealed::run(root, &options),
        Part::Wire => wire::run(root, &options),
        Part::Idle(count) => idle::run(root, &options, count),
    }
}

/// The program that was named, or one that is built now.
fn program(root: &Path, options: &Options) -> Outcome<PathBuf> {
    match &options.program {
        Some(program) => Ok(program.clone()),
        None => build(root, Profile::Release),
    }
}

fn doors(root: &Path, options: &Options) -> Outcome {
    let postgres = setup::postgres()?;
    let gateway = program(root, options)?;
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
    let mut report = Report::new(root, options, postgres.major);
    let outcome = bench.measure(options, &mut report);
    bench.stop()?;
    outcome?;
    terminal::print(report.tables());
    let json = options.json.clone().unwrap_or_else(|| root.join("target/bench.json"));
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
            let before = self.cpu(&[std::process::id()])?;
            let load = generator.run(connections, options.time, Beside::Nothing)?;
            let used = self.cpu(&[std::process::id()])?.since(&before);
            return Ok(Some(Sample::of(&load, &used)));
        };
        let mut pgbench = self.cluster.client("pgbench");
        pgbench.arg("--username").arg(ROLE);
        let (host, port) = match &self.bouncer {
            _ if !way.through_bouncer() => (self.cluster.socket_folder(), PORT),
            Some(bouncer) => (bouncer.socket_folder(), bouncer.address().port()),
            None => return Ok(None),
        };
        pgbench.arg("--host").arg(host).args(["--port", &port.to_string()]);
        let file = self.scripts.join(script.file);
        let load = Load { script: &file, mode: script.mode, connections, time: options.time };
        load.run(vec![pgbench], |pids| self.cpu(pids)).map(Some)
    }

    fn cpu(&self, generators: &[u32]) -> Outcome<Cpu> {
        let bouncer = self.bouncer.as_ref().map(Bouncer::pid);
        Cpu::now(self.door.pid(), self.cluster.pid(), bouncer, generators)
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
