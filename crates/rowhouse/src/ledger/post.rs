//! Posting a batch of events, over TLS or to loopback: one connection for each, no redirects.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rowhouse_tenancy::secret::Secret;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::net::{Stream, read_roots, system_roots};

/// From the name to the answer.
const POST_TIMEOUT: Duration = Duration::from_secs(15);
/// One address that does not answer leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of an answer's head; its body is not read.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A list of events (CloudEvents, "JSON Batch Format").
const BATCH: HeaderValue = HeaderValue::from_static("application/cloudevents-batch+json");
/// How we introduce ourselves.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("rowhouse/", env!("CARGO_PKG_VERSION")));

/// Posts; any 2xx will do. What went wrong is told without what was sent.
pub async fn post(
    url: &Uri,
    token: Option<&Secret>,
    ca_file: Option<&Path>,
    body: String,
) -> Result<(), String> {
    let request = request(url, token, body)?;
    let posted = timeout(POST_TIMEOUT, exchange(url, ca_file.map(Path::to_owned), request)).await;
    posted.unwrap_or_else(|_| Err(format!("no answer within {} s", POST_TIMEOUT.as_secs())))
}

fn request(
    url: &Uri,
    token: Option<&Secret>,
    body: String,
) -> Result<Request<Full<Bytes>>, String> {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let mut request = Request::post(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, BATCH)
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close");
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
        let mut value = value.map_err(|_| "the token cannot be sent as a header".to_owned())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())
}

async fn exchange(
    url: &Uri,
    ca_file: Option<PathBuf>,
    request: Request<Full<Bytes>>,
) -> Result<(), String> {
    let stream = connect(url, ca_file).await.map_err(|error| format!("cannot connect: {error}"))?;
    let broken = |error: hyper::Error| format!("not answered as HTTP should be: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let mut answer = pin!(sender.send_request(request));
    let mut connection = pin!(connection);
    let response = tokio::select! {
        biased;
        response = answer.as_mut() => response,
        // It is over when the server has closed; what it has said before waits to be taken.
        _ = connection.as_mut() => answer.await,
    };
    let status = response.map_err(broken)?.status();
    match status.is_success() {
        true => Ok(()),
        false => Err(format!("answered with {status}")),
    }
}

async fn connect(url: &Uri, ca_file: Option<PathBuf>) -> io::Result<Stream> {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_tls = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                failed = error;
                continue;
            }
            Err(_) => {
                failed = io::ErrorKind::TimedOut.into();
                continue;
            }
        };
        if !is_tls {
            return Ok(Stream::Tcp(stream));
        }
        // Read for each: whoever replaces the roots need not restart anything.
        let read = move || ca_file.as_deref().map_or_else(system_roots, read_roots);
        let roots = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        return Ok(Stream::Tls(Box::new(connected)));
    }
    Err(failed)
}
