//! `doctor`: a catalog in, everything that is wrong with its walls out.
//!
//! Which tables are tenants' is found first ([`Survey`]); then every family of rules looks at all
//! of it. Rules are functions of the survey and nothing else, so a database that was read once can
//! be judged anywhere.

mod database;
mod functions;
mod keys;
mod policies;
mod seal;
mod speed;
pub(crate) mod survey;
mod tables;
mod views;

pub(crate) use database::outdated;

use crate::catalog::Catalog;
use crate::code::Code;
use crate::finding::Finding;
use survey::Survey;

/// How tenants are told apart in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conventions {
    /// Names of the column that holds the tenant, quoted where SQL needs it.
    pub tenant_columns: Vec<String>,
    /// The setting that policies are to read, for the SQL of fixes. `None`: the one that they read
    /// most.
    pub tenant_setting: Option<String>,
    /// Only relations and functions of these schemas; all of them when empty.
    pub schemas: Vec<String>,
    /// The database is to be sealed. One that has `rowhouse.tenant()` is, whatever stands here.
    pub sealed: bool,
}

impl Default for Conventions {
    fn default() -> Self {
        let tenant_columns = vec!["tenant_id".to_owned()];
        Self { tenant_columns, tenant_setting: None, schemas: Vec::new(), sealed: false }
    }
}

/// Every finding, by code and object.
pub fn doctor(catalog: &Catalog, conventions: &Conventions) -> Vec<Finding> {
    let survey = Survey::new(catalog, conventions);
    let families: [fn(&Survey<'_>, &mut Vec<Finding>); 8] = [
        tables::look,
        keys::look,
        policies::look,
        views::look,
        functions::look,
        speed::look,
        database::look,
        seal::look,
    ];
    let mut findings = Vec::new();
    for family in families {
        family(&survey, &mut findings);
    }
    findings.sort_by(|a, b| (a.code, &a.object, &a.message).cmp(&(b.code, &b.object, &b.message)));
    findings.dedup();
    findings
}

/// How many tables were found to be tenants', for the summary.
pub fn tenant_tables(catalog: &Catalog, conventions: &Conventions) -> usize {
    Survey::new(catalog, conventions).tenant_tables().count()
}

/// The setting that most policies read, or what fixes name where none does.
pub fn main_setting(catalog: &Catalog, conventions: &Conventions) -> String {
    Survey::new(catalog, conventions).main_setting().to_owned()
}

fn finding(
    code: Code,
    object: &str,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        code,
        severity: code.severity(),
        object: object.to_owned(),
        message: message.into(),
        fix: fix.into(),
    }
}

#[cfg(test)]
mod tests;
