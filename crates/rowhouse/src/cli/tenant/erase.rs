//! `rowhouse tenant erase`: what would go, or that it is gone.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use rowhouse_rls::life::words::{Crossing, Words};
use rowhouse_rls::life::{Key, Life};
use serde_json::{Value, json};

use super::Erase;
use super::archive::sha256;
use super::desk::{Desk, crossing_questions};
use super::export::NOW;
use super::mark;
use crate::cli::{Failure, Format, terminal};

/// What no statement reaches. It stands in every certificate.
const OUT_OF_REACH: [&str; 7] = [
    "backups and archived WAL: they keep the rows until they expire",
    "the space of deleted rows, until VACUUM gives it to others",
    "replicas and logical subscribers: they follow in their own time, or are not told",
    "large objects, and files elsewhere that rows name",
    "copies in other databases, exports of this tenant included",
    "the logs of PostgreSQL and the gateway, and its audit",
    "rows of tables that neither have a tenant column nor refer to one that has",
];

/// Erases, or says what that would do.
pub async fn run(arguments: &Erase) -> Result<(), Failure> {
    if arguments.dry_run {
        return dry_run(arguments).await;
    }
    let file = arguments.certificate.as_ref().map(|path| {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        opened.map_err(|error| {
            Failure::new(format!("cannot make {}: {error}; nothing was erased", path.display()))
        })
    });
    let file = file.transpose()?;
    let erased = erase(arguments).await;
    if let (Err(_), Some(path)) = (&erased, &arguments.certificate) {
        // It is empty; what happened is told anyway.
        let _ = fs::remove_file(path);
    }
    let (certificate, left) = erased?;
    print(arguments, &certificate);
    if let Some(mut file) = file {
        write(&mut file, &certificate)?;
    }
    let is_marked = mark::erased(arguments.place.connection(), &certificate).await?;
    if is_marked && arguments.place.format == Format::Text {
        let tenant = &arguments.tenant;
        terminal::line(&format!("tenant {tenant} is suspended in the registry"));
    }
    if left == 0 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{left} rows of the tenant's have come since: stop its callers, and erase again"
    )))
}

async fn dry_run(arguments: &Erase) -> Result<(), Failure> {
    let begin = "begin isolation level repeatable read read only";
    let mut desk = Desk::open(&arguments.place, begin).await?;
    let tenant = arguments.tenant.as_str();
    let impossible = desk.impossible(tenant).await?;
    let life = desk.life.clone();
    let words = Words::new(&life, tenant, &impossible).map_err(Failure::new)?;
    let counts = desk.counts(&questions(&life, &words)).await?;
    if counts.iter().all(|count| *count == 0) {
        return Err(desk.nobody(tenant));
    }
    let refused = desk.crossings(in_the_way(&life, &words)).await?;
    let tables: Vec<Value> = life
        .ordered()
        .zip(&counts)
        .filter_map(|(place, rows)| {
            Some(json!({ "name": life.tables.get(place)?.name, "rows": rows }))
        })
        .collect();
    let plan = json!({
        "tenant": tenant, "database": desk.database, "dry_run": true, "tables": tables,
        "rows": counts.iter().sum::<u64>(), "cascades": cascades(&life), "refused": refused,
        "out_of_reach": out_of_reach(&life),
    });
    print(arguments, &plan);
    if refused.is_empty() { Ok(()) } else { Err(refusal(refused)) }
}

/// The certificate, and how many rows came while it was made.
async fn erase(arguments: &Erase) -> Result<(Value, u64), Failure> {
    let mut desk = Desk::open(&arguments.place, "begin").await?;
    let tenant = arguments.tenant.as_str();
    let impossible = desk.impossible(tenant).await?;
    let life = desk.life.clone();
    let words = Words::new(&life, tenant, &impossible).map_err(Failure::new)?;
    let began_at = desk.text(NOW).await?;
    let transaction = desk.text("select pg_current_xact_id()").await?;
    // From here on nobody can refer to a row of the tenant's: what is checked stays true.
    for place in life.ordered() {
        let table = life.tables.get(place).map_or("", |table| table.name.as_str());
        terminal::progress(&format!("locking {table}"));
        desk.run(table, &words.lock(place)).await?;
    }
    let refused = desk.crossings(in_the_way(&life, &words)).await?;
    if !refused.is_empty() {
        return Err(refusal(refused));
    }
    let mut erased: Vec<u64> = vec![0; life.tables.len()];
    for group in life.groups.iter().rev() {
        let names: Vec<&str> =
            group.iter().filter_map(|one| Some(life.tables.get(*one)?.name.as_str())).collect();
        let names = names.join(", ");
        terminal::progress(&format!("deleting from {names}"));
        let counts = desk.run(&names, &words.delete(group)).await?;
        for (place, count) in group.iter().zip(&counts) {
            if let Some(slot) = erased.get_mut(*place) {
                *slot = count.parse().unwrap_or_default();
            }
        }
    }
    if erased.iter().all(|count| *count == 0) {
        return Err(desk.nobody(tenant));
    }
    let questions = questions(&life, &words);
    let kept: u64 = desk.counts(&questions).await?.iter().sum();
    if kept > 0 {
        return Err(Failure::new(format!(
            "{kept} rows of tenant {tenant} are still there: a trigger or a rule keeps them, or \
             somebody writes new ones; nothing was erased. Stop the tenant's callers first"
        )));
    }
    desk.run("committing", "commit").await?;
    // Under a new snapshot, which sees what everybody has committed.
    desk.run("counting", "begin isolation level repeatable read read only").await?;
    let left = desk.counts(&questions).await?;
    let tables: Vec<Value> = life
        .ordered()
        .zip(&left)
        .filter_map(|(place, left)| {
            let (table, rows) = (life.tables.get(place)?, erased.get(place)?);
            Some(json!({ "name": table.name, "erased": rows, "left": left }))
        })
        .collect();
    let certificate = json!({
        "format": "rowhouse-erasure-certificate", "version": 1,
        "rowhouse": env!("CARGO_PKG_VERSION"), "tenant": tenant, "database": desk.database,
        "server": desk.server, "role": desk.role, "transaction": transaction,
        "began_at": began_at, "counted_at": desk.text(NOW).await?, "tables": tables,
        "rows": erased.iter().sum::<u64>(), "left": left.iter().sum::<u64>(),
        "out_of_reach": out_of_reach(&life),
    });
    Ok((hashed(certificate), left.iter().sum()))
}

fn questions(life: &Life, words: &Words<'_>) -> Vec<String> {
    life.ordered().map(|place| words.count(place)).collect()
}

/// Rows of others' that refer to the tenant's, and rows that are somebody else's as well.
fn in_the_way(life: &Life, words: &Words<'_>) -> Vec<(String, String)> {
    let mut asked = crossing_questions(life, words, Crossing::Inward, |_, _| true);
    let owners = |key: usize, table: usize| {
        life.tables.get(table).is_some_and(|table| table.owners.contains(&key))
    };
    asked.extend(crossing_questions(life, words, Crossing::Outward, owners));
    asked
}

fn refusal(lines: Vec<String>) -> Failure {
    let next = "erasing would touch what is not the tenant's alone, and nothing was erased: mend \
                these rows first";
    Failure(lines.into_iter().map(|line| format!("{line}; {next}")).collect())
}

/// What foreign keys do by themselves. It meets the tenant's own rows only; others are refused.
fn cascades(life: &Life) -> Vec<String> {
    let text = |key: &Key| {
        let does = match key.on_delete {
            'c' => "deletes",
            'n' => "sets null in",
            'd' => "sets the default in",
            _ => return None,
        };
        let (from, to) = (life.tables.get(key.referenced)?, life.tables.get(key.table)?);
        let (from, to, name) = (&from.name, &to.name, &key.name);
        Some(format!("a deletion from {from} {does} {to} by {name}"))
    };
    life.keys.iter().filter_map(text).collect()
}

fn out_of_reach(life: &Life) -> Vec<String> {
    let known = OUT_OF_REACH.iter().map(|one| (*one).to_owned());
    known.chain(life.remarks.iter().cloned()).collect()
}

/// The hash is that of the certificate without it: compact, keys in order.
fn hashed(mut certificate: Value) -> Value {
    let hash = sha256(&certificate.to_string());
    if let Some(fields) = certificate.as_object_mut() {
        fields.insert("sha256".to_owned(), Value::from(hash));
    }
    certificate
}

fn write(file: &mut File, certificate: &Value) -> Result<(), Failure> {
    writeln!(file, "{certificate:#}")?;
    file.sync_all()?;
    Ok(())
}

fn print(arguments: &Erase, value: &Value) {
    if arguments.place.format == Format::Json {
        terminal::line(&format!("{value:#}"));
        return;
    }
    let key = if arguments.dry_run { "rows" } else { "erased" };
    for table in value["tables"].as_array().into_iter().flatten() {
        let name = table["name"].as_str().unwrap_or_default();
        terminal::line(&format!("{:>12}  {name}", table[key].to_string()));
    }
    for line in value["cascades"].as_array().into_iter().flatten() {
        terminal::line(&format!("cascade: {}", line.as_str().unwrap_or_default()));
    }
    for line in value["out_of_reach"].as_array().into_iter().flatten() {
        terminal::line(&format!("out of reach: {}", line.as_str().unwrap_or_default()));
    }
    let (tenant, rows) = (&arguments.tenant, &value["rows"]);
    terminal::line(&match arguments.dry_run {
        true => format!("tenant {tenant}: {rows} rows would be erased; nothing was changed"),
        false => format!(
            "tenant {tenant}: {rows} rows erased, {} left; certificate {}",
            value["left"],
            value["sha256"].as_str().unwrap_or_default()
        ),
    });
}
