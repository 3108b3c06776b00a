//! The HTTP door: the RDS Data API over HTTP/1.1 and HTTP/2, with TLS or without.
//!
//! One task for each client connection, on the shard that accepted it. What a request goes through
//! is [`Door::serve_request`], from top to bottom.

mod body;
mod connection;
mod http2;
mod operations;
mod response;
mod several;
mod sts;
mod wish;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderName};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Version};
use rowhouse_data_api::fault::{Exception, Fault};
use rowhouse_data_api::operation::Operation;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::sigv4::{Authorization, SignedRequest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::admission::Party;
use crate::config::Config;
use crate::error::{Error, Kind};
use crate::identity::{ClaimedKey, Credential, Identity, Service, credential, now_unix};
use crate::jwks::Keys;
use crate::net::{Phase, Seat, Seated};
use crate::observe::{Answered, Event, Observer, Spent};
use crate::session::Session;

/// A pause after `accept` failed, for want of file descriptors mostly: without it the loop would
/// spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The header of temporary credentials (IAM user guide, "Temporary security credentials").
const SESSION_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The status in reports of answers that nobody waited for; web servers log it so, none sends it.
const CLIENT_GONE_STATUS: u16 = 499;

/// The Data API door of one shard.
pub struct Door {
    config: Arc<Config>,
    identity: Identity,
    /// What new connections are met with; `None` for plain HTTP.
    tls: RefCell<Option<TlsAcceptor>>,
    session: Rc<Session>,
    observer: Observer,
    /// Client connections over all shards, and what requests share a connection with others.
    clients: Arc<AtomicUsize>,
    request_ids: RequestIds,
}

/// What is known about a request by the time it is answered.
#[derive(Default)]
struct Trace {
    operation: Option<&'static str>,
    principal: Option<Principal>,
    /// Whose limits it met.
    party: Option<Party>,
    spent: Spent,
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
            tls: RefCell::new(acceptor(&config)),
            config,
            session,
            observer,
            clients,
            request_ids: RequestIds::new(),
        })
    }

    /// Follows a changed configuration in what can change while clients are there: who callers are,
    /// and the certificate that new connections are met with.
    pub fn renew(&self, config: &Arc<Config>, keys: Keys) {
        self.identity.renew(Arc::clone(config), keys);
        // With TLS or without is not for a running door to change.
        if self.config.http.tls.is_some() && config.http.tls.is_some() {
            self.tls.replace(acceptor(config));
        }
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
        let Some(seat) = self.seat() else { return };
        let seated = Seated::new(seat, &self.observer);
        let door = Rc::clone(self);
        tokio::task::spawn_local(async move {
            connection::serve(door, stream, phase).await;
            drop(seated);
        });
    }

    /// One of `http.connections_max`, if there is one.
    fn seat(&self) -> Option<Seat> {
        let (seat, others) = Seat::take(&self.clients);
        if others < self.config.http.connections_max {
            return Some(seat);
        }
        self.observer.emit(&Event::TurnedAway);
        None
    }

    /// One request, from its head to its answer. A client that leaves meanwhile ends it half-way;
    /// the report says so. `large_bodies` is what requests of one connection share.
    async fn serve_request(
        &self,
        request: Request<Incoming>,
        large_bodies: Option<&Semaphore>,
    ) -> Response<Full<Bytes>> {
        let mut report = Report::new(self);
        if sts::is_addressed(&request) {
            return sts::answer(report, request).await;
        }
        let Report { trace, arrived, .. } = &mut report;
        let served = self.pass(request, large_bodies, trace, arrived).await;
        report.answer(served)
    }

    /// The answer to a request that there is no room for.
    fn turn_away(&self) -> Response<Full<Bytes>> {
        let busy = Error::new(Kind::Overloaded, "The service is busy. Try again.");
        Report::new(self).answer(Err(busy.because("http.connections_max is reached")))
    }

    /// Identity, body, operation: nothing of the request has an effect before identity is proven.
    async fn pass(
        &self,
        request: Request<Incoming>,
        large_bodies: Option<&Semaphore>,
        trace: &mut Trace,
        arrived: &mut Instant,
    ) -> Result<Bytes, Error> {
        let (head, incoming) = request.into_parts();
        self.observer.check_counting()?;
        let renewals = self.identity.renewals();
        let mut claim = self.claim(&head).await?;
        let limits = &self.config.limits;
        let timeout = self.config.http.body_timeout;
        let bytes_max = limits.request_bytes_max;
        let body = body::read(incoming, bytes_max, timeout, large_bodies).await?;
        *arrived = Instant::now();
        trace.bytes_in = body.len();
        if self.identity.renewals() != renewals {
            // The body has taken its time, and the key may be gone.
            claim = self.claim(&head).await?;
        }
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
        // What is still open may be undone, so that it does not wait for its timeout.
        if operation != Operation::RollbackTransaction {
            self.session.permit(&principal)?;
        }
        let party = trace.party.insert(self.session.party(&principal)).clone();
        // What ends a transaction gives back what others wait for, so it is never kept waiting.
        let _turn = match operation {
            Operation::CommitTransaction | Operation::RollbackTransaction => None,
            _ => Some(self.session.admit(&party)?),
        };
        operations::run(self, &principal, operation, &body, &mut trace.spent).await
    }

    /// Whom the head of a request names.
    async fn claim<'h>(&self, head: &'h Parts) -> Result<Claim<'h>, Error> {
        let values = head.headers.get_all(AUTHORIZATION).iter().map(|value| value.as_bytes());
        match credential(values)? {
            Credential::Bearer(token) => {
                Ok(Claim::Proven(self.identity.bearer(token, now_unix()).await?))
            }
            Credential::Aws(authorization) => {
                let tokens = head.headers.get_all(SESSION_TOKEN).iter();
                let tokens = tokens.map(|value| value.as_bytes());
                let key = self.identity.claimed_key(&authorization, tokens, now_unix())?;
                Ok(Claim::Signed(authorization, key))
            }
        }
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

/// The headers as they are signed. HTTP/2 has the host in `:authority`, which says more than a
/// `Host` beside it (RFC 9113, 8.3.1).
fn header_lines(head: &Parts) -> Vec<(&str, &[u8])> {
    let authority = head.uri.authority().filter(|_| head.version == Version::HTTP_2);
    let host = authority.map(|authority| (HOST.as_str(), authority.as_str().as_bytes()));
    let lines = head.headers.iter().filter(|(name, _)| host.is_none() || **name != HOST);
    let lines = lines.map(|(name, value)| (name.as_str(), value.as_bytes()));
    host.into_iter().chain(lines).collect()
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

fn acceptor(config: &Config) -> Option<TlsAcceptor> {
    config.http.tls.as_ref().map(|tls| TlsAcceptor::from(Arc::clone(&tls.server)))
}

/// A request that is to be reported, answered or not.
struct Report<'a> {
    door: &'a Door,
    trace: Trace,
    arrived: Instant,
}

impl<'a> Report<'a> {
    fn new(door: &'a Door) -> Report<'a> {
        Report { door, trace: Trace::default(), arrived: Instant::now() }
    }

    /// Makes the answer, and reports it.
    fn answer(mut self, served: Result<Bytes, Error>) -> Response<Full<Bytes>> {
        let request_id = self.door.request_ids.next();
        self.trace.answered = true;
        match served {
            Ok(body) => {
                let bytes_out = body.len();
                let mut response = response::success(&request_id, body);
                self.tell_more(&mut response);
                self.emit(&request_id, response.status().as_u16(), None, bytes_out);
                response
            }
            Err(error) => {
                let fault = error.fault();
                let mut response = response::failure(&request_id, &fault);
                response::retry_after(&mut response, error.retry_time());
                self.tell_more(&mut response);
                let failed = Some((&error, fault.exception.name()));
                self.emit(&request_id, response.status().as_u16(), failed, 0);
                response
            }
        }
    }

    /// Where the time went, and how the caller stands with its limits; AWS's SDKs pass headers by
    /// that they do not know.
    fn tell_more(&self, response: &mut Response<Full<Bytes>>) {
        response::server_timing(response, &self.trace.spent, self.arrived.elapsed());
        let party = self.trace.party.as_ref();
        if let Some((policy, state)) = party.and_then(|party| self.door.session.rate_limit(party)) {
            response::rate_limit(response, &policy, &state);
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
            spent: trace.spent,
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
