//! The rules of the start-up gate.

use super::{Attribute, Owner, Reachable, RoleFacts};
use crate::code::Code;
use crate::finding::Finding;

/// Every reason why `facts`' login role must not serve tenants, by code and object; empty is good.
pub fn gate(facts: &RoleFacts) -> Vec<Finding> {
    let login = facts.attributes.iter().filter_map(|attribute| of_login(facts, *attribute));
    let reachable = facts.reachable.iter().flat_map(|(role, reached)| {
        reached
            .attributes
            .iter()
            .map(move |attribute| of_reachable(facts, role, reached, *attribute))
    });
    let tables = facts.tables.iter().map(|(table, owner)| of_table(facts, table, owner));
    let mut findings: Vec<Finding> = login.chain(reachable).chain(tables).collect();
    findings.sort_by(|a, b| (a.code, &a.object).cmp(&(b.code, &b.object)));
    findings
}

fn of_login(facts: &RoleFacts, attribute: Attribute) -> Option<Finding> {
    let login = &facts.login;
    let (code, what, option) = match attribute {
        Attribute::Superuser => {
            (Code::LoginSuperuser, "is a superuser, whom no policy holds", "nosuperuser")
        }
        Attribute::BypassRls => {
            (Code::LoginBypassRls, "has BYPASSRLS, so that no policy holds it", "nobypassrls")
        }
        Attribute::Replication => (
            Code::LoginReplication,
            "has REPLICATION and can copy the rows of all tenants",
            "noreplication",
        ),
        Attribute::CreateRole => (
            Code::LoginCreateRole,
            "has CREATEROLE and can give itself or others more rights",
            "nocreaterole",
        ),
        // The predefined roles cannot log in.
        Attribute::ServerFiles => return None,
    };
    Some(finding(
        code,
        login,
        format!("the login role {login} {what}"),
        format!("let the gateway log in as another role, or: alter role {login} {option};"),
    ))
}

fn of_reachable(
    facts: &RoleFacts,
    role: &str,
    reached: &Reachable,
    attribute: Attribute,
) -> Finding {
    let login = &facts.login;
    let (code, relation, danger) = match attribute {
        Attribute::Superuser => (Code::BecomesSuperuser, "can become", "is a superuser"),
        Attribute::BypassRls => (Code::BecomesBypassRls, "can become", "has BYPASSRLS"),
        Attribute::Replication => (Code::BecomesReplication, "can become", "has REPLICATION"),
        Attribute::CreateRole => (Code::BecomesCreateRole, "can become", "has CREATEROLE"),
        Attribute::ServerFiles => {
            (Code::ReachesServerFiles, "is a member of", "reaches the server's files or programs")
        }
    };
    let message = format!("the login role {login} {relation} {role}, which {danger}");
    finding(code, role, message, revoke(facts, reached))
}

fn of_table(facts: &RoleFacts, table: &str, owner: &Owner) -> Finding {
    let login = &facts.login;
    let reached = facts.reachable.get(&owner.role).filter(|_| owner.inherited);
    match reached {
        None => finding(
            Code::LoginOwnsTable,
            table,
            format!(
                "the login role {login} owns the tenant table {table} and can switch its \
                 row-level security off"
            ),
            format!(
                "create role {OWNER_EXAMPLE} nologin; alter table {table} owner to {OWNER_EXAMPLE};"
            ),
        ),
        Some(reached) => finding(
            Code::MemberOfTableOwner,
            table,
            format!(
                "the login role {login} is a member of {role}, which owns the tenant table {table} \
                 and can switch its row-level security off",
                role = owner.role
            ),
            revoke(facts, reached),
        ),
    }
}

/// A name for the role that owns tables and never logs in; the reader may choose another.
const OWNER_EXAMPLE: &str = "rowhouse_owner";

/// Takes away every membership with which a way to the role begins.
fn revoke(facts: &RoleFacts, reached: &Reachable) -> String {
    let login = &facts.login;
    let revokes: Vec<String> =
        reached.via.iter().map(|via| format!("revoke {via} from {login};")).collect();
    revokes.join(" ")
}

fn finding(code: Code, object: &str, message: String, fix: String) -> Finding {
    Finding { code, severity: code.severity(), object: object.to_owned(), message, fix }
}
