//! Key sets over TLS: a server that does not prove who it is tells nobody's keys.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::ServerConfig;

use super::key_server::{Key, KeyServer, Reply, set_of};
use super::{block, is_refused, is_tenant, serve};
use crate::case::{Case, suite};
use crate::folder::Folder;
use crate::process;
use crate::stand::Stand;

/// The trials.
pub fn cases() -> Vec<Case> {
    suite("issuers::tls", &[("the_server_proves_itself", the_server_proves_itself)])
}

fn the_server_proves_itself(stand: &Stand) {
    if Command::new("openssl").arg("version").output().is_err() {
        skipped("there is no openssl to make certificates with");
        return;
    }
    let folder = Folder::new("jwks");
    let (own, foreign) = (certificate(&folder, "own"), certificate(&folder, "foreign"));
    let tls = server_config(&own, &folder.file("own.key"));
    let server = KeyServer::start_at("127.0.0.1:0".parse().unwrap(), Some(tls));
    let key = Key::new("k");
    server.set("/", Reply::Set(set_of(&[&key])));
    let port = server.address.port();
    let trusting = |file: &Path| format!("jwks_ca_file = '{}'", file.display());
    let url = |host: &str| format!("https://{host}:{port}/");
    let blocks = [
        block("good", &url("localhost"), &trusting(&own)),
        block("foreign", &url("localhost"), &trusting(&foreign)),
        block("name", &url("127.0.0.1"), &trusting(&own)),
        block("system", &url("localhost"), ""),
    ];
    let gateway = serve(stand, &blocks.concat());
    is_tenant(&gateway, &key.token("good", "tenant_1"), "tenant_1");
    assert_eq!(server.asked("/"), 1);
    let log = gateway.process.log();
    for (name, reasons) in [
        ("foreign", &["UnknownIssuer", "BadSignature"][..]),
        ("name", &["not valid for name"]),
        ("system", &["UnknownIssuer", "has no root certificates"]),
    ] {
        let issuer = format!("issuer=\"{name}\"");
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&issuer)).collect();
        let told = |reason: &&str| lines.iter().any(|line| line.contains(reason));
        assert!(reasons.iter().any(told), "{name}: {lines:#?}");
        is_refused(&gateway, &key.token(name, "tenant_1"));
    }
}

/// A certificate for localhost that vouches for itself, and its key beside it.
fn certificate(folder: &Folder, name: &str) -> PathBuf {
    // Without a configuration of its own, openssl takes the system's, which makes authorities.
    folder.write("openssl.cnf", "[req]\ndistinguished_name = name\n[name]\n");
    let words = format!(
        "req -x509 -days 2 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
         -nodes -subj /CN={name} -addext subjectAltName=DNS:localhost -keyout {name}.key \
         -out {name}.crt"
    );
    let mut openssl = Command::new("openssl");
    let made = process::run(openssl.args(words.split(' ')).current_dir(folder.path()));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    folder.file(&format!("{name}.crt"))
}

fn server_config(certificate: &Path, key: &Path) -> Arc<ServerConfig> {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

#[allow(clippy::print_stderr, reason = "whoever reads the outcome should know what it lacks")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}
