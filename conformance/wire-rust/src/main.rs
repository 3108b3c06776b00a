//! tokio-postgres against the PostgreSQL door: everyday things and awkward ones.
//!
//! A program and not a test of the workspace: `cargo xtask conformance` starts the gateway first
//! and says where it is. With ROWHOUSE_PG=host:port it talks to that PostgreSQL instead.

mod copy;
mod door;
mod queries;
mod tenants;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let schema = door::make_schema();
    let suites = [queries::trials(), copy::trials(), tenants::trials()];
    let trials = suites.into_iter().flatten().collect();
    let conclusion = match Runtime::new() {
        Ok(runtime) => {
            runtime.block_on(schema);
            libtest_mimic::run(&Arguments::from_args(), trials)
        }
        Err(error) => panic!("no runtime: {error}"),
    };
    conclusion.exit_code()
}

/// A trial with a runtime of its own.
fn trial<F, T>(name: &str, run: F) -> Trial
where
    F: FnOnce() -> T + Send + 'static,
    T: Future<Output = ()>,
{
    Trial::test(name, move || {
        let runtime = Runtime::new().map_err(|error| Failed::from(error.to_string()))?;
        runtime.block_on(run());
        Ok(())
    })
}
