//! SIGHUP: what is followed without a restart, and what happens to those who are there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use tokio_rustls::rustls::ClientConfig;

use crate::case::{Case, suite};
use crate::certificate;
use crate::client::Client;
use crate::gateway::{APP_KEY, Gateway, KEY_SECRET};
use crate::http2::Http2Client;
use crate::https::Secure;
use crate::person::Person;
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "reload",
        &[
            ("a_new_certificate", a_new_certificate),
            ("a_broken_certificate", a_broken_certificate),
            ("nobody_notices", nobody_notices),
            ("keys_come_and_go", keys_come_and_go),
            ("who_has_begun_before", who_has_begun_before),
            ("what_waits_is_named", what_waits_is_named),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// SIGHUP, and waits for the log to say what came of it.
pub fn reload(gateway: &Gateway, said: &str) {
    let count = |log: &str| log.matches(said).count();
    let before = count(&gateway.process.log());
    gateway.process.signal(Signal::HUP);
    wait::until_true(said, SOON, || count(&gateway.process.log()) > before);
}

/// What the log says when it was followed.
pub const RELOADED: &str = "configuration reloaded";
const REFUSED: &str = "configuration not reloaded";

fn a_new_certificate(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let (gateway, folder) = (&secure.gateway, &secure.folder);
    let request = gateway.tenant("tenant_1").request("select 1");
    let old = secure.client(&[]);
    let mut open = Client::try_connect_tls(gateway.http, &old).unwrap();
    let mut open2 = Http2Client::connect_tls(gateway.http, &secure.client(&["h2"]));
    open.ask(&request).unwrap().ok();
    let other = certificate::authority(folder, "other");
    certificate::server(folder, "other", "server", "localhost");
    // Not before it is asked for.
    Client::try_connect_tls(gateway.http, &old).unwrap().ask(&request).unwrap().ok();
    reload(gateway, RELOADED);
    let new = certificate::client(&other, &[], tokio_rustls::rustls::ALL_VERSIONS);
    wait::until_true("the new one", SOON, || Client::try_connect_tls(gateway.http, &new).is_ok());
    Client::try_connect_tls(gateway.http, &new).unwrap().ask(&request).unwrap().ok();
    let fresh = secure.client(&[]);
    assert!(Client::try_connect_tls(gateway.http, &fresh).is_err());
    open.ask(&request).unwrap().ok();
    open2.ask(&request).ok();
}

fn a_broken_certificate(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let (gateway, folder) = (&secure.gateway, &secure.folder);
    let request = gateway.tenant("tenant_1").request("select 1");
    let [certificate, key] = ["server.crt", "server.key"].map(|name| folder.file(name));
    let good = std::fs::read(&certificate).unwrap();
    let works = || {
        let client = Client::try_connect_tls(gateway.http, &secure.client(&[]));
        client.unwrap().ask(&request).unwrap().ok();
    };
    for broken in [b"".as_slice(), b"-----BEGIN CERTIFICATE-----\nAAAA\n", &good[..good.len() / 2]]
    {
        std::fs::write(&certificate, broken).unwrap();
        reload(gateway, REFUSED);
        assert!(gateway.process.log().contains("http.tls_certificate_file"));
        works();
    }
    std::fs::write(&certificate, &good).unwrap();
    let good_key = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    reload(gateway, REFUSED);
    works();
    std::fs::write(&key, good_key).unwrap();
    reload(gateway, RELOADED);
    works();
    assert!(gateway.metric("rowhouse_reloads_total", "refused") >= 4.0);
}

/// Callers on new and on open connections while it is reloaded again and again.
fn nobody_notices(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[("POOL__SHARDS", "2")]) else { return };
    let gateway = &secure.gateway;
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (http1, http2) = (secure.client(&[]), secure.client(&["h2"]));
    std::thread::scope(|scope| {
        let ask = |mut one: Box<dyn FnMut()>| {
            while !over.load(Ordering::Relaxed) {
                one();
                answered.fetch_add(1, Ordering::Relaxed);
            }
        };
        let request = || gateway.tenant("tenant_1").request("select 1");
        let connect = |config: &std::sync::Arc<ClientConfig>| {
            Client::try_connect_tls(gateway.http, config).unwrap()
        };
        scope.spawn(move || {
            let mut client = connect(&http1);
            ask(Box::new(move || drop(client.ask(&request()).unwrap().ok())));
        });
        let fresh = secure.client(&[]);
        scope.spawn(move || {
            ask(Box::new(move || drop(connect(&fresh).ask(&request()).unwrap().ok())));
        });
        scope.spawn(move || {
            let mut client = Http2Client::connect_tls(gateway.http, &http2);
            ask(Box::new(move || drop(client.ask(&request()).ok())));
        });
        for _ in 0..8 {
            let before = answered.load(Ordering::Relaxed);
            wait::until_true("they ask", SOON, || answered.load(Ordering::Relaxed) > before + 20);
            reload(gateway, RELOADED);
        }
        over.store(true, Ordering::Relaxed);
    });
}

fn keys_come_and_go(stand: &Stand) {
    let server = &stand.cluster().address;
    let gateway = Gateway::serve(server, &[("POOL__SHARDS", "2")]);
    let added = |id: &str, secret: &str| {
        format!("[[access_key]]\nid = '{id}'\nsecret = '{secret}'\nprincipal = 'app'\n")
    };
    let new = || Person::with_key(gateway.http, "ITNEW", "another-secret-of-the-trials");
    let open = gateway.app();
    new().execute("select 1").fails("InvalidSignatureException", "");
    open.execute("select 1").ok();

    gateway.configure(server, &added("ITNEW", "another-secret-of-the-trials"));
    reload(&gateway, RELOADED);
    wait::until_true("it is known", SOON, || new().execute("select 1").status == 200);
    open.execute("select 1").ok();

    // A mistake changes nothing.
    gateway.configure(server, &added("ITNEW", "short"));
    reload(&gateway, "must have at least 16 characters");
    new().execute("select 1").ok();

    // A key with the same id and another secret, and a token whose key is gone.
    let tenant = gateway.tenant("tenant_1");
    tenant.execute("select 1").ok();
    let text = crate::gateway::configuration(server).replace("kid = 'it'", "kid = 'later'");
    gateway.rewrite(&text.replace(KEY_SECRET, "a-later-secret-of-the-trials"));
    reload(&gateway, RELOADED);
    let changed = || Person::with_key(gateway.http, APP_KEY, "a-later-secret-of-the-trials");
    wait::until_true("it has changed", SOON, || changed().execute("select 1").status == 200);
    wait::until_true("the old is gone", SOON, || gateway.app().execute("select 1").status == 403);
    open.execute("select 1").fails("InvalidSignatureException", "");
    new().execute("select 1").fails("InvalidSignatureException", "");
    wait::until_true("the token, too", SOON, || tenant.execute("select 1").status == 403);
}

/// The head came before the reload and the body comes after it: what was proven with a key that is
/// gone by now proves nothing, and what holds still holds.
fn who_has_begun_before(stand: &Stand) {
    let server = &stand.cluster().address;
    let gateway = Gateway::serve(server, &[("POOL__SHARDS", "1")]);
    let people = || [gateway.app(), gateway.tenant("tenant_1"), gateway.admin()];
    let begun = people().map(|person| {
        let request = person.request("select 1");
        let (head, body) = request.parts(gateway.http);
        let (first, rest) = body.split_at(10);
        let mut client = Client::connect(gateway.http);
        client.send_bytes(&[&head, first].concat()).unwrap();
        (client, rest.to_vec())
    });
    // On the same shard, so that the heads have been read.
    gateway.tenant("tenant_2").execute("select 1").ok();
    wait::pause(Duration::from_millis(300));
    let text = crate::gateway::configuration(server).replace("kid = 'it'", "kid = 'later'");
    gateway.rewrite(&text.replace(&format!("id = '{APP_KEY}'"), "id = 'ITOTHER'"));
    reload(&gateway, RELOADED);
    let [app, tenant, _] = people();
    wait::until_true("the key is gone", SOON, || app.execute("select 1").status == 403);
    wait::until_true("the token, too", SOON, || tenant.execute("select 1").status == 403);
    for ((mut client, rest), status) in begun.into_iter().zip([403, 403, 200]) {
        client.send_bytes(&rest).unwrap();
        let answer = client.receive().unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
    }
}

fn what_waits_is_named(stand: &Stand) {
    let server = &stand.cluster().address;
    let gateway = Gateway::serve(server, &[("POOL__SHARDS", "1")]);
    let tenant = gateway.tenant("tenant_1");
    let text = crate::gateway::configuration(server);
    gateway.rewrite(&text.replace("level = 'debug'", "level = 'info'"));
    tenant.execute("select 1").ok();
    let answered = || gateway.process.log().matches("answered").count();
    wait::until_true("it is logged", SOON, || answered() > 0);
    reload(&gateway, RELOADED);
    let before = answered();
    tenant.execute("select 1").ok();
    assert_eq!(answered(), before);

    let changed = text.replace("default_database = 'it'", "default_database = 'it_other'");
    gateway.rewrite(&(changed + "[limits]\nsql_chars_max = 5\n"));
    reload(&gateway, RELOADED);
    let log = gateway.process.log();
    for key in ["limits.sql_chars_max", "resource[0].default_database"] {
        assert!(log.contains("after a restart only") && log.contains(key), "{log}");
    }
    assert!(!log.contains("key=\"log.level"), "{log}");
    tenant.execute("select count(*) from note").ok();
    gateway.rewrite("[http");
    reload(&gateway, REFUSED);
    gateway.rewrite(&text.replace("127.0.0.1:0'\n[admin]", "0.0.0.0:0'\n[admin]"));
    reload(&gateway, "restart instead");
    tenant.execute("select 1").ok();
}
