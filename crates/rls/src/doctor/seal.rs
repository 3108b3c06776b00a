//! The sealed context: does every part of it still stand?

use super::finding;
use super::survey::Survey;
use crate::catalog::SEAL_ROLE;
use crate::code::Code;
use crate::finding::{Finding, Severity};
use crate::seal::{deviation, objects};

/// What mends all of it.
const APPLY: &str = "run `rowhouse rls apply --sealed`";

/// RH701 to RH707, in a database that is sealed or ought to be.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    if !survey.sealed {
        return;
    }
    parts(survey, findings);
    keys(survey, findings);
    policies(survey, findings);
    openings(survey, findings);
    // Code or tables that one tenant leaves for the next are what no MAC stops.
    for one in findings.iter_mut() {
        if matches!(one.code, Code::TemporaryRight | Code::CreateRight) {
            one.severity = Severity::Error;
        }
    }
}

fn parts(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for object in objects() {
        if let Some(what) = deviation(survey.catalog, &object) {
            findings.push(finding(
                Code::SealPart,
                &format!("rowhouse.{}", object.name),
                format!("this {} of the sealed context {what}", object.kind),
                APPLY,
            ));
        }
    }
    let seal = &survey.catalog.seal;
    if !seal.usage {
        let role = &survey.catalog.server.role;
        findings.push(finding(
            Code::SealPart,
            "rowhouse",
            format!("{role} may not use the schema, so that no connection can be registered"),
            "grant usage on schema rowhouse to public;",
        ));
    }
    if let Some(owner) = &seal.owner {
        findings.push(finding(
            Code::SealPart,
            "schema rowhouse",
            format!("it belongs to {owner}, who can put other functions in the place of its own"),
            APPLY,
        ));
    }
    for member in &seal.members {
        findings.push(finding(
            Code::SealRole,
            SEAL_ROLE,
            format!("{member} is a member of it and reads the keys"),
            format!("revoke {SEAL_ROLE} from {member};"),
        ));
    }
    for power in &seal.powers {
        findings.push(finding(
            Code::SealRole,
            SEAL_ROLE,
            format!("it {power}; the role is to own the keys and nothing else"),
            format!("alter role {SEAL_ROLE} nologin nosuperuser nobypassrls nocreaterole …"),
        ));
    }
}

fn keys(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for reader in &survey.catalog.seal.key_readers {
        let (table, role) = (&reader.table, &reader.role);
        findings.push(finding(
            Code::SealKeyReadable,
            table,
            format!("{role} can read or change keys; who has a key is every tenant"),
            format!("revoke all on {table} from {role}; and rotate the keys"),
        ));
    }
}

fn policies(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for table in survey.relations().filter(|one| one.is_table() && survey.is_tenants(one.oid)) {
        let all = survey.policies(table.oid);
        let held = all.iter().any(|read| {
            let restricts = read.expressions().all(|one| one.restricts(&read.surroundings()));
            !read.policy.permissive && read.policy.applies && restricts && survey.asks_seal(read)
        });
        for read in all.iter().filter(|read| read.policy.applies && survey.reads_plain(read)) {
            let mut found = finding(
                Code::SealPlainPolicy,
                &table.name,
                format!(
                    "policy {} reads a setting that any SQL can change, and not rowhouse.tenant()",
                    read.policy.name
                ),
                APPLY,
            );
            if held {
                found.severity = Severity::Warning;
                found.message.push_str("; a restrictive policy still holds the rows");
            }
            findings.push(found);
        }
    }
}

fn openings(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    let seal = &survey.catalog.seal;
    let role = &survey.catalog.server.role;
    for function in &seal.functions {
        findings.push(finding(
            Code::SealFunction,
            function,
            format!("{role} may call it; it reaches beyond a tenant's rows"),
            format!("revoke execute on function {function} from {role}, public;"),
        ));
    }
    for relation in &seal.relations {
        findings.push(finding(
            Code::SealRelation,
            relation,
            format!("{role} may read it; it shows other sessions or other tenants' values"),
            format!("revoke select on {relation} from {role}, public;"),
        ));
    }
    for language in &seal.languages {
        findings.push(finding(
            Code::SealLanguage,
            language,
            format!("{role} may write DO blocks in it, whose code no filter reads"),
            format!("revoke usage on language {language} from {role}, public;"),
        ));
    }
}
