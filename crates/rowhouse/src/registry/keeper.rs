//! The connection that listens for changes, and what is done when it is gone.
//!
//! LISTEN comes before the first look, so that nothing falls between. A notification says only that
//! something may have changed; so does a poll now and then, for notifications that a proxy in
//! between does not pass on. Either is followed by a question for the version, and only another
//! version by reading the table: whoever sends notifications for fun costs a question.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::rows::{self, Snapshot};
use super::{CONNECT_TIMEOUT, PARAMETERS, Registry, cache, schema};
use crate::config::{self, Config, Login, PrincipalKind};
use crate::observe::{Event, Observer};
use crate::secrets::{Credentials, Source, Sources};
use crate::upstream::{Connection, UpstreamError, connect_with};

/// Whatever is asked; a million rows take some seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the start waits for a database that is on its way up.
const START_TIMEOUT: Duration = Duration::from_secs(15);
/// The same where the last known records can be had from a file.
const START_TIMEOUT_CACHED: Duration = Duration::from_secs(5);
/// How often the version is asked for, changed or not. It finds dead connections, too.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// Between two questions for the version, however many notifications come.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause after a connection was lost; it doubles with every failure.
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// The longest pause: changes are seen this long after the database is back.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Odd rows that are told of at once.
const ODD_MAX: usize = 10;

/// Keeps the registry as the database has it.
pub struct Keeper {
    registry: Arc<Registry>,
    settings: config::Registry,
    source: Arc<Source>,
    /// Roles that tenants' statements run as on the same server.
    roles: Vec<String>,
    observer: Observer,
    connection: Option<Connection>,
    mark: String,
    failures: u32,
}

/// Why there is no registry, in words for an operator.
#[derive(Debug)]
pub struct Unusable(pub String);

impl Keeper {
    /// Reads the registry for the first time. The keeper is for the main thread's [`Keeper::keep`];
    /// `None` where no registry is configured.
    ///
    /// A database that does not answer stops the start, unless the last known records are in a
    /// file.
    pub async fn start(
        config: &Config,
        sources: &Sources,
        observer: &Observer,
    ) -> Result<(Arc<Registry>, Option<Keeper>), Unusable> {
        let registry = Arc::new(Registry::new(config));
        let Some(settings) = config.registry.clone() else { return Ok((registry, None)) };
        let source = sources.source(settings.secret, None);
        let source = source.map_err(|error| Unusable(error.to_string()))?;
        let mut keeper = Keeper {
            roles: tenant_roles(config, &settings, sources).await,
            registry: Arc::clone(&registry),
            settings,
            source,
            observer: observer.clone(),
            connection: None,
            mark: String::new(),
            failures: 0,
        };
        keeper.first_look().await?;
        Ok((registry, Some(keeper)))
    }

    /// Follows the database for as long as the gateway runs.
    pub async fn keep(mut self) {
        loop {
            let Err(error) = self.attend().await;
            self.connection = None;
            if self.failures == 0 {
                self.observer.emit(&Event::RegistryAway { reason: &error });
            }
            let doubled = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
            self.failures = self.failures.saturating_add(1);
            sleep(RETRY_FIRST.saturating_mul(doubled).min(RETRY_MAX)).await;
        }
    }

    async fn first_look(&mut self) -> Result<(), Unusable> {
        let place = self.place();
        let known = self.settings.cache_file.as_deref().map(|file| cache::read(file, &place));
        let wait = if matches!(known, Some(Ok(_))) { START_TIMEOUT_CACHED } else { START_TIMEOUT };
        let deadline = Instant::now() + wait;
        let error = loop {
            match self.look().await {
                Ok(()) => {
                    let exposed = self.exposed().await;
                    return exposed.map_or(Ok(()), |exposed| Err(Unusable(exposed)));
                }
                Err(error) if is_final(&error) || Instant::now() >= deadline => break error,
                Err(_) => sleep(RETRY_FIRST * 5).await,
            }
            self.connection = None;
        };
        self.connection = None;
        let told = format!("cannot read the registry in {place}: {error}");
        match known {
            Some(Ok(records)) => {
                self.registry.replace(records);
                self.observer.emit(&Event::RegistryAway { reason: &told });
                self.failures = 1;
                Ok(())
            }
            Some(Err(why)) => Err(Unusable(format!(
                "{told}; and {why}, so that nobody knows who is suspended: check [registry]"
            ))),
            None => Err(Unusable(format!(
                "{told}; without it nobody knows who is suspended: check [registry], or name a \
                 registry.cache_file to start with what was last known"
            ))),
        }
    }

    /// Until the connection is lost.
    async fn attend(&mut self) -> Result<std::convert::Infallible, UpstreamError> {
        loop {
            self.look().await?;
            if std::mem::take(&mut self.failures) > 0 {
                let tenants = self.registry.len();
                self.observer.emit(&Event::RegistryRead { tenants, changed: true });
            }
            sleep(PAUSE).await;
            let Some(connection) = &mut self.connection else { continue };
            // Without a word it is time for a look all the same.
            timeout(POLL_INTERVAL, connection.notified()).await.unwrap_or(Ok(()))?;
        }
    }

    /// Connects if need be, and reads the table if it is another than before.
    async fn look(&mut self) -> Result<(), UpstreamError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.mark.clear();
                self.connect().await?
            }
        };
        let mark = in_time(rows::mark(&mut connection)).await?;
        if mark != self.mark {
            let snapshot = in_time(rows::read(&mut connection)).await?;
            self.take(snapshot).await;
        }
        // One on which something has failed or is still outstanding does not come here.
        self.connection = Some(connection);
        Ok(())
    }

    async fn take(&mut self, snapshot: Snapshot) {
        let Snapshot { mark, records, odd } = snapshot;
        self.mark = mark;
        let tenants = records.len();
        let changed = self.registry.replace(records);
        self.observer.emit(&Event::RegistryRead { tenants, changed });
        if !changed && self.registry.version() > 0 {
            return;
        }
        for line in odd.iter().take(ODD_MAX) {
            self.observer.emit(&Event::Trouble { place: "registry", reason: line });
        }
        let Some(file) = self.settings.cache_file.clone() else { return };
        let (place, records) = (self.place(), self.registry.all());
        // A disk that hangs must not hold up the thread.
        let written =
            tokio::task::spawn_blocking(move || cache::write(&file, &place, &records)).await;
        if let Ok(Err(error)) = written {
            let reason = format!("registry.cache_file cannot be written: {error}");
            self.observer.emit(&Event::Trouble { place: "registry", reason: &reason });
        }
    }

    async fn connect(&self) -> Result<Connection, UpstreamError> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let credentials = self.source.current(until).await.map_err(|error| {
            let cause = error.cause().unwrap_or("no reason is known");
            UpstreamError::Network(format!("its credentials cannot be had: {cause}"))
        })?;
        let connected = connect_with(&self.login(&credentials), CONNECT_TIMEOUT, &PARAMETERS).await;
        let mut connection = match connected {
            Err(error) if error.refuses_login() => {
                // The password may have been changed meanwhile.
                let newer = self.source.refused(&credentials, false, until).await;
                let newer = newer.ok_or(error)?;
                connect_with(&self.login(&newer), CONNECT_TIMEOUT, &PARAMETERS).await?
            }
            connected => connected?,
        };
        in_time(schema::bring_up_to_date(&mut connection)).await?;
        in_time(connection.query_text("listen rowhouse_tenant")).await?;
        Ok(connection)
    }

    fn login(&self, credentials: &Credentials) -> Login {
        Login {
            server: Arc::clone(&self.settings.server),
            database: self.settings.database.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        }
    }

    fn place(&self) -> String {
        format!("database {} on {}", self.settings.database, self.settings.server.name)
    }

    /// What a tenant's role may do to the registry, if it may do anything.
    async fn exposed(&mut self) -> Option<String> {
        let connection = self.connection.as_mut()?;
        let roles = Value::from(self.roles.clone()).to_string();
        let found = in_time(connection.call(EXPOSED, &[&roles])).await;
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some(format!("the rights to the registry are unknown: {error}")),
        };
        let lines: Vec<String> = found.into_iter().flatten().flatten().collect();
        (!lines.is_empty()).then(|| {
            format!(
                "the registry is not safe from tenants, who could take a suspension back: {}; \
                 revoke that, or keep the registry in a database of its own",
                lines.join("; ")
            )
        })
    }
}

/// Superusers are the start-up gate's matter.
const EXPOSED: &str = "
    select format('role %I %s', r.rolname, o.what)
    from pg_roles r
    cross join lateral (
        select 'may use the table rowhouse.' || c.relname as what
        from pg_class c
        where c.relnamespace = 'rowhouse'::regnamespace
            and c.relname in ('tenant', 'tenant_change')
            and (
                has_table_privilege(r.oid, c.oid,
                    'select, insert, update, delete, truncate, references, trigger')
                or has_any_column_privilege(r.oid, c.oid, 'select, insert, update, references')
                or pg_has_role(r.oid, c.relowner, 'member')
            )
        union all
        select 'may create in the schema rowhouse, or owns it'
        from pg_namespace n
        where n.nspname = 'rowhouse'
            and (
                has_schema_privilege(r.oid, n.oid, 'create')
                or pg_has_role(r.oid, n.nspowner, 'member')
            )
    ) o
    where not r.rolsuper and r.rolname in (select jsonb_array_elements_text($1::jsonb))";

/// The roles of tenants where the registry's server is one of theirs: as far as the configuration
/// says, or those who keep the roles' passwords, whom the gate has asked just now.
async fn tenant_roles(
    config: &Config,
    settings: &config::Registry,
    sources: &Sources,
) -> Vec<String> {
    if !config.resources.iter().any(|resource| resource.server == settings.server) {
        return Vec::new();
    }
    let mut roles = Vec::new();
    for (index, secret) in config.secrets.iter().enumerate() {
        if !secret.principals.contains(&PrincipalKind::Tenant) {
            continue;
        }
        roles.extend(secret.role.clone());
        let source = sources.source(index, None).ok().filter(|_| !secret.per_tenant);
        if let Some(source) = source
            && let Ok(credentials) = source.current(Instant::now() + CONNECT_TIMEOUT).await
        {
            roles.push(credentials.role.clone());
        }
    }
    roles
}

/// What the server says in words stays so, unless it is on its way up (class 57) or full (53).
fn is_final(error: &UpstreamError) -> bool {
    let code = error.server().map(|server| server.code);
    code.is_some_and(|code| !["53", "57"].iter().any(|class| code.as_str().starts_with(class)))
}

/// A connection whose answer does not come is no more.
async fn in_time<T>(
    asked: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    timeout(ANSWER_TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(UpstreamError::Network(format!("no answer within {ANSWER_TIMEOUT:?}")))
    })
}
