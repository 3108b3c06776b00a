//! Guessing, waiting and names: what strangers do to be let in, or to keep others out.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::BufMut;
use rowhouse_protocol::backend::{Authentication, ErrorFields, tag};
use rowhouse_protocol::frontend;
use rowhouse_protocol::scram::{ChannelBinding, ScramClient};

use super::client::Client;
use crate::case::{Case, suite};
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::person;
use crate::stand::Stand;
use crate::token;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_guesses",
        &[
            ("a_thousand_guesses", a_thousand_guesses),
            ("a_wave_of_guesses", a_wave_of_guesses),
            ("who_leaves_has_not_failed", who_leaves_has_not_failed),
            ("logins_that_do_not_end", logins_that_do_not_end),
            ("names_and_passwords_of_every_kind", names_and_passwords_of_every_kind),
        ],
    )
}

/// A gateway that lets one address fail so often.
fn strict(stand: &Stand, failures: usize, more: &str) -> Gateway {
    let limit = format!("failed_logins_max = {failures}\n");
    let text = configuration(&stand.cluster().address).replace("failed_logins_max = 0\n", &limit);
    Gateway::serve_text(&(text + more), &[("POOL__SHARDS", "2")])
}

/// The SQLSTATE of a refusal, or the tenant whose notes there are.
fn login_from(gateway: &Gateway, source: &str, user: &str, password: &str) -> String {
    let mut client = Client::knock_from(source, gateway.pg.unwrap());
    client.send(|buf| frontend::startup(buf, &[("user", user), ("database", "it")]).unwrap());
    match client.prove(password, ChannelBinding::Unsupported) {
        Ok(()) => client.ask("select distinct tenant from note").shown(),
        Err(error) => error.code.to_string(),
    }
}

const HERE: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.2";

fn a_thousand_guesses(stand: &Stand) {
    let gateway = strict(stand, 9, "");
    let (wrong, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let (gateway, wrong, refused) = (&gateway, &wrong, &refused);
            scope.spawn(move || {
                for guess in 0..100 {
                    let password = format!("guess {thread} {guess}");
                    match login_from(gateway, HERE, "one", &password).as_str() {
                        "28P01" => wrong.fetch_add(1, Ordering::Relaxed),
                        "28000" => refused.fetch_add(1, Ordering::Relaxed),
                        other => panic!("{other}"),
                    };
                }
            });
        }
    });
    let (wrong, refused) = (wrong.into_inner(), refused.into_inner());
    assert_eq!(wrong + refused, 1000);
    // Three at once, one more for each shard that looked at the same time, and one every 20 s.
    assert!((3..20).contains(&wrong), "{wrong}");
    // The owner of the name comes in from elsewhere, and others from here.
    assert_eq!(login_from(&gateway, ELSEWHERE, "one", KEY_SECRET), "tenant_1");
    assert_eq!(login_from(&gateway, HERE, "two", KEY_SECRET), "tenant_2");
    // A token is nothing that could be guessed.
    assert_eq!(login_from(&gateway, HERE, "any", &token::token("tenant_3")), "tenant_3");
    assert!(gateway.metric("rowhouse_logins_total", "throttled") >= 900.0);
    let log = gateway.process.log();
    assert!(log.contains("too many logins from this address have failed"), "{log}");
}

/// Many at once, each of whom was let in to try before any of them had failed.
fn a_wave_of_guesses(stand: &Stand) {
    let gateway = strict(stand, 9, "");
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
        let (kind, _) = client.message().unwrap();
        assert_eq!(kind, tag::AUTHENTICATION);
        let mut scram = ScramClient::new("wrong", ChannelBinding::Unsupported);
        let first = scram.client_first().unwrap();
        client.send(|buf| frontend::sasl_initial(buf, scram.mechanism(), &first).unwrap());
        let (_, body) = client.message().unwrap();
        let Ok(Authentication::SaslContinue(challenge)) = Authentication::decode(&body) else {
            panic!("{body:?}");
        };
        let last = scram.on_continue(challenge).unwrap();
        waiting.push((client, last));
    }
    for (client, last) in &mut waiting {
        client.send(|buf| frontend::sasl_response(buf, last).unwrap());
    }
    let codes = waiting.into_iter().map(|(mut client, _)| {
        let (kind, body) = client.message().unwrap();
        assert_eq!(kind, tag::ERROR_RESPONSE);
        ErrorFields::decode(&body).unwrap().to_owned().code.to_string()
    });
    let looked_at = codes.filter(|code| code == "28P01").count();
    assert!((1..12).contains(&looked_at), "{looked_at}");
}

/// psql asks for the password when the door asks for it, and comes back for that.
fn who_leaves_has_not_failed(stand: &Stand) {
    let gateway = strict(stand, 3, "");
    for _ in 0..20 {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
        assert_eq!(client.message().unwrap().0, tag::AUTHENTICATION);
    }
    assert_eq!(login_from(&gateway, HERE, "one", KEY_SECRET), "tenant_1");
}

/// Clients that stop at each step of a login.
fn logins_that_do_not_end(stand: &Stand) {
    let settings = [("POOL__SHARDS", "1"), ("WIRE__LOGIN_TIMEOUT", "5s")];
    let gateway = Gateway::serve(&stand.cluster().address, &settings);
    let begin = |client: &mut Client| {
        let start = [("user", "one"), ("database", "it")];
        client.send(|buf| frontend::startup(buf, &start).unwrap());
        assert_eq!(client.message().unwrap().0, tag::AUTHENTICATION);
    };
    let steps: [&dyn Fn(&mut Client); 6] = [
        &|_| {},
        &|client| client.send(|buf| buf.put_slice(b"\0\0")),
        &|client| client.send(|buf| buf.put_slice(b"\0\0\0\x20\0\x03\0\0user\0one")),
        &|client| begin(client),
        &|client| {
            begin(client);
            client.send(|buf| buf.put_slice(b"p\0\0\x01\0SCRAM"));
        },
        &|client| {
            begin(client);
            client.send(|buf| {
                frontend::sasl_initial(buf, "SCRAM-SHA-256", b"n,,n=,r=abc").unwrap();
            });
            assert_eq!(client.message().unwrap().0, tag::AUTHENTICATION);
        },
    ];
    let mut silent: Vec<Client> = Vec::new();
    for step in steps {
        for _ in 0..5 {
            let mut client = Client::knock(gateway.pg.unwrap());
            step(&mut client);
            silent.push(client);
        }
    }
    assert_eq!(login_from(&gateway, HERE, "one", KEY_SECRET), "tenant_1");
    for client in &mut silent {
        assert!(client.is_closed());
    }
}

fn names_and_passwords_of_every_kind(stand: &Stand) {
    let users = [
        ("o'neil", "it's \"quoted\"", "it's \"quoted\""),
        ("x\"; drop table note; --", "p", "p"),
        ("ünïcödé 🏠", "pässwörd", "pässwörd"),
        (" space ", " ", " "),
        // SASLprep: a soft hyphen is nothing, a Roman four is two letters, a wide space a space.
        ("prepared", "I\u{ad}V", "IV"),
        ("roman", "\u{2163}", "IV"),
        ("wide", "a\u{a0}b", "a b"),
        ("percent", "%s%n=,r=", "%s%n=,r="),
    ];
    let secret = person::secret("app_user");
    let text: String = users
        .iter()
        .map(|(name, password, _)| {
            format!(
                "[[user]]\nname = {name:?}\npassword = {}\nprincipal = 'tenant'\ntenant = \
                 'tenant_8'\nsecret = '{secret}'\n",
                toml_text(password)
            )
        })
        .collect();
    let gateway = strict(stand, 0, &text);
    for (name, password, same) in users {
        for password in [password, same] {
            assert_eq!(login_from(&gateway, HERE, name, password), "tenant_8", "{name}");
        }
        assert_eq!(login_from(&gateway, HERE, name, &format!("{password}x")), "28P01", "{name}");
    }
    // A line of the log is one login, whatever the name holds.
    let forged = "x\nINFO logged in user=\"admin\"";
    assert_eq!(login_from(&gateway, HERE, forged, "x"), "28P01");
    assert!(!gateway.process.log().contains("\nINFO logged in"));
    // As long as a packet may be, and one of nothing but marks.
    for name in ["n".repeat(9000), "%".repeat(300), "\u{202e}\u{0}x".replace('\0', "")] {
        assert_eq!(login_from(&gateway, HERE, &name, "x"), "28P01");
    }
}

fn toml_text(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c => format!("\\U{:08X}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}
