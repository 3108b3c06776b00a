//! Where the tools connect, and what a configuration of the gateway says about the place: the role
//! of tenants' statements, the settings that carry the tenant.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Connection;
use crate::cli::Failure;
use crate::cli::config::load_file;
use crate::config::{Config, Database, Login, PrincipalKind, Resource, RoleSecret};
use crate::config::{command_login, raw};
use crate::observe::Observer;
use crate::secrets::Sources;

/// How long a password may take that is kept elsewhere.
const SECRET_TIMEOUT: Duration = Duration::from_secs(10);

/// A database, and who asks there.
pub struct Place {
    /// The way in.
    pub login: Login,
    /// The role of tenants' statements: the one named, else the one that the configuration gives
    /// tenants.
    pub app_role: Option<String>,
    /// The settings that receive the tenant, as far as a configuration says.
    pub tenant_settings: Vec<String>,
    /// The configuration, if one was named.
    pub configured: Option<Configured>,
}

/// A configuration, and the database of it that is meant.
pub struct Configured {
    /// All of it.
    pub config: Arc<Config>,
    sources: Arc<Sources>,
    resource: usize,
    database: usize,
}

impl Place {
    /// Finds out what was meant. Passwords that are kept elsewhere are fetched; dropping the future
    /// harms nothing.
    pub async fn find(named: &Connection) -> Result<Place, Failure> {
        let app_role = named.app_role.clone();
        let Some(file) = &named.config else {
            let login = url_login(named.database_url.as_deref())?;
            return Ok(Place { login, app_role, tenant_settings: Vec::new(), configured: None });
        };
        let given = named.database_url.as_deref().map(|url| url_login(Some(url))).transpose()?;
        let database = named.database.as_deref();
        let database = database.or(given.as_ref().map(|login| login.database.as_str()));
        let configured = Configured::read(file, database)?;
        let login = match given {
            Some(login) => login,
            None => {
                let secret = configured.login_secret(named.secret.as_deref())?;
                configured.login(secret).await?
            }
        };
        let tenant_settings = configured.tenant_settings();
        let app_role = match app_role {
            Some(role) => Some(role),
            None => configured.app_role().await?,
        };
        Ok(Place { login, app_role, tenant_settings, configured: Some(configured) })
    }
}

/// The login of a URL, or of libpq's environment.
pub fn url_login(url: Option<&str>) -> Result<Login, Failure> {
    let environment = raw::environment();
    let variable = |name: &str| {
        let found = environment.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    command_login(url, variable).map_err(Failure::new)
}

impl Configured {
    /// Reads a configuration, and finds the database in it.
    pub fn read(file: &Path, database: Option<&str>) -> Result<Configured, Failure> {
        let config = Arc::new(load_file(file)?.config);
        let (resource, database) = find(&config, file, database)?;
        let sources = Sources::new(&config, &Observer::new());
        Ok(Configured { config, sources, resource, database })
    }

    /// What callers name in `resourceArn`.
    pub fn resource(&self) -> Result<&Resource, Failure> {
        self.config.resources.get(self.resource).ok_or_else(lost)
    }

    /// Its database.
    pub fn database(&self) -> Result<&Arc<Database>, Failure> {
        self.resource()?.databases.get(self.database).ok_or_else(lost)
    }

    /// The settings that receive the tenant.
    pub fn tenant_settings(&self) -> Vec<String> {
        let settings = self.database().map(|database| &database.tenant_settings);
        let names = settings.into_iter().flat_map(|names| names.iter());
        names.map(|name| name.as_str().to_owned()).collect()
    }

    /// The first secret that tenants share, or the one named.
    pub fn tenant_secret(&self, arn: Option<&str>) -> Result<usize, Failure> {
        match arn {
            Some(arn) => self.named(arn),
            None => self.secrets_of(PrincipalKind::Tenant).first().copied().ok_or_else(|| {
                Failure::new(
                    "the configuration has no secret that all tenants share: name one with \
                     --tenant-secret ARN, or the role with --app-role",
                )
            }),
        }
    }

    /// The secret at this place.
    pub fn secret(&self, index: usize) -> Result<&RoleSecret, Failure> {
        self.config.secrets.get(index).ok_or_else(lost)
    }

    /// The way into the database with a secret.
    pub async fn login(&self, secret: usize) -> Result<Login, Failure> {
        let arn = &self.secret(secret)?.arn;
        let told = |error: crate::error::Error| {
            let cause = error.cause().unwrap_or("no reason is known");
            Failure::new(format!("the credentials of {arn} cannot be had: {cause}"))
        };
        let source = self.sources.source(secret, None).map_err(told)?;
        let credentials = source.current(Instant::now() + SECRET_TIMEOUT).await.map_err(told)?;
        Ok(Login {
            server: Arc::clone(&self.resource()?.server),
            database: self.database()?.name.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        })
    }

    /// The one secret that is an operator's: named, or used by `admin` principals alone, or at
    /// least by them.
    fn login_secret(&self, arn: Option<&str>) -> Result<usize, Failure> {
        if let Some(arn) = arn {
            return self.named(arn);
        }
        let all = self.secrets_of(PrincipalKind::Admin);
        let only: Vec<usize> = all
            .iter()
            .copied()
            .filter(|index| {
                let secret = self.config.secrets.get(*index);
                secret.is_some_and(|secret| secret.principals == [PrincipalKind::Admin])
            })
            .collect();
        match (only.as_slice(), all.as_slice()) {
            ([one], _) | ([], [one]) => Ok(*one),
            ([], []) => Err(Failure::new(
                "the configuration has no secret for \"admin\": name one to log in with by \
                 --secret ARN, or use --database-url",
            )),
            _ => Err(Failure::new(
                "the configuration has several secrets for \"admin\": name one to log in with by \
                 --secret ARN",
            )),
        }
    }

    /// The role that tenants' statements run as, where there is only one.
    async fn app_role(&self) -> Result<Option<String>, Failure> {
        let mut roles = BTreeSet::new();
        for secret in self.secrets_of(PrincipalKind::Tenant) {
            roles.insert(match &self.secret(secret)?.role {
                Some(role) => role.clone(),
                None => self.login(secret).await?.role,
            });
        }
        match roles.len() {
            0 | 1 => Ok(roles.pop_first()),
            _ => {
                let roles: Vec<String> = roles.into_iter().collect();
                Err(Failure::new(format!(
                    "tenants may use several roles ({}): name one with --app-role",
                    roles.join(", ")
                )))
            }
        }
    }

    /// The secrets that callers of a kind share. One that a `[[user]]` of the kind has is its own,
    /// and so is the one that users are looked up by, unless there are no others.
    fn secrets_of(&self, kind: PrincipalKind) -> Vec<usize> {
        let users = self.config.wire.users.iter().filter(|user| user.principal.kind() == kind);
        let mut own: BTreeSet<&str> = users.map(|user| user.secret.as_str()).collect();
        if let Some(query) = &self.config.wire.auth_query {
            own.insert(&query.secret);
        }
        let secrets = self.config.secrets.iter().enumerate();
        let (owned, shared): (Vec<_>, Vec<_>) = secrets
            .filter(|(_, secret)| !secret.per_tenant && secret.principals.contains(&kind))
            .partition(|(_, secret)| own.contains(secret.arn.as_str()));
        let chosen = if shared.is_empty() { owned } else { shared };
        chosen.into_iter().map(|(index, _)| index).collect()
    }

    fn named(&self, arn: &str) -> Result<usize, Failure> {
        let found = self.config.secrets.iter().position(|secret| secret.arn == arn);
        let found = found.filter(|index| {
            self.config.secrets.get(*index).is_some_and(|secret| !secret.per_tenant)
        });
        found.ok_or_else(|| {
            Failure::new(format!(
                "the configuration has no secret {arn} that is everybody's: write its arn as \
                 [[secret]] has it"
            ))
        })
    }
}

/// A database of a name may stand in several resources that lead to the same place; the first will
/// do.
fn find(config: &Config, file: &Path, named: Option<&str>) -> Result<(usize, usize), Failure> {
    let all = config.resources.iter().enumerate().flat_map(|(index, resource)| {
        resource.databases.iter().enumerate().map(move |(at, one)| (index, resource, at, one))
    });
    let mut found = None;
    let mut places = BTreeSet::new();
    for (index, resource, at, database) in all {
        if named.is_none_or(|name| name == database.name) {
            found.get_or_insert((index, at));
            places.insert(format!("{} on {}", database.name, resource.server.name));
        }
    }
    let file = file.display();
    match (found, named) {
        (Some(found), _) if places.len() == 1 => Ok(found),
        (Some(_), _) => {
            let places: Vec<String> = places.into_iter().collect();
            Err(Failure::new(format!(
                "{file} has several databases ({}): name one with --database, or its place with \
                 --database-url",
                places.join(", ")
            )))
        }
        (None, Some(name)) => Err(Failure::new(format!("{file} has no database {name}"))),
        (None, None) => Err(Failure::new(format!(
            "{file} has no database: add a [[resource.database]], or use --database-url"
        ))),
    }
}

/// Places in a configuration that never changes do not get lost.
fn lost() -> Failure {
    Failure::new("a part of the configuration went missing: please report this")
}
