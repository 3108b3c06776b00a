//! Whether the servers answer: one connection each, asked now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::{Config, Login, Resource};
use crate::observe::{Event, Observer};
use crate::upstream::{Connection, connect};

/// The pause between two questions to a server.
const INTERVAL: Duration = Duration::from_secs(1);
/// A server that takes longer to answer nothing at all is not ready.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What `/readyz` says then.
const NOT_ANSWERING: &str = "a PostgreSQL server does not answer";

/// Starts the probes; the value is why the gateway is not ready, if it is not.
pub fn watch(config: &Arc<Config>, observer: &Observer) -> watch::Receiver<Option<&'static str>> {
    let (readiness, reader) = watch::channel(None);
    let readiness = Arc::new(readiness);
    let unreachable = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for resource in &config.resources {
        let Some(login) = login(config, resource) else { continue };
        let (readiness, unreachable) = (Arc::clone(&readiness), Arc::clone(&unreachable));
        let observer = observer.clone();
        tokio::task::spawn_local(async move {
            let mut connection: Option<Connection> = None;
            let mut reachable = true;
            observer.emit(&Event::Readiness { server: &login.server.name, reachable });
            loop {
                let answers = ask(&login, &mut connection).await;
                if answers != reachable {
                    reachable = answers;
                    observer.emit(&Event::Readiness { server: &login.server.name, reachable });
                    use std::sync::atomic::Ordering::Relaxed;
                    let before = match reachable {
                        true => unreachable.fetch_sub(1, Relaxed) - 1,
                        false => unreachable.fetch_add(1, Relaxed) + 1,
                    };
                    let _ = readiness.send((before > 0).then_some(NOT_ANSWERING));
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }
    reader
}

/// The role a probe logs in as: the first that tenants may use, as their requests would.
fn login(config: &Config, resource: &Resource) -> Option<Login> {
    let secret = config
        .secrets
        .iter()
        .find(|secret| secret.principals.contains(&crate::config::PrincipalKind::Tenant))
        .or_else(|| config.secrets.first())?;
    Some(Login {
        server: Arc::clone(&resource.server),
        database: resource.default_database.clone(),
        role: secret.role.clone(),
        password: secret.password.clone(),
    })
}

/// Asks nothing and waits for the answer; a connection that fails is made anew next time.
async fn ask(login: &Login, connection: &mut Option<Connection>) -> bool {
    let mut open = match connection.take() {
        Some(open) => open,
        None => match connect(login, TIMEOUT).await {
            Ok(open) => open,
            Err(_) => return false,
        },
    };
    let answers = tokio::time::timeout(TIMEOUT, open.query_text("")).await;
    let answers = matches!(answers, Ok(Ok(_)));
    if answers {
        *connection = Some(open);
    }
    answers
}
