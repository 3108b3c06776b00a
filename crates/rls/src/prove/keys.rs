//! Attempts on keys: what a unique index or a foreign key tells of other tenants' rows, and rows
//! that are attached to them.

use super::attempt::{Attempt, Command, Expect, Statement, Step};
use super::target::{Draft, Pair, RANDOM, Target, Whose};
use crate::catalog::{Column, ForeignKey, Index, Relation};
use crate::prove::sample::{SampledTenant, Samples};

const TELLS: &str = "a unique key without the tenant answers which values other tenants have";
const OVERWRITES: &str = "ON CONFLICT DO UPDATE reaches another tenant's row by its key";
const ATTACHES: &str = "foreign keys are checked past the policies: rows are attached to another \
                        tenant's, and it is told which of them exist";

/// Everything that is tried on the keys of one table.
pub(super) fn draft(target: &Target<'_>, samples: &Samples, attempts: &mut Vec<Attempt>) {
    let catalog = target.survey.catalog;
    for pair in target.pairs() {
        for index in catalog.indexes.iter().filter(|index| index.table == target.table.oid) {
            unique(target, pair, index, attempts);
        }
        for key in catalog.foreign_keys.iter().filter(|key| key.table == target.table.oid) {
            foreign(target, pair, key, samples, attempts);
        }
    }
}

fn unique(target: &Target<'_>, pair: Pair<'_>, index: &Index, attempts: &mut Vec<Attempt>) {
    let Some(tenant) = target.tenant else { return };
    let of_key = |column: &Column| index.columns.contains(&column.number);
    if !(index.unique || index.exclusion) || !index.valid || of_key(tenant) {
        return;
    }
    let key: Vec<&Column> = target.table.columns.iter().filter(|one| of_key(one)).collect();
    let null = |column: &&Column| pair.victim.row.get(&column.number).is_none_or(Option::is_none);
    // A null is in nobody's way.
    if key.iter().any(null) {
        return;
    }
    let own = |column: &Column| {
        let attacker = &pair.attacker.tenant;
        let is_tenant = column.number == tenant.number;
        is_tenant.then(|| Ok((attacker.clone(), Whose::Attacker)))
    };
    let of_expressions = index.columns.contains(&0);
    let plain = !index.exclusion && !index.partial && !of_expressions;
    let names: Vec<&str> = key.iter().map(|column| column.name.as_str()).collect();
    let names = names.join(", ");
    let table = &target.table.name;
    if key.is_empty() || !key.iter().all(|column| is_random(column)) {
        let mut draft = Draft::default();
        // Other keys are drawn anew where they can be, so that this one alone is asked.
        let change = |column: &Column| {
            own(column).or_else(|| (is_random(column) && !of_key(column)).then_some(Err(())))
        };
        let row = match of_expressions {
            true => target.whole_row(&mut draft, pair.victim, Whose::Victim, change),
            false => target.row(&mut draft, pair.victim, Whose::Victim, change),
        };
        let asked = match plain {
            true => format!("insert into {table} {row} on conflict ({names}) do nothing"),
            false => format!("insert into {table} {row}"),
        };
        let expect = Expect::OwnRowWritten { index: bare(&index.name).to_owned() };
        let made = (draft.done(asked), expect);
        let name = "asks a unique key for its value";
        let mut attempt = target.against(pair, Command::Keys, name, TELLS, made);
        attempt.privileged = target.table.allows("INSERT");
        attempts.push(attempt);
    }
    if plain {
        let mut draft = Draft::default();
        let row = target.row(&mut draft, pair.victim, Whose::Victim, own);
        let set = &tenant.name;
        let sql = format!(
            "insert into {table} {row} on conflict ({names}) do update set {set} = excluded.{set}"
        );
        let made = (draft.done(sql), Expect::NotWritten);
        let name = "overwrites its row by a unique key";
        attempts.push(target.against(pair, Command::Upsert, name, OVERWRITES, made));
    }
}

/// An own row is led to another tenant's; where there is none, one is made.
fn foreign(
    target: &Target<'_>,
    pair: Pair<'_>,
    key: &ForeignKey,
    samples: &Samples,
    attempts: &mut Vec<Attempt>,
) {
    let survey = target.survey;
    let (Some(tenant), Some(parent)) =
        (target.tenant, survey.catalog.relations.get(&key.referenced))
    else {
        return;
    };
    if key.columns.contains(&tenant.number) || survey.tenant_column(key.referenced).is_none() {
        return;
    }
    let found = samples.get(&key.referenced);
    let victim =
        found.and_then(|sample| sample.tenants.iter().find(|one| one.tenant == pair.victim.tenant));
    let Some(values) = victim.and_then(|victim| referenced(parent, key, victim)) else { return };
    let columns: Option<Vec<&Column>> =
        key.columns.iter().map(|number| target.table.column_at(*number)).collect();
    let Some(columns) = columns else { return };

    let mut draft = Draft::default();
    let table = &target.table.name;
    let sets: Vec<String> = columns
        .iter()
        .zip(&values)
        .map(|(column, value)| {
            let value = draft.value(column, Some(value.clone()), Whose::Victim);
            format!("{} = {value}", column.name)
        })
        .collect();
    let pick = target.pick_one(&mut draft, pair.attacker, Whose::Attacker);
    let statement = draft.done(format!("update {table} set {} where {pick}", sets.join(", ")));
    let name = "attaches its own row to one of it";
    let made = (statement, Expect::NotAttached);
    let mut attempt = target.against(pair, Command::Keys, name, ATTACHES, made);
    // A deferred key would answer at COMMIT only.
    let now = Statement::plain("set constraints all immediate");
    let now = Step::Run(Statement { optional: true, ..now });
    attempt.steps.insert(0, now.clone());
    attempt.privileged = columns.iter().all(|column| column.update);
    let updates = attempt.privileged;
    if updates {
        attempts.push(attempt);
        return;
    }

    let mut draft = Draft::default();
    let row = target.row(&mut draft, pair.attacker, Whose::Attacker, |column| {
        let place = columns.iter().position(|one| one.number == column.number);
        match place.and_then(|place| values.get(place)) {
            Some(value) => Some(Ok((value.clone(), Whose::Victim))),
            None => is_random(column).then_some(Err(())),
        }
    });
    let made = (draft.done(format!("insert into {table} {row}")), Expect::NotAttached);
    let mut attempt = target.against(pair, Command::Keys, name, ATTACHES, made);
    attempt.steps.insert(0, now);
    attempt.privileged = target.table.allows("INSERT");
    attempts.push(attempt);
}

/// The values of the victim's row that the key refers to.
fn referenced(parent: &Relation, key: &ForeignKey, victim: &SampledTenant) -> Option<Vec<String>> {
    key.referenced_columns
        .iter()
        .map(|number| {
            let column = parent.column_at(*number)?;
            victim.row.get(&column.number).cloned().flatten()
        })
        .collect()
}

fn is_random(column: &Column) -> bool {
    let default = column.default.as_deref().unwrap_or_default();
    RANDOM.iter().any(|one| default.contains(one))
}

/// An index without its schema and quotes, as errors name it.
fn bare(name: &str) -> &str {
    let last = match name.strip_suffix('"') {
        Some(quoted) => return quoted.rsplit_once('"').map_or(quoted, |(_, last)| last),
        None => name.rsplit_once('.'),
    };
    last.map_or(name, |(_, last)| last)
}
