//! The commands: what is typed becomes a call, what comes of it a line and an exit status.
//!
//! 0 is done, 1 is findings or a failure, 2 is wrong use.

mod config;
mod dev;
mod keys;
mod rls;
mod serve;
mod stop;
mod tenant;
mod terminal;
mod token;
mod usage;

use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::cluster::guard;
use crate::config::parse_duration;

/// The configuration where nothing else is said.
const CONFIG_FILE: &str = "rowhouse.toml";
/// The data directory where nothing else is said.
const DATA_DIR: &str = ".rowhouse";
/// A token that lives longer is a password: two years are for tests of integrations at most.
const TTL_MAX: Duration = Duration::from_secs(2 * 366 * 24 * 3600);

/// Many tenants, one PostgreSQL, solid walls: a tenant gateway.
#[derive(Debug, Parser)]
#[command(
    name = "rowhouse",
    version,
    about,
    arg_required_else_help = true,
    after_help = "\
Begin with `rowhouse dev`: everything on this machine, with demo data and nothing to configure."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(Dev),
    Serve(Serve),
    Token(Token),
    #[command(subcommand)]
    Rls(rls::Rls),
    #[command(subcommand)]
    Keys(keys::Keys),
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    Usage(usage::Usage),
    #[command(subcommand)]
    Config(Config),
    #[command(name = guard::COMMAND, hide = true)]
    ClusterGuard(ClusterGuard),
}

/// The whole system on this machine: a private PostgreSQL, demo data, the gateway.
///
/// Ctrl-C stops all of it. The PostgreSQL of a data directory is nobody else's: own files, own
/// port, own passwords. It runs with fsync=off: its data survive any crash of a process, but not a
/// power cut.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse dev --data-dir .rowhouse
  rowhouse dev --http 127.0.0.1:0 --pg 127.0.0.1:0 --admin 127.0.0.1:0    # free ports")]
struct Dev {
    /// Where cluster, keys and configuration are kept.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// Where the Data API listens; port 0 picks a free one. Loopback only: dev's keys are public.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    http: SocketAddr,
    /// Where the PostgreSQL door listens; port 0 picks a free one. Loopback only.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6432", value_parser = address)]
    pg: SocketAddr,
    /// Where liveness, readiness and metrics are; port 0 picks a free one. Loopback only.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090", value_parser = address)]
    admin: SocketAddr,
    /// The folder with PostgreSQL's programs; without it the newest of this machine is taken.
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// Leave a new cluster without demo data.
    #[arg(long)]
    no_demo: bool,
    /// Take back everything in the data directory and begin anew.
    #[arg(long)]
    reset: bool,
}

/// The gateway in front of PostgreSQL servers that exist already.
///
/// SIGTERM and Ctrl-C drain: no new clients, transactions in flight end, then exit 0.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse config print --default > rowhouse.toml        # then fill in servers and secrets
  rowhouse config check && rowhouse serve --config rowhouse.toml")]
struct Serve {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
}

/// Mint a JWT for a tenant, or AWS credentials, and print it, nothing else.
///
/// A JWT is signed with the key of [token] in the configuration, credentials are sealed with the
/// first [[sts.key]]; `rowhouse dev` makes both by itself.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  TOKEN=$(rowhouse token --tenant 1)
  curl -s http://127.0.0.1:8080/Execute -H \"Authorization: Bearer $TOKEN\" …

  # ~/.aws/config: every AWS SDK and the AWS CLI fetch credentials of tenant 1 by themselves
  [profile tenant-1]
  credential_process = rowhouse token --aws --tenant 1 --data-dir /path/to/.rowhouse")]
struct Token {
    /// The tenant it is for.
    #[arg(long, value_name = "T")]
    tenant: String,
    /// The one database role that it may use; without it the gateway's configuration decides.
    #[arg(long, value_name = "R")]
    role: Option<String>,
    /// How long it lives, as 90s, 15min, 1h; with --aws at most 12h.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    ttl: Duration,
    /// Print temporary AWS credentials as JSON, in the format of credential_process.
    #[arg(long)]
    aws: bool,
    /// The data directory of the `rowhouse dev` that it is for.
    #[arg(long, value_name = "DIR", default_value = DATA_DIR, conflicts_with = "config")]
    data_dir: PathBuf,
    /// The configuration of the `rowhouse serve` that it is for.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Look at a configuration: every problem of it, or what is in force.
#[derive(Debug, Subcommand)]
enum Config {
    Check(Check),
    Print(Print),
}

/// Print every problem with file, line and key. Exit status 1 when there are any.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse config check --config rowhouse.toml
  rowhouse config check --format json")]
struct Check {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
    /// How problems are printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Print the configuration in force as TOML, with the place each value comes from, secrets masked.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse config print --default > rowhouse.toml        # every key, explained
  ROWHOUSE_POOL__SHARDS=2 rowhouse config print")]
struct Print {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = CONFIG_FILE)]
    config: PathBuf,
    /// The commented default file instead.
    #[arg(long, conflicts_with = "config")]
    default: bool,
}

/// How data are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// For programs.
    Json,
}

/// The process that `rowhouse dev` puts between itself and its PostgreSQL.
#[derive(Debug, Parser)]
struct ClusterGuard {
    #[arg(long)]
    postgres: PathBuf,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    socket: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long)]
    uid: Option<u32>,
    #[arg(long)]
    gid: Option<u32>,
}

/// Why a command failed: one line each on standard error, each saying what to do next.
#[derive(Debug)]
struct Failure(Vec<String>);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(vec![error.to_string()])
    }
}

impl Failure {
    fn new(line: impl Into<String>) -> Failure {
        Failure(vec![line.into()])
    }
}

/// Runs the command that was typed.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are errors to clap, too; it knows which stream and which exit status.
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = match cli.command {
        Command::Dev(arguments) => wait_for(dev::run(&arguments)),
        Command::Serve(arguments) => wait_for(serve::run(&arguments)),
        Command::Token(arguments) => token::run(&arguments),
        Command::Rls(command) => wait_for(rls::run(&command)),
        Command::Keys(command) => wait_for(keys::run(&command)),
        Command::Tenant(command) => wait_for(tenant::run(&command)),
        Command::Usage(arguments) => wait_for(usage::run(&arguments)),
        Command::Config(Config::Check(arguments)) => config::check(&arguments),
        Command::Config(Config::Print(arguments)) => config::print(&arguments),
        Command::ClusterGuard(arguments) => wait_for(watch(arguments)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(lines)) => {
            for line in lines {
                terminal::error(&line);
            }
            ExitCode::FAILURE
        }
    }
}

async fn watch(arguments: ClusterGuard) -> Result<(), Failure> {
    let ClusterGuard { postgres, data, socket, port, uid, gid } = arguments;
    guard::run(&guard::GuardOptions { postgres, data, socket, port, uid, gid })
        .await
        .map_err(|error| Failure::new(format!("{}: {error}", guard::COMMAND)))
}

/// The runtime of everything but the shards, which have their own.
fn wait_for(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future)
}

/// An address with its port; `localhost` is as good as 127.0.0.1.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    numeric.parse().map_err(|_| "write an address with its port, as 127.0.0.1:8080".to_owned())
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = parse_duration(text).ok_or("write a number and a unit, as 90s, 15min or 1h")?;
    if ttl < Duration::from_secs(1) || ttl > TTL_MAX {
        return Err("choose a time between 1s and 17568h".to_owned());
    }
    Ok(ttl)
}

#[cfg(test)]
mod tests;
