//! The HTTP door: the RDS Data API over HTTP/1.1.
//!
//! One task for each client connection, on the shard that accepted it. What a request goes through
//! is [`Door::serve_request`], from top to bottom.

mod body;
mod operations;
mod response;
mod several;
mod sts;

use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rowhouse_data_api::fault::{Exception, Fault};
use rowhouse_data_api::operation::Operation;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sigv4::{Authorization, SignedRequest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::config::Config;
use crate::error::{Error, Kind};
use crate::identity::{ClaimedKey, Credential, Identity, Service, credential, now_unix};
use crate::jwks::Keys;
use crate::net::{PaceLimits, PacedStream};
use crate::observe::{Answered, Event, Observer};
use crate::session::Session;

/// A pause after `accept` failed, for want of file descriptors mostly: without it the loop would
/// spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of a request's head. AWS's own load balancers take 64 KiB; a head here is about 1 KiB.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of one request; SDKs send about a dozen.
const HEADERS_MAX: usize = 100;

/// A client that takes nothing of its answer for this long is gone, or wants to hold us up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The header of temporary credentials (IAM user guide, "Temporary security credentials").
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The status in reports of answers that nobody waited for; web servers log it so, none sends it.
const CLIENT_GONE_STATUS: u16 = 499;

/// How far a stop has come. Every shard and door follows the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// New connections are accepted.
    Serving,
    /// None are; what is open goes on, so that transactions can end.
    Draining,
    /// Connections close after the answer they are at.
    Closing,
}

/// The Data API door of one shard.
pub struct Door {
    config: Arc<Config>,
    identity: Identity,
    session: Rc<Session>,
    observer: Observer,
    /// Client connections over all shards.
    clients: Arc<AtomicUsize>,
    request_ids: RequestIds,
}

/// What is known about a request by the time it is answered.
#[derive(Default)]
struct Trace {
    operation: Option<&'static str>,
    principal: Option<Principal>,
    database: Duration,
    bytes_in: usize,
    answered: bool,
}

impl Door {
    /// A door to this session.
    pub fn new(
        config: Arc<Config>,
        session: Rc<Session>,
        observer: Observer,
        clients: Arc<AtomicUsize>,
        keys: Keys,
    ) -> Rc<Door> {
        Rc::new(Door {
            identity: Identity::new(Arc::clone(&config), keys),
            config,
            session,
            observer,
            clients,
            request_ids: RequestIds::new(),
        })
    }

    /// Accepts clients until the phase leaves `Serving`.
    pub async fn accept(self: Rc<Self>, listener: TcpListener, phase: watch::Receiver<Phase>) {
        let mut stop = phase.clone();
        let mut stopped = pin!(stop.wait_for(|phase| *phase != Phase::Serving));
        loop {
            let accepted = tokio::select! {
                _ = &mut stopped => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream, phase.clone()),
                Err(error) => {
                    self.observer.emit(&Event::Trouble { place: "accept", reason: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes a client in, or closes on it when too many are there.
    fn admit(self: &Rc<Self>, stream: TcpStream, phase: watch::Receiver<Phase>) {
        if self.clients.fetch_add(1, Ordering::Relaxed) >= self.config.http.connections_max {
            self.clients.fetch_sub(1, Ordering::Relaxed);
            self.observer.emit(&Event::TurnedAway);
            return;
        }
        self.observer.emit(&Event::Accepted);
        let door = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let guest = Guest(Rc::clone(&door));
            door.serve_client(stream, phase).await;
            drop(guest);
        });
    }

    async fn serve_client(self: Rc<Self>, stream: TcpStream, mut phase: watch::Receiver<Phase>) {
        // Without it, an answer waits for the client's acknowledgement of the one before.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let http = &self.config.http;
        let limits =
            PaceLimits { idle: http.idle_timeout, head: http.head_timeout, write: WRITE_TIMEOUT };
        let (stream, pace) = PacedStream::new(stream, limits);
        let door = Rc::clone(&self);
        let service = service_fn(move |request| {
            let door = Rc::clone(&door);
            let serving = pace.serve();
            async move {
                let response = door.serve_request(request).await;
                drop(serving);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let closing = async {
            // A sender that is gone means the same as its last word.
            let _ = phase.wait_for(|phase| *phase == Phase::Closing).await;
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = closing => connection.as_mut().graceful_shutdown(),
        }
        // How a client's connection ends, by reset or by the book, is of no interest.
        let _ = connection.await;
    }

    /// One request, from its head to its answer. A client that leaves meanwhile ends it half-way;
    /// the report says so.
    async fn serve_request(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut report = Report { door: self, trace: Trace::default(), arrived: Instant::now() };
        if sts::is_addressed(&request) {
            return sts::answer(report, request).await;
        }
        let Report { trace, arrived, .. } = &mut report;
        let served = self.pass(request, trace, arrived).await;
        report.answer(served)
    }

    /// Identity, body, operation: nothing of the request has an effect before identity is proven.
    async fn pass(
        &self,
        request: Request<Incoming>,
        trace: &mut Trace,
        arrived: &mut Instant,
    ) -> Result<Bytes, Error> {
        let (head, incoming) = request.into_parts();
        let values = head.headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes());
        let credential = credential(values)?;
        let claim = match credential {
            Credential::Bearer(token) => {
                Claim::Proven(self.identity.bearer(token, now_unix()).await?)
            }
            Credential::Aws(authorization) => {
                let tokens = head.headers.get_all(SESSION_TOKEN).iter();
                let tokens = tokens.map(|value| value.as_bytes());
                let key = self.identity.claimed_key(&authorization, tokens, now_unix())?;
                Claim::Signed(authorization, key)
            }
        };
        let limits = &self.config.limits;
        let timeout = self.config.http.body_timeout;
        let body = body::read(incoming, limits.request_bytes_max, timeout).await?;
        *arrived = Instant::now();
        trace.bytes_in = body.len();
        let principal = match claim {
            Claim::Proven(principal) => principal,
            Claim::Signed(authorization, key) => {
                let headers = header_lines(&head);
                let signed = signed_request(&head, &headers, &body);
                let service = Service::DataApi;
                self.identity.aws(&key, &authorization, &signed, service, now_unix())?
            }
        };
        trace.principal = Some(principal.clone());
        let operation = operation(&head)?;
        trace.operation = Some(operation.name());
        operations::run(self, &principal, operation, &body, &mut trace.database).await
    }
}

/// How far identity has come before the body is there.
enum Claim<'a> {
    /// All the way.
    Proven(Principal),
    /// There is such a key; the signature covers the body.
    Signed(Authorization<'a>, ClaimedKey),
}

/// The operation a request names by its method and path.
fn operation(head: &Parts) -> Result<Operation, Error> {
    Operation::from_path(head.uri.path()).filter(|_| head.method == Method::POST).ok_or_else(|| {
        Fault::new(Exception::UnknownOperation, "No such operation. See the RDS Data API.").into()
    })
}

fn header_lines(head: &Parts) -> Vec<(&str, &[u8])> {
    head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn signed_request<'a>(
    head: &'a Parts,
    headers: &'a [(&'a str, &'a [u8])],
    body: &'a [u8],
) -> SignedRequest<'a> {
    SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
        body,
    }
}

/// A request that is to be reported, answered or not.
struct Report<'a> {
    door: &'a Door,
    trace: Trace,
    arrived: Instant,
}

impl Report<'_> {
    /// Makes the answer, and reports it.
    fn answer(mut self, served: Result<Bytes, Error>) -> Response<Full<Bytes>> {
        let request_id = self.door.request_ids.next();
        self.trace.answered = true;
        match served {
            Ok(body) => {
                let bytes_out = body.len();
                let response = response::success(&request_id, body);
                self.emit(&request_id, response.status().as_u16(), None, bytes_out);
                response
            }
            Err(error) => {
                let fault = error.fault();
                let response = response::failure(&request_id, &fault);
                let failed = Some((&error, fault.exception.name()));
                self.emit(&request_id, response.status().as_u16(), failed, 0);
                response
            }
        }
    }

    fn emit(
        &self,
        request_id: &str,
        status: u16,
        failed: Option<(&Error, &'static str)>,
        bytes_out: usize,
    ) {
        let trace = &self.trace;
        self.door.observer.emit(&Event::Answered(Answered {
            request_id,
            operation: trace.operation.unwrap_or("-"),
            principal: trace.principal.as_ref(),
            status,
            error: failed.map(|(error, _)| error),
            exception: failed.map(|(_, exception)| exception),
            total: self.arrived.elapsed(),
            database: trace.database,
            bytes_in: trace.bytes_in,
            bytes_out,
        }));
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if !self.trace.answered {
            let gone = Error::new(Kind::ClientGone, "The client left before its answer.");
            let failed = Some((&gone, gone.fault().exception.name()));
            self.emit(&self.door.request_ids.next(), CLIENT_GONE_STATUS, failed, 0);
        }
    }
}

/// A client connection that is counted until it ends, however it ends.
struct Guest(Rc<Door>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::Relaxed);
        self.0.observer.emit(&Event::Closed);
    }
}

/// Request ids: a prefix that differs between shards and starts, and a count.
struct RequestIds {
    prefix: u64,
    count: Cell<u64>,
}

impl RequestIds {
    fn new() -> RequestIds {
        let mut prefix = [0; 8];
        // Ids that repeat after a failure of the system's randomness only make logs harder to read.
        let _ = aws_lc_rs::rand::fill(&mut prefix);
        RequestIds { prefix: u64::from_be_bytes(prefix), count: Cell::new(0) }
    }

    /// The next id, in the form of a UUID as AWS's are.
    fn next(&self) -> String {
        let count = self.count.get();
        self.count.set(count + 1);
        let (high, low) = (self.prefix >> 32, self.prefix & 0xffff_ffff);
        format!(
            "{high:08x}-{:04x}-{:04x}-{:04x}-{count:012x}",
            low >> 16,
            low & 0xffff,
            self.prefix.count_ones()
        )
    }
}
