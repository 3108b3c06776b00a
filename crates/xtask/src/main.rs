//! `cargo xtask`: the house-keeping, so that a check is one command at a desk and in CI.

use std::process::ExitCode;

mod bench;
mod ci;
mod conformance;
mod gateway;
mod postgres;
mod run;
mod scratch;
mod setup;
mod terminal;
mod tidy;

use run::{Failure, Outcome};

const USAGE: &str = "\
cargo xtask COMMAND

  setup                 make this machine able: PostgreSQL, Python packages, rustfmt, clippy
  dev [ARGS]            setup, then `rowhouse dev ARGS` as a release build
  ci [STEP...]          setup, then every check; STEP: fmt clippy tidy deny test conformance
  test [ARGS]           setup, then the Rust tests and the conformance programs; ARGS go to the
                        Rust tests alone (`cargo xtask test leak_oracle`)
  tidy                  the house rules that rustfmt and clippy do not know
  conformance [ARGS]    real AWS SDK against the running binary; ARGS go to pytest
                        (`cargo xtask conformance -k tenant -x`)
  bench [OPTIONS]       requests/s and CPU against pgbench and PgBouncer, see bench/README.md;
                        --rounds N --seconds N --connections N,N --json FILE
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::problem(&failure);
            ExitCode::from(failure.status())
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let root = run::root()?;
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", arguments),
    };
    match command {
        "setup" => setup::everything(&root),
        "dev" => setup::dev(&root, rest),
        "ci" => ci::ci(&root, rest),
        "test" => ci::test(&root, rest),
        "tidy" => tidy::tidy(&root),
        "bench" => bench::run(&root, rest),
        "conformance" => conformance::run(&root, rest),
        "help" | "--help" | "-h" => {
            terminal::print(USAGE);
            Ok(())
        }
        other => Err(Failure::usage(format!("no command {other:?}: see `cargo xtask help`"))),
    }
}
