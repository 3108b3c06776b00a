//! `rowhouse rls prove`: every flaw that can be crossed is crossed, every mended one holds, and
//! nothing is left behind.

mod control;
mod places;
mod sealed;

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::case::{Case, suite};
use crate::postgres::{Address, Direct};
use crate::process::{self, rowhouse};
use crate::rls::{self, FLAWS, flaws};
use crate::stand::Stand;

/// Rows for the flaws, and flaws that a catalog does not show.
const ROWS: &str = include_str!("prove/rows.sql");
/// What mends those.
const MEND: &str = include_str!("prove/mend.sql");
/// What must be crossed in the database of the flaws: object and command.
const CROSSED: &[(&str, &str)] = &[
    ("f101.item", "copy delete insert lock merge move no-tenant select stats update upsert"),
    ("f102.item", "copy no-tenant select stats"),
    ("f106.line", "copy insert merge no-tenant select stats upsert"),
    ("f107.item", "truncate"),
    ("f110.item_1", "no-tenant"),
    ("f112.item", "keys"),
    ("f112b.item", "keys"),
    ("f113.line", "keys"),
    ("f114.line", "keys"),
    ("f202.item", "copy no-tenant select"),
    ("f202b.item", "copy delete lock no-tenant select"),
    ("f203.item", "insert merge move no-tenant upsert"),
    ("f204.item", "no-tenant select"),
    ("f206.item", "no-tenant select"),
    ("f208.item", "copy delete insert lock merge move no-tenant select update upsert"),
    ("f302.v", "select"),
    ("f303.m", "select"),
    ("p202.item", "move update"),
    ("p209.item", "no-tenant"),
    ("p301.item", "select"),
    ("p304.all_items()", "call"),
];

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "prove",
        &[
            ("every_flaw_is_crossed_and_its_mended_twin_holds", every_flaw),
            ("seeds_from_nothing_to_proven", places::seeds_from_nothing),
            ("the_demo_data_hold_on_both_ways", places::the_demo_data),
            ("read_only_writes_nothing", places::read_only),
            ("wrong_use_is_told", places::wrong_use_is_told),
            ("who_does_not_see_all_rows_is_told_so", places::held_by_policies),
            ("crossings_and_walls_that_nobody_was_at", control::crossings),
            ("a_sealed_database_holds_against_forgers", sealed::sealed),
            ("made_up_rows_in_a_copy_that_goes", places::scratch),
        ],
    )
}

/// How the application connects.
fn app(address: &Address, role: &str, database: &str) -> Vec<String> {
    let (socket, port) = (address.socket.display(), address.port);
    let url = format!("postgres://{role}:{role}@/{database}?host={socket}&port={port}");
    vec!["--app-database-url".to_owned(), url]
}

fn prove(at: &[String], words: &[&str]) -> Output {
    process::run(rowhouse().args(["rls", "prove"]).args(at).args(words))
}

/// The report; the exit status must go with it.
fn report(at: &[String], words: &[&str]) -> Value {
    // The machine may be busy; what is proven must not depend on it.
    let patient = ["--format", "json", "--statement-timeout", "60s", "--lock-timeout", "60s"];
    let output = prove(at, &[words, &patient].concat());
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let crossed = report["counts"]["crossed"].as_u64().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(crossed > 0)), "{report:#}");
    assert_eq!(report["remains"]["not_rolled_back"], 0, "{report:#}");
    report
}

/// Objects and commands of a verdict.
fn cells(report: &Value, verdict: &str) -> BTreeSet<(String, String)> {
    let text = |cell: &Value, key: &str| cell[key].as_str().unwrap().to_owned();
    let cells = report["matrix"].as_array().unwrap().iter();
    let of_verdict = cells.filter(|cell| cell["verdict"] == verdict);
    of_verdict.map(|cell| (text(cell, "object"), text(cell, "command"))).collect()
}

fn every_flaw(stand: &Stand) {
    let mut at = rls::database(stand, "prove_flaws");
    let address = &stand.cluster().address;
    at.extend(app(address, "prove_app", "prove_flaws"));
    address.query(
        "postgres",
        "create role prove_app login password 'prove_app'; create role prove_other",
    );
    let mut direct = address.connect("prove_flaws");
    let own = |sql: &str| {
        sql.replace("doctor_", "prove_").replace("database doctor", "database prove_flaws")
    };
    direct.query(&own(rls::PREPARE));
    let flaws = flaws(FLAWS);
    flaws.iter().for_each(|flaw| drop(direct.query(&own(&flaw.broken))));
    direct.query(ROWS);
    let before = state(&mut direct);
    let words = ["--tenant-setting", "app.tenant_id", "--call-functions", "--tenants", "2"];
    let broken = report(&at, &words);
    let expected: BTreeSet<_> = CROSSED
        .iter()
        .flat_map(|(object, commands)| {
            commands.split(' ').map(|command| ((*object).to_owned(), command.to_owned()))
        })
        .collect();
    let crossed = cells(&broken, "crossed");
    let missed: Vec<_> = expected.difference(&crossed).collect();
    let invented: Vec<_> = crossed.difference(&expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
    assert_eq!(state(&mut direct), before, "something was left behind");
    let gap = |object: &str| {
        let mut gaps = broken["gaps"].as_array().unwrap().iter();
        let found = gaps.find(|gap| gap["object"] == object);
        found.map(|gap| gap["reason"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(gap("lonely.one"), "it has rows of one tenant only");
    assert_eq!(gap("lonely.empty"), "it has no rows");
    flaws.iter().for_each(|flaw| drop(direct.query(&own(&flaw.mended))));
    direct.query(MEND);
    let mended = report(&at, &words);
    assert_eq!(cells(&mended, "crossed"), BTreeSet::new());
    direct.query("drop owned by prove_app; drop role prove_app");
}

/// Rows and sequences, as text.
fn state(direct: &mut Direct) -> String {
    let tables = direct.query(
        "select format('select %L, md5(coalesce(string_agg(t::text, '','' \
         order by t::text), '''')) \
         from %s t', c.oid::regclass, c.oid::regclass)
         from pg_class c where c.relkind = 'r' and c.relpersistence = 'p'
             and c.relnamespace::regnamespace::text !~ '^(pg_|information)'
         union all
         select format('select %L, last_value::text from %s', oid::regclass, oid::regclass)
         from pg_class where relkind = 'S' order by 1",
    );
    let asked = tables.iter().map(|row| row[0].clone().unwrap()).collect::<Vec<_>>();
    format!("{:?}", direct.query(&asked.join(" union all ")))
}
