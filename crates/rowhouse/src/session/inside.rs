//! Statements inside an explicit transaction.

use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use rowhouse_protocol::backend::TransactionStatus;
use rowhouse_protocol::frontend::EncodeError;
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use rowhouse_tenancy::prologue::{Prologue, Words};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::alone::{Change, HUNG_GRACE, prologue_refused, timed_out, too_large};
use super::catalog::is_definition;
use super::exchange::{
    Ends, Failure, Opening, ended_well, exchange_within, shape, words, write_back_out,
};
use super::guard::{Place, multistatements};
use super::implicit::choose_other_types;
use super::inference::is_uncertain;
use super::series::{Broken, Frame, Item, Local, Renew, Series};
use super::together::{Lesson, guard_all, items, renewal};
use super::transaction::{Transaction, not_found};
use super::transaction_id::{TransactionKey, encode};
use super::{
    AtTimeout, Outcome, Session, Statement, Target, schema_not_supported, statement_timeout_local,
};
use crate::error::Error;
use crate::observe::Event;
use crate::pool::Lease;
use crate::upstream::{ExchangeShape, Reply};

/// What is to be done in an explicit transaction.
pub struct Work {
    /// The statements, each once, in order.
    pub statements: Vec<Statement>,
    /// Whether they are the sets of a batch: one exchange for all, and nobody wants their rows.
    pub batch: bool,
    /// What happens when their time is up.
    pub at_timeout: AtTimeout,
}

/// How one exchange is made.
#[derive(Clone, Copy)]
struct Terms<'a> {
    transaction: &'a Transaction,
    target: &'a Target,
    rows: bool,
    /// Of all results of the call together.
    bytes_left: usize,
    at_timeout: AtTimeout,
    /// How many statements of the same call came before.
    before: usize,
}

impl Session {
    /// Runs statements in a transaction of this shard.
    ///
    /// They run in a task of their own: a caller that leaves half-way leaves a transaction that is
    /// whole.
    pub(super) async fn run_here(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        key: &TransactionKey,
        work: Work,
    ) -> Result<Vec<Outcome>, Error> {
        let transaction = self.take(principal, target, key)?;
        let (sender, receiver) = oneshot::channel();
        let (permitted, permission) = oneshot::channel();
        let (session, running) = (Rc::clone(self), Rc::clone(&transaction));
        let (target, at_timeout) = (target.clone(), work.at_timeout);
        tokio::task::spawn_local(async move {
            let ran = session.run_permitted(&running, &target, work, permitted).await;
            let ran = ran.map_err(|error| running.target.shown(error));
            session.put_back(&running);
            // A receiver that is gone is a caller that left, or has been told that its time is up.
            let _ = sender.send(ran);
        });
        let ended = || Error::internal("a transaction's task ended");
        match at_timeout {
            AtTimeout::Cancel => receiver.await.unwrap_or_else(|_| Err(ended())),
            AtTimeout::GoOn => {
                // To wait for the right to run is not to run; without it the answer is there.
                let _ = permission.await;
                match timeout(self.config.limits.statement_timeout, receiver).await {
                    Ok(ran) => ran.unwrap_or_else(|_| Err(ended())),
                    Err(_) => Err(transaction.timed_out()),
                }
            }
        }
    }

    /// A statement that may outlive its timeout has to be one of few.
    async fn run_permitted(
        &self,
        transaction: &Transaction,
        target: &Target,
        work: Work,
        permitted: oneshot::Sender<()>,
    ) -> Result<Vec<Outcome>, Error> {
        let _permit = match work.at_timeout {
            AtTimeout::Cancel => None,
            AtTimeout::GoOn => Some(transaction.pool.permit_to_go_on().await?),
        };
        // A caller that has left waits for nothing.
        let _ = permitted.send(());
        self.run_work(transaction, target, work).await
    }

    async fn run_work(
        &self,
        transaction: &Transaction,
        target: &Target,
        work: Work,
    ) -> Result<Vec<Outcome>, Error> {
        let Work { statements, batch, at_timeout } = work;
        let own = &transaction.target;
        if target.schema.is_some() {
            refuse_schema(own)?;
            transaction.in_schema.set(true);
        }
        let lesson = match (transaction.in_schema.get(), transaction.clean.get()) {
            (true, _) => Lesson::Unknown,
            (false, true) => Lesson::ForAll,
            (false, false) => Lesson::Private,
        };
        let items = items(&transaction.pool, statements, lesson);
        let place = if batch { Place::Together } else { Place::InTransaction };
        guard_all(&transaction.principal, own, &items, place)?;
        if own.is_strict() && items.len() > 1 && !batch {
            return Err(multistatements());
        }
        let bytes_left = usize::MAX;
        let mut terms =
            Terms { transaction, target, rows: !batch, bytes_left, at_timeout, before: 0 };
        if batch {
            return self.run_items(terms, &items).await;
        }
        if items.len() > 1 {
            // The limit is for all of them: they are held until the last has been run.
            let each = items.iter().map(|item| item.statement.result_bytes_max);
            terms.bytes_left = each.max().unwrap_or_default();
        }
        let deadline = Instant::now() + self.limit(own, at_timeout);
        let mut outcomes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            if index > 0 && Instant::now() >= deadline {
                return Err(self.give_up(transaction).in_statement(index));
            }
            terms.before = index;
            for outcome in self.run_items(terms, std::slice::from_ref(item)).await? {
                let held = outcome.frames.len();
                terms.bytes_left = terms.bytes_left.saturating_sub(held);
                outcomes.push(outcome);
            }
        }
        Ok(outcomes)
    }

    /// How long a statement may run, and all of a call as well.
    fn limit(&self, target: &Target, at_timeout: AtTimeout) -> Duration {
        if let Some(own) = self.own_timeout(target) {
            return own;
        }
        match at_timeout {
            AtTimeout::Cancel => self.config.limits.statement_timeout,
            AtTimeout::GoOn => self.config.limits.continued_statement_timeout,
        }
    }

    /// Rolls back what one call has done a part of, and has no time for the rest: nobody should
    /// commit the part, and nobody hold a connection for as long as a text has statements.
    fn give_up(&self, transaction: &Transaction) -> Error {
        self.observer.emit(&Event::TransactionCut { reason: "one call took too long" });
        drop(transaction.lease.borrow_mut().take());
        timed_out()
    }

    /// One exchange, and a second one where types could not be inferred.
    async fn run_items(&self, terms: Terms<'_>, items: &[Item]) -> Result<Vec<Outcome>, Error> {
        let transaction = terms.transaction;
        let clean = items.iter().all(|item| item.entry.is_clean());
        if !clean || terms.at_timeout == AtTimeout::GoOn {
            transaction.clean.set(false);
        }
        let mut ran = self.try_items(terms, items).await;
        while let Err(Broken { at: Some(at), failure: Failure::Unparsed(error) }) = &ran
            && is_probing(items)
            && choose_other_types(items, *at, error)
        {
            self.back_out(transaction).await?;
            ran = self.try_items(terms, items).await;
        }
        if let Some(lease) = &mut *transaction.lease.borrow_mut() {
            // It may have closed what the server keeps under our name.
            if !clean {
                lease.forget_prologue();
            }
            if items.iter().any(|item| item.entry.is_indelible()) {
                lease.condemn();
            }
        }
        match ran {
            Ok(mut outcomes) => {
                items.iter().for_each(|item| item.entry.note_types_accepted());
                if items.iter().any(|item| is_definition(item.entry.examined.verb)) {
                    transaction.defining.set(true);
                }
                let own = &transaction.target;
                self.describe_all(&transaction.pool, own, items, &mut outcomes).await;
                Ok(outcomes)
            }
            // Asked again, with fewer rows perhaps, it does no harm.
            Err(Broken { failure: Failure::Overflow, .. })
                if items.iter().all(|item| item.entry.examined.is_harmless()) =>
            {
                Err(too_large(Change::Nothing))
            }
            Err(Broken { at, failure }) => {
                let error = self.explain(transaction, failure);
                Err(match at {
                    Some(at) => error.in_statement(terms.before + at),
                    None => error,
                })
            }
        }
    }

    async fn try_items(&self, terms: Terms<'_>, items: &[Item]) -> Result<Vec<Outcome>, Broken> {
        let Terms { transaction, .. } = terms;
        // In a failed transaction every statement but its end is refused, the prologue as well;
        // nothing that reads data can run until it has ended.
        let failed = transaction.status.get() == TransactionStatus::Failed;
        let nothing = Prologue::default();
        let renew = transaction.principal.kind() == PrincipalKind::Tenant && !failed;
        let prologue = if renew { &transaction.prologue } else { &nothing };
        let mut locals: Vec<Local> = if failed { Vec::new() } else { terms.target.locals() };
        let mut afterwards = Vec::new();
        let limit = self.limit(&transaction.target, terms.at_timeout);
        if terms.at_timeout == AtTimeout::GoOn && !failed {
            locals.push(statement_timeout_local(limit));
            afterwards
                .push(statement_timeout_local(self.limit(&transaction.target, AtTimeout::Cancel)));
        }
        let words = transaction.words(prologue)?;
        let parse = !words.is_empty() && transaction.prologue_unknown();
        let probing = is_probing(items) && !failed;
        let series = Series {
            opening: Opening { words: &words, parse, reset: false },
            renew: renewal(&transaction.principal, Renew::AfterUnknown),
            locals: &locals,
            afterwards: &afterwards,
            making: transaction.target.making(),
            frame: if probing { Frame::Savepoint } else { Frame::Bare },
            items,
            rows: terms.rows,
        };
        let shape = series.shape(true, terms.bytes_left);
        let build = |buf: &mut BytesMut| series.write(buf);
        let reply = self.exchange_in(transaction, limit, shape, build).await?;
        series.read(&reply)
    }

    /// Takes back what failed behind our savepoint.
    async fn back_out(&self, transaction: &Transaction) -> Result<(), Error> {
        let limit = self.config.limits.statement_timeout;
        let shape = shape(2, true, 0);
        let reply = self.exchange_in(transaction, limit, shape, write_back_out).await;
        let ended = reply.and_then(|reply| ended_well(&reply));
        ended.map_err(|failure| self.explain(transaction, failure))
    }

    /// One exchange on the transaction's connection. The server ends each statement at its own
    /// timeout; `limit` and some grace are for all of them.
    pub(super) async fn exchange_in(
        &self,
        transaction: &Transaction,
        limit: Duration,
        shape: ExchangeShape,
        build: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Result<Reply, Failure> {
        let link = match &mut *transaction.lease.borrow_mut() {
            Some(lease) => lease.link().map_err(Failure::Refused)?.clone(),
            None => return Err(connection_gone()),
        };
        // In a transaction a cancelled statement is a failed one, which a result that is too large
        // need not cost its caller.
        let ends = Ends {
            server: transaction.pool.server(),
            limit: limit + HUNG_GRACE,
            when_too_large: false,
        };
        let began = Instant::now();
        let reply = exchange_within(ends, &link, shape, build).await;
        self.desk.settle(&transaction.target.borrower.party, began.elapsed());
        match &reply {
            Ok(reply) => transaction.status.set(reply.status),
            Err(Failure::NotCommitted(_) | Failure::Lost(_)) => {
                drop(transaction.lease.borrow_mut().take());
            }
            Err(_) => {}
        }
        if !link.is_open() {
            drop(transaction.lease.borrow_mut().take());
        }
        reply
    }

    /// What a failure inside a transaction means to the caller.
    pub(super) fn explain(&self, transaction: &Transaction, failure: Failure) -> Error {
        if transaction.lease.borrow().is_none() {
            self.observer.emit(&Event::TransactionCut { reason: "connection lost" });
        }
        match failure {
            Failure::Refused(error) => error,
            Failure::Overflow => too_large(Change::Uncommitted),
            Failure::Server(error) if error.code == SqlState::QUERY_CANCELED => timed_out(),
            Failure::Server(error) | Failure::Unparsed(error) => Error::sql(*error),
            Failure::Prologue(error) => prologue_refused(&error),
            Failure::NotCommitted(text) | Failure::Lost(text) => not_found(
                &encode(self.shard, &transaction.key),
                "The connection to the database was lost and it has been rolled back.",
            )
            .because(text),
        }
    }
}

fn connection_gone() -> Failure {
    Failure::NotCommitted("the connection is gone".to_owned())
}

/// What the call named may be another database than the transaction's own, which rules.
fn refuse_schema(own: &Target) -> Result<(), Error> {
    if own.is_strict() { Err(schema_not_supported()) } else { Ok(()) }
}

/// PostgreSQL may be unable to do with the types of their parameters, and the transaction should
/// outlive that: such statements go behind a savepoint.
fn is_probing(items: &[Item]) -> bool {
    items.iter().any(|item| is_uncertain(&item.entry, &item.statement))
}

impl Transaction {
    fn words<'a>(&self, prologue: &'a Prologue) -> Result<Words<'a>, Failure> {
        let lease = self.lease.borrow();
        let Some(lease) = &*lease else { return Err(connection_gone()) };
        words(prologue, lease.peek().map_err(Failure::Refused)?)
    }

    fn prologue_unknown(&self) -> bool {
        self.lease.borrow_mut().as_mut().is_some_and(Lease::prologue_unknown)
    }

    /// The statement goes on; its connection says where.
    fn timed_out(&self) -> Error {
        let lease = self.lease.borrow();
        let link = lease.as_ref().and_then(|lease| lease.peek().ok());
        match link {
            Some(link) => timed_out().on_connection(link.backend().pid.into()),
            None => timed_out(),
        }
    }
}
