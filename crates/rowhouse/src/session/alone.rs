//! One statement by itself: one exchange, one implicit transaction.

use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::ServerError;
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Prologue;

use super::catalog::is_definition;
use super::exchange::{
    Answer, Ends, Failure, Naming, Opening, Request, exchange, exchange_within, is_atomic, is_idle,
    read_answer, shape, words, write_request,
};
use super::guard::{self, Place};
use super::inference::{check_arrays, choose_others, types_for};
use super::{AtTimeout, Outcome, Session, Statement, Target};
use crate::error::{Error, Kind};
use crate::observe::Event;
use crate::pool::{Borrower, Condition, Lane, Pool, StatementEntry, Use};

/// Times one statement is tried: as it is, outside the fast lane, with other types (twice), on a
/// new connection.
const ATTEMPTS_MAX: usize = 5;
/// The server ends a statement at its own timeout; this much later the gateway steps in.
pub(super) const HUNG_GRACE: Duration = Duration::from_secs(5);

/// What every attempt needs.
pub(super) struct Run<'a> {
    pub pool: &'a Rc<Pool>,
    pub entry: &'a StatementEntry,
    pub prologue: &'a Prologue,
    pub borrower: &'a Borrower,
    pub statement: &'a Statement,
    /// When the gateway itself cancels it.
    pub hung_after: Duration,
}

impl Session {
    /// Runs one statement in a transaction of its own.
    pub async fn execute(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        statement: &Statement,
        at_timeout: AtTimeout,
    ) -> Result<Outcome, Error> {
        let ran = self.execute_alone(principal, target, statement, at_timeout).await;
        ran.map_err(|error| target.shown(error))
    }

    async fn execute_alone(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        statement: &Statement,
        at_timeout: AtTimeout,
    ) -> Result<Outcome, Error> {
        if target.schema.is_some() || at_timeout == AtTimeout::GoOn {
            return self.execute_apart(principal, target, statement, at_timeout).await;
        }
        let pool = self.pool(target)?;
        let entry = pool.statement(&statement.sql, &statement.types);
        guard::check(principal, &target.database, &entry, &statement.sql, Place::Alone)?;
        check_arrays(&target.database, statement)?;
        let prologue = self.prologue(principal, target);
        let hung_after = self.hung_after(target);
        let (entry_of, borrower) = (&entry, &target.borrower);
        let run = Run {
            pool: &pool,
            entry: entry_of,
            prologue: &prologue,
            borrower,
            statement,
            hung_after,
        };
        let mut outcome = self.run_alone(&run).await?;
        outcome.strict = target.database.strict;
        outcome.only_read = entry.examined.is_harmless();
        self.describe(&pool, &target.borrower, statement.describe, &mut outcome).await;
        Ok(outcome)
    }

    /// Runs a statement that may be sent.
    pub(super) async fn run_alone(&self, run: &Run<'_>) -> Result<Outcome, Error> {
        let entry = run.entry;
        let mut last = None;
        for _ in 0..ATTEMPTS_MAX {
            let lane = entry.lane();
            let ran = match lane {
                Lane::Fast => run.packed().await,
                Lane::Slow => run.exclusively().await,
            };
            match ran {
                Ok(answer) => {
                    run.learn(lane, &answer);
                    return Ok(answer.outcome);
                }
                Err(failure) => match run.remedy(lane, failure) {
                    Remedy::Again(why) => {
                        if lane == Lane::Fast && entry.lane() == Lane::Slow {
                            self.observer.emit(&Event::SentAway);
                        }
                        last = Some(why);
                    }
                    Remedy::None(error) => return Err(error),
                },
            }
        }
        Err(last.unwrap_or_else(|| Error::internal("no attempt was made")))
    }
}

/// What to do about a failed attempt.
enum Remedy {
    /// Try again; the error to give when no attempt is left.
    Again(Error),
    /// Give up.
    None(Error),
}

impl Run<'_> {
    fn request<'a>(
        &'a self,
        types: &'a [u32],
        opening: Opening<'a>,
        naming: Naming,
    ) -> Request<'a> {
        Request { opening, sql: &self.statement.sql, types, values: &self.statement.values, naming }
    }

    /// On a packed connection, under a name the connection keeps.
    async fn packed(&self) -> Result<Answer, Failure> {
        let seat = self.pool.fast(self.borrower).await.map_err(Failure::Refused)?;
        let (fast, waited) = (&seat.link, seat.waited());
        let words = words(self.prologue, &fast.link)?;
        let reset = fast.admit(&self.borrower.occupant);
        let id = self.entry.id();
        let preparation = fast.prepare(id);
        let known = self.entry.columns();
        let describe = preparation.parse || known.is_none();
        let naming =
            Naming::Named { id, parse: preparation.parse, evict: preparation.evict, describe };
        let types = types_for(self.entry, self.statement);
        let parse = !words.is_empty() && fast.prologue_unknown();
        let opening = Opening { words: &words, parse, reset: reset.is_some() };
        let request = self.request(&types, opening, naming);
        let shape = shape(request.commands(), self.is_atomic(), self.statement.result_bytes_max);
        let answer = exchange(&fast.link, shape, |buf| write_request(buf, &request))
            .await
            .and_then(|reply| {
                if !is_idle(&reply) {
                    // What runs behind it would run inside somebody's open transaction.
                    fast.link.close("a clean statement left a transaction open");
                }
                let known = known.flatten().filter(|_| !describe);
                read_answer(&reply, request.before(), known)
            });
        match &answer {
            // After other errors the server knows the statement as before.
            Err(Failure::Server(error)) if is_stale(error) => fast.doubt(id),
            Err(Failure::Unparsed(_)) => fast.doubt(id),
            // Nothing was appended, or everything behind the prologue was skipped.
            Err(Failure::Prologue(_) | Failure::Refused(_)) => {
                fast.take_back(id, preparation);
                fast.forget_prologue();
            }
            _ => {}
        }
        if let Some(reset) = reset
            && ran_behind_opening(&answer)
        {
            fast.note_reset(reset);
        }
        if fast.link.session_changed() {
            self.pool.retire(fast);
        }
        answer.map(|answer| answer.after(waited))
    }

    /// On a connection of its own.
    async fn exclusively(&self) -> Result<Answer, Failure> {
        let condition = if self.entry.is_clean() { Condition::Clean } else { Condition::Pristine };
        let mut lease = self
            .pool
            .exclusive(Use::Statement, condition, self.borrower)
            .await
            .map_err(Failure::Refused)?;
        if self.entry.is_indelible() {
            lease.condemn();
        }
        let types = types_for(self.entry, self.statement);
        let words = words(self.prologue, lease.peek().map_err(Failure::Refused)?)?;
        let parse = !words.is_empty() && lease.prologue_unknown();
        let opening = Opening { words: &words, parse, reset: false };
        let request = self.request(&types, opening, Naming::Unnamed);
        let shape = shape(request.commands(), self.is_atomic(), self.statement.result_bytes_max);
        let link = lease.link().map_err(Failure::Refused)?.clone();
        let ends = Ends {
            server: self.pool.server(),
            limit: self.hung_after,
            when_too_large: self.entry.examined.read_only,
        };
        let build = |buf: &mut BytesMut| write_request(buf, &request);
        let reply = exchange_within(ends, &link, shape, build).await?;
        let answer = read_answer(&reply, request.before(), None);
        if matches!(answer, Err(Failure::Prologue(_))) {
            lease.forget_prologue();
        }
        if is_idle(&reply) && self.entry.is_clean() {
            lease.settle();
        }
        answer.map(|answer| answer.after(lease.waited()))
    }

    fn is_atomic(&self) -> bool {
        is_atomic(self.entry.examined.verb)
    }

    /// Remembers what a run that ended well has shown.
    fn learn(&self, lane: Lane, answer: &Answer) {
        let own = answer.outcome.database_time().saturating_sub(self.pool.round_trip());
        self.entry.note_run(lane, own);
        self.entry.note_types_accepted();
        let columns = &answer.outcome.columns;
        if answer.described {
            let changed = self.entry.columns().is_some_and(|known| known != *columns);
            self.entry.set_columns(columns.clone());
            if changed {
                self.pool.facts().forget();
            }
        }
        if is_definition(self.entry.examined.verb) {
            self.pool.facts().forget();
        }
    }

    fn remedy(&self, lane: Lane, failure: Failure) -> Remedy {
        match failure {
            Failure::Refused(error) => Remedy::None(error),
            Failure::Overflow => {
                Remedy::None(too_large(change_alone(self.entry.examined.is_harmless())))
            }
            Failure::NotCommitted(text) => Remedy::Again(Error::unavailable(text)),
            Failure::Lost(text) if self.entry.examined.read_only => {
                Remedy::Again(Error::unavailable(text))
            }
            Failure::Lost(text) => Remedy::None(Error::outcome_unknown(text)),
            Failure::Prologue(error) if error.code != SqlState::QUERY_CANCELED => {
                Remedy::None(prologue_refused(&error))
            }
            Failure::Unparsed(error) if choose_others(self.entry, self.statement, &error) => {
                Remedy::Again(Error::sql(*error))
            }
            Failure::Prologue(error) | Failure::Unparsed(error) | Failure::Server(error) => {
                self.remedy_server(lane, *error)
            }
        }
    }

    /// What PostgreSQL refused may be ours to mend: its implicit transaction has been rolled back
    /// whole, so trying again changes nothing twice.
    fn remedy_server(&self, lane: Lane, error: ServerError) -> Remedy {
        let code = error.code;
        if code == SqlState::QUERY_CANCELED && lane == Lane::Fast {
            self.entry.note_too_slow();
            return Remedy::Again(timed_out());
        }
        if code == SqlState::QUERY_CANCELED {
            return Remedy::None(timed_out());
        }
        if is_stale(&error) && lane == Lane::Fast {
            return Remedy::Again(Error::sql(error));
        }
        Remedy::None(Error::sql(error))
    }
}

/// Whether everything that was to go before the statement has ended well.
fn ran_behind_opening(answer: &Result<Answer, Failure>) -> bool {
    match answer {
        Ok(_) | Err(Failure::Unparsed(_) | Failure::Server(_)) => true,
        // An answer that is too large has lost what would tell.
        Err(
            Failure::Overflow
            | Failure::Prologue(_)
            | Failure::Refused(_)
            | Failure::NotCommitted(_)
            | Failure::Lost(_),
        ) => false,
    }
}

/// The server does not know the kept statement, or the table changed under it: "cached plan must
/// not change result type". PostgreSQL has no code of its own for the latter; the routine that
/// raises it has a name that translations leave alone.
fn is_stale(error: &ServerError) -> bool {
    error.code == SqlState::INVALID_SQL_STATEMENT_NAME
        || (error.code == SqlState::FEATURE_NOT_SUPPORTED
            && error.routine.as_deref() == Some("RevalidateCachedQuery"))
}

pub(super) fn timed_out() -> Error {
    Error::new(Kind::StatementTimeout, "Request timed out")
}

/// What has been changed by the time that an answer turns out too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing: to ask again does no harm.
    Nothing,
    /// Something, in a transaction that is still open.
    Uncommitted,
    /// Something, for good.
    Committed,
}

/// The answer is larger than it may be. By then the implicit transaction may have ended well, and
/// what it changed is there: said plainly.
///
/// The sentence is the one by which aurora-data-api turns to a cursor, and the two kinds are what
/// clients do with them: they ask a `BadRequestException` again, by themselves or page by page.
pub fn too_large(change: Change) -> Error {
    let sentence = "Database returned more than the allowed response size limit";
    match change {
        Change::Nothing => Error::new(Kind::ResultTooLarge, sentence),
        Change::Uncommitted => Error::new(Kind::ChangedAndTooLarge, sentence),
        Change::Committed => Error::new(
            Kind::ChangedAndTooLarge,
            format!("{sentence}; what the statement changed is committed"),
        ),
    }
}

/// What a statement that committed, if it did anything, has changed.
pub(super) fn change_alone(harmless: bool) -> Change {
    if harmless { Change::Nothing } else { Change::Committed }
}

pub(super) fn prologue_refused(error: &ServerError) -> Error {
    Error::internal(format!("the prologue was refused: {} ({})", error.message, error.code))
}
