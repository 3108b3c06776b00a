//! Where the registry is that a command is about: in a gateway's configuration, in `rowhouse dev`,
//! or at a URL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use crate::cli::config::load_file;
use crate::cli::rls::place::url_login;
use crate::cli::{CONFIG_FILE, DATA_DIR, Failure};
use crate::config::{Config, Login, raw};
use crate::observe::Observer;
use crate::registry::Registrar;
use crate::secrets::Sources;

/// How long a password may take that is kept elsewhere.
const SECRET_TIMEOUT: Duration = Duration::from_secs(10);
/// Variables that name a place, and not only a part of one.
const PLACES: [&str; 3] = ["DATABASE_URL", "PGHOST", "PGDATABASE"];

/// Which registry.
#[derive(Debug, Args)]
pub struct Place {
    /// The database with the registry, as postgresql://USER:PASSWORD@HOST/DATABASE. Left out:
    /// DATABASE_URL, or PGHOST and its kin; without those, `rowhouse dev` in .rowhouse.
    #[arg(long, value_name = "URL", conflicts_with_all = ["config", "data_dir"])]
    database_url: Option<String>,
    /// The configuration of a gateway, whose [registry] is meant.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// The data directory of a running `rowhouse dev`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The registry, and what messages call it.
pub struct Office {
    /// The registry.
    pub registrar: Registrar,
    place: String,
}

impl Place {
    /// Connects to the registry.
    pub async fn open(&self) -> Result<Office, Failure> {
        let login = self.login().await?;
        let place = format!("database {} on {}", login.database, login.server.name);
        let registrar = Registrar::connect(&login).await.map_err(|error| {
            let role = &login.role;
            Failure::new(format!(
                "cannot open the registry in {place} as {role}: {error}; name it with \
                 --database-url, --config or --data-dir, and a role that may make or use the \
                 schema rowhouse"
            ))
        })?;
        Ok(Office { registrar, place })
    }

    /// Who logs in, and where.
    pub async fn login(&self) -> Result<Login, Failure> {
        match self.file() {
            Some(file) => of_config(&file).await,
            None => url_login(self.database_url.as_deref()),
        }
    }

    /// The configuration that is meant, where one is.
    pub fn file(&self) -> Option<PathBuf> {
        if let Some(file) = &self.config {
            return Some(file.clone());
        }
        if let Some(directory) = &self.data_dir {
            return Some(directory.join(CONFIG_FILE));
        }
        let is_set = |name: &str| raw::environment().iter().any(|(one, _)| one == name);
        let of_dev = Path::new(DATA_DIR).join(CONFIG_FILE);
        let elsewhere = self.database_url.is_some() || PLACES.into_iter().any(is_set);
        (!elsewhere && of_dev.exists()).then_some(of_dev)
    }
}

impl Office {
    /// What is told of a question that failed.
    pub fn failed(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!("the registry in {}: {error}", self.place))
    }
}

/// The way into the registry of a configuration.
async fn of_config(file: &Path) -> Result<Login, Failure> {
    let config = Arc::new(load_file(file)?.config);
    let login = registry_login(&config).await?;
    login.ok_or_else(|| {
        Failure::new(format!(
            "{} has no [registry]: add one with the secret of an operator, or name the database \
             with --database-url",
            file.display()
        ))
    })
}

/// The same, where there is one.
pub async fn registry_login(config: &Arc<Config>) -> Result<Option<Login>, Failure> {
    let Some(registry) = &config.registry else { return Ok(None) };
    let sources = Sources::new(config, &Observer::new());
    let told = |error: crate::error::Error| {
        let cause = error.cause().unwrap_or("no reason is known");
        Failure::new(format!("the credentials of registry.secret cannot be had: {cause}"))
    };
    let source = sources.source(registry.secret, None).map_err(told)?;
    let credentials = source.current(Instant::now() + SECRET_TIMEOUT).await.map_err(told)?;
    Ok(Some(Login {
        server: Arc::clone(&registry.server),
        database: registry.database.clone(),
        role: credentials.role.clone(),
        password: credentials.password.clone(),
    }))
}
