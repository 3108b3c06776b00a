//! One tenant's rows in all tables, and the order to take them out and put them back.
//!
//! A catalog in; tables, keys between them and groups out. A group is a table, or several that
//! refer to one another in a circle. Groups stand with those that are referred to first: rows go in
//! in this order and out in the reverse one, a group in one statement, at whose end PostgreSQL
//! checks its foreign keys (PostgreSQL docs, "Data-Modifying Statements in WITH").

pub mod manifest;
pub mod stage;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Column, ForeignKey, Relation, RelationKind};
use crate::doctor::Conventions;
use crate::doctor::survey::Survey;

/// What the gateway keeps about itself: no rows of tenants' for them to take along.
const OWN_SCHEMA: &str = "rowhouse";

/// Where one tenant's rows are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Tables with rows of tenants'; partitions stand behind their parents.
    pub tables: Vec<Table>,
    /// Foreign keys between them.
    pub keys: Vec<Key>,
    /// Places in `tables`, those that are referred to first.
    pub groups: Vec<Vec<usize>>,
    /// What may hold the tenant's data and is not reached.
    pub remarks: Vec<String>,
}

/// A table with rows of tenants'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Schema-qualified and quoted.
    pub name: String,
    /// Its rows stand in partitions. Otherwise tables that inherit from it stand for themselves.
    pub partitioned: bool,
    /// Columns that can be written, in order.
    pub columns: Vec<Field>,
    /// The column that holds the tenant.
    pub tenant: Option<Field>,
    /// Without such a column: the places in [`Life::keys`] that lead to whose row it is.
    pub owners: Vec<usize>,
    /// Columns of the primary key.
    pub primary: Vec<String>,
    /// Sequences that columns draw from.
    pub sequences: Vec<Draw>,
    /// Columns whose values must be new in a copy for another tenant.
    pub renewed: Vec<Renewal>,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Quoted where SQL needs it.
    pub name: String,
    /// Its type, as SQL writes it.
    pub type_name: String,
}

/// A column that draws from a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draw {
    /// The column.
    pub column: String,
    /// The sequence, schema-qualified and quoted.
    pub sequence: String,
}

/// A key that no two tenants can share, and where new values come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// The column.
    pub column: String,
    /// Its type.
    pub type_name: String,
    /// SQL for a new value.
    pub source: String,
}

/// A foreign key between two tables of tenants'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// The constraint.
    pub name: String,
    /// Place of the table that refers.
    pub table: usize,
    /// Its columns.
    pub columns: Vec<String>,
    /// Place of the table that is referred to.
    pub referenced: usize,
    /// Its columns, in the same order.
    pub referenced_columns: Vec<String>,
    /// What deleting does: `a`, `r`, `c`, `n`, `d` as in `pg_constraint.confdeltype`.
    pub on_delete: char,
}

/// Finds the tables, and their order.
pub fn life(catalog: &Catalog, conventions: &Conventions) -> Life {
    let survey = Survey::new(catalog, conventions);
    let mut life = Life { remarks: remarks(&survey), ..Life::default() };
    let mut places = BTreeMap::new();
    for relation in survey.relations().filter(|one| belongs(&survey, one)) {
        places.insert(relation.oid, life.tables.len());
        life.tables.push(table(&survey, relation));
    }
    for key in &catalog.foreign_keys {
        let found = |oid| places.get(&root(catalog, oid)).copied();
        if let (Some(table), Some(referenced)) = (found(key.table), found(key.referenced)) {
            life.keys.extend(read_key(catalog, key, table, referenced));
        }
    }
    life.find_owners();
    life.find_groups();
    life.find_renewals(catalog, &places);
    life
}

impl Life {
    /// The place of the table of that name.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    /// Every table, those that are referred to first.
    pub fn ordered(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.groups.iter().flatten().copied()
    }

    /// Where a column's value comes from, by foreign keys, each column of a longer one by itself.
    pub fn origin(&self, table: usize, column: &str) -> (usize, String) {
        let mut seen = BTreeSet::new();
        let mut at = (table, column.to_owned());
        while seen.insert(at.clone()) {
            let next = self.keys.iter().find_map(|key| {
                let place = key.columns.iter().position(|one| key.table == at.0 && *one == at.1)?;
                let found = (key.referenced, key.referenced_columns.get(place)?.clone());
                (found != at).then_some(found)
            });
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// The column holds a tenant: its table's own, or one that leads to such a column.
    pub fn holds_tenant(&self, table: usize, column: &str) -> bool {
        let is = |place: usize, name: &str| {
            let tenant = self.tables.get(place).and_then(|table| table.tenant.as_ref());
            tenant.is_some_and(|field| field.name == name)
        };
        let (origin, name) = self.origin(table, column);
        is(table, column) || is(origin, &name)
    }

    /// Tables without the column, nearest first: their rows are whose the rows are that they refer
    /// to. Keys lead from farther tables to nearer ones only, so that the question ends.
    fn find_owners(&mut self) {
        let mut level: Vec<Option<usize>> =
            self.tables.iter().map(|table| table.tenant.as_ref().map(|_| 0)).collect();
        for depth in 0..self.tables.len() {
            let mut grown = false;
            for key in &self.keys {
                let is_near = level.get(key.referenced).copied().flatten() == Some(depth);
                if let Some(own) = level.get_mut(key.table)
                    && own.is_none()
                    && is_near
                {
                    *own = Some(depth + 1);
                    grown = true;
                }
            }
            if !grown {
                break;
            }
        }
        let at = |place: usize| level.get(place).copied().flatten();
        for (index, key) in self.keys.iter().enumerate() {
            let is_nearer = at(key.referenced) < at(key.table) && at(key.referenced).is_some();
            if let Some(table) = self.tables.get_mut(key.table)
                && table.tenant.is_none()
                && is_nearer
            {
                table.owners.push(index);
            }
        }
    }

    fn find_groups(&mut self) {
        let count = self.tables.len();
        let mut next: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
        for key in &self.keys {
            if let Some(set) = next.get_mut(key.table) {
                set.insert(key.referenced);
            }
        }
        let reach: Vec<BTreeSet<usize>> = (0..count).map(|one| reachable(&next, one)).collect();
        let reaches = |from: usize, to: usize| reach.get(from).is_some_and(|set| set.contains(&to));
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut done = BTreeSet::new();
        for (one, set) in reach.iter().enumerate() {
            if done.contains(&one) {
                continue;
            }
            let group: Vec<usize> = set.iter().copied().filter(|&to| reaches(to, one)).collect();
            done.extend(group.iter().copied());
            groups.push((set.len(), group));
        }
        // Who refers to others reaches all that they reach and more.
        groups.sort();
        self.groups = groups.into_iter().map(|(_, group)| group).collect();
    }

    /// Keys that hold for all tenants together: a copy beside the original needs others. Numbers
    /// come from the column's sequence and UUIDs from PostgreSQL; of anything else nobody but the
    /// application knows what a new one would be.
    fn find_renewals(&mut self, catalog: &Catalog, places: &BTreeMap<u64, usize>) {
        for (oid, &place) in places {
            let Some(relation) = catalog.relations.get(oid) else { continue };
            let tenant = self.tables.get(place).and_then(|table| table.tenant.clone());
            let mut renewed: Vec<Renewal> = Vec::new();
            let unique = catalog.indexes.iter().filter(|one| one.table == *oid && one.unique);
            for index in unique {
                let columns: Vec<&Column> =
                    index.columns.iter().filter_map(|one| relation.column_at(*one)).collect();
                let scoped = columns.iter().any(|column| {
                    tenant.as_ref().is_some_and(|field| field.name == column.name)
                        || self.holds_tenant(place, &column.name)
                });
                if scoped {
                    continue;
                }
                for column in columns {
                    let follows = self.origin(place, &column.name) != (place, column.name.clone());
                    let known = renewed.iter().any(|one| one.column == column.name);
                    let draws = self.tables.get(place).and_then(|table| table.draw(&column.name));
                    if !follows && !known {
                        renewed.extend(renewal(column, draws));
                    }
                }
            }
            if let Some(table) = self.tables.get_mut(place) {
                table.renewed = renewed;
            }
        }
    }
}

impl Table {
    /// How FROM names its own rows.
    pub fn from(&self) -> String {
        if self.partitioned { self.name.clone() } else { format!("only {}", self.name) }
    }

    /// Its columns, for a list.
    pub fn list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|field| field.name.as_str()).collect();
        names.join(", ")
    }

    fn draw(&self, column: &str) -> Option<&str> {
        let found = self.sequences.iter().find(|one| one.column == column);
        found.map(|one| one.sequence.as_str())
    }
}

fn renewal(column: &Column, sequence: Option<&str>) -> Option<Renewal> {
    let source = match (sequence, column.type_name.as_str()) {
        (Some(name), _) => format!("nextval({})", crate::catalog::quote_literal(name)),
        (None, "uuid") => "gen_random_uuid()".to_owned(),
        (None, _) => return None,
    };
    let (column, type_name) = (column.name.clone(), column.type_name.clone());
    Some(Renewal { column, type_name, source })
}

fn belongs(survey: &Survey<'_>, relation: &Relation) -> bool {
    relation.is_table()
        && !relation.partition
        && relation.schema != OWN_SCHEMA
        && survey.is_tenants(relation.oid)
}

fn table(survey: &Survey<'_>, relation: &Relation) -> Table {
    let catalog = survey.catalog;
    let field =
        |column: &Column| Field { name: column.name.clone(), type_name: column.type_name.clone() };
    let writable = relation.columns.iter().filter(|column| !column.generated);
    let primary = catalog.indexes.iter().find(|one| one.table == relation.oid && one.primary);
    let primary = primary.into_iter().flat_map(|index| &index.columns);
    let name_of = |number: &i16| relation.column_at(*number).map(|one| one.name.clone());
    let owned = |column: &Column| {
        let mut sequences = catalog.sequences.iter();
        let own = sequences
            .find(|one| one.table == relation.oid && one.column == column.number)
            .map(|one| one.name.clone());
        let sequence = own.or_else(|| drawn(column.default.as_deref()?))?;
        Some(Draw { column: column.name.clone(), sequence })
    };
    Table {
        name: relation.name.clone(),
        partitioned: relation.kind == RelationKind::Partitioned,
        tenant: survey.tenant_column(relation.oid).map(field),
        primary: primary.filter_map(name_of).collect(),
        sequences: relation.columns.iter().filter_map(owned).collect(),
        columns: writable.map(field).collect(),
        ..Table::default()
    }
}

/// The sequence of `nextval('schema.name'::regclass)`.
fn drawn(default: &str) -> Option<String> {
    let rest = default.strip_prefix("nextval('")?;
    let name = rest.strip_suffix("'::regclass)")?;
    Some(name.replace("''", "'"))
}

fn read_key(catalog: &Catalog, key: &ForeignKey, table: usize, referenced: usize) -> Option<Key> {
    let names = |oid: u64, numbers: &[i16]| -> Option<Vec<String>> {
        let relation = catalog.relations.get(&oid)?;
        numbers.iter().map(|one| relation.column_at(*one).map(|one| one.name.clone())).collect()
    };
    Some(Key {
        name: key.name.clone(),
        table,
        columns: names(key.table, &key.columns)?,
        referenced,
        referenced_columns: names(key.referenced, &key.referenced_columns)?,
        on_delete: key.on_delete,
    })
}

/// The table at the top of a partition.
fn root(catalog: &Catalog, mut oid: u64) -> u64 {
    // A tree of partitions is not deeper than it has tables.
    for _ in 0..catalog.relations.len() {
        let relation = catalog.relations.get(&oid).filter(|one| one.partition);
        match relation.and_then(|one| one.parents.first()) {
            Some(&parent) => oid = parent,
            None => break,
        }
    }
    oid
}

fn reachable(next: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        for &to in next.get(one).into_iter().flatten() {
            if found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}

fn remarks(survey: &Survey<'_>) -> Vec<String> {
    let mut remarks = Vec::new();
    for relation in survey.relations() {
        let name = &relation.name;
        match relation.kind {
            RelationKind::Foreign if survey.tenant_column(relation.oid).is_some() => {
                remarks.push(format!("{name}: a foreign table, whose rows are elsewhere"));
            }
            RelationKind::MaterializedView
                if survey
                    .catalog
                    .read_by(relation.oid)
                    .iter()
                    .any(|&one| survey.is_tenants(one)) =>
            {
                let kept = "a materialised view, which keeps rows until it is refreshed";
                remarks.push(format!("{name}: {kept}"));
            }
            _ => {}
        }
    }
    remarks
}

#[cfg(test)]
mod tests;
