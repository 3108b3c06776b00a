//! A number of places, and those who wait for one: in the order of what they have had by their
//! weight (`rowhouse_tenancy::fair`), so that a tenant that asks for more than others waits longer
//! than they do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rowhouse_tenancy::fair::{Line, Place};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::waiting::overloaded;
use crate::admission::{Party, Sharing};
use crate::error::{Error, Kind};

/// Who has too many waiting should wait about as long as something takes.
const RETRY_IN: Duration = Duration::from_secs(1);

/// Places, of which so many are free.
pub struct Places {
    kind: Sharing,
    free: Cell<usize>,
    line: RefCell<Line<Waiter>>,
    waiting_max: usize,
}

struct Waiter {
    party: Party,
    place_given: oneshot::Sender<()>,
}

/// A place. Dropping it lets the next one in.
pub struct Permit {
    places: Rc<Places>,
    party: Party,
    /// What was put down for it, if it was waited for.
    guess: Option<u64>,
    asked_at: Instant,
    since: Instant,
}

/// One that waits. Dropping it, also half-way, ends that.
struct Waiting<'a> {
    places: &'a Places,
    party: &'a Party,
    place: Place,
    /// What was put down for it.
    guess: u64,
    /// What came of it is in other hands.
    over: bool,
}

impl Places {
    /// So many places, and room for so many who wait.
    pub fn new(kind: Sharing, places: usize, waiting_max: usize) -> Rc<Places> {
        Rc::new(Places { kind, free: Cell::new(places), line: RefCell::default(), waiting_max })
    }

    /// Waits for a place. What is had while nobody has to wait is at nobody's cost.
    pub async fn enter(self: &Rc<Places>, party: &Party, until: Instant) -> Result<Permit, Error> {
        let asked_at = Instant::now();
        let guess = match self.free.get().checked_sub(1) {
            Some(free) => {
                self.free.set(free);
                None
            }
            None => Some(self.wait(party, until).await?),
        };
        let since = if guess.is_some() { Instant::now() } else { asked_at };
        let (places, party) = (Rc::clone(self), party.clone());
        Ok(Permit { places, party, guess, asked_at, since })
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.line.borrow().len()
    }

    /// Gives what was put down for the place.
    async fn wait(&self, party: &Party, until: Instant) -> Result<u64, Error> {
        if self.waiting() >= self.waiting_max {
            return Err(overloaded("too many requests wait for a connection"));
        }
        if party.account.waiting() >= party.terms.waiting_max {
            let text = "Too many of your requests wait for a connection. Try again.";
            return Err(Error::new(Kind::Throttled, text)
                .retry_in(RETRY_IN)
                .because("admission.waiting_per_tenant_max is reached"));
        }
        let (place_given, given) = oneshot::channel();
        let (tag, guess) = party.account.want(self.kind, &party.terms);
        let waiter = Waiter { party: party.clone(), place_given };
        let place = self.line.borrow_mut().join(tag, waiter);
        party.account.begin_waiting();
        let mut waiting = Waiting { places: self, party, place, guess, over: false };
        match timeout_at(until, given).await {
            Ok(Ok(())) => {
                waiting.over = true;
                Ok(guess)
            }
            _ => Err(overloaded("no connection became free in time")),
        }
    }

    /// A place is free: whoever is next has it.
    fn let_in(&self) {
        loop {
            let next = self.line.borrow_mut().pop();
            let Some((tag, next)) = next else {
                self.free.set(self.free.get() + 1);
                return;
            };
            next.party.account.serve(self.kind, tag);
            next.party.account.end_waiting();
            if next.place_given.send(()).is_ok() {
                return;
            }
        }
    }
}

impl Permit {
    /// Since when it is there.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// How long it was waited for.
    pub fn waited(&self) -> Duration {
        self.since.saturating_duration_since(self.asked_at)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let (party, held) = (&self.party, self.since.elapsed());
        party.account.had(self.places.kind, &party.terms, self.guess, held);
        self.places.let_in();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        self.party.account.had_none(self.places.kind, &self.party.terms, self.guess);
        let left = self.places.line.borrow_mut().leave(self.place);
        match left {
            Some(waiter) => waiter.party.account.end_waiting(),
            // A place was given at the very moment of leaving.
            None => self.places.let_in(),
        }
    }
}
