//! TLS on the Data API's door.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig, SupportedProtocolVersion};

use crate::case::{Case, suite};
use crate::certificate::{self, client, openssl};
use crate::client::{Client, Request, socket};
use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::http2::Http2Client;
use crate::process::{self, rowhouse};
use crate::stand::Stand;
use crate::wait;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite(
        "https",
        &[
            ("both_versions_of_both", both_versions_of_both),
            ("keys_in_all_their_forms", keys_in_all_their_forms),
            ("only_the_new_version", only_the_new_version),
            ("plain_and_tls_do_not_mix", plain_and_tls_do_not_mix),
            ("handshakes_that_do_not_end", handshakes_that_do_not_end),
            ("curl_finds_out", curl_finds_out),
            ("a_configuration_is_checked", a_configuration_is_checked),
        ],
    )
}

/// Longer than anything here takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);
const TURNED_AWAY: &str = "rowhouse_client_connections_turned_away_total";

/// A gateway with a certificate for localhost.
pub struct Secure {
    /// The gateway.
    pub gateway: Gateway,
    /// Where certificate and key are: `server.crt`, `server.key`.
    pub folder: Folder,
    /// Who signed it.
    pub authority: PathBuf,
}

impl Secure {
    /// Starts one; `None` where no certificate can be made.
    pub fn start(stand: &Stand, settings: &[(&str, &str)]) -> Option<Secure> {
        if !certificate::can_be_made() {
            return None;
        }
        let folder = Folder::new("https");
        let authority = certificate::authority(&folder, "own");
        certificate::server(&folder, "own", "server", "localhost");
        let gateway = serve(stand, &folder, ["server.crt", "server.key"], settings);
        Some(Secure { gateway, folder, authority })
    }

    /// A client that trusts its authority.
    pub fn client(&self, protocols: &[&str]) -> Arc<ClientConfig> {
        client(&self.authority, protocols, ALL_VERSIONS)
    }
}

fn serve(stand: &Stand, folder: &Folder, pair: [&str; 2], settings: &[(&str, &str)]) -> Gateway {
    let [certificate, key] = pair.map(|name| folder.file(name));
    let mut all = vec![
        ("HTTP__TLS_CERTIFICATE_FILE", certificate.to_str().unwrap()),
        ("HTTP__TLS_KEY_FILE", key.to_str().unwrap()),
        ("POOL__SHARDS", "1"),
    ];
    all.extend_from_slice(settings);
    Gateway::serve(&stand.cluster().address, &all)
}

fn both_versions_of_both(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let gateway = &secure.gateway;
    assert!(gateway.process.printed().contains("http=https://"));
    let request = gateway.tenant("tenant_1").request("select count(*) from note");
    let signed = gateway.app().request("select 7");
    for version in [&[&TLS12] as &[&'static SupportedProtocolVersion], &[&TLS13]] {
        for protocols in [&["http/1.1"] as &[&str], &[], &["h2", "http/1.1"]] {
            let config = client(&secure.authority, protocols, version);
            if protocols.contains(&"h2") {
                let mut client = Http2Client::connect_tls(gateway.http, &config);
                assert_eq!(client.ask(&request).value(), 3);
                assert_eq!(client.ask(&signed).value(), 7);
                continue;
            }
            let mut client = Client::try_connect_tls(gateway.http, &config).unwrap();
            for _ in 0..2 {
                assert_eq!(client.ask(&request).unwrap().value(), 3);
                assert_eq!(client.ask(&signed).unwrap().value(), 7);
            }
        }
    }
    let large = gateway.tenant("tenant_1").request("select repeat('x', 900000)");
    let config = secure.client(&[]);
    let mut client = Client::try_connect_tls(gateway.http, &config).unwrap();
    assert_eq!(client.ask(&large).unwrap().word().len(), 900_000);
    assert!(Client::try_connect_tls(gateway.http, &secure.client(&["spdy/3"])).is_err());
}

fn keys_in_all_their_forms(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let folder = &secure.folder;
    openssl(folder, "ec -in server.key -out sec1.key", &[]);
    openssl(
        folder,
        "req -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.csr",
        &["-subj", "/CN=localhost"],
    );
    certificate::sign(folder, "own", "rsa", "-days 2");
    openssl(folder, "rsa -in rsa.key -out pkcs1.key -traditional", &[]);
    for (certificate, key, begins) in [
        ("server.crt", "sec1.key", "-----BEGIN EC PRIVATE KEY"),
        ("rsa.crt", "rsa.key", "-----BEGIN PRIVATE KEY"),
        ("rsa.crt", "pkcs1.key", "-----BEGIN RSA PRIVATE KEY"),
    ] {
        assert!(std::fs::read_to_string(folder.file(key)).unwrap().contains(begins));
        let gateway = serve(stand, folder, [certificate, key], &[]);
        let mut client = Client::try_connect_tls(gateway.http, &secure.client(&[])).unwrap();
        client.ask(&gateway.tenant("tenant_1").request("select 1")).unwrap().ok();
    }
}

fn only_the_new_version(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[("HTTP__TLS_MIN_VERSION", "1.3")]) else { return };
    let address = secure.gateway.http;
    let old = client(&secure.authority, &[], &[&TLS12]);
    assert!(Client::try_connect_tls(address, &old).is_err());
    let new = client(&secure.authority, &[], &[&TLS13]);
    let request = secure.gateway.tenant("tenant_1").request("select 1");
    Client::try_connect_tls(address, &new).unwrap().ask(&request).unwrap().ok();
    assert!(secure.gateway.metric("rowhouse_tls_handshake_failures_total", "") >= 1.0);
}

fn plain_and_tls_do_not_mix(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let request = secure.gateway.tenant("tenant_1").request("select 1");
    let mut plain = Client::connect(secure.gateway.http);
    let answer = plain.ask(&request).unwrap();
    assert_eq!((answer.status, answer.text().contains("https://")), (400, true));
    assert!(plain.is_closed());
    for bytes in
        [b"\r\n".as_slice(), b"\0\0\0\0", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\0\x02\x01\0"]
    {
        let mut socket = socket(secure.gateway.http).unwrap();
        socket.write_all(bytes).unwrap();
        // A door that has closed already need not be told.
        if let Err(error) = socket.shutdown(std::net::Shutdown::Write) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotConnected, "{error}");
        }
        let mut said = Vec::new();
        let _ = socket.read_to_end(&mut said);
        // An alert, or nothing.
        assert!(said.is_empty() || said.starts_with(&[21]), "{said:?}");
    }
    assert!(Client::try_connect_tls(stand.main().http, &secure.client(&["h2"])).is_err());
    let mut client = Client::try_connect_tls(secure.gateway.http, &secure.client(&[])).unwrap();
    client.ask(&request).unwrap().ok();
    client.ask(&Request::get("/")).unwrap().fails("AccessDeniedException", "");
}

/// They are counted like anybody, and let go in time, trickling or not.
fn handshakes_that_do_not_end(stand: &Stand) {
    let settings = [("HTTP__CONNECTIONS_MAX", "3"), ("HTTP__HEAD_TIMEOUT", "2s")];
    let Some(secure) = Secure::start(stand, &settings) else { return };
    let address = secure.gateway.http;
    let (silent, begun, mut trickling) =
        (socket(address).unwrap(), socket(address).unwrap(), socket(address).unwrap());
    (&begun).write_all(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03").unwrap();
    let full = || Client::try_connect_tls(address, &secure.client(&[])).is_err();
    let turned_away = || secure.gateway.metric(TURNED_AWAY, "");
    wait::until_true("there is no room", SOON, || full() && turned_away() >= 1.0);
    // A record of 16 KiB, which would take hours.
    let start = Instant::now();
    trickling.write_all(b"\x16\x03\x01\x40\0").unwrap();
    while trickling.write_all(b"\x01").is_ok() {
        wait::pause(Duration::from_millis(50));
        assert!(start.elapsed() < SOON);
    }
    wait::until_true("there is room", SOON, || !full());
    drop((silent, begun));
    let failures = secure.gateway.metric("rowhouse_tls_handshake_failures_total", "");
    assert!(failures >= 3.0, "{failures}");
}

fn curl_finds_out(stand: &Stand) {
    let Some(secure) = Secure::start(stand, &[]) else { return };
    let curl = Command::new("curl").arg("--version").output();
    if !curl.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("HTTP2")) {
        return;
    }
    let request = secure.gateway.tenant("tenant_1").request("select count(*) from note");
    let token = String::from_utf8_lossy(request.values("Authorization")[0]).into_owned();
    let port = secure.gateway.http.port();
    for (option, version) in [("--http1.1", " 1.1"), ("--http2", " 2")] {
        let mut command = Command::new("curl");
        command.args(["-sS", option, "-w", " %{http_version}", "--cacert"]).arg(&secure.authority);
        command.args(["--connect-to", &format!("localhost:{port}:{}", secure.gateway.http)]);
        command.args([
            "-H",
            &format!("Authorization: {token}"),
            "-H",
            "Content-Type: application/json",
        ]);
        command.arg("--data-binary").arg(String::from_utf8_lossy(&request.body).as_ref());
        let said = process::run(command.arg(format!("https://localhost:{port}/Execute")));
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(text.contains("{\"longValue\":3}") && text.ends_with(version), "{said:?}");
    }
}

fn a_configuration_is_checked(_: &Stand) {
    if !certificate::can_be_made() {
        return;
    }
    let folder = Folder::new("https");
    certificate::authority(&folder, "own");
    for name in ["server", "other", "old"] {
        certificate::server(&folder, "own", name, "localhost");
    }
    certificate::sign(&folder, "own", "old", "-days -1");
    folder.write("empty.pem", "nothing\n");
    openssl(&folder, "ec -in server.key -aes128 -passout pass:secret -out locked.key", &[]);
    let two = |certificate: &str, key: &str| {
        format!("tls_certificate_file = '{certificate}'\ntls_key_file = '{key}'\n")
    };
    for (lines, problem) in [
        (two("server.crt", "server.key"), ""),
        (two("server.crt", "other.key"), "3: http.tls_key_file: is not the key of the first"),
        (two("nosuch.crt", "server.key"), "2: http.tls_certificate_file: cannot read "),
        (two("server.crt", "nosuch.key"), "3: http.tls_key_file: cannot read "),
        (two("server.key", "server.key"), "2: http.tls_certificate_file: server.key holds no cert"),
        (two("server.crt", "server.crt"), "3: http.tls_key_file: server.crt holds no private key"),
        (two("empty.pem", "server.key"), "2: http.tls_certificate_file: empty.pem holds no"),
        (two("server.crt", "locked.key"), "3: http.tls_key_file: locked.key "),
        ("tls_key_file = 'server.key'\n".to_owned(), "1: http.tls_certificate_file: is needed"),
        ("tls_certificate_file = 'server.crt'\n".to_owned(), "1: http.tls_key_file: is needed"),
        (
            two("server.crt", "server.key") + "tls_min_version = '1.1'\n",
            "4: http.tls_min_version: ",
        ),
    ] {
        let (ok, said) = check(&folder, &lines);
        let expected = format!("rowhouse.toml:{problem}");
        assert_eq!(ok, problem.is_empty(), "{said}");
        assert!(
            problem.is_empty() || said.lines().any(|l| l.starts_with(&expected)),
            "{lines}{said}"
        );
    }
    let (ok, said) = check(&folder, &two("old.crt", "old.key"));
    let warning = "warning: rowhouse.toml:2: http.tls_certificate_file: the certificate ended on ";
    assert!(ok && said.contains(warning), "{said}");
}

/// Whether it is good, and what is said about it.
fn check(folder: &Folder, lines: &str) -> (bool, String) {
    let rest = "[[server]]\nname = 'm'\nhost = '127.0.0.1'\n[[resource]]\narn = 'r'\nserver = 'm'\n\
        [[resource.database]]\nname = 'd'\ntenant_settings = 'a.b'\n[[secret]]\narn = 's'\n\
        role = 'r'\npassword = 'p'\nprincipals = 'app'\n[[access_key]]\nid = 'KEY'\n\
        secret = 'sixteen-characters'\nprincipal = 'app'\n";
    folder.write("rowhouse.toml", &format!("[http]\n{lines}{rest}"));
    let mut command = rowhouse();
    let said = process::run(command.args(["config", "check"]).current_dir(folder.path()));
    (said.status.success(), String::from_utf8_lossy(&said.stdout).into_owned())
}
