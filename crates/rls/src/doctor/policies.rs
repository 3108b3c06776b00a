//! Policies: do they hold every row to one tenant, for every command, whatever is set?

use std::collections::BTreeSet;

use super::finding;
use super::survey::{Read, Survey};
use super::tables::policy as good_policy;
use crate::catalog::{PolicyCommand, Relation};
use crate::code::Code;
use crate::expression::Expression;
use crate::finding::{Finding, Severity};

/// A command as policies and grants know it.
const COMMANDS: [(PolicyCommand, &str); 4] = [
    (PolicyCommand::Select, "SELECT"),
    (PolicyCommand::Insert, "INSERT"),
    (PolicyCommand::Update, "UPDATE"),
    (PolicyCommand::Delete, "DELETE"),
];

/// RH201 to RH215.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    for table in survey.relations().filter(|one| one.is_table()) {
        let all = survey.policies(table.oid);
        let applied: Vec<&Read<'_>> = all.iter().filter(|read| read.policy.applies).collect();
        if applied.is_empty() || !survey.is_tenants(table.oid) {
            continue;
        }
        let patient = Patient { survey, table, applied };
        patient.shapes(findings);
        patient.commands(findings);
        for read in &patient.applied {
            patient.wording(read, findings);
        }
    }
}

/// A tenants' table with the policies that apply to the role.
struct Patient<'a> {
    survey: &'a Survey<'a>,
    table: &'a Relation,
    applied: Vec<&'a Read<'a>>,
}

impl Patient<'_> {
    /// How the policies work together.
    fn shapes(&self, findings: &mut Vec<Finding>) {
        let name = &self.table.name;
        if self.applied.iter().all(|read| !read.policy.permissive) {
            findings.push(finding(
                Code::OnlyRestrictive,
                name,
                "all its policies are restrictive; without a permissive one no row passes",
                self.good(),
            ));
        }
        for (command, word) in COMMANDS {
            let permissive: Vec<&str> = self
                .of(command)
                .filter(|read| read.policy.permissive)
                .map(|read| read.policy.name.as_str())
                .collect();
            if permissive.len() > 1 {
                findings.push(finding(
                    Code::SeveralPermissive,
                    name,
                    format!(
                        "{} are OR-ed for {word}, USING and WITH CHECK each for itself",
                        permissive.join(", ")
                    ),
                    "make one policy FOR ALL of them, or all but one restrictive",
                ));
            }
        }
    }

    /// Command by command: is there a policy, and what does it let pass?
    fn commands(&self, findings: &mut Vec<Finding>) {
        let name = &self.table.name;
        let role = &self.survey.catalog.server.role;
        let mut loose = BTreeSet::new();
        for (command, word) in COMMANDS {
            if !self.table.allows(word) {
                continue;
            }
            if !self.of(command).any(|read| read.policy.permissive) {
                if self.applied.iter().any(|read| read.policy.permissive) {
                    findings.push(finding(
                        Code::CommandWithoutPolicy,
                        name,
                        format!(
                            "{role} may {word} and no permissive policy is for it: INSERT is an \
                             error, the others silently find no row"
                        ),
                        format!(
                            "make the policy FOR ALL, or: revoke {word} on {name} from {role};"
                        ),
                    ));
                }
                continue;
            }
            if command != PolicyCommand::Insert {
                let open = self.open(command, Side::Using);
                loose.extend(open.into_iter().map(|policy| (Code::LoosePolicy, policy)));
            }
            if matches!(command, PolicyCommand::Insert | PolicyCommand::Update) {
                let open = self.open(command, Side::Check);
                loose.extend(open.into_iter().map(|policy| (Code::LooseCheck, policy)));
            }
        }
        for (code, policy) in loose {
            let message = match code {
                Code::LooseCheck => format!(
                    "WITH CHECK of policy {policy} lets rows be written that belong to other \
                     tenants"
                ),
                _ => format!("policy {policy} lets rows through that belong to other tenants"),
            };
            let fix = format!("drop policy {policy} on {name}; {}", self.good());
            findings.push(finding(code, name, message, fix));
        }
    }

    /// The permissive policies that let rows of several tenants pass, where no restrictive one
    /// holds them.
    fn open(&self, command: PolicyCommand, side: Side) -> Vec<&str> {
        let mut of_command = self.of(command);
        if of_command.any(|read| !read.policy.permissive && holds(read, side.of(read))) {
            return Vec::new();
        }
        self.of(command)
            .filter(|read| read.policy.permissive && !holds(read, side.of(read)))
            // A check that is nothing but USING is not a second flaw.
            .filter(|read| side == Side::Using || read.check.is_some())
            .map(|read| read.policy.name.as_str())
            .collect()
    }

    /// What single policies say.
    fn wording(&self, read: &Read<'_>, findings: &mut Vec<Finding>) {
        let around = read.surroundings();
        let policy = &read.policy.name;
        let replace = format!("drop policy {policy} on {}; {}", self.table.name, self.good());
        let mut say = |code: Code, message: String, fix: &str| {
            findings.push(finding(code, &self.table.name, message, fix));
        };
        let any = |test: &dyn Fn(&Expression) -> bool| read.expressions().any(test);
        if any(&|one| one.fails_open(&around)) {
            let message = format!("policy {policy} opens when no tenant is set");
            say(Code::FailsOpen, message, &replace);
        }
        if any(&Expression::uses_role) {
            let message =
                format!("policy {policy} compares with the role, and all tenants share one");
            say(Code::ComparesRole, message, &replace);
        }
        let about_tenant =
            |one: &Expression| around.tenant_column.is_some_and(|column| one.mentions(column));
        if any(&|one| about_tenant(one) && !one.has_context(&around) && !around.reads_others) {
            let message = format!("policy {policy} names a tenant, or none, but no context");
            say(Code::NoContext, message, &replace);
        }
        if any(&|one| about_tenant(one) && one.matches_pattern() && one.has_context(&around)) {
            let message =
                format!("policy {policy} compares by pattern: a tenant named % is every tenant");
            say(Code::MatchesPattern, message, &replace);
        }
        let own = |one: &Expression| one.settings().iter().any(|name| !name.contains('.'));
        if any(&own) {
            let message = format!(
                "policy {policy} reads a setting of PostgreSQL's own, which every client may set \
                 and the gateway does not"
            );
            say(Code::OwnSetting, message, &replace);
        }
        if any(&|one| around.tenant_column.is_some_and(|column| one.folds(column))) {
            let message = format!(
                "policy {policy} compares the tenant through a function: tenants that it makes \
                 equal share their rows"
            );
            say(Code::FoldsTenant, message, &replace);
        }
        if any(&Expression::casts_empty) {
            let message = format!(
                "policy {policy} casts a setting that is '' after the first transaction that set \
                 it: an error on some connections only"
            );
            say(
                Code::CastsEmptySetting,
                message,
                "wrap it: nullif(current_setting('…', true), '')",
            );
        }
        if any(&Expression::demands_setting) {
            let message = format!(
                "policy {policy} demands a setting: an error, not an empty result, where no tenant \
                 was ever set"
            );
            say(Code::DemandsSetting, message, "write current_setting('…', true)");
        }
        if let (Some(using), Some(check)) = (&read.policy.using, &read.policy.check)
            && using != check
        {
            let message = format!("USING and WITH CHECK of policy {policy} differ");
            say(Code::CheckDiffers, message, "write the same condition twice, or say why not");
        }
        self.read_tables(read, findings);
    }

    /// Tables that decide who sees what must be out of the reach of those who are judged.
    fn read_tables(&self, read: &Read<'_>, findings: &mut Vec<Finding>) {
        for oid in &read.policy.reads {
            let Some(other) = self.survey.catalog.relations.get(oid) else { continue };
            let writable = ["INSERT", "UPDATE", "DELETE"].iter().any(|one| other.allows(one));
            // What a row refers to may be written by its own tenant, and only by it.
            let guarded = other.row_security && self.survey.is_tenants(*oid);
            if !writable || guarded {
                continue;
            }
            let (policy, name) = (&read.policy.name, &other.name);
            let role = &self.survey.catalog.server.role;
            let mut one = finding(
                Code::ReadsWritableTable,
                &self.table.name,
                format!("policy {policy} trusts {name}, which {role} may write"),
                format!("revoke insert, update, delete on {name} from {role}, public;"),
            );
            if other.row_security {
                one.severity = Severity::Warning;
                one.message.push_str(" as far as its own policies let it");
            }
            findings.push(one);
        }
    }

    fn of(&self, command: PolicyCommand) -> impl Iterator<Item = &&Read<'_>> {
        self.applied.iter().filter(move |read| {
            read.policy.command == command || read.policy.command == PolicyCommand::All
        })
    }

    fn good(&self) -> String {
        match self.survey.tenant_column(self.table.oid) {
            Some(column) => good_policy(self.survey, self.table, column),
            None => "give the table a tenant column and compare it with the context".to_owned(),
        }
    }
}

/// Which rows a policy judges: those that are there, or those that are to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Using,
    Check,
}

impl Side {
    /// "If only USING is given, it is used for both" (CREATE POLICY, WITH CHECK).
    fn of<'a>(self, read: &'a Read<'_>) -> Option<&'a Expression> {
        match self {
            Side::Using => read.using.as_ref(),
            Side::Check => read.check.as_ref().or(read.using.as_ref()),
        }
    }
}

/// No expression at all is no restriction.
fn holds(read: &Read<'_>, expression: Option<&Expression>) -> bool {
    expression.is_some_and(|one| one.restricts(&read.surroundings()))
}
