//! Making connections: with a backoff that all requests of a pool share, so that a server that
//! comes back is not met by everybody at once.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::frontend;
use rowhouse_rls::Code;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::gate::Gate;
use super::registration::{Registered, register};
use super::roster::Roster;
use crate::config::{Context, Server};
use crate::error::{Error, Kind};
use crate::observe::{Event, Observer};
use crate::seal::Seals;
use crate::secrets::{Credentials, Source};
use crate::upstream::{
    ExchangeShape, Link, Login, UpstreamError, VettingError, connect, connect_with, examine,
};

/// The pause after the first failed attempt; it doubles with every further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// The longest pause: a server that is back is met again within this time.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// The pause after the server has refused role, password or database.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);
/// Times that one request tries newer credentials, when PostgreSQL has refused those before.
const REFUSALS_MAX: usize = 3;
/// Credentials that have been good and are refused now are being rotated: for this long, whoever
/// meets that waits for the new ones as long as it can. After that, and where they never were good,
/// requests are told at once.
const ROTATION_MAX: Duration = Duration::from_secs(30);
/// Attempts at once: PostgreSQL forks for each, and authentication costs it a few milliseconds.
const ATTEMPTS_MAX: usize = 4;

/// The answer to a lone `Sync` is six bytes; notices may stand before it.
const PING_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where a pool leads, and as whom.
pub struct Destination {
    /// The server.
    pub server: Arc<Server>,
    /// The database.
    pub database: String,
    /// Where role and password come from.
    pub source: Arc<Source>,
    /// Set where tenants use roles that the start-up gate cannot have seen: what the operator
    /// accepts of what speaks against them.
    pub vetting: Option<Vec<Code>>,
    /// What connections are registered with, where the database is sealed.
    pub seals: Option<Arc<Seals>>,
    /// What sessions start with besides what all do.
    pub parameters: Vec<(&'static str, String)>,
}

/// Makes the connections of one pool.
pub struct Connector {
    destination: Destination,
    /// The version of the credentials whose role was found fit for tenants.
    vetted: Cell<Option<u64>>,
    /// The version that is refused here, and since when.
    refused: Cell<Option<(u64, Instant)>>,
    connect_timeout: Duration,
    observer: Observer,
    attempts: Semaphore,
    failures: Cell<u32>,
    not_before: Cell<Option<Instant>>,
    last_failure: RefCell<String>,
    round_trip: Cell<Option<Duration>>,
    /// What the server told about itself when the newest connection began.
    told: RefCell<Rc<[(String, String)]>>,
    /// The role of the newest connection.
    role: RefCell<Option<String>>,
    gate: Gate,
    roster: Roster,
}

/// Why an attempt failed.
enum Setback {
    /// The way to the server, or the server for the moment: it is tried again.
    Passing,
    /// PostgreSQL refuses the credentials, or the gate their role: newer ones may do.
    Refused(Error),
    /// An operator must mend it.
    Final(Error),
}

impl Connector {
    /// A connector that has not tried yet.
    pub fn new(
        destination: Destination,
        connect_timeout: Duration,
        observer: Observer,
    ) -> Connector {
        Connector {
            destination,
            vetted: Cell::new(None),
            refused: Cell::new(None),
            connect_timeout,
            observer,
            attempts: Semaphore::new(ATTEMPTS_MAX),
            failures: Cell::new(0),
            not_before: Cell::new(None),
            last_failure: RefCell::new(String::new()),
            round_trip: Cell::new(None),
            told: RefCell::new(Rc::new([])),
            role: RefCell::new(None),
            gate: Gate::default(),
            roster: Roster::default(),
        }
    }

    /// What the server told about itself; nothing before the first connection.
    pub fn told(&self) -> Rc<[(String, String)]> {
        Rc::clone(&self.told.borrow())
    }

    /// Where everybody waits who needs a new connection, while an operator wants that.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The connections that it has made.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Attempts that are under way.
    pub fn connecting(&self) -> usize {
        ATTEMPTS_MAX.saturating_sub(self.attempts.available_permits())
    }

    /// The role of the newest connection.
    pub fn role(&self) -> Option<String> {
        self.role.borrow().clone()
    }

    /// The server it leads to.
    pub fn server(&self) -> &Server {
        &self.destination.server
    }

    /// A new connection, tried until the deadline; refusals that trying again cannot mend end it at
    /// once. Credentials that PostgreSQL refuses are tried again when there are newer ones: between
    /// the two halves of a rotation, nobody's request is to fail.
    pub async fn connect(
        &self,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Link, Error> {
        let mut refusals = 0;
        loop {
            self.gate.pass(deadline).await?;
            let permit = timeout_at(deadline, self.attempts.acquire()).await;
            let Ok(Ok(_permit)) = permit else { return Err(self.gave_up()) };
            if let Some(not_before) = self.not_before.get()
                && not_before > Instant::now()
            {
                if not_before >= deadline {
                    return Err(self.gave_up());
                }
                sleep_until(not_before).await;
            }
            let credentials = self.destination.source.current(deadline).await?;
            match self.attempt(&credentials, parameters, deadline).await {
                Ok(link) => {
                    self.destination.source.accepted(&credentials);
                    self.refused.set(None);
                    self.failures.set(0);
                    self.not_before.set(None);
                    self.time_round_trip(&link).await;
                    return Ok(link);
                }
                Err(Setback::Passing) => {}
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Refused(error)) => {
                    refusals += 1;
                    if refusals > REFUSALS_MAX || !self.renew(&credentials, deadline).await {
                        self.pause_after_refusal();
                        return Err(error);
                    }
                }
            }
        }
    }

    /// One attempt with these credentials.
    async fn attempt(
        &self,
        credentials: &Credentials,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Link, Setback> {
        let login = Login {
            server: Arc::clone(&self.destination.server),
            database: self.destination.database.clone(),
            role: credentials.role.clone(),
            password: credentials.password.clone(),
        };
        let left = || deadline.saturating_duration_since(Instant::now()).min(self.connect_timeout);
        self.vet(&login, credentials, left()).await?;
        let own = self.destination.parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let parameters: Vec<(&str, &str)> = own.chain(parameters.iter().copied()).collect();
        let connected = connect_with(&login, left(), &parameters).await;
        let mut connection = connected.map_err(|error| self.setback(&login, &error))?;
        self.told.replace(connection.parameters().into());
        if self.role.borrow().as_ref() != Some(&login.role) {
            self.role.replace(Some(login.role.clone()));
        }
        let Some(seals) = &self.destination.seals else {
            self.observer.emit(&Event::UpstreamConnected { login: &login });
            return Ok(Link::start(connection));
        };
        let registered = register(&mut connection, seals, &login.role, left()).await;
        let Registered { key, generation } =
            registered.map_err(|reason| self.pause(&login, reason))?;
        self.observer.emit(&Event::UpstreamConnected { login: &login });
        let link = Link::start(connection);
        link.seal(key, generation);
        Ok(link)
    }

    /// Whether a connection may be used again: not once new ones are registered with another key,
    /// or an operator wants new ones.
    pub fn is_current(&self, link: &Link) -> bool {
        let current = self.destination.seals.as_ref().map(|seals| seals.generation());
        link.seal_generation() == current && !link.is_retiring()
    }

    /// Examines the role of new credentials before anything of a tenant runs as it, on a connection
    /// of its own: the session parameters of others are not for the catalog's queries.
    async fn vet(
        &self,
        login: &Login,
        credentials: &Credentials,
        budget: Duration,
    ) -> Result<(), Setback> {
        let Some(accepted) = &self.destination.vetting else { return Ok(()) };
        if self.vetted.get() == Some(credentials.version) {
            return Ok(());
        }
        let mut connection =
            connect(login, budget).await.map_err(|error| self.setback(login, &error))?;
        let context = match self.destination.seals {
            Some(_) => Context::Sealed,
            None => Context::Standard,
        };
        let examined = examine(&mut connection, &login.database, context);
        let examined = timeout(budget, examined).await;
        let examined = examined.unwrap_or_else(|_| {
            let text = "the examination of its role took too long".to_owned();
            Err(VettingError::Upstream(UpstreamError::Network(text)))
        });
        let mut findings = match examined {
            Ok(findings) => findings,
            Err(VettingError::Upstream(error)) => return Err(self.setback(login, &error)),
            Err(VettingError::Rows(error)) => {
                return Err(Setback::Final(Error::internal(error)));
            }
        };
        findings.retain(|finding| !accepted.contains(&finding.code));
        if findings.is_empty() {
            self.vetted.set(Some(credentials.version));
            return Ok(());
        }
        let found: Vec<String> =
            findings.iter().map(|found| format!("{}: {}", found.code, found.message)).collect();
        let found = found.join("; ");
        let reason = format!("the gate refuses role {} for tenants: {found}", login.role);
        self.observer.emit(&Event::UpstreamRefused { login, reason: &reason });
        let public = "The role of this secret may not serve tenants.";
        Err(Setback::Refused(Error::new(Kind::SecretRefused, public).because(reason)))
    }

    /// The shortest way to the server and back that was seen: what a statement cannot be blamed
    /// for.
    pub fn round_trip(&self) -> Duration {
        self.round_trip.get().unwrap_or_default()
    }

    /// A lone `Sync` on a new connection, before anything else can be in its way.
    async fn time_round_trip(&self, link: &Link) {
        let shape = ExchangeShape { commands: 0, atomic: true, bytes_max: PING_ANSWER_BYTES_MAX };
        let sync = |buf: &mut BytesMut| {
            frontend::sync(buf);
            Ok::<(), Infallible>(())
        };
        let Ok(answer) = link.submit(shape, sync) else { return };
        if let Ok(Ok(Ok(reply))) = timeout(self.connect_timeout, answer).await {
            let known = self.round_trip.get().unwrap_or(Duration::MAX);
            self.round_trip.set(Some(reply.run.min(known)));
        }
    }

    /// Waits for newer credentials than those that were refused.
    async fn renew(&self, refused: &Credentials, deadline: Instant) -> bool {
        let now = Instant::now();
        let since = match self.refused.get() {
            Some((version, since)) if version == refused.version => since,
            _ => now,
        };
        self.refused.set(Some((refused.version, since)));
        let source = &self.destination.source;
        let patient = source.were_accepted(refused) && now < since + ROTATION_MAX;
        source.refused(refused, patient, deadline).await.is_some()
    }

    /// Each attempt costs the server a process, and a wrong password stays wrong for a while.
    fn pause_after_refusal(&self) {
        self.not_before.set(Some(Instant::now() + REFUSED_PAUSE));
    }

    /// Remembers a failure, and says whether trying again is of use.
    fn setback(&self, login: &Login, error: &UpstreamError) -> Setback {
        let text = error.to_string();
        self.observer.emit(&Event::UpstreamRefused { login, reason: &text });
        *self.last_failure.borrow_mut() = text.clone();
        if let Some(refusal) = error.server().and_then(|server| self.final_refusal(server)) {
            let refusal = refusal.because(text);
            if refusal.kind() == Kind::SecretRefused {
                return Setback::Refused(refusal);
            }
            self.pause_after_refusal();
            return Setback::Final(refusal);
        }
        self.back_off();
        Setback::Passing
    }

    /// A sealed database that does not register connections: an operator must mend it, and may do
    /// so while callers wait.
    fn pause(&self, login: &Login, reason: String) -> Setback {
        self.observer.emit(&Event::UpstreamRefused { login, reason: &reason });
        *self.last_failure.borrow_mut() = reason;
        self.back_off();
        Setback::Passing
    }

    fn back_off(&self) {
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let pause = BACKOFF_FIRST.saturating_mul(1 << failures.min(6)).min(BACKOFF_MAX);
        self.not_before.set(Some(Instant::now() + pause));
    }

    /// Refusals that an operator must mend: a wrong password, a missing database, a role that may
    /// not log in.
    fn final_refusal(&self, server: &ServerError) -> Option<Error> {
        let code = server.code;
        match code.as_str() {
            "3D000" => Some(Error::new(
                Kind::DatabaseUnknown,
                format!("database \"{}\" does not exist", self.destination.database),
            )),
            "28P01" | "28000" => Some(Error::new(
                Kind::SecretRefused,
                "The database refuses the role or the password of this secret.",
            )),
            "42501" => Some(Error::new(
                Kind::Forbidden,
                "The role of this secret may not connect to this database.",
            )),
            _ => None,
        }
    }

    fn gave_up(&self) -> Error {
        Error::unavailable(format!("no connection in time: {}", self.last_failure.borrow()))
    }
}
