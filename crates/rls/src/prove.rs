//! `prove`: a catalog and rows of live tenants in, attempts to cross the walls between them out;
//! and what came of the attempts in, a verdict and a report out.
//!
//! Nothing here runs SQL. An attempt says as whom it is to be run, what in, and what must hold;
//! whoever runs it rolls everything back.

mod around;
pub mod attempt;
mod context;
mod control;
pub mod judge;
mod keys;
pub mod report;
mod rows;
pub mod sample;
pub mod scratch;
mod seal;
mod target;

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::doctor::Conventions;
use crate::doctor::survey::Survey;
use attempt::{Attempt, Command, Expect, Ways};
use sample::Samples;
use target::Target;

pub use around::{Nobody, nobody};
pub use control::{doubt, nobody_anywhere};
pub use seal::with_token;

/// What is wanted of a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// The settings that carry the tenant; those that policies read when empty.
    pub settings: Vec<String>,
    /// Tenants that have no rows.
    pub nobody: Nobody,
    /// Also call functions that run with their owner's rights.
    pub call_functions: bool,
}

/// What is to be tried, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// In the order of the matrix.
    pub attempts: Vec<Attempt>,
    /// Tables, and why nothing is proven there.
    pub gaps: Vec<(String, String)>,
    /// What a reader of the report should know.
    pub remarks: Vec<String>,
    /// The context is sealed: directly nobody can be a tenant.
    pub sealed: bool,
    /// Made with a token that somebody has stolen, where the context is sealed.
    pub stolen: Option<Attempt>,
}

/// The settings that carry the tenant. Names that would need quotes are nobody's, and are left out
/// where they come from policies.
pub fn settings(catalog: &Catalog, conventions: &Conventions, given: &[String]) -> Vec<String> {
    let survey = Survey::new(catalog, conventions);
    if !given.is_empty() {
        return given.to_vec();
    }
    let plain = |name: &&String| {
        name.contains('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._$".contains(c))
    };
    match &conventions.tenant_setting {
        Some(setting) => vec![setting.clone()],
        None if survey.settings.is_empty() => vec![survey.main_setting().to_owned()],
        None => survey.settings.keys().filter(plain).cloned().collect(),
    }
}

/// The types that tenants have.
pub fn tenant_types(catalog: &Catalog, conventions: &Conventions) -> BTreeSet<String> {
    let survey = Survey::new(catalog, conventions);
    survey.tenant_tables().map(|(_, column)| column.type_name.clone()).collect()
}

/// Everything that is to be tried.
pub fn attempts(
    catalog: &Catalog,
    conventions: &Conventions,
    samples: &Samples,
    intent: &Intent,
) -> Attempts {
    let survey = Survey::new(catalog, conventions);
    let mut found = Attempts::default();
    let mut fit: Vec<Target<'_>> = Vec::new();
    for relation in survey.relations() {
        if !relation.is_table() || !survey.is_tenants(relation.oid) {
            continue;
        }
        let sample = samples.get(&relation.oid);
        let target = sample.and_then(|sample| Target::new(&survey, relation, sample));
        let Some(target) = target else {
            let reason = "it refers to tenants' rows over several tables and has no tenant column";
            found.gaps.push((relation.name.clone(), reason.to_owned()));
            continue;
        };
        if let Some(reason) = gap(&target) {
            found.gaps.push((relation.name.clone(), reason));
        }
        rows::draft(&target, &mut found.attempts);
        keys::draft(&target, samples, &mut found.attempts);
        around::statistics(&target, &mut found.attempts);
        if target.sample.tenants.len() > 1 && relation.allows("SELECT") && target.tenant.is_some() {
            fit.push(target);
        }
    }
    around::views(&survey, &intent.nobody, samples, &mut found.attempts);
    for setting in &intent.settings {
        let reads = fit.iter().find(|target| survey.reads_setting(target.table.oid, setting));
        if let Some(target) = reads.or(fit.first()) {
            context::draft(target, setting, survey.sealed, &mut found.attempts);
        }
    }
    if let (true, Some(target)) = (survey.sealed, fit.first()) {
        seal::draft(target, &mut found.attempts);
        found.stolen = seal::stolen(target);
    }
    if intent.call_functions {
        around::functions(&survey, &intent.nobody, &mut found.attempts);
    }
    remarks(&survey, intent, &mut found.remarks);
    found.sealed = survey.sealed;
    if survey.sealed {
        found.attempts.iter_mut().for_each(without_tenant);
    }
    name(&mut found.attempts);
    found
}

/// In a sealed database the role is no tenant by itself: it has no rows of its own, and what needs
/// one can only be tried through the gateway.
fn without_tenant(attempt: &mut Attempt) {
    if attempt.command == Command::Keys || attempt.expect == Expect::OwnRow {
        attempt.ways = Ways::GatewayOnly;
    }
    if let Expect::NoMoreThanOwn(own) = &mut attempt.expect {
        *own = 0;
    }
}

/// Why nothing is proven between tenants of a table.
fn gap(target: &Target<'_>) -> Option<String> {
    if let Some(reason) = &target.sample.unknown {
        return Some(reason.clone());
    }
    match target.sample.tenants.len() {
        0 => Some("it has no rows".to_owned()),
        1 => Some("it has rows of one tenant only".to_owned()),
        _ => None,
    }
}

fn remarks(survey: &Survey<'_>, intent: &Intent, remarks: &mut Vec<String>) {
    if survey.sealed {
        let text = "the context is sealed: directly, attempts are made without a token, which only \
                    the gateway can make; attempts of tenants are those through the gateway";
        remarks.push(text.to_owned());
    }
    for function in survey.functions() {
        let on = function.triggers.iter().filter(|table| survey.is_tenants(**table)).count();
        if on > 0 {
            remarks.push(format!(
                "{} is a trigger on {on} of the tables: it ran for rows that were written and \
                 rolled back; what it does outside of the database is not taken back",
                function.name
            ));
        }
    }
    let called = |name: &str| intent.call_functions && name.ends_with("()");
    for function in around::callable(survey).filter(|one| !called(&one.name)) {
        remarks.push(format!(
            "{} runs with its owner's rights and was not called: read it{}",
            function.name,
            match function.name.ends_with("()") {
                true => ", or use --call-functions",
                false => "",
            }
        ));
    }
}

/// The same attempt has the same name in every proof of a database that has not changed, but for
/// its number among those of other pairs.
fn name(attempts: &mut [Attempt]) {
    let mut counts = std::collections::BTreeMap::new();
    for attempt in attempts {
        let Attempt { object, command, name, .. } = &*attempt;
        let base = match command {
            Command::Context | Command::Seal => format!("{command}: {name}"),
            _ => format!("{object} {command}: {name}"),
        };
        let number = counts.entry(base.clone()).or_insert(0_u32);
        *number += 1;
        attempt.id = format!("{base} #{number}");
    }
}

#[cfg(test)]
mod tests;
