//! The demo data of `rowhouse dev`: what the seed documents print, in its safe form
//! (docs/seeds.md).
//!
//! Loaded once into a new cluster. A load that was cut off is taken up again: each database is one
//! transaction, and one that is there already is left alone.

use std::fmt;
use std::time::Duration;

use rowhouse_tenancy::ids::TenantId;

use crate::cluster::{Cluster, ClusterError, DataDir, SUPERUSER};
use crate::config::Login;
use crate::registry::{Change, Refusal, Registrar};
use crate::upstream::{Connection, UpstreamError, connect};

/// File with the password of the role that owns the demo schemas, in the data directory.
pub const OWNER_PASSWORD_FILE: &str = "owner.password";
/// File that says that the demo data were loaded, or are not wanted, in the data directory.
pub const LOADED_FILE: &str = "demo.loaded";
/// Settings that receive the tenant, for each database.
pub const DATABASES: [(&str, &[&str]); 3] = [
    ("postgres", &["app.current_tenant", "app.current_tenant_id"]),
    ("onlineshop", &["app.current_tenant"]),
    ("rls_vip", &["app.tenant_id"]),
];

/// The database with the tenants' registry.
pub const REGISTRY_DATABASE: &str = "postgres";
/// The tenants of the demo data: their ids in their tables, and what they are called.
const TENANTS: [(&str, &str); 12] = [
    ("1", "Tenant1"),
    ("2", "Tenant2"),
    ("3", "Tenant3"),
    ("tenant1", "Ana and Ben"),
    ("tenant2", "Chiara"),
    ("tenant3", "Dmitri and Esi"),
    ("tenant_1", "Coffee shop"),
    ("tenant_2", "Sports shop"),
    ("tenant_3", "Music shop"),
    ("7a245486-3fc8-47ec-b303-04fefe7a58ff", "pawnee-parks-and-rec"),
    ("162be16f-f76d-431a-a213-171838ded9ae", "eagleton-parks"),
    ("ebdba44d-ad48-4e73-9bd5-339e3c3fc590", "snerling-public-works"),
];

/// The server is on this machine and idle.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ROLES: &str = include_str!("demo/roles.sql");

/// One database: its name, a table that it has once it is loaded, and what loads it.
struct Seed {
    database: &'static str,
    table: &'static str,
    sql: &'static str,
}

const SEEDS: [Seed; 3] = [
    Seed { database: "postgres", table: "public.tenant", sql: include_str!("demo/postgres.sql") },
    Seed {
        database: "onlineshop",
        table: "public.product",
        sql: include_str!("demo/onlineshop.sql"),
    },
    Seed { database: "rls_vip", table: "sh_vip.t_user", sql: include_str!("demo/rls_vip.sql") },
];

/// Why the demo data are not there.
#[derive(Debug)]
pub enum DemoError {
    /// The data directory cannot be written.
    Directory(ClusterError),
    /// PostgreSQL refused.
    Sql {
        /// In which database.
        database: &'static str,
        /// What it said.
        error: UpstreamError,
    },
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Directory(error) => error.fmt(f),
            DemoError::Sql { database, error } => write!(
                f,
                "the demo data cannot be loaded into database {database}: {error}; begin anew with \
                 --reset, or go without with --no-demo"
            ),
        }
    }
}

impl std::error::Error for DemoError {}

impl From<ClusterError> for DemoError {
    fn from(error: ClusterError) -> Self {
        DemoError::Directory(error)
    }
}

/// Loads the demo data unless that was done. May be cancelled and called again.
pub async fn load(cluster: &Cluster, directory: &DataDir) -> Result<(), DemoError> {
    if directory.file(LOADED_FILE).exists() {
        return Ok(());
    }
    let owner = directory.secret(OWNER_PASSWORD_FILE)?;
    let mut connection = connected(cluster, "postgres").await?;
    let mut first = async |sql: &str| run(&mut connection, "postgres", sql).await;
    first(ROLES).await?;
    // The password is letters and digits, drawn by ourselves: nothing to quote.
    first(&format!("alter role owner password '{}'", owner.expose())).await?;
    for seed in &SEEDS {
        let name = seed.database;
        let known = format!("select from pg_catalog.pg_database where datname = '{name}'");
        if first(&known).await?.is_empty() {
            first(&format!("create database {name} owner owner")).await?;
        }
        load_seed(cluster, seed).await?;
    }
    register(cluster).await?;
    directory.write(LOADED_FILE, b"loaded\n")?;
    Ok(())
}

/// Remembers that this cluster is to stay without demo data.
pub fn skip(directory: &DataDir) -> Result<(), DemoError> {
    if !directory.file(LOADED_FILE).exists() {
        directory.write(LOADED_FILE, b"not wanted\n")?;
    }
    Ok(())
}

/// Whether the demo data are in this cluster.
pub fn is_loaded(directory: &DataDir) -> bool {
    std::fs::read(directory.file(LOADED_FILE)).is_ok_and(|bytes| bytes == b"loaded\n")
}

async fn load_seed(cluster: &Cluster, seed: &Seed) -> Result<(), DemoError> {
    let mut connection = connected(cluster, seed.database).await?;
    let known = format!("select where to_regclass('{}') is not null", seed.table);
    if run(&mut connection, seed.database, &known).await?.is_empty() {
        run(&mut connection, seed.database, seed.sql).await?;
    }
    Ok(())
}

/// Puts the demo data's tenants into the registry; those that are there stay as they are.
async fn register(cluster: &Cluster) -> Result<(), DemoError> {
    let failed = |error| DemoError::Sql { database: REGISTRY_DATABASE, error };
    let login = login(cluster, REGISTRY_DATABASE);
    let mut registrar = Registrar::connect(&login).await.map_err(failed)?;
    for (id, name) in TENANTS {
        let Ok(tenant) = TenantId::parse(id) else { continue };
        let change = Change { name: Some(Some(name.to_owned())), ..Change::default() };
        if let Err(Refusal::Database(error)) = registrar.add(&tenant, &change).await {
            return Err(failed(error));
        }
    }
    Ok(())
}

async fn connected(cluster: &Cluster, database: &'static str) -> Result<Connection, DemoError> {
    let login = login(cluster, database);
    connect(&login, CONNECT_TIMEOUT).await.map_err(|error| DemoError::Sql { database, error })
}

fn login(cluster: &Cluster, database: &str) -> Login {
    Login {
        server: cluster.server(),
        database: database.to_owned(),
        role: SUPERUSER.to_owned(),
        password: cluster.superuser_password().clone(),
    }
}

async fn run(
    connection: &mut Connection,
    database: &'static str,
    sql: &str,
) -> Result<Vec<Vec<Option<String>>>, DemoError> {
    connection.query_text(sql).await.map_err(|error| DemoError::Sql { database, error })
}
