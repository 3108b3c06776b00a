//! Rows that the queries return, and rows that they do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{Catalog, Part};

#[test]
fn queries_are_one_statement_about_the_role() {
    for part in Part::ALL {
        let query = part.query("o'neil; drop");
        assert!(!query.contains('$') && !query.contains(":role"), "{part:?}");
        assert_eq!(query.matches("'o''neil; drop'").count(), query.matches("o''neil").count());
        assert_eq!(query.replace("'o''neil; drop'", "").matches(';').count(), 0, "{part:?}");
    }
}

#[test]
fn rows_become_values() {
    let mut catalog = Catalog::default();
    catalog
        .take(Part::ViewReads, [r#"{"view": 1, "reads": 2}"#, r#"{"view": 2, "reads": 3}"#])
        .unwrap();
    catalog.take(Part::ViewReads, [r#"{"view": 3, "reads": 1}"#]).unwrap();
    assert_eq!(Vec::from_iter(catalog.read_by(1)), [1, 2, 3]);
    let sequence = r#"{"name": "s",
        "table": 1, "column": 2, "identity": true, "read": true, "advance": false, "set": true}"#;
    catalog.take(Part::Sequences, [sequence]).unwrap();
    assert!(catalog.sequences[0].set);
}

#[test]
fn nothing_is_overlooked() {
    for (part, row) in [
        (Part::Policies, "{}"),
        (Part::Relations, "[]"),
        (Part::Functions, ""),
        (Part::Indexes, r#"{"table": -1}"#),
        (Part::ForeignKeys, "null"),
    ] {
        let told = Catalog::default().take(part, [row]).unwrap_err().to_string();
        assert!(told.contains(&format!("{part:?}")), "{told}");
    }
    let none: [&str; 0] = [];
    assert!(Catalog::default().take(Part::Server, none).is_err());
}
