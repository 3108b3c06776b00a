//! A connection that reads the catalog for the tools.

use std::fmt::Display;
use std::time::Duration;

use rowhouse_rls::catalog::{Catalog, Part, SEARCH_PATH, quote_literal};

use crate::cli::{Failure, terminal};
use crate::config::Login;
use crate::upstream::{Connection, TextRow, UpstreamError, connect_with};

/// Connecting; the catalog queries themselves may take as long as they need.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Names mean PostgreSQL's own, and nothing waits for long behind somebody's ALTER TABLE.
const PARAMETERS: [(&str, &str); 3] =
    [("search_path", SEARCH_PATH), ("lock_timeout", "5s"), ("application_name", "rowhouse rls")];

/// The connection, and what messages call the place it leads to.
pub struct Reader {
    connection: Connection,
    place: String,
}

impl Reader {
    /// Connects.
    pub async fn connect(login: &Login) -> Result<Reader, Failure> {
        let place = format!("database {} on {}", login.database, login.server.name);
        let connected = connect_with(login, CONNECT_TIMEOUT, &PARAMETERS).await;
        let connection = connected.map_err(|error| {
            let role = &login.role;
            let hint = "check --database-url";
            Failure::new(format!("cannot connect to {place} as {role}: {error}; {hint}"))
        })?;
        Ok(Reader { connection, place })
    }

    /// Runs one statement, or several that answer nothing.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<TextRow>, Failure> {
        let answered = self.connection.query_text(sql).await;
        answered.map_err(|error| self.failed(&error))
    }

    /// The same, failing in the server's own words.
    pub async fn attempt(&mut self, sql: &str) -> Result<Vec<TextRow>, UpstreamError> {
        self.connection.query_text(sql).await
    }

    /// The connection, for what is no question.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// The database and its server, in messages.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the cluster has a role of that name.
    pub async fn has_role(&mut self, role: &str) -> Result<bool, Failure> {
        let literal = quote_literal(role);
        let sql = format!("select from pg_roles where rolname = {literal}");
        Ok(!self.query(&sql).await?.is_empty())
    }

    /// What is told when it has none.
    pub fn no_role(&self, role: &str) -> Failure {
        Failure::new(format!(
            "there is no role {role} in {}; name the role of tenants' statements with --app-role",
            self.place
        ))
    }

    /// Reads the whole catalog, as `role` meets it.
    pub async fn catalog(&mut self, role: &str) -> Result<Catalog, Failure> {
        let mut catalog = Catalog::default();
        for (index, part) in Part::ALL.into_iter().enumerate() {
            let count = Part::ALL.len();
            terminal::progress(&format!("reading the catalog, {} of {count}", index + 1));
            let rows = self.query(&part.query(role)).await?;
            let texts = rows.iter().filter_map(|row| row.first()?.as_deref());
            catalog.take(part, texts).map_err(|error| self.failed(&error))?;
        }
        Ok(catalog)
    }

    /// What is told of a question that failed.
    pub fn failed(&self, error: &dyn Display) -> Failure {
        Failure::new(format!("{}: {error}", self.place))
    }
}
