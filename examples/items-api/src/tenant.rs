//! Who asks, and a connection that is theirs.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use deadpool_postgres::{Manager, Object, Pool};
use tokio_postgres::{Client, Config, NoTls, Transaction};
use uuid::Uuid;

use crate::fault::Fault;

/// What the policies read.
const SETTING: &str = "app.current_tenant_id";
/// What names the tenant where everybody is believed.
const HEADER: &str = "x-tenant-id";
/// Connections to the gateway that are kept. They cost it little: it has its own to PostgreSQL.
const CONNECTIONS_MAX: usize = 16;
/// The user of connections by token. The token says who it is; the name is for the log.
const TOKEN_USER: &str = "items_api";

/// The ways to a connection.
#[derive(Clone)]
pub struct Tenants {
    /// As the application, which names the tenant itself; in development only.
    application: Option<Pool>,
    database: Config,
}

/// A caller as the request names it.
#[derive(Debug)]
pub enum Caller {
    /// A tenant that is believed.
    Named(Uuid),
    /// A token that the gateway will check.
    Token(String),
}

/// A connection on which a caller's transactions run.
pub enum Connection {
    /// One of the application's, and the tenant.
    Application(Object, Uuid),
    /// The tenant's own.
    Tenant(Client),
}

impl Tenants {
    /// Without `dev` only tokens count.
    pub fn new(database: Config, dev: bool) -> Result<Tenants, deadpool_postgres::BuildError> {
        let pool = || {
            let manager = Manager::new(database.clone(), NoTls);
            Pool::builder(manager).max_size(CONNECTIONS_MAX).build()
        };
        let application = dev.then(pool).transpose()?;
        Ok(Tenants { application, database })
    }

    /// A connection for this caller.
    pub async fn connect(&self, caller: Caller) -> Result<Connection, Fault> {
        match (caller, &self.application) {
            (Caller::Named(tenant), Some(pool)) => {
                let object = pool.get().await.map_err(|_| Fault::unavailable())?;
                Ok(Connection::Application(object, tenant))
            }
            (Caller::Named(_), None) => Err(Fault::unauthorized("send a bearer token")),
            (Caller::Token(token), _) => self.by_token(&token).await,
        }
    }

    /// The gateway takes the token as password and knows the tenant from it; this program never
    /// sees a tenant, and could not choose another one.
    async fn by_token(&self, token: &str) -> Result<Connection, Fault> {
        let mut config = self.database.clone();
        config.user(TOKEN_USER).password(token);
        let (client, connection) = config.connect(NoTls).await?;
        // Ends when the client is dropped; its errors come back from the client's calls, too.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Connection::Tenant(client))
    }
}

impl Connection {
    /// A transaction that sees the caller's rows.
    pub async fn begin(&mut self) -> Result<Transaction<'_>, Fault> {
        match self {
            Connection::Tenant(client) => Ok(client.transaction().await?),
            Connection::Application(object, tenant) => {
                let client: &mut Client = object;
                let transaction = client.transaction().await?;
                // For this transaction only: whoever has the connection next has to say it again.
                let set = "select set_config($1, $2, true)";
                transaction.execute(set, &[&SETTING, &tenant.to_string()]).await?;
                Ok(transaction)
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Fault> {
        if let Some(token) = bearer(&parts.headers) {
            return Ok(Caller::Token(token.to_owned()));
        }
        let named = parts.headers.get(HEADER).and_then(|value| value.to_str().ok());
        let Some(named) = named else { return Err(Fault::unauthorized("say who you are")) };
        named
            .parse()
            .map(Caller::Named)
            .map_err(|_| Fault::invalid("X-tenant-id is a UUID as 7a245486-3fc8-47ec-b303-…"))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
