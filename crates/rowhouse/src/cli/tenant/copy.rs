//! `rowhouse tenant copy`: a tenant's rows for another one, within the database.

use rowhouse_rls::life::stage;
use rowhouse_rls::life::words::Words;

use super::Copy;
use super::desk::Desk;
use super::settle::{Coming, Owners, settle, tell};
use crate::cli::{Failure, terminal};

/// The rows are taken as of one moment, and written in the same transaction.
const BEGIN: &str = "begin isolation level repeatable read";

/// Copies.
pub async fn run(arguments: &Copy) -> Result<(), Failure> {
    let (from, to) = (arguments.tenant.as_str(), arguments.to.as_str());
    if from == to {
        return Err(Failure::new("a tenant is no copy of itself: name another one with --as"));
    }
    let mut desk = Desk::open(&arguments.place, BEGIN).await?;
    let impossible = desk.impossible(from).await?;
    let life = desk.life.clone();
    let words = Words::new(&life, from, &impossible).map_err(Failure::new)?;
    let mut coming = Vec::new();
    for place in life.ordered() {
        let Some(table) = life.tables.get(place) else { continue };
        terminal::progress(&format!("reading {}", table.name));
        let sql = stage::make(table, place, Some(&words.rows(place)));
        desk.run(&table.name, &sql).await?;
        let rows = desk.number(&format!("select count(*) from {}", stage::name(place))).await?;
        let columns = table.columns.iter().map(|field| field.name.clone()).collect();
        coming.push(Coming { place, columns, rows });
    }
    if coming.iter().all(|one| one.rows == 0) {
        return Err(desk.nobody(from));
    }
    let owners = Owners { from, to, new_keys: true };
    settle(&mut desk, &coming, &owners).await?;
    tell(arguments.place.format, &desk, &coming, to);
    Ok(())
}
