//! The schema `rowhouse` in PostgreSQL: made and brought up to date by whoever comes first, gateway
//! or command, once.
//!
//! Every table of the gateway's own is a [`Step`] here. What the sealed context and `rls apply`
//! keep in the same schema is theirs, and is not looked at.

use rowhouse_protocol::sqlstate::SqlState;

use crate::upstream::{Connection, UpstreamError};

/// One at a time changes the schema. The number of the lock is any that nobody else uses.
const BEGIN: &str = "
    begin;
    set local lock_timeout = '2s';
    select pg_catalog.pg_advisory_xact_lock(8317265190412)";
/// Tenants' SQL may be in the same database, and take advisory locks for fun. Then the catalog's
/// own locks decide: of two who make the same at once, one fails and has to come again.
const BEGIN_ALL_THE_SAME: &str = "rollback; begin; set local lock_timeout = '5s'";
/// The table of steps, made before the first of them. Who may not make it is told by PostgreSQL.
const GROUND: &str = "
    create schema if not exists rowhouse;
    revoke create on schema rowhouse from public;
    create table if not exists rowhouse.schema_step (
        version int primary key,
        name text not null,
        done_at timestamptz not null default pg_catalog.now(),
        done_by text not null default session_user
    )";

/// One change of the schema. Steps are never changed, only added.
pub struct Step {
    /// What it makes.
    name: &'static str,
    /// How.
    sql: &'static str,
    /// Tables of it, which are nobody's but their owner's.
    tables: &'static [&'static str],
    /// Functions of it, as well.
    functions: &'static [&'static str],
}

/// All of them, in order; the first has version 1.
const STEPS: [Step; 2] = [
    Step {
        name: "tenant",
        sql: include_str!("schema/tenant.sql"),
        tables: &["tenant", "tenant_change"],
        // rowhouse.tenant() is a function of the sealed context, and everybody's.
        functions: &["sign_tenant", "announce_tenant"],
    },
    Step {
        name: "usage",
        sql: include_str!("schema/usage.sql"),
        tables: &["usage_hour", "usage_segment", "usage_event"],
        functions: &[],
    },
];

/// Brings the schema up to date. A newer one is left as it is: gateways of two versions run beside
/// each other while they are replaced. Nothing is written where nothing is missing, so that a login
/// with few rights will do then.
pub async fn bring_up_to_date(connection: &mut Connection) -> Result<(), UpstreamError> {
    if version(connection).await? >= STEPS.len() {
        return Ok(());
    }
    match connection.query_text(BEGIN).await {
        Err(UpstreamError::Server(error)) if error.code == SqlState::LOCK_NOT_AVAILABLE => {
            connection.query_text(BEGIN_ALL_THE_SAME).await?
        }
        begun => begun?,
    };
    // Somebody else may have done it while the lock was waited for.
    let there = version(connection).await?;
    if there < STEPS.len() {
        connection.query_text(GROUND).await?;
        close(connection, TABLE_RIGHTS, "schema_step").await?;
    }
    for (index, step) in STEPS.iter().enumerate().skip(there) {
        connection.query_text(step.sql).await?;
        for name in step.tables {
            close(connection, TABLE_RIGHTS, name).await?;
        }
        for name in step.functions {
            close(connection, FUNCTION_RIGHTS, name).await?;
        }
        let number = (index + 1).to_string();
        let sql = "insert into rowhouse.schema_step (version, name) values ($1::int, $2)";
        connection.call(sql, &[&number, step.name]).await?;
    }
    connection.query_text("commit").await.map(drop)
}

/// Whether there is a registry, of any version.
pub async fn is_there(connection: &mut Connection) -> Result<bool, UpstreamError> {
    Ok(version(connection).await? > 0)
}

/// The last step that was done; 0 where there is none.
async fn version(connection: &mut Connection) -> Result<usize, UpstreamError> {
    let known = "select from pg_catalog.pg_class c \
                 join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace \
                 where n.nspname operator(pg_catalog.=) 'rowhouse' \
                 and c.relname operator(pg_catalog.=) 'schema_step'";
    if connection.query_text(known).await?.is_empty() {
        return Ok(0);
    }
    let rows =
        connection.query_text("select pg_catalog.max(version) from rowhouse.schema_step").await?;
    let newest = rows.into_iter().flatten().flatten().next();
    Ok(newest.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// Takes every right from everybody but the owner: ALTER DEFAULT PRIVILEGES may have given some to
/// the role of tenants' statements, and functions begin with EXECUTE for everybody.
async fn close(connection: &mut Connection, rights: &str, name: &str) -> Result<(), UpstreamError> {
    for row in connection.call(rights, &[name]).await? {
        for sql in row.into_iter().flatten() {
            connection.query_text(&sql).await?;
        }
    }
    Ok(())
}

const TABLE_RIGHTS: &str = "
    select distinct format('revoke all on table %s from %s', c.oid::regclass,
        case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end)
    from pg_class c
    cross join lateral aclexplode(c.relacl) a
    left join pg_roles r on r.oid = a.grantee
    where c.relnamespace = 'rowhouse'::regnamespace and c.relname = $1
        and a.grantee <> c.relowner";

const FUNCTION_RIGHTS: &str = "
    select distinct format('revoke all on function %s from %s', p.oid::regprocedure,
        case when a.grantee = 0 then 'public' else quote_ident(r.rolname) end)
    from pg_proc p
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    left join pg_roles r on r.oid = a.grantee
    where p.pronamespace = 'rowhouse'::regnamespace and p.proname = $1
        and a.grantee <> p.proowner";
