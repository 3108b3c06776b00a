//! `rowhouse tenant export`: one snapshot of one tenant, as files.

use std::io;

use rowhouse_rls::life::manifest::{ColumnType, Manifest, SequenceState, TableFile, file_name};
use rowhouse_rls::life::words::{Crossing, Words};
use serde_json::json;

use super::Export;
use super::archive::{Draft, Sheet};
use super::desk::{Desk, crossing_questions};
use crate::cli::{Failure, Format, terminal};

/// Everything is read as of one moment, and nothing can be written.
const BEGIN: &str = "begin isolation level repeatable read read only";

/// Exports.
pub async fn run(arguments: &Export) -> Result<(), Failure> {
    let draft = Draft::new(&arguments.out)?;
    let mut desk = Desk::open(&arguments.place, BEGIN).await?;
    let tenant = arguments.tenant.as_str();
    let impossible = desk.impossible(tenant).await?;
    let life = desk.life.clone();
    let words = Words::new(&life, tenant, &impossible).map_err(Failure::new)?;
    let mut manifest = Manifest {
        rowhouse: env!("CARGO_PKG_VERSION").to_owned(),
        exported_at: desk.text(NOW).await?,
        database: desk.database.clone(),
        server: desk.server.clone(),
        remarks: life.remarks.clone(),
        ..Manifest::new(tenant)
    };
    let count = life.tables.len();
    for (index, place) in life.ordered().enumerate() {
        let Some(table) = life.tables.get(place) else { continue };
        terminal::progress(&format!("{} of {count}: {}", index + 1, table.name));
        let file = file_name(index + 1, &table.name);
        let mut sheet = draft.sheet(&file)?;
        let rows = copy(&mut desk, &words.export(place), &table.name, &mut sheet).await?;
        let (bytes, sha256) = sheet.finish()?;
        let column = |field: &rowhouse_rls::life::Field| ColumnType {
            name: field.name.clone(),
            type_name: field.type_name.clone(),
        };
        manifest.tables.push(TableFile {
            name: table.name.clone(),
            file,
            rows,
            bytes,
            sha256,
            tenant_column: table.tenant.as_ref().map(|field| field.name.clone()),
            columns: table.columns.iter().map(column).collect(),
        });
        for draw in &table.sequences {
            let sql =
                format!("select case when is_called then last_value end from {}", draw.sequence);
            let last_value = Some(desk.text(&sql).await?).filter(|text| !text.is_empty());
            let (name, table) = (draw.sequence.clone(), table.name.clone());
            let column = draw.column.clone();
            manifest.sequences.push(SequenceState { name, table, column, last_value });
        }
    }
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    if rows == 0 {
        return Err(desk.nobody(tenant));
    }
    let asked = crossing_questions(&life, &words, Crossing::Outward, |_, _| true);
    manifest.remarks.extend(desk.crossings(asked).await?);
    draft.finish(&manifest)?;
    tell(arguments, &manifest, rows);
    Ok(())
}

/// The moment of the snapshot.
pub const NOW: &str =
    "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

async fn copy(desk: &mut Desk, sql: &str, table: &str, sheet: &mut Sheet) -> Result<u64, Failure> {
    let taken = |piece: &[u8]| -> io::Result<()> { sheet.write(piece) };
    let copied = desk.reader.connection().copy_out(sql, taken).await;
    copied.map_err(|error| desk.told(table, &error))
}

fn tell(arguments: &Export, manifest: &Manifest, rows: u64) {
    for remark in &manifest.remarks {
        terminal::error(&format!("not in the export: {remark}"));
    }
    let (out, tables) = (arguments.out.display(), manifest.tables.len());
    match arguments.place.format {
        Format::Text => terminal::line(&format!(
            "tenant {}: {rows} rows of {tables} tables are in {out}",
            manifest.tenant
        )),
        Format::Json => {
            let files: Vec<_> = manifest
                .tables
                .iter()
                .map(|one| json!({ "name": one.name, "rows": one.rows, "file": one.file }))
                .collect();
            terminal::line(&format!(
                "{:#}",
                json!({ "tenant": manifest.tenant, "directory": out.to_string(), "rows": rows,
                    "tables": files, "remarks": manifest.remarks })
            ));
        }
    }
}
