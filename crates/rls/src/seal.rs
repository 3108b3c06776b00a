//! The objects of the sealed context, and whether a database has them as they were made.

mod gate;

pub use gate::{GATE_QUERY, gate};

use crate::catalog::{Catalog, Function, SEAL_ROLE};

/// The objects, each behind a line `--- KIND NAME`.
const OBJECTS: &str = include_str!("seal/objects.sql");

/// What functions that do not name every schema run with.
const PINNED: [&str; 4] = [
    "search_path=pg_catalog, pg_temp",
    "debug_print_parse=off",
    "debug_print_rewritten=off",
    "debug_print_plan=off",
];

/// One of the objects.
pub struct Object {
    /// `table` or `function`.
    pub kind: &'static str,
    /// Its name in the schema rowhouse.
    pub name: &'static str,
    /// The statement that makes it.
    pub sql: &'static str,
}

/// All objects in the order in which they can be made.
pub fn objects() -> impl Iterator<Item = Object> {
    OBJECTS.split("\n--- ").skip(1).filter_map(|part| {
        let (head, sql) = part.split_once('\n')?;
        let (kind, name) = head.split_once(' ')?;
        Some(Object { kind, name, sql: sql.trim() })
    })
}

/// In what an object differs from what the plan makes.
pub fn deviation(catalog: &Catalog, object: &Object) -> Option<&'static str> {
    if object.kind == "table" {
        let name = format!("rowhouse.{}", object.name);
        let found = catalog.relations.values().find(|one| one.name == name);
        return match found {
            None => Some("is missing"),
            Some(one) if one.owner != SEAL_ROLE => Some("belongs to another role"),
            Some(_) => None,
        };
    }
    let Some(found) = function(catalog, object.name) else { return Some("is missing") };
    let settings = object.sql.matches("\nset ").count() > 0;
    let pinned = found.settings.len() == PINNED.len()
        && PINNED.iter().all(|pin| found.settings.iter().any(|one| one == pin));
    let volatility = if object.sql.contains(" stable ") { 's' } else { 'v' };
    let body = object.sql.split("$seal$").nth(1).unwrap_or_default();
    if found.owner != SEAL_ROLE {
        Some("belongs to another role")
    } else if !found.definer
        || found.volatility != volatility
        || found.leakproof
        || found.language != "plpgsql"
    {
        Some("has other properties")
    } else if (settings && !pinned) || (!settings && !found.settings.is_empty()) {
        Some("runs with other settings")
    } else if found.source.trim() != body.trim() {
        Some("has another body")
    } else if !found.callable {
        Some("may not be called")
    } else {
        None
    }
}

/// One of the functions, as the catalog has it.
pub fn function<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Function> {
    let head = format!("rowhouse.{name}(");
    catalog.functions.values().find(|one| one.name.starts_with(&head))
}

#[cfg(test)]
mod tests;
