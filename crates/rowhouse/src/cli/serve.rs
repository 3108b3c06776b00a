//! `rowhouse serve`: the gateway in front of servers that exist already.

use super::config::load_file;
use super::stop::StopSignals;
use super::{Failure, Serve, terminal};
use crate::app::{self, Endpoints, Reloads};

/// Runs until it is asked to stop.
pub async fn run(arguments: &Serve) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let file = arguments.config.clone();
    let reloads = Reloads::listen(move || load_file(&file).map_err(|Failure(lines)| lines))?;
    let loaded = load_file(&arguments.config)?;
    let ready = |endpoints: &Endpoints| terminal::line(&ready_line(endpoints));
    app::run(loaded, Some(reloads), ready, signals.next()).await?;
    Ok(())
}

/// What programs wait for on standard output.
pub fn ready_line(endpoints: &Endpoints) -> String {
    let pg = endpoints.pg.map_or_else(|| "-".to_owned(), |pg| pg.to_string());
    format!("ready http={} pg={pg} admin=http://{}", endpoints.http_url(), endpoints.admin)
}
