//! The running binary, met at its doors by callers of every kind.
//!
//! What the trials need is started once, when the first of them asks for it, and stopped at the end
//! whatever they came to; a PostgreSQL or a gateway that is left behind then is a failure of its
//! own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a trial fails by a panic, and so does what it stands on"
)]

mod answer;
mod attacks;
mod auth;
mod bad_input;
mod case;
mod certificate;
mod chaos;
mod cli;
mod client;
mod cluster;
mod config;
mod corridor;
mod data_api;
mod dice;
mod folder;
mod gateway;
mod hostile;
mod http2;
mod https;
mod issuers;
mod leak;
mod lexing;
mod life;
mod limits;
mod openapi;
mod person;
mod postgres;
mod process;
mod prove;
mod registry;
mod reload;
mod rls;
mod schema;
mod sealed;
mod secrets;
mod seeds;
mod shutdown;
mod signature;
mod stand;
mod sts;
mod token;
mod usage;
mod wait;
mod wire;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use case::Case;
use stand::Stand;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let stand = Arc::new(Stand::new());
    // The long ones first, so that they do not stand alone at the end.
    let suites = [
        chaos::cases(),
        usage::cases(),
        hostile::cases(),
        attacks::cases(),
        issuers::cases(),
        http2::cases(),
        shutdown::cases(),
        https::cases(),
        reload::cases(),
        cluster::cases(),
        config::cases(),
        cli::cases(),
        secrets::cases(),
        corridor::cases(),
        bad_input::cases(),
        data_api::cases(),
        auth::cases(),
        sts::cases(),
        leak::cases(),
        lexing::cases(),
        life::cases(),
        limits::cases(),
        openapi::cases(),
        seeds::cases(),
        registry::cases(),
        rls::cases(),
        wire::cases(),
        prove::cases(),
        sealed::cases(),
    ];
    let trial = |case: Case| {
        let stand = Arc::clone(&stand);
        Trial::test(case.name, move || {
            (case.run)(&stand);
            Ok(())
        })
    };
    let trials = suites.into_iter().flatten().map(trial).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Err(left_behind) = stand.stop() {
        report(&left_behind);
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

#[allow(clippy::print_stderr, reason = "the one thing to tell that no trial tells")]
fn report(left_behind: &str) {
    eprintln!("\nthe trials are over, but {left_behind}");
}
