//! SIGHUP at the PostgreSQL door: users come, go and change, and so do certificates.

use rowhouse_protocol::scram::ChannelBinding;
use tokio_rustls::rustls::ALL_VERSIONS;

use super::client::Client;
use super::secure::Secure;
use crate::case::{Case, suite};
use crate::certificate;
use crate::gateway::{Gateway, KEY_SECRET, configuration};
use crate::person;
use crate::reload::{RELOADED, reload};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "wire_renewed",
        &[("users_come_and_go", users_come_and_go), ("certificates_change", certificates_change)],
    )
}

fn login(gateway: &Gateway, user: &str, password: &str) -> String {
    match Client::begin(gateway, &[("user", user), ("database", "it")], password) {
        Ok(mut client) => client.ask("select distinct tenant from note").shown(),
        Err(error) => error.code.to_string(),
    }
}

fn users_come_and_go(stand: &Stand) {
    let text = configuration(&stand.cluster().address)
        .replace(&format!("token_secret = '{}'\n", person::secret("app_user")), "");
    let gateway = Gateway::serve_text(&text, &[("POOL__SHARDS", "1")]);
    let mut inside = Client::login(&gateway, "one", "it");
    inside.ask("begin");
    let mut other = Client::login(&gateway, "two", "it");

    // `one` goes, `new` comes, `two` is another tenant's by another password.
    let changed = text.replace("name = 'one'\n", "name = 'new'\n").replace(
        &format!("name = 'two'\npassword = '{KEY_SECRET}'"),
        "name = 'two'\npassword = 'another'",
    );
    let changed = changed.replace("tenant = 'tenant_2'", "tenant = 'tenant_5'");
    gateway.rewrite(&changed);
    reload(&gateway, RELOADED);
    wait::until_true("the new user", super::SOON, || {
        login(&gateway, "new", KEY_SECRET) == "tenant_1"
    });
    for (user, password, expected) in [
        ("one", KEY_SECRET, "28P01"),
        ("two", KEY_SECRET, "28P01"),
        ("two", "another", "tenant_5"),
        ("app", KEY_SECRET, ""),
    ] {
        assert_eq!(login(&gateway, user, password), expected, "{user}");
    }
    // Who is inside stays who it was, as in PostgreSQL.
    assert_eq!(inside.ask("select distinct tenant from note").shown(), "tenant_1");
    assert_eq!(inside.ask("commit").commands, ["COMMIT"]);
    assert_eq!(inside.ask("select distinct tenant from note").shown(), "tenant_1");
    assert_eq!(other.ask("select distinct tenant from note").shown(), "tenant_2");

    // A mistake changes nothing.
    gateway.rewrite(&changed.replace("tenant = 'tenant_5'\n", ""));
    reload(&gateway, "tenant: is needed");
    assert_eq!(login(&gateway, "two", "another"), "tenant_5");
}

fn certificates_change(stand: &Stand) {
    let Some(secure) = Secure::start(stand, "") else { return };
    let (gateway, folder) = (&secure.gateway, &secure.folder);
    // Between the handshake and the proof.
    let mut begun = secure.knock("one");
    let mut inside = secure.knock("two");
    let binding = ChannelBinding::TlsServerEndPoint(inside.end_point());
    inside.prove(KEY_SECRET, binding).unwrap();

    let authority = certificate::authority(folder, "other");
    certificate::server(folder, "other", "server", "localhost");
    reload(gateway, RELOADED);
    let trusting = certificate::client(&authority, &["postgresql"], ALL_VERSIONS);
    let mut new = wait::until("the new certificate", super::SOON, || {
        let mut client = Client::knock(gateway.pg.unwrap());
        client.secure(&trusting).is_ok().then_some(client)
    });
    assert_ne!(new.end_point(), begun.end_point());
    let binding = ChannelBinding::TlsServerEndPoint(begun.end_point());
    begun.prove(KEY_SECRET, binding).unwrap();
    new.send(|buf| {
        let start = [("user", "one"), ("database", "it")];
        rowhouse_protocol::frontend::startup(buf, &start).unwrap();
    });
    let binding = ChannelBinding::TlsServerEndPoint(new.end_point());
    new.prove(KEY_SECRET, binding).unwrap();
    for (client, tenant) in
        [(&mut begun, "tenant_1"), (&mut inside, "tenant_2"), (&mut new, "tenant_1")]
    {
        assert_eq!(client.ask("select distinct tenant from note").shown(), tenant);
    }
    // Who trusts the old one only sees that it is another.
    let mut client = Client::knock(gateway.pg.unwrap());
    assert!(client.secure(&secure.client()).is_err());
}
