//! What the benchmark can be told.

use std::path::PathBuf;
use std::time::Duration;

use crate::run::{Failure, Outcome};

/// Below five, one disturbed round is too much of a median.
const ROUNDS: usize = 5;
const SECONDS: u64 = 3;
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// What the benchmark can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How often every way has its turn.
    pub rounds: usize,
    /// How long a turn is.
    pub time: Duration,
    /// How many clients at once.
    pub connections: Vec<usize>,
    /// Where the numbers go.
    pub json: Option<PathBuf>,
    /// What is measured.
    pub part: Part,
    /// A gateway that was built already.
    pub program: Option<PathBuf>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The Data API against what applications do without it.
    Doors,
    /// A sealed context against a standard one.
    Sealed,
    /// The PostgreSQL door against PgBouncer.
    Wire,
    /// Memory of so many idle clients of the PostgreSQL door.
    Idle(usize),
}

impl Options {
    /// `--rounds N --seconds N --connections N,N --json FILE --program FILE`, and `--sealed`,
    /// `--wire` or `--idle N`.
    pub fn parse(arguments: &[String]) -> Outcome<Options> {
        let mut options = Options {
            rounds: ROUNDS,
            time: Duration::from_secs(SECONDS),
            connections: CONNECTIONS.to_vec(),
            json: None,
            part: Part::Doors,
            program: None,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if let "--sealed" | "--wire" = name.as_str() {
                if options.part != Part::Doors {
                    return Err(Failure::usage("--sealed and --wire are two benchmarks: take one"));
                }
                options.part = if name == "--wire" { Part::Wire } else { Part::Sealed };
                continue;
            }
            let value = arguments.next().ok_or_else(|| Failure::usage(format!("{name} what?")))?;
            let number = || positive(name, value);
            match name.as_str() {
                "--rounds" => options.rounds = number()?,
                "--seconds" => options.time = Duration::from_secs(number()? as u64),
                "--connections" => {
                    let each = value.split(',').map(|one| positive(name, one));
                    options.connections = each.collect::<Outcome<Vec<usize>>>()?;
                }
                "--json" => options.json = Some(PathBuf::from(value)),
                "--idle" => options.part = Part::Idle(number()?),
                "--program" => options.program = Some(PathBuf::from(value)),
                _ => {
                    let known = "--rounds, --seconds, --connections, --json, --program, \
                                 --sealed, --wire, --idle";
                    return Err(Failure::usage(format!("no option {name}: there are {known}")));
                }
            }
        }
        Ok(options)
    }
}

fn positive(name: &str, value: &str) -> Outcome<usize> {
    let number = value.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| Failure::usage(format!("{name} takes a number above 0, not {value:?}")))
}
