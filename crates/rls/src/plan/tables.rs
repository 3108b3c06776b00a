//! Tables: policies, what makes them hold, and the ways round them.

use std::collections::BTreeSet;

use super::roles::schemas;
use super::{Draft, Engine, Phase, Shape};
use crate::catalog::{Column, PolicyCommand, Relation, RelationKind};
use crate::doctor::survey::Read;

/// The policy that lets a tenant's rows through.
const ACCESS: &str = "tenant_access";
/// The restrictive policy under it.
const FLOOR: &str = "tenant_floor";
/// What tenants may do.
const COMMANDS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "DELETE"];

/// Steps about tables and views.
pub fn draft(draft: &mut Draft<'_>) {
    let survey = draft.survey;
    let role = draft.intent.app_role.clone();
    for schema in schemas(draft) {
        let usable = survey.relations().any(|one| {
            one.usage
                && one.is_table()
                && survey.is_tenants(one.oid)
                && one.name.starts_with(&format!("{schema}."))
        });
        if !usable {
            draft.together(
                &schema,
                "the application works in it",
                format!("grant usage on schema {schema} to {role}"),
                format!("revoke usage on schema {schema} from {role}"),
            );
        }
    }
    for table in survey.relations() {
        match table.kind {
            RelationKind::Table | RelationKind::Partitioned => {
                if is_child(draft, table) {
                    child(draft, table);
                } else if let Some(column) = survey.tenant_column(table.oid) {
                    tenants(draft, table, column);
                } else if survey.is_tenants(table.oid) {
                    dependent(draft, table);
                }
            }
            RelationKind::View => view(draft, table),
            RelationKind::MaterializedView | RelationKind::Foreign => open_copy(draft, table),
        }
    }
}

fn tenants(draft: &mut Draft<'_>, table: &Relation, column: &Column) {
    column_itself(draft, table, column);
    let context = draft.context(table.oid, column);
    let condition = format!("{} = {context}", column.name);
    policies(draft, table, &condition);
    wall(draft, table);
    grants(draft, table);
    index(draft, table, column);
}

fn column_itself(draft: &mut Draft<'_>, table: &Relation, column: &Column) {
    let (name, tenant) = (&table.name, &column.name);
    let is_list_of_tenants =
        draft.survey.catalog.foreign_keys.iter().any(|key| {
            key.referenced == table.oid && key.referenced_columns.contains(&column.number)
        });
    let value = draft.survey.context_value(table.oid, column);
    let plain = column.default.as_ref().filter(|text| text.contains("current_setting("));
    if let Some(plain) = plain.filter(|_| draft.survey.sealed) {
        draft.together(
            name,
            "no setting decides whose a row is",
            format!("alter table {name} alter column {tenant} set default {value}"),
            format!("alter table {name} alter column {tenant} set default {plain}"),
        );
    }
    if column.default.is_none() && !column.identity && !column.generated && !is_list_of_tenants {
        draft.together(
            name,
            "an INSERT need not name the tenant",
            format!("alter table {name} alter column {tenant} set default {value}"),
            format!("alter table {name} alter column {tenant} drop default"),
        );
    }
    if !column.not_null {
        draft.together(
            name,
            "a row without tenant is nobody's, or everybody's",
            format!("alter table {name} alter column {tenant} set not null"),
            format!("alter table {name} alter column {tenant} drop not null"),
        );
    }
}

/// The policies of the wanted shape, as far as the table has none that do the same.
fn policies(draft: &mut Draft<'_>, table: &Relation, condition: &str) {
    let name = &table.name;
    let survey = draft.survey;
    let mut found = survey.policies(table.oid);
    if survey.sealed {
        found.retain(|read| !replaced(draft, table, read));
    }
    let restricts = |read: &Read<'_>| {
        let sealed = !survey.sealed || survey.asks_seal(read) || !read.policy.reads.is_empty();
        let all = read.policy.command == PolicyCommand::All && read.policy.applies;
        sealed && all && is_tight(read)
    };
    let has = |permissive: bool| {
        found.iter().any(|read| read.policy.permissive == permissive && restricts(read))
    };
    let taken: BTreeSet<&str> = found.iter().map(|read| read.policy.name.as_str()).collect();
    let create = |policy: &str, kind: &str| {
        let policy = free_name(policy, &taken);
        (
            format!(
                "create policy {policy} on {name} as {kind} for all using ({condition}) with check \
                 ({condition})"
            ),
            format!("drop policy if exists {policy} on {name}"),
        )
    };
    if !has(true) {
        let (sql, revert) = create(ACCESS, "permissive");
        draft.together(name, "a tenant reaches its own rows", sql, revert);
    }
    if draft.intent.shape == Shape::Floor && !has(false) {
        let (sql, revert) = create(FLOOR, "restrictive");
        draft.together(name, "and no others, whatever policies are added later", sql, revert);
    } else if draft.intent.shape == Shape::Plain {
        for read in &found {
            if read.policy.permissive && read.policy.applies && !restricts(read) {
                let policy = &read.policy.name;
                draft.remark(
                    name,
                    format!(
                        "policy {policy} lets more through than one tenant's rows; drop it, or \
                         choose the shape with a floor"
                    ),
                );
            }
        }
    }
}

fn is_tight(read: &Read<'_>) -> bool {
    let around = read.surroundings();
    let using = read.using.as_ref().is_some_and(|one| one.restricts(&around));
    using && read.check.as_ref().is_none_or(|one| one.restricts(&around))
}

/// Takes off a policy that compares with a plain setting: in a sealed database none decides.
fn replaced(draft: &mut Draft<'_>, table: &Relation, read: &Read<'_>) -> bool {
    if !draft.survey.reads_plain(read) {
        return false;
    }
    let (name, policy) = (&table.name, &read.policy.name);
    if !is_tight(read) {
        draft.remark(
            name,
            format!("policy {policy} reads a setting that any SQL can change: rewrite or drop it"),
        );
        return false;
    }
    let kind = if read.policy.permissive { "permissive" } else { "restrictive" };
    let command = match read.policy.command {
        PolicyCommand::All => "all",
        PolicyCommand::Select => "select",
        PolicyCommand::Insert => "insert",
        PolicyCommand::Update => "update",
        PolicyCommand::Delete => "delete",
    };
    let roles = read.policy.roles.join(", ");
    let clause = |word: &str, text: &Option<String>| {
        text.as_ref().map_or_else(String::new, |text| format!(" {word} ({text})"))
    };
    let using = clause("using", &read.policy.using);
    let check = clause("with check", &read.policy.check);
    draft.together(
        name,
        "it believes a setting that any SQL can change",
        format!("drop policy {policy} on {name}"),
        format!(
            "create policy {policy} on {name} as {kind} for {command} to {roles}{using}{check}"
        ),
    );
    true
}

fn wall(draft: &mut Draft<'_>, table: &Relation) {
    let name = &table.name;
    if !table.row_security {
        draft.together(
            name,
            "policies do nothing without it",
            format!("alter table {name} enable row level security"),
            format!("alter table {name} disable row level security"),
        );
    }
    if !table.forced {
        draft.together(
            name,
            "its owner is subject to the policies as well",
            format!("alter table {name} force row level security"),
            format!("alter table {name} no force row level security"),
        );
    }
}

fn grants(draft: &mut Draft<'_>, table: &Relation) {
    let role = draft.intent.app_role.clone();
    let name = &table.name;
    let missing: Vec<String> = COMMANDS
        .iter()
        .filter(|one| !table.privileges.contains(**one))
        .map(|one| one.to_lowercase())
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        draft.together(
            name,
            "what policies govern, the application may do",
            format!("grant {missing} on {name} to {role}"),
            format!("revoke {missing} on {name} from {role}"),
        );
    }
    let survey = draft.survey;
    for sequence in survey.catalog.sequences.iter().filter(|one| one.table == table.oid) {
        if !sequence.identity && !sequence.advance {
            let sequence = &sequence.name;
            draft.together(
                name,
                "an INSERT takes a number from it",
                format!("grant usage on sequence {sequence} to {role}"),
                format!("revoke usage on sequence {sequence} from {role}"),
            );
        }
    }
    let beyond: Vec<&str> = [
        ("TRUNCATE", "truncate"),
        ("REFERENCES", "references"),
        ("TRIGGER", "trigger"),
        ("MAINTAIN", "maintain"),
    ]
    .into_iter()
    .filter(|(privilege, _)| table.privileges.contains(*privilege))
    .map(|(_, word)| word)
    .collect();
    if !beyond.is_empty() {
        let (beyond, former) = (beyond.join(", "), draft.former_holder());
        draft.together(
            name,
            "policies do not govern these",
            format!("revoke {beyond} on {name} from {role}, public"),
            format!("grant {beyond} on {name} to {former}"),
        );
    }
}

fn index(draft: &mut Draft<'_>, table: &Relation, column: &Column) {
    let led = draft.survey.catalog.indexes.iter().any(|index| {
        let first = index.columns.first() == Some(&column.number);
        index.table == table.oid && first && index.valid && !index.partial
    });
    if led {
        return;
    }
    let (name, tenant) = (&table.name, &column.name);
    let bare = |text: &str| text.trim_matches('"').replace("\"\"", "\"");
    let last = name.rsplit('.').next().unwrap_or(name);
    let (schema, _) = name.rsplit_once('.').unwrap_or(("public", name));
    let index = quote(&format!("{}_{}_idx", bare(last), bare(tenant)));
    // A partitioned table's index cannot be made concurrently, and CockroachDB always does it so.
    let at_once =
        table.kind == RelationKind::Partitioned || draft.intent.engine == Engine::Cockroach;
    let (phase, concurrently) = match at_once {
        true => (Phase::Together, ""),
        false => (Phase::Alone, "concurrently "),
    };
    draft.step(
        phase,
        name,
        "statements read one tenant's rows and not all",
        format!("create index {concurrently}{index} on {name} ({tenant})"),
        format!("drop index if exists {schema}.{index}"),
    );
}

/// Rows that are a tenant's through what they refer to: seen by whoever sees that.
fn dependent(draft: &mut Draft<'_>, table: &Relation) {
    let survey = draft.survey;
    let name = &table.name;
    let key = survey
        .catalog
        .foreign_keys
        .iter()
        .find(|key| key.table == table.oid && survey.is_tenants(key.referenced));
    let parent = key.and_then(|key| survey.catalog.relations.get(&key.referenced));
    let (Some(key), Some(parent)) = (key, parent) else { return };
    if matches!(draft.intent.engine, Engine::Citus | Engine::Cockroach) {
        draft.remark(name, "needs a tenant column: this engine takes no sub-select in policies");
        return;
    }
    let pairs: Vec<String> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .filter_map(|(own, other)| {
            let (own, other) = (table.column_at(*own)?, parent.column_at(*other)?);
            Some(format!("parent.{} = {name}.{}", other.name, own.name))
        })
        .collect();
    let condition =
        format!("exists (select from {} parent where {})", parent.name, pairs.join(" and "));
    if draft.survey.policies(table.oid).is_empty() {
        policies(draft, table, &condition);
    }
    wall(draft, table);
    grants(draft, table);
    draft.remark(
        name,
        format!(
            "has no tenant column, so that its policy looks into {} for each row; a column of its \
             own is faster and guards the foreign key",
            parent.name
        ),
    );
}

fn is_child(draft: &Draft<'_>, table: &Relation) -> bool {
    table.parents.iter().any(|parent| draft.survey.is_tenants(*parent))
}

/// Partitions are reached through their parents.
fn child(draft: &mut Draft<'_>, table: &Relation) {
    // By its grants alone: the schema may be opened by this very plan.
    if !table.privileges.is_empty() {
        let (name, role) = (&table.name, draft.intent.app_role.clone());
        draft.together(
            name,
            "its parent's policies do not apply to a partition that is named directly",
            format!("revoke all on {name} from {role}, public"),
            give_back(draft, table),
        );
    }
}

fn view(draft: &mut Draft<'_>, view: &Relation) {
    let survey = draft.survey;
    let reads_tenants = survey.catalog.read_by(view.oid).iter().any(|oid| survey.is_tenants(*oid));
    if reads_tenants && !view.security_invoker && draft.intent.engine != Engine::Cockroach {
        let name = &view.name;
        draft.together(
            name,
            "a view reads with its owner's rights unless it is told otherwise",
            format!("alter view {name} set (security_invoker = true)"),
            format!("alter view {name} reset (security_invoker)"),
        );
    }
}

/// Materialised views and foreign tables have no policies.
fn open_copy(draft: &mut Draft<'_>, copy: &Relation) {
    let survey = draft.survey;
    let of_tenants = survey.tenant_column(copy.oid).is_some()
        || survey.catalog.read_by(copy.oid).iter().any(|oid| survey.is_tenants(*oid));
    if of_tenants && !copy.privileges.is_empty() {
        let (name, role) = (&copy.name, draft.intent.app_role.clone());
        draft.together(
            name,
            "it holds all tenants' rows and can have no policies",
            format!("revoke all on {name} from {role}, public"),
            give_back(draft, copy),
        );
    }
}

fn give_back(draft: &Draft<'_>, relation: &Relation) -> String {
    let words: Vec<String> = relation.privileges.iter().map(|one| one.to_lowercase()).collect();
    format!("grant {} on {} to {}", words.join(", "), relation.name, draft.former_holder())
}

fn free_name(wanted: &str, taken: &BTreeSet<&str>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}_{number}"));
    let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
    names.find(|name| !taken.contains(name.as_str())).unwrap_or_else(|| wanted.to_owned())
}

/// A name in quotes where SQL needs them; those of PostgreSQL's keywords that could stand here end
/// in `_idx` and are none.
fn quote(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
