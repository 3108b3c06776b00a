//! Keys: the tenant goes into unique and foreign keys, so that they tell nothing about others.

use super::Draft;
use crate::catalog::{Column, ForeignKey, Index, Relation};

/// Steps about keys, where they are asked for; else remarks.
pub fn draft(draft: &mut Draft<'_>) {
    let catalog = draft.survey.catalog;
    for index in &catalog.indexes {
        unique(draft, index);
    }
    for key in &catalog.foreign_keys {
        foreign(draft, key);
    }
}

fn unique(draft: &mut Draft<'_>, index: &Index) {
    let Some((table, column)) = tenants(draft, index.table) else { return };
    let random = |number: &i16| {
        let default = table.column_at(*number).and_then(|column| column.default.as_deref());
        default.is_some_and(|text| text.contains("uuid"))
    };
    let tells = index.unique
        && !index.columns.contains(&column.number)
        && !table.partition
        && !index.columns.iter().all(random);
    if !tells {
        return;
    }
    let (name, tenant) = (&table.name, &column.name);
    let columns = names(table, &index.columns);
    let simple = !index.partial && !index.columns.contains(&0) && !index.primary;
    let Some(constraint) = index.constraint.as_ref().filter(|_| simple && draft.intent.scope_keys)
    else {
        draft.remark(
            name,
            format!(
                "unique index {} over ({columns}) tells which values other tenants have; make it \
                 ({tenant}, {columns})",
                index.name
            ),
        );
        return;
    };
    let referenced = draft
        .survey
        .catalog
        .foreign_keys
        .iter()
        .any(|key| key.referenced == table.oid && key.referenced_columns == index.columns);
    if referenced {
        let sentence = format!("constraint {constraint} is referred to and stays as it is");
        draft.remark(name, sentence);
        return;
    }
    draft.together(
        name,
        "a duplicate key tells which values other tenants have",
        format!(
            "alter table {name} drop constraint {constraint}, add constraint {constraint} unique \
             ({tenant}, {columns})"
        ),
        format!(
            "alter table {name} drop constraint {constraint}, add constraint {constraint} unique \
             ({columns})"
        ),
    );
}

fn foreign(draft: &mut Draft<'_>, key: &ForeignKey) {
    let survey = draft.survey;
    let Some((referenced, other_tenant)) = tenants(draft, key.referenced) else { return };
    let Some((table, own_tenant)) = tenants(draft, key.table) else { return };
    let pairs = || key.columns.iter().zip(&key.referenced_columns);
    let scoped =
        pairs().any(|(own, other)| *own == own_tenant.number && *other == other_tenant.number);
    if scoped {
        return;
    }
    let (own, other, name) = (&table.name, &referenced.name, &key.name);
    if !draft.intent.scope_keys {
        draft.remark(
            own,
            format!("foreign key {name} to {other} has no tenant; --scope-keys puts it in"),
        );
        return;
    }
    let (columns, targets) =
        (names(table, &key.columns), names(referenced, &key.referenced_columns));
    let wanted: Vec<i16> = std::iter::once(other_tenant.number)
        .chain(key.referenced_columns.iter().copied())
        .collect();
    let (tenant, target) = (&own_tenant.name, &other_tenant.name);
    let has_target = survey.catalog.indexes.iter().any(|index| {
        let same = index.columns.len() == wanted.len()
            && wanted.iter().all(|number| index.columns.contains(number));
        index.table == referenced.oid && index.unique && index.valid && !index.partial && same
    });
    let planned = format!("alter table {other} add unique ({target}, {targets})");
    if !has_target && !draft.plan.steps.iter().any(|step| step.sql == planned) {
        draft.together(
            other,
            "a foreign key with the tenant refers to it",
            planned,
            drop_unique(other, target, &targets),
        );
    }
    let constraint = |from: &str, to: &str, action: String| {
        format!(
            "alter table {own} drop constraint {name}, add constraint {name} foreign key ({from}) \
             references {other} ({to}){action}"
        )
    };
    draft.together(
        own,
        "a foreign key without the tenant tells which rows others have, and attaches to them",
        constraint(
            &format!("{tenant}, {columns}"),
            &format!("{target}, {targets}"),
            action(key, &format!(" ({columns})")),
        ),
        constraint(&columns, &targets, action(key, "")),
    );
}

/// PostgreSQL chose the constraint's name; it is found by its columns.
fn drop_unique(table: &str, tenant: &str, columns: &str) -> String {
    let table = crate::catalog::quote_literal(table);
    let definition = crate::catalog::quote_literal(&format!("UNIQUE ({tenant}, {columns})"));
    format!(
        "do $revert$ begin execute (select format('alter table %s drop constraint %I', \
         conrelid::regclass, conname) from pg_catalog.pg_constraint where conrelid = \
         {table}::regclass and pg_catalog.pg_get_constraintdef(oid) = {definition}); end $revert$"
    )
}

/// The actions of a key; SET NULL and SET DEFAULT of these `columns` only, or the row would lose
/// its tenant.
fn action(key: &ForeignKey, columns: &str) -> String {
    let word = |action: char| match action {
        'c' => Some("cascade"),
        'n' => Some("set null"),
        'd' => Some("set default"),
        'r' => Some("restrict"),
        _ => None,
    };
    let delete = word(key.on_delete).map(|word| match key.on_delete {
        'n' | 'd' => format!(" on delete {word}{columns}"),
        _ => format!(" on delete {word}"),
    });
    let update = word(key.on_update).map(|word| format!(" on update {word}"));
    delete.unwrap_or_default() + &update.unwrap_or_default()
}

fn tenants<'a>(draft: &Draft<'a>, table: u64) -> Option<(&'a Relation, &'a Column)> {
    draft.survey.tenant_tables().find(|(relation, _)| relation.oid == table)
}

fn names(table: &Relation, columns: &[i16]) -> String {
    let name =
        |number: &i16| table.column_at(*number).map_or("(expression)", |column| &column.name);
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}
