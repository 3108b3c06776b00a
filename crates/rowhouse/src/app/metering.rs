//! Metering: the journal that shards count in, and the tasks around it.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::AppError;
use crate::config::Config;
use crate::journal::Journal;
use crate::ledger::Ledger;
use crate::observe::Observer;
use crate::secrets::Sources;

/// The tasks, until they are stopped.
pub struct Metering {
    stop: oneshot::Sender<()>,
    ended: Option<JoinHandle<()>>,
}

/// The journal, where something is metered.
pub fn open(config: &Config) -> Result<Option<Arc<Journal>>, AppError> {
    let Some(folder) = &config.usage.journal_dir else { return Ok(None) };
    let opened = Journal::open(&config.usage, folder);
    opened.map(Some).map_err(|error| AppError::Journal { folder: folder.clone(), error })
}

/// Starts what adds the journal up and sends it on. On the main thread.
pub fn start(
    config: &Arc<Config>,
    sources: &Sources,
    journal: &Arc<Journal>,
    observer: &Observer,
) -> Metering {
    let (stop, stopped) = oneshot::channel();
    tokio::task::spawn_local(Ledger::keep_on_disk(Arc::clone(journal), observer.clone()));
    let ledger = Ledger::new(config, sources, journal, observer);
    let ended = ledger.map(|ledger| {
        if let Some(events) = ledger.events() {
            tokio::task::spawn_local(events);
        }
        tokio::task::spawn_local(ledger.run(async {
            // A sender that is gone means the same.
            let _ = stopped.await;
        }))
    });
    Metering { stop, ended }
}

impl Metering {
    /// Adds up a last time, when nothing is answered any more.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Some(ended) = self.ended {
            // A task that has panicked has nothing more to do.
            let _ = ended.await;
        }
    }
}
