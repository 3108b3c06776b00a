//! Keys: what a unique index, a foreign key or a sequence tells about other tenants' rows.
//!
//! PostgreSQL checks keys past the policies: "referential integrity checks, such as unique or
//! primary key constraints and foreign key references, always bypass row security"
//! (<https://www.postgresql.org/docs/current/ddl-rowsecurity.html>).

use super::finding;
use super::survey::Survey;
use crate::catalog::{Column, ForeignKey, Index, Relation};
use crate::code::Code;
use crate::finding::Finding;

/// Defaults that nobody can guess: the key tells nothing.
const RANDOM: [&str; 4] = ["gen_random_uuid", "uuid_generate_v4", "uuidv4", "uuidv7"];

/// RH112 to RH116.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for index in &survey.catalog.indexes {
        unique(survey, index, findings);
    }
    for key in &survey.catalog.foreign_keys {
        foreign(survey, key, findings);
    }
    sequences(survey, findings);
}

fn unique(survey: &Survey<'_>, index: &Index, findings: &mut Vec<Finding>) {
    let Some((table, column)) = tenants(survey, index.table) else { return };
    let is_key = index.unique || index.exclusion;
    // The table of tenants itself is unique by tenant: that is the tenant column.
    if !is_key || index.columns.contains(&column.number) || table.partition {
        return;
    }
    let random = |number: &i16| {
        let default = table.column_at(*number).and_then(|column| column.default.as_deref());
        default.is_some_and(|text| RANDOM.iter().any(|one| text.contains(one)))
    };
    if !index.columns.is_empty() && index.columns.iter().all(random) {
        return;
    }
    // Identities of the same table that are not shown and cannot be chosen tell little, but they
    // can be chosen by INSERT: only GENERATED ALWAYS would refuse, and an UPDATE would still ask.
    let columns = names(table, &index.columns);
    let kind = if index.exclusion { "exclusion constraint" } else { "unique index" };
    let tenant = &column.name;
    findings.push(finding(
        Code::UniqueAcrossTenants,
        &index.name,
        format!(
            "this {kind} on {} ({columns}) has no {tenant}: a duplicate-key error, or ON CONFLICT \
             DO NOTHING, tells a tenant which values others have",
            table.name
        ),
        format!("make it ({tenant}, {columns}); values drawn at random (uuid) tell nothing"),
    ));
}

fn foreign(survey: &Survey<'_>, key: &ForeignKey, findings: &mut Vec<Finding>) {
    let (Some(table), Some((referenced, referenced_tenant))) =
        (survey.catalog.relations.get(&key.table), tenants(survey, key.referenced))
    else {
        return;
    };
    let holds_tenant = key.columns.iter().zip(&key.referenced_columns).any(|(own, other)| {
        *other == referenced_tenant.number
            && survey.tenant_column(key.table).is_none_or(|column| column.number == *own)
    });
    if holds_tenant || !survey.relations().any(|one| one.oid == key.table) {
        return;
    }
    let name = &key.name;
    let (own, other) = (&table.name, &referenced.name);
    let columns = names(table, &key.columns);
    let referenced_columns = names(referenced, &key.referenced_columns);
    let tenant = survey.tenant_column(key.table).map_or("tenant_id", |column| &column.name);
    let other_tenant = &referenced_tenant.name;
    let action = if key.on_delete == 'c' { " on delete cascade" } else { "" };
    let fix = format!(
        "alter table {other} add unique ({other_tenant}, {referenced_columns}); alter table {own} \
         drop constraint {name}, add constraint {name} foreign key ({tenant}, {columns}) \
         references {other} ({other_tenant}, {referenced_columns}){action};"
    );
    findings.push(finding(
        Code::ForeignKeyAcrossTenants,
        own,
        format!(
            "foreign key {name} to {other} has no {tenant}: a tenant can ask which rows of others \
             exist, and attach its own rows to them"
        ),
        fix.clone(),
    ));
    let changes = |action: char| matches!(action, 'c' | 'n' | 'd');
    if changes(key.on_delete) || changes(key.on_update) {
        findings.push(finding(
            Code::CascadeAcrossTenants,
            own,
            format!(
                "foreign key {name} to {other} cascades without {tenant}: deleting a row changes \
                 rows of other tenants that were attached to it"
            ),
            fix,
        ));
    }
}

fn sequences(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    let role = &survey.catalog.server.role;
    for sequence in &survey.catalog.sequences {
        if !survey.is_tenants(sequence.table) {
            continue;
        }
        let name = &sequence.name;
        if sequence.set {
            findings.push(finding(
                Code::SequenceSettable,
                name,
                format!("{role} may set it, so that other tenants' inserts fail on taken keys"),
                format!("revoke update on sequence {name} from {role}, public;"),
            ));
        }
        if sequence.read || sequence.advance {
            findings.push(finding(
                Code::SequenceReadable,
                name,
                format!("{role} may read it: its numbers tell how many rows all tenants make"),
                format!(
                    "use uuid keys, or GENERATED ALWAYS AS IDENTITY, whose sequence needs no \
                     grant: revoke all on sequence {name} from {role}, public;"
                ),
            ));
        }
    }
}

fn tenants<'a>(survey: &Survey<'a>, table: u64) -> Option<(&'a Relation, &'a Column)> {
    survey.tenant_tables().find(|(relation, _)| relation.oid == table)
}

fn names(table: &Relation, columns: &[i16]) -> String {
    let name = |number: &i16| {
        table.column_at(*number).map_or("(expression)", |column| column.name.as_str())
    };
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}
