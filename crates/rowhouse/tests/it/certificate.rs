//! Certificates for the trials, made by openssl when they are asked for: one that is kept would
//! expire.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::folder::Folder;
use crate::process;

const EC_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// Whether there is an openssl to make them with; says so where there is none.
#[allow(clippy::print_stderr, reason = "whoever reads the outcome should know what it lacks")]
pub fn can_be_made() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        eprintln!("skipped: there is no openssl to make certificates with");
    }
    there
}

/// An authority that signs certificates; its own certificate.
pub fn authority(folder: &Folder, name: &str) -> PathBuf {
    let subject = format!("/CN=authority {name}");
    openssl(
        folder,
        &format!("req -x509 -days 2 {EC_KEY} -keyout {name}.key -out {name}.crt"),
        &["-subj", &subject, "-addext", "keyUsage=critical,keyCertSign"],
    );
    folder.file(&format!("{name}.crt"))
}

/// A server's key and certificate for a host, in `NAME.key` and `NAME.crt`, signed by an authority.
pub fn server(folder: &Folder, authority: &str, name: &str, host: &str) {
    folder.write("names", &format!("subjectAltName=DNS:{host}\nbasicConstraints=CA:FALSE\n"));
    let subject = format!("/CN={host}");
    openssl(
        folder,
        &format!("req {EC_KEY} -keyout {name}.key -out {name}.csr"),
        &["-subj", &subject],
    );
    sign(folder, authority, name, "-days 2");
}

/// Signs `NAME.csr`.
pub fn sign(folder: &Folder, authority: &str, name: &str, validity: &str) {
    let sign = format!(
        "x509 -req {validity} -in {name}.csr -CA {authority}.crt -CAkey {authority}.key \
         -CAcreateserial -extfile names -out {name}.crt"
    );
    openssl(folder, &sign, &[]);
}

/// Runs openssl in the folder, its words between spaces.
pub fn openssl(folder: &Folder, words: &str, more: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(words.split(' ').filter(|word| !word.is_empty())).args(more);
    let made = process::run(command.current_dir(folder.path()));
    assert!(made.status.success(), "{words}: {}", String::from_utf8_lossy(&made.stderr));
}

/// A client that trusts one authority, and offers these protocols and versions.
pub fn client(
    authority: &PathBuf,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    client_with(authority, protocols, versions, None)
}

/// The same with `NAME.crt` and `NAME.key` of a folder as its own.
pub fn client_with(
    authority: &PathBuf,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
    own: Option<(&Folder, &str)>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config =
        ClientConfig::builder_with_protocol_versions(versions).with_root_certificates(roots);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some((folder, name)) => {
            let file = |kind: &str| folder.file(&format!("{name}.{kind}"));
            let chain = vec![CertificateDer::from_pem_file(file("crt")).unwrap()];
            let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}
