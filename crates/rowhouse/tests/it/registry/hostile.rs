//! What a tenant's SQL does with the registry, and roles that it should not have.

use super::ground::{Roll, crowd, wait_refused, wait_served};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::person;
use crate::process::{self, rowhouse};
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "registry::hostile",
        &[
            ("a_tenant_cannot_reach_it", a_tenant_cannot_reach_it),
            ("rights_that_tenants_have_stop_the_start", rights_stop_the_start),
            ("rows_that_somebody_has_written", rows_that_somebody_has_written),
            ("beside_a_sealed_context", beside_a_sealed_context),
        ],
    )
}

/// What somebody tries who wants to be served again, or to know the others.
const ATTEMPTS: [&str; 16] = [
    "select * from rowhouse.tenant",
    "select count(*) from rowhouse.tenant",
    "select version from rowhouse.tenant_change",
    "select * from rowhouse.schema_step",
    "table rowhouse.tenant for update",
    "insert into rowhouse.tenant (id) values ('tenant_1')",
    "update rowhouse.tenant set state = 'active'",
    "delete from rowhouse.tenant",
    "truncate rowhouse.tenant",
    "drop table rowhouse.tenant",
    "alter table rowhouse.tenant disable trigger all",
    "create table rowhouse.tenant2 (id int)",
    "create trigger mine after insert on rowhouse.tenant execute function rowhouse.sign_tenant()",
    "select rowhouse.sign_tenant()",
    "select rowhouse.announce_tenant()",
    "drop schema rowhouse cascade",
];

fn a_tenant_cannot_reach_it(stand: &Stand) {
    let roll = Roll::new(stand, "roll_hostile");
    // A trap that many databases have: whatever the operator makes is the application's as well.
    roll.direct().query(
        "alter default privileges grant all on tables to it_app; \
         alter default privileges grant all on functions to it_app",
    );
    let gateway = roll.gateway(&roll.resource());
    roll.done(&["add", "tenant_2", "--name", "a secret name"]);
    let before = roll.direct().value("select md5(string_agg(t::text, '')) from rowhouse.tenant t");
    for who in [gateway.tenant("tenant_1"), gateway.app()] {
        let who = who.naming("resourceArn", "roll");
        for sql in ATTEMPTS {
            assert_eq!(who.execute(sql).sqlstate(), "42501", "{sql}");
        }
        // Notifications for fun cost a question, and change nothing.
        for _ in 0..20 {
            who.execute("select pg_notify('rowhouse_tenant', 'x') is null");
        }
    }
    let after = roll.direct().value("select md5(string_agg(t::text, '')) from rowhouse.tenant t");
    assert_eq!(before, after);
    roll.done(&["add", "tenant_1"]);
    roll.done(&["suspend", "tenant_1", "--reason", "invoice 7 is unpaid"]);
    wait_refused(&crowd(&gateway, "tenant_1"), super::UNPAID);
}

fn rights_stop_the_start(stand: &Stand) {
    let roll = Roll::new(stand, "roll_exposed");
    roll.done(&["list"]);
    let folder = Folder::new("exposed");
    // Once with the role in the configuration, once with one that is kept in a file.
    let named = roll.text("");
    let file = folder.write("app.json", r#"{"username": "it_app", "password": "it_app"}"#);
    let kept = format!("credentials_file = '{}'\nprincipals = ['tenant', 'app', ", file.display());
    let said = "role = 'it_app'\npassword = 'it_app'\nprincipals = ['tenant', 'app', ";
    assert!(named.contains(said));
    let configs = [
        folder.write("named.toml", &named),
        folder.write("kept.toml", &named.replace(said, &kept)),
    ];
    let (tenant, change) =
        ("may use the table rowhouse.tenant;", "may use the table rowhouse.tenant_change");
    let schema = "may create in the schema rowhouse, or owns it";
    let cases: [(&str, &[&str], &str); 2] = [
        (
            "grant select on rowhouse.tenant to public; grant create on schema rowhouse to it_app; \
             alter table rowhouse.tenant_change owner to it_app",
            &[tenant, change, schema],
            "revoke all on rowhouse.tenant from public; \
             revoke create on schema rowhouse from it_app; \
             alter table rowhouse.tenant_change owner to postgres",
        ),
        (
            "grant update (state) on rowhouse.tenant to it_member; \
             alter schema rowhouse owner to it_member",
            &[tenant, schema],
            "revoke all on rowhouse.tenant from it_member; \
             alter schema rowhouse owner to postgres",
        ),
    ];
    for ((expose, found, close), config) in cases.into_iter().zip(configs) {
        roll.direct().query(expose);
        let output = process::run(rowhouse().arg("serve").arg("--config").arg(config));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{expose}: {said}");
        assert!(found.iter().all(|one| said.contains(&format!("role it_app {one}"))), "{said}");
        roll.direct().query(close);
    }
    drop(roll.gateway(""));
}

fn rows_that_somebody_has_written(stand: &Stand) {
    let roll = Roll::new(stand, "roll_odd");
    roll.done(&["add", "tenant_1"]);
    roll.direct().query(
        "insert into rowhouse.tenant (id, name, tier, limits) values
         (e'a\\nb', 'x', null, '{}'), (e'tenant_2', e'\\x1b[2J', e'a\\nb',
         '{\"burst\": \"many\", \"of_tomorrow\": [1], \"concurrency\": 3}'),
         ('', null, null, '{}')",
    );
    let gateway = roll.gateway("");
    wait_served(&crowd(&gateway, "tenant_1"));
    roll.done(&["suspend", "tenant_2", "--reason", "invoice 7 is unpaid"]);
    wait_refused(&crowd(&gateway, "tenant_2"), super::UNPAID);
    let log = gateway.process.log();
    assert!(log.contains("there is no limit \\\"of_tomorrow\\\"") || log.contains("of_tomorrow"));
    // What this version does not know survives what it does.
    roll.done(&["set", "tenant_2", "concurrency=", "burst=7"]);
    let limits = &roll.shown("tenant_2")["limits"];
    assert_eq!(limits, &serde_json::json!({"burst": 7, "of_tomorrow": [1]}));
    let listed = roll.done(&["list"]);
    assert!(listed.contains("tenant_2") && !listed.contains('\u{1b}'), "{listed:?}");
    let refused = roll.direct().try_query("update rowhouse.tenant set limits = '[]'");
    assert!(refused.unwrap_err().contains("23514"));
    let refused = roll.direct().try_query("update rowhouse.tenant set state = 'frozen'");
    assert!(refused.unwrap_err().contains("23514"));
}

fn beside_a_sealed_context(stand: &Stand) {
    let stage = stand.sealed();
    let _turn = stage.turn.lock().unwrap_or_else(|broken| broken.into_inner());
    let name = crate::sealed::DATABASE;
    let url = crate::sealed::url(&stage.address, name);
    let doctor = || {
        let words = ["rls", "doctor", "--app-role", crate::sealed::ROLE, "--format", "json"];
        let output = process::run(
            rowhouse()
                .args(words)
                .args(["--tenant-column", "tenant"])
                .args(["--database-url", &url]),
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let before = doctor();
    let add = ["tenant", "add", "tenant_1", "--database-url", &url];
    let output = process::run(rowhouse().args(add));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(doctor(), before, "the doctor finds nothing in it");
    let who = stage.tenant("tenant_1");
    for sql in ATTEMPTS {
        let answer = who.execute(sql);
        assert_ne!(answer.status, 200, "{sql}");
    }
    assert_eq!(who.execute("select count(*) from note").value(), 3);
    // And a gateway starts in front of it, which has its registry there as well.
    let text = crate::sealed::configuration_of(&stage.address, &stage.keys_file());
    let admin = person::secret("admin");
    let registry = format!("[registry]\nsecret = '{admin}'\ndatabase = '{name}'\n");
    let gateway = Gateway::serve_text(&(text + &registry), &[]);
    let who = crate::sealed::at(gateway.tenant("tenant_1"));
    assert_eq!(who.execute("select count(*) from note").value(), 3);
}
