//! `cargo xtask`: the house-keeping, so that a check is one command at a desk and in CI.

use std::process::ExitCode;

mod bench;
mod ci;
mod conformance;
mod fuzz;
mod gateway;
mod java;
mod majors;
mod node;
mod postgres;
mod run;
mod scratch;
mod setup;
mod terminal;
mod tidy;

use run::{Failure, Outcome};

const USAGE: &str = "\
cargo xtask COMMAND

  setup                 make this machine able: PostgreSQL, Python and Node packages, rustfmt,
                        clippy
  dev [ARGS]            setup, then `rowhouse dev ARGS` as a release build
  ci [STEP...]          setup, then every check; STEP: fmt clippy tidy deny test conformance
                        majors
  test [ARGS]           setup, then the Rust tests and the conformance programs; ARGS go to the
                        Rust tests alone (`cargo xtask test leak_oracle`)
  tidy                  the house rules that rustfmt and clippy do not know
  conformance [--postgres MAJOR] [SUITE...] [ARGS]
                        real clients against the running binary, all or those of a SUITE: boto3
                        python node aws-sdk-rust; ARGS go to its runner, without SUITE to boto3's
                        pytest (`cargo xtask conformance -k tenant -x`)
  majors [MAJOR...]     boto3 and the trials on every supported PostgreSQL: 15 16 17 18
  fuzz TARGET [--seconds N]
                        libFuzzer on a parser or on `all`; needs nightly and cargo-fuzz
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
        "majors" => majors::run(&root, rest),
        "fuzz" => fuzz::run(&root, rest),
        "help" | "--help" | "-h" => {
            terminal::print(USAGE);
            Ok(())
        }
        other => Err(Failure::usage(format!("no command {other:?}: see `cargo xtask help`"))),
    }
}
