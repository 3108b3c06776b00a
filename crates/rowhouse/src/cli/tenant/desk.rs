//! A connection in a transaction, and what the catalog says about tenants' rows.

use std::collections::BTreeSet;

use rowhouse_rls::catalog::quote_literal;
use rowhouse_rls::doctor::Conventions;
use rowhouse_rls::life::words::{Crossing, Words};
use rowhouse_rls::life::{Life, life};

use super::Place;
use crate::cli::rls::place::Place as Found;
use crate::cli::rls::reader::Reader;
use crate::cli::{Failure, terminal};
use crate::upstream::UpstreamError;

/// Whom policies hold is told so, instead of being given some of the rows; and whatever role or
/// database have set otherwise, texts are the same on both ends.
const SESSION: &str = "set row_security = off; set application_name = 'rowhouse tenant'; \
                       set statement_timeout = 0; set idle_in_transaction_session_timeout = 0; \
                       set default_transaction_read_only = off; \
                       set default_transaction_deferrable = off; \
                       set lc_monetary = 'C'; set xmloption = content";
/// Of a tenant's name: longer than any, and short enough to stand in a statement many times.
const TENANT_BYTES_MAX: usize = 1024;

/// The connection.
pub struct Desk {
    /// The way to the database.
    pub reader: Reader,
    /// Where tenants' rows are.
    pub life: Life,
    /// The database's name.
    pub database: String,
    /// Who asks.
    pub role: String,
    /// PostgreSQL's version.
    pub server: String,
}

impl Desk {
    /// Connects, begins a transaction with this and reads the catalog in it.
    pub async fn open(place: &Place, begin: &str) -> Result<Desk, Failure> {
        let found = Found::find(&place.connection.of_operator()).await?;
        let mut reader = Reader::connect(&found.login).await?;
        let timeout = place.lock_timeout.as_millis();
        let session = format!("{SESSION}; set lock_timeout = '{timeout}ms'");
        reader.query(&session).await?;
        reader.query(begin).await?;
        let catalog = reader.catalog(&found.login.role).await?;
        let tenant_columns = place.tenant_column.clone();
        let conventions = Conventions { tenant_columns, ..Conventions::default() };
        let life = life(&catalog, &conventions);
        let mut desk = Desk {
            reader,
            life,
            database: found.login.database.clone(),
            role: found.login.role.clone(),
            server: String::new(),
        };
        if desk.life.tables.is_empty() {
            return Err(Failure::new(format!(
                "{} has no table with a tenant column: name it with --tenant-column",
                desk.reader.place()
            )));
        }
        desk.server = desk.text("show server_version").await?;
        Ok(desk)
    }

    /// Types among the tenant columns' that have no such value. PostgreSQL is asked: it alone knows
    /// what its types take.
    pub async fn impossible(&mut self, tenant: &str) -> Result<BTreeSet<String>, Failure> {
        if tenant.is_empty() || tenant.len() > TENANT_BYTES_MAX || tenant.contains('\0') {
            return Err(Failure::new(format!(
                "a tenant has a name of 1 to {TENANT_BYTES_MAX} bytes without NUL"
            )));
        }
        let fields = self.life.tables.iter().filter_map(|table| table.tenant.as_ref());
        let types: BTreeSet<String> = fields.map(|field| field.type_name.clone()).collect();
        let count = types.len();
        let mut impossible = BTreeSet::new();
        let literal = quote_literal(tenant);
        for type_name in types {
            self.reader.query("savepoint asked").await?;
            let asked = self.reader.attempt(&format!("select {literal}::{type_name}")).await;
            if let Err(error) = asked {
                // Class 22 is data that do not fit, 23 a domain's check.
                let code = error.server().map(|server| server.code.to_string());
                if !code.is_some_and(|code| code.starts_with("22") || code.starts_with("23")) {
                    return Err(self.told("", &error));
                }
                impossible.insert(type_name);
            }
            self.reader.query("rollback to savepoint asked; release savepoint asked").await?;
        }
        if impossible.len() == count {
            let types: Vec<&str> = impossible.iter().map(String::as_str).collect();
            let (types, place) = (types.join(", "), self.reader.place());
            return Err(Failure::new(format!(
                "there is no tenant {tenant} in {place}: tenant columns are of type {types}"
            )));
        }
        Ok(impossible)
    }

    /// The rows of each table, in order. A tenant without any is none.
    pub async fn counts(&mut self, words: &[String]) -> Result<Vec<u64>, Failure> {
        let mut counts = Vec::new();
        for (index, sql) in words.iter().enumerate() {
            terminal::progress(&format!("counting, {} of {}", index + 1, words.len()));
            counts.push(self.number(sql).await?);
        }
        Ok(counts)
    }

    /// Rows that cross foreign keys between tenants, as lines.
    pub async fn crossings(
        &mut self,
        asked: Vec<(String, String)>,
    ) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        for (text, sql) in asked {
            let count = self.number(&sql).await?;
            if count > 0 {
                lines.push(format!("{count} {text}"));
            }
        }
        Ok(lines)
    }

    /// What is told when the tenant has no rows.
    pub fn nobody(&self, tenant: &str) -> Failure {
        Failure::new(format!(
            "tenant {tenant} has no rows in {}: write the tenant as its column has it",
            self.reader.place()
        ))
    }

    /// The one number of an answer.
    pub async fn number(&mut self, sql: &str) -> Result<u64, Failure> {
        self.text(sql).await?.parse().map_err(|_| Failure::new("the server counts in no numbers"))
    }

    /// The one value of an answer.
    pub async fn text(&mut self, sql: &str) -> Result<String, Failure> {
        let rows = self.run("", sql).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Runs a statement; the first row of its answer. `about` begins the message when it fails.
    pub async fn run(&mut self, about: &str, sql: &str) -> Result<Vec<String>, Failure> {
        let answered = self.reader.attempt(sql).await;
        let rows = answered.map_err(|error| self.told(about, &error))?;
        let first = rows.into_iter().next().unwrap_or_default();
        Ok(first.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// An error of the server's, with what to do about it.
    pub fn told(&self, about: &str, error: &UpstreamError) -> Failure {
        let mut line = self.reader.place().to_owned();
        if !about.is_empty() {
            line = format!("{line}: {about}");
        }
        line = format!("{line}: {error}");
        let Some(server) = error.server() else { return Failure::new(line) };
        if let Some(detail) = &server.detail {
            line = format!("{line}; {detail}");
        }
        let code = server.code.to_string();
        let next = match code.as_str() {
            "42501" if server.message.contains("row-level security") => {
                "log in as a role that policies do not hold: a superuser, or one with BYPASSRLS"
            }
            "42501" => "log in as a superuser, or as the owner of the tables with BYPASSRLS",
            "55P03" => "somebody uses these rows: try again, or with a longer --lock-timeout",
            "40001" | "40P01" => "others changed the same rows at the same time: try again",
            "23505" | "23P01" => {
                "somebody has this key already: with --new-keys keys from sequences and UUIDs are \
                 made anew, others must be changed by hand"
            }
            "23503" => {
                "what the rows refer to is not there: shared tables are not exported, fill them \
                 first"
            }
            _ => return Failure::new(line),
        };
        Failure::new(format!("{line}; nothing was changed; {next}"))
    }
}

/// The questions for rows that cross a key, with what is said of them.
pub fn crossing_questions(
    life: &Life,
    words: &Words<'_>,
    way: Crossing,
    wanted: impl Fn(usize, usize) -> bool,
) -> Vec<(String, String)> {
    let mut asked = Vec::new();
    for (index, key) in life.keys.iter().enumerate() {
        let (Some(table), Some(referenced)) =
            (life.tables.get(key.table), life.tables.get(key.referenced))
        else {
            continue;
        };
        if !wanted(index, key.table) {
            continue;
        }
        let (from, to, name) = (&table.name, &referenced.name, &key.name);
        let text = match way {
            Crossing::Outward => {
                format!("rows of the tenant's in {from} refer to others' in {to} by {name}")
            }
            Crossing::Inward => {
                format!("rows in {from} that are not the tenant's refer to its in {to} by {name}")
            }
        };
        asked.push((text, words.crossing(key, way)));
    }
    asked
}
