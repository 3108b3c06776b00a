//! Making connections: with a backoff that all requests of a pool share, so that a server that
//! comes back is not met by everybody at once.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::frontend;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use crate::error::{Error, Kind};
use crate::observe::{Event, Observer};
use crate::upstream::{ExchangeShape, Link, Login, UpstreamError, connect_with};

/// The pause after the first failed attempt; it doubles with every further one.
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// The longest pause: a server that is back is met again within this time.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// The pause after the server has refused role, password or database.
const REFUSED_PAUSE: Duration = Duration::from_millis(500);
/// Attempts at once: PostgreSQL forks for each, and authentication costs it a few milliseconds.
const ATTEMPTS_MAX: usize = 4;

/// The answer to a lone `Sync` is six bytes; notices may stand before it.
const PING_ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Makes the connections of one pool.
pub struct Connector {
    login: Login,
    connect_timeout: Duration,
    observer: Observer,
    attempts: Semaphore,
    failures: Cell<u32>,
    not_before: Cell<Option<Instant>>,
    last_failure: RefCell<String>,
    round_trip: Cell<Option<Duration>>,
}

impl Connector {
    /// A connector that has not tried yet.
    pub fn new(login: Login, connect_timeout: Duration, observer: Observer) -> Connector {
        Connector {
            login,
            connect_timeout,
            observer,
            attempts: Semaphore::new(ATTEMPTS_MAX),
            failures: Cell::new(0),
            not_before: Cell::new(None),
            last_failure: RefCell::new(String::new()),
            round_trip: Cell::new(None),
        }
    }

    /// Where it leads.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// A new connection, tried until the deadline; refusals that trying again cannot mend end it at
    /// once.
    pub async fn connect(
        &self,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Link, Error> {
        loop {
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
            let left = deadline.saturating_duration_since(Instant::now());
            let budget = left.min(self.connect_timeout);
            match connect_with(&self.login, budget, parameters).await {
                Ok(connection) => {
                    self.failures.set(0);
                    self.not_before.set(None);
                    self.observer.emit(&Event::UpstreamConnected { login: &self.login });
                    let link = Link::start(connection);
                    self.time_round_trip(&link).await;
                    return Ok(link);
                }
                Err(error) => self.note_failure(&error)?,
            }
        }
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

    /// Remembers a failure; `Err` when trying again is of no use.
    fn note_failure(&self, error: &UpstreamError) -> Result<(), Error> {
        let text = error.to_string();
        self.observer.emit(&Event::UpstreamRefused { login: &self.login, reason: &text });
        if let Some(refusal) = error.server().and_then(|server| self.final_refusal(server)) {
            // Each attempt costs the server a process, and a wrong password stays wrong for a
            // while.
            self.not_before.set(Some(Instant::now() + REFUSED_PAUSE));
            *self.last_failure.borrow_mut() = text.clone();
            return Err(refusal.because(text));
        }
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let pause = BACKOFF_FIRST.saturating_mul(1 << failures.min(6)).min(BACKOFF_MAX);
        self.not_before.set(Some(Instant::now() + pause));
        *self.last_failure.borrow_mut() = text;
        Ok(())
    }

    /// Refusals that an operator must mend: a wrong password, a missing database, a role that may
    /// not log in.
    fn final_refusal(&self, server: &ServerError) -> Option<Error> {
        let code = server.code;
        match code.as_str() {
            "3D000" => Some(Error::new(
                Kind::DatabaseUnknown,
                format!("database \"{}\" does not exist", self.login.database),
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
