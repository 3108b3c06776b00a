//! Statements that a caller wants done together, or with something of their own: several in one
//! transaction, one in another schema, one that may outlive its timeout.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::alone::{HUNG_GRACE, timed_out};
use super::guard::{self, Place};
use super::implicit::Implicit;
use super::inference::check_arrays;
use super::series::{Frame, Item, Making, Renew};
use super::{AtTimeout, Outcome, Session, Statement, Target};
use crate::error::Error;
use crate::pool::Pool;

impl Session {
    /// Runs statements in order in one transaction that `begin` begins: all or nothing. An error
    /// knows which of them it is about.
    ///
    /// Dropped half-way, the transaction ends as the server ends it: whole.
    pub async fn execute_together(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        begin: &'static str,
        statements: Vec<Statement>,
        at_timeout: AtTimeout,
    ) -> Result<Vec<Outcome>, Error> {
        let mut implicit = self.implicit(principal, target, statements, Place::Together)?;
        implicit.frame = Frame::Block(begin);
        implicit.renew = renewal(principal, Renew::Always);
        let ran = self.run_implicit(target, implicit, at_timeout).await;
        ran.map_err(|error| target.shown(error))
    }

    /// One statement with a schema of its own, or one that may outlive its timeout.
    pub(super) async fn execute_apart(
        self: &Rc<Self>,
        principal: &Principal,
        target: &Target,
        statement: &Statement,
        at_timeout: AtTimeout,
    ) -> Result<Outcome, Error> {
        let statements = vec![statement.clone()];
        let implicit = self.implicit(principal, target, statements, Place::Alone)?;
        let outcomes = self.run_implicit(target, implicit, at_timeout).await?;
        outcomes.into_iter().next().ok_or_else(|| Error::internal("a statement without outcome"))
    }

    pub(super) async fn run_implicit(
        self: &Rc<Self>,
        target: &Target,
        mut implicit: Implicit,
        at_timeout: AtTimeout,
    ) -> Result<Vec<Outcome>, Error> {
        if at_timeout == AtTimeout::Cancel {
            let mut outcomes = implicit.run().await?;
            self.describe_all(&implicit.pool, target, &implicit.items, &mut outcomes).await;
            return Ok(outcomes);
        }
        let longest = self.config.limits.continued_statement_timeout;
        let longest = self.own_timeout(target).unwrap_or(longest);
        implicit.statement_timeout = Some(longest);
        implicit.limit = longest + HUNG_GRACE;
        self.run_on(target, implicit).await
    }

    /// What else an answer needs to know of its results.
    pub(super) async fn describe_all(
        &self,
        pool: &Rc<Pool>,
        target: &Target,
        items: &[Item],
        outcomes: &mut [Outcome],
    ) {
        for (outcome, item) in outcomes.iter_mut().zip(items) {
            outcome.strict = target.database.strict;
            outcome.only_read = item.entry.examined.is_harmless();
            self.describe(pool, &target.borrower, item.statement.describe, outcome).await;
        }
    }

    /// Runs it in a task of its own, and waits for it no longer than for any other statement.
    async fn run_on(
        self: &Rc<Self>,
        target: &Target,
        implicit: Implicit,
    ) -> Result<Vec<Outcome>, Error> {
        let permit = implicit.pool.permit_to_go_on().await?;
        let backend = Rc::clone(&implicit.backend);
        let (sender, receiver) = oneshot::channel();
        let going_on = self.count_as_open();
        let (session, target) = (Rc::clone(self), target.clone());
        tokio::task::spawn_local(async move {
            let mut ran = implicit.run().await;
            if let Ok(outcomes) = &mut ran {
                let (pool, items) = (&implicit.pool, &implicit.items);
                session.describe_all(pool, &target, items, outcomes).await;
            }
            drop((permit, going_on));
            // A receiver that is gone has told its caller that the time is up.
            let _ = sender.send(ran);
        });
        match timeout(self.config.limits.statement_timeout, receiver).await {
            Ok(Ok(ran)) => ran,
            Ok(Err(_)) => Err(Error::internal("a statement's task ended")),
            Err(_) => Err(match backend.get() {
                Some(pid) => timed_out().on_connection(pid.into()),
                None => timed_out(),
            }),
        }
    }

    /// The statements as they are without anything special.
    pub(super) fn implicit(
        &self,
        principal: &Principal,
        target: &Target,
        statements: Vec<Statement>,
        place: Place,
    ) -> Result<Implicit, Error> {
        let pool = self.pool(target)?;
        let lesson = if target.schema.is_none() { Lesson::ForAll } else { Lesson::Unknown };
        let items = items(&pool, statements, lesson);
        guard_all(principal, target, &items, place)?;
        let (locals, making) = (target.locals(), target.making());
        // Outside a block SET LOCAL sets as well, and complains in the server's log.
        let block = making == Making::Commands && !locals.is_empty();
        Ok(Implicit {
            prologue: self.prologue(principal, target),
            borrower: target.borrower.clone(),
            renew: renewal(principal, Renew::AfterUnknown),
            locals,
            making,
            frame: if block { Frame::Block("BEGIN") } else { Frame::Bare },
            items,
            rows: true,
            limit: self.hung_after(target),
            statement_timeout: None,
            backend: Rc::new(Cell::new(None)),
            pool,
        })
    }
}

/// Only a caller with a fixed tenant is made that tenant again: an application sets its own.
pub(super) fn renewal(principal: &Principal, renew: Renew) -> Renew {
    if principal.kind() == PrincipalKind::Tenant { renew } else { Renew::Never }
}

/// Whom what is learned of a statement is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Its names mean what they mean to everybody.
    ForAll,
    /// What ran before may have put tables of its own in the place of those that others mean by
    /// these names: what is learned of types would be wrong for them.
    Private,
    /// In another schema not even what is known is true.
    Unknown,
}

/// The statements with what is known about them.
pub(super) fn items(pool: &Pool, statements: Vec<Statement>, mut lesson: Lesson) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(statements.len());
    for statement in statements {
        let known = items.last().filter(|last| {
            Arc::ptr_eq(&last.statement.sql, &statement.sql)
                && last.statement.types == statement.types
        });
        let entry = match known {
            Some(last) => Rc::clone(&last.entry),
            None if lesson == Lesson::Unknown => pool.stranger(&statement.sql, &statement.types),
            None => {
                let entry = pool.statement(&statement.sql, &statement.types);
                if lesson == Lesson::ForAll { entry } else { entry.apart() }
            }
        };
        if lesson == Lesson::ForAll && !entry.is_clean() {
            lesson = Lesson::Private;
        }
        items.push(Item { statement, entry });
    }
    items
}

/// Lets all of them pass, or says which may not and why.
pub(super) fn guard_all(
    principal: &Principal,
    target: &Target,
    items: &[Item],
    place: Place,
) -> Result<(), Error> {
    let mut last: Option<&Item> = None;
    for (index, item) in items.iter().enumerate() {
        // The sets of a batch share their text.
        if !last.is_some_and(|last| Rc::ptr_eq(&last.entry, &item.entry)) {
            guard::check(principal, &target.database, &item.entry, &item.statement.sql, place)
                .map_err(|error| error.in_statement(index))?;
        }
        check_arrays(&target.database, &item.statement).map_err(|e| e.in_statement(index))?;
        last = Some(item);
    }
    Ok(())
}
