//! The numbers of `--wire`: rates, CPU per transaction, and the door against PgBouncer.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Middle, WAYS, Way};
use crate::bench::processes::Cpu;
use crate::bench::report::{Sample, median, round};

/// The least that the door's rate is to be of PgBouncer's, and the most that its CPU is to be.
const RATE_RATIO_MIN: f64 = 1.3;
const CPU_RATIO_MAX: f64 = 1.5;
/// Where that is asked for: enough clients to keep two cores busy.
const GOALS_AT: [usize; 2] = [16, 64];

/// All samples, in the order of the rounds.
#[derive(Debug)]
pub struct Table {
    machine: Value,
    samples: BTreeMap<(&'static str, usize), Vec<Sample>>,
}

/// The door against another way: medians of the ratios within each round.
struct Ratio {
    door: &'static Way,
    against: &'static str,
    connections: usize,
    rate: f64,
    cpu: f64,
}

impl Table {
    /// Without samples.
    pub fn new(machine: Value) -> Table {
        Table { machine, samples: BTreeMap::new() }
    }

    /// One more sample of a way.
    pub fn add(&mut self, way: &'static Way, connections: usize, sample: Sample) {
        self.samples.entry((way.name, connections)).or_default().push(sample);
    }

    /// Everything for a person.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let rate = |sample: &Sample| sample.rate();
        self.columns(&mut text, "transactions/s", 0, WAYS.iter(), |_, sample| rate(sample));
        let through = || WAYS.iter().filter(|way| way.middle != Middle::Nobody);
        let title = "µs of CPU in the middle";
        self.columns(&mut text, title, 1, through(), |way, sample| middle(way, sample.cpu()));
        let title = "µs of CPU in PostgreSQL";
        self.columns(&mut text, title, 1, WAYS.iter(), |_, sample| sample.cpu().postgres);
        let _ = writeln!(text, "\n{:<52}{:>10}{:>10}", "door against", "rate", "CPU");
        for ratio in self.ratios() {
            let Ratio { door, against, connections, rate, cpu } = ratio;
            let name = format!("{}: {against}, c={connections}", door.mode);
            let goal = GOALS_AT.contains(&connections) && !against.starts_with("no tenant");
            let low = if goal && rate < RATE_RATIO_MIN { "  rate below" } else { "" };
            let high = if goal && cpu > CPU_RATIO_MAX { "  CPU above" } else { "" };
            let _ = writeln!(text, "{name:<52}{rate:>10.2}{cpu:>10.2}{low}{high}");
        }
        let at = GOALS_AT.map(|c| c.to_string()).join(" and ");
        let _ = writeln!(
            text,
            "goals at c={at}: rate at least {RATE_RATIO_MIN}, CPU at most {CPU_RATIO_MAX}"
        );
        text
    }

    /// Everything for a program.
    pub fn json(&self) -> String {
        let ways = WAYS.iter().flat_map(|way| {
            self.connections().into_iter().filter_map(|connections| {
                let samples = self.samples.get(&(way.name, connections))?;
                let each: Vec<Value> = samples.iter().map(Sample::json).collect();
                Some(json!({
                    "way": way.name,
                    "mode": way.mode,
                    "connections": connections,
                    "transactions_per_second": round(median(samples.iter().map(Sample::rate))),
                    "samples": each,
                }))
            })
        });
        let ratios = self.ratios().into_iter().map(|ratio| {
            json!({
                "door": ratio.door.name,
                "against": ratio.against,
                "connections": ratio.connections,
                "rate": round(ratio.rate),
                "cpu": round(ratio.cpu),
            })
        });
        let all = json!({
            "machine": self.machine,
            "ways": ways.collect::<Vec<_>>(),
            "ratios": ratios.collect::<Vec<_>>(),
        });
        format!("{all:#}\n")
    }

    fn columns(
        &self,
        text: &mut String,
        title: &str,
        digits: usize,
        ways: impl Iterator<Item = &'static Way>,
        value: impl Fn(&Way, &Sample) -> f64,
    ) {
        let _ = write!(text, "\n{title:<30}");
        for c in self.connections() {
            let _ = write!(text, "{:>10}", format!("c={c}"));
        }
        let _ = writeln!(text);
        for way in ways {
            let of = |c| self.samples.get(&(way.name, c));
            if self.connections().into_iter().all(|c| of(c).is_none()) {
                continue;
            }
            let _ = write!(text, "{:<30}", way.name);
            for c in self.connections() {
                let samples = of(c).map(Vec::as_slice).unwrap_or_default();
                let middle = median(samples.iter().map(|sample| value(way, sample)));
                let _ = write!(text, "{middle:>10.digits$}");
            }
            let _ = writeln!(text);
        }
    }

    fn ratios(&self) -> Vec<Ratio> {
        let mut ratios = Vec::new();
        for door in WAYS.iter().filter(|way| way.middle == Middle::Door) {
            for against in door.against {
                ratios.extend(self.connections().into_iter().filter_map(|connections| {
                    let own = self.samples.get(&(door.name, connections))?;
                    let other = self.samples.get(&(*against, connections))?;
                    let pairs = || own.iter().zip(other);
                    let rate = median(pairs().map(|(own, other)| own.rate() / other.rate()));
                    let cpu = |(own, other): (&Sample, &Sample)| {
                        own.cpu().gateway / other.cpu().bouncer.max(f64::EPSILON)
                    };
                    let cpu = median(pairs().map(cpu));
                    Some(Ratio { door, against, connections, rate, cpu })
                }));
            }
        }
        ratios
    }

    fn connections(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.samples.keys().map(|(_, c)| *c).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What whoever is in the middle has used.
fn middle(way: &Way, cpu: &Cpu) -> f64 {
    match way.middle {
        Middle::Nobody => 0.0,
        Middle::Bouncer => cpu.bouncer,
        Middle::Door => cpu.gateway,
    }
}
