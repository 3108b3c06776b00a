//! The certificate of a door and its key: read, checked against each other, ready for use.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use simple_asn1::ASN1Block;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig, SupportedProtocolVersion};

use super::end_point;
use super::reader::Section;

/// HTTP/2 in the words of ALPN (RFC 9113, 3.2).
pub const ALPN_HTTP2: &[u8] = b"h2";
/// HTTP/1.1 in the words of ALPN (RFC 7301, 6).
const ALPN_HTTP1: &[u8] = b"http/1.1";
/// What the HTTP door speaks over TLS, its favourite first.
pub const ALPN_HTTP: [&[u8]; 2] = [ALPN_HTTP2, ALPN_HTTP1];
/// PostgreSQL's protocol in the words of ALPN
/// (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>).
pub const ALPN_POSTGRESQL: &[u8] = b"postgresql";

const CERTIFICATE: &str = "tls_certificate_file";
const KEY: &str = "tls_key_file";

const TLS13_ONLY: &[&SupportedProtocolVersion] = &[&TLS13];
const TLS12_TOO: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

/// TLS for clients.
pub struct Tls {
    /// What handshakes go by.
    pub server: Arc<ServerConfig>,
    /// When the certificate ends, where it says so.
    pub expires: Option<Timestamp>,
    /// What a client binds its password to: the hash of the certificate (RFC 5929, section 4).
    /// `None`: for signatures of its kind there is none.
    pub end_point: Option<Arc<[u8]>>,
}

impl fmt::Debug for Tls {
    /// The key inside stays there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The TLS keys of a door, and who judges the certificates of its clients, if they are asked for.
/// `None`: no TLS, or a problem.
pub fn tls(
    section: &Section<'_>,
    now: Timestamp,
    alpn: &[&[u8]],
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Option<Tls> {
    let certificate_file = section.text(CERTIFICATE);
    let key_file = section.text(KEY);
    let versions = section.word("tls_min_version", &[("1.2", TLS12_TOO), ("1.3", TLS13_ONLY)]);

    let (certificate_file, key_file) = match (certificate_file, key_file) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            section.problem(KEY, format!("is needed: the key of {CERTIFICATE}"));
            return None;
        }
        (None, Some(_)) => {
            section.problem(CERTIFICATE, format!("is needed: the certificate of {KEY}"));
            return None;
        }
    };
    let chain = chain(section, &certificate_file);
    let key = key(section, &key_file);
    let chain = chain?;
    let validity = chain.first().and_then(|certificate| validity(certificate));
    warn_of_dates(section, validity, now);
    let end_point = chain.first().and_then(|certificate| end_point::hash(certificate));
    let knows_clients = clients.is_some();
    let server = ServerConfig::builder_with_protocol_versions(versions?);
    let server = match clients {
        Some(clients) => server.with_client_cert_verifier(clients),
        None => server.with_no_client_auth(),
    };
    let mut server =
        server.with_single_cert(chain, key?).map_err(|error| report(section, &error)).ok()?;
    if knows_clients {
        // A session that is taken up again does not show its certificate again, which may be over
        // or revoked by then.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
    }
    server.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Some(Tls { server: Arc::new(server), expires: validity.map(|(_, until)| until), end_point })
}

fn chain(section: &Section<'_>, file: &str) -> Option<Vec<CertificateDer<'static>>> {
    let text = section.file_text(CERTIFICATE, file)?;
    let chain: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match chain {
        Ok(chain) if chain.is_empty() => {
            section.problem(CERTIFICATE, format!("{file} holds no certificate in PEM"));
            None
        }
        Ok(chain) => Some(chain),
        Err(error) => {
            section.problem(CERTIFICATE, format!("{file} is not good PEM: {error}"));
            None
        }
    }
}

/// PKCS#8, PKCS#1 or SEC1.
fn key(section: &Section<'_>, file: &str) -> Option<PrivateKeyDer<'static>> {
    let text = section.file_text(KEY, file)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
    key.map_err(|error| {
        let message = match error {
            pem::Error::NoItemsFound if text.contains("ENCRYPTED PRIVATE KEY") => {
                "is encrypted, and nobody is there to type its password: decrypt it".to_owned()
            }
            pem::Error::NoItemsFound => "holds no private key in PEM".to_owned(),
            error => format!("is not good PEM: {error}"),
        };
        section.problem(KEY, format!("{file} {message}"));
    })
    .ok()
}

fn report(section: &Section<'_>, error: &rustls::Error) {
    match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => section.problem(
            KEY,
            format!(
                "is not the key of the first certificate in {CERTIFICATE}: that one must be \
                     the server's own"
            ),
        ),
        rustls::Error::InvalidCertificate(_) => {
            section.problem(CERTIFICATE, format!("cannot be used: {error}"));
        }
        _ => section.problem(KEY, format!("cannot be used: {error}")),
    }
}

/// Outside its dates it is of no use to careful clients; but to stay away would help nobody.
fn warn_of_dates(section: &Section<'_>, validity: Option<(Timestamp, Timestamp)>, now: Timestamp) {
    match validity {
        Some((_, until)) if until < now => {
            section.warning(CERTIFICATE, format!("the certificate ended on {until}: renew it"));
        }
        Some((from, _)) if from > now => {
            section.warning(CERTIFICATE, format!("the certificate begins on {from} only"));
        }
        _ => {}
    }
}

/// From when until when (RFC 5280, 4.1). What cannot be read is for clients to judge.
fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let blocks = simple_asn1::from_der(certificate).ok()?;
    let content = sequence(sequence(blocks.first()?)?.first()?)?;
    // The version is the only optional member before it, and has a tag of its own.
    let at = if matches!(content.first()?, ASN1Block::Explicit(..)) { 4 } else { 3 };
    match sequence(content.get(at)?)? {
        [from, until] => Some((time(from)?, time(until)?)),
        _ => None,
    }
}

fn sequence(block: &ASN1Block) -> Option<&[ASN1Block]> {
    match block {
        ASN1Block::Sequence(_, blocks) => Some(blocks),
        _ => None,
    }
}

fn time(block: &ASN1Block) -> Option<Timestamp> {
    match block {
        ASN1Block::UTCTime(_, time) | ASN1Block::GeneralizedTime(_, time) => {
            Timestamp::from_second(time.assume_utc().unix_timestamp()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
