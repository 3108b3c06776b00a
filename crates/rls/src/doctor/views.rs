//! Views: whose rights do they read tenants' tables with?

use super::finding;
use super::survey::Survey;
use crate::catalog::RelationKind;
use crate::code::Code;
use crate::finding::{Finding, Severity};

/// RH302 and RH303.
pub fn look(survey: &Survey<'_>, findings: &mut Vec<Finding>) {
    let role = &survey.catalog.server.role;
    for view in survey.relations() {
        let read: Vec<_> = survey
            .catalog
            .read_by(view.oid)
            .into_iter()
            .filter(|oid| survey.is_tenants(*oid))
            .filter_map(|oid| survey.catalog.relations.get(&oid))
            .filter(|relation| relation.is_table())
            .collect();
        if read.is_empty() || !view.is_reachable() {
            continue;
        }
        let tables =
            read.iter().map(|relation| relation.name.as_str()).collect::<Vec<_>>().join(", ");
        let name = &view.name;
        match view.kind {
            RelationKind::MaterializedView => findings.push(finding(
                Code::MaterializedView,
                name,
                format!(
                    "it keeps rows of {tables} as its owner saw them, and materialised views have \
                     no policies"
                ),
                format!("revoke all on {name} from {role}, public;"),
            )),
            RelationKind::View if !view.security_invoker => {
                let owner = &view.owner;
                let exempt = view.owner_exempt
                    || read.iter().any(|table| table.owner == *owner && !table.forced);
                let mut one = finding(
                    Code::ViewOfOwner,
                    name,
                    format!("it reads {tables} with the rights of {owner}, whom no policy holds"),
                    format!("alter view {name} set (security_invoker = true);"),
                );
                if !exempt {
                    one.severity = Severity::Warning;
                    one.message = format!(
                        "it reads {tables} with the rights of {owner}: policies for {role} do not \
                         apply, those for {owner} do"
                    );
                }
                findings.push(one);
            }
            _ => {}
        }
    }
}
