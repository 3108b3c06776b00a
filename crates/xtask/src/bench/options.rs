//! What the benchmark can be told.

use std::path::PathBuf;
use std::time::Duration;

use crate::run::{Failure, Outcome};

/// Below five, one disturbed round is too much of a median.
const ROUNDS: usize = 5;
const SECONDS: u64 = 3;
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

/// What the benchmark can be told.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// How often every way has its turn.
    pub rounds: usize,
    /// How long a turn is.
    pub time: Duration,
    /// How many clients at once.
    pub connections: Vec<usize>,
    /// Where the numbers go.
    pub json: Option<PathBuf>,
    /// A sealed context against a standard one, and nothing else.
    pub sealed: bool,
}

impl Options {
    /// `--rounds N --seconds N --connections N,N --json FILE --sealed`.
    pub fn parse(arguments: &[String]) -> Outcome<Options> {
        let mut options = Options {
            rounds: ROUNDS,
            time: Duration::from_secs(SECONDS),
            connections: CONNECTIONS.to_vec(),
            json: None,
            sealed: false,
        };
        let mut arguments = arguments.iter();
        while let Some(name) = arguments.next() {
            if name == "--sealed" {
                options.sealed = true;
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
                _ => {
                    let known = "--rounds, --seconds, --connections, --json, --sealed";
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
