//! Certificates of clients: whether they are asked for, and which authorities count.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;

use super::reader::Section;

const AUTH: &str = "tls_client_auth";
const AUTHORITIES: &str = "tls_client_ca_file";
const REVOKED: &str = "tls_client_crl_file";

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not.
    None,
    /// They are, and may have none.
    Optional,
    /// Without one nobody comes in.
    Required,
}

/// Whether clients are asked, and who judges what they show. `None` beside `Optional` or
/// `Required`: a problem.
pub fn client_certificates(
    section: &Section<'_>,
) -> (ClientAuth, Option<Arc<dyn ClientCertVerifier>>) {
    let words = [
        ("none", ClientAuth::None),
        ("optional", ClientAuth::Optional),
        ("required", ClientAuth::Required),
    ];
    let auth = section.word(AUTH, &words).unwrap_or(ClientAuth::None);
    let authorities = section.text(AUTHORITIES);
    let revoked = section.text(REVOKED);
    if auth == ClientAuth::None {
        for key in [AUTHORITIES, REVOKED] {
            if section.has(key) {
                let message = format!(
                    "is of no use with {AUTH} = \"none\": write \"optional\" or \
                                       \"required\" there, or take this out"
                );
                section.problem(key, message);
            }
        }
        return (auth, None);
    }
    if !section.has("tls_certificate_file") {
        section.problem(AUTH, "needs TLS: add tls_certificate_file");
    }
    let Some(authorities) = authorities else {
        if !section.has(AUTHORITIES) {
            let message = "is needed: the authorities whose certificates clients may have";
            section.problem(AUTHORITIES, message);
        }
        return (auth, None);
    };
    (auth, verifier(section, auth, &authorities, revoked.as_deref()))
}

fn verifier(
    section: &Section<'_>,
    auth: ClientAuth,
    authorities: &str,
    revoked: Option<&str>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let roots = roots(section, authorities)?;
    let mut builder = WebPkiClientVerifier::builder(Arc::new(roots));
    if let Some(file) = revoked {
        // As PostgreSQL: with a list, every authority on the way has to have one that is not over.
        builder = builder.with_crls(lists(section, file)?).enforce_revocation_expiration();
    }
    if auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    let key = if revoked.is_some() { REVOKED } else { AUTHORITIES };
    let built = builder.build();
    built.map_err(|error| section.problem(key, format!("cannot be used: {error}"))).ok()
}

fn roots(section: &Section<'_>, file: &str) -> Option<RootCertStore> {
    let text = section.file_text(AUTHORITIES, file)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let added = certificate.map_err(|error| error.to_string());
        let added = added.and_then(|der| roots.add(der).map_err(|error| error.to_string()));
        if let Err(error) = added {
            section.problem(AUTHORITIES, format!("{file} holds what cannot be used: {error}"));
            return None;
        }
    }
    if roots.is_empty() {
        section.problem(AUTHORITIES, format!("{file} holds no certificate in PEM"));
        return None;
    }
    Some(roots)
}

fn lists(section: &Section<'_>, file: &str) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let text = section.file_text(REVOKED, file)?;
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).collect();
    match lists {
        Ok(lists) if lists.is_empty() => {
            section.problem(REVOKED, format!("{file} holds no revocation list in PEM"));
            None
        }
        Ok(lists) => Some(lists),
        Err(error) => {
            section.problem(REVOKED, format!("{file} is not good PEM: {error}"));
            None
        }
    }
}
