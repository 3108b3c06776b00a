//! One key set over HTTP: every step has its time, every size its limit, and no step leads
//! elsewhere than the URL says.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONNECTION, HOST, USER_AGENT};
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rowhouse_tenancy::jwt::KEY_SET_BYTES_MAX;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use super::reach::{Reach, reach};
use crate::config::KeySetSource;
use crate::net::{Stream, read_roots, system_roots};

/// From the name to the last byte. Issuers answer within some 100 ms; callers may be waiting.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// One address of a server that does not answer leaves time for the next.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Addresses of one name that are tried; each costs [`CONNECT_TIMEOUT`].
const ADDRESSES_MAX: usize = 8;
/// Bytes of an answer's head. Issuers' are about 2 KiB.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of an answer; issuers send about twenty.
const HEADERS_MAX: usize = 100;
/// How we introduce ourselves.
const AGENT: &str = concat!("rowhouse/", env!("CARGO_PKG_VERSION"));

/// An answer.
#[derive(Debug)]
pub struct Fetched {
    /// The body, at most [`KEY_SET_BYTES_MAX`].
    pub body: Bytes,
    /// How long the issuer says it may be kept.
    pub max_age: Option<Duration>,
}

/// Why there is no key set.
#[derive(Debug)]
pub enum FetchError {
    /// Not within [`FETCH_TIMEOUT`].
    Slow,
    /// The name does not resolve.
    Name(io::Error),
    /// The address is one that may not be asked.
    Refused(IpAddr, Reach),
    /// No address answers.
    Connect(io::Error),
    /// TLS: no roots, or the server does not prove who it is.
    Tls(io::Error),
    /// Not HTTP, or cut off.
    Http(String),
    /// A redirect, or an answer that is none.
    Status(StatusCode),
    /// More bytes than [`KEY_SET_BYTES_MAX`].
    TooLong,
    /// Compressed, although that was not asked for: its size cannot be known before it is opened.
    Compressed,
}

/// Fetches a key set. Dropping the future closes the connection.
pub async fn fetch(source: &KeySetSource) -> Result<Fetched, FetchError> {
    timeout(FETCH_TIMEOUT, get(source)).await.unwrap_or(Err(FetchError::Slow))
}

async fn get(source: &KeySetSource) -> Result<Fetched, FetchError> {
    let host = source.url.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_tls = source.url.scheme_str() == Some("https");
    let port = source.url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = connect(host, port, |address| {
        let reach = reach(address);
        let allowed = match reach {
            Reach::Public => is_tls,
            Reach::Loopback => source.allow_private,
            Reach::Private => source.allow_private && is_tls,
            Reach::Never => false,
        };
        if allowed { Ok(()) } else { Err(FetchError::Refused(address, reach)) }
    })
    .await?;
    let stream = match is_tls {
        false => Stream::Tcp(stream),
        true => {
            let config = client_config(source).await.map_err(FetchError::Tls)?;
            let name = ServerName::try_from(host.to_owned())
                .map_err(|error| FetchError::Tls(io::Error::other(error)))?;
            let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
            Stream::Tls(Box::new(connected.map_err(FetchError::Tls)?))
        }
    };
    exchange(stream, &source.url).await
}

/// Connects to the first address that `check` allows and that answers. One that is refused ends it:
/// a name that resolves to the inside and the outside is no accident.
async fn connect(
    host: &str,
    port: u16,
    check: impl Fn(IpAddr) -> Result<(), FetchError>,
) -> Result<TcpStream, FetchError> {
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((host, port)).await.map_err(FetchError::Name)?.collect();
    for address in &addresses {
        check(address.ip())?;
    }
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.into_iter().take(ADDRESSES_MAX) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = error,
            Err(_) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(FetchError::Connect(failed))
}

/// Roots are read for each fetch: whoever replaces them need not restart anything.
async fn client_config(source: &KeySetSource) -> io::Result<ClientConfig> {
    let ca_file = source.ca_file.clone();
    let read = move || ca_file.as_deref().map_or_else(system_roots, read_roots);
    let roots = tokio::task::spawn_blocking(read).await.map_err(io::Error::other)??;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// One request, one answer.
async fn exchange(stream: Stream, url: &Uri) -> Result<Fetched, FetchError> {
    let broken = |error: hyper::Error| FetchError::Http(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = request(url)?;
    let mut exchange = pin!(async move {
        let response = sender.send_request(request).await.map_err(broken)?;
        read(response).await
    });
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        read = exchange.as_mut() => return read,
        // It is over when the server has closed; what it has read before waits to be taken.
        _ = connection.as_mut() => {}
    }
    exchange.await
}

fn request(url: &Uri) -> Result<Request<Empty<Bytes>>, FetchError> {
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let host = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    Request::get(path)
        .header(HOST, host)
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| FetchError::Http(error.to_string()))
}

/// The content type is not looked at: issuers who keep their set as a file serve it as they serve
/// files, and what is no key set does not pass for one.
async fn read(response: Response<hyper::body::Incoming>) -> Result<Fetched, FetchError> {
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status()));
    }
    let (head, body) = response.into_parts();
    let encoding = head.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Err(FetchError::Compressed);
    }
    let body = Limited::new(body, KEY_SET_BYTES_MAX).collect().await.map_err(|error| {
        match error.is::<LengthLimitError>() {
            true => FetchError::TooLong,
            false => FetchError::Http(error.to_string()),
        }
    })?;
    Ok(Fetched { body: body.to_bytes(), max_age: max_age(&head.headers) })
}

/// RFC 9111 section 5.2.2: `max-age`, and nothing at all where the answer must not be kept.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let ages = directives.filter_map(|directive| match directive.split_once('=') {
        Some((name, seconds)) if name.eq_ignore_ascii_case("max-age") => {
            seconds.trim_matches('"').parse().ok().map(Duration::from_secs)
        }
        None if directive.eq_ignore_ascii_case("no-store") => Some(Duration::ZERO),
        None if directive.eq_ignore_ascii_case("no-cache") => Some(Duration::ZERO),
        _ => None,
    });
    ages.min()
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow => write!(f, "not there within {} s", FETCH_TIMEOUT.as_secs()),
            Self::Name(error) => write!(f, "the name does not resolve: {error}"),
            Self::Refused(address, Reach::Never) => write!(
                f,
                "the name resolves to {address}, which is never asked: it is link-local, reserved, \
                 or a metadata service"
            ),
            Self::Refused(address, Reach::Public) => {
                write!(f, "the name resolves to {address}, and http:// is for loopback only")
            }
            Self::Refused(address, Reach::Loopback | Reach::Private) => write!(
                f,
                "the name resolves to {address}, inside the network; if that is meant, use https \
                 and set jwks_allow_private = true"
            ),
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Http(error) => write!(f, "not answered as HTTP should be: {error}"),
            Self::Status(status) if status.is_redirection() => write!(
                f,
                "answered with a redirect ({status}), which is not followed; write the last URL \
                 into jwks_url"
            ),
            Self::Status(status) => write!(f, "answered with {status}"),
            Self::TooLong => write!(f, "the answer has more than {KEY_SET_BYTES_MAX} bytes"),
            Self::Compressed => f.write_str("the answer is compressed, which was not asked for"),
        }
    }
}

impl std::error::Error for FetchError {}

#[cfg(test)]
mod tests;
