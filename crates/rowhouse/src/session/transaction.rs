//! Explicit transactions: each owns a connection until it is committed, rolled back, idle for too
//! long or too old.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::BytesMut;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend;
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Prologue;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::alone::{HUNG_GRACE, prologue_refused};
use super::exchange::{
    Ends, Failure, Opening, completion, ended_well, exchange_within, shape, words, write_command,
};
use super::inside::Work;
use super::peers::{PeerRequest, PeerWork};
use super::series::{Frame, Renew, Series};
use super::transaction_id::{TransactionKey, decode, encode, new_key};
use super::{Outcome, Session, Target, statement_timeout_local};
use crate::admission::OpenTransaction;
use crate::error::{Error, Kind};
use crate::observe::Event;
use crate::pool::{Condition, Lease, Pool, Use};

/// An open transaction.
pub struct Transaction {
    pub(super) key: TransactionKey,
    pub(super) principal: Principal,
    pub(super) target: Target,
    pub(super) pool: Rc<Pool>,
    pub(super) prologue: Prologue,
    pub(super) lease: RefCell<Option<Lease>>,
    pub(super) status: Cell<TransactionStatus>,
    /// A statement or the end is under way.
    busy: Cell<bool>,
    /// Everything that ran is known to leave no trace.
    pub(super) clean: Cell<bool>,
    /// What the catalog says may be something else afterwards.
    pub(super) defining: Cell<bool>,
    /// Its statements look for names elsewhere than others do.
    pub(super) in_schema: Cell<bool>,
    begun_at: Instant,
    _open: OpenTransaction,
    used_at: Cell<Instant>,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// COMMIT.
    Commit,
    /// ROLLBACK.
    Rollback,
}

/// AWS gives one of these sentences with the id
/// (Aurora User Guide, "Troubleshooting Amazon RDS Data API issues", "Transaction <id> isn't
/// found").
pub(super) fn not_found(id: &str, why: &'static str) -> Error {
    Error::new(Kind::TransactionNotFound, format!("Transaction {id} isn't found. {why}"))
}

/// Of an id that is unknown, foreign or malformed; which of them is for the log.
const EXPIRED: &str = "Transaction may be expired.";

impl Session {
    /// Begins a transaction; gives its id.
    pub async fn begin(&self, principal: &Principal, target: &Target) -> Result<String, Error> {
        if self.draining.get() {
            return Err(Error::new(Kind::ShuttingDown, "The service is stopping. Try again."));
        }
        let open = self.desk.open_transaction(&target.borrower.party)?;
        let pool = self.pool(target)?;
        let prologue = self.prologue(principal, target);
        let mut lease =
            pool.exclusive(Use::Transaction, Condition::Pristine, &target.borrower).await?;
        let link = lease.link()?.clone();
        let words = words(&prologue, &link).map_err(begin_failed)?;
        let parse = !words.is_empty() && lease.prologue_unknown();
        let mut locals = target.locals();
        locals.extend(self.own_timeout(target).map(statement_timeout_local));
        let series = Series {
            opening: Opening { words: &words, parse, reset: false },
            renew: Renew::Never,
            locals: &locals,
            afterwards: &[],
            making: target.making(),
            frame: Frame::Begun,
            items: &[],
            rows: false,
        };
        let shape = series.shape(true, 0);
        let ends = Ends {
            server: pool.server(),
            limit: self.config.limits.statement_timeout + HUNG_GRACE,
            when_too_large: false,
        };
        let reply = exchange_within(ends, &link, shape, |buf| series.write(buf));
        let reply = reply.await.map_err(begin_failed)?;
        ended_well(&reply).map_err(begin_failed)?;
        if reply.status != TransactionStatus::InTransaction {
            return Err(Error::internal("BEGIN did not begin"));
        }
        let key = new_key().ok_or_else(|| Error::internal("no randomness"))?;
        let now = Instant::now();
        let transaction = Rc::new(Transaction {
            key,
            principal: principal.clone(),
            target: target.clone(),
            pool,
            prologue,
            lease: RefCell::new(Some(lease)),
            status: Cell::new(reply.status),
            busy: Cell::new(false),
            clean: Cell::new(true),
            defining: Cell::new(false),
            in_schema: Cell::new(target.schema.is_some()),
            begun_at: now,
            _open: open,
            used_at: Cell::new(now),
        });
        self.transactions.borrow_mut().insert(key, transaction);
        Ok(encode(self.shard, &key))
    }

    /// Runs statements in a transaction, wherever it lives.
    pub async fn execute_in(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        id: &str,
        work: Work,
    ) -> Result<Vec<Outcome>, Error> {
        let (shard, key) = decode(id).ok_or_else(|| not_found(id, EXPIRED))?;
        if shard == self.shard {
            return self.run_here(principal, target, &key, work).await;
        }
        let (answer, answered) = oneshot::channel();
        self.send(shard, principal, target, key, PeerWork::Run(work, answer))?;
        answered.await.unwrap_or_else(|_| Err(Error::internal("a shard ended")))
    }

    /// Commits a transaction or rolls it back, wherever it lives.
    pub async fn end(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        id: &str,
        ending: Ending,
    ) -> Result<(), Error> {
        let (shard, key) = decode(id).ok_or_else(|| not_found(id, EXPIRED))?;
        if shard == self.shard {
            return self.end_here(principal, target, &key, ending).await;
        }
        let (answer, answered) = oneshot::channel();
        self.send(shard, principal, target, key, PeerWork::End(ending, answer))?;
        answered.await.unwrap_or_else(|_| Err(Error::internal("a shard ended")))
    }

    fn send(
        &self,
        shard: usize,
        principal: &Principal,
        target: &Target,
        key: TransactionKey,
        work: PeerWork,
    ) -> Result<(), Error> {
        let (principal, target) = (principal.clone(), target.clone());
        self.peers.send(shard, PeerRequest { principal, target, key, work })
    }

    /// Ends a transaction of this shard.
    pub(super) async fn end_here(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        key: &TransactionKey,
        ending: Ending,
    ) -> Result<(), Error> {
        let transaction = self.take(principal, target, key)?;
        self.transactions.borrow_mut().remove(key);
        let session = Rc::clone(self);
        let running = tokio::task::spawn_local(async move {
            let ended = session.run_end(&transaction, ending).await;
            transaction.release();
            ended.map_err(|error| transaction.target.shown(error))
        });
        running.await.unwrap_or_else(|_| Err(Error::internal("a transaction's task ended")))
    }

    /// Rolls back transactions that were forgotten or are too old.
    pub(super) fn sweep_transactions(&self, now: Instant) {
        let limits = &self.config.limits;
        self.transactions.borrow_mut().retain(|_, transaction| {
            if transaction.busy.get() {
                return true;
            }
            let idle = now.saturating_duration_since(transaction.used_at.get());
            let age = now.saturating_duration_since(transaction.begun_at);
            let reason = if idle > limits.transaction_idle_timeout {
                "idle for too long"
            } else if age > limits.transaction_age_max {
                "too old"
            } else {
                return true;
            };
            self.observer.emit(&Event::TransactionCut { reason });
            false
        });
    }

    /// Finds a transaction of this caller and marks it as in use.
    pub(super) fn take(
        &self,
        principal: &Principal,
        target: &Target,
        key: &TransactionKey,
    ) -> Result<Rc<Transaction>, Error> {
        let found = self.transactions.borrow().get(key).map(Rc::clone);
        let expired = || not_found(&encode(self.shard, key), EXPIRED);
        let transaction = found.ok_or_else(expired)?;
        if !transaction.belongs_to(principal) {
            return Err(expired().because("it is another caller's"));
        }
        transaction.fits(target)?;
        if transaction.busy.replace(true) {
            return Err(Error::new(Kind::TransactionBusy, "Transaction is still running a query"));
        }
        Ok(transaction)
    }

    /// Marks a transaction as free again, or forgets it when it is over.
    pub(super) fn put_back(&self, transaction: &Transaction) {
        transaction.used_at.set(Instant::now());
        transaction.busy.set(false);
        let lost = transaction.lease.borrow().is_none();
        if lost || transaction.status.get() == TransactionStatus::Idle {
            // The caller's own COMMIT or ROLLBACK has ended it.
            self.transactions.borrow_mut().remove(&transaction.key);
            transaction.release();
        }
    }

    async fn run_end(&self, transaction: &Transaction, ending: Ending) -> Result<(), Error> {
        let sql = match ending {
            Ending::Commit => "COMMIT",
            Ending::Rollback => "ROLLBACK",
        };
        let limit = self.config.limits.statement_timeout;
        let build = |buf: &mut BytesMut| {
            write_command(buf, sql)?;
            frontend::sync(buf);
            Ok(())
        };
        let reply = match self.exchange_in(transaction, limit, shape(1, true, 0), build).await {
            Ok(reply) => reply,
            // A connection that is gone has rolled back by itself.
            Err(_) if ending == Ending::Rollback => return Ok(()),
            // Even a server that gave up in order may have committed just before.
            Err(Failure::NotCommitted(text) | Failure::Lost(text)) => {
                return Err(Error::outcome_unknown(text));
            }
            Err(failure) => return Err(self.explain(transaction, failure)),
        };
        if let Err(failure) = ended_well(&reply) {
            return Err(self.explain(transaction, failure));
        }
        let completed = completion(&reply.frames);
        if ending == Ending::Commit && completed.as_deref() != Some("COMMIT") {
            // PostgreSQL answers COMMIT in a failed transaction with ROLLBACK and calls it success.
            return Err(Error::new(
                Kind::Aborted,
                "current transaction is aborted; it has been rolled back",
            ));
        }
        Ok(())
    }
}

/// Nothing of the caller's has run yet: whatever happened to BEGIN can be tried again.
fn begin_failed(failure: Failure) -> Error {
    match failure {
        Failure::Refused(error) => error,
        Failure::Server(error) if error.code == SqlState::QUERY_CANCELED => {
            Error::unavailable("BEGIN was cancelled")
        }
        Failure::Server(error) | Failure::Unparsed(error) | Failure::Prologue(error) => {
            prologue_refused(&error)
        }
        Failure::NotCommitted(text) | Failure::Lost(text) => Error::unavailable(text),
        Failure::Overflow => Error::internal("BEGIN answered too much"),
    }
}

impl Transaction {
    /// The same caller, though perhaps with a newer token.
    fn belongs_to(&self, principal: &Principal) -> bool {
        self.principal.kind() == principal.kind()
            && self.principal.tenant() == principal.tenant()
            && self.principal.subject() == principal.subject()
    }

    fn fits(&self, target: &Target) -> Result<(), Error> {
        let (own, named) = (&self.target.key, &target.key);
        let same_place = own.resource == named.resource
            && own.secret == named.secret
            && own.tenant == named.tenant;
        if !same_place || (target.database_named && own.database != named.database) {
            return Err(Error::new(
                Kind::Invalid,
                "Database name, resource or secret is not the one the transaction began with",
            ));
        }
        Ok(())
    }

    /// Gives the connection back.
    fn release(&self) {
        if self.defining.get() {
            self.pool.facts().forget();
        }
        let Some(mut lease) = self.lease.borrow_mut().take() else { return };
        if self.clean.get() && self.status.get() == TransactionStatus::Idle {
            lease.settle();
        }
    }
}
