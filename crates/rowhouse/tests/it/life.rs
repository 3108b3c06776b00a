//! A tenant's life: its rows taken out, erased, put back and copied, while others work.

mod ends;
mod ground;
mod refusals;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::stand::Stand;
use ground::{Ground, SHOP, prints};

/// The trials.
pub fn cases() -> Vec<Case> {
    let mut cases = suite(
        "life",
        &[
            ("every_byte_comes_back_while_others_write", every_byte_comes_back),
            ("a_copy_has_keys_of_its_own", a_copy),
            ("a_dry_run_changes_nothing", a_dry_run),
            ("tenants_of_every_name_and_type", tenants_of_every_name),
            ("a_configuration_names_the_place", a_configuration),
            ("sequences_move_beyond_what_came_and_never_back", sequences),
        ],
    );
    cases.extend(refusals::cases());
    cases.extend(ends::cases());
    cases
}

fn every_byte_comes_back(stand: &Stand) {
    let ground = Ground::new(stand, "life_round", SHOP);
    let folder = Folder::new("life");
    let (first, second) = (folder.file("first"), folder.file("second"));
    let before = ground.prints("1");
    let others = ground.prints("3");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_on(&ground, &stop));
        // Whatever happens here, the writer must be told to end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            ground.done(&["export", "--tenant", "1", "--out", first.to_str().unwrap()]);
            let told = ground.json(&["erase", "--tenant", "1", "--format", "json"]);
            assert_eq!((&told["left"], &told["rows"]), (&Value::from(0), &Value::from(143)));
            let gone = ground.prints("1");
            assert!(gone.values().all(String::is_empty), "{gone:?}");
            ground.done(&["import", first.to_str().unwrap()]);
        }));
        stop.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 0, "somebody else has written all the time");
        done.unwrap();
    });
    assert_eq!(ground.prints("1"), before);
    assert_eq!(ground.prints("3"), others, "other tenants' rows");
    ground.done(&["export", "--tenant", "1", "--out", second.to_str().unwrap()]);
    let hashes = |directory: &std::path::Path| {
        let text = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&text).unwrap();
        let tables = manifest["tables"].as_array().unwrap().clone();
        let pair = |one: &Value| (one["name"].to_string(), one["sha256"].to_string());
        tables.iter().map(pair).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(hashes(&first), hashes(&second), "the same rows are the same bytes");
    assert_eq!(hashes(&first).len(), 10);
    // Into another database with the same tables, where shared rows are already.
    let other = Ground::new(stand, "life_other", SHOP);
    other.direct().query(
        "truncate item, line, hen, egg, tenants, scoped, profile, event, thing, \
         \"Odd \"\"S\".\"Ta,ble\"",
    );
    other.done(&["import", first.to_str().unwrap()]);
    assert_eq!(other.prints("1"), before);
    let next = "insert into item (tenant_id, title) values (1, 'new'); \
                insert into line (item) select max(id) from item";
    other.direct().query(next);
}

/// Tenant 2 works on: rows come, change and go. How often.
fn write_on(ground: &Ground, stop: &AtomicBool) -> u64 {
    let mut direct = ground.direct();
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        direct.query(
            "insert into item (tenant_id, title) values (2, 'more'); \
             insert into line (item, note) select max(id), 'more' from item where tenant_id = 2; \
             update thing set txt = txt || 'x' where tenant_id = 2 and length(txt) < 30000; \
             insert into event (tenant_id, at, body) values (2, '2026-05-05', 'more'); \
             delete from event where tenant_id = 2 and at < '2025-08-01'",
        );
        rounds += 1;
    }
    rounds
}

fn a_copy(stand: &Stand) {
    let ground = Ground::new(stand, "life_copy", SHOP);
    let before = (ground.prints("1"), ground.prints("3"));
    let told = ground.json(&["copy", "--tenant", "1", "--as", "9", "--format", "json"]);
    assert_eq!(told["rows"], 143);
    assert_eq!((ground.prints("1"), ground.prints("3")), before);
    let mut direct = ground.direct();
    for (sql, expected) in [
        // What refers to something refers to the copy's own.
        (
            "select count(*) from item i join item u on u.id = i.up \
          where i.tenant_id = 9 and u.tenant_id = 9",
            "20",
        ),
        (
            "select count(*) from item i join line l on l.id = i.best \
          where i.tenant_id = 9 and l.item = i.id",
            "20",
        ),
        (
            "select count(*) from profile p join item i on i.id = p.item \
          where p.tenant_id = 9 and i.tenant_id = 9 and p.scoped is not null",
            "20",
        ),
        (
            "select count(*) from hen h join egg e on e.id = h.egg and e.hen = h.id \
          where h.tenant_id = 9 and e.tenant_id = 9",
            "1",
        ),
        ("select count(*) from line l join item i on i.id = l.item where i.tenant_id = 9", "60"),
        // Texts are what they were.
        (
            "select count(*) from (select title, code from item where tenant_id = 1 except all \
          select title, code from item where tenant_id = 9) d",
            "0",
        ),
        ("select name from tenants where id = 9", "one"),
        ("select count(*) from item where id > (select last_value from item_id_seq)", "0"),
    ] {
        assert_eq!(direct.value(sql), expected, "{sql}");
    }
    ground
        .refused(&["copy", "--tenant", "1", "--as", "9"], "tenant 9 has 1 rows in public.tenants");
    ground.refused(&["copy", "--tenant", "1", "--as", "1"], "name another one with --as");
    ground.refused(&["copy", "--tenant", "1", "--as", "x"], "there is no tenant x");
    ground.refused(&["copy", "--tenant", "77", "--as", "78"], "tenant 77 has no rows");
    ground.done(&["erase", "--tenant", "9"]);
    assert_eq!((ground.prints("1"), ground.prints("3")), before);
    // A key that nobody can make up is told by its name.
    direct.query("alter table tenants add unique (name)");
    let why = ground.refused(&["copy", "--tenant", "1", "--as", "9"], "Key (name)=(one) already");
    assert!(why.contains("public.tenants") && why.contains("nothing was changed"), "{why}");
    assert_eq!(direct.value("select count(*) from item where tenant_id = 9"), "0");
}

fn a_dry_run(stand: &Stand) {
    let ground = Ground::new(stand, "life_dry", SHOP);
    let before = (ground.prints("1"), ground.prints("2"));
    let plan = ground.json(&["erase", "--tenant", "1", "--dry-run", "--format", "json"]);
    assert_eq!((&plan["rows"], &plan["dry_run"]), (&Value::from(143), &Value::from(true)));
    let cascades = plan["cascades"].to_string();
    assert!(cascades.contains("a deletion from public.item deletes public.line"), "{cascades}");
    let reach = plan["out_of_reach"].to_string();
    assert!(reach.contains("public.kept: a materialised view"), "{reach}");
    let text = ground.done(&["erase", "--tenant", "1", "--dry-run"]);
    assert!(text.contains("          60  public.line\n"), "{text}");
    assert_eq!((ground.prints("1"), ground.prints("2")), before);
}

/// Each with a table of its own type, all in one database: a name that a type cannot be is nobody
/// there.
fn tenants_of_every_name(stand: &Stand) {
    let ground = Ground::new(
        stand,
        "life_names",
        "create table by_text (tenant_id text, v text);
         create table by_uuid (tenant_id uuid, v text);
         create table by_bigint (tenant_id bigint, v text);
         create table by_short (tenant_id varchar(8), v text)",
    );
    let folder = Folder::new("names");
    let mut direct = ground.direct();
    for (number, (table, tenant)) in [
        ("by_text", "o'neil \"; drop table by_text; --"),
        ("by_text", "ünïcödé →\\ $1"),
        ("by_uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("by_bigint", "9223372036854775807"),
        ("by_short", "tenant_1"),
    ]
    .into_iter()
    .enumerate()
    {
        let quoted = tenant.replace('\'', "''");
        let other = if table == "by_short" { "tenant_2" } else { "" };
        direct.query(&format!("insert into {table} values ('{quoted}', 'own'), (null, 'nobody')"));
        if !other.is_empty() {
            direct.query(&format!("insert into {table} values ('{other}', 'other')"));
        }
        let all = format!("select md5(string_agg(t::text, ',' order by t::text)) from {table} t");
        let before = direct.value(&all);
        let out = folder.file(&number.to_string());
        ground.done(&["export", &format!("--tenant={tenant}"), "--out", out.to_str().unwrap()]);
        ground.done(&["erase", &format!("--tenant={tenant}")]);
        let gone = format!("select count(*) from {table} where tenant_id = '{quoted}'");
        assert_eq!(direct.value(&gone), "0", "{tenant}");
        ground.done(&["import", out.to_str().unwrap()]);
        assert_eq!(direct.value(&all), before, "{tenant}");
    }
    // A cast to varchar(8) would make tenant_1 of it.
    for nobody in ["tenant_12", "Tenant_1", "6", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] {
        ground.refused(&["erase", "--tenant", nobody], "has no rows in");
    }
    ground.refused(&["erase", "--tenant", ""], "a name of 1 to 1024 bytes");
}

/// The one of `rowhouse dev`, whose tenants may use several roles: that is nothing to an operator.
fn a_configuration(stand: &Stand) {
    let file = stand.dev().directory.file("rowhouse.toml");
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:admin";
    let mut command = crate::process::rowhouse();
    command.args(["tenant", "erase", "--tenant", "tenant_1", "--dry-run", "--secret", secret]);
    command.args(["--database", "onlineshop", "--config"]).arg(file);
    let output = crate::process::run(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("would be erased; nothing was changed"), "{output:?}");
}

fn sequences(stand: &Stand) {
    let ground = Ground::new(
        stand,
        "life_sequences",
        "create table up (tenant_id int, id bigint generated always as identity primary key);
         create table down (tenant_id int, id int generated by default as identity
             (increment -1) primary key);
         insert into up (tenant_id) select 1 from generate_series(1, 50);
         insert into down (tenant_id) select 1 from generate_series(1, 50)",
    );
    let folder = Folder::new("sequences");
    let out = folder.file("out");
    ground.done(&["export", "--tenant", "1", "--out", out.to_str().unwrap()]);
    ground.done(&["erase", "--tenant", "1"]);
    let mut direct = ground.direct();
    let state = "select concat_ws(' ', (select last_value from up_id_seq), \
                 (select last_value from down_id_seq))";
    for (up, down, expected) in [(3, -3, "50 -50"), (70, -70, "70 -70")] {
        let set = format!("select setval('up_id_seq', {up}), setval('down_id_seq', {down})");
        direct.query(&set);
        ground.done(&["import", out.to_str().unwrap()]);
        assert_eq!(direct.value(state), expected);
        direct.query(
            "insert into up (tenant_id) values (2); insert into down (tenant_id) values (2)",
        );
        direct.query("delete from up; delete from down");
    }
    assert_eq!(prints(&mut direct, &[("up", "true")])["up"], "");
}
