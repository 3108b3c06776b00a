//! One client's connection: whether it is TLS, which HTTP it speaks, and its HTTP/1.1.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Door, Phase, http2};
use crate::config::ALPN_HTTP2;
use crate::net::{ClientStream, Pace, PaceLimits, PacedStream};
use crate::observe::Event;

/// Bytes of a request's head. AWS's own load balancers take 64 KiB; a head here is about 1 KiB.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of one HTTP/1.1 request; SDKs send about a dozen.
const HEADERS_MAX: usize = 100;
/// How HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How a handshake of TLS begins: the type of its first record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// What somebody is told who asks a TLS port in plain HTTP: a person would wait for long before
/// they looked at the URL.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 46\r\nConnection: close\r\n\r\nThis port speaks TLS: write https:// instead.\n";
/// What of such a request is still read, so that it does not tear down its own answer.
const NOT_TLS_BYTES_MAX: u64 = 64 * 1024;

/// Which HTTP a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Serves a client until it goes, takes too long, or the door closes.
pub async fn serve(door: Rc<Door>, stream: TcpStream, phase: watch::Receiver<Phase>) {
    // Without it, an answer waits for the client's acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let http = &door.config.http;
    let limits =
        PaceLimits { idle: http.idle_timeout, head: http.head_timeout, write: http.write_timeout };
    let (stream, pace) = PacedStream::new(stream, limits, door.observer.page());
    let begun = tokio::select! {
        begun = begin(&door, stream, &pace) => begun,
        () = closing(phase.clone()) => return,
    };
    match begun {
        Some((stream, Version::Http1)) => serve_http1(door, stream, pace, phase).await,
        Some((stream, Version::Http2)) => http2::serve(door, stream, pace, phase).await,
        None => {}
    }
}

/// Done when connections are to close.
pub async fn closing(mut phase: watch::Receiver<Phase>) {
    // A sender that is gone means the same as its last word.
    let _ = phase.wait_for(|phase| *phase == Phase::Closing).await;
}

/// The handshake where the door has TLS, and which HTTP comes then. `None`: neither.
async fn begin(
    door: &Door,
    mut stream: PacedStream,
    pace: &Pace,
) -> Option<(ClientStream, Version)> {
    let acceptor = door.tls.borrow().clone();
    let Some(acceptor) = acceptor else {
        let first = stream.look(|bytes| !PREFACE.starts_with(bytes)).await.ok()?;
        let version = match first {
            // In answer to TLS, nothing that is not TLS can be understood.
            [TLS_HANDSHAKE, ..] => return None,
            PREFACE => Version::Http2,
            _ => Version::Http1,
        };
        return Some((ClientStream::Plain(stream), version));
    };
    // A request needs a handshake first: both together are what `head_timeout` is about.
    let within = door.config.http.head_timeout;
    let handshake = tokio::time::timeout(within, handshake(door, stream, acceptor)).await;
    let Ok(done) = handshake else {
        door.observer.emit(&Event::HandshakeFailed { reason: &"it took too long" });
        return None;
    };
    let (stream, version) = done?;
    pace.wait();
    Some((stream, version))
}

async fn handshake(
    door: &Door,
    mut stream: PacedStream,
    acceptor: TlsAcceptor,
) -> Option<(ClientStream, Version)> {
    match stream.look(|bytes| !bytes.is_empty()).await {
        // The first letter of a method.
        Ok([b'A'..=b'Z', ..]) => {
            refuse_plain(stream).await;
            return None;
        }
        // Probes of load balancers connect and go.
        Ok([]) | Err(_) => return None,
        Ok(_) => {}
    }
    match acceptor.accept(stream).await {
        Ok(stream) => {
            let version = match stream.get_ref().1.alpn_protocol() {
                Some(ALPN_HTTP2) => Version::Http2,
                _ => Version::Http1,
            };
            Some((ClientStream::Tls(Box::new(stream)), version))
        }
        Err(error) => {
            door.observer.emit(&Event::HandshakeFailed { reason: &error });
            None
        }
    }
}

/// How it ends is of no interest.
async fn refuse_plain(mut stream: PacedStream) {
    if stream.write_all(NOT_TLS).await.is_ok() && stream.shutdown().await.is_ok() {
        let mut rest = stream.take(NOT_TLS_BYTES_MAX);
        let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
    }
}

async fn serve_http1(
    door: Rc<Door>,
    stream: ClientStream,
    pace: Pace,
    phase: watch::Receiver<Phase>,
) {
    let service = service_fn(move |request| {
        let door = Rc::clone(&door);
        let serving = pace.serve();
        async move {
            let response = door.serve_request(request, None).await;
            drop(serving);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = closing(phase) => connection.as_mut().graceful_shutdown(),
    }
    // How a client's connection ends, by reset or by the book, is of no interest.
    let _ = connection.await;
}
