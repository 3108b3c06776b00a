//! Tables and keys of small catalogs: order, owners, renewals, manifests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::manifest::{Manifest, file_name};
use super::words::{Crossing, Words};
use super::{Life, life, stage};
use crate::catalog::{Catalog, Column, ForeignKey, Index, Relation, RelationKind, Sequence};
use crate::doctor::Conventions;

/// Tables as `name column …`: `+` before a column makes it the primary key, `#` draws it from a
/// sequence.
fn catalog(tables: &[&str], keys: &[&str]) -> Catalog {
    let mut catalog = Catalog::default();
    for (oid, line) in (1_u64..).zip(tables) {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        let mut relation = Relation { oid, name, ..Relation::default() };
        let mut primary = Vec::new();
        for (number, word) in (1_i16..).zip(words) {
            let column = word.trim_start_matches(['+', '#']).to_owned();
            if word.contains('+') {
                primary.push(number);
            }
            if word.contains('#') {
                let name = format!("{column}_seq");
                catalog.sequences.push(Sequence {
                    name,
                    table: oid,
                    column: number,
                    ..Sequence::default()
                });
            }
            let type_name = "integer".to_owned();
            relation.columns.push(Column { number, name: column, type_name, ..Column::default() });
        }
        let (unique, primary_key) = (true, true);
        catalog.indexes.push(Index {
            table: oid,
            unique,
            primary: primary_key,
            columns: primary,
            ..Index::default()
        });
        catalog.relations.insert(oid, relation);
    }
    for line in keys {
        let (from, to) = line.split_once(" > ").unwrap();
        let read = |text: &str| {
            let (table, columns) = text.split_once('.').unwrap();
            let relation = catalog.relations.values().find(|one| one.name == table).unwrap();
            let number = |name: &str| relation.column(name).unwrap().number;
            (relation.oid, columns.split(',').map(number).collect::<Vec<i16>>())
        };
        let ((table, columns), (referenced, referenced_columns)) = (read(from), read(to));
        let on_delete = 'a';
        let name = (*line).to_owned();
        catalog.foreign_keys.push(ForeignKey {
            name,
            table,
            columns,
            referenced,
            referenced_columns,
            on_delete,
            on_update: 'a',
        });
    }
    catalog
}

fn lived(tables: &[&str], keys: &[&str]) -> Life {
    life(&catalog(tables, keys), &Conventions::default())
}

fn groups(life: &Life) -> String {
    let name = |place: &usize| life.tables[*place].name.clone();
    let group = |group: &Vec<usize>| group.iter().map(name).collect::<Vec<_>>().join("+");
    life.groups.iter().map(group).collect::<Vec<_>>().join(" ")
}

#[test]
fn who_is_referred_to_comes_first() {
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&["b tenant_id a", "a tenant_id +id"], &["b.a > a.id"], "a b"),
        (&["a tenant_id +id up"], &["a.up > a.id"], "a"),
        (
            &["a tenant_id +id b", "b tenant_id +id a", "c tenant_id a"],
            &["a.b > b.id", "b.a > a.id", "c.a > a.id"],
            "a+b c",
        ),
        (&["line item", "item tenant_id +id", "shared +id"], &["line.item > item.id"], "item line"),
        (&["shared +id", "a tenant_id s"], &["a.s > shared.id"], "a"),
        (
            &["c b", "b +id a", "a tenant_id +id t", "t +id"],
            &["c.b > b.id", "b.a > a.id", "a.tenant_id > t.id"],
            "t a b c",
        ),
    ];
    for (tables, keys, expected) in cases {
        assert_eq!(groups(&lived(tables, keys)), expected, "{tables:?}");
    }
}

#[test]
fn partitions_views_and_the_gateways_own_tables_are_left_to_others() {
    let mut catalog =
        catalog(&["a tenant_id", "a1 tenant_id", "own tenant_id", "f tenant_id"], &[]);
    let change = |catalog: &mut Catalog, oid: u64, change: fn(&mut Relation)| {
        change(catalog.relations.get_mut(&oid).unwrap());
    };
    change(&mut catalog, 1, |one| one.kind = RelationKind::Partitioned);
    change(&mut catalog, 2, |one| (one.partition, one.parents) = (true, vec![1]));
    change(&mut catalog, 3, |one| one.schema = "rowhouse".to_owned());
    change(&mut catalog, 4, |one| one.kind = RelationKind::Foreign);
    let life = life(&catalog, &Conventions::default());
    assert_eq!(groups(&life), "a");
    assert_eq!(life.tables[0].from(), "a");
    assert!(life.remarks[0].contains("a foreign table"), "{:?}", life.remarks);
}

#[test]
fn what_only_refers_to_tenants_rows_is_theirs() {
    let life = lived(
        &["item tenant_id +id", "line +id item up", "note line"],
        &["line.item > item.id", "line.up > line.id", "note.line > line.id"],
    );
    let none = BTreeSet::new();
    let words = Words::new(&life, "o'x", &none).unwrap();
    assert_eq!(words.own(0, "t"), "t.tenant_id = 'o''x'");
    assert_eq!(
        words.own(2, "t"),
        "(exists (select from only line o0 where o0.id = t.line and \
         (exists (select from only item o1 where o1.id = o0.item and o1.tenant_id = 'o''x'))))"
    );
    let inward = words.crossing(&life.keys[0], Crossing::Inward);
    assert!(inward.contains("p.tenant_id = 'o''x' and not coalesce("), "{inward}");
    let impossible = BTreeSet::from(["integer".to_owned()]);
    let words = Words::new(&life, "x", &impossible).unwrap();
    assert_eq!(words.own(0, "t"), "(false and t.tenant_id is not null)");
}

/// Each way multiplies; nobody gets a statement of gigabytes.
#[test]
fn a_maze_of_keys_is_refused() {
    let tables: Vec<String> = (0..30)
        .map(|one| format!("t{one} +id a b{}", if one == 0 { " tenant_id" } else { "" }))
        .collect();
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    let keys: Vec<String> = (1..30)
        .flat_map(|one| ["a", "b"].map(|column| format!("t{one}.{column} > t{}.id", one - 1)))
        .collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (life, none) = (lived(&tables, &keys), BTreeSet::new());
    let refused = Words::new(&life, "1", &none).err().unwrap();
    assert!(refused.contains("too far from a table with a tenant column"), "{refused}");
}

#[test]
fn keys_that_two_tenants_cannot_share_are_renewed_wherever_they_stand() {
    let life = lived(
        &[
            "tenants +#id",
            "item tenant_id +#id",
            "scoped +tenant_id +#id",
            "profile tenant_id +item",
            "photo tenant_id profile",
        ],
        &["item.tenant_id > tenants.id", "profile.item > item.id", "photo.profile > profile.item"],
    );
    let renewed: Vec<usize> = life.tables.iter().map(|table| table.renewed.len()).collect();
    assert_eq!(renewed, [0, 1, 0, 0, 0]);
    assert_eq!(life.origin(4, "profile"), (1, "id".to_owned()));
    assert!(life.holds_tenant(0, "id") && life.holds_tenant(4, "tenant_id"));
    let sql = stage::renew(&life, &[0, 1, 2, 3, 4]).join(";\n");
    assert!(sql.contains("nextval('id_seq')"), "{sql}");
    assert!(sql.contains("where m.old = s.profile"), "{sql}");
    let given = stage::give(&life, 0, "1", "2'").unwrap();
    assert!(given.contains("id = case when id = '1' then '2''' else id end"), "{given}");
}

#[test]
fn a_manifest_is_believed_in_nothing_that_becomes_sql() {
    let life = lived(&["item tenant_id +id"], &[]);
    let good = r#"{"format": "rowhouse-tenant-export", "version": 1, "rowhouse": "", "tenant": "1",
        "exported_at": "", "database": "", "server": "", "sequences": [], "remarks": [],
        "tables": [{"name": "item", "file": "0001-item.csv", "rows": 1, "bytes": 1, "sha256": "",
        "tenant_column": null, "columns": [{"name": "id", "type": "integer"}]}]}"#;
    let read = |text: &str| {
        let manifest = Manifest::read(text)?;
        manifest.places(&life).map_err(|problems| problems.join("; "))
    };
    assert_eq!(read(good), Ok(vec![(0, vec!["id".to_owned()])]));
    for (from, to, why) in [
        ("rowhouse-tenant-export", "other", "not an export"),
        ("\"version\": 1", "\"version\": 2", "version 2"),
        ("0001-item.csv", "../item.csv", "no name of a file"),
        ("0001-item.csv", ".csv", "no name of a file"),
        ("0001-item.csv", "/etc/passwd", "no name of a file"),
        (
            "\"name\": \"item\"",
            "\"name\": \"item; drop table item\"",
            "there is no table item; drop",
        ),
        ("\"name\": \"id\"", "\"name\": \"id) select\"", "no such column"),
        ("\"integer\"", "\"text\"", "it is integer here and was text"),
        ("{\"format", "[", "cannot be read"),
    ] {
        let refused = read(&good.replacen(from, to, 1)).unwrap_err();
        assert!(refused.contains(why), "{to}: {refused}");
    }
    for end in 0..good.len() - 1 {
        assert!(read(good.get(..end).unwrap_or("")).is_err(), "{end}");
    }
}

#[test]
fn file_names_are_plain() {
    for (table, expected) in [
        ("public.item", "0007-public_item.csv"),
        ("\"A b\".\"ü/../\"\"x\"", "0007-_A_b______________x_.csv"),
    ] {
        let found = file_name(7, table);
        assert!(found.len() == expected.len() || !table.is_ascii(), "{found}");
        assert!(found.is_ascii() && !found.contains("..") && !found.contains('/'), "{found}");
    }
    assert!(file_name(1, &"x".repeat(500)).len() <= 100);
}
