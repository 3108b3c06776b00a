//! What the catalog says about the columns of an outcome, looked up where an answer needs it: who
//! asks for a description of the columns, and types that are not built in.
//!
//! The look-up is a statement of ours and by itself: never inside a caller's transaction, which may
//! be broken, locked or full of what nobody else can see, and never with a caller's tenant. It
//! reads nothing but the catalog, which every role may read, and waits for no lock of a table. The
//! caller's statement has run by then, so a failed look-up fails no call: what is not known is left
//! out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rowhouse_data_api::catalog::{ArrayType, ColumnOrigin, NamedType, TypeKind};
use rowhouse_protocol::backend::DataRow;
use rowhouse_protocol::oid;
use rowhouse_protocol::statement::Verb;
use rowhouse_tenancy::prologue::Prologue;
use tokio::time::{Instant, timeout};

use super::alone::Run;
use super::{Outcome, Session, Statement, Value};
use crate::error::Error;
use crate::pool::{Borrower, ColumnKey, FactTable, Missing, Pool};

/// How long the look-up may run; it is a matter of milliseconds.
const LOOK_UP_MAX: Duration = Duration::from_secs(1);
/// How long an answer waits for it, the way to a free connection and a cancelling included.
const ANSWER_WAITS_MAX: Duration = Duration::from_secs(2);
/// Bytes of names: sixteen hundred columns of two names of 63 bytes and some words are far less.
const LOOK_UP_BYTES_MAX: usize = 1024 * 1024;

/// The look-up. Every name is qualified, operators as well: what a role's search path leads to is
/// not ours. It calls nothing that changes or keeps anything.
///
/// A column is filled by a sequence if it is an identity or if its default calls nextval, whose oid
/// is 1574; the driver looks for the name in the deparsed default, which would wait for locks of
/// the table. An array is what its element calls its array: `typcategory` is anybody's to choose.
/// <https://www.postgresql.org/docs/current/catalogs.html>
const LOOK_UP: &str = "
with recursive wanted_column as (
  select ($1::pg_catalog.oid[])[at] as relation, ($2::pg_catalog.int2[])[at] as number
    from pg_catalog.generate_subscripts($1::pg_catalog.oid[], 1) as at
), wanted_type as (
  select id from pg_catalog.unnest($3::pg_catalog.oid[]) as id
), below as (
  select e.oid as element, e.oid as id from wanted_type w
    join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) w.id
    join pg_catalog.pg_type e
      on e.oid operator(pg_catalog.=) t.typelem and e.typarray operator(pg_catalog.=) t.oid
  union all
  select b.element, t.typbasetype from below b
    join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) b.id
    where t.typtype operator(pg_catalog.=) 'd'
)
select 'column', a.attrelid, a.attnum, c.relname,
    not (a.attnotnull or (t.typtype operator(pg_catalog.=) 'd' and t.typnotnull)),
    a.attidentity operator(pg_catalog.<>) '' or coalesce(
      pg_catalog.strpos(d.adbin::pg_catalog.text, ':funcid 1574 ') operator(pg_catalog.>) 0, false),
    null, null
  from wanted_column w
    join pg_catalog.pg_class c on c.oid operator(pg_catalog.=) w.relation
    join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) w.relation
      and a.attnum operator(pg_catalog.=) w.number
    join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) a.attrelid
      and d.adnum operator(pg_catalog.=) a.attnum
union all
select 'type', t.oid, null, t.typname, null, null, t.typtype, null
  from wanted_type w join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) w.id
union all
select 'array', e.typarray, null, null, null, null, e.typtype,
    b.id::pg_catalog.text operator(pg_catalog.||) e.typdelim::pg_catalog.text
  from below b
    join pg_catalog.pg_type e on e.oid operator(pg_catalog.=) b.element
    join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) b.id
    where t.typtype operator(pg_catalog.<>) 'd'";

impl Session {
    /// Fills in what the catalog says about an outcome's columns, as far as its answer needs it.
    pub(super) async fn describe(
        &self,
        pool: &Rc<Pool>,
        borrower: &Borrower,
        describe: bool,
        outcome: &mut Outcome,
    ) {
        let Some(columns) = outcome.columns.clone() else { return };
        let (facts, missing) = pool.facts().of(&columns, describe, Instant::now());
        outcome.facts = facts;
        if missing.is_empty() {
            return;
        }
        let looked_up = timeout(ANSWER_WAITS_MAX, self.look_up(pool, borrower, &missing)).await;
        let now = Instant::now();
        let mut table = pool.facts();
        match looked_up {
            Ok(Ok(found)) => learn(&mut table, &found, now),
            Ok(Err(_)) | Err(_) => table.pause(now),
        }
        // What was not found is not asked for again: it is not to be seen from outside.
        outcome.facts = table.of(&columns, describe, now).0;
    }

    async fn look_up(
        &self,
        pool: &Rc<Pool>,
        borrower: &Borrower,
        missing: &Missing,
    ) -> Result<Outcome, Error> {
        let statement = Statement {
            sql: Arc::from(LOOK_UP),
            types: vec![oid::OID_ARRAY, oid::INT2_ARRAY, oid::OID_ARRAY],
            values: vec![
                array(missing.columns.iter().map(|(relation, _)| i64::from(*relation))),
                array(missing.columns.iter().map(|(_, number)| i64::from(*number))),
                array(missing.types.iter().map(|type_oid| i64::from(*type_oid))),
            ],
            describe: false,
            result_bytes_max: LOOK_UP_BYTES_MAX,
        };
        let entry = pool.statement(&statement.sql, &statement.types);
        entry.vouch();
        let prologue = Prologue::default();
        let (entry, statement) = (&entry, &statement);
        let hung_after = LOOK_UP_MAX;
        let prologue = &prologue;
        self.run_alone(&Run { pool, entry, prologue, borrower, statement, hung_after }).await
    }
}

/// Whether a command may change what the catalog says.
pub(super) fn is_definition(verb: Verb) -> bool {
    matches!(verb, Verb::Create | Verb::Alter | Verb::Drop | Verb::Import | Verb::Do | Verb::Call)
}

fn array(values: impl Iterator<Item = i64>) -> Value {
    let values: Vec<String> = values.map(|value| value.to_string()).collect();
    let text = format!("{{{}}}", values.join(","));
    Value { bytes: Some(Bytes::from(text)), binary: false, fallback_type: oid::TEXT }
}

/// Keeps what was found. A row that is not as we asked for it says nothing.
fn learn(table: &mut FactTable, found: &Outcome, now: Instant) {
    let mut types: Vec<(u32, NamedType)> = Vec::new();
    let mut arrays: Vec<(u32, ArrayType)> = Vec::new();
    for row in found.rows() {
        let Some(fact) = read(row) else { continue };
        match fact {
            Fact::Column(key, origin) => table.keep_column(key, origin, now),
            Fact::Type(key, named) => types.push((key, named)),
            Fact::Array(key, array) => arrays.push((key, array)),
        }
    }
    for (key, mut named) in types {
        named.array = arrays.iter().find(|(array, _)| *array == key).map(|(_, array)| *array);
        table.keep_type(key, named, now);
    }
}

/// One row of the look-up.
enum Fact {
    Column(ColumnKey, ColumnOrigin),
    Type(u32, NamedType),
    Array(u32, ArrayType),
}

fn read(row: DataRow<'_>) -> Option<Fact> {
    let values: Vec<Option<&str>> =
        row.iter().map(|value| std::str::from_utf8(value?).ok()).collect();
    let [what, key, number, name, nullable, sequence, kind, element] = values[..] else {
        return None;
    };
    let key: u32 = key?.parse().ok()?;
    Some(match what? {
        "column" => {
            let origin = ColumnOrigin {
                table: name?.to_owned(),
                nullable: nullable? == "t",
                auto_increment: sequence? == "t",
            };
            Fact::Column((key, number?.parse().ok()?), origin)
        }
        "type" => {
            Fact::Type(key, NamedType { name: name?.to_owned(), kind: kind_of(kind?), array: None })
        }
        "array" => {
            let element = element?;
            let (element_oid, delimiter) =
                element.split_at_checked(element.len().checked_sub(1)?)?;
            let array = ArrayType {
                element_kind: kind_of(kind?),
                element_oid: element_oid.parse().ok()?,
                delimiter: *delimiter.as_bytes().first()?,
            };
            Fact::Array(key, array)
        }
        _ => return None,
    })
}

fn kind_of(typtype: &str) -> TypeKind {
    match typtype {
        "e" => TypeKind::Enum,
        "c" => TypeKind::Composite,
        "d" => TypeKind::Domain,
        _ => TypeKind::Other,
    }
}

#[cfg(test)]
mod tests;
