//! The configuration in force, key by key, with secrets masked.

use toml_edit::{DocumentMut, Item, Table};

use super::table::{Answer, Row, cell};
use crate::config::DEFAULT_FILE;

/// SHOW CONFIG. `listing` is what is in force as TOML; `followed` are the keys and sections that a
/// reload changes.
pub fn config(listing: &str, followed: &[&str]) -> Answer {
    let defaults = entries(DEFAULT_FILE);
    let row = |(key, value): (String, String)| -> Row {
        let default = defaults.iter().find(|(own, _)| *own == key).map(|(_, value)| value.clone());
        let is_followed = followed.iter().any(|own| {
            let rest = key.strip_prefix(own);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        let changeable = if is_followed { "yes" } else { "no" };
        vec![cell(key), cell(value), default, cell(changeable)]
    };
    Answer::of(entries(listing).into_iter().map(row).collect())
}

/// Keys and values, as `pool.shards` and `user[0].name`.
fn entries(text: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    if let Ok(document) = text.parse::<DocumentMut>() {
        gather(document.as_table(), "", &mut entries);
    }
    entries
}

fn gather(table: &Table, path: &str, entries: &mut Vec<(String, String)>) {
    for (name, item) in table {
        let key = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match item {
            Item::None => {}
            Item::Value(value) => {
                let plain = value.as_str().map(str::to_owned);
                // What stands around it is a comment, which says where it comes from.
                let written = || value.clone().decorated("", "").to_string();
                entries.push((key, plain.unwrap_or_else(written)));
            }
            Item::Table(inner) => gather(inner, &key, entries),
            Item::ArrayOfTables(all) => {
                for (index, inner) in all.iter().enumerate() {
                    gather(inner, &format!("{key}[{index}]"), entries);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
