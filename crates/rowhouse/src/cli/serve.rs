//! `rowhouse serve`: the gateway in front of servers that exist already.

use super::config::load_file;
use super::stop::StopSignals;
use super::{Failure, Serve, terminal};
use crate::app::{self, Endpoints};

/// Runs until it is asked to stop.
pub async fn run(arguments: &Serve) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    let config = load_file(&arguments.config)?.config;
    let ready = |endpoints: &Endpoints| terminal::line(&ready_line(endpoints));
    app::run(config, ready, signals.next()).await?;
    Ok(())
}

/// What programs wait for on standard output. The PostgreSQL door does not exist yet.
pub fn ready_line(endpoints: &Endpoints) -> String {
    format!("ready http=http://{} pg=- admin=http://{}", endpoints.http, endpoints.admin)
}
