//! Users that are looked up in a database, as PgBouncer's `auth_query` does it.

use std::sync::Arc;
use std::time::Duration;

use rowhouse_protocol::scram::server::ITERATIONS_MAX;

use super::doors::{LONGEST, SHORTEST};
use super::reader::Section;
use super::wire::check_secret;
use super::{PrincipalKind, Resource, RoleSecret};

/// What is asked where nothing else is written: roles that may log in, and whose password is not
/// over (<https://www.postgresql.org/docs/current/catalog-pg-authid.html>).
const QUERY: &str = "select rolname, case when rolvaliduntil < now() then null else rolpassword \
                     end from pg_catalog.pg_authid where rolname = $1 and rolcanlogin";
const SECRET: &str = "auth_query_secret";
const DATABASE: &str = "auth_query_database";
const PRINCIPAL: &str = "auth_users_principal";
const USERS_SECRET: &str = "auth_users_secret";

/// How users are looked up, and what they are.
#[derive(Debug)]
pub struct AuthQuery {
    /// The query: a name as `$1`, at most one row of name, password and tenant out.
    pub sql: Arc<str>,
    /// The secret whose role runs it.
    pub secret: String,
    /// Where it runs. `None`: in the resource's default database.
    pub database: Option<String>,
    /// How long an answer counts.
    pub ttl: Duration,
    /// The iterations that passwords are kept with, and that names without one pretend.
    pub iterations: u32,
    /// Whether each has a tenant, which the query says. Nobody that is looked up is an `admin`.
    pub of_tenants: bool,
    /// The secret that they use.
    pub users_secret: String,
}

/// The part of `[wire]` that is about looking users up. `None`: nobody is, or a problem.
pub fn auth_query(
    section: &Section<'_>,
    resource: Option<&Resource>,
    secrets: &[Option<RoleSecret>],
) -> Option<AuthQuery> {
    let sql = section.text("auth_query");
    let secret = section.text(SECRET);
    let database = section.text(DATABASE);
    let ttl = section.duration("auth_query_ttl", SHORTEST..=LONGEST);
    let iterations = section.integer("auth_query_iterations", 1..=u64::from(ITERATIONS_MAX));
    let kinds = [PrincipalKind::Tenant, PrincipalKind::App];
    let kind = section.word(PRINCIPAL, &kinds.map(|kind| (kind.as_str(), kind)));
    let users_secret = section.text(USERS_SECRET);

    let Some(secret) = secret else {
        let others = ["auth_query", DATABASE, PRINCIPAL, USERS_SECRET];
        let alone = others.into_iter().find(|key| section.has(key));
        if let Some(key) = alone.filter(|_| !section.has(SECRET)) {
            let message = format!("needs {SECRET}: the [[secret]] whose role looks users up");
            section.problem(key, message);
        }
        return None;
    };
    check_secret(section, SECRET, &secret, PrincipalKind::Admin, secrets);
    for key in [PRINCIPAL, USERS_SECRET] {
        if !section.has(key) {
            section.problem(key, format!("is needed beside {SECRET}: what users are, and may use"));
        }
    }
    if let (Some(name), Some(resource)) = (&database, resource)
        && !resource.databases.iter().any(|database| database.name == *name)
    {
        section.problem(DATABASE, format!("{name:?} is no database of {:?}", resource.arn));
    }
    let (kind, users_secret) = (kind?, users_secret?);
    check_secret(section, USERS_SECRET, &users_secret, kind, secrets);
    let sql = sql.unwrap_or_else(|| QUERY.to_owned()).into();
    let of_tenants = kind == PrincipalKind::Tenant;
    if of_tenants && !section.has("auth_query") {
        let message = "is needed for users that are tenants: the default does not know their \
                       tenants, which are the third column";
        section.problem("auth_query", message);
    }
    let iterations = u32::try_from(iterations).unwrap_or(ITERATIONS_MAX);
    Some(AuthQuery { sql, secret, database, ttl, iterations, of_tenants, users_secret })
}
