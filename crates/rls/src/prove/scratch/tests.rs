//! Rows that are made up.

use super::*;
use crate::prove::sample::{Sample, SampledTenant};

fn catalog(text: &str) -> Catalog {
    let mut catalog = Catalog::default();
    let column = |number: i16, name: &str, type_name: &str| Column {
        number,
        name: name.to_owned(),
        type_name: type_name.to_owned(),
        not_null: true,
        ..Column::default()
    };
    let table = |oid: u64, name: &str, columns: Vec<Column>| Relation {
        oid,
        name: name.to_owned(),
        columns,
        ..Relation::default()
    };
    let item = vec![column(1, "tenant_id", text), column(2, "id", "uuid")];
    let line = vec![column(1, "tenant_id", text), column(2, "item", "uuid")];
    // The child comes first.
    catalog.relations = [(1, table(1, "line", line)), (2, table(2, "item", item))].into();
    catalog.foreign_keys = vec![crate::catalog::ForeignKey {
        table: 1,
        columns: vec![2],
        referenced: 2,
        referenced_columns: vec![2],
        ..crate::catalog::ForeignKey::default()
    }];
    catalog
}

#[test]
fn parents_come_first_and_references_lead_to_the_same_tenant() {
    let empty: Samples = [(1, Sample::default()), (2, Sample::default())].into();
    let seeds = seeds(&catalog("integer"), &Conventions::default(), &empty);
    let tables: Vec<&str> = seeds.iter().map(|seed| seed.table.as_str()).collect();
    assert_eq!(tables, ["item", "line", "item", "line"]);
    for (pair, tenant) in seeds.chunks(2).zip(["30998", "30999"]) {
        let id = |sql: &str| sql.split("'").find(|one| one.starts_with("0000")).map(str::to_owned);
        assert_eq!(id(&pair[0].sql), id(&pair[1].sql));
        for seed in pair {
            assert!(seed.sql.contains(&format!("'{tenant}'::integer")), "{}", seed.sql);
        }
    }
}

#[test]
fn tenants_that_have_rows_elsewhere_are_taken_first() {
    let known = SampledTenant { tenant: "acme".to_owned(), ..SampledTenant::default() };
    let one = Sample { tenants: vec![known], ..Sample::default() };
    let samples: Samples = [(1, Sample::default()), (2, one)].into();
    let seeds = seeds(&catalog("text"), &Conventions::default(), &samples);
    assert!(seeds.iter().filter(|seed| seed.sql.contains("'acme'::text")).count() == 2);
    assert!(seeds.iter().filter(|seed| seed.sql.contains("'prove-30998'::text")).count() == 2);
}

#[test]
fn values_fit_their_types() {
    for (type_name, sql) in [
        ("smallint", "'31001'"),
        ("character varying(4)", "'1001'"),
        ("numeric(4,2)", "'1'"),
        ("text[]", "'{}'"),
        ("timestamp with time zone", "'2026-01-01 00:00:00'"),
        ("sh.mood", "(enum_range(null::sh.mood))[1]"),
    ] {
        assert_eq!(made_up(type_name, 31_001), sql, "{type_name}");
    }
}
