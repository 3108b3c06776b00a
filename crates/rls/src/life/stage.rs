//! SQL for the way in: rows wait in temporary tables, are checked and renewed there, and go from
//! there to where they belong.
//!
//! PostgreSQL refuses COPY FROM into a table whose policies hold the role; into a temporary table
//! of its own everybody may copy (PostgreSQL docs, COPY, "Notes").

use super::words::Words;
use super::{Life, Table};
use crate::catalog::quote_literal;

/// The temporary table of a place.
pub fn name(place: usize) -> String {
    format!("pg_temp.rowhouse_stage_{place}")
}

/// The temporary table that says what has become of the old values of a renewed column.
fn map(place: usize, index: usize) -> String {
    format!("pg_temp.rowhouse_map_{place}_{index}")
}

/// Makes a temporary table, with rows or without.
pub fn make(table: &Table, place: usize, rows: Option<&str>) -> String {
    let stage = name(place);
    let Some(rows) = rows else {
        let (list, name) = (table.list(), &table.name);
        return format!(
            "create temp table {} on commit drop as select {list} from {name} with no data",
            local(&stage)
        );
    };
    format!("create temp table {} on commit drop as {rows}", local(&stage))
}

/// Reads CSV into it.
pub fn copy(columns: &[String], place: usize) -> String {
    let (stage, list) = (name(place), columns.join(", "));
    format!("copy {stage} ({list}) from stdin with (format csv, header match)")
}

/// How many rows wait that are not this tenant's.
pub fn strangers(table: &Table, place: usize, tenant: &str) -> Option<String> {
    let (column, stage) = (&table.tenant.as_ref()?.name, name(place));
    let tenant = quote_literal(tenant);
    Some(format!("select count(*) from {stage} where {column} is distinct from {tenant}"))
}

/// Gives the rows to another tenant: in every column that holds it.
pub fn give(life: &Life, place: usize, from: &str, to: &str) -> Option<String> {
    let table = life.tables.get(place)?;
    let (from, to) = (quote_literal(from), quote_literal(to));
    let fields = table.columns.iter().filter(|field| life.holds_tenant(place, &field.name));
    let columns: Vec<String> = fields
        .map(|field| {
            let name = &field.name;
            format!("{name} = case when {name} = {from} then {to} else {name} end")
        })
        .collect();
    let stage = name(place);
    (!columns.is_empty()).then(|| format!("update {stage} set {}", columns.join(", ")))
}

/// Makes new values for all keys that two tenants cannot share: first the maps from old to new,
/// then every column that holds the key or refers to it.
pub fn renew(life: &Life, staged: &[usize]) -> Vec<String> {
    let mut sql = Vec::new();
    for &place in staged {
        let Some(table) = life.tables.get(place) else { continue };
        for (index, renewal) in table.renewed.iter().enumerate() {
            let (map, stage) = (map(place, index), name(place));
            let (column, type_name) = (&renewal.column, &renewal.type_name);
            sql.push(format!(
                "create temp table {} on commit drop as \
                 select d.old, ({})::{type_name} as new \
                 from (select distinct {column} as old from {stage} where {column} is not null) d",
                local(&map),
                renewal.source
            ));
            sql.push(format!("create index on {map} (old)"));
            sql.push(format!("analyze {map}"));
        }
    }
    sql.extend(staged.iter().filter_map(|&place| apply(life, place, staged)));
    sql
}

/// All columns of a table at once: an UPDATE for each would meet the new values of the last.
fn apply(life: &Life, place: usize, staged: &[usize]) -> Option<String> {
    let table = life.tables.get(place)?;
    let mut sets = Vec::new();
    for field in &table.columns {
        let (origin, column) = life.origin(place, &field.name);
        let renewed = &life.tables.get(origin)?.renewed;
        let found = renewed.iter().position(|one| one.column == column);
        let Some(index) = found.filter(|_| staged.contains(&origin)) else { continue };
        let (map, name) = (map(origin, index), &field.name);
        // What is not in the map is not the tenant's, and stays.
        sets.push(format!(
            "{name} = coalesce((select m.new from {map} m where m.old = s.{name}), s.{name})"
        ));
    }
    let stage = name(place);
    (!sets.is_empty()).then(|| format!("update {stage} s set {}", sets.join(", ")))
}

/// Moves a group to where it belongs, in one statement.
pub fn insert(life: &Life, group: &[(usize, Vec<String>)]) -> String {
    let mut steps = Vec::new();
    let mut counts = Vec::new();
    for (place, columns) in group {
        let Some(table) = life.tables.get(*place) else { continue };
        let (stage, list) = (name(*place), columns.join(", "));
        steps.push(format!(
            "i{place} as (insert into {} ({list}) overriding system value \
             select {list} from {stage} returning 1)",
            table.name
        ));
        counts.push(format!("(select count(*) from i{place})"));
    }
    format!("with {} select {}", steps.join(", "), counts.join(", "))
}

/// How many rows that waited are not where they belong as they were.
pub fn differing(words: &Words<'_>, life: &Life, place: usize, columns: &[String]) -> String {
    let (stage, own) = (name(place), words.own(place, "t"));
    let from = life.tables.get(place).map(Table::from).unwrap_or_default();
    let list = |alias: &str| {
        let all: Vec<String> = columns.iter().map(|one| format!("{alias}.{one}")).collect();
        all.join(", ")
    };
    format!(
        "select count(*) from (select row({})::text from {stage} s except all \
         select row({})::text from {from} t where {own}) d",
        list("s"),
        list("t")
    )
}

/// Holds a sequence still until the transaction ends: a change that changes nothing takes a lock
/// that nextval() waits for, and LOCK does not take sequences.
pub fn hold_sequence(sequence: &str, cache: &str) -> String {
    format!("alter sequence {sequence} cache {cache}")
}

/// Answers with the sequence's cache where what came lies beyond it.
pub fn is_behind(sequence: &str, column: &str, place: usize) -> String {
    format!("select q.seqcache {}", beyond(sequence, column, place))
}

/// Moves a sequence beyond what came, never back.
pub fn move_sequence(sequence: &str, column: &str, place: usize) -> String {
    let literal = quote_literal(sequence);
    format!("select setval({literal}, f.far) {}", beyond(sequence, column, place))
}

fn beyond(sequence: &str, column: &str, place: usize) -> String {
    let (stage, literal) = (name(place), quote_literal(sequence));
    format!(
        "from {sequence} s join pg_sequence q on q.seqrelid = {literal}::regclass, \
         lateral (select case when q.seqincrement > 0 then max({column}) else min({column}) end \
         ::int8 as far from {stage}) f where f.far between q.seqmin and q.seqmax and case \
         when f.far = s.last_value then not s.is_called \
         when q.seqincrement > 0 then f.far > s.last_value else f.far < s.last_value end"
    )
}

/// How CREATE names a temporary table.
fn local(name: &str) -> &str {
    name.strip_prefix("pg_temp.").unwrap_or(name)
}
