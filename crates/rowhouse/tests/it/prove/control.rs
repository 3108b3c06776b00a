//! Crossings that no list of flaws has, and walls that hold only because nobody was at them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{app, cells, prove, report, state};
use crate::rls;
use crate::stand::Stand;

const TABLES: &str = include_str!("crossings.sql");
/// What must come to light, by table: among the commands that cross there are these.
const CROSSED: &[(&str, &[&str])] = &[
    ("x.prefix", &["select", "insert", "update", "delete"]),
    ("x.shared", &["select", "insert", "update", "delete"]),
    ("x.mail", &["keys"]),
    ("x.loose", &["delete", "insert", "move"]),
    ("x.nulls", &["select"]),
];

pub fn crossings(stand: &Stand) {
    let name = "prove_crossings";
    let mut at = rls::database(stand, name);
    let address = &stand.cluster().address;
    at.extend(app(address, "app_user", name));
    let mut direct = address.connect(name);
    direct.query(TABLES);
    let before = state(&mut direct);

    let proof = report(&at, &["--tenant-setting", "app.tenant_id"]);
    let crossed = cells(&proof, "crossed");
    for (table, commands) in CROSSED {
        for command in *commands {
            let cell = ((*table).to_owned(), (*command).to_owned());
            assert!(crossed.contains(&cell), "{table} {command}: {crossed:?}");
        }
    }
    assert!(!crossed.iter().any(|(table, _)| table == "x.owned"), "{crossed:?}");
    // Its rows are not seen by anybody: that others do not see them either proves nothing.
    let between_tenants = |(table, command): &(String, String)| {
        table == "x.owned" && !["no-tenant", "stats", "truncate"].contains(&command.as_str())
    };
    let held = cells(&proof, "held");
    let hollow: Vec<_> = held.iter().filter(|cell| between_tenants(cell)).collect();
    assert!(hollow.is_empty(), "{hollow:?}");
    let unproven = cells(&proof, "not_proven");
    assert!(unproven.contains(&("x.owned".to_owned(), "select".to_owned())), "{unproven:?}");

    // A setting that no policy reads makes everybody nobody.
    let output = prove(&at, &["--tenant-setting", "app.other", "--format", "json"]);
    let proof: Value = serde_json::from_slice(&output.stdout).unwrap();
    let between: BTreeSet<_> = cells(&proof, "held")
        .into_iter()
        .filter(|(_, command)| ["select", "update", "delete", "lock"].contains(&command.as_str()))
        .collect();
    assert_eq!(between, BTreeSet::new());
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("every attacker was nobody"), "{told}");
    assert_eq!(state(&mut direct), before, "something was left behind");
    drop(direct);
    address.query("postgres", &format!("drop database {name} with (force)"));
}
