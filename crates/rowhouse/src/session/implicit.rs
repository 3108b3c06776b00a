//! Transactions that begin and end within one exchange: what runs in them, how often it is tried,
//! what their failures mean.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::frontend;
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::prologue::Prologue;
use tokio::time::Instant;

use super::alone::{change_alone, prologue_refused, timed_out, too_large};
use super::catalog::is_definition;
use super::exchange::{
    Ends, Failure, Opening, ended_well, exchange_within, is_atomic, is_idle, shape, words,
};
use super::inference::choose_others;
use super::series::{Broken, Frame, Item, Local, Making, Renew, Series};
use super::statement::Outcome;
use crate::error::Error;
use crate::pool::{Borrower, Condition, Pool, Use};
use crate::upstream::Link;

/// Times a connection that was lost before anything was committed is replaced.
const RECONNECTS_MAX: usize = 1;

/// Statements that commit together, and how.
pub struct Implicit {
    pub pool: Rc<Pool>,
    pub prologue: Prologue,
    pub borrower: Borrower,
    pub renew: Renew,
    pub locals: Vec<Local>,
    pub making: Making,
    pub frame: Frame,
    pub items: Vec<Item>,
    /// Whether the rows are wanted.
    pub rows: bool,
    /// For all of it, however often it is tried.
    pub limit: Duration,
    /// The server's timeout for each statement, where it is not the usual one.
    pub statement_timeout: Option<Duration>,
    /// The process of the server that works for it, once there is one.
    pub backend: Rc<Cell<Option<i32>>>,
}

impl Implicit {
    /// Runs it. Dropped half-way, the statements may run on, and their connection is reset when
    /// they are done.
    pub async fn run(&self) -> Result<Vec<Outcome>, Error> {
        let deadline = Instant::now() + self.limit;
        let mut reconnects = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(timed_out());
            }
            let broken = match self.attempt(left).await {
                Ok(outcomes) => {
                    self.items.iter().for_each(|item| item.entry.note_types_accepted());
                    if self.items.iter().any(|item| is_definition(item.entry.examined.verb)) {
                        self.pool.facts().forget();
                    }
                    return Ok(outcomes);
                }
                Err(broken) => broken,
            };
            match broken {
                Broken { at: Some(at), failure: Failure::Unparsed(error) }
                    if choose_other_types(&self.items, at, &error) => {}
                Broken { failure: Failure::NotCommitted(_), .. } if reconnects < RECONNECTS_MAX => {
                    reconnects += 1;
                }
                broken => return Err(self.explain(broken)),
            }
        }
    }

    async fn attempt(&self, limit: Duration) -> Result<Vec<Outcome>, Broken> {
        let clean = self.items.iter().all(|item| item.entry.is_clean());
        let clean = clean && self.statement_timeout.is_none();
        let condition = if clean { Condition::Clean } else { Condition::Pristine };
        let mut lease = self
            .pool
            .exclusive(Use::Statement, condition, &self.borrower)
            .await
            .map_err(Failure::Refused)?;
        if self.items.iter().any(|item| item.entry.is_indelible()) {
            lease.condemn();
        }
        let words = words(&self.prologue, lease.peek().map_err(Failure::Refused)?)?;
        let parse = !words.is_empty() && lease.prologue_unknown();
        let series = Series {
            opening: Opening { words: &words, parse, reset: false },
            renew: self.renew,
            locals: &self.locals,
            afterwards: &[],
            making: self.making,
            frame: self.frame,
            items: &self.items,
            rows: self.rows,
        };
        let link = lease.link().map_err(Failure::Refused)?.clone();
        self.backend.set(Some(link.backend().pid));
        if let Some(timeout) = self.statement_timeout {
            set_timeout(&link, timeout).await?;
        }
        let shape = series.shape(self.is_atomic(), usize::MAX);
        let ends = Ends {
            server: self.pool.server(),
            limit,
            when_too_large: self.rows && self.only_reads(),
        };
        let build = |buf: &mut BytesMut| series.write(buf);
        let reply = exchange_within(ends, &link, shape, build).await?;
        let mut read = series.read(&reply);
        for outcome in read.iter_mut().flatten() {
            outcome.queue = lease.waited();
        }
        if matches!(read, Err(Broken { failure: Failure::Prologue(_), .. })) {
            lease.forget_prologue();
        }
        if is_idle(&reply) && clean {
            lease.settle();
        }
        read
    }

    fn only_reads(&self) -> bool {
        self.items.iter().all(|item| item.entry.examined.read_only)
    }

    fn is_atomic(&self) -> bool {
        let atomic = |item: &Item| is_atomic(item.entry.examined.verb);
        matches!(self.frame, Frame::Block(_)) || self.items.iter().all(atomic)
    }

    fn explain(&self, broken: Broken) -> Error {
        let error = match broken.failure {
            Failure::Refused(error) => error,
            Failure::Overflow => too_large(change_alone(self.only_reads())),
            Failure::NotCommitted(text) => Error::unavailable(text),
            Failure::Lost(text) => Error::outcome_unknown(text),
            Failure::Server(error) | Failure::Prologue(error)
                if error.code == SqlState::QUERY_CANCELED =>
            {
                timed_out()
            }
            Failure::Prologue(error) => prologue_refused(&error),
            Failure::Server(error) | Failure::Unparsed(error) => Error::sql(*error),
        };
        match broken.at {
            Some(at) => error.in_statement(at),
            None => error,
        }
    }
}

/// Chooses other types for the statement that failed, and in a batch for all of its sets; false
/// when there are none or when types are not what is wrong.
pub fn choose_other_types(items: &[Item], at: usize, error: &ServerError) -> bool {
    let Some(failed) = items.get(at) else { return false };
    if !choose_others(&failed.entry, &failed.statement, error) {
        return false;
    }
    let choice = failed.entry.type_choice();
    items.iter().filter(|item| same_text(item, failed)).for_each(|item| {
        item.entry.choose_types(choice);
    });
    true
}

fn same_text(one: &Item, other: &Item) -> bool {
    Arc::ptr_eq(&one.statement.sql, &other.statement.sql)
}

/// For the session, in an exchange of its own: behind a statement of ours in the same exchange,
/// VACUUM and its like would not run. The reset takes it back.
async fn set_timeout(link: &Link, timeout: Duration) -> Result<(), Failure> {
    let sql = format!("SET statement_timeout = {}", timeout.as_millis());
    let build = |buf: &mut BytesMut| frontend::query(buf, &sql);
    let answer = link.submit(shape(1, true, 0), build)?;
    match answer.await {
        Ok(Ok(reply)) => ended_well(&reply),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Failure::NotCommitted("the connection's task ended".to_owned())),
    }
}
