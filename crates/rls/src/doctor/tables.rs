//! Tables: is the wall there at all, and what stands beside it?

use super::finding;
use super::survey::Survey;
use crate::catalog::{Column, Relation, RelationKind};
use crate::code::Code;
use crate::finding::{Finding, Severity};

/// RH101 to RH111, RH117 to RH121.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for relation in survey.relations() {
        match relation.kind {
            RelationKind::Foreign => foreign(survey, relation, findings),
            RelationKind::Table | RelationKind::Partitioned => {
                if survey.is_tenants(relation.oid) {
                    tenants(survey, relation, findings);
                } else {
                    shared(survey, relation, findings);
                }
            }
            RelationKind::View | RelationKind::MaterializedView => {}
        }
    }
    default_privileges(survey, findings);
}

fn tenants(survey: &Survey<'_>, table: &Relation, findings: &mut Vec<Finding>) {
    wall(survey, table, findings);
    rights(survey, table, findings);
    if let Some(column) = survey.tenant_column(table.oid) {
        tenant_column(survey, table, column, findings);
    }
    for publication in
        table.publications.iter().chain(&survey.catalog.server.all_tables_publications)
    {
        findings.push(finding(
            Code::Published,
            &table.name,
            format!(
                "publication {publication} sends the rows of all tenants: policies do not apply to \
                 logical replication"
            ),
            "give the publication a row filter, or see to it that only operators can subscribe",
        ));
    }
}

/// Row-level security itself.
fn wall(survey: &Survey<'_>, table: &Relation, findings: &mut Vec<Finding>) {
    if !table.row_security {
        findings.extend(without_wall(survey, table));
        return;
    }
    let name = &table.name;
    let role = &survey.catalog.server.role;
    let policies = survey.policies(table.oid);
    if !policies.iter().any(|read| read.policy.applies) && !is_child_of_tenants(survey, table) {
        let fix = survey.tenant_column(table.oid).map(|column| policy(survey, table, column));
        findings.push(finding(
            Code::NoPolicy,
            name,
            format!("row-level security is on and no policy is for {role}: it sees no rows at all"),
            fix.unwrap_or_else(|| format!("create a policy on {name}")),
        ));
    }
    if !table.forced {
        let owner = &table.owner;
        let mut one = finding(
            Code::NotForced,
            name,
            format!("its owner {owner} is not subject to its policies"),
            format!("alter table {name} force row level security;"),
        );
        if table.role_owns {
            one.severity = Severity::Error;
            one.message =
                format!("{role} counts as its owner {owner}, who is not subject to its policies");
        }
        findings.push(one);
    }
}

fn without_wall(survey: &Survey<'_>, table: &Relation) -> Option<Finding> {
    let name = &table.name;
    let role = &survey.catalog.server.role;
    let enable = format!(
        "alter table {name} enable row level security; alter table {name} force row level security;"
    );
    let column = survey.tenant_column(table.oid);
    if is_child_of_tenants(survey, table) {
        return table.is_reachable().then(|| {
            finding(
                Code::ChildReachable,
                name,
                format!(
                    "{role} can name this partition directly, and the policies of its parent do \
                     not apply to it"
                ),
                format!("revoke all on {name} from {role}, public;"),
            )
        });
    }
    if survey.catalog.policies.iter().any(|policy| policy.table == table.oid) {
        return Some(finding(
            Code::PoliciesWithoutRowSecurity,
            name,
            "it has policies and row-level security is off: they do nothing",
            enable,
        ));
    }
    match column {
        Some(column) => Some(finding(
            Code::TableWithoutRowSecurity,
            name,
            "it holds tenants' rows without row-level security",
            format!("{} {enable}", policy(survey, table, column)),
        )),
        None => table.is_reachable().then(|| {
            finding(
                Code::NoTenantColumn,
                name,
                "its rows belong to tenants through what they refer to, and every tenant can read \
                 all of them",
                format!("add a tenant column to {name} and its foreign key; then: {enable}"),
            )
        }),
    }
}

/// What is granted beside the four commands that policies govern.
fn rights(survey: &Survey<'_>, table: &Relation, findings: &mut Vec<Finding>) {
    let role = &survey.catalog.server.role;
    let name = &table.name;
    for (code, privilege, message) in [
        (
            Code::TruncateGranted,
            "TRUNCATE",
            "may empty it for all tenants: TRUNCATE is not subject to policies",
        ),
        (
            Code::ReferencesGranted,
            "REFERENCES",
            "may refer to it, and a foreign key tells which rows exist whatever the policies say",
        ),
        (
            Code::TriggerGranted,
            "TRIGGER",
            "may put a trigger on it, which then runs in the statements of other tenants",
        ),
    ] {
        if table.allows(privilege) {
            let fix = format!("revoke {} on {name} from {role}, public;", privilege.to_lowercase());
            findings.push(finding(code, name, format!("{role} {message}"), fix));
        }
    }
}

fn tenant_column(
    survey: &Survey<'_>,
    table: &Relation,
    column: &Column,
    findings: &mut Vec<Finding>,
) {
    let (name, tenant) = (&table.name, &column.name);
    let role = &survey.catalog.server.role;
    if !column.not_null {
        findings.push(finding(
            Code::NullableTenant,
            name,
            format!("{tenant} may be null: such a row is nobody's, or everybody's"),
            format!("alter table {name} alter column {tenant} set not null;"),
        ));
    }
    let is_list_of_tenants =
        survey.catalog.foreign_keys.iter().any(|key| {
            key.referenced == table.oid && key.referenced_columns.contains(&column.number)
        });
    if column.update && table.allows("UPDATE") && !column.generated {
        findings.push(finding(
            Code::TenantUpdatable,
            name,
            format!("{role} may update {tenant}: only WITH CHECK keeps a row with its tenant"),
            format!(
                "revoke update on {name} from {role}; and grant update on the other columns to it"
            ),
        ));
    }
    let by_context = column.default.as_ref().is_some_and(|text| text.contains("current_setting"));
    let by_function = column.default.as_ref().is_some_and(|text| text.contains("tenant"));
    if !by_context && !by_function && !is_list_of_tenants && table.allows("INSERT") {
        findings.push(finding(
            Code::NoTenantDefault,
            name,
            format!("{tenant} has no default from the context, so every INSERT must name it"),
            format!(
                "alter table {name} alter column {tenant} set default {};",
                survey.context_value(table.oid, column)
            ),
        ));
    }
}

fn foreign(survey: &Survey<'_>, table: &Relation, findings: &mut Vec<Finding>) {
    if survey.tenant_column(table.oid).is_some() && table.is_reachable() {
        let role = &survey.catalog.server.role;
        findings.push(finding(
            Code::ForeignTableReachable,
            &table.name,
            format!("{role} reaches this foreign table, and foreign tables have no policies"),
            format!("revoke all on {} from {role}, public;", table.name),
        ));
    }
}

fn shared(survey: &Survey<'_>, table: &Relation, findings: &mut Vec<Finding>) {
    let role = &survey.catalog.server.role;
    let name = &table.name;
    rights(survey, table, findings);
    let written: Vec<&str> =
        ["INSERT", "UPDATE", "DELETE"].into_iter().filter(|one| table.allows(one)).collect();
    if !written.is_empty() && !table.row_security {
        let written = written.join(", ");
        findings.push(finding(
            Code::SharedWritable,
            name,
            format!(
                "it belongs to no tenant and {role} may {written}: what one tenant writes, all \
                 others read"
            ),
            format!(
                "revoke {} on {name} from {role}, public; or give it a tenant column",
                written.to_lowercase()
            ),
        ));
    }
}

fn default_privileges(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for one in &survey.catalog.server.default_privileges {
        let place =
            one.schema.as_deref().map_or_else(String::new, |name| format!(" in schema {name}"));
        let (owner, grantee) = (&one.owner, &one.grantee);
        findings.push(finding(
            Code::DefaultPrivileges,
            one.schema.as_deref().unwrap_or(&survey.catalog.server.database),
            format!(
                "tables that {owner} will create{place} are granted to {grantee} before anybody \
                 has put policies on them"
            ),
            format!(
                "alter default privileges for role {owner}{place} revoke all on tables from \
                 {grantee};"
            ),
        ));
    }
}

fn is_child_of_tenants(survey: &Survey<'_>, table: &Relation) -> bool {
    table.parents.iter().any(|parent| survey.is_tenants(*parent))
}

/// The policy that a tenant table should have.
pub fn policy(survey: &Survey<'_>, table: &Relation, column: &Column) -> String {
    let (name, tenant, context) = (&table.name, &column.name, survey.context(table.oid, column));
    format!(
        "create policy tenant_isolation on {name} for all using ({tenant} = {context}) with check \
         ({tenant} = {context});"
    )
}
