//! A database for trials of tenants' lives, and what is asked of it.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

use crate::postgres::{Address, Direct};
use crate::process::{self, rowhouse};
use crate::rls::database;
use crate::stand::Stand;

/// Tables of every shape.
pub const SHOP: &str = include_str!("shop.sql");

/// The database.
pub struct Ground {
    address: Address,
    name: String,
    at: Vec<String>,
}

impl Ground {
    /// Makes it.
    pub fn new(stand: &Stand, name: &str, sql: &str) -> Ground {
        let at = database(stand, name);
        let address = stand.cluster().address.clone();
        address.query(name, sql);
        Ground { address, name: name.to_owned(), at }
    }

    /// A connection past everything.
    pub fn direct(&self) -> Direct {
        self.address.connect(&self.name)
    }

    /// The command with its words.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = rowhouse();
        command.arg("tenant").args(words).args(&self.at);
        command
    }

    /// The same as somebody else.
    pub fn run_as(&self, role: &str, words: &[&str]) -> Output {
        let at: Vec<String> =
            self.at.iter().map(|one| one.replace("://postgres:", &format!("://{role}:"))).collect();
        let at = at.iter().map(|one| one.replace(&self.address.password, "secret"));
        process::run(rowhouse().arg("tenant").args(words).args(at))
    }

    /// Runs it; it must succeed. What it printed.
    pub fn done(&self, words: &[&str]) -> String {
        let output = process::run(&mut self.command(words));
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, read as JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.done(words)).unwrap()
    }

    /// Runs it; it must fail, and say this. All it said.
    pub fn refused(&self, words: &[&str], why: &str) -> String {
        let output = process::run(&mut self.command(words));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        assert!(said.contains(why), "{words:?}: {said:?} is not {why:?}");
        assert!(said.lines().all(|line| line.starts_with("rowhouse: ")), "{said}");
        said
    }

    /// Every byte of a tenant's rows in the shop, by table; nothing where there are none.
    pub fn prints(&self, tenant: &str) -> BTreeMap<String, String> {
        let own = format!("t.tenant_id = {tenant}");
        let line = format!("t.item in (select id from item where tenant_id = {tenant})");
        let row = format!("t.id = {tenant}");
        let mut tables = vec![("tenants", row.as_str()), ("line", line.as_str())];
        let with_column = [
            "item",
            "hen",
            "egg",
            "scoped",
            "profile",
            "event",
            "\"Odd \"\"S\".\"Ta,ble\"",
            "thing",
        ];
        tables.extend(with_column.map(|table| (table, own.as_str())));
        prints(&mut self.direct(), &tables)
    }
}

/// A hash of all rows of each table for which something holds.
pub fn prints(direct: &mut Direct, tables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let print = |(table, own): &(&str, &str)| {
        let sql = format!(
            "select md5(string_agg(t::text, e'\\n' order by t::text)) from {table} t where {own}"
        );
        ((*table).to_owned(), direct.value(&sql))
    };
    tables.iter().map(print).collect()
}
