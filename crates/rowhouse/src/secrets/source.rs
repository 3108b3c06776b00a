//! The newest credentials of one role: remembered, fetched by one for all, refreshed before their
//! time is over, and at once when PostgreSQL refuses them.
//!
//! The state is a `watch`: looking at it takes no time, and whoever waits for a fetch waits for its
//! change. Futures here may be dropped half-way: the fetch goes on by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rowhouse_tenancy::secret::Secret;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::origin::{Failure, Origin, Stage};
use super::value::Value;
use crate::error::{Error, Kind};
use crate::observe::{Event, Observer};

/// Credentials are fetched anew when this much of their time is left, as 1/n.
const REFRESH_LEFT: u32 = 5;
/// How long a request waits for newer credentials while there are old ones.
const STALE_WAIT: Duration = Duration::from_secs(2);
/// The pause after the first failed fetch; it doubles with every further one.
const FAILED_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause after failed fetches: what is back is found again within this time.
const FAILED_PAUSE_MAX: Duration = Duration::from_secs(30);
/// The pause between fetches for credentials that PostgreSQL refuses; it doubles while they stay
/// the same.
const REFUSED_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest such pause. Below `pool.wait_timeout`, so that whoever is refused waits for one
/// fetch that began later; and at most 17,000 of them a day, for a wrong password that nobody
/// mends.
const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A role and its password.
#[derive(Debug)]
pub struct Credentials {
    /// The PostgreSQL role.
    pub role: String,
    /// Its password.
    pub password: Secret,
    /// Tells them from earlier ones of the same source.
    pub version: u64,
}

/// Where one role's credentials come from, and what is known of them.
pub struct Source {
    secret: String,
    origin: Origin,
    ttl: Duration,
    observer: Observer,
    runtime: Handle,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    credentials: Option<Arc<Credentials>>,
    /// Of the next credentials that are new.
    next_version: u64,
    /// When they were last known to be the newest.
    fetched_at: Option<Instant>,
    /// A fetch is under way.
    fetching: bool,
    /// Another is to follow it, as something has changed since it began.
    again: bool,
    /// When the last fetch began.
    began_at: Option<Instant>,
    /// Why it failed, if it did.
    failure: Option<Failure>,
    /// How many have failed in a row.
    failures: u32,
    /// How many in a row have brought what PostgreSQL refuses.
    futile: u32,
    /// The version that PostgreSQL refuses, where that is why the last fetch began.
    refused: Option<u64>,
    /// The version that PostgreSQL has accepted.
    accepted: Option<u64>,
}

impl Source {
    /// A source that has not been asked.
    pub fn new(
        secret: &str,
        origin: Origin,
        ttl: Duration,
        observer: Observer,
        runtime: Handle,
    ) -> Arc<Source> {
        let mut state = State::default();
        if let Origin::Fixed(value) = &origin {
            state.take(value.clone());
        }
        let state = watch::Sender::new(state);
        Arc::new(Source { secret: secret.to_owned(), origin, ttl, observer, runtime, state })
    }

    /// Whether the credentials stay what they were when the gateway started.
    pub fn is_fixed(&self) -> bool {
        matches!(self.origin, Origin::Fixed(_))
    }

    /// The newest credentials as far as known; fetched if there are none, or none that are new
    /// enough. Old ones are better than none while nobody answers.
    pub async fn current(self: &Arc<Self>, until: Instant) -> Result<Arc<Credentials>, Error> {
        let now = Instant::now();
        let (known, age) = self.known(now);
        match known {
            Some(known) if self.is_fixed() || age < self.ttl => return Ok(known),
            Some(_) => {
                // After a failure nobody waits: the next fetch is tried beside.
                let failing = self.state.borrow().failures > 0;
                self.begin_if_allowed(now);
                if !failing {
                    self.ended(until.min(now + STALE_WAIT)).await;
                }
            }
            None => {
                self.begin_if_allowed(now);
                self.ended(until).await;
            }
        }
        let state = self.state.borrow();
        state.credentials.clone().ok_or_else(|| unavailable(state.failure.as_ref()))
    }

    /// PostgreSQL accepts these credentials.
    pub fn accepted(&self, accepted: &Credentials) {
        self.state.send_if_modified(|state| {
            if state.accepted.replace(accepted.version) != Some(accepted.version) {
                state.futile = 0;
            }
            false
        });
    }

    /// Whether PostgreSQL has accepted these credentials.
    pub fn were_accepted(&self, credentials: &Credentials) -> bool {
        self.state.borrow().accepted == Some(credentials.version)
    }

    /// PostgreSQL refuses these credentials: other ones, from a fetch that began later than now, or
    /// `None` if there are no other ones. Who is patient waits until there are.
    pub async fn refused(
        self: &Arc<Self>,
        refused: &Credentials,
        patient: bool,
        until: Instant,
    ) -> Option<Arc<Credentials>> {
        if self.is_fixed() {
            return None;
        }
        let noticed = Instant::now();
        let mut changes = self.state.subscribe();
        loop {
            let next_at = {
                let state = changes.borrow_and_update();
                match &state.credentials {
                    Some(known) if known.version == refused.version => {}
                    other => return other.clone(),
                }
                let done = !patient && state.began_at.is_some_and(|began| began >= noticed);
                match state.fetching {
                    true => None,
                    false if done => return None,
                    false => Some(state.next_for_refused().unwrap_or(noticed)),
                }
            };
            let now = Instant::now();
            match next_at {
                Some(at) if at > until || now >= until => return None,
                Some(at) if at <= now => self.begin(now, Some(refused.version)),
                Some(at) => tokio::select! {
                    () = sleep_until(at) => {}
                    _ = changes.changed() => {}
                },
                None => {
                    timeout_at(until, changes.changed()).await.ok()?.ok()?;
                }
            }
        }
    }

    /// Fetches anew whatever the age; after the fetch that is under way, if there is one.
    pub fn refetch(self: &Arc<Self>) {
        if !self.is_fixed() {
            self.state.send_if_modified(|state| {
                state.again = state.fetching;
                false
            });
            self.begin(Instant::now(), None);
        }
    }

    /// Fetches anew what is near the end of its time, or still missing.
    pub fn refresh_if_due(self: &Arc<Self>) {
        let now = Instant::now();
        let (_, age) = self.known(now);
        if !self.is_fixed() && age >= self.ttl - self.ttl / REFRESH_LEFT {
            self.begin_if_allowed(now);
        }
    }

    /// What is known, and how old it is.
    fn known(&self, now: Instant) -> (Option<Arc<Credentials>>, Duration) {
        let state = self.state.borrow();
        let age = state.fetched_at.map_or(Duration::MAX, |at| now.saturating_duration_since(at));
        (state.credentials.clone(), age)
    }

    /// Begins a fetch unless the last ones have failed just now.
    fn begin_if_allowed(self: &Arc<Self>, now: Instant) {
        let allowed = {
            let state = self.state.borrow();
            let pause = doubled(FAILED_PAUSE_FIRST, state.failures, FAILED_PAUSE_MAX);
            state.failures == 0 || state.began_at.is_none_or(|began| began + pause <= now)
        };
        if allowed {
            self.begin(now, None);
        }
    }

    /// Begins a fetch unless one is under way.
    fn begin(self: &Arc<Self>, now: Instant, refused: Option<u64>) {
        let begun = self.state.send_if_modified(|state| {
            let idle = !std::mem::replace(&mut state.fetching, true);
            if idle {
                state.began_at = Some(now);
                state.refused = refused;
            }
            idle
        });
        if begun {
            let source = Arc::clone(self);
            self.runtime.spawn(async move {
                let fetched = source.fetch().await;
                source.land(now, fetched);
            });
        }
    }

    /// The current version; and where that is what PostgreSQL refuses, the pending one.
    async fn fetch(&self) -> Result<Value, Failure> {
        let current = self.origin.fetch(Stage::Current).await?;
        let current = current.ok_or_else(|| Failure::Withdrawn("it has no version".to_owned()))?;
        let refused = {
            let state = self.state.borrow();
            let known = state.credentials.as_ref();
            known.is_some_and(|known| state.refused == Some(known.version) && known.is(&current))
        };
        if !refused {
            return Ok(current);
        }
        let pending = self.origin.fetch(Stage::Pending).await;
        Ok(pending.ok().flatten().unwrap_or(current))
    }

    fn land(self: &Arc<Self>, began: Instant, fetched: Result<Value, Failure>) {
        let (mut news, mut again) = (None, false);
        self.state.send_modify(|state| {
            state.fetching = false;
            again = std::mem::take(&mut state.again);
            match fetched {
                Ok(value) => {
                    state.failure = None;
                    state.failures = 0;
                    state.fetched_at = Some(began);
                    if state.take(value) {
                        news = state.credentials.clone();
                    }
                }
                Err(failure) => {
                    state.failures = state.failures.saturating_add(1);
                    if matches!(failure, Failure::Withdrawn(_)) {
                        state.credentials = None;
                        state.fetched_at = None;
                    }
                    state.failure = Some(failure);
                }
            }
        });
        if again {
            self.begin(Instant::now(), None);
        }
        let failure = self.state.borrow().failure.clone();
        match (news, &failure) {
            (_, Some(failure)) => {
                let reason = failure.reason();
                self.observer.emit(&Event::SecretFailed { secret: &self.secret, reason });
            }
            (Some(new), None) => {
                let (secret, role) = (self.secret.as_str(), new.role.as_str());
                self.observer.emit(&Event::SecretFetched { secret, role: Some(role) });
            }
            (None, None) => {
                let secret = self.secret.as_str();
                self.observer.emit(&Event::SecretFetched { secret, role: None });
            }
        }
    }

    /// Waits until no fetch is under way.
    async fn ended(&self, until: Instant) {
        let mut changes = self.state.subscribe();
        let _ = timeout_at(until, changes.wait_for(|state| !state.fetching)).await;
    }
}

impl State {
    /// Takes what was fetched; `true` if it is new.
    fn take(&mut self, value: Value) -> bool {
        if self.credentials.as_ref().is_some_and(|known| known.is(&value)) {
            if self.refused.is_some() {
                self.futile = self.futile.saturating_add(1);
            }
            return false;
        }
        let version = self.next_version;
        self.next_version += 1;
        let Value { role, password } = value;
        self.credentials = Some(Arc::new(Credentials { role, password, version }));
        (self.futile, self.refused) = (0, None);
        true
    }

    /// When credentials that PostgreSQL refuses may be fetched again.
    fn next_for_refused(&self) -> Option<Instant> {
        let pause = doubled(REFUSED_PAUSE_FIRST, self.futile.max(self.failures), REFUSED_PAUSE_MAX);
        self.began_at.map(|began| began + pause)
    }
}

impl Credentials {
    fn is(&self, value: &Value) -> bool {
        self.role == value.role && self.password == value.password
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// What a caller is told when there are no credentials.
fn unavailable(failure: Option<&Failure>) -> Error {
    let reason = failure.map_or("not fetched in time", Failure::reason);
    let error = match failure {
        Some(Failure::Malformed(_)) => Error::new(
            Kind::SecretRefused,
            "The secret does not hold the username and the password of a database role.",
        ),
        _ => Error::new(Kind::SecretUnavailable, "The secret cannot be read where it is kept."),
    };
    error.because(reason)
}

fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    // 2^16 times any of the pauses here is beyond its bound already.
    first.saturating_mul(1 << times.min(16)).min(most)
}

#[cfg(test)]
mod tests;
