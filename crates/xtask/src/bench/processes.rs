//! What processes used, from `/proc`
//! (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).

use std::fs;

use crate::run::{Failure, Outcome};

/// Linux counts in hundredths of a second towards programs, whatever the kernel's own tick is.
const MICROSECONDS_PER_TICK: f64 = 10_000.0;

/// CPU time of everything that takes part, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    /// The gateway.
    pub gateway: f64,
    /// PostgreSQL, all its processes, the ended ones too.
    pub postgres: f64,
    /// PgBouncer.
    pub bouncer: f64,
    /// Who asks: this program, or each pgbench.
    pub generator: f64,
}

impl Cpu {
    /// What they have used so far.
    pub fn now(
        gateway: u32,
        postgres: u32,
        bouncer: Option<u32>,
        generators: &[u32],
    ) -> Outcome<Cpu> {
        let own = |pid: &u32| Stat::of(*pid).map(|stat| stat.own());
        Ok(Cpu {
            gateway: Stat::of(gateway)?.own(),
            postgres: family(postgres)?,
            bouncer: bouncer.map_or(Ok(0.0), |pid| Stat::of(pid).map(|stat| stat.own()))?,
            generator: generators.iter().map(own).sum::<Outcome<f64>>()?,
        })
    }

    /// What they have used since then.
    pub fn since(&self, before: &Cpu) -> Cpu {
        Cpu {
            gateway: self.gateway - before.gateway,
            postgres: self.postgres - before.postgres,
            bouncer: self.bouncer - before.bouncer,
            generator: self.generator - before.generator,
        }
    }

    /// The same for each of so many requests.
    pub fn per(&self, requests: f64) -> Cpu {
        Cpu {
            gateway: self.gateway / requests,
            postgres: self.postgres / requests,
            bouncer: self.bouncer / requests,
            generator: self.generator / requests,
        }
    }
}

/// Memory a process holds in RAM; 0 when nobody knows.
pub fn memory_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// One process with its living children; those that ended are in its own numbers already.
fn family(pid: u32) -> Outcome<f64> {
    let parent = Stat::of(pid)?;
    let mut sum = parent.own() + parent.ended_children();
    let entries = fs::read_dir("/proc").map_err(|error| Failure::new(format!("/proc: {error}")))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end between the list and the look; then its parent has its numbers.
        if let Ok(stat) = Stat::of(child)
            && stat.parent == pid
        {
            sum += stat.own();
        }
    }
    Ok(sum)
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Debug, PartialEq)]
pub struct Stat {
    parent: u32,
    ticks: f64,
    children_ticks: f64,
}

impl Stat {
    fn of(pid: u32) -> Outcome<Stat> {
        let path = format!("/proc/{pid}/stat");
        let text =
            fs::read_to_string(&path).map_err(|error| Failure::new(format!("{path}: {error}")))?;
        Stat::parse(&text).ok_or_else(|| Failure::new(format!("{path} is not as Linux writes it")))
    }

    /// The name in brackets may hold anything, brackets too: what counts begins after the last one.
    pub fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<f64>().ok();
        Some(Stat {
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
            children_ticks: number(13)? + number(14)?,
        })
    }

    fn own(&self) -> f64 {
        self.ticks * MICROSECONDS_PER_TICK
    }

    fn ended_children(&self) -> f64 {
        self.children_ticks * MICROSECONDS_PER_TICK
    }
}
