//! The registry's database goes away, and nobody gets in by that.

use super::ground::{Roll, SOON, crowd, wait_refused, wait_served};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::process::{self, rowhouse};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "registry::outage",
        &[
            ("who_listens_is_cut_off", who_listens_is_cut_off),
            ("nobody_comes_back_while_it_is_away", nobody_comes_back_while_it_is_away),
        ],
    )
}

fn who_listens_is_cut_off(stand: &Stand) {
    let roll = Roll::new(stand, "roll_cut_off");
    let gateway = roll.gateway("");
    let one = crowd(&gateway, "tenant_1");
    roll.done(&["add", "tenant_1"]);
    for _ in 0..3 {
        wait::until_true("somebody listens", SOON, || roll.cut_off() > 0);
        let change = "update rowhouse.tenant set state = 'suspended', reason = 'meanwhile'";
        roll.direct().query(change);
        wait_refused(&one, "This tenant is suspended: meanwhile");
        roll.cut_off();
        roll.direct().query("update rowhouse.tenant set state = 'active'");
        wait_served(&one);
    }
    let log = gateway.process.log();
    assert!(log.contains("no tenants' registry, what was last known of it goes on"), "{log}");
}

fn nobody_comes_back_while_it_is_away(stand: &Stand) {
    let roll = Roll::new(stand, "roll_away");
    let folder = Folder::new("registry");
    let file = folder.file("registry.json");
    let cached = format!("cache_file = '{}'", file.display());
    let gateway = roll.gateway(&cached);
    roll.done(&["add", "tenant_1"]);
    roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
    let one = crowd(&gateway, "tenant_1");
    wait_refused(&one, super::UNPAID);
    wait::until_true("the file", SOON, || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("unpaid"))
    });
    let allow = |allowed: bool| {
        let sql = format!("alter database roll_away allow_connections {allowed}");
        roll.address.query("postgres", &sql);
        roll.cut_off();
    };
    allow(false);
    let is_away = |gateway: &Gateway| gateway.metric("rowhouse_registry_up", "") == 0.0;
    wait::until_true("away", SOON, || is_away(&gateway));
    wait_refused(&one, super::UNPAID);
    wait_served(&crowd(&gateway, "tenant_2"));
    drop(gateway);
    // Another start goes by the file.
    let gateway = roll.gateway(&cached);
    assert!(is_away(&gateway));
    let one = crowd(&gateway, "tenant_1");
    wait_refused(&one, super::UNPAID);
    wait_served(&crowd(&gateway, "tenant_2"));
    // Without the file nobody would know.
    let config = folder.write("rowhouse.toml", &roll.text(""));
    let output = process::run(rowhouse().arg("serve").arg("--config").arg(&config));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("nobody knows who is suspended"), "{said}");
    // A file of another registry is none, and neither is one that anybody may write.
    let text = std::fs::read_to_string(&file).unwrap();
    folder.write("other.json", &text.replace("roll_away", "roll_other"));
    let other = format!("cache_file = '{}'", folder.file("other.json").display());
    let config = folder.write("rowhouse.toml", &roll.text(&other));
    let output = process::run(rowhouse().arg("serve").arg("--config").arg(&config));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("was written for another registry"), "{said}");
    allow(true);
    wait::until_true("back", SOON, || !is_away(&gateway));
    roll.done(&["resume", "tenant_1"]);
    wait_served(&one);
}
