//! The database around the tables: what tenants who share a role can do to each other in it.

use super::finding;
use super::survey::Survey;
use crate::catalog::Server;
use crate::code::Code;
use crate::finding::{Finding, Severity};

/// The oldest minor version of each major that has the fixes row-level security needs: up to
/// CVE-2025-8713 (statistics through views and partitions) and CVE-2026-6473 (memory corruption by
/// any SQL user) <https://www.postgresql.org/support/security/>.
pub const MINOR_MIN: [(u32, u32); 4] = [(15, 18), (16, 14), (17, 10), (18, 4)];

/// Settings of a role that make its sessions fail or see other objects.
const HARMFUL: [&str; 4] = ["row_security", "search_path", "role", "session_authorization"];

/// RH017, RH018, RH501, RH502, RH601 to RH611.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    let server = &survey.catalog.server;
    role(survey, server, findings);
    context(survey, server, findings);
    rights(server, findings);
    calls(server, findings);
    sight(server, findings);
    version(server, findings);
    statistics(survey, findings);
}

fn role(survey: &Survey<'_>, server: &Server, findings: &mut Vec<Finding>) {
    let role = &server.role;
    if !server.predefined.is_empty() {
        let names = server.predefined.join(", ");
        findings.push(finding(
            Code::PredefinedRole,
            role,
            format!("{role} is a member of {names}, which reach beyond one tenant"),
            format!("revoke {names} from {role};"),
        ));
    }
    for one in &server.settings {
        let name = one.setting.split('=').next().unwrap_or_default();
        let place =
            one.database.as_ref().map_or_else(String::new, |name| format!(" in database {name}"));
        let mut found = finding(
            Code::RoleSetting,
            role,
            format!("every session of {role} begins with {}", one.setting),
            format!("alter role {role}{place} reset {name};"),
        );
        let known = survey.settings.contains_key(name) || HARMFUL.contains(&name);
        found.severity = if known { Severity::Error } else { Severity::Warning };
        findings.push(found);
    }
}

fn context(survey: &Survey<'_>, server: &Server, findings: &mut Vec<Finding>) {
    if survey.settings.is_empty() {
        return;
    }
    let names: Vec<&str> = survey.settings.keys().map(String::as_str).collect();
    let how = if server.functions.contains("set_config") { "SET and set_config" } else { "SET" };
    findings.push(finding(
        Code::ContextChangeable,
        &server.database,
        format!(
            "policies read {}, which any SQL of {} can change with {how}: fit for SQL that your \
             own application writes, not for SQL of tenants",
            names.join(", "),
            server.role
        ),
        "keep tenants' SQL behind the gateway, or use the sealed context",
    ));
    if names.len() > 1 {
        findings.push(finding(
            Code::SeveralSettings,
            &server.database,
            format!("policies read different settings: {}", names.join(", ")),
            "name all of them in tenant_settings, or let all policies read one",
        ));
    }
}

fn rights(server: &Server, findings: &mut Vec<Finding>) {
    let (role, database) = (&server.role, &server.database);
    if server.temporary {
        findings.push(finding(
            Code::TemporaryRight,
            database,
            format!(
                "{role} may create temporary tables, which are found before real ones of the same \
                 name"
            ),
            format!("revoke temporary on database {database} from {role}, public;"),
        ));
    }
    if server.create_schema {
        findings.push(finding(
            Code::CreateRight,
            database,
            format!("{role} may create schemas"),
            format!("revoke create on database {database} from {role}, public;"),
        ));
    }
    for schema in &server.schemas {
        findings.push(finding(
            Code::CreateRight,
            schema,
            format!("{role} may create functions and tables in it, which others then call"),
            format!("revoke create on schema {schema} from {role}, public;"),
        ));
    }
}

/// What reaches out of a tenant's rows by calling a function.
fn calls(server: &Server, findings: &mut Vec<Finding>) {
    let (role, database) = (&server.role, &server.database);
    let may = |name: &str| server.functions.contains(name);
    if may("pg_cancel_backend") || may("pg_terminate_backend") {
        findings.push(finding(
            Code::SignalRight,
            database,
            format!("{role} may cancel and end other sessions of {role}, those of other tenants"),
            format!(
                "revoke execute on function pg_cancel_backend(int), pg_terminate_backend(int, \
                 bigint) from {role}, public;"
            ),
        ));
    }
    let large = server.functions.iter().any(|name| name.starts_with("lo_"));
    if server.large_objects > 0 && large {
        findings.push(finding(
            Code::LargeObjects,
            database,
            format!(
                "{} large objects belong to {role}: every tenant can read all of them",
                server.large_objects
            ),
            "keep binaries in bytea columns of tenants' tables",
        ));
    }
    if may("dblink") || may("dblink_exec") || !server.foreign_servers.is_empty() {
        let servers = match server.foreign_servers.as_slice() {
            [] => "dblink".to_owned(),
            names => format!("the foreign servers {}", names.join(", ")),
        };
        findings.push(finding(
            Code::OutwardConnections,
            database,
            format!("{role} may use {servers}: connections that carry no tenant"),
            format!("revoke it from {role} and public"),
        ));
    }
    if may("query_to_xml") {
        findings.push(finding(
            Code::SqlFromText,
            database,
            format!(
                "{role} may run SQL from text (query_to_xml and its kin), unseen by any filter"
            ),
            format!(
                "revoke execute on function query_to_xml(text, boolean, boolean, text) from \
                 {role}, public; and the other *_to_xml functions"
            ),
        ));
    }
    if may("pg_notify") || server.functions.iter().any(|name| name.contains("advisory")) {
        findings.push(finding(
            Code::SharedChannels,
            database,
            format!("{role} may take advisory locks and notify: all tenants share both"),
            format!("revoke execute on those functions from {role}, public;"),
        ));
    }
}

fn sight(server: &Server, findings: &mut Vec<Finding>) {
    let (role, database) = (&server.role, &server.database);
    if server.activity {
        findings.push(finding(
            Code::ActivityVisible,
            database,
            format!("{role} reads the SQL of other tenants in pg_stat_activity"),
            format!(
                "revoke select on pg_stat_activity from {role}, public; revoke execute on function \
                 pg_stat_get_activity(int) from {role}, public;"
            ),
        ));
    }
    for view in &server.statements {
        findings.push(finding(
            Code::StatementsVisible,
            view,
            format!("{role} reads the SQL of other tenants in it"),
            format!("revoke select on {view} from {role}, public;"),
        ));
    }
}

fn version(server: &Server, findings: &mut Vec<Finding>) {
    if let Some((message, fix)) = outdated(server.version) {
        findings.push(finding(Code::ServerTooOld, &server.database, message, fix));
    }
}

/// What a server of this version (`server_version_num`) lacks, and what to do.
pub fn outdated(version: u32) -> Option<(String, &'static str)> {
    let (major, minor) = (version / 10_000, version % 10_000);
    let needed = MINOR_MIN.iter().find(|(known, _)| *known == major);
    let message = match needed {
        Some((_, needed)) if minor >= *needed => return None,
        Some((_, needed)) => format!(
            "PostgreSQL {major}.{minor} lacks security fixes that row-level security needs; \
             {major}.{needed} has them"
        ),
        // A newer major is not known to lack anything.
        None if major > 18 => return None,
        None => format!("PostgreSQL {major} no longer gets security fixes"),
    };
    Some((message, "install the newest minor version and restart"))
}

/// The planner may use the most common values of a column for leakproof operators, and EXPLAIN
/// prints what it estimates from them.
fn statistics(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for (table, tenant) in survey.tenant_tables() {
        let telling: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| column.statistics && column.number != tenant.number)
            .filter(|column| {
                let name = column.type_name.as_str();
                name == "text" || name.starts_with("character")
            })
            .map(|column| column.name.as_str())
            .collect();
        if let [first, ..] = telling.as_slice()
            && table.allows("SELECT")
        {
            findings.push(finding(
                Code::PlannerStatistics,
                &table.name,
                format!(
                    "EXPLAIN estimates tell how common a value of {} is among all tenants",
                    telling.join(", ")
                ),
                format!(
                    "refuse EXPLAIN to tenants, or: alter table {} alter column {first} set \
                     statistics 0;",
                    table.name
                ),
            ));
        }
    }
}
