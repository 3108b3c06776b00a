//! The AWS SDK for Rust against a running gateway: every operation, its values, its errors.
//!
//! A program and not a test of the workspace: `cargo xtask conformance` starts the gateway first
//! and says where it is.

mod callers;
mod statements;
mod transactions;
mod web_identity;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(web_identity::CHILD) {
        return web_identity::child();
    }
    let suites = [statements::trials(), transactions::trials(), web_identity::trials()];
    let trials = suites.into_iter().flatten().collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
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
