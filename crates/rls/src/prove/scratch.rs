//! Made-up rows for a scratch copy: two tenants in every table that has fewer, with references that
//! lead to rows of the same tenant.

use std::collections::{BTreeMap, BTreeSet};

use super::sample::Samples;
use crate::catalog::{Catalog, Column, Relation, quote_literal};
use crate::doctor::Conventions;
use crate::doctor::survey::Survey;

/// Where made-up numbers begin: beyond what most tables have, within every integer type.
const NUMBER_FIRST: u32 = 31_000;
/// How many tenants a table is to have.
const TENANTS: usize = 2;

/// A row to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The table.
    pub table: String,
    /// What makes the row.
    pub sql: String,
}

/// SQL for a value, by column.
type Row = BTreeMap<i16, String>;

/// Every row to be made, parents first.
pub fn seeds(catalog: &Catalog, conventions: &Conventions, samples: &Samples) -> Vec<Seed> {
    let survey = Survey::new(catalog, conventions);
    let mut making = Making {
        survey: &survey,
        samples,
        tenants: BTreeMap::new(),
        rows: BTreeMap::new(),
        number: NUMBER_FIRST,
        seeds: Vec::new(),
        open: BTreeSet::new(),
    };
    for relation in survey.relations() {
        let poor = samples.get(&relation.oid).is_some_and(|one| one.tenants.len() < TENANTS);
        // Rows of partitions come through their parents.
        if poor && !relation.partition {
            (0..TENANTS).for_each(|index| drop(making.row(relation, index)));
        }
    }
    making.seeds
}

/// Rows in the making.
struct Making<'a> {
    survey: &'a Survey<'a>,
    samples: &'a Samples,
    /// The tenants of each type.
    tenants: BTreeMap<String, Vec<String>>,
    /// What was made, by table and tenant.
    rows: BTreeMap<(u64, usize), Row>,
    number: u32,
    seeds: Vec<Seed>,
    /// Tables whose rows are being made: references may lead back to them.
    open: BTreeSet<u64>,
}

impl Making<'_> {
    /// The row of a table and a tenant, made if there is none.
    fn row(&mut self, table: &Relation, index: usize) -> Option<Row> {
        if let Some(row) = self.rows.get(&(table.oid, index)) {
            return Some(row.clone());
        }
        let sampled = self.samples.get(&table.oid).map(|sample| sample.tenants.as_slice());
        let own = sampled.filter(|tenants| tenants.len() >= TENANTS);
        if let Some(found) = own.and_then(|tenants| tenants.get(index)) {
            let value = |value: &Option<String>| match value {
                Some(text) => quote_literal(text),
                None => "null".to_owned(),
            };
            return Some(found.row.iter().map(|(number, one)| (*number, value(one))).collect());
        }
        if !self.open.insert(table.oid) {
            return None;
        }
        let row = self.make(table, index);
        self.open.remove(&table.oid);
        let columns: Vec<&Column> =
            row.keys().filter_map(|number| table.column_at(*number)).collect();
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = columns
            .iter()
            .filter_map(|column| {
                Some(format!("{}::{}", row.get(&column.number)?, column.type_name))
            })
            .collect();
        let sql = format!(
            "insert into {} ({}) overriding system value values ({}) on conflict do nothing",
            table.name,
            names.join(", "),
            values.join(", ")
        );
        self.seeds.push(Seed { table: table.name.clone(), sql });
        self.rows.insert((table.oid, index), row.clone());
        Some(row)
    }

    fn make(&mut self, table: &Relation, index: usize) -> Row {
        let mut row = Row::new();
        let tenant = self.survey.tenant_column(table.oid);
        if let Some(column) = tenant {
            let value = self.tenant(&column.type_name, index);
            row.insert(column.number, quote_literal(&value));
        }
        let catalog = self.survey.catalog;
        for key in catalog.foreign_keys.iter().filter(|key| key.table == table.oid) {
            let Some(other) = catalog.relations.get(&key.referenced) else { continue };
            let Some(referenced) = self.row(other, index) else { continue };
            for (own, other) in key.columns.iter().zip(&key.referenced_columns) {
                if let Some(value) = referenced.get(other) {
                    row.entry(*own).or_insert_with(|| value.clone());
                }
            }
        }
        let keyed = |column: &Column| {
            let mut indexes = catalog.indexes.iter().filter(|index| index.table == table.oid);
            indexes.any(|index| index.columns.contains(&column.number))
        };
        for column in table.columns.iter().filter(|column| !column.generated) {
            if !row.contains_key(&column.number) && (column.not_null || keyed(column)) {
                self.number = self.number.saturating_add(1);
                row.insert(column.number, made_up(&column.type_name, self.number));
            }
        }
        row
    }

    /// A tenant that has rows elsewhere, so that both can be compared; else one that is made up.
    fn tenant(&mut self, type_name: &str, index: usize) -> String {
        let (survey, samples) = (self.survey, self.samples);
        let known = self.tenants.entry(type_name.to_owned()).or_insert_with(|| {
            let of_type = samples.iter().filter(|(table, _)| {
                survey.tenant_column(**table).is_some_and(|one| one.type_name == type_name)
            });
            let mut tenants: Vec<String> = Vec::new();
            for (_, sample) in of_type {
                for one in &sample.tenants {
                    if tenants.len() < TENANTS && !tenants.contains(&one.tenant) {
                        tenants.push(one.tenant.clone());
                    }
                }
            }
            for number in (NUMBER_FIRST - 2..).take(TENANTS) {
                let text = made_up(type_name, number);
                tenants.push(text.trim_matches('\'').to_owned());
            }
            tenants
        });
        known.get(index).cloned().unwrap_or_default()
    }
}

/// SQL for a value of a type that no other made-up value is equal to, where the type has as many.
fn made_up(type_name: &str, number: u32) -> String {
    let (base, length) = match type_name.split_once('(') {
        Some((base, rest)) => {
            let digits = rest.split([',', ')']).next().unwrap_or_default();
            (base.trim(), digits.parse::<usize>().ok())
        }
        None => (type_name, None),
    };
    if type_name.ends_with("[]") {
        return "'{}'".to_owned();
    }
    let text = match base {
        "smallint" | "integer" | "bigint" | "real" | "double precision" | "oid" => {
            number.to_string()
        }
        // numeric(4, 2) has no room for more.
        "numeric" => (number % 10).to_string(),
        "text" | "character varying" | "character" | "citext" | "name" | "varchar" => {
            // The end tells them apart, and the beginning is what is cut off.
            let text = format!("prove-{number}");
            let room = length.unwrap_or(text.len());
            text.get(text.len().saturating_sub(room)..).unwrap_or_default().to_owned()
        }
        "uuid" => format!("00000000-0000-4000-8000-{number:012}"),
        "boolean" => "true".to_owned(),
        "json" | "jsonb" => "{}".to_owned(),
        "bytea" => format!("\\x{number:08x}"),
        "date" => "2026-01-01".to_owned(),
        "interval" => format!("{number} seconds"),
        "inet" | "cidr" => "192.0.2.1/32".to_owned(),
        "xml" => "<prove/>".to_owned(),
        one if one.starts_with("timestamp") => "2026-01-01 00:00:00".to_owned(),
        one if one.starts_with("time") => "00:00:00".to_owned(),
        one if one.ends_with("range") => "empty".to_owned(),
        // Of users' types, those that list their values.
        _ => return format!("(enum_range(null::{type_name}))[1]"),
    };
    quote_literal(&text)
}

#[cfg(test)]
mod tests;
