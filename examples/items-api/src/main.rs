//! Items of tenants over HTTP: the demo application of "Multi-tenant data isolation in PostgreSQL",
//! in Rust and behind Rowhouse.
//!
//! Its SQL names no tenant. Who asks is settled once, when a transaction begins; row-level security
//! does the rest.

mod api;
mod fault;
mod store;
mod tenant;

use std::error::Error;
use std::net::SocketAddr;

use clap::Parser;
use tokio::net::TcpListener;

use tenant::Tenants;

/// Serves items of tenants.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  items-api --dev
  curl -H \"X-tenant-id: 7a245486-3fc8-47ec-b303-04fefe7a58ff\" http://127.0.0.1:8000/items/")]
struct Options {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// The gateway's PostgreSQL door. Its user is for --dev; a caller's token goes in as it is.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "postgres://app_user:app_user@127.0.0.1:6432/postgres"
    )]
    database_url: tokio_postgres::Config,
    /// Believe the header X-tenant-id. Whoever can reach the address then chooses the tenant, so it
    /// is refused unless the address is a loopback one.
    #[arg(long)]
    dev: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if options.dev && !options.listen.ip().is_loopback() {
        return Err("--dev believes everybody: listen on 127.0.0.1, or leave it out".into());
    }
    let tenants = Tenants::new(options.database_url, options.dev)?;
    let listener = TcpListener::bind(options.listen).await?;
    println!("ready http://{}", listener.local_addr()?);
    axum::serve(listener, api::routes(tenants)).with_graceful_shutdown(stop()).await?;
    Ok(())
}

/// Ctrl-C. Should the signal not be had, the process ends as any other would.
async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
