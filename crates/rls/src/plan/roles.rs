//! Roles and what surrounds the tables: least rights for the application, roles for single tenants,
//! one for global jobs.

use super::{Draft, Engine};
use crate::catalog::quote_literal;

/// Steps about roles, schemas and the database.
pub fn draft(draft: &mut Draft<'_>) {
    application(draft);
    surroundings(draft);
    tenant_roles(draft);
    bypass_role(draft);
}

fn application(draft: &mut Draft<'_>) {
    let role = &draft.intent.app_role.clone();
    let Some(found) = draft.survey.catalog.roles.iter().find(|one| one.name == *role) else {
        draft.together(
            role,
            "the role that tenants' statements run as",
            format!("create role {role} login nosuperuser nobypassrls nocreaterole nocreatedb"),
            format!("drop role {role}"),
        );
        draft.remark(role, "has no password yet: set one, for example with \\password in psql");
        return;
    };
    for (has, attribute) in [
        (found.superuser, "superuser"),
        (found.bypass, "bypassrls"),
        (found.create_role, "createrole"),
        (found.replication, "replication"),
    ] {
        if has {
            draft.together(
                role,
                "no policy holds a role with it, or it can get itself such a role",
                format!("alter role {role} no{attribute}"),
                format!("alter role {role} {attribute}"),
            );
        }
    }
}

fn surroundings(draft: &mut Draft<'_>) {
    let survey = draft.survey;
    let server = &survey.catalog.server;
    let (role, database) = (&draft.intent.app_role.clone(), &server.database);
    let former = draft.former_holder();
    if server.temporary && draft.intent.engine != Engine::Cockroach {
        draft.together(
            database,
            "temporary tables are found before real ones of the same name",
            format!("revoke temporary on database {database} from {role}, public"),
            format!("grant temporary on database {database} to public"),
        );
    }
    if server.create_schema {
        draft.together(
            database,
            "whoever creates schemas creates functions that others call",
            format!("revoke create on database {database} from {role}, public"),
            format!("grant create on database {database} to {former}"),
        );
    }
    for schema in &server.schemas {
        draft.together(
            schema,
            "whoever creates in a schema that others use creates what they call",
            format!("revoke create on schema {schema} from {role}, public"),
            format!("grant create on schema {schema} to {former}"),
        );
    }
    for one in &server.default_privileges {
        let place =
            one.schema.as_ref().map_or_else(String::new, |name| format!(" in schema {name}"));
        let (owner, grantee) = (&one.owner, &one.grantee);
        let head = format!("alter default privileges for role {owner}{place}");
        draft.together(
            one.schema.as_ref().unwrap_or(database),
            "a future table would be open before anybody has put policies on it",
            format!("{head} revoke all on tables from {grantee}"),
            format!("{head} grant select, insert, update, delete on tables to {grantee}"),
        );
    }
}

fn tenant_roles(draft: &mut Draft<'_>) {
    let app = draft.intent.app_role.clone();
    let setting = draft.survey.main_setting().to_owned();
    for one in draft.intent.tenant_roles.clone() {
        let role = &one.role;
        if draft.survey.catalog.roles.iter().any(|found| found.name == *role) {
            continue;
        }
        draft.together(
            role,
            "a role of one tenant, with the rights of the application's role",
            format!("create role {role} login in role {app}"),
            format!("drop role {role}"),
        );
        if let Some(tenant) = &one.tenant {
            let tenant = quote_literal(tenant);
            draft.together(
                role,
                "its sessions begin with its tenant",
                format!("alter role {role} set {setting} = {tenant}"),
                format!("alter role {role} reset {setting}"),
            );
        }
        draft.remark(role, "has no password yet: set one, for example with \\password in psql");
    }
}

fn bypass_role(draft: &mut Draft<'_>) {
    let Some(role) = draft.intent.bypass_role.clone() else { return };
    if !draft.survey.catalog.roles.iter().any(|found| found.name == role) {
        draft.together(
            &role,
            "a role for global jobs: no policy holds it",
            format!("create role {role} login bypassrls"),
            format!("drop role {role}"),
        );
        draft.remark(&role, "has no password yet: set one, for example with \\password in psql");
        let schemas = schemas(draft);
        for schema in schemas {
            draft.together(
                &schema,
                "the role for global jobs works on all tables",
                format!("grant usage on schema {schema} to {role}"),
                format!("revoke usage on schema {schema} from {role}"),
            );
        }
        let tables: Vec<String> =
            draft.survey.tenant_tables().map(|(table, _)| table.name.clone()).collect();
        for table in tables {
            draft.together(
                &table,
                "the role for global jobs works on all tables",
                format!("grant all on {table} to {role}"),
                format!("revoke all on {table} from {role}"),
            );
        }
    }
}

/// Schemas with tenants' tables, quoted where SQL needs it.
pub fn schemas(draft: &Draft<'_>) -> Vec<String> {
    let mut schemas: Vec<String> = draft
        .survey
        .relations()
        .filter(|one| one.is_table() && draft.survey.is_tenants(one.oid))
        .map(|one| schema_of(&one.name))
        .collect();
    schemas.sort();
    schemas.dedup();
    schemas
}

/// The schema of a qualified name: quotes inside are doubled, so a dot outside them ends it.
fn schema_of(name: &str) -> String {
    let mut quoted = false;
    let end = name.find(|c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    });
    end.and_then(|end| name.get(..end)).unwrap_or(name).to_owned()
}
