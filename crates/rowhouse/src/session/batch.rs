//! One statement with many sets of values: one exchange, one implicit transaction, all or nothing.

use std::rc::Rc;

use bytes::BytesMut;
use rowhouse_protocol::frontend::{self, EncodeError};
use rowhouse_protocol::sqlstate::SqlState;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Prologue;

use super::alone::{HUNG_GRACE, prologue_refused, timed_out, too_large};
use super::exchange::{
    Answer, Failure, Opening, exchange_within, is_atomic, is_idle, read_answers, shape,
    write_opening,
};
use super::guard::{self, Place};
use super::inference::{check_arrays, choose_others, types_for};
use super::statement::Value;
use super::{Outcome, Session, Statement, Target};
use crate::error::Error;
use crate::pool::{Condition, Pool, StatementEntry, Use};

impl Session {
    /// Runs a statement once for each set, in one transaction of its own. The sets share their SQL.
    pub async fn execute_batch(
        &self,
        principal: &Principal,
        target: &Target,
        sets: &[Statement],
    ) -> Result<Vec<Outcome>, Error> {
        let Some(first) = sets.first() else { return Ok(Vec::new()) };
        let pool = self.pool(target)?;
        let entry = pool.statement(&first.sql, &first.types);
        let settings = &target.database.tenant_settings;
        guard::check(principal, settings, &entry, &first.sql, Place::Alone)?;
        sets.iter().try_for_each(|set| check_arrays(&target.database, set))?;
        let prologue = self.prologue(principal, target);
        let mut ran = self.try_batch(&pool, &entry, &prologue, sets).await;
        while let Err(Failure::Unparsed(error)) = &ran
            && choose_others(&entry, first, error)
        {
            ran = self.try_batch(&pool, &entry, &prologue, sets).await;
        }
        ran.map(|answers| answers.into_iter().map(|answer| answer.outcome).collect()).map_err(
            |failure| match failure {
                Failure::Refused(error) => error,
                Failure::Overflow => too_large(false),
                Failure::NotCommitted(text) => Error::unavailable(text),
                Failure::Lost(text) => Error::outcome_unknown(text),
                Failure::Prologue(error) => prologue_refused(&error),
                Failure::Server(error) if error.code == SqlState::QUERY_CANCELED => timed_out(),
                Failure::Server(error) | Failure::Unparsed(error) => Error::sql(*error),
            },
        )
    }

    async fn try_batch(
        &self,
        pool: &Rc<Pool>,
        entry: &StatementEntry,
        prologue: &Prologue,
        sets: &[Statement],
    ) -> Result<Vec<Answer>, Failure> {
        let condition = if entry.is_clean() { Condition::Clean } else { Condition::Pristine };
        let mut lease =
            pool.exclusive(Use::Statement, condition).await.map_err(Failure::Refused)?;
        if entry.is_indelible() {
            lease.condemn();
        }
        let parse = !prologue.is_empty() && lease.prologue_unknown();
        let opening = Opening { prologue, parse };
        let before = opening.before();
        let limits = &self.config.limits;
        let atomic = is_atomic(entry.examined.verb);
        let shape = shape(before.commands + sets.len(), atomic, limits.result_bytes_max);
        let link = lease.link().map_err(Failure::Refused)?.clone();
        let build = |buf: &mut BytesMut| write_sets(buf, opening, sets, entry);
        // The server's timeout starts anew with each set; this one is for all of them.
        let limit = limits.statement_timeout + HUNG_GRACE;
        let reply = exchange_within(limit, pool.server(), &link, shape, build).await?;
        let answers = read_answers(&reply, before, sets.len(), None);
        if matches!(answers, Err(Failure::Prologue(_))) {
            lease.forget_prologue();
        }
        if is_idle(&reply) && entry.is_clean() {
            lease.settle();
        }
        answers
    }
}

/// Writes the prologue and every set, closed by one `Sync`. The statement is parsed again only
/// where its text or its types differ from the set before.
fn write_sets(
    buf: &mut BytesMut,
    opening: Opening<'_>,
    sets: &[Statement],
    entry: &StatementEntry,
) -> Result<(), EncodeError> {
    write_opening(buf, opening)?;
    let mut parsed = None;
    for set in sets {
        let wanted = Some((&*set.sql, types_for(entry, set)));
        if parsed != wanted
            && let Some((sql, types)) = &wanted
        {
            frontend::parse(buf, "", sql, types)?;
            parsed = wanted;
        }
        let values: Vec<frontend::Parameter<'_>> =
            set.values.iter().map(Value::parameter).collect();
        frontend::bind(buf, "", "", &values)?;
        frontend::execute(buf, "", 0)?;
    }
    frontend::sync(buf);
    Ok(())
}
