//! A copy of the database with made-up rows, which is gone afterwards.

use std::fmt::Write as _;

use rowhouse_rls::catalog::{Catalog, quote_literal};
use rowhouse_rls::doctor::Conventions;
use rowhouse_rls::prove::sample::Samples;
use rowhouse_rls::prove::scratch::seeds;

use crate::cli::rls::reader::Reader;
use crate::cli::{Failure, terminal};
use crate::config::Login;

/// What the copy's name begins with, for whoever finds one that could not be dropped.
const PREFIX: &str = "rowhouse_prove_";
/// Random bytes behind it.
const SUFFIX_BYTES: usize = 6;
/// A larger database is no case for a copy on the server it lives on.
const BYTES_MAX: u64 = 1 << 30;

/// A copy.
pub struct Scratch {
    /// Where databases are made and dropped.
    maintenance: Login,
    /// Its name.
    pub name: String,
}

impl Scratch {
    /// Copies the database that a login leads to. Nobody may be connected to it meanwhile.
    pub async fn make(login: &Login) -> Result<Scratch, Failure> {
        let source = &login.database;
        // PostgreSQL copies no database that somebody is connected to.
        let elsewhere = if source == "postgres" { "template1" } else { "postgres" };
        let maintenance = Login { database: elsewhere.to_owned(), ..login.clone() };
        let mut reader = Reader::connect(&maintenance).await?;
        let literal = quote_literal(source);
        let sizes = reader.query(&format!("select pg_database_size({literal})")).await?;
        let size = sizes.first().and_then(|row| row.first()?.as_deref()?.parse::<u64>().ok());
        if size.is_none_or(|bytes| bytes > BYTES_MAX) {
            return Err(Failure::new(format!(
                "{source} is too large to be copied for --scratch (1 GiB at most): copy its schema \
                 into another database, and prove there"
            )));
        }
        let mut suffix = [0_u8; SUFFIX_BYTES];
        aws_lc_rs::rand::fill(&mut suffix)
            .map_err(|_| Failure::new("the system has no random numbers"))?;
        let mut name = PREFIX.to_owned();
        for byte in suffix {
            // Writing to a String does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        terminal::progress(&format!("copying {source} to {name}"));
        let sql = format!("select format('create database {name} template %I', {literal})");
        let statement = reader.query(&sql).await?;
        let statement = statement.into_iter().next().and_then(|row| row.into_iter().next());
        let statement = statement.flatten().unwrap_or_default();
        reader.query(&statement).await.map_err(|Failure(lines)| {
            Failure::new(format!(
                "{source} cannot be copied: {}; --scratch needs the right to create databases, \
                 and that nobody is connected: use it on a restored backup",
                lines.join("; ")
            ))
        })?;
        Ok(Scratch { maintenance, name })
    }

    /// The same login to the copy.
    pub fn login(&self, login: &Login) -> Login {
        Login { database: self.name.clone(), ..login.clone() }
    }

    /// Drops it, whoever is connected.
    pub async fn drop(self) -> Result<(), Failure> {
        let mut reader = Reader::connect(&self.maintenance).await?;
        let dropped = reader.query(&format!("drop database {} with (force)", self.name)).await;
        dropped.map(drop).map_err(|Failure(lines)| {
            let why = lines.join("; ");
            Failure::new(format!("{why}; drop the database {} yourself", self.name))
        })
    }
}

/// Makes rows up where there are those of one tenant only, or none. Gives what could not be made.
pub async fn fill(
    reader: &mut Reader,
    catalog: &Catalog,
    conventions: &Conventions,
    samples: &Samples,
) -> Result<Vec<String>, Failure> {
    reader.query("set default_transaction_read_only = off").await?;
    // Triggers may reject what is made up, or do more than write it. Superusers can do without.
    let _ = reader.query("set session_replication_role = replica").await;
    let mut remarks = Vec::new();
    for seed in seeds(catalog, conventions, samples) {
        if let Err(Failure(lines)) = reader.query(&seed.sql).await {
            let why = lines.join("; ");
            remarks.push(format!("no row could be made up in {}: {why}", seed.table));
        }
    }
    let _ = reader.query("reset session_replication_role").await;
    Ok(remarks)
}
