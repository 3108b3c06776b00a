//! `rowhouse rls`: on a database with every flaw once, and on its mended twin.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::postgres::SUPERUSER;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// What makes the database of the flaws.
const PREPARE: &str = include_str!("rls/prepare.sql");
/// The flaws, each with what mends it.
const FLAWS: &str = include_str!("rls/flaws.sql");

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "rls",
        &[
            ("every_flaw_is_named_and_its_mended_twin_is_well", every_flaw),
            ("the_demo_data_are_well", the_demo_data_are_well),
            ("two_thousand_tables", two_thousand_tables),
            ("what_is_accepted", what_is_accepted),
            ("wrong_use_is_told", wrong_use_is_told),
        ],
    )
}

/// One case of the file.
#[derive(Default)]
struct Flaw {
    /// Found at warning or above.
    found: Vec<String>,
    /// Found as information.
    noted: Vec<String>,
    broken: String,
    mended: String,
}

fn flaws() -> Vec<Flaw> {
    let mut flaws: Vec<Flaw> = Vec::new();
    let (mut in_head, mut in_mended) = (false, false);
    for line in FLAWS.lines() {
        let named = line.strip_prefix("-- flaw ").or(line.strip_prefix("-- info "));
        if let Some(named) = named {
            if !in_head {
                flaws.push(Flaw::default());
            }
            (in_head, in_mended) = (true, false);
            let flaw = flaws.last_mut().unwrap();
            let list = if line.contains("flaw") { &mut flaw.found } else { &mut flaw.noted };
            list.push(named.to_owned());
            continue;
        }
        in_head = false;
        if line == "-- mended" {
            in_mended = true;
        } else if let Some(flaw) = flaws.last_mut() {
            let text = if in_mended { &mut flaw.mended } else { &mut flaw.broken };
            text.push_str(line);
            text.push('\n');
        }
    }
    flaws
}

/// A new database, and the words that point `rowhouse rls` at it.
fn database(stand: &Stand, name: &str) -> Vec<String> {
    let address = &stand.cluster().address;
    address.query("postgres", &format!("create database {name}"));
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    let url = format!("postgres://{SUPERUSER}:{password}@/{name}?host={socket}&port={port}");
    vec!["--database-url".to_owned(), url]
}

fn doctor(at: &[String], words: &[&str]) -> Output {
    process::run(rowhouse().args(["rls", "doctor"]).args(at).args(words))
}

/// Codes and objects; the exit status must go with them.
fn found(at: &[String], words: &[&str]) -> BTreeSet<String> {
    let output = doctor(at, &[words, &["--format", "json"]].concat());
    let list: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let list = list.as_array().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(!list.is_empty())), "{output:?}");
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    list.iter()
        .map(|one| {
            assert!(!text(one, "message").is_empty() && !text(one, "fix").is_empty(), "{one}");
            format!("{} {}", text(one, "code"), text(one, "object"))
        })
        .collect()
}

fn every_flaw(stand: &Stand) {
    let at = database(stand, "doctor");
    let address = &stand.cluster().address;
    address.query("postgres", "create role doctor_app login; create role doctor_other");
    let mut direct = address.connect("doctor");
    direct.query(PREPARE);
    let flaws = flaws();
    assert!(flaws.len() >= 45, "{}", flaws.len());
    for flaw in &flaws {
        direct.query(&flaw.broken);
    }
    let app = ["--app-role", "doctor_app"];
    let expected: BTreeSet<String> = flaws.iter().flat_map(|flaw| flaw.found.clone()).collect();
    let told = found(&at, &app);
    let missed: Vec<_> = expected.difference(&told).collect();
    let invented: Vec<_> = told.difference(&expected).collect();
    assert!(missed.is_empty() && invented.is_empty(), "missed {missed:?}, invented {invented:?}");
    let notes = found(&at, &[&app[..], &["--level", "info"]].concat());
    for note in flaws.iter().flat_map(|flaw| &flaw.noted) {
        assert!(notes.contains(note), "{note} is not among the notes");
    }

    for flaw in &flaws {
        direct.query(&flaw.mended);
    }
    assert_eq!(found(&at, &app), BTreeSet::new());
    direct.query("drop owned by doctor_app; drop role doctor_app");
}

fn the_demo_data_are_well(stand: &Stand) {
    let address = &stand.cluster().address;
    let (socket, port, password) = (address.socket.display(), address.port, &address.password);
    for name in ["postgres", "onlineshop", "rls_vip"] {
        let url = format!("postgres://{SUPERUSER}:{password}@/{name}?host={socket}&port={port}");
        let at = ["--database-url".to_owned(), url];
        // What PostgreSQL gives everybody in every database is not the demo's affair.
        let found = found(&at, &["--app-role", "app_user", "--level", "error"]);
        assert_eq!(found, BTreeSet::new(), "{name}");
    }
}

fn two_thousand_tables(stand: &Stand) {
    let at = database(stand, "doctor_many");
    let address = &stand.cluster().address;
    address.query(
        "doctor_many",
        "
        do $$ begin for i in 1..2000 loop
            execute format('create table t%s (tenant_id int not null, id int, body text)', i);
            execute format('create policy own on t%s using (tenant_id = 1)', i);
        end loop; end $$",
    );
    let words = ["--app-role", "pg_database_owner", "--format", "json"];
    let output = doctor(&at, &words);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of_code = |code: &str| {
        list.as_array().unwrap().iter().filter(|finding| finding["code"] == code).count()
    };
    assert_eq!((of_code("RH102"), of_code("RH401")), (2000, 2000));
    address.query("postgres", "drop database doctor_many");
}

fn what_is_accepted(stand: &Stand) {
    let at = database(stand, "doctor_accept");
    let address = &stand.cluster().address;
    address.query("doctor_accept", "create table item (tenant_id int not null primary key)");
    let folder = Folder::new("accept");
    let file = folder.write(
        "accept.toml",
        "
        [[accept]]
        code = 'RH101'
        object = 'public.item'
        reason = 'nobody uses it yet'
        [[accept]]
        code = 'RH101'
        object = 'public.gone'
        reason = 'was dropped'
        [[accept]]
        code = 'RH601'
        reason = 'until the migration'
        until = '2020-01-01'
    ",
    );
    let app = ["--app-role", "app_user", "--level", "warning"];
    let all = found(&at, &app);
    assert!(all.contains("RH101 public.item") && all.contains("RH601 doctor_accept"), "{all:?}");
    let accept = [&app[..], &["--accept", file.to_str().unwrap()]].concat();
    let open = found(&at, &accept);
    let gone: Vec<_> = all.difference(&open).collect();
    assert_eq!(gone, ["RH101 public.item"]);
    let told = String::from_utf8(doctor(&at, &accept).stderr).unwrap();
    assert!(told.contains("not found: RH101 public.gone (was dropped)"), "{told}");
    assert!(told.contains("no longer accepted: RH601"), "{told}");

    let fixed = folder.path().join("fix.sql");
    let output = doctor(&at, &[&app[..], &["--fix", fixed.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let script = std::fs::read_to_string(fixed).unwrap();
    assert!(script.contains("\nalter table public.item force row level security;\n"), "{script}");
    address.query("doctor_accept", &script);
    let after = found(&at, &app);
    assert!(!after.contains("RH101 public.item"), "{after:?}");
    address.query("postgres", "drop database doctor_accept");
}

fn wrong_use_is_told(stand: &Stand) {
    let address = &stand.cluster().address;
    let socket = address.socket.display();
    let url = |rest: &str| vec!["--database-url".to_owned(), format!("postgres://{rest}")];
    let right =
        format!("{SUPERUSER}:{}@/postgres?host={socket}&port={}", address.password, address.port);
    let folder = Folder::new("wrong");
    let file = folder.write("accept.toml", "[[accept]]\ncode = 'RH999'\nreason = 'x'\n[other]\n");
    let file = file.to_str().unwrap();
    for (at, words, status, told) in [
        (url(&right), vec!["--app-role", "nobody_at_all"], 1, "there is no role nobody_at_all"),
        (url("u:hunter2@127.0.0.1:1/d"), vec![], 1, "cannot connect to database d"),
        (url("127.0.0.1/d"), vec![], 1, "no user is named"),
        (url(&right), vec!["--format", "pdf"], 2, "possible values"),
        (url(&right), vec!["--accept", file], 1, "there is no code \"RH999\""),
        (url(&right), vec!["--accept", "/nowhere/at/all"], 1, "cannot read /nowhere/at/all"),
    ] {
        let output = doctor(&at, &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {errors}");
        assert!(errors.contains(told) && !errors.contains("hunter2"), "{words:?}: {errors}");
    }
}
