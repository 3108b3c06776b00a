//! Numbers for people and for programs: medians, ratios against the goals, CPU per request.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::generator::{Beside, Load};
use super::options::Options;
use super::pgbench::Summary;
use super::processes::Cpu;
use super::way::Way;
use crate::run;

mod goals;

use goals::GOALS;

/// The clients at which CPU per request is shown: enough to keep two cores busy, few enough to
/// serve.
const CPU_SHOWN_AT: usize = 64;
/// What slow statements may do to the p99 of their fast neighbours.
const BESIDE_RATIO_MAX: f64 = 1.5;

/// One way, once.
#[derive(Debug, Clone)]
pub struct Sample {
    rate: f64,
    /// What pgbench says on its own; the generator knows more.
    average_us: Option<f64>,
    quantiles_us: Option<(u32, u32)>,
    /// What one request cost.
    cpu: Cpu,
}

impl Sample {
    /// From pgbench's summary, and what one request cost.
    pub fn of_pgbench(summary: &Summary, cpu: &Cpu) -> Sample {
        let average_us = Some(summary.average_ms * 1000.0);
        Sample { rate: summary.rate, average_us, quantiles_us: None, cpu: *cpu }
    }

    /// From the generator, and what all of it cost.
    pub fn of(load: &Load, used: &Cpu) -> Sample {
        Sample {
            rate: load.rate(),
            average_us: None,
            quantiles_us: Some((load.quantile(0.5), load.quantile(0.99))),
            cpu: used.per(load.requests() as f64),
        }
    }

    /// Requests for each second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// What one request cost PostgreSQL, in microseconds.
    pub fn database_us(&self) -> f64 {
        self.cpu.postgres
    }

    /// What one request cost each process, in microseconds.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let cpu = &self.cpu;
        json!({
            "requests_per_second": round(self.rate),
            "average_us": self.average_us.map(round),
            "p50_us": self.quantiles_us.map(|both| both.0),
            "p99_us": self.quantiles_us.map(|both| both.1),
            "cpu_us_per_request": {
                "gateway": round(cpu.gateway),
                "postgres": round(cpu.postgres),
                "pgbouncer": round(cpu.bouncer),
                "generator": round(cpu.generator),
            },
        })
    }
}

/// All samples, in the order of the rounds.
#[derive(Debug)]
pub struct Report {
    machine: Value,
    samples: BTreeMap<(Way, usize), Vec<Sample>>,
    /// By what went on beside: rate, p50 and p99 of the fast statements.
    beside: BTreeMap<&'static str, Vec<(f64, u32, u32)>>,
    memory_kib: u64,
}

impl Report {
    /// An empty one, with where and when it is made.
    pub fn new(root: &Path, options: &Options, postgres: u32) -> Report {
        let machine = machine(root, options, postgres);
        let (samples, beside) = (BTreeMap::new(), BTreeMap::new());
        Report { machine, samples, beside, memory_kib: 0 }
    }

    /// One more sample of a way.
    pub fn add(&mut self, way: Way, connections: usize, sample: Sample) {
        self.samples.entry((way, connections)).or_default().push(sample);
    }

    /// One more run with something beside.
    pub fn add_beside(&mut self, beside: Beside, load: &Load) {
        let row = (load.rate(), load.quantile(0.5), load.quantile(0.99));
        self.beside.entry(beside.name()).or_default().push(row);
    }

    /// What the gateway holds in RAM at the end.
    pub fn memory(&mut self, kib: u64) {
        self.memory_kib = kib;
    }

    /// Everything for a person.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        self.rates(&mut text);
        self.cpu(&mut text);
        self.goals(&mut text);
        self.neighbours(&mut text);
        let mib = self.memory_kib as f64 / 1024.0;
        let _ = writeln!(text, "\ngateway's memory at the end: {mib:.1} MiB");
        text
    }

    /// Everything for a program.
    pub fn json(&self) -> String {
        let mut ways = Vec::new();
        for ((way, connections), samples) in &self.samples {
            let each: Vec<Value> = samples.iter().map(Sample::json).collect();
            ways.push(json!({
                "way": way.name(),
                "connections": connections,
                "requests_per_second": round(median(samples.iter().map(Sample::rate))),
                "samples": each,
            }));
        }
        let goals: Vec<Value> = GOALS
            .iter()
            .filter_map(|goal| {
                let ratio = self.ratio(goal.against, goal.connections)?;
                Some(json!({
                    "against": goal.against.name(),
                    "connections": goal.connections,
                    "ratio": round(ratio),
                    "goal": goal.ratio_min,
                }))
            })
            .collect();
        let beside = self.beside.iter().map(|(beside, rows)| {
            let each = rows.iter().map(|(rate, p50, p99)| json!([round(*rate), p50, p99]));
            ((*beside).to_owned(), Value::Array(each.collect()))
        });
        let all = json!({
            "machine": self.machine,
            "ways": ways,
            "ratios": goals,
            "neighbours_rate_p50_p99": Value::Object(beside.collect()),
            "neighbours_p99_ratio": self.beside_ratio().map(round),
            "gateway_memory_kib": self.memory_kib,
        });
        format!("{all:#}\n")
    }

    fn rates(&self, text: &mut String) {
        let connections = self.connections();
        let _ = write!(text, "\n{:<20}", "requests/s");
        for c in &connections {
            let _ = write!(text, "{:>10}", format!("c={c}"));
        }
        let _ = writeln!(text);
        for way in Way::ALL {
            let _ = write!(text, "{:<20}", way.name());
            for &c in &connections {
                let rate = self.of(way, c).map(|samples| median(samples.iter().map(Sample::rate)));
                let _ = write!(
                    text,
                    "{:>10}",
                    rate.map_or("-".to_owned(), |rate| format!("{rate:.0}"))
                );
            }
            let _ = writeln!(text);
        }
        for (name, pick) in [("gateway p50, µs", 0), ("gateway p99, µs", 1)] {
            let _ = write!(text, "{name:<20}");
            for &c in &connections {
                let samples = self.of(Way::Gateway, c).unwrap_or_default();
                let both = samples.iter().filter_map(|sample| sample.quantiles_us);
                let one = both.map(|(p50, p99)| f64::from(if pick == 0 { p50 } else { p99 }));
                let _ = write!(text, "{:>10.0}", median(one));
            }
            let _ = writeln!(text);
        }
    }

    fn cpu(&self, text: &mut String) {
        let title = format!("CPU µs/request, c={CPU_SHOWN_AT}");
        let _ = writeln!(
            text,
            "\n{title:<28}{:>10}{:>12}{:>11}{:>11}",
            "gateway", "PostgreSQL", "PgBouncer", "generator"
        );
        for way in Way::ALL {
            let Some(samples) = self.of(way, CPU_SHOWN_AT) else { continue };
            let middle =
                |part: fn(&Cpu) -> f64| median(samples.iter().map(|sample| part(&sample.cpu)));
            let _ = writeln!(
                text,
                "{:<28}{:>10.1}{:>12.1}{:>11.1}{:>11.1}",
                way.name(),
                middle(|cpu| cpu.gateway),
                middle(|cpu| cpu.postgres),
                middle(|cpu| cpu.bouncer),
                middle(|cpu| cpu.generator),
            );
        }
    }

    fn goals(&self, text: &mut String) {
        let _ = writeln!(text, "\n{:<34}{:>8}{:>8}", "gateway against", "ratio", "goal");
        for goal in &GOALS {
            let Some(ratio) = self.ratio(goal.against, goal.connections) else { continue };
            let name = format!("{}, c={}", goal.against.name(), goal.connections);
            let verdict = if ratio >= goal.ratio_min { "" } else { "  below" };
            let _ = writeln!(text, "{name:<34}{ratio:>8.2}{:>8.2}{verdict}", goal.ratio_min);
        }
    }

    fn neighbours(&self, text: &mut String) {
        let title = "fast statements, c=64";
        let _ = writeln!(text, "\n{title:<28}{:>10}{:>10}{:>10}", "req/s", "p50 µs", "p99 µs");
        for (beside, rows) in &self.beside {
            let _ = writeln!(
                text,
                "{:<28}{:>10.0}{:>10.0}{:>10.0}",
                beside,
                median(rows.iter().map(|row| row.0)),
                median(rows.iter().map(|row| f64::from(row.1))),
                median(rows.iter().map(|row| f64::from(row.2))),
            );
        }
        if let Some(ratio) = self.beside_ratio() {
            let verdict = if ratio <= BESIDE_RATIO_MAX { "" } else { "  above" };
            let _ = writeln!(
                text,
                "p99 beside slow ÷ beside pauses: {ratio:.2} (goal ≤ {BESIDE_RATIO_MAX}){verdict}"
            );
        }
    }

    fn of(&self, way: Way, connections: usize) -> Option<&[Sample]> {
        self.samples.get(&(way, connections)).map(Vec::as_slice)
    }

    fn connections(&self) -> Vec<usize> {
        let mut all: Vec<usize> =
            self.samples.keys().map(|(_, connections)| *connections).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The gateway's rate over another way's, taken within each round, so that drift cancels out.
    fn ratio(&self, against: Way, connections: usize) -> Option<f64> {
        let gateway = self.of(Way::Gateway, connections)?;
        let other = self.of(against, connections)?;
        Some(median(gateway.iter().zip(other).map(|(own, other)| own.rate / other.rate)))
    }

    fn beside_ratio(&self) -> Option<f64> {
        let slow = self.beside.get(Beside::SlowStatements.name())?;
        let pauses = self.beside.get(Beside::Pauses(Duration::ZERO).name())?;
        let pairs = slow.iter().zip(pauses);
        Some(median(pairs.map(|(slow, pause)| f64::from(slow.2) / f64::from(pause.2.max(1)))))
    }
}

/// Where and when something is measured.
pub fn machine(root: &Path, options: &Options, postgres: u32) -> Value {
    let line = |command: &mut Command| {
        run::output(command).map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let mut git = Command::new("git");
    git.current_dir(root).args(["rev-parse", "--short", "HEAD"]);
    json!({
        "date": line(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        "commit": line(&mut git),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": line(Command::new("uname").arg("-srm")),
        "postgres": postgres,
        "rounds": options.rounds,
        "seconds": options.time.as_secs(),
    })
}

/// The middle one, or the middle between the two middle ones; 0 of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        at(middle)
    } else {
        (at(middle.saturating_sub(1)) + at(middle)) / 2.0
    }
}

/// With two digits behind the point.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
