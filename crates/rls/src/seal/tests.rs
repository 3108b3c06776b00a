//! The objects as text: what protects those that run with their owner's rights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

/// Something that is not as it was made.
type Change = fn(&mut Function);

fn named(name: &str) -> Object {
    objects().find(|one| one.name == name).unwrap()
}

/// The body without comments and strings, in words and marks.
fn pieces(object: &Object) -> Vec<String> {
    let body = object.sql.split("$seal$").nth(1).unwrap();
    let lines = body.lines().map(|line| line.split("--").next().unwrap_or_default());
    let mut pieces: Vec<String> = Vec::new();
    for (at, part) in lines.collect::<Vec<_>>().join(" ").split('\'').enumerate() {
        let mut joined = false;
        for c in part.chars().filter(|_| at % 2 == 0) {
            let belongs = c.is_alphanumeric() || "_.".contains(c);
            match pieces.last_mut().filter(|_| joined && belongs) {
                Some(last) => last.push(c),
                None => pieces.push(c.to_string()),
            }
            joined = belongs;
        }
    }
    pieces.retain(|piece| piece != " ");
    pieces
}

#[test]
fn there_are_five_in_their_order() {
    let names: Vec<_> = objects().map(|one| format!("{} {}", one.kind, one.name)).collect();
    assert_eq!(
        names,
        [
            "table seal_key",
            "table seal_session",
            "function begin_session",
            "function tenant",
            "function enter"
        ]
    );
}

/// Without a pinned `search_path` every name and operator must say its schema, or a caller decides
/// what it means.
#[test]
fn functions_without_a_path_name_every_schema() {
    const KEYWORDS: [&str; 2] = ["operator", "and"];
    for name in ["tenant", "enter"] {
        let object = named(name);
        assert!(!object.sql.contains("search_path ="), "{name}");
        let pieces = pieces(&object);
        for pair in pieces.windows(2) {
            let called = pair[1] == "(" && pair[0].starts_with(char::is_alphabetic);
            let known = pair[0].starts_with("pg_catalog.") || KEYWORDS.contains(&&*pair[0]);
            assert!(!called || known, "{name}: {pair:?}");
        }
        for triple in pieces.windows(3) {
            // Assignments, and what RAISE is told, are no operators.
            let assigned = [":", "errcode", "message"].contains(&&*triple[0]);
            let operator = "=<>|+*/~#".contains(&*triple[1]) && !assigned;
            let qualified = triple[0] == "pg_catalog." || triple[0] == "|";
            assert!(!operator || qualified, "{name}: {triple:?}");
        }
    }
}

/// A backslash in a literal would mean something else under another
/// `standard_conforming_strings`.
#[test]
fn no_literal_has_a_backslash() {
    for object in objects() {
        assert!(!object.sql.contains('\\'), "{}", object.name);
    }
}

#[test]
fn what_was_made_is_told_from_what_is_there() {
    let tenant = named("tenant");
    let good = Function {
        oid: 1,
        schema: "rowhouse".to_owned(),
        name: "rowhouse.tenant()".to_owned(),
        owner: SEAL_ROLE.to_owned(),
        definer: true,
        volatility: 's',
        callable: true,
        source: tenant.sql.split("$seal$").nth(1).unwrap().to_owned(),
        language: "plpgsql".to_owned(),
        ..Function::default()
    };
    let judged = |change: Change| {
        let mut function = good.clone();
        change(&mut function);
        let catalog =
            Catalog { functions: [(1, function)].into_iter().collect(), ..Catalog::default() };
        deviation(&catalog, &tenant)
    };
    assert_eq!(judged(|_| {}), None);
    let changes: [(Change, &str); 8] = [
        (|one| one.name = "rowhouse.tenants()".to_owned(), "is missing"),
        (|one| one.owner = "app".to_owned(), "another role"),
        (|one| one.definer = false, "other properties"),
        (|one| one.volatility = 'i', "other properties"),
        (|one| one.leakproof = true, "other properties"),
        (|one| one.settings = vec!["search_path=shop".to_owned()], "other settings"),
        (|one| one.source.push_str("; select 1"), "another body"),
        (|one| one.callable = false, "may not be called"),
    ];
    for (change, told) in changes {
        assert!(judged(change).unwrap().contains(told), "{told}");
    }
    assert_eq!(deviation(&Catalog::default(), &named("seal_key")), Some("is missing"));
}
