//! Several issuers, and key sets that are fetched: rotation, storms, and pages that are up to no
//! good.

mod key_server;
mod pages;
mod secured;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::case::{Case, suite};
use crate::client::{Client, Request};
use crate::gateway::{Gateway, configuration};
use crate::person::{Credential, Person};
use crate::stand::Stand;
use crate::{token, wait};
use key_server::{Key, KeyServer, Reply, set_of};

/// The trials.
pub fn cases() -> Vec<Case> {
    let own = suite(
        "issuers",
        &[
            ("a_key_is_good_for_its_issuer_only", a_key_is_good_for_its_issuer_only),
            ("claims_stand_where_the_issuer_puts_them", claims_stand_where_the_issuer_puts_them),
            ("keys_rotate_under_load", keys_rotate_under_load),
            ("sts_asks_for_new_keys_as_well", sts_asks_for_new_keys_as_well),
            ("a_storm_of_unknown_keys", a_storm_of_unknown_keys),
            ("a_key_server_that_goes_down", a_key_server_that_goes_down),
            ("a_key_server_that_comes_late", a_key_server_that_comes_late),
            ("a_reload_keeps_what_was_fetched", a_reload_keeps_what_was_fetched),
            ("a_hanging_fetch_holds_nobody_up", a_hanging_fetch_holds_nobody_up),
        ],
    );
    own.into_iter().chain(pages::cases()).chain(secured::cases()).collect()
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Whose rows there are.
const SQL: &str = "select distinct tenant from note";

/// An issuer whose keys are fetched from this machine.
fn block(issuer: &str, url: &str, more: &str) -> String {
    format!(
        "[[issuer]]\nissuer = '{issuer}'\njwks_url = '{url}'\njwks_allow_private = true\n{more}\n"
    )
}

/// An issuer whose keys are the page of a server.
fn local(server: &KeyServer, issuer: &str, more: &str) -> String {
    block(issuer, &format!("http://{}/", server.address), more)
}

fn serve(stand: &Stand, more: &str) -> Gateway {
    let text = configuration(&stand.cluster().address) + more;
    Gateway::serve_text(&text, &[("POOL__SHARDS", "2")])
}

fn bearer(gateway: &Gateway, token: &str) -> Person {
    Person::new(gateway.http, Credential::Bearer(token.to_owned()))
}

#[track_caller]
fn is_tenant(gateway: &Gateway, token: &str, tenant: &str) {
    assert_eq!(bearer(gateway, token).execute(SQL).rows(), json!([[tenant]]));
}

#[track_caller]
fn is_refused(gateway: &Gateway, token: &str) {
    let sentence = "The credentials of this request are missing, invalid or expired.";
    bearer(gateway, token).execute(SQL).fails("AccessDeniedException", sentence);
}

fn a_key_is_good_for_its_issuer_only(stand: &Stand) {
    let server = KeyServer::start();
    // The same name in both sets, as issuers of one make have it.
    let (ours, theirs) = (Key::new("k"), Key::new("k"));
    server.set("/a", Reply::Set(set_of(&[&ours])));
    server.set("/b", Reply::Set(set_of(&[&theirs])));
    let base = format!("http://{}", server.address);
    let gateway = serve(
        stand,
        &(block("https://a.example/", &format!("{base}/a"), "")
            + &block(
                "https://b.example/",
                &format!("{base}/b"),
                "audience = 'b'\ntenants = ['tenant_2', 'tenant_3']",
            )),
    );
    let (a, b) = ("https://a.example/", "https://b.example/");
    for _ in 0..2 {
        is_tenant(&gateway, &ours.token(a, "tenant_1"), "tenant_1");
        for iss in [b, "https://a.example", "HTTPS://A.EXAMPLE/", "https://c.example/", ""] {
            is_refused(&gateway, &ours.token(iss, "tenant_1"));
        }
        is_refused(&gateway, &theirs.token(a, "tenant_1"));
        // Signed by the right key, for somebody else.
        is_refused(&gateway, &theirs.token(b, "tenant_1"));
    }
    let mut claims = token::claims("tenant_2");
    (claims["iss"], claims["aud"]) = (json!(b), json!("b"));
    is_tenant(&gateway, &theirs.sign(&claims), "tenant_2");
    // An issuer of a customer's own cannot make its users another customer's.
    claims["tenant_id"] = json!("tenant_1");
    is_refused(&gateway, &theirs.sign(&claims));
    // The key of the section [jwt] is for all other issuers, and none of these.
    is_tenant(&gateway, &token::token("tenant_3"), "tenant_3");
    for (iss, header) in [(json!(a), "k"), (json!(a), token::KEY_ID), (json!([a]), token::KEY_ID)] {
        let mut claims = token::claims("tenant_1");
        claims["iss"] = iss;
        let header = json!({"alg": "HS256", "kid": header});
        is_refused(&gateway, &token::mint(&header, &claims, token::KEY));
        // The classic: the public key, which everybody has, as a shared secret.
        is_refused(&gateway, &token::mint(&header, &claims, &ours.public_text()));
    }
    for alg in ["none", "HS256", "RS256", "ES256", "eddsa"] {
        let mut claims = token::claims("tenant_1");
        claims["iss"] = json!(a);
        is_refused(&gateway, &ours.sign_as(&json!({"alg": alg, "kid": "k"}), &claims));
    }
}

fn claims_stand_where_the_issuer_puts_them(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    server.set("/", Reply::Set(set_of(&[&key])));
    let url = format!("http://localhost:{}/", server.address.port());
    let gateway = serve(
        stand,
        &block(
            "cognito",
            &url,
            "audience_claim = 'client_id'\ntenant_claim = '/custom/a~1b/0'\n\
             role_claim = '/custom/role'\ntier_claim = '/custom/tier'\n",
        ),
    );
    let claims = |custom: Value| {
        let (aud, exp) = (token::AUDIENCE, token::now() + 60);
        json!({"iss": "cognito", "client_id": aud, "exp": exp, "role": 7, "custom": custom})
    };
    let good = json!({"a/b": ["tenant_1", "tenant_2"], "tier": "free"});
    is_tenant(&gateway, &key.sign(&claims(good)), "tenant_1");
    for bad in [
        json!(null),
        json!({"a/b": "tenant_1"}),
        json!({"a/b": [["tenant_1"]]}),
        json!({"a": {"b": ["tenant_1"]}}),
        json!({"a/b": ["tenant_1"], "role": ["it_reader"]}),
        json!({"a/b": ["tenant_1"], "tier": "x".repeat(64)}),
        json!({"a/b": ["tenant_1"], "tier": 1}),
    ] {
        is_refused(&gateway, &key.sign(&claims(bad)));
    }
    let mut other = claims(json!({"a/b": ["tenant_1"]}));
    other["client_id"] = json!("another client");
    is_refused(&gateway, &key.sign(&other));
    let reader = key.sign(&claims(json!({"a/b": ["tenant_1"], "role": "it_reader"})));
    bearer(&gateway, &reader).execute("select 1").fails("AccessDeniedException", "this secret");
    let answer = bearer(&gateway, &reader).via("reader").execute("select current_user");
    assert_eq!(answer.value(), "it_reader");
}

/// As an issuer rotates: the new key is published and used at once, then the old one withdrawn.
fn keys_rotate_under_load(stand: &Stand) {
    let server = KeyServer::start();
    let keys = [Key::new("one"), Key::new("two")];
    server.set("/", Reply::Set(set_of(&[&keys[0]])));
    // The background does not fetch within this trial: what is new is asked for.
    let gateway = serve(stand, &local(&server, "i", "jwks_refresh = '1h'"));
    let tokens = [keys[0].token("i", "tenant_1"), keys[1].token("i", "tenant_1")];
    let (rotated, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let answered = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let enough = |key: usize| answered[key].load(Ordering::SeqCst) >= 50;
    std::thread::scope(|scope| {
        let load = || {
            let persons = tokens.each_ref().map(|token| bearer(&gateway, token));
            while !stop.load(Ordering::SeqCst) {
                let now = usize::from(rotated.load(Ordering::SeqCst));
                let answer = persons[now].execute(SQL);
                if answer.status != 200 {
                    return Err(answer.text());
                }
                answered[now].fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        };
        let loads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        let goes_on = || loads.iter().all(|load| !load.is_finished());
        wait::until_true("the old key is in use", SOON, || enough(0) || !goes_on());
        server.set("/", Reply::Set(set_of(&[&keys[0], &keys[1]])));
        rotated.store(true, Ordering::SeqCst);
        wait::until_true("the new key is in use", SOON, || enough(1) || !goes_on());
        stop.store(true, Ordering::SeqCst);
        for load in loads {
            assert_eq!(load.join().unwrap(), Ok(()));
        }
    });
    assert_eq!(server.asked("/"), 2);
    drop(gateway);
    withdrawn_keys_end(stand, &server, &keys);
}

fn withdrawn_keys_end(stand: &Stand, server: &KeyServer, keys: &[Key; 2]) {
    let gateway = serve(stand, &local(server, "i", "jwks_refresh = '1s'"));
    let [old, new] = keys.each_ref().map(|key| key.token("i", "tenant_1"));
    for _ in 0..4 {
        is_tenant(&gateway, &old, "tenant_1");
        is_tenant(&gateway, &new, "tenant_1");
    }
    server.set("/", Reply::Set(set_of(&[&keys[1]])));
    // The token is remembered on each shard, and forgotten on each.
    wait::until_true("the old key is withdrawn", SOON, || {
        (0..8).all(|_| bearer(&gateway, &old).execute(SQL).status == 403)
    });
    is_tenant(&gateway, &new, "tenant_1");
    assert_eq!(gateway.metric("rowhouse_jwks_keys", "issuer=\"i\""), 1.0);
    // An issuer that withdraws everything is believed.
    server.set("/", Reply::Set(set_of(&[])));
    wait::until_true("all keys are withdrawn", SOON, || {
        bearer(&gateway, &new).execute(SQL).status == 403
    });
}

fn sts_asks_for_new_keys_as_well(stand: &Stand) {
    let server = KeyServer::start();
    let keys = [Key::new("one"), Key::new("two")];
    server.set("/", Reply::Set(set_of(&[&keys[0]])));
    let gateway = serve(stand, &local(&server, "i", ""));
    server.set("/", Reply::Set(set_of(&[&keys[1]])));
    let ask = |jwt: &str| {
        let role = "arn:aws:iam::123456789012:role/tenant";
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={role}\
             &RoleSessionName=me&WebIdentityToken={jwt}"
        );
        let kind = Some("application/x-www-form-urlencoded");
        let request = Request::post_bytes("/", form).replace("Content-Type", kind);
        Client::connect(gateway.http).ask(&request).unwrap()
    };
    let answer = ask(&keys[1].token("i", "tenant_1"));
    assert!(answer.status == 200 && answer.text().contains("<SessionToken>"), "{}", answer.text());
    // What was fetched for it has withdrawn the other.
    let answer = ask(&keys[0].token("i", "tenant_1"));
    assert!(answer.status == 400 && answer.text().contains("InvalidIdentityToken"), "{answer:?}");
    assert_eq!(server.asked("/"), 2);
}

fn a_storm_of_unknown_keys(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    server.set("/", Reply::Set(set_of(&[&key])));
    let gateway = serve(stand, &local(&server, "i", ""));
    assert_eq!(server.asked("/"), 1);
    // Slow enough for all to meet while the one fetch is under way.
    server.set("/", Reply::Late(set_of(&[&key]), Duration::from_millis(500)));
    let good = key.token("i", "tenant_1");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (gateway, key, good) = (&gateway, &key, &good);
            scope.spawn(move || {
                let mut claims = token::claims("tenant_1");
                claims["iss"] = json!("i");
                for number in 0..30 {
                    let kid = format!("unknown-{thread}-{number}");
                    is_refused(
                        gateway,
                        &key.sign_as(&json!({"alg": "EdDSA", "kid": kid}), &claims),
                    );
                    // Neither does a token without a name lead to more than one fetch.
                    is_refused(gateway, &Key::new("x").sign_as(&json!({"alg": "EdDSA"}), &claims));
                    is_tenant(gateway, good, "tenant_1");
                }
            });
        }
    });
    assert_eq!(server.asked("/"), 2);
}

fn a_key_server_that_goes_down(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    server.set("/", Reply::Set(set_of(&[&key])));
    let gateway = serve(stand, &local(&server, "i", "jwks_refresh = '1s'"));
    is_tenant(&gateway, &key.token("i", "tenant_1"), "tenant_1");
    let fetched = gateway.metric("rowhouse_jwks_fetched_timestamp_seconds", "issuer=\"i\"");
    assert!((fetched - token::now() as f64).abs() < 60.0, "{fetched}");

    let address = server.address;
    drop(server);
    let failed = || gateway.metric("rowhouse_jwks_fetches_total", "outcome=\"failed\"");
    wait::until_true("fetches fail", SOON, || failed() >= 2.0);
    // One that is new to the gateway, by the key that is not.
    is_tenant(&gateway, &key.token("i", "tenant_2"), "tenant_2");
    let log = gateway.process.log();
    assert!(
        log.contains("cannot fetch the issuer's keys") && log.contains("issuer=\"i\""),
        "{log}"
    );

    let server = KeyServer::start_at(address, None);
    let next = Key::new("next");
    server.set("/", Reply::Set(set_of(&[&next])));
    wait::until_true("the keys are fetched again", SOON, || {
        bearer(&gateway, &next.token("i", "tenant_1")).execute(SQL).status == 200
    });
}

/// The gateway starts without the keys; who has another credential is served.
fn a_key_server_that_comes_late(stand: &Stand) {
    let server = KeyServer::start();
    let (address, key) = (server.address, Key::new("k"));
    drop(server);
    let url = format!("http://{address}/");
    let gateway = serve(stand, &block("i", &url, ""));
    let token = key.token("i", "tenant_1");
    is_refused(&gateway, &token);
    is_tenant(&gateway, &token::token("tenant_1"), "tenant_1");
    assert_eq!(gateway.probe("/readyz").status, 200);

    let server = KeyServer::start_at(address, None);
    server.set("/", Reply::Set(set_of(&[&key])));
    wait::until_true("the keys are there", SOON, || {
        bearer(&gateway, &token).execute(SQL).status == 200
    });
    is_tenant(&gateway, &token, "tenant_1");
}

/// SIGHUP fetches at once; and a change of one issuer costs the others nothing, whose servers may
/// be down.
fn a_reload_keeps_what_was_fetched(stand: &Stand) {
    let (server, going) = (KeyServer::start(), KeyServer::start());
    let keys = [Key::new("one"), Key::new("two")];
    server.set("/", Reply::Set(set_of(&[&keys[0]])));
    going.set("/", Reply::Set(set_of(&[&keys[0]])));
    let kept = local(&going, "kept", "");
    let after = local(&server, "i", "tenants = ['tenant_2']");
    let gateway = serve(stand, &(local(&server, "i", "") + &kept));
    is_tenant(&gateway, &keys[0].token("i", "tenant_1"), "tenant_1");
    server.set("/", Reply::Set(set_of(&[&keys[1]])));
    gateway.process.signal(Signal::HUP);
    wait::until_true("it fetches again", SOON, || {
        bearer(&gateway, &keys[0].token("i", "tenant_1")).execute(SQL).status == 403
    });

    drop(going);
    gateway.rewrite(&(configuration(&stand.cluster().address) + &after + &kept));
    gateway.process.signal(Signal::HUP);
    wait::until_true("the issuer is held to its tenants", SOON, || {
        // Who is there all the time does not notice.
        is_tenant(&gateway, &keys[0].token("kept", "tenant_3"), "tenant_3");
        bearer(&gateway, &keys[1].token("i", "tenant_1")).execute(SQL).status == 403
    });
    is_tenant(&gateway, &keys[1].token("i", "tenant_2"), "tenant_2");
    is_tenant(&gateway, &keys[0].token("kept", "tenant_4"), "tenant_4");

    // An issuer that is taken out is gone with its keys.
    gateway.rewrite(&(configuration(&stand.cluster().address) + &kept));
    gateway.process.signal(Signal::HUP);
    wait::until_true("the issuer is gone", SOON, || {
        bearer(&gateway, &keys[1].token("i", "tenant_2")).execute(SQL).status == 403
    });
    is_tenant(&gateway, &keys[0].token("kept", "tenant_4"), "tenant_4");
}

fn a_hanging_fetch_holds_nobody_up(stand: &Stand) {
    let server = KeyServer::start();
    let key = Key::new("k");
    server.set("/", Reply::Set(set_of(&[&key])));
    let gateway = Arc::new(serve(stand, &local(&server, "i", "")));
    let good = key.token("i", "tenant_1");
    is_tenant(&gateway, &good, "tenant_1");
    server.set("/", Reply::Silence);
    let began = Instant::now();
    let waiting = {
        let (gateway, unknown) = (Arc::clone(&gateway), Key::new("unknown").token("i", "tenant_1"));
        std::thread::spawn(move || is_refused(&gateway, &unknown))
    };
    wait::until_true("the fetch hangs", SOON, || server.asked("/") == 2);
    let mut answered = 0;
    while !waiting.is_finished() {
        is_tenant(&gateway, &good, "tenant_1");
        is_tenant(&gateway, &key.token("i", "tenant_2"), "tenant_2");
        answered += 1;
    }
    waiting.join().unwrap();
    // It waited for the fetch, and no longer than a fetch may take.
    let waited = began.elapsed();
    assert!(answered > 1 && waited >= Duration::from_secs(4), "{answered} in {waited:?}");
    assert!(waited < Duration::from_secs(30), "{waited:?}");
}
