//! Plans of small catalogs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::{Engine, Intent, Phase, Plan, Shape, plan, script};
use crate::catalog::{Catalog, Part};
use crate::doctor::Conventions;

fn column(number: i16, name: &str) -> Value {
    json!({
        "number": number, "name": name, "type": "integer", "not_null": true, "identity": false,
        "generated": false, "default": "0", "statistics": true, "update": false,
    })
}

/// `sh.item (tenant_id, id)` and `sh.line (id, item)`, which refers to it without a tenant.
fn catalog(change: impl FnOnce(&mut Value, &mut Value)) -> Catalog {
    let relation = |oid: u64, name: &str, columns: &[Value]| {
        json!({
            "oid": oid, "schema": "sh", "name": name, "kind": "r", "owner": "owner",
            "owner_exempt": false, "role_owns": false, "row_security": false, "forced": false,
            "rows": 0, "partition": false, "parents": [], "security_invoker": false,
            "usage": true, "privileges": ["SELECT", "TRUNCATE"], "columns": columns,
            "publications": [],
        })
    };
    let mut item = relation(1, "sh.item", &[column(1, "tenant_id"), column(2, "id")]);
    let mut line = relation(2, "sh.line", &[column(1, "id"), column(2, "item")]);
    change(&mut item, &mut line);
    let server = json!({
        "version": 150_018, "database": "d", "role": "app", "temporary": false,
        "create_schema": false, "predefined": [], "settings": [], "default_privileges": [],
        "functions": [], "activity": false, "statements": [], "large_objects": 0,
        "foreign_servers": [], "schemas": [], "all_tables_publications": [],
    });
    let key = json!({
        "name": "of_item", "table": 2, "columns": [2], "referenced": 1, "referenced_columns": [2],
        "on_delete": "n", "on_update": "a",
    });
    let role = json!({
        "name": "app", "login": true, "superuser": false, "bypass": false, "create_role": false,
        "replication": false,
    });
    let mut catalog = Catalog::default();
    catalog.take(Part::Server, [server.to_string().as_str()]).unwrap();
    let rows = [item.to_string(), line.to_string()];
    catalog.take(Part::Relations, rows.iter().map(String::as_str)).unwrap();
    catalog.take(Part::ForeignKeys, [key.to_string().as_str()]).unwrap();
    catalog.take(Part::Roles, [role.to_string().as_str()]).unwrap();
    catalog
}

fn planned(catalog: &Catalog, intent: Intent) -> Plan {
    plan(catalog, &Conventions::default(), &Intent { app_role: "app".to_owned(), ..intent })
}

fn about(plan: &Plan, text: &str) -> Vec<String> {
    let found = plan.steps.iter().filter(|step| step.sql.contains(text));
    found.map(|step| step.sql.clone()).collect()
}

#[test]
fn the_shape_of_policies() {
    let catalog = catalog(|_, _| {});
    let floor = planned(&catalog, Intent::default());
    assert_eq!(about(&floor, "create policy").len(), 4);
    assert_eq!(about(&floor, "as restrictive").len(), 2);
    let plain = planned(&catalog, Intent { shape: Shape::Plain, ..Intent::default() });
    assert_eq!(about(&plain, "create policy tenant_access on sh.item as permissive").len(), 1);
    assert!(about(&plain, "restrictive").is_empty());
    assert_eq!(
        about(&plain, "create policy tenant_access on sh.line"),
        ["create policy tenant_access on sh.line as permissive for all using (exists (select \
          from sh.item parent where parent.id = sh.line.item)) with check (exists (select from \
          sh.item parent where parent.id = sh.line.item))"]
    );
}

#[test]
fn engines_without_sub_selects() {
    let catalog = catalog(|_, _| {});
    for engine in [Engine::Citus, Engine::Cockroach] {
        let plan = planned(&catalog, Intent { engine, ..Intent::default() });
        assert!(plan.steps.iter().all(|step| !step.sql.contains("select ")), "{engine:?}");
        let told = plan.remarks.iter().any(|(object, _)| object == "sh.line");
        assert!(told, "{engine:?}: {:?}", plan.remarks);
    }
}

#[test]
fn rights_and_indexes() {
    let plan = planned(&catalog(|_, _| {}), Intent::default());
    assert_eq!(
        about(&plan, "on sh.item to app"),
        ["grant insert, update, delete on sh.item to app"]
    );
    assert_eq!(about(&plan, "truncate").len(), 2);
    let last = plan.steps.last().unwrap();
    assert_eq!(last.phase, Phase::Alone);
    assert_eq!(last.sql, "create index concurrently item_tenant_id_idx on sh.item (tenant_id)");
    assert_eq!(last.revert, "drop index if exists sh.item_tenant_id_idx");
}

#[test]
fn foreign_keys_keep_the_tenant_when_they_set_null() {
    let catalog = catalog(|_, line| {
        line["columns"] = json!([column(1, "tenant_id"), column(2, "item")]);
    });
    let plan = planned(&catalog, Intent { scope_keys: true, ..Intent::default() });
    assert_eq!(
        about(&plan, "foreign key"),
        ["alter table sh.line drop constraint of_item, add constraint of_item foreign key \
          (tenant_id, item) references sh.item (tenant_id, id) on delete set null (item)"]
    );
    assert_eq!(about(&plan, "add unique"), ["alter table sh.item add unique (tenant_id, id)"]);
    let left = planned(&catalog, Intent::default());
    assert!(left.remarks.iter().any(|(_, text)| text.contains("--scope-keys")));
}

#[test]
fn names_do_not_end_comments() {
    let catalog = catalog(|item, _| item["name"] = json!("sh.\"a\nb; drop\""));
    let script = script(&planned(&catalog, Intent::default()), "d");
    assert!(script.lines().all(|line| !line.starts_with("b; drop") || line.contains("\" ")));
    assert!(script.contains("\n-- sh.\"a b; drop\"\n"), "{script}");
}

fn sealed(catalog: &Catalog) -> Plan {
    let conventions = Conventions { sealed: true, ..Conventions::default() };
    let intent = Intent { app_role: "app".to_owned(), ..Intent::default() };
    plan(catalog, &conventions, &intent)
}

/// What a superuser meets in a database that nobody has sealed.
fn unsealed(superuser: bool) -> Catalog {
    let mut catalog = catalog(|_, _| {});
    let seal = json!({
        "user": "op", "superuser": superuser, "members": [], "powers": [], "usage": false,
        "key_readers": [], "relations": ["pg_catalog.pg_locks"], "languages": ["plpgsql"],
        "functions": ["pg_catalog.set_config(text, text, boolean)", "pg_catalog.lo_get(oid)"],
    });
    catalog.take(Part::Seal, [seal.to_string().as_str()]).unwrap();
    catalog
}

#[test]
fn sealed_by_a_superuser() {
    let plan = sealed(&unsealed(true));
    let place = |text: &str| {
        let found = plan.steps.iter().position(|step| step.sql.contains(text));
        found.unwrap_or_else(|| panic!("{text}"))
    };
    let order = [
        "create role rowhouse_seal",
        "create schema if not exists rowhouse",
        "create table rowhouse.seal_key",
        "create or replace function rowhouse.tenant()",
        "create policy tenant_access on sh.item",
        "revoke execute on function pg_catalog.set_config",
        "grant execute on function pg_catalog.set_config",
        "create index",
    ];
    assert!(order.map(place).is_sorted(), "{:?}", order.map(place));
    assert!(about(&plan, "grant rowhouse_seal to").is_empty());
    for (text, count) in [
        ("tenant_id = (select rowhouse.tenant()::integer)", 2),
        ("current_setting('app.", 0),
        ("revoke execute on function pg_catalog.lo_get(oid) from public, app", 1),
        ("revoke select on pg_catalog.pg_locks from public, app", 1),
        ("revoke usage on language plpgsql from public, app", 1),
    ] {
        assert_eq!(about(&plan, text).len(), count, "{text}");
    }
}

#[test]
fn sealed_by_somebody_else() {
    let plan = sealed(&unsealed(false));
    let lent = about(&plan, "rowhouse_seal to op; grant create on schema rowhouse");
    let taken = about(&plan, "revoke rowhouse_seal from op");
    assert_eq!((lent.len(), taken.len()), (1, 1), "{:?}", plan.steps);
    for what in ["set_config(", "lo_get(", "pg_locks", "language plpgsql"] {
        let mut remarks = plan.remarks.iter();
        let told = remarks.any(|(_, text)| text.contains(what) && text.contains("a superuser"));
        assert!(told && about(&plan, &format!("revoke execute on function {what}")).is_empty());
    }
}
