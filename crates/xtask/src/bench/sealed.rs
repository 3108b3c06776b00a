//! `cargo xtask bench --sealed`: what a sealed context costs, beside a standard one on the same
//! data.
//!
//! With one tenant a connection stays that tenant's, and what is seen is the price of the token and
//! of `rowhouse.tenant()`. With a hundred, each request in the fast lane is mostly another tenant's
//! than the one before it, so that each begins with a `DISCARD ALL`, and is parsed anew: the worst
//! there is.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use super::cluster::{Cluster, GATEWAY_ROLE, SEALED, TENANTS};
use super::door::Door;
use super::generator::{Beside, Generator};
use super::options::Options;
use super::processes::Cpu;
use super::report::{Sample, median};
use super::{NEIGHBOURS, WARM_UP, program};
use crate::run::{self, Outcome};
use crate::scratch::Scratch;
use crate::{setup, terminal};

/// Context and tenants; each sealed one stands behind the standard one that it is compared with.
const WAYS: [(&str, &str, usize); 4] = [
    ("standard, one tenant", "postgres", 1),
    ("sealed, one tenant", SEALED, 1),
    ("standard, 100 tenants", "postgres", TENANTS),
    ("sealed, 100 tenants", SEALED, TENANTS),
];

/// Runs it and prints its table.
pub fn run(root: &Path, options: &Options) -> Outcome {
    let postgres = setup::postgres()?;
    let gateway = program(root, options)?;
    let folder = Scratch::create("bench")?;
    let schema = root.join("bench/schema.sql");
    let cluster = Cluster::start(&postgres, folder.path(), &schema)?;
    cluster.add_database(SEALED, &schema)?;
    let keys = folder.path().join("keys.json");
    seal(&gateway, &cluster, &keys)?;
    let door = Door::start(&gateway, folder.path(), &cluster, Some(&keys))?;
    let mut text = String::new();
    for &connections in &options.connections {
        let rounds = measure(&cluster, &door, connections, options)?;
        table(&mut text, connections, &rounds);
    }
    door.stop()?;
    drop(cluster);
    terminal::print(text);
    Ok(())
}

/// With the gateway's own commands. The policy that reads a setting goes first, so that both
/// databases have one policy each.
fn seal(gateway: &Path, cluster: &Cluster, keys: &Path) -> Outcome {
    cluster.query(SEALED, "drop policy tenant_isolation on item")?;
    let url = cluster.url(SEALED);
    let mut apply = Command::new(gateway);
    apply.args(["rls", "apply", "--sealed", "--shape", "plain", "--app-role", GATEWAY_ROLE]);
    run::output(apply.args(["--database-url", &url]))?;
    let mut rotate = Command::new(gateway);
    rotate.args(["keys", "rotate", "--database-url", &url, "--keys-file"]).arg(keys);
    run::output(&mut rotate).map(drop)
}

/// All ways in turns: a sample of each for every round.
fn measure(
    cluster: &Cluster,
    door: &Door,
    connections: usize,
    options: &Options,
) -> Outcome<Vec<Vec<Sample>>> {
    let tokens =
        (1..=TENANTS).map(|tenant| door.token(tenant)).collect::<Outcome<Vec<String>>>()?;
    let generators = WAYS.map(|(_, database, tenants)| {
        let tokens = tokens.get(..tenants).unwrap_or_default();
        Generator::new(door.address(), tokens, database)
    });
    for generator in &generators {
        generator.run(NEIGHBOURS.min(connections), WARM_UP, Beside::Nothing)?;
    }
    let mut rounds = Vec::new();
    for round in 1..=options.rounds {
        terminal::heading(&format!("c={connections}, round {round} of {}", options.rounds));
        let mut samples = Vec::new();
        for ((name, ..), generator) in WAYS.iter().zip(&generators) {
            let now = || Cpu::now(door.pid(), cluster.pid(), None, &[std::process::id()]);
            let before = now()?;
            let load = generator.run(connections, options.time, Beside::Nothing)?;
            let sample = Sample::of(&load, &now()?.since(&before));
            terminal::line(format!("{name:<22} {:>8.0}/s", sample.rate()));
            samples.push(sample);
        }
        rounds.push(samples);
    }
    Ok(rounds)
}

/// Medians over the rounds; a ratio is taken within each round.
fn table(text: &mut String, connections: usize, rounds: &[Vec<Sample>]) {
    let _ = writeln!(text, "\nc={connections:<24} requests/s   ratio   database µs   ratio");
    for (index, (name, ..)) in WAYS.iter().enumerate() {
        let of = |value: &dyn Fn(&Sample) -> f64, at: usize| {
            rounds.iter().filter_map(|round| round.get(at)).map(value).collect::<Vec<f64>>()
        };
        let column = |value: &dyn Fn(&Sample) -> f64| {
            let own = of(value, index);
            let other = of(value, index - index % 2);
            let ratios = own.iter().zip(&other).map(|(own, other)| own / other);
            (median(own.iter().copied()), median(ratios))
        };
        let (rate, rate_ratio) = column(&Sample::rate);
        let (cpu, cpu_ratio) = column(&Sample::database_us);
        let _ = writeln!(
            text,
            "{name:<26} {rate:>10.0}  {rate_ratio:>6.2}  {cpu:>12.1}  {cpu_ratio:>6.2}"
        );
    }
}
