//! The demo data: what the seed documents print, and the safe form of what they do not protect.

use crate::case::{Case, case};
use crate::postgres::{Cluster, Direct};
use crate::stand::Stand;

/// Role, password, database, what opens the transaction, the statement, what comes of it: rows with
/// `|` between values and `;` between rows, or the beginning of an error.
type Seed = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const APP: (&str, &str) = ("app_user", "app_user");
const TEST_PASSWORD: &str = "TestPW123!";
const PAWNEE: &str = "set app.current_tenant_id = '7a245486-3fc8-47ec-b303-04fefe7a58ff'";
const REFUSED: &str = "ERROR: permission denied";
const VIOLATES: &str = "ERROR: new row violates row-level security policy";

const SEEDS: &[Seed] = &[
    // 001: Enforce row-level security with the RDS Data API
    app("postgres", "set app.current_tenant = 1", "select * from tenant", "1|Tenant1|50000"),
    app("postgres", "set app.current_tenant = 2", "select * from tenant", "2|Tenant2|60000"),
    app("postgres", "set app.current_tenant = 3", "select * from tenant", "3|Tenant3|40000"),
    app("postgres", "", "select * from tenant", ""),
    app("postgres", "set app.current_tenant = ''", "select * from tenant", ""),
    app("postgres", "", "select get_tenant_data(2)", "Tenant2"),
    app("postgres", "select get_tenant_data(2)", "select get_tenant_data(3)", "Tenant3"),
    app("postgres", "select get_tenant_data(2)", "select * from tenant", ""),
    app("postgres", "", "select get_tenant_data(9)", ""),
    app("postgres", "", "select get_tenant_data(null)", ""),
    app("postgres", "set app.current_tenant = 2", "select get_tenant_data(2)", "Tenant2"),
    app(
        "postgres",
        "set app.current_tenant = 1",
        "select get_tenant_data(2)",
        "ERROR: this transaction belongs to another tenant",
    ),
    app("postgres", "set app.current_tenant = 1", "insert into tenant values (4)", VIOLATES),
    app("postgres", "set app.current_tenant = 1", "update tenant set tenant_id = 2", VIOLATES),
    app("postgres", "set app.current_tenant = 1", "truncate tenant", REFUSED),
    app("postgres", "set app.current_tenant = 1", "create table mine ()", REFUSED),
    app("postgres", "set app.current_tenant = 1", "create temporary table mine ()", REFUSED),
    // 002: pooled isolation
    app("postgres", "set app.current_tenant = tenant1", "select user_id from users", "1;2"),
    app("postgres", "set app.current_tenant = tenant2", "select user_name from users", "Chiara"),
    app("postgres", "", "select * from users", ""),
    // 003: pg-tenant-isolation
    app(
        "postgres",
        PAWNEE,
        "select title from items order by title",
        "art-fair;bench;concert;drinking-fountain;emergency-kit",
    ),
    app("postgres", PAWNEE, "select name from tenants", "pawnee-parks-and-rec"),
    app(
        "postgres",
        PAWNEE,
        "select count(*), count(distinct tenants.id) from tenants \
         left outer join items on tenants.id = items.tenant_id",
        "5|1",
    ),
    app("postgres", "", "select * from items", ""),
    // 000: onlineshop
    app(
        "onlineshop",
        "SET app.current_tenant = tenant_3",
        "select tenant_id, product_id from product order by 2",
        "tenant_3|1;tenant_3|2",
    ),
    app("onlineshop", "", "select * from product", ""),
    app("onlineshop", "", "create temporary table mine ()", REFUSED),
    // 004: rls_vip
    tenant("t1", "set app.tenant_id = 1", "select * from sh_vip.t_user", "1|10|Zhang San"),
    tenant("t2", "set app.tenant_id = 2", "select * from sh_vip.t_user", "2|20|Li Si"),
    tenant("t1", "", "select * from sh_vip.t_user", ""),
    tenant(
        "t1",
        "set app.tenant_id = 1",
        "insert into sh_vip.t_user values (1, 11, 'Leo') returning user_id",
        "11",
    ),
    tenant(
        "t1",
        "set app.tenant_id = 1",
        "insert into sh_vip.t_user values (2, 21, 'Darren')",
        VIOLATES,
    ),
    tenant(
        "t1",
        "set app.tenant_id = 1",
        "update sh_vip.t_user set tenant_name = 'Leo1' where user_id = 20 returning user_id",
        "",
    ),
    tenant(
        "t1",
        "set app.tenant_id = 1",
        "delete from sh_vip.t_user where user_id = 20 returning user_id",
        "",
    ),
    tenant("t1", "set app.tenant_id = 1", "truncate sh_vip.t_user", REFUSED),
    tenant("t1", "", "create table sh_vip.mine ()", REFUSED),
    tenant("bypassrls_user", "", "select user_id from sh_vip.t_user order by 1", "10;20"),
];

/// The trials.
pub fn cases() -> Vec<Case> {
    vec![
        case("seeds::as_printed", as_printed),
        case("seeds::roles_are_what_they_may_be", roles_are_what_they_may_be),
        case("seeds::every_table_is_forced", every_table_is_forced),
    ]
}

fn as_printed(stand: &Stand) {
    let cluster = stand.cluster();
    for (role, password, database, before, sql, expected) in SEEDS {
        let mut direct = cluster.address.connect_as(role, password, database);
        direct.query("begin");
        direct.query(before);
        let found = shown(direct.try_query(sql));
        let fits = if expected.starts_with("ERROR") {
            found.starts_with(expected)
        } else {
            found == *expected
        };
        assert!(fits, "{role}, {before:?}: {sql}\nexpected {expected:?}\n   found {found:?}");
    }
}

fn roles_are_what_they_may_be(stand: &Stand) {
    let sql = "select rolname, rolsuper or rolreplication or rolcreaterole or rolcreatedb, \
               rolbypassrls from pg_roles where rolname in ('app_user', 'bypassrls_user', 'owner', \
               'postgres', 't1', 't2') order by 1";
    let found = shown(superuser(stand.cluster(), "postgres").try_query(sql));
    assert_eq!(
        found, "app_user|f|f;bypassrls_user|f|t;owner|f|f;postgres|t|t;t1|f|f;t2|f|f",
        "only the superuser of the private cluster is one"
    );
}

fn every_table_is_forced(stand: &Stand) {
    // Other trials have tables of their own in these databases.
    for (database, tables) in [
        ("postgres", "items;tenant;tenants;users"),
        ("onlineshop", "product"),
        ("rls_vip", "t_user"),
    ] {
        let names = tables.replace(';', "', '");
        let sql = format!(
            "select relname from pg_class join pg_policy on polrelid = pg_class.oid \
             where relname in ('{names}') and relrowsecurity and relforcerowsecurity \
             and relowner = 'owner'::regrole and polqual is not null and polwithcheck is not null \
             order by 1"
        );
        assert_eq!(shown(superuser(stand.cluster(), database).try_query(&sql)), tables);
    }
}

const fn app(
    database: &'static str,
    before: &'static str,
    sql: &'static str,
    expected: &'static str,
) -> Seed {
    (APP.0, APP.1, database, before, sql, expected)
}

const fn tenant(
    role: &'static str,
    before: &'static str,
    sql: &'static str,
    expected: &'static str,
) -> Seed {
    (role, TEST_PASSWORD, "rls_vip", before, sql, expected)
}

fn superuser(cluster: &Cluster, database: &str) -> Direct {
    cluster.address.connect(database)
}

fn shown(rows: Result<Vec<Vec<Option<String>>>, String>) -> String {
    let row = |row: Vec<Option<String>>| {
        row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|")
    };
    match rows {
        Ok(rows) => rows.into_iter().map(row).collect::<Vec<_>>().join(";"),
        Err(error) => error,
    }
}
