//! What operators order: one shard hears it at the console, all of them do it.
//!
//! What holds of a database (paused, disabled) is kept in one place for all shards, which is locked
//! when an operator says something, when a pool is made, and when a client comes in; never for a
//! statement.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::survey::{self, Survey};
use super::{Session, Target};
use crate::error::{Error, Kind};

/// A shard that takes longer to answer an operator has other troubles.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The databases that an order is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// Those of this name.
    Database(String),
}

impl Scope {
    fn holds(&self, name: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Database(own) => own == name,
        }
    }
}

/// An order.
#[derive(Debug, Clone)]
pub enum Order {
    /// Show what there is.
    Survey,
    /// Give out no connections, and close those that there are as soon as they are free. Answered
    /// by how many are still open; may be given again to ask that.
    Pause(Scope),
    /// Give out connections again.
    Resume(Scope),
    /// Close all connections as soon as they are free.
    Reconnect(Scope),
    /// How many connections are to close and have not yet.
    Closing(Scope),
    /// Send a client away. Answered by how many there are of that number.
    SendAway(u64),
}

/// What a shard answers.
#[derive(Debug)]
pub enum Report {
    /// What there is.
    Survey(Box<Survey>),
    /// A number.
    Count(usize),
}

impl Report {
    /// The number; nothing where the answer is another.
    pub fn count(&self) -> usize {
        match self {
            Report::Survey(_) => 0,
            Report::Count(count) => *count,
        }
    }
}

/// What operators have said of databases, for all shards.
#[derive(Clone, Default)]
pub struct Controls(Arc<Mutex<BTreeMap<String, Control>>>);

/// What holds of one database.
#[derive(Debug, Clone, Copy, Default)]
pub struct Control {
    /// No connection is given out.
    pub paused: bool,
    /// No client is let in.
    pub disabled: bool,
}

impl Controls {
    /// What holds of a database.
    pub fn of(&self, name: &str) -> Control {
        let controls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        controls.get(name).copied().unwrap_or_default()
    }

    /// How many databases are paused.
    pub fn paused(&self) -> usize {
        let controls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        controls.values().filter(|control| control.paused).count()
    }

    /// Changes what holds of a database.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Control)) {
        let mut controls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(controls.entry(name.to_owned()).or_default());
    }
}

impl Session {
    /// Gives all shards an order. May be cancelled; what was ordered is done all the same.
    pub async fn order(&self, order: &Order) -> Result<Vec<Report>, Error> {
        let mut answers = Vec::new();
        for shard in 0..self.peers.count() {
            let (answer, receiver) = oneshot::channel();
            self.peers.order(shard, order.clone(), answer)?;
            answers.push(receiver);
        }
        let mut reports = Vec::with_capacity(answers.len());
        for answer in answers {
            match timeout(ANSWER_TIMEOUT, answer).await {
                Ok(Ok(report)) => reports.push(report),
                _ => {
                    let text = "a shard of the gateway does not answer; try again";
                    return Err(Error::new(Kind::Unavailable, text));
                }
            }
        }
        Ok(reports)
    }

    /// What operators have said of databases.
    pub fn controls(&self) -> &Controls {
        self.peers.controls()
    }

    /// Refuses clients of a database that an operator has closed to them.
    pub(super) fn check_enabled(&self, target: &Target) -> Result<(), Error> {
        let name = &target.database.name;
        if self.controls().of(name).disabled {
            let text = format!("database \"{name}\" is not currently accepting connections");
            return Err(Error::new(Kind::Unavailable, text).because("disabled by an operator"));
        }
        Ok(())
    }

    /// Does what was ordered on this shard.
    pub(super) fn obey(&self, order: &Order) -> Report {
        let mut count = 0;
        match order {
            Order::Survey => return Report::Survey(Box::new(self.survey())),
            Order::Pause(scope) => self.pools.each_of(
                |name| scope.holds(name),
                |pool| {
                    pool.pause();
                    count += survey::open(pool);
                },
            ),
            Order::Resume(scope) => {
                self.pools.each_of(|name| scope.holds(name), |pool| pool.resume());
            }
            Order::Reconnect(scope) => {
                self.pools.each_of(|name| scope.holds(name), |pool| pool.retire_all());
            }
            Order::Closing(scope) => {
                self.pools.each_of(|name| scope.holds(name), |pool| count += pool.count().1);
            }
            Order::SendAway(number) => count = usize::from(self.roll.send_away(*number)),
        }
        Report::Count(count)
    }
}
