//! `rowhouse tenant`: what the registry says about tenants; and one tenant's rows taken out, put
//! back, copied, erased.

mod archive;
mod copy;
mod desk;
mod erase;
mod export;
mod import;
mod mark;
pub mod place;
mod record;
mod settle;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::rls::Connection;
use super::stop::StopSignals;
use super::{Failure, Format};
use crate::config::parse_duration;

/// The tenants: their records in the registry, and their rows in all tables together.
#[derive(Debug, Subcommand)]
pub enum Tenant {
    Add(record::Add),
    List(record::List),
    Show(record::Show),
    Set(record::Set),
    Suspend(record::Suspend),
    Resume(record::Resume),
    Export(Export),
    Import(Import),
    Copy(Copy),
    Erase(Erase),
}

/// Write every row of one tenant into a new directory: a CSV file for each table, a manifest.
///
/// All of it is one snapshot, and others work on meanwhile. The directory appears when it is whole.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant export --tenant 7 --out tenant-7 --database-url postgres://postgres@localhost/app
  rowhouse tenant export --tenant acme --out acme --config rowhouse.toml --database app")]
pub struct Export {
    /// Whose rows.
    #[arg(long, value_name = "T")]
    tenant: String,
    /// The directory to be made.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Put an exported tenant into a database with the same tables: all of it, or nothing.
///
/// Every file is checked before the first row, every row afterwards. Nothing of others' is touched.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant import tenant-7 --database-url postgres://postgres@localhost/app
  rowhouse tenant import tenant-7 --as 8 --new-keys --database-url $URL")]
pub struct Import {
    /// The directory that `rowhouse tenant export` has made.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Give the rows to this tenant instead.
    #[arg(long = "as", value_name = "T2")]
    to: Option<String>,
    /// Make new keys where two tenants cannot have the same: numbers from the column's sequence,
    /// UUIDs; whatever refers to them by foreign keys follows.
    #[arg(long)]
    new_keys: bool,
    #[command(flatten)]
    place: Place,
}

/// Copy a tenant's rows to another tenant of the same database, with new keys where needed.
///
/// docs/tenant-life.md says what can be copied and what cannot.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant copy --tenant 7 --as 7007 --database-url postgres://postgres@localhost/app")]
pub struct Copy {
    /// Whose rows.
    #[arg(long, value_name = "T")]
    tenant: String,
    /// The tenant who gets the copy, and has no rows yet.
    #[arg(long = "as", value_name = "SANDBOX")]
    to: String,
    #[command(flatten)]
    place: Place,
}

/// Delete every row of one tenant in one transaction, prove that none is left, certify it.
///
/// Exit status 1, and nothing deleted, when rows of others would be touched.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse tenant erase --tenant 7 --dry-run --database-url postgres://postgres@localhost/app
  rowhouse tenant erase --tenant 7 --certificate erased-7.json --database-url $URL")]
pub struct Erase {
    /// Whose rows.
    #[arg(long, value_name = "T")]
    tenant: String,
    /// Say what would be deleted, table by table, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also write the certificate into this new file.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    certificate: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Which database, and how tenants are told apart in it.
#[derive(Debug, Args)]
pub struct Place {
    #[command(flatten)]
    connection: Connection,
    /// The column that holds the tenant; repeat it for more.
    #[arg(long, value_name = "NAME", default_value = "tenant_id")]
    tenant_column: Vec<String>,
    /// How long a step waits for others' locks before nothing is done at all.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = lock_timeout)]
    lock_timeout: Duration,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Place {
    fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Runs the command. When it is stopped its transaction ends with its connection, undone.
pub async fn run(command: &Tenant) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        done = chosen(command) => done,
        () = signals.next() => Err(Failure::new("stopped")),
    }
}

async fn chosen(command: &Tenant) -> Result<(), Failure> {
    match command {
        Tenant::Add(arguments) => record::add(arguments).await,
        Tenant::List(arguments) => record::list(arguments).await,
        Tenant::Show(arguments) => record::show(arguments).await,
        Tenant::Set(arguments) => record::set(arguments).await,
        Tenant::Suspend(arguments) => record::suspend(arguments).await,
        Tenant::Resume(arguments) => record::resume(arguments).await,
        Tenant::Export(arguments) => export::run(arguments).await,
        Tenant::Import(arguments) => import::run(arguments).await,
        Tenant::Copy(arguments) => copy::run(arguments).await,
        Tenant::Erase(arguments) => erase::run(arguments).await,
    }
}

fn lock_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text).ok_or("write a number and a unit, as 5s or 500ms")?;
    match timeout.is_zero() {
        // PostgreSQL takes 0 for "wait for ever".
        true => Err("choose a time above 0".to_owned()),
        false => Ok(timeout),
    }
}
