//! `plan`: what is missing between a database as it is and one whose tenants are apart, as SQL.
//!
//! Every step is there because something is not yet as it should be, so the plan of a finished
//! database is empty and applying one twice changes nothing. Every step says how it is taken back.

mod keys;
mod roles;
mod script;
mod seal;
mod tables;

use crate::catalog::{Catalog, Column};
use crate::doctor::Conventions;
use crate::doctor::survey::Survey;

pub use script::script;

/// Which PostgreSQL it is for, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL 15 to 18, and what is one: RDS, Aurora, Neon, Supabase.
    #[default]
    Postgres,
    /// Citus refuses sub-selects in policies of distributed tables.
    Citus,
    /// CockroachDB takes neither sub-selects in policies nor CONCURRENTLY, which it always does.
    Cockroach,
    /// YugabyteDB.
    Yugabyte,
}

/// The shape of policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// A permissive policy, and a restrictive one as a floor under it: a loose policy that somebody
    /// adds later opens nothing.
    #[default]
    Floor,
    /// One permissive policy, as most examples have it.
    Plain,
}

/// A role that may log in for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRole {
    /// The role, quoted where SQL needs it.
    pub role: String,
    /// The tenant that its sessions begin with, if it is to be fixed there.
    pub tenant: Option<String>,
}

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// The role that tenants' statements run as, quoted where SQL needs it.
    pub app_role: String,
    /// Which PostgreSQL.
    pub engine: Engine,
    /// How policies look.
    pub shape: Shape,
    /// Also put the tenant into unique and foreign keys.
    pub scope_keys: bool,
    /// Roles for single tenants.
    pub tenant_roles: Vec<TenantRole>,
    /// A role for global jobs, which no policy holds.
    pub bypass_role: Option<String>,
}

/// When a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// With all others of its kind, in one transaction.
    Together,
    /// Afterwards, by itself: CREATE INDEX CONCURRENTLY is not possible in a transaction.
    Alone,
}

/// One statement of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub phase: Phase,
    /// What it is about: a schema-qualified name, a role, a database.
    pub object: String,
    /// Why.
    pub reason: String,
    /// The statement.
    pub sql: String,
    /// What takes it back.
    pub revert: String,
}

/// What is to be done, and what is left to people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What a person has to decide: object and sentence.
    pub remarks: Vec<(String, String)>,
}

/// What is missing.
pub fn plan(catalog: &Catalog, conventions: &Conventions, intent: &Intent) -> Plan {
    let survey = Survey::new(catalog, conventions);
    let mut draft = Draft { survey: &survey, intent, plan: Plan::default() };
    roles::draft(&mut draft);
    if survey.sealed {
        seal::draft(&mut draft);
    }
    tables::draft(&mut draft);
    keys::draft(&mut draft);
    if survey.sealed {
        seal::close(&mut draft);
    }
    let mut plan = draft.plan;
    plan.steps.sort_by_key(|step| step.phase);
    plan
}

/// A plan that is being written.
struct Draft<'a> {
    survey: &'a Survey<'a>,
    intent: &'a Intent,
    plan: Plan,
}

impl Draft<'_> {
    fn together(&mut self, object: &str, reason: &str, sql: String, revert: String) {
        self.step(Phase::Together, object, reason, sql, revert);
    }

    fn step(&mut self, phase: Phase, object: &str, reason: &str, sql: String, revert: String) {
        let (object, reason) = (object.to_owned(), reason.to_owned());
        self.plan.steps.push(Step { phase, object, reason, sql, revert });
    }

    fn remark(&mut self, object: &str, sentence: impl Into<String>) {
        self.plan.remarks.push((object.to_owned(), sentence.into()));
    }

    /// Who gets a right back that was taken from the role and from PUBLIC: the role, or PUBLIC
    /// where the role is created by the plan and could have had it from nobody else.
    fn former_holder(&self) -> String {
        let role = &self.intent.app_role;
        let existed = self.survey.catalog.roles.iter().any(|one| one.name == *role);
        if existed { role.clone() } else { "public".to_owned() }
    }

    /// The tenant of the transaction, as policies of this engine may say it.
    fn context(&self, table: u64, column: &Column) -> String {
        match self.intent.engine {
            Engine::Postgres | Engine::Yugabyte => self.survey.context(table, column),
            Engine::Citus | Engine::Cockroach => self.survey.context_value(table, column),
        }
    }
}

#[cfg(test)]
mod tests;
