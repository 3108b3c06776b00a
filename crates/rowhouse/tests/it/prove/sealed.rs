//! A proof of a sealed database: forged and stolen tokens, keys, and settings that decide nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::places::{SEEDS, configuration, done};
use super::{cells, report, state};
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::postgres::Address;
use crate::process::{self, rowhouse};
use crate::rls;
use crate::stand::Stand;

const NAME: &str = "prove_sealed";

pub fn sealed(stand: &Stand) {
    let at = rls::database(stand, NAME);
    let address = &stand.cluster().address;
    let mut direct = address.connect(NAME);
    direct.query(SEEDS);
    let folder = Folder::new("prove");
    let mut gateway = seal(address, &folder, &at);
    let file = folder.file("rowhouse.toml");
    let url = format!("http://{}", gateway.http);
    let config = ["--config", file.to_str().unwrap(), "--tenant-column", "tenant_id"];
    let columns = ["--tenant-column", "\"tenantRef\""];
    let at: Vec<String> = config.into_iter().chain(columns).map(str::to_owned).collect();
    let words = ["--http", &url, "--tenants", "2"];
    let before = state(&mut direct);

    let proof = report(&at, &words);
    assert_eq!(cells(&proof, "crossed"), BTreeSet::new());
    assert_eq!(proof["gaps"], json!([]));
    assert_eq!(cells(&proof, "not_proven"), BTreeSet::new());
    assert_eq!(proof["counts"]["open"], 0, "{proof:#}");
    let attempts = |proof: &Value, way: &str| -> Vec<(String, String)> {
        let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
        let all = proof["attempts"].as_array().unwrap().iter();
        let seal = all.filter(|one| one["command"] == "seal" && one["way"] == way);
        seal.map(|one| (text(one, "name"), text(one, "verdict"))).collect()
    };
    for way in ["direct", "gateway"] {
        let tried = attempts(&proof, way);
        assert!(tried.len() > 30, "{way}: {tried:?}");
        let stands = |(_, verdict): &(String, String)| verdict == "held" || verdict == "refused";
        assert!(tried.iter().all(stands), "{way}: {tried:?}");
    }
    let stolen = ("by a token of another connection".to_owned(), "held".to_owned());
    assert!(attempts(&proof, "direct").contains(&stolen));
    // Tenants of the gateway have seen their own rows, or this would prove nothing.
    let all = proof["attempts"].as_array().unwrap();
    let wrote = all.iter().filter(|one| {
        one["way"] == "gateway" && one["command"] == "insert" && one["sqlstate"] == "42501"
    });
    assert!(wrote.count() > 0, "{proof:#}");
    assert_eq!(state(&mut direct), before, "something was left behind");

    direct.query("grant usage on schema rowhouse to app_user");
    direct.query("grant select on rowhouse.seal_key to app_user");
    let broken = report(&at, &words);
    let crossed: Vec<String> = attempts(&broken, "direct")
        .into_iter()
        .filter(|(_, verdict)| verdict == "crossed")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(crossed, ["reads the keys", "copies the keys out"]);
    assert!(gateway.process.stop().success());
    drop(direct);
    address.query("postgres", &format!("drop database {NAME} with (force)"));
}

/// Seals the database, makes its first key, and starts a gateway in front of it.
fn seal(address: &Address, folder: &Folder, at: &[String]) -> Gateway {
    let words = ["--app-role", "app_user", "--sealed", "--scope-keys", "--tenant-column"];
    let words = [&words[..], &["tenant_id", "--tenant-column", "\"tenantRef\""]].concat();
    done("apply", at, &words);
    let keys = folder.file("keys.json");
    let mut rotate = rowhouse();
    rotate.args(["keys", "rotate", "--keys-file"]).arg(&keys).args(at);
    let rotated = process::run(&mut rotate);
    assert!(rotated.status.success(), "{rotated:?}");
    let text = configuration(address, NAME).replace(
        "tenant_settings = ['app.tenant_id']\n",
        "tenant_settings = ['app.tenant_id']\ncontext = 'sealed'\n",
    );
    let text = format!("{text}[seal]\nkeys_file = '{}'\n", keys.display());
    folder.write("rowhouse.toml", &text);
    Gateway::serve_text(&text, &[])
}
