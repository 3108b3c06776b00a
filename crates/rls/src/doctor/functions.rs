//! Functions: code that runs with other rights, before the policies, or changes what they read.

use super::finding;
use super::survey::Survey;
use crate::catalog::{Function, SEAL_ROLE};
use crate::code::Code;
use crate::finding::Finding;

/// RH301 and RH304 to RH308.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for function in survey.functions() {
        context(survey, function, findings);
        definer(survey, function, findings);
        session_setting(survey, function, findings);
        if function.leakproof {
            findings.push(finding(
                Code::Leakproof,
                &function.name,
                "it claims to be LEAKPROOF, so that it is run on rows before policies hide them",
                format!("alter function {} not leakproof;", function.name),
            ));
        }
    }
}

fn context(survey: &Survey<'_>, function: &Function, findings: &mut Vec<Finding>) {
    let in_policy = survey.catalog.policies.iter().any(|one| one.calls.contains(&function.oid));
    let reads_setting = function.source.to_ascii_lowercase().contains("current_setting");
    if function.volatility == 'i' && (in_policy || reads_setting) {
        let why = if reads_setting { "reads a setting" } else { "stands in a policy" };
        findings.push(finding(
            Code::ImmutableContext,
            &function.name,
            format!(
                "it {why} and is IMMUTABLE: PostgreSQL computes it once and keeps the value in \
                 plans, for the next tenant as well"
            ),
            format!("alter function {} stable;", function.name),
        ));
    }
}

fn definer(survey: &Survey<'_>, function: &Function, findings: &mut Vec<Finding>) {
    if !function.definer {
        return;
    }
    let (name, owner) = (&function.name, &function.owner);
    let role = &survey.catalog.server.role;
    let path = function.settings.iter().find_map(|one| one.strip_prefix("search_path="));
    // Temporary tables are searched first unless the path says otherwise (CREATE FUNCTION,
    // "Writing SECURITY DEFINER Functions Safely").
    let pinned = path.is_some_and(|path| {
        let last = path.rsplit(',').next().unwrap_or_default().trim();
        last.trim_matches('"') == "pg_temp" || path.trim_matches(['"', '\'']).is_empty()
    });
    // Every name in the functions of the sealed context has its schema; that they are unchanged is
    // looked at elsewhere.
    let is_seal = function.owner == SEAL_ROLE && function.schema == "rowhouse";
    if function.callable && !pinned && !is_seal {
        findings.push(finding(
            Code::DefinerSearchPath,
            name,
            format!(
                "it runs as {owner} and its caller decides what unqualified names in it mean, \
                 through search_path or a temporary table"
            ),
            format!("alter function {name} set search_path = pg_catalog, pg_temp;"),
        ));
    }
    let owns_unforced = survey
        .tenant_tables()
        .any(|(table, _)| table.owner == *owner && table.row_security && !table.forced);
    if function.callable && (function.owner_exempt || owns_unforced) {
        findings.push(finding(
            Code::DefinerExempt,
            name,
            format!("{role} may call it and it runs as {owner}, whom no policy holds"),
            format!("revoke execute on function {name} from {role}, public;"),
        ));
    }
    if function.triggers.iter().any(|table| survey.is_tenants(*table)) {
        findings.push(finding(
            Code::DefinerTrigger,
            name,
            format!("as a trigger on a tenants' table it runs as {owner}, not as the caller"),
            "see that it touches rows of NEW's and OLD's tenant only",
        ));
    }
}

/// The gateway judges by a statement's text whether it may change the session; what a function does
/// inside is out of its sight.
fn session_setting(survey: &Survey<'_>, function: &Function, findings: &mut Vec<Finding>) {
    if !function.callable && function.triggers.is_empty() {
        return;
    }
    let source = function.source.to_ascii_lowercase();
    let words: Vec<&str> = source
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|w| !w.is_empty())
        .collect();
    let sets = sets_for_session(&source);
    let statement = function.language == "plpgsql" || function.language == "sql";
    let set_words = statement
        && words
            .windows(2)
            .any(|pair| pair.first() == Some(&"set") && pair.get(1) == Some(&"session"));
    if sets || set_words || sets_plainly(&source) {
        findings.push(finding(
            Code::SessionSetting,
            &function.name,
            format!(
                "it changes a setting for the whole session, which on a pooled connection is the \
                 next tenant's; {} is the one that policies read",
                survey.main_setting()
            ),
            "use set_config(…, true) or SET LOCAL",
        ));
    }
}

/// `set_config(…, false)`.
fn sets_for_session(source: &str) -> bool {
    source.match_indices("set_config").any(|(at, _)| {
        let rest = source.get(at..).unwrap_or_default();
        let call = rest.split(';').next().unwrap_or_default();
        call.replace(char::is_whitespace, "").contains(",false)")
    })
}

/// A statement `set name = …` without LOCAL, at the beginning of a statement or in quotes.
fn sets_plainly(source: &str) -> bool {
    let spaced = source.split_whitespace().collect::<Vec<_>>().join(" ");
    ["; set ", "begin set ", "'set ", "then set ", "else set ", "loop set "].iter().any(|start| {
        spaced.match_indices(start).any(|(at, _)| {
            let rest = spaced.get(at + start.len()..).unwrap_or_default();
            let next = rest.split(' ').next().unwrap_or_default();
            !matches!(next, "local" | "constraints" | "transaction")
        })
    })
}
