//! `rowhouse rls prove`: try to cross the walls, roll everything back, report.

mod direct;
mod gateway;
mod samples;
mod scratch;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use clap::{ArgGroup, Parser};
use rowhouse_rls::prove::attempt::{Attempt, Way};
use rowhouse_rls::prove::judge::{Judged, Outcome, Verdict, judge};
use rowhouse_rls::prove::report::{self, Facts, Proof, Remains, Tried};
use rowhouse_rls::prove::{
    Attempts, Intent, attempts, doubt, nobody_anywhere, settings, with_token,
};
use rowhouse_tenancy::ids::SettingName;
use serde_json::Value;

use super::place::{Configured, Place, url_login};
use super::reader::Reader;
use super::{Connection, Conventions};
use crate::cli::stop::StopSignals;
use crate::cli::{CONFIG_FILE, Failure, Format, terminal, token};
use crate::config::{Login, parse_duration, raw};
use direct::{Direct, Limits};
use gateway::{Gateway, Mint, Named};
use scratch::Scratch;

/// Tokens live as long as a proof may take.
const TOKEN_TTL: Duration = Duration::from_secs(3600);
/// Bytes of a tenant's alias in reports, in hexadecimal digits.
const ALIAS_DIGITS: usize = 12;

/// Try to cross the walls between tenants on live rows, and report what got through.
///
/// It connects as tenants do: as the application's role, or through the gateway over HTTP with
/// tokens that it mints, or both. Every attempt is rolled back. Exit status 1 when something got
/// through. docs/prove.md says what is tried and what "held" means.
#[derive(Debug, Parser)]
#[command(
    group(ArgGroup::new("way").required(true).multiple(true)
        .args(["app_database_url", "config", "data_dir"])),
    after_help = "\
Example:
  rowhouse rls prove --database-url postgres://postgres@localhost/app \\
      --app-database-url postgres://app_user:secret@localhost/app
  rowhouse rls prove --config rowhouse.toml --database app --http http://127.0.0.1:8080 \\
      --read-only --format json > proof.json
  rowhouse rls prove --data-dir .rowhouse --database onlineshop       # a running `rowhouse dev`"
)]
pub struct Prove {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    conventions: Conventions,
    /// How the application connects, with its own role and password. --database-url is whom the
    /// catalog and the rows of all tenants are read as.
    #[arg(long, value_name = "URL")]
    app_database_url: Option<String>,
    /// The gateway's Data API, to attack through it as well; needs --config or --data-dir, whose
    /// [token] key it accepts.
    #[arg(long, value_name = "URL")]
    http: Option<String>,
    /// A PEM file with the roots that the gateway's certificate leads to. Left out: the system's.
    #[arg(long, value_name = "FILE", requires = "http")]
    http_ca_file: Option<PathBuf>,
    /// The data directory of a running `rowhouse dev`: its configuration and its door.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data_dir: Option<PathBuf>,
    /// The secret of the configuration that tenants use. Left out: the first that they share.
    #[arg(long, value_name = "ARN")]
    tenant_secret: Option<String>,
    /// At most this many tenants of each table attack one another.
    #[arg(long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u8).range(2..=16))]
    tenants: u8,
    /// Write nothing at all, not even what is rolled back: what would write is not proven.
    #[arg(long)]
    read_only: bool,
    /// Prove on a copy of the database, with made-up rows where there are none of two tenants. It
    /// is dropped afterwards. Nobody may be connected to the database, and no gateway leads there.
    #[arg(long, conflicts_with_all = ["http", "read_only"])]
    scratch: bool,
    /// Also call functions without arguments that run with their owner's rights.
    #[arg(long)]
    call_functions: bool,
    /// Show tenants and values in the report, instead of names that hold for this report only.
    #[arg(long)]
    show_tenants: bool,
    /// How long one statement may take.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = limit)]
    statement_timeout: Duration,
    /// How long one waits for somebody's lock.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = limit)]
    lock_timeout: Duration,
    /// How the report is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The ways that are taken.
struct Ways {
    direct: Option<Direct>,
    gateway: Option<Gateway>,
}

/// What was read before anything is tried.
struct Ground {
    settings: Vec<String>,
    found: Attempts,
}

/// Who asks, who attacks, and where.
struct Parties {
    place: Place,
    app: Option<Login>,
    gateway: Option<Gateway>,
    /// What the database is called, whatever its copy is.
    database: String,
}

/// Tries everything, and reports.
pub async fn run(arguments: &Prove) -> Result<(), Failure> {
    let began_at = now()?;
    let mut parties = parties(arguments).await?;
    let proof = if arguments.scratch {
        let mut signals = StopSignals::listen()?;
        let copy = Scratch::make(&parties.place.login).await?;
        parties.place.login = copy.login(&parties.place.login);
        parties.app = parties.app.map(|login| copy.login(&login));
        let made = tokio::select! {
            made = prove(arguments, parties, began_at) => made,
            () = signals.next() => Err(Failure::new("stopped")),
        };
        copy.drop().await?;
        made?
    } else {
        prove(arguments, parties, began_at).await?
    };
    print(arguments, &proof)?;
    if let Some(way) = nobody_anywhere(&proof.tried) {
        return Err(Failure::new(format!(
            "nothing is proven {}: no tenant sees a row of its own there, so that every attacker \
             was nobody; see whether policies read the settings {}, and nothing else",
            way.words(),
            proof.facts.settings.join(", ")
        )));
    }
    if proof.crossed() { Err(Failure(Vec::new())) } else { Ok(()) }
}

async fn parties(arguments: &Prove) -> Result<Parties, Failure> {
    let mut named = arguments.connection.clone();
    if let Some(directory) = &arguments.data_dir {
        named.config = Some(directory.join(CONFIG_FILE));
    }
    let place = Place::find(&named).await?;
    let gateway = match arguments.scratch {
        true => None,
        false => gateway(arguments, &place).await?,
    };
    let app = match (&arguments.app_database_url, &place.configured) {
        (Some(url), _) => Some(url_login(Some(url))?),
        (None, Some(configured)) => {
            let secret = configured.tenant_secret(arguments.tenant_secret.as_deref())?;
            Some(configured.login(secret).await?)
        }
        (None, None) => None,
    };
    let database = place.login.database.clone();
    Ok(Parties { place, app, gateway, database })
}

async fn prove(arguments: &Prove, parties: Parties, began_at: String) -> Result<Proof, Failure> {
    let Parties { place, app, gateway, database } = parties;
    let named = arguments.connection.app_role.as_deref();
    let login = app.as_ref().map(|login| login.role.as_str());
    let role = named.or(login).or(place.app_role.as_deref()).unwrap_or(&place.login.role);
    let role = role.to_owned();
    let mut reader = Reader::connect(&place.login).await?;
    if !reader.has_role(&role).await? {
        return Err(reader.no_role(&role));
    }
    let Ground { settings, mut found } = survey(arguments, &place, &mut reader, &role).await?;
    if let Some(login) = app.as_ref().filter(|login| login.role != role) {
        found.remarks.push(format!(
            "direct attempts ran as {}, and what {role} may do was looked at: without --app-role \
             both are the same",
            login.role
        ));
    }
    let mut ways = Ways { direct: None, gateway };
    if let Some(login) = app {
        let carried = settings.iter().filter(|_| !found.sealed);
        let names: Result<Vec<SettingName>, _> =
            carried.map(|name| SettingName::parse(name)).collect();
        ways.direct = Some(Direct::connect(login, names?, arguments.limits()).await?);
    }
    let mut tried = attack(arguments, &mut ways, found.attempts).await?;
    if let Some(attempt) = found.stolen {
        tried.extend(steal(&mut ways, attempt).await?);
    }
    doubt(&mut tried, found.sealed);
    let facts = Facts {
        rowhouse: env!("CARGO_PKG_VERSION"),
        began_at,
        database,
        role,
        settings,
        ways: ways.taken(),
        read_only: arguments.read_only,
        scratch: arguments.scratch,
        ..afterwards(&mut reader, &ways).await?
    };
    Ok(Proof { facts, tried, gaps: found.gaps, remarks: found.remarks })
}

/// The catalog, the tenants, the attempts.
async fn survey(
    arguments: &Prove,
    place: &Place,
    reader: &mut Reader,
    role: &str,
) -> Result<Ground, Failure> {
    let catalog = reader.catalog(role).await?;
    let conventions = arguments.conventions.value(place);
    let most = usize::from(arguments.tenants);
    let mut samples = samples::take(reader, &catalog, &conventions, most).await?;
    let mut remarks = Vec::new();
    if arguments.scratch {
        remarks = scratch::fill(reader, &catalog, &conventions, &samples).await?;
        samples = samples::take(reader, &catalog, &conventions, most).await?;
    }
    let given = match &arguments.conventions.tenant_setting {
        Some(setting) => vec![setting.clone()],
        None => place.tenant_settings.clone(),
    };
    let settings = settings(&catalog, &conventions, &given);
    let intent = Intent {
        settings: settings.clone(),
        nobody: samples::nobodies(&catalog, &conventions, &samples),
        call_functions: arguments.call_functions,
    };
    let mut found = attempts(&catalog, &conventions, &samples, &intent);
    found.remarks.extend(remarks);
    if found.attempts.is_empty() && found.gaps.is_empty() {
        return Err(Failure::new(format!(
            "database {} has no table with a tenant column: name it with --tenant-column",
            catalog.server.database
        )));
    }
    Ok(Ground { settings, found })
}

/// The door of the gateway, if one is named or runs in the data directory.
async fn gateway(arguments: &Prove, place: &Place) -> Result<Option<Gateway>, Failure> {
    let running = arguments.data_dir.as_ref().and_then(|directory| {
        let text = raw::read_config(&directory.join("endpoints.json")).ok()?;
        let endpoints: Value = serde_json::from_str(&text).ok()?;
        endpoints.get("http")?.as_str().map(str::to_owned)
    });
    let Some(url) = arguments.http.clone().or(running) else { return Ok(None) };
    let Some(configured) = &place.configured else {
        return Err(Failure::new(
            "--http needs the gateway's configuration, to mint tokens with its [token] key: name \
             it with --config FILE or --data-dir DIR",
        ));
    };
    let secret = configured.tenant_secret(arguments.tenant_secret.as_deref())?;
    let named = Named {
        resource: configured.resource()?.arn.clone(),
        secret: configured.secret(secret)?.arn.clone(),
        database: configured.database()?.name.clone(),
    };
    let ca_file = arguments.http_ca_file.as_deref();
    let mint = mint(configured)?;
    Gateway::connect(&url, ca_file, named, mint, arguments.limits()).await.map(Some)
}

fn mint(configured: &Configured) -> Result<Mint, Failure> {
    let config = std::sync::Arc::clone(&configured.config);
    if config.token.is_none() {
        return Err(Failure::new(
            "the configuration has no key to sign tokens with: add a [token] section",
        ));
    }
    Ok(Box::new(move |tenant| {
        let token = config.token.as_ref().ok_or_else(|| Failure::new("the key went missing"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        token::mint(token, tenant, None, now, TOKEN_TTL)
    }))
}

async fn attack(
    arguments: &Prove,
    ways: &mut Ways,
    attempts: Vec<Attempt>,
) -> Result<Vec<Tried>, Failure> {
    let mut tried = Vec::with_capacity(attempts.len());
    let count = attempts.len();
    for (index, attempt) in attempts.into_iter().enumerate() {
        terminal::progress(&format!("{} of {count}: {}", index + 1, attempt.id));
        if arguments.read_only && attempt.writes {
            for way in ways.taken().into_iter().filter(|way| attempt.ways.include(*way)) {
                let reason = "it would write".to_owned();
                let judged = Judged { verdict: Verdict::NotProven, reason };
                tried.push(Tried { attempt: attempt.clone(), way, judged, sqlstate: None });
            }
            continue;
        }
        if let Some(direct) = &mut ways.direct
            && attempt.ways.include(Way::Direct)
        {
            let outcome = direct.attempt(&attempt).await?;
            tried.push(judged(&attempt, Way::Direct, &[outcome]));
        }
        if let Some(gateway) = &mut ways.gateway
            && attempt.ways.include(Way::Gateway)
            && let Some(outcome) = gateway.attempt(&attempt).await?
        {
            let mut outcomes = vec![outcome];
            // In a transaction of its own nothing is rolled back.
            if attempt.alone && !arguments.read_only {
                outcomes.extend(gateway.alone(&attempt).await?);
            }
            tried.push(judged(&attempt, Way::Gateway, &outcomes));
        }
    }
    Ok(tried)
}

/// A token that came to light on one connection is tried on another.
async fn steal(ways: &mut Ways, attempt: Attempt) -> Result<Option<Tried>, Failure> {
    let (Some(direct), Some(gateway), Some(victim)) =
        (&mut ways.direct, &mut ways.gateway, &attempt.victim)
    else {
        return Ok(None);
    };
    let Some(token) = gateway.steal(victim).await? else { return Ok(None) };
    let attempt = with_token(attempt, &token);
    let outcome = direct.attempt(&attempt).await?;
    Ok(Some(judged(&attempt, Way::Direct, &[outcome])))
}

/// The worse of what has come of an attempt.
fn judged(attempt: &Attempt, way: Way, outcomes: &[Outcome]) -> Tried {
    let all = outcomes.iter().map(|outcome| {
        let sqlstate = outcome.failure.as_ref().map(|failed| failed.sqlstate.clone());
        (judge(attempt, way, outcome), sqlstate)
    });
    let worst = all.max_by_key(|(judged, _)| judged.verdict);
    let (judged, sqlstate) = worst.unwrap_or_else(|| {
        let reason = "it was not tried".to_owned();
        (Judged { verdict: Verdict::NotProven, reason }, None)
    });
    Tried { attempt: attempt.clone(), way, judged, sqlstate }
}

impl Prove {
    fn limits(&self) -> Limits {
        Limits {
            statement_timeout: self.statement_timeout,
            lock_timeout: self.lock_timeout,
            read_only: self.read_only,
        }
    }
}

impl Ways {
    fn taken(&self) -> Vec<Way> {
        let direct = self.direct.as_ref().map(|_| Way::Direct);
        let gateway = self.gateway.as_ref().map(|_| Way::Gateway);
        direct.into_iter().chain(gateway).collect()
    }
}

/// What is known when everything was tried.
async fn afterwards(reader: &mut Reader, ways: &Ways) -> Result<Facts, Failure> {
    let mut transactions = Vec::new();
    let mut statements = 0;
    if let Some(direct) = &ways.direct {
        transactions.extend(direct.transactions.iter().cloned());
        statements += direct.statements;
    }
    if let Some(gateway) = &ways.gateway {
        transactions.extend(gateway.transactions.iter().cloned());
        statements += gateway.statements;
    }
    let not_rolled_back = samples::not_aborted(reader, &transactions).await?;
    let version = reader.query("show server_version").await?;
    let version = version.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    Ok(Facts {
        server: version.unwrap_or_default(),
        ended_at: now()?,
        statements,
        remains: Remains { transactions: transactions.len(), not_rolled_back },
        ..Facts::default()
    })
}

/// Tenants may be names of customers: in a report they have others, made with a key that nobody
/// keeps.
fn print(arguments: &Prove, proof: &Proof) -> Result<(), Failure> {
    let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new())
        .map_err(|_| Failure::new("the system has no random numbers"))?;
    let alias = |tenant: &str| {
        let tag = hmac::sign(&key, tenant.as_bytes());
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("tenant-{}", digits.get(..ALIAS_DIGITS).unwrap_or_default())
    };
    let alias: report::Alias<'_> = match arguments.show_tenants {
        true => None,
        false => Some(&alias),
    };
    match arguments.format {
        Format::Text => terminal::print(&report::text(proof, alias)),
        Format::Json => terminal::line(&format!("{:#}", report::json(proof, alias))),
    }
    Ok(())
}

fn now() -> Result<String, Failure> {
    let now = jiff::Timestamp::try_from(SystemTime::now())?;
    Ok(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn limit(text: &str) -> Result<Duration, String> {
    let limit = parse_duration(text).ok_or("write a number and a unit, as 2s or 500ms")?;
    // PostgreSQL takes 0 for "no limit".
    if limit < Duration::from_millis(1) || limit > LIMIT_MAX {
        return Err("choose a time between 1ms and 10min".to_owned());
    }
    Ok(limit)
}

/// Longer statements are no attempt but a load.
const LIMIT_MAX: Duration = Duration::from_secs(600);
