//! The admin address: is it alive, is it ready, what has it counted.
//!
//! Nothing here needs a credential, and nothing here tells more than numbers: it belongs on an
//! address that tenants cannot reach.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::observe::{Event, Observer};

/// Probes and scrapers are few; more connections than this are a mistake.
const CONNECTIONS_MAX: usize = 64;
/// A probe sends its request at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The text format that every Prometheus reads, in OpenMetrics' words.
const METRICS_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// The HTTP door as a document that programs read; a trial holds it against the running door.
const OPENAPI: &str = include_str!("admin/openapi.json");
const OPENAPI_TYPE: HeaderValue = HeaderValue::from_static("application/json");
const TEXT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Why requests would not be served right now; nothing when they would.
pub type Readiness = watch::Receiver<Option<&'static str>>;

/// The admin address.
pub struct Admin {
    observer: Observer,
    readiness: Readiness,
    connections: Semaphore,
}

impl Admin {
    /// Answers for this process.
    pub fn new(observer: Observer, readiness: Readiness) -> Rc<Admin> {
        Rc::new(Admin { observer, readiness, connections: Semaphore::new(CONNECTIONS_MAX) })
    }

    /// Accepts probes for as long as the process lives.
    pub async fn accept(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let admin = Rc::clone(&self);
                    tokio::task::spawn_local(async move { admin.serve(stream).await });
                }
                Err(error) => {
                    self.observer.emit(&Event::Trouble { place: "admin accept", reason: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream) {
        let Ok(_permit) = self.connections.try_acquire() else { return };
        let service =
            service_fn(|request| async move { Ok::<_, Infallible>(self.answer(&request)) });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        // How a probe's connection ends is of no interest.
        let _ = pin!(connection).await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/livez" => text(StatusCode::OK, "alive\n".to_owned()),
            "/readyz" => match *self.readiness.borrow() {
                None => text(StatusCode::OK, "ready\n".to_owned()),
                Some(reason) => {
                    text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
                }
            },
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.observer.metrics_text());
                response.headers_mut().insert(CONTENT_TYPE, METRICS_TYPE);
                response
            }
            "/openapi.json" => {
                let mut response = text(StatusCode::OK, OPENAPI.to_owned());
                response.headers_mut().insert(CONTENT_TYPE, OPENAPI_TYPE);
                response
            }
            _ => {
                let places = "here are /livez, /readyz, /metrics and /openapi.json\n";
                text(StatusCode::NOT_FOUND, places.to_owned())
            }
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT_TYPE);
    response
}
