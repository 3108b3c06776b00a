//! Whether the servers answer: one connection each, asked now and then.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::config::{Config, Login, PrincipalKind, Server};
use crate::observe::{Event, Observer};
use crate::seal::Seals;
use crate::secrets::{Credentials, Source, Sources};
use crate::session::Controls;
use crate::upstream::{Connection, connect, knock};

/// The pause between two questions to a server.
const INTERVAL: Duration = Duration::from_secs(1);
/// A server that takes longer to answer nothing at all is not ready.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What `/readyz` says then.
const NOT_ANSWERING: &str = "a PostgreSQL server does not answer";
/// And then.
const NOT_REGISTERED: &str = "a sealed database refuses the current sealing key";

/// And then.
const PAUSED: &str = "a database is paused by an operator (RESUME at the console ends that)";

/// Starts the probes; the value is why the gateway is not ready, if it is not.
pub fn watch(
    config: &Arc<Config>,
    sources: &Arc<Sources>,
    seals: &Option<Arc<Seals>>,
    controls: &Controls,
    observer: &Observer,
) -> watch::Receiver<Option<&'static str>> {
    let (readiness, reader) = watch::channel(None);
    let readiness = Arc::new(readiness);
    let unreachable = Arc::new(AtomicUsize::new(0));
    for resource in &config.resources {
        let probe = Probe {
            server: Arc::clone(&resource.server),
            database: resource.default_database.clone(),
            source: source(config, sources),
        };
        let (readiness, unreachable) = (Arc::clone(&readiness), Arc::clone(&unreachable));
        let (observer, seals, controls) = (observer.clone(), seals.clone(), controls.clone());
        tokio::task::spawn_local(async move {
            let mut connection: Option<Connection> = None;
            let mut reachable = true;
            observer.emit(&Event::Readiness { server: &probe.server.name, reachable });
            loop {
                // Who pauses may be about to stop the server, which waits for its connections.
                if controls.paused() > 0 {
                    connection = None;
                    readiness.send_if_modified(|told| told.replace(PAUSED) != Some(PAUSED));
                    tokio::time::sleep(INTERVAL).await;
                    continue;
                }
                let answers = probe.ask(&mut connection).await;
                if answers != reachable {
                    reachable = answers;
                    observer.emit(&Event::Readiness { server: &probe.server.name, reachable });
                    match reachable {
                        true => unreachable.fetch_sub(1, Relaxed),
                        false => unreachable.fetch_add(1, Relaxed),
                    };
                }
                let why = match &seals {
                    _ if unreachable.load(Relaxed) > 0 => Some(NOT_ANSWERING),
                    Some(seals) if seals.is_refused() => Some(NOT_REGISTERED),
                    _ => None,
                };
                readiness.send_if_modified(|told| std::mem::replace(told, why) != why);
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }
    reader
}

/// The secret a probe logs in with: the first that tenants may use, as their requests would. `None`
/// where each tenant has its own: then the server is asked without logging in.
fn source(config: &Config, sources: &Sources) -> Option<Arc<Source>> {
    let shared = || config.secrets.iter().enumerate().filter(|(_, secret)| !secret.per_tenant);
    let (index, _) = shared()
        .find(|(_, secret)| secret.principals.contains(&PrincipalKind::Tenant))
        .or_else(|| shared().next())?;
    sources.source(index, None).ok()
}

/// One server, and how it is asked.
struct Probe {
    server: Arc<Server>,
    database: String,
    source: Option<Arc<Source>>,
}

impl Probe {
    /// Asks nothing and waits for the answer; a connection that fails is made anew next time.
    async fn ask(&self, connection: &mut Option<Connection>) -> bool {
        let open = match (connection.take(), &self.source) {
            (Some(open), _) => Some(open),
            (None, Some(source)) => self.connect(source).await,
            (None, None) => return knock(&self.server, TIMEOUT).await,
        };
        let Some(mut open) = open else { return false };
        let answers = tokio::time::timeout(TIMEOUT, open.query_text("")).await;
        let answers = matches!(answers, Ok(Ok(_)));
        if answers {
            *connection = Some(open);
        }
        answers
    }

    /// Logs in; what the server refuses is fetched anew, so that a probe too survives a rotation.
    async fn connect(&self, source: &Arc<Source>) -> Option<Connection> {
        let until = Instant::now() + TIMEOUT;
        let credentials = source.current(until).await.ok()?;
        match connect(&self.login(&credentials), TIMEOUT).await {
            Ok(open) => Some(open),
            Err(error) if error.refuses_login() => {
                let newer = source.refused(&credentials, false, until).await?;
                connect(&self.login(&newer), TIMEOUT).await.ok()
            }
            Err(_) => None,
        }
    }

    fn login(&self, credentials: &Credentials) -> Login {
        Login {
            server: Arc::clone(&self.server),
            database: self.database.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        }
    }
}
