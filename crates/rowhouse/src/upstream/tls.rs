//! TLS towards PostgreSQL, as libpq's `verify-ca` and `verify-full` do it.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};

use super::UpstreamError;
use crate::net::read_roots;

/// Whether the certificate must name the host, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostCheck {
    /// `verify-full`.
    Name,
    /// `verify-ca`: any certificate of these roots will do.
    AnyName,
}

/// Runs the TLS handshake on a stream whose server has just agreed to it.
pub async fn handshake(
    stream: TcpStream,
    host: &str,
    ca_file: &Path,
    check: HostCheck,
) -> Result<TlsStream<TcpStream>, UpstreamError> {
    let config = client_config(ca_file, check)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| UpstreamError::Network(format!("{host} is not a name TLS can check")))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| UpstreamError::Network(format!("TLS handshake failed: {error}")))
}

fn client_config(ca_file: &Path, check: HostCheck) -> Result<ClientConfig, UpstreamError> {
    let roots = read_roots(ca_file);
    let roots = Arc::new(roots.map_err(|error| UpstreamError::Network(error.to_string()))?);
    if check == HostCheck::Name {
        return Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    }
    let inner = WebPkiServerVerifier::builder(roots)
        .build()
        .map_err(|error| UpstreamError::Network(format!("TLS roots unusable: {error}")))?;
    Ok(ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyNameVerifier { inner }))
        .with_no_client_auth())
}

/// Checks the chain and its dates and forgives only the name, as `sslmode=verify-ca` does
/// (PostgreSQL docs, libpq, "SSL Support", table "SSL Mode Descriptions").
#[derive(Debug)]
struct AnyNameVerifier {
    inner: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyNameVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verdict = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
