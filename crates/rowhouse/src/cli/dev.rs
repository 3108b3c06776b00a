//! `rowhouse dev`: lock, cluster, demo data, configuration, and then the very same path as `serve`.

mod instance;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::config::load_file;
use super::serve::ready_line;
use super::stop::StopSignals;
use super::{CONFIG_FILE, Dev, Failure, terminal};
use crate::app::{self, AppError, Endpoints};
use crate::cluster::{self, Cluster, DataDir};
use crate::config::Loaded;
use crate::demo;

/// File that tells where the doors are, in the data directory.
const ENDPOINTS_FILE: &str = "endpoints.json";

/// Runs until it is asked to stop, or PostgreSQL ends.
pub async fn run(arguments: &Dev) -> Result<(), Failure> {
    let mut signals = StopSignals::listen()?;
    check_address("--http", arguments.http)?;
    check_address("--pg", arguments.pg)?;
    check_address("--admin", arguments.admin)?;
    let directory = DataDir::open(&arguments.data_dir)?;
    directory.remove(ENDPOINTS_FILE)?;
    let prepared = tokio::select! {
        prepared = prepare(arguments, &directory) => prepared?,
        // What was begun is dropped with the future, and ends with it.
        () = signals.next() => return Ok(()),
    };
    let (mut cluster, loaded) = prepared;
    let outcome = Box::pin(serve(arguments, &directory, &mut cluster, loaded, signals)).await;
    let removed = directory.remove(ENDPOINTS_FILE);
    cluster.stop().await?;
    outcome?;
    Ok(removed?)
}

/// The cluster with its data, and the configuration for it.
async fn prepare(arguments: &Dev, directory: &DataDir) -> Result<(Cluster, Loaded), Failure> {
    let options = cluster::Options { pg_bin: arguments.pg_bin.clone(), guard_program: None };
    if arguments.reset {
        cluster::reset(directory, &options).await?;
    }
    terminal::progress("starting PostgreSQL …");
    let cluster = Cluster::start(directory, &options).await?;
    if arguments.no_demo {
        demo::skip(directory)?;
    } else {
        demo::load(&cluster, directory).await?;
    }
    let text = instance::configuration(arguments, directory, &cluster)?;
    directory.write(CONFIG_FILE, text.as_bytes())?;
    let loaded = load_file(&directory.file(CONFIG_FILE))?;
    Ok((cluster, loaded))
}

async fn serve(
    arguments: &Dev,
    directory: &DataDir,
    cluster: &mut Cluster,
    loaded: Loaded,
    mut signals: StopSignals,
) -> Result<(), Failure> {
    let mut written = Ok(());
    let mut cluster_ended = false;
    let ready = |endpoints: &Endpoints| {
        written = directory.write(ENDPOINTS_FILE, endpoints_json(endpoints).as_bytes());
        let demo = demo::is_loaded(directory);
        terminal::print(&instance::invitation(&program(), &arguments.data_dir, endpoints, demo));
        terminal::line(&ready_line(endpoints));
    };
    let shutdown = async {
        tokio::select! {
            () = signals.next() => {}
            () = cluster.ended() => cluster_ended = true,
        }
    };
    let outcome = app::run(loaded, None, ready, shutdown).await;
    outcome.map_err(|error| in_flags(&error))?;
    written?;
    if cluster_ended {
        let log = directory.file(cluster::LOG_FILE);
        let message = format!("PostgreSQL ended by itself: see {}", log.display());
        return Err(Failure::new(message));
    }
    Ok(())
}

/// Dev's keys are public, so its doors are for this machine alone; and a busy port is better told
/// before a cluster is made.
fn check_address(flag: &str, address: SocketAddr) -> Result<(), Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::new(format!(
            "{flag} {address}: dev listens on loopback only, since its keys are public: use \
             127.0.0.1:{}, or `rowhouse serve` with keys of your own",
            address.port()
        )));
    }
    TcpListener::bind(address).map(drop).map_err(|error| Failure::new(busy(flag, address, &error)))
}

fn busy(flag: &str, address: SocketAddr, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        return format!(
            "{address} is in use: stop what listens there, or choose another with {flag} ADDR \
             (port 0 picks a free one)"
        );
    }
    format!("cannot listen on {address}: {error}; choose another with {flag} ADDR")
}

/// The same words for the same failure, wherever it is found.
fn in_flags(error: &AppError) -> Failure {
    match error {
        AppError::Bind { key, address, error } => {
            let flag = match *key {
                "admin.listen" => "--admin",
                "wire.listen" => "--pg",
                _ => "--http",
            };
            Failure::new(busy(flag, *address, error))
        }
        other => Failure::new(other.to_string()),
    }
}

fn endpoints_json(endpoints: &Endpoints) -> String {
    let value = json!({
        "http": endpoints.http_url(),
        "pg": endpoints.pg.map(|pg| pg.to_string()),
        "admin": format!("http://{}", endpoints.admin),
    });
    format!("{value}\n")
}

/// What was typed to start this program: it can be typed again.
fn program() -> PathBuf {
    std::env::args_os().next().map_or_else(|| Path::new("rowhouse").to_owned(), PathBuf::from)
}
