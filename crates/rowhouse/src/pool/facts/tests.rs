//! When the catalog is asked, and when not.

use std::time::Duration;

use rowhouse_data_api::catalog::{ColumnOrigin, NamedType, TypeKind};
use rowhouse_protocol::backend::{Column, Columns};
use rowhouse_protocol::oid;
use tokio::time::Instant;

use super::{BELIEVED, FACTS_MAX, FactTable, PAUSE};

const MOOD: u32 = 99_999;
const SECOND: Duration = Duration::from_secs(1);

fn columns(columns: &[(u32, i16, u32)]) -> Columns {
    let column = |&(table_oid, attribute, type_oid): &(u32, i16, u32)| Column {
        name: String::new(),
        table_oid,
        attribute,
        type_oid,
        type_size: -1,
        type_modifier: -1,
        format: 0,
    };
    Columns { columns: columns.iter().map(column).collect() }
}

fn origin() -> ColumnOrigin {
    ColumnOrigin { table: "t".to_owned(), nullable: true, auto_increment: false }
}

fn mood() -> NamedType {
    NamedType { name: "mood".to_owned(), kind: TypeKind::Enum, array: None }
}

#[test]
fn only_what_is_wanted_is_asked_for() {
    let result = columns(&[(7, 1, oid::INT4), (0, 0, MOOD), (7, -1, oid::TID), (0, 0, oid::TEXT)]);
    let now = Instant::now();
    let (facts, missing) = FactTable::default().of(&result, true, now);
    assert_eq!(facts.len(), 4);
    assert_eq!((missing.columns, missing.types), (vec![(7, 1), (7, -1)], vec![MOOD]));
    let (facts, missing) = FactTable::default().of(&result, false, now);
    assert_eq!((facts.len(), missing.columns.len(), missing.types), (4, 0, vec![MOOD]));
    let plain = columns(&[(7, 1, oid::INT4), (0, 0, oid::UUID_ARRAY)]);
    let (facts, missing) = FactTable::default().of(&plain, false, now);
    assert!(facts.is_empty() && missing.is_empty());
}

#[test]
fn what_is_known_is_not_asked_for_again_until_it_is_old() {
    let result = columns(&[(7, 1, MOOD)]);
    let mut table = FactTable::default();
    let start = Instant::now();
    table.keep_column((7, 1), origin(), start);
    table.keep_type(MOOD, mood(), start);
    for (after, asked) in [
        (Duration::ZERO, false),
        (BELIEVED - SECOND, false),
        (BELIEVED, true),
        // One asks, the others make do with what there is.
        (BELIEVED + SECOND, false),
        (BELIEVED + SECOND * 60, true),
    ] {
        let (facts, missing) = table.of(&result, true, start + after);
        assert_eq!(!missing.is_empty(), asked, "{after:?}");
        let known = facts.first().map(|f| f.origin.is_some() && f.named_type.is_some());
        assert_eq!(known, Some(true));
    }
    table.forget();
    assert!(!table.of(&result, true, start).1.is_empty());
}

#[test]
fn after_a_failure_there_is_a_pause() {
    let result = columns(&[(7, 1, MOOD)]);
    let mut table = FactTable::default();
    let start = Instant::now();
    table.pause(start);
    assert!(table.of(&result, true, start + PAUSE - SECOND).1.is_empty());
    assert!(!table.of(&result, true, start + PAUSE).1.is_empty());
}

#[test]
fn it_does_not_grow_without_end() {
    let mut table = FactTable::default();
    let now = Instant::now();
    for number in 0..u32::try_from(FACTS_MAX * 3).unwrap_or(u32::MAX) {
        table.keep_column((number, 1), origin(), now);
        table.keep_type(number, mood(), now);
        assert!(table.columns.len() <= FACTS_MAX && table.types.len() <= FACTS_MAX);
    }
}
