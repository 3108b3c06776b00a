//! TLS on the PostgreSQL door: passwords that are bound to it, and who tries to get in between.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::BufMut;
use rowhouse_protocol::backend::{Authentication, ErrorFields, tag};
use rowhouse_protocol::frontend;
use rowhouse_protocol::scram::ChannelBinding;
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig};

use super::SOON;
use super::client::Client;
use crate::case::{Case, suite};
use crate::certificate::{self, openssl};
use crate::folder::Folder;
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::reload::{RELOADED, reload};
use crate::stand::Stand;
use crate::token;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_secure",
        &[
            ("passwords_are_bound", passwords_are_bound),
            ("who_stands_between", who_stands_between),
            ("required_binding", required_binding),
            ("certificates_of_every_kind", certificates_of_every_kind),
            ("directly", directly),
        ],
    )
}

/// A gateway whose PostgreSQL door has a certificate for localhost.
pub struct Secure {
    /// The gateway.
    pub gateway: Gateway,
    /// Where certificate and key are: `server.crt`, `server.key`.
    pub folder: Folder,
    /// Who signed it.
    pub authority: PathBuf,
}

impl Secure {
    /// Starts one, with more in `[wire]`; `None` where no certificate can be made.
    pub fn start(stand: &Stand, wire: &str) -> Option<Secure> {
        Secure::start_in(Folder::new("wire-tls"), stand, wire, "")
    }

    /// The same in a folder with files that it needs, and with more at the end.
    pub fn start_in(folder: Folder, stand: &Stand, wire: &str, more: &str) -> Option<Secure> {
        if !certificate::can_be_made() {
            return None;
        }
        let authority = certificate::authority(&folder, "own");
        certificate::server(&folder, "own", "server", "localhost");
        let gateway =
            Gateway::serve_text(&(text(stand, &folder, wire) + more), &[("POOL__SHARDS", "1")]);
        Some(Secure { gateway, folder, authority })
    }

    /// A client that trusts its authority.
    pub fn client(&self) -> Arc<ClientConfig> {
        certificate::client(&self.authority, &["postgresql"], ALL_VERSIONS)
    }

    /// A client over TLS that has named its user and nothing else.
    pub fn knock(&self, user: &str) -> Client {
        let mut client = Client::knock(self.gateway.pg.unwrap());
        client.secure(&self.client()).unwrap();
        client.send(|buf| frontend::startup(buf, &[("user", user), ("database", "it")]).unwrap());
        client
    }

    /// What comes of a login: the error's SQLSTATE, or whose notes there are.
    pub fn login(&self, user: &str, password: &str, bind: bool) -> String {
        let mut client = self.knock(user);
        let binding = if bind {
            ChannelBinding::TlsServerEndPoint(client.end_point())
        } else {
            ChannelBinding::Unsupported
        };
        match client.prove(password, binding) {
            Ok(()) => client.ask("select distinct tenant from note").shown(),
            Err(error) => error.code.to_string(),
        }
    }
}

/// The configuration of such a gateway.
pub fn text(stand: &Stand, folder: &Folder, wire: &str) -> String {
    let [certificate, key] = ["server.crt", "server.key"].map(|name| folder.file(name));
    let tls = format!(
        "[wire]\ntls_certificate_file = '{}'\ntls_key_file = '{}'\n{wire}",
        certificate.display(),
        key.display()
    );
    configuration(&stand.cluster().address).replace("[wire]\n", &tls)
}

/// The mechanisms that are offered.
fn offer(client: &mut Client) -> String {
    let (kind, body) = client.message().unwrap();
    assert_eq!(kind, tag::AUTHENTICATION);
    let mechanisms = body.get(4..).unwrap().split(|byte| *byte == 0);
    let mechanisms = mechanisms.filter(|name| !name.is_empty());
    mechanisms.map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(" ")
}

fn passwords_are_bound(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "") else { return };
    assert_eq!(offer(&mut secure.knock("one")), "SCRAM-SHA-256-PLUS SCRAM-SHA-256");
    for (user, password, bind, expected) in [
        ("one", KEY_SECRET, true, "tenant_1"),
        ("one", KEY_SECRET, false, "tenant_1"),
        ("two", KEY_SECRET, true, "tenant_2"),
        ("one", "wrong", true, "28P01"),
        ("one", "wrong", false, "28P01"),
    ] {
        assert_eq!(secure.login(user, password, bind), expected, "{user} {password} {bind}");
    }
    assert_eq!(secure.login("anybody", &token::token("tenant_3"), false), "tenant_3");
    // Without TLS there is nothing to bind to, and who says so is right.
    let mut plain = Client::knock(secure.gateway.pg.unwrap());
    plain.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
    plain.prove(KEY_SECRET, ChannelBinding::Unrequested).unwrap();
    assert_eq!(plain.ask("select distinct tenant from note").shown(), "tenant_1");
}

/// What a client says of a channel.
type Binding = fn(&Client) -> ChannelBinding;

/// Bound to another certificate than the client has seen.
fn other(client: &Client, change: fn(&mut Vec<u8>)) -> ChannelBinding {
    let mut hash = client.end_point();
    change(&mut hash);
    ChannelBinding::TlsServerEndPoint(hash)
}

/// Somebody who has made the client believe in another certificate, or has taken the offer away.
fn who_stands_between(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "") else { return };
    let bindings: [(Binding, &str); 4] = [
        (|client| other(client, |hash| hash[0] ^= 1), "another certificate"),
        (|client| other(client, |hash| hash.truncate(31)), "another certificate"),
        (|client| other(client, Vec::clear), "another certificate"),
        (|_| ChannelBinding::Unrequested, "has not heard of it"),
    ];
    for (binding, why) in bindings {
        let mut client = secure.knock("one");
        let binding = binding(&client);
        let refused = client.prove(KEY_SECRET, binding).unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.message.contains(why)),
            ("28000", true),
            "{why}"
        );
        assert!(client.is_closed());
    }
    // Mechanism and header that do not go together, and headers that are none.
    for (mechanism, first) in [
        ("SCRAM-SHA-256-PLUS", "n,,n=,r=abc"),
        ("SCRAM-SHA-256-PLUS", "y,,n=,r=abc"),
        ("SCRAM-SHA-256-PLUS", "p=tls-unique,,n=,r=abc"),
        ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,a=two,n=,r=abc"),
        ("SCRAM-SHA-256", "p=tls-server-end-point,,n=,r=abc"),
        ("SCRAM-SHA-1", "n,,n=,r=abc"),
    ] {
        let mut client = secure.knock("one");
        offer(&mut client);
        client.send(|buf| frontend::sasl_initial(buf, mechanism, first.as_bytes()).unwrap());
        let (kind, body) = client.message().unwrap();
        assert_eq!(kind, tag::ERROR_RESPONSE, "{mechanism} {first}");
        assert_eq!(ErrorFields::decode(&body).unwrap().to_owned().code.as_str(), "28P01");
        assert!(client.is_closed());
    }
    // What proves something on one connection proves nothing on another: the nonce is new.
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let mut client = secure.knock("one");
        offer(&mut client);
        let first = b"p=tls-server-end-point,,n=,r=always-the-same";
        client.send(|buf| frontend::sasl_initial(buf, "SCRAM-SHA-256-PLUS", first).unwrap());
        let (_, body) = client.message().unwrap();
        let Ok(Authentication::SaslContinue(challenge)) = Authentication::decode(&body) else {
            panic!("{body:?}");
        };
        nonces.push(challenge.to_vec());
    }
    assert_ne!(nonces[0], nonces[1]);
    assert_eq!(secure.login("one", KEY_SECRET, true), "tenant_1");
}

fn required_binding(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "channel_binding = 'require'\n") else { return };
    assert_eq!(offer(&mut secure.knock("one")), "SCRAM-SHA-256-PLUS");
    assert_eq!(secure.login("one", KEY_SECRET, true), "tenant_1");
    // Whoever goes on without it.
    let mut client = secure.knock("one");
    offer(&mut client);
    client.send(|buf| frontend::sasl_initial(buf, "SCRAM-SHA-256", b"n,,n=,r=abc").unwrap());
    assert_eq!(client.last_words().code.as_str(), "28P01");
    for user in ["one", "two"] {
        let mut plain = Client::knock(secure.gateway.pg.unwrap());
        plain.send(|buf| frontend::startup(buf, &[("user", user), ("database", "it")]).unwrap());
        let refused = plain.last_words();
        assert!(refused.message.contains("sslmode=require"), "{refused}");
    }
    // A token is bound by TLS itself.
    assert_eq!(secure.login("anybody", &token::token("tenant_3"), false), "tenant_3");
}

/// Hashes go by how the certificate is signed; where there is none, nothing is offered.
fn certificates_of_every_kind(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "") else { return };
    let (gateway, folder) = (&secure.gateway, &secure.folder);
    let subject = ["-subj", "/CN=authority", "-addext", "keyUsage=critical,keyCertSign"];
    for (key, sign, bound) in [
        ("rsa:2048", "-sha256", true),
        ("rsa:2048", "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32", true),
        ("ed25519", "", false),
    ] {
        let make = format!("req -x509 -days 2 -newkey {key} -nodes -keyout ca.key -out ca.crt");
        openssl(folder, &make, &subject);
        certificate::sign(folder, "ca", "server", &format!("-days 2 {sign}"));
        reload(gateway, RELOADED);
        let trusting = certificate::client(&folder.file("ca.crt"), &[], ALL_VERSIONS);
        let mut client = wait::until("the new certificate", SOON, || {
            let mut client = Client::knock(gateway.pg.unwrap());
            client.secure(&trusting).is_ok().then_some(client)
        });
        client.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
        let binding = match bound {
            true => ChannelBinding::TlsServerEndPoint(client.end_point()),
            // Right as well: there was no offer.
            false => ChannelBinding::Unrequested,
        };
        client.prove(KEY_SECRET, binding).unwrap();
    }
}

/// TLS as the first thing: the protocol's name has to be agreed upon.
fn directly(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "") else { return };
    let address = secure.gateway.pg.unwrap();
    let mut client = Client::knock(address);
    client.secure_directly(&secure.client()).unwrap();
    client.send(|buf| frontend::startup(buf, &[("user", "one"), ("database", "it")]).unwrap());
    let binding = ChannelBinding::TlsServerEndPoint(client.end_point());
    client.prove(KEY_SECRET, binding).unwrap();
    assert_eq!(client.ask("select distinct tenant from note").shown(), "tenant_1");

    for protocols in [&[] as &[&str], &["h2", "http/1.1"]] {
        let config = certificate::client(&secure.authority, protocols, ALL_VERSIONS);
        let mut client = Client::knock(address);
        if client.secure_directly(&config).is_ok() {
            assert!(client.is_closed());
        }
    }
    // TLS inside TLS.
    let mut client = Client::knock(address);
    client.secure(&secure.client()).unwrap();
    client.send(|buf| buf.put_slice(b"\0\0\0\x08\x04\xd2\x16\x2f"));
    assert!(client.is_closed());
}
