//! From the temporary tables to where rows belong: renewed, inserted, checked, committed.

use rowhouse_rls::life::stage;
use rowhouse_rls::life::words::{Crossing, Words};
use serde_json::json;

use super::desk::{Desk, crossing_questions};
use crate::cli::{Failure, Format, terminal};

/// A table's rows that wait.
pub struct Coming {
    /// The table's place.
    pub place: usize,
    /// The columns that came.
    pub columns: Vec<String>,
    /// How many rows.
    pub rows: u64,
}

/// Whose the rows were, and whose they will be.
pub struct Owners<'a> {
    /// Whose they were.
    pub from: &'a str,
    /// Whose they will be.
    pub to: &'a str,
    /// Keys that two tenants cannot share are made anew.
    pub new_keys: bool,
}

/// Moves all of it, or fails with nothing changed.
pub async fn settle(
    desk: &mut Desk,
    coming: &[Coming],
    owners: &Owners<'_>,
) -> Result<(), Failure> {
    let life = desk.life.clone();
    let impossible = desk.impossible(owners.to).await?;
    let words = Words::new(&life, owners.to, &impossible).map_err(Failure::new)?;
    refuse_present(desk, &words, owners.to).await?;
    let full: Vec<&Coming> = coming.iter().filter(|one| one.rows > 0).collect();
    if owners.from != owners.to {
        for one in &full {
            if let Some(sql) = stage::give(&life, one.place, owners.from, owners.to) {
                desk.run("giving the rows to the new tenant", &sql).await?;
            }
        }
    }
    let places: Vec<usize> = full.iter().map(|one| one.place).collect();
    if owners.new_keys {
        for sql in stage::renew(&life, &places) {
            desk.run("making new keys", &sql).await?;
        }
    }
    for group in &life.groups {
        insert(desk, group, &full).await?;
    }
    for one in &full {
        let table = life.tables.get(one.place).map(|table| table.name.as_str());
        let table = table.unwrap_or_default();
        terminal::progress(&format!("checking {table}"));
        let differing = stage::differing(&words, &life, one.place, &one.columns);
        let count = desk.number(&differing).await?;
        if count > 0 {
            return Err(Failure::new(format!(
                "{count} rows of {table} are not as they came: a trigger changes them, or they \
                 lead to another tenant's; nothing was imported. Disable the trigger meanwhile, \
                 or look at what the rows refer to"
            )));
        }
    }
    let wanted = |_, table: usize| places.contains(&table);
    let asked = crossing_questions(&life, &words, Crossing::Outward, wanted);
    let crossings = desk.crossings(asked).await?;
    if !crossings.is_empty() {
        let end = "nothing was imported: rows may refer to their own tenant's only";
        return Err(Failure(crossings.into_iter().map(|one| format!("{one}; {end}")).collect()));
    }
    move_sequences(desk, &places).await?;
    desk.run("committing", "commit").await.map(drop)
}

/// Says what has come.
pub fn tell(format: Format, desk: &Desk, coming: &[Coming], tenant: &str) {
    let rows: u64 = coming.iter().map(|one| one.rows).sum();
    let name = |place: usize| desk.life.tables.get(place).map_or("", |table| table.name.as_str());
    match format {
        Format::Text => terminal::line(&format!(
            "tenant {tenant}: {rows} rows of {} tables are in {}",
            coming.len(),
            desk.reader.place()
        )),
        Format::Json => {
            let tables: Vec<_> = coming
                .iter()
                .map(|one| json!({ "name": name(one.place), "rows": one.rows }))
                .collect();
            let value = json!({
                "tenant": tenant, "database": desk.database, "rows": rows, "tables": tables,
            });
            terminal::line(&format!("{value:#}"));
        }
    }
}

/// Rows of two lives would never be told apart again.
async fn refuse_present(desk: &mut Desk, words: &Words<'_>, tenant: &str) -> Result<(), Failure> {
    let order: Vec<usize> = desk.life.ordered().collect();
    for place in order {
        let count = desk.number(&words.count(place)).await?;
        if count > 0 {
            let table = desk.life.tables.get(place).map_or("", |table| table.name.as_str());
            return Err(Failure::new(format!(
                "tenant {tenant} has {count} rows in {table} already, and nothing was changed: \
                 erase it first, or choose another tenant with --as"
            )));
        }
    }
    Ok(())
}

async fn insert(desk: &mut Desk, group: &[usize], full: &[&Coming]) -> Result<(), Failure> {
    let of_group: Vec<&&Coming> = full.iter().filter(|one| group.contains(&one.place)).collect();
    if of_group.is_empty() {
        return Ok(());
    }
    let moved: Vec<(usize, Vec<String>)> =
        of_group.iter().map(|one| (one.place, one.columns.clone())).collect();
    let name = |place: usize| desk.life.tables.get(place).map_or("", |table| table.name.as_str());
    let names: Vec<&str> = of_group.iter().map(|one| name(one.place)).collect();
    let names = names.join(", ");
    terminal::progress(&format!("writing {names}"));
    let sql = stage::insert(&desk.life, &moved);
    let counts = desk.run(&names, &sql).await?;
    let all = of_group.iter().zip(&counts).all(|(one, count)| *count == one.rows.to_string());
    match all && counts.len() == of_group.len() {
        true => Ok(()),
        false => Err(Failure::new(format!(
            "{names}: a trigger or a rule keeps rows from being written; nothing was changed: \
             disable it while you import"
        ))),
    }
}

/// Last of all, because whoever draws from a sequence waits from here to the end.
async fn move_sequences(desk: &mut Desk, places: &[usize]) -> Result<(), Failure> {
    let mut sql = Vec::new();
    for &place in places {
        for draw in desk.life.tables.get(place).into_iter().flat_map(|one| &one.sequences) {
            let behind = stage::is_behind(&draw.sequence, &draw.column, place);
            let moved = stage::move_sequence(&draw.sequence, &draw.column, place);
            sql.push((draw.sequence.clone(), behind, moved));
        }
    }
    for (sequence, behind, moved) in sql {
        let cache = desk.text(&behind).await?;
        if !cache.is_empty() {
            desk.run(&sequence, &stage::hold_sequence(&sequence, &cache)).await?;
            desk.run(&sequence, &moved).await?;
        }
    }
    Ok(())
}
