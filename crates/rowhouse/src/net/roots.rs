//! Certificates that others' certificates must lead to.

use std::io;
use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::RootCertStore;

/// The roots in a PEM file; every one of them must be usable, since somebody chose them.
pub fn read_roots(ca_file: &Path) -> io::Result<RootCertStore> {
    let unreadable = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("cannot read CA file {}: {error}", ca_file.display()))
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(ca_file).map_err(|error| unreadable(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() {
        return Err(unreadable(&"it holds no certificate"));
    }
    Ok(roots)
}

/// The roots that this system trusts, or those of SSL_CERT_FILE and SSL_CERT_DIR. Nobody chose each
/// of them, so one that cannot be used is passed over.
pub fn system_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let message = "this system has no root certificates: install its package ca-certificates, \
                       or name a ca_file";
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(roots)
}
