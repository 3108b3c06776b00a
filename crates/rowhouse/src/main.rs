//! The program: its arguments go to the commands, their exit status to whoever started it.

use std::process::ExitCode;

fn main() -> ExitCode {
    rowhouse::cli::main(std::env::args_os())
}
