//! A client that waits for a connection: meanwhile it may leave, or think better of it. Then its
//! place in the queue is somebody else's.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::cancels::CancelKey;
use super::relay::Step;
use super::{Conversation, Server, lingers, sent_away};
use crate::error::{Error, Kind};
use crate::pool::{Borrower, Condition, Lease, Pool, Use};
use crate::upstream::{Link, Taken};

/// A connection that was closed between being lent and being used is replaced this often: after a
/// restart of the server all that there were may be.
const CONNECTIONS_TRIED_MAX: usize = 32;
/// What is read of a client that waits, beyond what it has said before, to notice its end.
const READ_AHEAD_MAX: usize = 64 * 1024;

/// A connection in the hands of whoever asked for it.
struct Found {
    lease: Lease,
    link: Link,
    taken: Taken,
    prologue_unknown: bool,
}

impl Conversation {
    /// Takes a connection, or tells the client why there is none. Gives what ends the session.
    pub(super) async fn queue(&mut self, condition: Condition, key: &CancelKey) -> Option<Step> {
        let asked_at = Instant::now();
        let party = self.session.party(&self.principal);
        let counted = self.session.observer.check_counting();
        let turn = match counted.and_then(|()| self.session.admit(&party)) {
            Ok(turn) => Some(turn),
            Err(error) => {
                self.dialogue.refuse_connection(&mut self.incoming, error);
                return None;
            }
        };
        self.borrower.party = party;
        self.presence.wait();
        let card = Rc::clone(self.presence.card());
        let patience = asked_at + self.session.config.wire.paused_timeout;
        let (pool, borrower) = (Rc::clone(&self.pool), self.borrower.clone());
        let mut found = pin!(find(pool, condition, borrower, patience));
        // Who has cancelled before had nothing running that could have been meant.
        let _ = poll_fn(|cx| Poll::Ready(pin!(key.rung()).poll(cx))).await;
        let read_max = self.incoming.len() + READ_AHEAD_MAX;
        let found = tokio::select! {
            biased;
            found = poll_fn(|cx| match found.as_mut().poll(cx) {
                Poll::Ready(found) => Poll::Ready(Ok(found)),
                Poll::Pending => self.poll_for_the_end(cx, read_max).map(Err),
            }) => found,
            () = key.rung() => Ok(Err(cancelled())),
            () = card.sent_away() => Err(Step::End(sent_away())),
        };
        self.active_at = Instant::now();
        let queued = self.active_at.saturating_duration_since(asked_at);
        self.note_wait(queued);
        self.queued += queued;
        match found {
            Ok(Ok(Found { lease, link, taken, prologue_unknown })) => {
                self.dialogue.key = link.session_key().cloned();
                self.dialogue.begin_using(prologue_unknown, condition, lingers(&taken));
                let _going_on = self.session.count_as_open();
                self.server = Some(Server { taken, lease, condition, turn, _going_on });
                self.note_connection();
                None
            }
            Ok(Err(error)) => {
                self.presence.rest();
                self.dialogue.refuse_connection(&mut self.incoming, error);
                None
            }
            Err(step) => Some(step),
        }
    }

    /// Ready when the client has left.
    fn poll_for_the_end(&mut self, cx: &mut Context<'_>, read_max: usize) -> Poll<Step> {
        while self.incoming.len() < read_max {
            match self.read_client(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(step) => return Poll::Ready(step),
            }
        }
        Poll::Pending
    }
}

/// May be cancelled: what was found goes back to its pool.
async fn find(
    pool: Rc<Pool>,
    condition: Condition,
    borrower: Borrower,
    patience: Instant,
) -> Result<Found, Error> {
    for _ in 0..CONNECTIONS_TRIED_MAX {
        let mut lease = lease(&pool, condition, &borrower, patience).await?;
        let prologue_unknown = lease.prologue_unknown();
        let link = lease.link()?.clone();
        if let Some(mut taken) = link.take_over().await {
            if poll_fn(|cx| Poll::Ready(taken.is_over(cx))).await {
                continue;
            }
            return Ok(Found { lease, link, taken, prologue_unknown });
        }
    }
    Err(Error::unavailable("connections are lost as soon as they are used"))
}

/// While an operator has paused the database, a client waits for longer than for its turn.
async fn lease(
    pool: &Rc<Pool>,
    condition: Condition,
    borrower: &Borrower,
    patience: Instant,
) -> Result<Lease, Error> {
    loop {
        pool.resumed(patience).await?;
        let pauses = pool.pauses();
        let leased = pool.exclusive(Use::Conversation, condition, borrower).await;
        if leased.is_ok() || pool.pauses() == pauses {
            return leased;
        }
    }
}

fn cancelled() -> Error {
    Error::new(Kind::StatementTimeout, "canceling statement due to user request")
}
