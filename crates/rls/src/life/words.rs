//! SQL about one tenant's rows: whose they are, how many, out with them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Key, Life};
use crate::catalog::quote_literal;

/// Deeper, or wider, than tables refer to one another in any schema that was seen.
const CONDITION_BYTES_MAX: usize = 64 * 1024;

/// The words for one tenant.
pub struct Words<'a> {
    life: &'a Life,
    tenant: &'a str,
    /// Types that have no such value: tables of theirs have no row of it.
    impossible: &'a BTreeSet<String>,
}

/// Which of the others' affairs would be touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// A row of the tenant's refers to somebody else's.
    Outward,
    /// A row that is not the tenant's refers to one of its rows.
    Inward,
}

impl<'a> Words<'a> {
    /// For this tenant. Fails when tables without tenant column are too far away from one with it.
    pub fn new(
        life: &'a Life,
        tenant: &'a str,
        impossible: &'a BTreeSet<String>,
    ) -> Result<Words<'a>, String> {
        let words = Words { life, tenant, impossible };
        for (place, table) in life.tables.iter().enumerate() {
            let mut room = CONDITION_BYTES_MAX;
            if table.owners.is_empty() && table.tenant.is_none() {
                return Err(format!("nothing tells whose the rows of {} are", table.name));
            }
            if words.weigh(place, &mut room).is_none() {
                return Err(format!(
                    "{} is too far from a table with a tenant column: give it one of its own",
                    table.name
                ));
            }
        }
        Ok(words)
    }

    /// The row that `alias` names is the tenant's.
    pub fn own(&self, place: usize, alias: &str) -> String {
        self.condition(place, alias, "=", 0)
    }

    /// How many rows there are.
    pub fn count(&self, place: usize) -> String {
        let own = self.own(place, "t");
        format!("select count(*) from {} t where {own}", self.from(place))
    }

    /// The rows, in the order of the primary key: twice the same rows are twice the same bytes.
    pub fn rows(&self, place: usize) -> String {
        let Some(table) = self.life.tables.get(place) else { return String::new() };
        let (own, from) = (self.own(place, "t"), self.from(place));
        let mut sql = format!("select {} from {from} t where {own}", table.list());
        if !table.primary.is_empty() {
            // Writing to a String does not fail.
            let _ = write!(sql, " order by {}", table.primary.join(", "));
        }
        sql
    }

    /// Sends the rows, as CSV.
    pub fn export(&self, place: usize) -> String {
        format!("copy ({}) to stdout with (format csv, header)", self.rows(place))
    }

    /// Takes the rows, so that nobody can refer to them any more.
    pub fn lock(&self, place: usize) -> String {
        let own = self.own(place, "t");
        let from = self.from(place);
        format!("select count(*) from (select from {from} t where {own} for update of t) l")
    }

    /// Deletes the rows of a group in one statement. Answers with a count for each table.
    pub fn delete(&self, group: &[usize]) -> String {
        let mut steps = Vec::new();
        let mut counts = Vec::new();
        for (index, &place) in group.iter().enumerate() {
            let (from, own) = (self.from(place), self.own(place, "t"));
            steps.push(format!("d{index} as (delete from {from} t where {own} returning 1)"));
            counts.push(format!("(select count(*) from d{index})"));
        }
        format!("with {} select {}", steps.join(", "), counts.join(", "))
    }

    /// How many rows cross a key. Rows that are nobody's are everybody's to refer to.
    pub fn crossing(&self, key: &Key, way: Crossing) -> String {
        let joined: Vec<String> = key
            .columns
            .iter()
            .zip(&key.referenced_columns)
            .map(|(own, other)| format!("c.{own} = p.{other}"))
            .collect();
        let (child, parent) = (self.from(key.table), self.from(key.referenced));
        let condition = match way {
            Crossing::Outward => {
                let (own, other) = (self.own(key.table, "c"), self.other(key.referenced, "p"));
                format!("{own} and {other}")
            }
            Crossing::Inward => {
                let (own, other) = (self.own(key.table, "c"), self.own(key.referenced, "p"));
                format!("{other} and not coalesce({own}, false)")
            }
        };
        let joined = joined.join(" and ");
        format!("select count(*) from {child} c join {parent} p on {joined} where {condition}")
    }

    /// The row is somebody's, and not the tenant's.
    fn other(&self, place: usize, alias: &str) -> String {
        self.condition(place, alias, "<>", 0)
    }

    fn condition(&self, place: usize, alias: &str, operator: &str, depth: usize) -> String {
        let Some(table) = self.life.tables.get(place) else { return "false".to_owned() };
        if let Some(field) = &table.tenant {
            if self.impossible.contains(&field.type_name) {
                let is_other = operator == "<>";
                return format!("({is_other} and {alias}.{} is not null)", field.name);
            }
            // The constant is left untyped: a cast to varchar(8) would cut it off, and find the
            // tenant whose name is its beginning.
            return format!("{alias}.{} {operator} {}", field.name, quote_literal(self.tenant));
        }
        let mut ways = Vec::new();
        for key in table.owners.iter().filter_map(|one| self.life.keys.get(*one)) {
            let inner = format!("o{depth}");
            let pairs: Vec<String> = key
                .columns
                .iter()
                .zip(&key.referenced_columns)
                .map(|(own, other)| format!("{inner}.{other} = {alias}.{own}"))
                .collect();
            let owner = self.condition(key.referenced, &inner, operator, depth + 1);
            let (from, pairs) = (self.from(key.referenced), pairs.join(" and "));
            ways.push(format!("exists (select from {from} {inner} where {pairs} and {owner})"));
        }
        format!("({})", ways.join(" or "))
    }

    /// Whether the condition has room, without building it.
    fn weigh(&self, place: usize, room: &mut usize) -> Option<()> {
        let table = self.life.tables.get(place)?;
        *room = room.checked_sub(table.name.len() + self.tenant.len() + 64)?;
        for key in table.owners.iter().filter_map(|one| self.life.keys.get(*one)) {
            let columns = key.columns.iter().chain(&key.referenced_columns);
            *room = room.checked_sub(columns.map(String::len).sum())?;
            self.weigh(key.referenced, room)?;
        }
        Some(())
    }

    fn from(&self, place: usize) -> String {
        self.life.tables.get(place).map(super::Table::from).unwrap_or_default()
    }
}
