//! Credentials that come from outside: rotated under load, one for each tenant, wrong, unfit, gone.
//!
//! Here they come from files; conformance/secrets does the same with AWS Secrets Manager.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::gateway::{Gateway, configuration};
use crate::person::{Person, secret};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "secrets",
        &[
            ("rotation_under_load", rotation_under_load),
            ("a_role_that_policies_do_not_bind", a_role_that_policies_do_not_bind),
            ("each_tenant_its_own", each_tenant_its_own),
            ("only_so_many_tenants_at_once", only_so_many_tenants_at_once),
            ("a_wrong_password_hammers_nobody", a_wrong_password_hammers_nobody),
            ("what_is_gone_or_broken", what_is_gone_or_broken),
            ("a_reload_reads_them_anew", a_reload_reads_them_anew),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// Costs its connection: the next statement needs a new one, and with it the password.
const COSTLY: &str = "select setseed(0.5)::text, current_user::text";
const WHO: &str = "select current_user::text";

/// Roles that tenants may use, named after the trial.
fn make_roles(stand: &Stand, roles: &[&str]) {
    for role in roles {
        let sql = format!("create role {role} login password '{role}' in role it_member");
        stand.cluster().address.query("it", &sql);
    }
}

fn credentials(role: &str, password: &str) -> String {
    json!({"username": role, "password": password, "engine": "postgres"}).to_string()
}

/// A gateway with a secret `rotated` that is read from a file of that name.
fn serve(stand: &Stand, file: &Folder, name: &str, settings: &[(&str, &str)]) -> Gateway {
    let path = file.file(name);
    let more = format!(
        "[[secret]]\narn = '{}'\ncredentials_file = '{}'\nprincipals = ['tenant']\n",
        secret("rotated"),
        path.display()
    );
    let settings = [&[("POOL__SHARDS", "2")], settings].concat();
    Gateway::serve_text(&(configuration(&stand.cluster().address) + &more), &settings)
}

fn tenant(gateway: &Gateway, tenant: &str) -> Person {
    gateway.tenant(tenant).via("rotated")
}

/// The password changes in PostgreSQL, a moment later in the file; then the user changes. Nobody
/// notices, though every statement needs a new connection.
fn rotation_under_load(stand: &Stand) {
    make_roles(stand, &["it_rotated", "it_rotated_clone"]);
    let folder = Folder::new("secrets");
    folder.write("role.json", &credentials("it_rotated", "it_rotated"));
    let gateway = serve(stand, &folder, "role.json", &[]);
    let (running, answered) = (AtomicBool::new(true), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for n in 1..=4 {
            let (gateway, running, answered) = (&gateway, &running, &answered);
            scope.spawn(move || {
                let name = format!("tenant_{n}");
                let person = tenant(gateway, &name);
                while running.load(Ordering::Relaxed) {
                    person.execute(COSTLY).ok();
                    let own = person.execute("select distinct tenant from note").value();
                    assert_eq!(own, name);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for (role, password) in
            [("it_rotated", "second"), ("it_rotated_clone", "third"), ("it_rotated", "fourth")]
        {
            let before = answered.load(Ordering::Relaxed);
            let moved = || answered.load(Ordering::Relaxed) > before + 8;
            wait::until_true("they are at it", SOON, moved);
            let sql = format!("alter role {role} password '{password}'");
            stand.cluster().address.query("postgres", &sql);
            // In this moment the file has not followed, and new connections are refused.
            wait::pause(Duration::from_millis(500));
            // A rename, as secrets are mounted: no half-written file is ever read.
            folder.write("next.json", &credentials(role, password));
            std::fs::rename(folder.file("next.json"), folder.file("role.json")).unwrap();
            // What was good until then is good no more.
            let other = if role == "it_rotated" { "it_rotated_clone" } else { "it_rotated" };
            let sql = format!("alter role {other} password 'out of use'");
            stand.cluster().address.query("postgres", &sql);
            let person = tenant(&gateway, "tenant_9");
            wait::until_true("the new role", SOON, || person.execute(COSTLY).rows()[0][1] == role);
        }
        running.store(false, Ordering::Relaxed);
    });
    assert_eq!(gateway.metric("rowhouse_secret_fetches_total", "new"), 4.0);
}

/// A superuser that is rotated in serves no tenant, and after the next rotation all is well.
fn a_role_that_policies_do_not_bind(stand: &Stand) {
    make_roles(stand, &["it_bound", "it_unbound"]);
    stand.cluster().address.query("it", "alter role it_unbound bypassrls");
    let folder = Folder::new("secrets");
    folder.write("role.json", &credentials("it_bound", "it_bound"));
    let gateway = serve(stand, &folder, "role.json", &[("POOL__SECRET_TTL", "1s")]);
    let person = tenant(&gateway, "tenant_1");
    assert_eq!(person.execute(WHO).word(), "it_bound");

    folder.write("role.json", &credentials("it_unbound", "it_unbound"));
    let refused = wait::until("it is refused", SOON, || {
        let answer = person.execute(COSTLY);
        if answer.status == 200 {
            assert_eq!(answer.rows()[0][1], "it_bound");
            return None;
        }
        Some(answer)
    });
    refused.fails("InvalidSecretException", "may not serve tenants");
    person.execute(COSTLY).fails("InvalidSecretException", "may not serve tenants");
    assert!(gateway.process.log().contains("RH002"), "{}", gateway.process.last_lines());

    folder.write("role.json", &credentials("it_bound", "it_bound"));
    wait::until_true("all is well", SOON, || person.execute(COSTLY).status == 200);
    let (status, said) = refused_start(stand, &credentials("it_unbound", "it_unbound"));
    assert!(!status && said.contains("RH002"), "{said}");
}

/// Whether a gateway starts with these credentials, and what it says.
fn refused_start(stand: &Stand, credentials: &str) -> (bool, String) {
    let folder = Folder::new("secrets");
    folder.write("role.json", credentials);
    let more = "[[secret]]\narn = 'x'\ncredentials_file = 'role.json'\nprincipals = ['tenant']\n";
    let text = configuration(&stand.cluster().address) + more;
    let config = folder.write("rowhouse.toml", &text);
    let mut command = crate::process::rowhouse();
    let output = crate::process::run(command.arg("serve").arg("--config").arg(config));
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Credentials of one tenant never serve another's statement, however its id is written.
fn each_tenant_its_own(stand: &Stand) {
    make_roles(stand, &["it_own_1", "it_own_2"]);
    let folder = Folder::new("secrets");
    for n in 1..=2 {
        let role = format!("it_own_{n}");
        folder.write(&format!("tenant_{n}.json"), &credentials(&role, &role));
    }
    let gateway = serve(stand, &folder, "{tenant}.json", &[]);
    std::thread::scope(|scope| {
        for n in 1..=2 {
            let gateway = &gateway;
            scope.spawn(move || {
                let person = tenant(gateway, &format!("tenant_{n}"));
                for _ in 0..60 {
                    assert_eq!(person.execute(WHO).word(), format!("it_own_{n}"));
                    let rows = person.execute("select distinct tenant from note").rows();
                    assert_eq!(rows, json!([[format!("tenant_{n}")]]));
                }
                let transaction = person.begin();
                assert_eq!(transaction.execute(WHO).word(), format!("it_own_{n}"));
                transaction.commit().ok();
            });
        }
    });
    tenant(&gateway, "tenant_3").execute(WHO).fails("SecretsErrorException", "cannot be read");
    for id in ["./tenant_1", "../x/tenant_1", "tenant_1.json/../tenant_1", "{tenant}", "a b", "ü"]
    {
        tenant(&gateway, id).execute(WHO).fails("AccessDeniedException", "one of each tenant");
    }
    let owner = tenant(&gateway, "tenant_1");
    let theirs = owner.begin();
    let stolen = tenant(&gateway, "tenant_2");
    stolen.transaction(&theirs.id).execute(WHO).fails("TransactionNotFoundException", "");
    gateway.app().via("rotated").execute(WHO).fails("AccessDeniedException", "");
    gateway.admin().via("rotated").execute(WHO).fails("AccessDeniedException", "");
    let log = gateway.process.log();
    assert!(!log.contains("\"password\"") && !log.contains("panicked"), "{log}");
}

/// Beyond the bound, the pool that is idle makes room; what is in use does not.
fn only_so_many_tenants_at_once(stand: &Stand) {
    make_roles(stand, &["it_few_1", "it_few_2"]);
    let folder = Folder::new("secrets");
    for n in 1..=2 {
        let role = format!("it_few_{n}");
        folder.write(&format!("tenant_{n}.json"), &credentials(&role, &role));
    }
    let settings = [("POOL__SHARDS", "1"), ("POOL__TENANT_POOLS_MAX", "1")];
    let gateway = serve(stand, &folder, "{tenant}.json", &settings);
    let [one, two] = ["tenant_1", "tenant_2"].map(|name| tenant(&gateway, name));
    for _ in 0..3 {
        assert_eq!(one.execute(WHO).word(), "it_few_1");
        assert_eq!(two.execute(WHO).word(), "it_few_2");
    }
    let open = one.begin();
    two.execute(WHO).fails("ServiceUnavailableError", "");
    assert_eq!(open.execute(WHO).word(), "it_few_1");
    open.commit().ok();
    wait::until_true("room again", SOON, || two.execute(WHO).status == 200);
    let count = "select count(*) from pg_stat_activity where usename like 'it_few_%'";
    let mut direct = stand.cluster().address.connect("it");
    wait::until_true("the other's connections end", SOON, || direct.value(count) == "1");
}

/// Many requests, few attempts: neither PostgreSQL nor whoever keeps the secret is asked for each.
fn a_wrong_password_hammers_nobody(stand: &Stand) {
    make_roles(stand, &["it_wrong"]);
    let folder = Folder::new("secrets");
    folder.write("role.json", &credentials("it_wrong", "not its password"));
    let gateway = serve(stand, &folder, "role.json", &[("POOL__WAITING_MAX", "20")]);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let gateway = &gateway;
            scope.spawn(move || {
                let person = tenant(gateway, &format!("tenant_{n}"));
                while begun.elapsed() < Duration::from_secs(4) {
                    person.execute(WHO).fails("InvalidSecretException", "the password");
                }
            });
        }
    });
    // Four attempts at once for each of two shards, in each of the pauses of 1, 2 and 4 seconds;
    // the start-up gate and the probe have tried as well.
    let seconds = begun.elapsed().as_secs_f64() + 10.0;
    let fetches = gateway.metric("rowhouse_secret_fetches_total", "");
    assert!(fetches <= seconds, "{fetches} fetches");
    let attempts = gateway.metric("rowhouse_upstream_connect_failures_total", "");
    assert!(attempts <= seconds * 8.0, "{attempts} attempts");
    let log = gateway.process.log();
    assert!(!log.contains("not its password"), "{log}");
    stand.cluster().address.query("it", "alter role it_wrong password 'not its password'");
    let person = tenant(&gateway, "tenant_1");
    wait::until_true("it is right now", SOON, || person.execute(WHO).status == 200);
}

fn what_is_gone_or_broken(stand: &Stand) {
    make_roles(stand, &["it_gone"]);
    let folder = Folder::new("secrets");
    let good = credentials("it_gone", "it_gone");
    folder.write("role.json", &good);
    let gateway = serve(stand, &folder, "role.json", &[("POOL__SECRET_TTL", "1s")]);
    let person = tenant(&gateway, "tenant_1");
    person.execute(COSTLY).ok();
    // Broken: what was good goes on being used.
    folder.write("role.json", "{hunter2");
    let failed = || gateway.metric("rowhouse_secret_fetches_total", "failed") > 0.0;
    wait::until_true("it is read again", SOON, failed);
    person.execute(COSTLY).ok();
    // Gone: it was taken away.
    std::fs::remove_file(folder.file("role.json")).unwrap();
    let refused = wait::until("it is gone", SOON, || {
        Some(person.execute(COSTLY)).filter(|answer| answer.status != 200)
    });
    refused.fails("SecretsErrorException", "cannot be read");
    folder.write("role.json", &good);
    wait::until_true("it is back", SOON, || person.execute(COSTLY).status == 200);
    assert!(!gateway.process.log().contains("hunter2"));
    assert!(!gateway.process.log().contains("panicked"));
}

/// SIGHUP: whoever has changed a secret need not wait for its time to be over.
fn a_reload_reads_them_anew(stand: &Stand) {
    make_roles(stand, &["it_before", "it_after"]);
    let folder = Folder::new("secrets");
    folder.write("role.json", &credentials("it_before", "it_before"));
    let gateway = serve(stand, &folder, "role.json", &[]);
    let person = tenant(&gateway, "tenant_1");
    assert_eq!(person.execute(WHO).word(), "it_before");
    folder.write("role.json", &credentials("it_after", "it_after"));
    assert_eq!(person.execute(COSTLY).rows()[0][1], "it_before");
    gateway.process.signal(Signal::HUP);
    wait::until_true("the new role", SOON, || person.execute(COSTLY).rows()[0][1] == "it_after");
}
