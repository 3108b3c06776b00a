//! `rowhouse tenant add, list, show, set, suspend, resume`: what they print, and how they refuse.

use serde_json::{Value, json};

use super::ground::Roll;
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "registry::commands",
        &[
            ("a_record_from_first_to_last", a_record_from_first_to_last),
            ("what_is_refused", what_is_refused),
            ("the_first_ones_come_at_once", the_first_ones_come_at_once),
            ("the_place_is_found", the_place_is_found),
            ("an_erasure_is_written_down", an_erasure_is_written_down),
        ],
    )
}

fn a_record_from_first_to_last(stand: &Stand) {
    let roll = Roll::new(stand, "roll_record");
    assert_eq!(roll.done(&["list"]), "no tenants\n");
    assert_eq!(roll.done(&["list", "--format", "json"]), "[]\n");
    let odd = "o'x\"; drop table rowhouse.tenant; --\\";
    assert_eq!(
        roll.done(&["add", odd, "--name", "Müller & Söhne", "--tier", "gold", "burst=5"]),
        format!("tenant {odd} added (tier gold, burst=5)\n")
    );
    roll.done(&["add", "#7"]);
    let shown = roll.shown(odd);
    let (created, changed) = (shown["created_at"].clone(), shown["changed_at"].clone());
    assert_eq!(
        shown,
        json!({
            "id": odd, "name": "Müller & Söhne", "tier": "gold", "state": "active",
            "reason": null, "limits": {"burst": 5}, "created_at": created,
            "changed_at": changed, "changed_by": "postgres",
        })
    );
    assert_eq!(
        roll.done(&["set", odd, "burst=", "statement_timeout=90s", "result_bytes_max=4194304"]),
        format!("tenant {odd} changed (tier gold, statement_timeout=90s, result_bytes_max=4MiB)\n")
    );
    let limits = json!({"statement_timeout": "90s", "result_bytes_max": "4MiB"});
    assert_eq!(roll.shown(odd)["limits"], limits);
    roll.done(&["set", odd, "--tier", "", "--name", ""]);
    let shown = roll.shown(odd);
    assert_eq!((&shown["tier"], &shown["name"]), (&Value::Null, &Value::Null));
    assert_eq!(
        roll.done(&["suspend", odd, "--reason", " unpaid "]),
        format!(
            "tenant {odd} suspended (reason: unpaid, statement_timeout=90s, \
                 result_bytes_max=4MiB)\n"
        )
    );
    let list = |words: &[&str]| -> Vec<String> {
        let words = [&["list", "--format", "json"], words].concat();
        let list: Value = serde_json::from_str(&roll.done(&words)).unwrap();
        list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().into()).collect()
    };
    assert_eq!(list(&[]), ["#7", odd], "in the order of bytes");
    assert_eq!(list(&["--state", "suspended"]), [odd]);
    assert_eq!(list(&["--state", "active", "--tier", "gold"]), [""; 0]);
    let text = roll.done(&["show", odd]);
    assert!(text.contains("state       suspended\nreason      unpaid\n"), "{text}");
    roll.done(&["resume", odd]);
    assert_eq!(roll.shown(odd)["reason"], Value::Null);
    // More than one page.
    roll.direct().query(
        "insert into rowhouse.tenant (id) select 'many ' || i from generate_series(1, 2500) i",
    );
    assert_eq!(list(&[]).len(), 2502);
}

fn what_is_refused(stand: &Stand) {
    let roll = Roll::new(stand, "roll_refused");
    roll.done(&["add", "7"]);
    let long = "x".repeat(256);
    let cases: [(&[&str], i32, &str); 16] = [
        (&["add", "7"], 1, "there is a tenant \"7\" already"),
        (&["show", "8"], 1, "there is no tenant \"8\"; add it"),
        (&["set", "8", "burst=5"], 1, "there is no tenant \"8\""),
        (&["suspend", "8", "--reason", "x"], 1, "there is no tenant \"8\""),
        (&["resume", "8"], 1, "there is no tenant \"8\""),
        (&["set", "7"], 2, "required"),
        (&["set", "7", "burst=0"], 2, "burst must be a whole number from 1 to 1000000"),
        (&["set", "7", "bursts=1"], 2, "there is no limit \"bursts\""),
        (&["set", "7", "burst"], 2, "write name=value"),
        (&["add", ""], 2, "it is empty"),
        (&["add", &long], 2, "it is longer than 255 bytes"),
        (&["add", "a\nb"], 2, "it has a control character"),
        (&["suspend", "7"], 2, "--reason"),
        (&["suspend", "7", "--reason", " "], 2, "it is empty"),
        (&["suspend", "7", "--reason", "a\u{1b}b"], 2, "it has a control character"),
        (&["set", "7", "--name", "a\nb"], 2, "it has a control character"),
    ];
    for (words, status, told) in cases {
        let output = roll.run(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
        assert!(said.contains(told), "{words:?}: {said}");
        assert!(status != 1 || said.lines().count() == 1, "{said}");
        assert!(output.stdout.is_empty());
    }
    assert_eq!(roll.shown("7")["limits"], json!({}));
}

/// Nobody has made the schema yet: somebody in the way holds the lock that is taken for it; then
/// everybody tries to at once.
fn the_first_ones_come_at_once(stand: &Stand) {
    let roll = Roll::new(stand, "roll_first");
    let mut holder = roll.direct();
    holder.query("select pg_advisory_lock(8317265190412)");
    roll.done(&["list"]);
    roll.direct().query("drop schema rowhouse cascade");
    drop(holder);
    std::thread::scope(|scope| {
        let adding: Vec<_> = (0..6)
            .map(|number| {
                let roll = &roll;
                scope.spawn(move || roll.done(&["add", &format!("tenant_{number}")]))
            })
            .collect();
        adding.into_iter().for_each(|one| drop(one.join().unwrap()));
    });
    let mut direct = roll.direct();
    assert_eq!(direct.value("select count(*) from rowhouse.tenant"), "6");
    assert_eq!(direct.value("select version from rowhouse.tenant_change"), "6");
    let steps = "select count(*) = count(distinct version) and min(version) = 1 \
                 from rowhouse.schema_step";
    assert_eq!(direct.value(steps), "t");
}

fn the_place_is_found(stand: &Stand) {
    // In `rowhouse dev`, with the tenants of its demo data.
    let data = stand.dev().directory.path().to_str().unwrap();
    let show = ["tenant", "show", "tenant_1", "--format", "json", "--data-dir", data];
    let output = process::run(rowhouse().args(show));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["state"], "active", "{output:?}");
    // In a configuration, which names it or does not.
    let roll = Roll::new(stand, "roll_place");
    let folder = Folder::new("place");
    let with = folder.write("with.toml", &roll.text(""));
    let without = crate::gateway::configuration(&roll.address);
    let without = folder.write("without.toml", &without);
    let list = |config: &std::path::Path| {
        process::run(rowhouse().args(["tenant", "list", "--config"]).arg(config))
    };
    assert_eq!(list(&with).stdout, b"no tenants\n");
    let output = list(&without);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("without.toml has no [registry]"), "{said}");
    // A role that may not make the schema is told so.
    let url = format!(
        "postgres://it_reader:it_reader@/{}?host={}&port={}",
        roll.name,
        roll.address.socket.display(),
        roll.address.port
    );
    let output = process::run(rowhouse().args(["tenant", "list", "--database-url", &url]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("permission denied") && said.lines().count() == 1, "{said}");
}

/// Erased in the database of the registry, and in another by a configuration.
fn an_erasure_is_written_down(stand: &Stand) {
    let roll = Roll::new(stand, "roll_erased");
    let rows = "create table item (tenant_id text not null, id int primary key); \
                insert into item values ('7', 1), ('8', 2), ('9', 3)";
    roll.direct().query(rows);
    let erase = |tenant: &str| roll.done(&["erase", "--tenant", tenant]);
    // Nobody has made a registry, and an erasure makes none.
    assert!(!erase("9").contains("registry"));
    assert_eq!(roll.direct().value("select to_regnamespace('rowhouse') is null"), "t");
    roll.done(&["add", "7"]);
    roll.done(&["add", "8"]);
    assert!(erase("7").ends_with("tenant 7 is suspended in the registry\n"));
    let shown = roll.shown("7");
    let reason = shown["reason"].as_str().unwrap();
    let began = "its rows in the database roll_erased were erased on 20";
    assert!(shown["state"] == "suspended" && reason.starts_with(began), "{shown}");
    assert_eq!(roll.shown("8")["state"], "active");
    let other = Roll::new(stand, "roll_erased_elsewhere");
    other.direct().query(rows);
    let folder = Folder::new("erased");
    let config = folder.write("rowhouse.toml", &roll.text(&other.resource()));
    let mut command = other.command(&["erase", "--tenant", "8", "--format", "json"]);
    let output = process::run(command.arg("--config").arg(config));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let certificate: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(certificate["rows"], 1);
    assert_eq!(roll.shown("8")["state"], "suspended");
}
