//! `rowhouse tenant import`: the files of an export become rows.

use rowhouse_rls::life::stage;

use super::Import;
use super::archive::Archive;
use super::desk::Desk;
use super::settle::{Coming, Owners, settle, tell};
use crate::cli::{Failure, terminal};

/// Imports.
pub async fn run(arguments: &Import) -> Result<(), Failure> {
    let archive = Archive::open(&arguments.directory)?;
    let manifest = &archive.manifest;
    let from = manifest.tenant.as_str();
    let to = arguments.to.as_deref().unwrap_or(from);
    let mut desk = Desk::open(&arguments.place, "begin").await?;
    desk.impossible(from).await?;
    let life = desk.life.clone();
    let places = manifest.places(&life).map_err(|problems| {
        let place = desk.reader.place();
        Failure(problems.into_iter().map(|one| format!("{place}: {one}")).collect())
    })?;
    let mut coming = Vec::new();
    for ((place, columns), file) in places.into_iter().zip(&manifest.tables) {
        let Some(table) = life.tables.get(place) else { continue };
        terminal::progress(&format!("reading {}", table.name));
        desk.run(&table.name, &stage::make(table, place, None)).await?;
        let mut page = archive.page(file)?;
        let sql = stage::copy(&columns, place);
        let copied = desk.reader.connection().copy_in(&sql, |piece| page.read(piece)).await;
        let rows = copied.map_err(|error| desk.told(&file.file, &error))?;
        if rows != file.rows {
            return Err(Failure::new(format!(
                "{} has {rows} rows and the manifest says {}: take the whole export again",
                file.file, file.rows
            )));
        }
        if rows > 0
            && let Some(sql) = stage::strangers(table, place, from)
            && desk.number(&sql).await? > 0
        {
            return Err(Failure::new(format!(
                "{} has rows that are not tenant {from}'s: take the export again",
                file.file
            )));
        }
        coming.push(Coming { place, columns, rows });
    }
    let owners = Owners { from, to, new_keys: arguments.new_keys };
    settle(&mut desk, &coming, &owners).await?;
    tell(arguments.place.format, &desk, &coming, to);
    Ok(())
}
