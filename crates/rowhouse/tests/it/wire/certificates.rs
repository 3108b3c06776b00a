//! Certificates of clients: instead of a password, beside it, and as the price of being heard.

use std::sync::Arc;

use rowhouse_protocol::frontend;
use rowhouse_protocol::scram::ChannelBinding;
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig};

use super::client::Client;
use super::secure::{Secure, text};
use crate::case::{Case, suite};
use crate::certificate::{self, openssl};
use crate::folder::Folder;
use crate::gateway::KEY_SECRET;
use crate::reload::{RELOADED, reload};
use crate::stand::Stand;
use crate::{person, token, wait};

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_certificates",
        &[
            ("who_shows_one", who_shows_one),
            ("nobody_without_one", nobody_without_one),
            ("one_that_is_revoked", one_that_is_revoked),
        ],
    )
}

const AUTHORITY: &str = "req -x509 -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
                         -keyout clients.key -out clients.crt";

/// An authority for clients, and certificates of it for these common names and alternative ones.
fn issue(folder: &Folder, names: &[(&str, &str, &str)]) {
    let usage = "keyUsage=critical,keyCertSign,cRLSign";
    openssl(folder, AUTHORITY, &["-subj", "/CN=clients", "-addext", usage]);
    for (file, subject, alternative) in names {
        folder
            .write("names", &format!("subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n"));
        let request = format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {file}.key -out \
             {file}.csr"
        );
        openssl(folder, &request, &["-utf8", "-subj", subject]);
        certificate::sign(folder, "clients", file, "-days 2");
    }
}

fn user(name: &str, tenant: &str, rest: &str) -> String {
    let secret = person::secret("app_user");
    format!(
        "[[user]]\nname = '{name}'\nprincipal = 'tenant'\ntenant = '{tenant}'\n\
         secret = '{secret}'\n{rest}\n"
    )
}

/// What comes of a login with the certificate of that name, or none.
fn login(secure: &Secure, own: Option<&str>, user: &str, password: &str) -> String {
    let config = client(secure, own);
    let mut client = Client::knock(secure.gateway.pg.unwrap());
    if client.secure(&config).is_err() {
        return "no TLS".to_owned();
    }
    let start = [("user", user), ("database", "it")];
    let said = client.say(|buf| frontend::startup(buf, &start).unwrap());
    // Since TLS 1.3 a client hears afterwards that its certificate does not do.
    match said.ok().and_then(|()| client.answer(password, ChannelBinding::Unsupported)) {
        None => "no TLS".to_owned(),
        Some(Err(error)) => error.code.to_string(),
        Some(Ok(())) => client.ask("select distinct tenant from note").shown(),
    }
}

fn client(secure: &Secure, own: Option<&str>) -> Arc<ClientConfig> {
    let own = own.map(|name| (&secure.folder, name));
    certificate::client_with(&secure.authority, &["postgresql"], ALL_VERSIONS, own)
}

fn asking(folder: &Folder, word: &str) -> String {
    let authority = folder.file("clients.crt");
    format!("tls_client_auth = '{word}'\ntls_client_ca_file = '{}'\n", authority.display())
}

fn who_shows_one(stand: &Stand) {
    if !certificate::can_be_made() {
        return;
    }
    let folder = Folder::new("wire-clients");
    issue(
        &folder,
        &[
            ("carl", "/O=x/CN=carl", "DNS:host.example,URI:spiffe://it/workload"),
            ("twice", "/CN=carl/CN=carl", "DNS:other.example"),
            ("upper", "/CN=Carl", "DNS:carl"),
            ("longer", "/CN=carl.example", "email:carl@it.example"),
        ],
    );
    certificate::authority(&folder, "foreign");
    certificate::server(&folder, "foreign", "forged", "carl");
    let secret = format!("password = '{KEY_SECRET}'\n");
    let users = user("carl", "tenant_3", "auth = 'certificate'")
        + &user("both", "tenant_4", &format!("{secret}auth = 'both'\ncertificate_cn = 'carl'"))
        + &user(
            "job",
            "tenant_5",
            "auth = 'certificate'\ncertificate_san = 'URI:spiffe://it/workload'",
        )
        + &user(
            "mail",
            "tenant_6",
            "auth = 'certificate'\ncertificate_san = 'email:carl@it.example'",
        );
    let wire = asking(&folder, "optional");
    let Some(secure) = Secure::start_in(folder, stand, &wire, &users) else { return };
    for (own, user, password, expected) in [
        (Some("carl"), "carl", "", "tenant_3"),
        (None, "carl", KEY_SECRET, "28P01"),
        (Some("twice"), "carl", "", "28P01"),
        (Some("upper"), "carl", "", "28P01"),
        (Some("longer"), "carl", "", "28P01"),
        (Some("forged"), "carl", "", "no TLS"),
        (Some("carl"), "both", KEY_SECRET, "tenant_4"),
        (Some("carl"), "both", "wrong", "28P01"),
        (Some("longer"), "both", KEY_SECRET, "28P01"),
        (None, "both", KEY_SECRET, "28P01"),
        (Some("carl"), "job", "", "tenant_5"),
        (Some("upper"), "job", "", "28P01"),
        (Some("longer"), "mail", "", "tenant_6"),
        (Some("carl"), "mail", "", "28P01"),
        // Whoever has another way to prove it needs none.
        (None, "one", KEY_SECRET, "tenant_1"),
        (Some("carl"), "one", KEY_SECRET, "tenant_1"),
        (Some("carl"), "one", "", "28P01"),
    ] {
        assert_eq!(login(&secure, own, user, password), expected, "{own:?} as {user}");
    }
    assert_eq!(login(&secure, None, "any", &token::token("tenant_7")), "tenant_7");
    // Without TLS nothing is shown.
    let plain = Client::begin(&secure.gateway, &[("user", "carl"), ("database", "it")], "");
    assert_eq!(plain.err().unwrap().code.as_str(), "28P01");
}

fn nobody_without_one(stand: &Stand) {
    if !certificate::can_be_made() {
        return;
    }
    let folder = Folder::new("wire-clients");
    issue(&folder, &[("carl", "/CN=carl", "DNS:x")]);
    let wire = asking(&folder, "required");
    let Some(secure) = Secure::start_in(folder, stand, &wire, "") else { return };
    let token = token::token("tenant_7");
    for (user, password, tenant) in
        [("one", KEY_SECRET, "tenant_1"), ("any", token.as_str(), "tenant_7")]
    {
        assert_eq!(login(&secure, Some("carl"), user, password), tenant);
        assert_eq!(login(&secure, None, user, password), "no TLS");
        // This machine is no exception.
        let plain = Client::begin(&secure.gateway, &[("user", user), ("database", "it")], password);
        let refused = plain.err().unwrap();
        assert_eq!(refused.code.as_str(), "28000");
        assert!(refused.message.contains("sslcert"), "{refused}");
    }
    assert_eq!(login(&secure, Some("carl"), "one", "wrong"), "28P01");
}

fn one_that_is_revoked(stand: &Stand) {
    if !certificate::can_be_made() {
        return;
    }
    let folder = Folder::new("wire-clients");
    issue(&folder, &[("carl", "/CN=carl", "DNS:x"), ("dora", "/CN=dora", "DNS:y")]);
    folder.write("index.txt", "");
    folder.write("number", "01\n");
    folder.write(
        "ca.cnf",
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ndefault_md=sha256\ncrlnumber=number\n\
         crl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n",
    );
    let ca = "ca -config ca.cnf -keyfile clients.key -cert clients.crt";
    openssl(&folder, &format!("{ca} -gencrl -crldays 2 -out clients.crl"), &[]);
    let users = user("carl", "tenant_3", "auth = 'certificate'")
        + &user("dora", "tenant_4", "auth = 'certificate'");
    let list = folder.file("clients.crl");
    let wire =
        asking(&folder, "optional") + &format!("tls_client_crl_file = '{}'\n", list.display());
    let Some(secure) = Secure::start_in(folder, stand, &wire, &users) else { return };
    assert_eq!(login(&secure, Some("carl"), "carl", ""), "tenant_3");
    let folder = &secure.folder;
    openssl(folder, &format!("{ca} -revoke carl.crt"), &[]);
    openssl(folder, &format!("{ca} -gencrl -crldays 2 -out clients.crl"), &[]);
    reload(&secure.gateway, RELOADED);
    wait::until_true("it is revoked", super::SOON, || {
        login(&secure, Some("carl"), "carl", "") == "no TLS"
    });
    assert_eq!(login(&secure, Some("dora"), "dora", ""), "tenant_4");
    assert_eq!(login(&secure, None, "one", KEY_SECRET), "tenant_1");
    // A list that is none keeps the one in force.
    folder.write("clients.crl", "none");
    reload(&secure.gateway, "tls_client_crl_file");
    assert_eq!(login(&secure, Some("carl"), "carl", ""), "no TLS");
    // Who wants others' certificates to count has to say whose.
    secure.gateway.rewrite(&(text(stand, folder, "tls_client_auth = 'required'\n")));
    reload(&secure.gateway, "wire.tls_client_ca_file: is needed");
}
