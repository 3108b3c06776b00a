//! The ledger: the journal's answers, added up in PostgreSQL by tenant, hour, operation, outcome.
//!
//! The sums and the position up to which a segment is in them change in one transaction, so an
//! answer is in them once, whatever dies when. Sums of several gateways add up; each has positions
//! of its own. What is sent on as CloudEvents stands in the same transaction, and is sent from
//! there ([`events`]).

mod events;
mod fold;
mod post;

use std::sync::Arc;
use std::time::Duration;

use rowhouse_rls::catalog::SEARCH_PATH;
use tokio::time::{Instant, sleep, timeout};

use crate::config::{Config, Login, Registry};
use crate::journal::Journal;
use crate::observe::{Event, Observer};
use crate::secrets::{Credentials, Source, Sources};
use crate::upstream::{Connection, UpstreamError, connect_with};
pub use events::hour;
use fold::Fold;
pub use fold::positions;

/// How often the disk is asked for what was counted: what a power cut may lose.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Connecting, with a password that may have to be fetched.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Adding up, in all: a segment is a few MiB, and nobody else holds these rows for long.
const FOLD_TIMEOUT: Duration = Duration::from_secs(120);
/// The same when the gateway stops. What is left is added up by the next start.
const LAST_FOLD_TIMEOUT: Duration = Duration::from_secs(3);
/// Names mean PostgreSQL's own, and nothing waits for ever.
const PARAMETERS: [(&str, &str); 4] = [
    ("application_name", "rowhouse usage"),
    ("search_path", SEARCH_PATH),
    ("statement_timeout", "60s"),
    ("lock_timeout", "10s"),
];

/// Where sums are kept.
#[derive(Clone)]
pub struct Home {
    place: Registry,
    source: Arc<Source>,
}

/// Adds up what a gateway has counted.
pub struct Ledger {
    config: Arc<Config>,
    journal: Arc<Journal>,
    home: Home,
    observer: Observer,
    fold: Fold,
}

impl Home {
    /// Where `[registry]` says. `None`: it is not there.
    pub fn of(config: &Config, sources: &Sources) -> Option<Home> {
        let place = config.registry.clone()?;
        let source = sources.source(place.secret, None).ok()?;
        Some(Home { place, source })
    }

    /// Logs in. What the server refuses is fetched anew, so that a rotation costs nothing.
    pub async fn connect(&self) -> Result<Connection, UpstreamError> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let untold = |error: crate::error::Error| {
            let cause = error.cause().unwrap_or("no reason is known");
            UpstreamError::Network(format!("the credentials cannot be had: {cause}"))
        };
        let credentials = self.source.current(until).await.map_err(untold)?;
        match connect_with(&self.login(&credentials), CONNECT_TIMEOUT, &PARAMETERS).await {
            Err(error) if error.refuses_login() => {
                match self.source.refused(&credentials, false, until).await {
                    Some(newer) => {
                        connect_with(&self.login(&newer), CONNECT_TIMEOUT, &PARAMETERS).await
                    }
                    None => Err(error),
                }
            }
            connected => connected,
        }
    }

    fn login(&self, credentials: &Credentials) -> Login {
        Login {
            server: Arc::clone(&self.place.server),
            database: self.place.database.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        }
    }
}

impl Ledger {
    /// The ledger of a journal. `None`: there is nowhere to add it up.
    pub fn new(
        config: &Arc<Config>,
        sources: &Sources,
        journal: &Arc<Journal>,
        observer: &Observer,
    ) -> Option<Ledger> {
        let home = Home::of(config, sources)?;
        let fold = Fold::new(Arc::clone(journal), &config.usage);
        Some(Ledger {
            config: Arc::clone(config),
            journal: Arc::clone(journal),
            home,
            observer: observer.clone(),
            fold,
        })
    }

    /// Asks the disk for what was counted, for as long as the gateway runs.
    pub async fn keep_on_disk(journal: Arc<Journal>, observer: Observer) {
        loop {
            sleep(SYNC_INTERVAL).await;
            let syncing = Arc::clone(&journal);
            // A disk may take its time; a thread that panics has nothing to tell.
            let _ = tokio::task::spawn_blocking(move || syncing.sync()).await;
            if let Some(reason) = journal.take_trouble() {
                observer.emit(&Event::UsageTrouble { part: "journal", reason: &reason });
            }
        }
    }

    /// Sends on what was added up, for as long as the gateway runs.
    pub fn events(&self) -> Option<impl Future<Output = ()> + use<>> {
        self.config.usage.cloud_events.as_ref()?;
        let (config, home) = (Arc::clone(&self.config), self.home.clone());
        Some(events::deliver(config, home, self.observer.clone()))
    }

    /// Adds up again and again, until `stopped` is done; then once more.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let interval = self.config.usage.fold_interval;
        let mut stopped = std::pin::pin!(stopped);
        let mut told = None;
        loop {
            let folded = timeout(FOLD_TIMEOUT, self.add_up()).await;
            self.tell(folded.unwrap_or_else(|_| Err("it takes too long".to_owned())), &mut told);
            tokio::select! {
                () = sleep(interval) => {}
                () = &mut stopped => break,
            }
        }
        self.journal.close();
        let folded = timeout(LAST_FOLD_TIMEOUT, self.add_up()).await;
        self.tell(folded.unwrap_or_else(|_| Err("the next start goes on".to_owned())), &mut told);
    }

    async fn add_up(&mut self) -> Result<(), String> {
        let mut connection = match self.fold.connection.take() {
            Some(connection) => connection,
            None => {
                let connected = self.home.connect().await;
                let mut connection = connected.map_err(|error| error.to_string())?;
                let made = crate::registry::schema::bring_up_to_date(&mut connection).await;
                made.map_err(|error| error.to_string())?;
                connection
            }
        };
        // A connection that something went wrong on is not used again.
        self.fold.all(&mut connection, &self.observer).await?;
        self.fold.connection = Some(connection);
        Ok(())
    }

    /// The same trouble is told once.
    fn tell(&mut self, folded: Result<(), String>, told: &mut Option<String>) {
        let trouble = folded.err();
        if let Some(reason) = &trouble
            && *told != trouble
        {
            self.fold.connection = None;
            self.observer.emit(&Event::UsageTrouble { part: "fold", reason });
        }
        *told = trouble;
    }
}
