//! Who comes in by the PostgreSQL door, and the schema that the programs work in.

use std::env;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tokio_postgres::{Client, Config, NoTls};

/// A walled table.
pub const NOTE: &str = "wire_rust.note";
/// One without walls.
pub const PLAIN: &str = "wire_rust.plain";

const SCHEMA: &str = "
    drop schema if exists wire_rust cascade;
    create schema wire_rust;
    grant usage on schema wire_rust to app_user;
    create table wire_rust.note (
        tenant_id text not null default current_setting('app.current_tenant'),
        id bigint generated always as identity primary key,
        body text not null
    );
    create policy own on wire_rust.note
        using (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')))
        with check (tenant_id = (select nullif(current_setting('app.current_tenant', true), '')));
    alter table wire_rust.note enable row level security;
    alter table wire_rust.note force row level security;
    create table wire_rust.plain (id bigint, body text);
    grant select, insert, update, delete on all tables in schema wire_rust to app_user;
";

/// An application that says its tenant when it connects.
pub async fn connect(tenant: &str) -> Client {
    connected(&login(tenant)).await
}

/// How it connects.
pub fn login(tenant: &str) -> Config {
    let named = env::var("ROWHOUSE_PG").ok();
    let address = named.unwrap_or_else(|| text(&read("endpoints.json"), "pg"));
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let mut config = Config::new();
    config.host(host).port(port.parse().expect("a port"));
    config.user("app_user").password("app_user").dbname("postgres");
    if !tenant.is_empty() {
        config.options(format!("-c app.current_tenant={tenant}"));
    }
    config
}

/// A client whose connection is driven in the background.
pub async fn connected(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the door opens");
    tokio::spawn(connection);
    client
}

/// The tables, empty, made by the operator of the PostgreSQL behind the door.
pub async fn make_schema() {
    operator().await.batch_execute(SCHEMA).await.expect("the schema is made");
}

/// Until PostgreSQL works at a statement like that, whoever sent it.
pub async fn until_running(like: &str) {
    let operator = operator().await;
    let sql = "select from pg_stat_activity where state = 'active' and query like $1
        and pid <> pg_backend_pid()";
    for _ in 0..10_000 {
        if !operator.query(sql, &[&like]).await.expect("activity").is_empty() {
            return;
        }
    }
    panic!("{like} is not running");
}

async fn operator() -> Client {
    let cluster = read("cluster.json");
    let password = fs::read_to_string(text(&cluster, "superuser_password_file"));
    let mut config = Config::new();
    config.host(text(&cluster, "host"));
    config.port(cluster["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port"));
    config.user(text(&cluster, "superuser")).dbname("postgres");
    config.password(password.expect("a password").trim());
    connected(&config).await
}

fn read(name: &str) -> Value {
    let folder = env::var("ROWHOUSE_DATA_DIR").unwrap_or_else(|_| ".rowhouse".to_owned());
    let text = fs::read_to_string(PathBuf::from(folder).join(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect(name).to_owned()
}
