//! What keeps a gateway from starting in front of a database that is said to be sealed.

use super::database::{self, DATABASE, ROLE};
use crate::folder::Folder;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// A database that nobody has sealed, or not any more.
pub fn not_sealed(stand: &Stand) {
    let stage = stand.sealed();
    let other = "it_not_sealed";
    stage.address.query("postgres", &format!("create database {other}"));
    let text = database::configuration_of(&stage.address, &stage.keys_file());
    let text = text.replace(&format!("name = '{DATABASE}'"), &format!("name = '{other}'"));
    let refused = || {
        let folder = Folder::new("not-sealed");
        let config = folder.write("rowhouse.toml", &text);
        let output = process::run(rowhouse().arg("serve").arg("--config").arg(config));
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let line = refused();
    for part in ["seal_key", "seal_session", "begin_session", "enter", "tenant"] {
        assert!(line.contains(&format!("RH701 (rowhouse.{part}, database {other})")), "{line}");
    }
    assert!(line.contains("rls apply --sealed") && line.contains("gate.accept"), "{line}");
    // Sealed, but a function is another one, and the keys are open.
    let folder = Folder::new("not-sealed-keys");
    database::seal(&stage.address, other, &folder.file("keys.json"));
    let mut direct = stage.address.connect(other);
    direct.query(&format!("grant select on rowhouse.seal_key to {ROLE}"));
    direct.query(
        "create or replace function rowhouse.tenant() returns text language sql stable \
         security definer as 'select current_setting(''app.current_tenant'', true)'",
    );
    let line = refused();
    for found in ["RH701 (rowhouse.tenant,", "RH703 (rowhouse.seal_key,"] {
        assert!(line.contains(found), "{line}");
    }
    assert!(!line.contains("RH701 (rowhouse.enter,"), "{line}");
}
