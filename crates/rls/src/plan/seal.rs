//! The sealed context: its objects, and what is taken from hostile SQL.

use super::{Draft, Engine};
use crate::catalog::SEAL_ROLE;
use crate::seal::{Object, deviation, function, objects};

/// The functions and their arguments, as GRANT writes them.
const ARGUMENTS: [(&str, &str); 3] =
    [("begin_session", "int, text, bigint, text"), ("tenant", ""), ("enter", "text, text[], text")];

/// Steps that make the role and the objects: policies call one of them, so they come first.
pub fn draft(draft: &mut Draft<'_>) {
    if draft.intent.engine != Engine::Postgres {
        let database = draft.survey.catalog.server.database.clone();
        draft.remark(
            &database,
            "the sealed context was made for PostgreSQL: elsewhere it has not been tried",
        );
    }
    role(draft);
    schema(draft);
    let missing: Vec<Object> =
        objects().filter(|object| deviation(draft.survey.catalog, object).is_some()).collect();
    if missing.is_empty() {
        return;
    }
    // A superuser gives objects away; everybody else must be a member of the new owner, which may
    // create in the schema.
    let user = draft.survey.catalog.seal.user.clone();
    let superuser = draft.survey.catalog.seal.superuser;
    let (lend, take) = (
        format!("grant {SEAL_ROLE} to {user}; grant create on schema rowhouse to {SEAL_ROLE}"),
        format!(
            "revoke create on schema rowhouse from {SEAL_ROLE}; revoke {SEAL_ROLE} from {user}"
        ),
    );
    if !superuser {
        let reason = "whoever gives an object away is a member of its new owner in that moment";
        draft.together(SEAL_ROLE, reason, lend.clone(), take.clone());
    }
    for object in &missing {
        make(draft, object);
    }
    if !superuser {
        draft.together(
            "rowhouse.seal_key",
            "`rowhouse keys` adds and retires keys, sees which are in use, and reads none",
            format!(
                "grant select (id, created_at), insert, delete on rowhouse.seal_key to {user}; \
                 grant select (pid, key_id, registered_at) on rowhouse.seal_session to {user}"
            ),
            format!(
                "revoke all on rowhouse.seal_key from {user}; \
                 revoke all on rowhouse.seal_session from {user}"
            ),
        );
        draft.together(SEAL_ROLE, "and no longer", take, lend);
    }
}

fn role(draft: &mut Draft<'_>) {
    if !draft.survey.catalog.roles.iter().any(|one| one.name == SEAL_ROLE) {
        draft.together(
            SEAL_ROLE,
            "the role that owns the keys: nobody logs in as it and nobody is a member of it",
            // Another database of the cluster may be sealed in this moment.
            format!(
                "do $make$ begin create role {SEAL_ROLE} nologin; exception when duplicate_object \
                 or unique_violation then null; end $make$"
            ),
            // Roles are the cluster's: another sealed database may need it.
            format!(
                "do $revert$ begin drop role {SEAL_ROLE}; exception when \
                 dependent_objects_still_exist then null; end $revert$"
            ),
        );
    }
    for member in draft.survey.catalog.seal.members.clone() {
        draft.together(
            SEAL_ROLE,
            "a member of it reads the keys",
            format!("revoke {SEAL_ROLE} from {member}"),
            format!("grant {SEAL_ROLE} to {member}"),
        );
    }
    for reader in draft.survey.catalog.seal.key_readers.clone() {
        let (table, role) = (reader.table, reader.role);
        draft.together(
            &table,
            "who reads a key is every tenant; rotate the keys as well",
            format!("revoke all on {table} from {role}"),
            // Nobody gets keys back.
            format!("revoke all on {table} from public"),
        );
    }
    for power in draft.survey.catalog.seal.powers.clone() {
        draft.remark(SEAL_ROLE, format!("{power}, which it must not: take that away"));
    }
}

fn schema(draft: &mut Draft<'_>) {
    if let Some(owner) = draft.survey.catalog.seal.owner.clone() {
        let user = draft.survey.catalog.seal.user.clone();
        draft.together(
            "rowhouse",
            "whoever owns a schema drops what stands in it, and puts something else in its place",
            format!("alter schema rowhouse owner to {user}"),
            format!("alter schema rowhouse owner to {owner}"),
        );
    }
    if !draft.survey.catalog.seal.usage {
        draft.together(
            "rowhouse",
            "every role's sessions are registered and have a tenant",
            "create schema if not exists rowhouse; grant usage on schema rowhouse to public"
                .to_owned(),
            "revoke usage on schema rowhouse from public".to_owned(),
        );
    }
}

fn make(draft: &mut Draft<'_>, object: &Object) {
    let Object { kind, name, sql } = object;
    let full = format!("rowhouse.{name}");
    if *kind == "table" {
        let found = draft.survey.catalog.relations.values().any(|one| one.name == full);
        let owned = format!("alter table {full} owner to {SEAL_ROLE}");
        if found {
            draft.together(&full, "nobody else owns keys", owned.clone(), owned);
            return;
        }
        draft.together(
            &full,
            "keys, which nobody but their owner reads",
            format!("{sql}; {owned}; revoke all on {full} from public"),
            format!("drop table {full}"),
        );
        return;
    }
    let arguments = ARGUMENTS.iter().find(|(one, _)| one == name).map_or("", |(_, list)| list);
    let full = format!("{full}({arguments})");
    let existed = function(draft.survey.catalog, name).is_some();
    let owned = format!("alter function {full} owner to {SEAL_ROLE}");
    let revert = match existed {
        // What was replaced was no good.
        true => owned.clone(),
        false => format!("drop function {full}"),
    };
    draft.together(
        &full,
        "what the gateway and policies call",
        format!("{sql};\n{owned}; grant execute on function {full} to public"),
        revert,
    );
}

/// Steps that close what hostile SQL could use beside its own rows: after everything else, for the
/// steps before may need some of it.
pub fn close(draft: &mut Draft<'_>) {
    let seal = draft.survey.catalog.seal.clone();
    let role = draft.intent.app_role.clone();
    let database = draft.survey.catalog.server.database.clone();
    let mut closings = Vec::new();
    for (family, why) in FAMILIES {
        let of_family: Vec<&str> = seal
            .functions
            .iter()
            .map(String::as_str)
            .filter(|name| family_of(name) == *family)
            .collect();
        if !of_family.is_empty() {
            closings.push((format!("execute on function {}", of_family.join(", ")), *why));
        }
    }
    if !seal.relations.is_empty() {
        let names = seal.relations.join(", ");
        closings.push((format!("select on {names}"), "they show other sessions and values"));
    }
    if !seal.languages.is_empty() {
        let names = seal.languages.join(", ");
        closings.push((format!("usage on language {names}"), "DO runs code that no filter reads"));
    }
    for (what, why) in closings {
        let sql = format!("revoke {what} from public, {role}");
        if seal.superuser {
            draft.together(&database, why, sql, format!("grant {what} to public"));
        } else {
            draft.remark(&database, format!("{why}; it takes a superuser to {sql}"));
        }
    }
    let set_config = "execute on function pg_catalog.set_config(text, text, boolean)";
    if seal.superuser && seal.functions.iter().any(|one| one.contains(".set_config(")) {
        draft.together(
            SEAL_ROLE,
            "rowhouse.enter sets what the gateway says",
            format!("grant {set_config} to {SEAL_ROLE}"),
            format!("revoke {set_config} from {SEAL_ROLE}"),
        );
    }
}

/// Families of functions by what their names begin with, and why they are closed. The last one
/// takes the rest.
const FAMILIES: &[(&str, &str)] = &[
    ("set_config", "SQL could change settings unseen, from inside a query"),
    ("lo", "large objects have no tenant"),
    ("lock", "advisory locks and notifications are every tenant's"),
    ("xml", "SQL from text is out of every filter's sight"),
    ("other", "it signals, shows or reaches other sessions"),
];

fn family_of(function: &str) -> &'static str {
    let name = function.split_once('.').map_or(function, |(_, name)| name);
    let begins = |heads: &[&str]| heads.iter().any(|head| name.starts_with(head));
    if begins(&["set_config("]) {
        "set_config"
    } else if begins(&["lo_", "loread", "lowrite"]) {
        "lo"
    } else if begins(&["pg_advisory_", "pg_try_advisory_", "pg_notify", "pg_lock", "pg_block"]) {
        "lock"
    } else if name.contains("_to_xml") || begins(&["ts_"]) {
        "xml"
    } else {
        "other"
    }
}
