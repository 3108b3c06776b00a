//! `columnMetadata`: what the JDBC driver would say, and that finding it out costs the callers
//! nothing.

use std::time::Instant;

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::case::{Case, case, suite};
use crate::person::Person;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "data_api::metadata",
        &[
            ("all_fourteen_members", all_fourteen_members),
            ("in_a_transaction", in_a_transaction),
            ("of_what_only_the_transaction_sees", of_what_only_the_transaction_sees),
            ("absent_without_a_result_set", absent_without_a_result_set),
            ("what_is_known_is_not_asked_for_again", what_is_known_is_not_asked_for_again),
            ("a_definition_through_the_gateway_is_seen", a_definition_through_the_gateway_is_seen),
            ("a_hostile_search_path_changes_nothing", a_hostile_search_path_changes_nothing),
            ("a_locked_table_does_not_hold_it_up", a_locked_table_does_not_hold_it_up),
        ],
    );
    cases.extend(COLUMNS.iter().map(|&(expression, type_name, numbers, origin)| {
        case(format!("data_api::metadata::{expression}"), move |stand| {
            let sql = format!("select {expression} from described");
            let found = described(&stand.tenant("tenant_1"), &sql).remove(0);
            let of = |members: &[&str]| members.iter().map(|m| found[m].clone()).collect::<Value>();
            assert_eq!(found["typeName"], type_name, "{found}");
            let numbers: Value = serde_json::from_str(numbers).unwrap();
            assert_eq!(of(&["type", "precision", "scale", "arrayBaseColumnType"]), numbers);
            let origin: Value = serde_json::from_str(origin).unwrap();
            assert_eq!(of(&["tableName", "nullable", "isAutoIncrement"]), origin);
            assert_eq!(found["schemaName"], "");
        })
    }));
    cases
}

/// An expression over `described`; typeName; type, precision, scale, arrayBaseColumnType;
/// tableName, nullable, isAutoIncrement.
const COLUMNS: &[(&str, &str, &str, &str)] = &[
    ("id", "serial", "[4,10,0,0]", r#"["described",0,true]"#),
    ("id as alias", "serial", "[4,10,0,0]", r#"["described",0,true]"#),
    ("big", "bigserial", "[-5,19,0,0]", r#"["described",0,true]"#),
    ("small", "int2", "[5,5,0,0]", r#"["described",0,true]"#),
    ("ident", "bigserial", "[-5,19,0,0]", r#"["described",0,true]"#),
    ("own", "int4", "[4,10,0,0]", r#"["described",1,false]"#),
    ("name", "varchar", "[12,20,0,0]", r#"["described",0,false]"#),
    ("price", "numeric", "[2,10,2,0]", r#"["described",1,false]"#),
    ("price * 2", "numeric", "[2,0,0,0]", r#"["",2,false]"#),
    // A column of a domain is described as one of the type below; a domain may forbid NULL.
    ("nick", "text", "[12,2147483647,0,0]", r#"["described",0,false]"#),
    ("pos", "int4", "[4,10,0,0]", r#"["described",1,false]"#),
    ("mood", "mood", "[12,2147483647,0,0]", r#"["described",1,false]"#),
    ("moods", "_mood", "[2003,2147483647,0,12]", r#"["described",1,false]"#),
    ("pairs", "_pair", "[2003,2147483647,0,2002]", r#"["described",1,false]"#),
    ("poss", "_positive", "[2003,2147483647,0,2001]", r#"["described",1,false]"#),
    ("at", "timestamp", "[93,26,3,0]", r#"["described",1,false]"#),
    ("tags", "_text", "[2003,2147483647,0,12]", r#"["described",0,false]"#),
    ("array[1]", "_int4", "[2003,10,0,4]", r#"["",2,false]"#),
    ("null::\"Mixed Case\"", "Mixed Case", "[12,2147483647,0,0]", r#"["",2,false]"#),
    ("row(1, 'x')::pair", "pair", "[2002,2147483647,0,0]", r#"["",2,false]"#),
    ("row(1, 'x')", "record", "[1111,2147483647,0,0]", r#"["",2,false]"#),
    ("ctid", "tid", "[1111,2147483647,0,0]", r#"["described",0,false]"#),
    ("(select twice from seen limit 1)", "numeric", "[2,0,0,0]", r#"["",2,false]"#),
    ("(select 1::regtype)", "regtype", "[1111,2147483647,0,0]", r#"["",2,false]"#),
    ("null::pg_type", "pg_type", "[2002,2147483647,0,0]", r#"["",2,false]"#),
];

fn ask(person: &Person, sql: &str) -> Answer {
    person.sql(sql).with("includeResultMetadata", true).run().ok()
}

fn described(person: &Person, sql: &str) -> Vec<Value> {
    ask(person, sql).json()["columnMetadata"].as_array().unwrap().clone()
}

fn all_fourteen_members(stand: &Stand) {
    let found = described(&stand.tenant("tenant_1"), "select 123, id as i from seen");
    let expression = json!({
        "arrayBaseColumnType": 0, "isAutoIncrement": false, "isCaseSensitive": false,
        "isCurrency": false, "isSigned": true, "label": "?column?", "name": "?column?",
        "nullable": 2, "precision": 10, "scale": 0, "schemaName": "", "tableName": "",
        "type": 4, "typeName": "int4",
    });
    let of_a_view = json!({
        "arrayBaseColumnType": 0, "isAutoIncrement": false, "isCaseSensitive": false,
        "isCurrency": false, "isSigned": true, "label": "i", "name": "i",
        "nullable": 1, "precision": 10, "scale": 0, "schemaName": "", "tableName": "seen",
        "type": 4, "typeName": "int4",
    });
    assert_eq!(found, [expression, of_a_view]);
}

fn in_a_transaction(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let transaction = tenant.begin();
    let sql = "select id, moods, '{sad}'::mood[] from described";
    for _ in 0..2 {
        let answer = transaction.sql(sql).with("includeResultMetadata", true).run().ok().json();
        let names: Vec<_> = (0..3).map(|at| &answer["columnMetadata"][at]["typeName"]).collect();
        assert_eq!(names, ["serial", "_mood", "_mood"]);
    }
    let sets = transaction.execute("select '{sad,NULL}'::mood[]").ok().json();
    assert_eq!(sets["records"][0][0], json!({"arrayValue": {"stringValues": ["sad", null]}}));
    transaction.rollback().ok();
}

/// Nobody else sees what it has made; the call does not fail for that.
fn of_what_only_the_transaction_sees(stand: &Stand) {
    let admin = stand.admin();
    let transaction = admin.begin();
    transaction.execute("create type fresh as enum ('a')").ok();
    transaction.execute("create table unseen (id serial, f fresh, fs fresh[])").ok();
    transaction.execute("insert into unseen (f, fs) values ('a', '{a}')").ok();
    let sql = "select id, f, fs from unseen";
    let answer = transaction.sql(sql).with("includeResultMetadata", true).run().ok().json();
    assert_eq!(answer["columnMetadata"][0]["typeName"], "int4");
    assert_eq!(answer["columnMetadata"][0]["nullable"], 2);
    assert_eq!(answer["records"][0][1], json!({"stringValue": "a"}));
    assert_eq!(answer["records"][0][2], json!({"stringValue": "{a}"}));
    transaction.commit().ok();
    let answer = ask(&admin, sql).json();
    assert_eq!(answer["columnMetadata"][0]["typeName"], "serial");
    assert_eq!(answer["columnMetadata"][2]["typeName"], "_fresh");
    assert_eq!(answer["records"][0][2], json!({"arrayValue": {"stringValues": ["a"]}}));
    admin.execute("drop table unseen").ok();
    admin.execute("drop type fresh").ok();
}

fn absent_without_a_result_set(stand: &Stand) {
    let tenant = stand.tenant("tenant_1");
    let answer = ask(&tenant, "update described set own = 1 where false").json();
    assert_eq!(answer.get("columnMetadata"), None);
    let answer = tenant
        .sql("select id from described")
        .with("includeResultMetadata", true)
        .with("formatRecordsAs", "JSON")
        .run()
        .ok();
    assert_eq!(answer.json(), json!({"formattedRecords": "[]", "numberOfRecordsUpdated": 0}));
    // The format is ignored where there is no SELECT.
    let sql = "insert into described (tenant, name, nick, tags) values ('tenant_1', 'n', 'n', '{}')
               returning name";
    let call = tenant.sql(sql).with("includeResultMetadata", true).with("formatRecordsAs", "JSON");
    let answer = call.run().ok().json();
    assert_eq!(answer["records"], json!([[{"stringValue": "n"}]]));
    assert_eq!(answer["columnMetadata"][0]["tableName"], "described");
}

/// While the catalog is locked, a look-up waits until it is given up, and names are lost: so it is
/// seen who asks. In a database of its own, for the others' sake.
fn what_is_known_is_not_asked_for_again(stand: &Stand) {
    let gateway = stand.gateway("catalog", &[("POOL__SHARDS", "1")]);
    let person = |person: Person| person.naming("database", "it_locked");
    let (admin, tenant) = (person(gateway.admin()), person(gateway.tenant("tenant_1")));
    // Without defaults, so that PostgreSQL itself has no business with the catalog of defaults.
    admin.execute("create table plain (id int not null, own int)").ok();
    admin.execute("grant select on plain to public").ok();
    assert_eq!(described(&tenant, "select id from plain")[0]["tableName"], "plain");

    let mut direct = stand.cluster().address.connect("it_locked");
    direct.query("begin");
    direct.query("lock table pg_catalog.pg_attrdef in access exclusive mode");
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(described(&tenant, "select id from plain")[0]["tableName"], "plain");
    }
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    for _ in 0..3 {
        let own = described(&tenant, "select own from plain");
        assert_eq!((&own[0]["tableName"], &own[0]["nullable"]), (&json!(""), &json!(2)));
    }
    // One of them waited, the others did not even try.
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    direct.query("rollback");

    direct.query("revoke select on pg_catalog.pg_type from public");
    let reader = person(gateway.tenant("tenant_1")).via("reader");
    let answer = ask(&reader, "select null::information_schema.sql_identifier[], 1").json();
    assert_eq!(answer["records"], json!([[{"isNull": true}, {"longValue": 1}]]));
    assert_eq!(answer["columnMetadata"][0]["typeName"], "");
}

fn a_definition_through_the_gateway_is_seen(stand: &Stand) {
    let gateway = stand.gateway("catalog", &[("POOL__SHARDS", "1")]);
    let owner = gateway.app().via("owner");
    owner.execute("create table defined (a int, b mood)").ok();
    let sql = "select a, b from defined";
    let seen = |person: &Person| {
        let found = described(person, sql);
        json!([found[0]["nullable"], found[1]["typeName"]])
    };
    assert_eq!(seen(&owner), json!([1, "mood"]));
    owner.execute("alter table defined alter a set not null").ok();
    assert_eq!(seen(&owner), json!([0, "mood"]));
    let transaction = owner.begin();
    transaction.execute("alter table defined alter a drop not null").ok();
    transaction.commit().ok();
    assert_eq!(seen(&owner), json!([1, "mood"]));
    owner.execute("drop table defined").ok();
}

/// Operators and functions of the same names, found first.
fn a_hostile_search_path_changes_nothing(stand: &Stand) {
    let mut direct = stand.cluster().address.connect("it");
    direct.query(
        "create schema trap; grant usage on schema trap to public;
         create function trap.eq(oid, oid) returns boolean language plpgsql
            as $$ begin raise 'trapped'; end $$;
         create operator trap.= (leftarg = oid, rightarg = oid, function = trap.eq);
         create function trap.unnest(oid[]) returns setof oid language plpgsql
            as $$ begin raise 'trapped'; end $$;
         create table trap.pg_type (oid oid); create table trap.pg_class (oid oid);
         alter role it_reader in database it set search_path = trap, pg_catalog, public;",
    );
    let gateway = stand.gateway("trapped", &[("POOL__SHARDS", "1")]);
    let reader = gateway.tenant("tenant_1").via("reader");
    let found = described(&reader, "select 'sad'::public.mood, '{sad}'::public.mood[]");
    let names = [&found[0]["typeName"], &found[1]["typeName"]];
    direct.query("alter role it_reader in database it reset search_path; drop schema trap cascade");
    assert_eq!(names, ["mood", "_mood"]);
}

/// DDL in an open transaction keeps others from the table, and from nothing else.
fn a_locked_table_does_not_hold_it_up(stand: &Stand) {
    let admin = stand.gateway("catalog", &[("POOL__SHARDS", "1")]).admin();
    admin.execute("create table locked (id serial, v int default 1)").ok();
    let transaction = admin.begin();
    transaction.execute("alter table locked alter v set not null").ok();
    let sql = "select id, v from locked";
    let started = Instant::now();
    let answer = transaction.sql(sql).with("includeResultMetadata", true).run().ok().json();
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    assert_eq!(answer["columnMetadata"][0]["typeName"], "serial");
    transaction.commit().ok();
    assert_eq!(described(&admin, sql)[1]["nullable"], 0);
    admin.execute("drop table locked").ok();
}
