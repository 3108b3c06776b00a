//! `rowhouse keys`: the keys that gateway and sealed databases share.
//!
//! A key is in every database before the file names it, and in no file when it leaves a database:
//! whatever happens half-way, every key that a gateway may use is known to every database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use rowhouse_tenancy::seal::{SECRET_BYTES, SealKey, SealKeyId};
use serde_json::{Value, json};

use super::rls::reader::Reader;
use super::{Failure, Format, terminal};
use crate::config::{SealKeys, StoredKey, command_login, parse_duration, raw};

/// A key that no new connection uses may still be used by older ones, and these by transactions of
/// up to 24 hours.
const OLDER_THAN: &str = "25h";
/// Statements of a superuser's session with a key in them reach no log. Others cannot switch that
/// off, and docs/rls.md says so.
const QUIET: &str = "set local log_statement = 'none'; set local log_min_duration_statement = -1; \
                     set local log_min_duration_sample = -1; \
                     set local log_transaction_sample_rate = 0; \
                     set local log_min_error_statement = 'panic'";

/// The keys of sealed databases: make a new one, look, let old ones go.
#[derive(Debug, Subcommand)]
pub enum Keys {
    Rotate(Rotate),
    List(List),
    Retire(Retire),
}

/// Make a new key: first in every database, then current in the file. No request fails by it.
///
/// The first one makes the file. Gateways read it again by themselves and use the new key for new
/// connections. Run it whenever somebody may have seen a key, and every few months.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse keys rotate --keys-file seal.json --database-url postgres://postgres@localhost/app \\
      --database-url postgres://postgres@localhost/shop")]
pub struct Rotate {
    #[command(flatten)]
    place: Place,
}

/// Print which keys there are, and which database has them. Exit status 1 when one lacks the
/// current key.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse keys list --keys-file seal.json --database-url postgres://postgres@localhost/app")]
pub struct List {
    #[command(flatten)]
    place: Place,
}

/// Delete keys that a newer one has replaced long ago, from every database, then from the file.
///
/// Connections that were registered with such a key have no tenant any more, and show no rows;
/// gateways have closed theirs by then. Where one is still open nothing is deleted: that gateway
/// may read another file.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  rowhouse keys retire --keys-file seal.json --database-url postgres://postgres@localhost/app")]
pub struct Retire {
    #[command(flatten)]
    place: Place,
    /// How long ago it must have been replaced. The default is longer than any transaction.
    #[arg(long, value_name = "DURATION", default_value = OLDER_THAN, value_parser = age)]
    older_than: Duration,
    /// Delete them even while connections use them: for a key that somebody may have seen.
    #[arg(long)]
    force: bool,
}

/// Where keys are.
#[derive(Debug, Args)]
struct Place {
    /// The file that gateways read them from: [seal] keys_file of the configuration.
    #[arg(long, value_name = "FILE")]
    keys_file: PathBuf,
    /// A sealed database; repeat it for each. Left out: DATABASE_URL, or PGHOST and its kin.
    #[arg(long, value_name = "URL")]
    database_url: Vec<String>,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// A sealed database and the keys it has.
struct Database {
    name: String,
    reader: Reader,
    superuser: bool,
    ids: Vec<i64>,
}

/// Runs the command.
pub async fn run(command: &Keys) -> Result<(), Failure> {
    match command {
        Keys::Rotate(arguments) => rotate(&arguments.place).await,
        Keys::List(arguments) => list(&arguments.place).await,
        Keys::Retire(arguments) => retire(arguments).await,
    }
}

async fn rotate(place: &Place) -> Result<(), Failure> {
    let file = place.keys_file.display();
    let keys = SealKeys::read(&place.keys_file)?;
    let mut databases = place.databases().await?;
    // Above all that anybody has, left-overs of a rotation that failed included.
    let known = databases.iter().flat_map(|one| &one.ids).copied().max().unwrap_or(0);
    let in_file = keys.as_ref().map_or(0, |keys| {
        keys.keys().iter().map(|one| i64::from(one.key.id().get())).max().unwrap_or(0)
    });
    let id = SealKeyId::new(known.max(in_file).saturating_add(1))
        .ok_or_else(|| Failure::new("there are no more numbers for keys"))?;
    let mut secret = [0; SECRET_BYTES];
    rand::fill(&mut secret).map_err(|_| Failure::new("the system gives no random bytes"))?;
    let key = SealKey::new(id, secret);
    let mut done: Vec<String> = Vec::new();
    for database in &mut databases {
        if let Err(Failure(mut lines)) = database.insert(&key).await {
            lines.push(format!(
                "key {id} is in {} and in no file: nothing has changed for any gateway; run it \
                 again when that is mended",
                if done.is_empty() { "no database".to_owned() } else { done.join(", ") },
            ));
            return Err(Failure(lines));
        }
        done.push(database.name.clone());
    }
    let stored = StoredKey { key, created: Timestamp::try_from(SystemTime::now())? };
    let keys = match keys {
        Some(mut keys) => {
            keys.add(stored);
            keys
        }
        None => SealKeys::first(stored),
    };
    keys.write(&place.keys_file).map_err(|error| {
        Failure::new(format!(
            "{error}; every database has key {id}, nobody uses it: nothing has changed for any \
             gateway; run it again when that is mended"
        ))
    })?;
    place.tell(
        &format!("key {id} is in {} and is the current one of {file}", done.join(", ")),
        &json!({ "current": id.get(), "databases": done }),
    );
    Ok(())
}

async fn list(place: &Place) -> Result<(), Failure> {
    let keys = place.keys()?;
    let databases = place.databases().await?;
    let replaced = replaced(&keys);
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for one in keys.keys() {
        let id = one.key.id();
        let state = match (id == keys.current(), replaced.get(&id)) {
            (true, _) => "current".to_owned(),
            (false, Some(at)) => format!("replaced {at}"),
            (false, None) => "not current".to_owned(),
        };
        lines.push(format!("key {id}: made {}, {state}", one.created));
        values.push(json!({
            "id": id.get(), "created": one.created.to_string(),
            "current": id == keys.current(), "replaced": replaced.get(&id).map(ToString::to_string),
        }));
    }
    let current = i64::from(keys.current().get());
    let mut lacking = Vec::new();
    for one in &databases {
        let ids: Vec<String> = one.ids.iter().map(ToString::to_string).collect();
        lines.push(format!("{}: keys {}", one.name, ids.join(", ")));
        if !one.ids.contains(&current) {
            lacking.push(format!(
                "{} lacks the current key {current}, so that no gateway can work with it: run \
                 `rowhouse keys rotate` with every database",
                one.name
            ));
        }
    }
    let at = |one: &Database| json!({ "database": one.name, "keys": one.ids });
    let databases: Vec<Value> = databases.iter().map(at).collect();
    place.tell(&lines.join("\n"), &json!({ "keys": values, "databases": databases }));
    if lacking.is_empty() { Ok(()) } else { Err(Failure(lacking)) }
}

async fn retire(arguments: &Retire) -> Result<(), Failure> {
    let Retire { place, older_than, force } = arguments;
    let mut keys = place.keys()?;
    let mut databases = place.databases().await?;
    let now = Timestamp::try_from(SystemTime::now())?;
    let old: Vec<SealKeyId> = replaced(&keys)
        .into_iter()
        .filter(|(_, at)| {
            let since = now.duration_since(*at);
            Duration::try_from(since).is_ok_and(|since| since > *older_than)
        })
        .map(|(id, _)| id)
        .collect();
    let numbers: Vec<i32> = old.iter().map(|id| id.get()).collect();
    let list = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if old.is_empty() {
        place.tell("no key is old enough", &json!({ "retired": numbers }));
        return Ok(());
    }
    if !force {
        for database in &mut databases {
            database.refuse_if_used(&list).await?;
        }
    }
    for database in &mut databases {
        let sql = format!("delete from rowhouse.seal_key where id in ({list})");
        if let Err(Failure(mut lines)) = database.reader.query(&sql).await {
            lines.push("run it again when that is mended: it goes on where it stopped".to_owned());
            return Err(Failure(lines));
        }
    }
    for id in old {
        keys.remove(id);
    }
    keys.write(&place.keys_file)?;
    let file = place.keys_file.display();
    let text = format!("keys {list} are in no database and not in {file} any more");
    place.tell(&text, &json!({ "retired": numbers }));
    Ok(())
}

/// When a key ceased to be the current one: when the next one was made.
fn replaced(keys: &SealKeys) -> BTreeMap<SealKeyId, Timestamp> {
    let mut replaced = BTreeMap::new();
    for one in keys.keys() {
        let later = keys.keys().iter().filter(|other| other.key.id() > one.key.id());
        let next = later.min_by_key(|other| other.key.id());
        if let Some(next) = next.filter(|_| one.key.id() != keys.current()) {
            replaced.insert(one.key.id(), next.created);
        }
    }
    replaced
}

impl Place {
    fn keys(&self) -> Result<SealKeys, Failure> {
        SealKeys::read(&self.keys_file)?.ok_or_else(|| {
            Failure::new(format!(
                "there is no {}: `rowhouse keys rotate` makes it",
                self.keys_file.display()
            ))
        })
    }

    /// All of them, before anything is done in the first.
    async fn databases(&self) -> Result<Vec<Database>, Failure> {
        let environment = raw::environment();
        let variable = |name: &str| {
            let found = environment.iter().find(|(one, _)| one == name);
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let mut urls: Vec<Option<&str>> =
            self.database_url.iter().map(|one| Some(&**one)).collect();
        if urls.is_empty() {
            urls.push(None);
        }
        let mut databases = Vec::new();
        for url in urls {
            let login = command_login(url, variable).map_err(Failure::new)?;
            let name = format!("database {} on {}", login.database, login.server.name);
            let mut reader = Reader::connect(&login).await?;
            let rows = reader
                .query(
                    "select to_regclass('rowhouse.seal_key') is not null, rolsuper \
                     from pg_roles where rolname = current_user",
                )
                .await?;
            let is = |at: usize| {
                rows.first().and_then(|row| row.get(at)?.as_deref()).is_some_and(|text| text == "t")
            };
            if !is(0) {
                return Err(Failure::new(format!(
                    "{name} is not sealed: run `rowhouse rls apply --sealed` there first"
                )));
            }
            let rows = reader.query("select id from rowhouse.seal_key order by id").await?;
            let id = |row: &Vec<Option<String>>| row.first()?.as_ref()?.parse().ok();
            let ids = rows.iter().filter_map(id).collect();
            databases.push(Database { name, superuser: is(1), reader, ids });
        }
        Ok(databases)
    }

    fn tell(&self, text: &str, value: &Value) {
        match self.format {
            Format::Text => terminal::line(text),
            Format::Json => terminal::line(&format!("{value:#}")),
        }
    }
}

impl Database {
    /// Whoever is registered with a key that is deleted would see no rows, and not why.
    async fn refuse_if_used(&mut self, list: &str) -> Result<(), Failure> {
        // Only a superuser may ask who that process is. To others, any process of that number is
        // one that uses the key.
        let open = match self.superuser {
            true => {
                "exists (select from pg_catalog.pg_stat_activity a where a.pid = s.pid \
                 and a.datname = current_database() and a.backend_start <= s.registered_at)"
            }
            false => {
                "s.pid in (select pg_stat_get_backend_pid(b) from pg_stat_get_backend_idset() b)"
            }
        };
        let sql = format!(
            "select count(*) from rowhouse.seal_session s where s.key_id in ({list}) and {open}"
        );
        let rows = self.reader.query(&sql).await?;
        let count = rows.first().and_then(|row| row.first()?.clone()).unwrap_or_default();
        if count == "0" {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} connections of {} still use keys {list}, and would have no tenant: see whether \
             every gateway reads this keys file (rowhouse_seal_key of its metrics), and wait for \
             its transactions to end; --force deletes the keys all the same",
            count, self.name
        )))
    }

    async fn insert(&mut self, key: &SealKey) -> Result<(), Failure> {
        self.reader.query("begin").await?;
        if self.superuser {
            self.reader.query(QUIET).await?;
        }
        let (id, pads) = (key.id(), key.pads());
        let (inner, outer) = (pads.inner.expose(), pads.outer.expose());
        let sql = format!(
            "insert into rowhouse.seal_key (id, inner_key, outer_key) values ({id}, \
             decode('{inner}', 'hex'), decode('{outer}', 'hex'))"
        );
        self.reader.query(&sql).await?;
        self.reader.query("commit").await.map(drop)
    }
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "write a number and a unit, as 25h or 0s".to_owned())
}
