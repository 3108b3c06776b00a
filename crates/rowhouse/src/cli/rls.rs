//! `rowhouse rls`: the tools around row-level security.

mod doctor;
pub(super) mod place;
mod plan;
mod prove;
pub(super) mod reader;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use place::Place;

use super::Failure;
use crate::config::parse_duration;

/// Look whether row-level security holds.
#[derive(Debug, Subcommand)]
pub enum Rls {
    Doctor(Doctor),
    Plan(PlanCommand),
    Apply(Apply),
    Prove(Box<prove::Prove>),
}

/// Print what is missing between a database as it is and one whose tenants are apart, as SQL.
///
/// Nothing is changed. The plan of a finished database is empty.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse rls plan --database-url postgres://postgres@localhost/app --app-role app_user > plan.sql
  rowhouse rls plan --database-url $URL --app-role app_user --tenant-setting app.tenant_id \\
      --tenant-role t1=1 --tenant-role t2=2 --bypass-role jobs --scope-keys")]
pub struct PlanCommand {
    #[command(flatten)]
    options: PlanOptions,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = PlanFormat::Sql)]
    format: PlanFormat,
}

/// Do what `plan` prints, in one transaction; indexes afterwards, concurrently.
///
/// What was done is written down in the table rowhouse.rls_change of the database, so that --revert
/// can take it back. Applying twice changes nothing.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse rls apply --database-url postgres://postgres@localhost/app --app-role app_user
  rowhouse rls apply --database-url $URL --revert")]
pub struct Apply {
    #[command(flatten)]
    options: PlanOptions,
    /// Take back everything that was applied, newest first, in one transaction.
    #[arg(long)]
    revert: bool,
    /// How long a step waits for others who use a table before nothing is done at all.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = lock_timeout)]
    lock_timeout: Duration,
}

/// What is wanted.
#[derive(Debug, Args)]
pub struct PlanOptions {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    conventions: Conventions,
    /// The shape of policies: with a restrictive floor, or a single permissive one.
    #[arg(long, value_enum, default_value_t = ShapeName::Floor)]
    shape: ShapeName,
    /// Also put the tenant into unique and foreign keys.
    #[arg(long)]
    scope_keys: bool,
    /// A role to log in with for one tenant, as ROLE or ROLE=TENANT; repeat it for more.
    #[arg(long, value_name = "ROLE[=TENANT]")]
    tenant_role: Vec<String>,
    /// A role for global jobs, which no policy holds.
    #[arg(long, value_name = "ROLE")]
    bypass_role: Option<String>,
    /// Which PostgreSQL the SQL is for.
    #[arg(long, value_enum, default_value_t = EngineName::Postgres)]
    engine: EngineName,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    /// A script for psql.
    Sql,
    /// Steps with their reasons and what takes them back.
    Json,
}

/// The shape of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShapeName {
    /// A permissive and a restrictive policy.
    Floor,
    /// One permissive policy.
    Plain,
}

/// Which PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// PostgreSQL 15 to 18.
    Postgres,
    /// Citus: no sub-selects in policies.
    Citus,
    /// CockroachDB: no sub-selects in policies, no CONCURRENTLY.
    Cockroach,
    /// YugabyteDB.
    Yugabyte,
}

/// Find what is wrong with the walls between tenants in a live database.
///
/// Reads the catalog only; any role may run it. Exit status 1 when something is found at --level or
/// above. docs/doctor.md explains every code.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse rls doctor --database-url postgres://postgres@localhost/app --app-role app_user
  rowhouse rls doctor --database-url $URL --format sarif > doctor.sarif
  rowhouse rls doctor --database-url $URL --fix migration.sql
  rowhouse rls doctor --config rowhouse.toml --database app

Findings that you have looked at go into a file, named with --accept:
  [[accept]]
  code = \"RH112\"
  object = \"public.users_email_key\"     # left out: wherever it is found
  reason = \"email addresses are unique over all tenants on purpose\"
  until = \"2027-06-30\"                  # left out: for good")]
pub struct Doctor {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    conventions: Conventions,
    /// How findings are printed.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
    /// The least severe findings that are shown and count.
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    level: Level,
    /// A file of findings that are accepted, with reasons.
    #[arg(long, value_name = "FILE")]
    accept: Option<PathBuf>,
    /// Also write the SQL that mends what was found into a file, to be read before it is run.
    #[arg(long, value_name = "FILE")]
    fix: Option<PathBuf>,
    /// Look again and again, this often, and print what has come and what has gone; until Ctrl-C.
    #[arg(
        long,
        value_name = "INTERVAL",
        num_args = 0..=1,
        default_missing_value = "10s",
        value_parser = interval,
        conflicts_with_all = ["fix", "format"]
    )]
    watch: Option<Duration>,
}

/// Which database.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// Where it is and who asks, as postgresql://USER:PASSWORD@HOST/DATABASE. Left out:
    /// DATABASE_URL, or PGHOST and its kin.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The configuration of a gateway: it names the role and the setting, and without a URL the
    /// place as well.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which database of the configuration, if it has several.
    #[arg(long, value_name = "NAME", requires = "config")]
    database: Option<String>,
    /// The secret of the configuration to log in with. Left out: the one for "admin".
    #[arg(long, value_name = "ARN", requires = "config", conflicts_with = "database_url")]
    secret: Option<String>,
    /// The role that tenants' statements run as. Left out: the one that the configuration gives
    /// tenants; without one, the one that logs in.
    #[arg(long, value_name = "ROLE")]
    app_role: Option<String>,
}

/// How tenants are told apart in it.
#[derive(Debug, Args)]
pub struct Conventions {
    /// Look into this schema only; repeat it for more.
    #[arg(long, value_name = "NAME")]
    schema: Vec<String>,
    /// The column that holds the tenant; repeat it for more.
    #[arg(long, value_name = "NAME", default_value = "tenant_id")]
    tenant_column: Vec<String>,
    /// The setting that policies read. Left out: the one that most of them read.
    #[arg(long, value_name = "NAME")]
    tenant_setting: Option<String>,
    /// The database is, or is to be, sealed: policies believe rowhouse.tenant() alone, which no SQL
    /// can forge. Found out by itself where it is so already. docs/rls.md says what it takes.
    #[arg(long)]
    sealed: bool,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// Blocks for people.
    Text,
    /// A list of {code, severity, object, message, fix}.
    Json,
    /// SARIF 2.1.0 for code hosts.
    Sarif,
    /// JUnit XML for CI systems.
    Junit,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Worth knowing; some of it cannot be mended.
    Info,
    /// The wall stands but is weaker, or slower, than it should be.
    Warning,
    /// There is a way through the wall.
    Error,
}

/// Runs the command.
pub async fn run(command: &Rls) -> Result<(), Failure> {
    match command {
        Rls::Doctor(arguments) => doctor::run(arguments).await,
        Rls::Plan(arguments) => plan::print(arguments).await,
        Rls::Apply(arguments) => plan::apply(arguments).await,
        Rls::Prove(arguments) => prove::run(arguments).await,
    }
}

impl Connection {
    /// The configuration that was named.
    pub fn config_file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The URL that was named.
    pub fn url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    /// For work in which tenants' statements have no part: nobody need name their role.
    pub fn of_operator(&self) -> Connection {
        let app_role = Some(self.app_role.clone().unwrap_or_default());
        Connection { app_role, ..self.clone() }
    }
}

impl Conventions {
    /// What is known before the database was looked at. Of several settings that a configuration
    /// has, policies choose theirs.
    fn value(&self, place: &Place) -> rowhouse_rls::doctor::Conventions {
        let configured = match place.tenant_settings.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        rowhouse_rls::doctor::Conventions {
            tenant_columns: self.tenant_column.clone(),
            tenant_setting: self.tenant_setting.clone().or(configured),
            schemas: self.schema.clone(),
            sealed: self.sealed,
        }
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

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text).ok_or("write a number and a unit, as 10s or 1min")?;
    if interval < Duration::from_secs(1) {
        return Err("choose a second or more".to_owned());
    }
    Ok(interval)
}
