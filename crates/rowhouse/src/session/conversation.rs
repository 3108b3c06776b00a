//! A client that talks to PostgreSQL in its own protocol, and a connection for as long as each of
//! its transactions takes.
//!
//! What is said is the matter of [`dialogue`]; here is who says it: sockets, connections, time. The
//! client's task takes a connection over when something has to run and gives it back when nothing
//! is outstanding on it. A client that leaves in the middle costs that connection, which is
//! cancelled and closed.

mod beginning;
mod cancelling;
mod cancels;
mod dialogue;
mod manners;
mod nature;
mod notes;
mod parts;
mod pinning;
mod prepared;
mod queueing;
mod relay;
mod sayings;

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rowhouse_tenancy::ids::SettingName;
use rowhouse_tenancy::principal::{Principal, PrincipalKind};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::exchange::{ended_well, exchange, shape};
use super::roll::{About, Presence};
use super::tally::{Sums, Tally, micros};
use super::{GoingOn, Session, Target};
use crate::admission::Admitted;
use crate::config::Database;
use crate::error::{Error, Kind};
use crate::identity::now_unix;
use crate::net::{ClientStream, Phase};
use crate::observe::{Event, Spent};
use crate::pool::{Borrower, Condition, Lease, Occupant, Pool, Use};
use crate::upstream::{Taken, cancel};
use beginning::Scope;
use cancelling::Cancelling;
pub use cancels::{CancelKey, Cancels};
use dialogue::{Dialogue, Terms};
pub use manners::Manners;
use manners::Place;
use nature::Judge;
use pinning::Pinning;
use relay::Step;

/// How long a client may take to hear that its session is over.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);
/// The answer to a question about settings.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A client that has proven who it is, and has been told so.
pub struct Guest {
    /// Who it is.
    pub principal: Principal,
    /// What it talks to.
    pub target: Target,
    /// What its session is like.
    pub manners: Manners,
    /// Its stream.
    pub client: ClientStream,
    /// What has been read of it already.
    pub incoming: BytesMut,
    /// How it cancels.
    pub key: CancelKey,
    /// Where it comes from.
    pub about: About,
    /// How far a stop has come.
    pub phase: watch::Receiver<Phase>,
}

/// A guest and what it is in the middle of.
struct Conversation {
    session: Rc<Session>,
    principal: Principal,
    pool: Rc<Pool>,
    borrower: Borrower,
    dialogue: Dialogue,
    client: ClientStream,
    incoming: BytesMut,
    server: Option<Server>,
    /// When something was last said by either side.
    active_at: Instant,
    /// The version of the registry by which its tenant was served last.
    permitted_at: u64,
    /// How long its statements may run, where that is shorter than everybody's.
    own_timeout: Option<Duration>,
    /// How long it has paused for want of a turn.
    paused: Duration,
    /// How long what is asked has waited for a connection.
    queued: Duration,
    /// When what PostgreSQL works at was begun.
    asked_at: Option<Instant>,
    /// When its transaction began.
    began_at: Option<Instant>,
    bytes: relay::Count,
    pinning: Rc<Pinning>,
    cancelling: Rc<Cancelling>,
    presence: Presence,
    tally: Rc<Tally>,
}

/// A connection in use. The order of the fields is the order in which they go.
struct Server {
    taken: Taken,
    lease: Lease,
    condition: Condition,
    /// The turn of what runs.
    turn: Option<Admitted>,
    /// For the stop, which waits for transactions.
    _going_on: GoingOn,
}

/// From this version on a simple query behind an Execute does not end the transaction that both are
/// in; only a Sync does (`start_xact_command` and `BeginImplicitTransactionBlock` in PostgreSQL's
/// postgres.c and xact.c).
const LINGERING_SINCE: u32 = 18;

/// Whether transactions of pipelines outlive a simple query. A server that does not say what it is
/// is taken for a new one: one Sync too many does no harm.
fn lingers(taken: &Taken) -> bool {
    taken.server_major().is_none_or(|major| major >= LINGERING_SINCE)
}

impl Session {
    /// What a client's session will be like, and what it is told of it. PostgreSQL is asked, so
    /// that what cannot work fails now.
    pub async fn greet(
        &self,
        principal: &Principal,
        target: &Target,
        parameters: &[(&str, &str)],
    ) -> Result<Manners, Error> {
        if self.draining.get() {
            return Err(Error::new(Kind::ShuttingDown, "the service is stopping; try again"));
        }
        self.check_enabled(target)?;
        let Database { tenant_settings, context, .. } = &*target.database;
        let databases = self.config.resources.iter().flat_map(|resource| &resource.databases);
        let all: Vec<SettingName> =
            databases.flat_map(|database| database.tenant_settings.iter().cloned()).collect();
        let place = Place { context: *context, own: tenant_settings, all: &all };
        let mut manners = manners::read(parameters, principal, place)?;
        let pool = self.pool(target)?;
        // The first of its settings is ours.
        if pool.told().is_empty() || manners.settings.len() > 1 {
            self.try_settings(&pool, target, &manners).await?;
        }
        let asked = std::mem::take(&mut manners.told);
        let own = asked.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let user = parameters.iter().find(|(name, _)| *name == "user");
        let user = user.map_or("", |(_, user)| *user);
        // The role behind the door is nobody's business.
        let usual = [("application_name", ""), ("session_authorization", user)];
        let told = pool.told();
        let told = told.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.chain(usual).chain(told) {
            if !manners.told.iter().any(|(known, _)| known == name) {
                manners.told.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(manners)
    }

    async fn try_settings(
        &self,
        pool: &Rc<Pool>,
        target: &Target,
        manners: &Manners,
    ) -> Result<(), Error> {
        let borrower = &target.borrower;
        let mut lease = pool.exclusive(Use::Conversation, Condition::Clean, borrower).await?;
        if manners.settings.len() <= 1 {
            return Ok(());
        }
        let (settings, making) = (&manners.settings, target.making());
        let shape = shape(beginning::count(settings, making, Scope::Trial), true, ANSWER_BYTES_MAX);
        let link = lease.link()?.clone();
        let write = |buf: &mut BytesMut| beginning::write(buf, settings, making, Scope::Trial);
        let reply = exchange(&link, shape, write);
        let reply = reply.await.map_err(explain)?;
        ended_well(&reply).map_err(explain)
    }

    /// Talks with a client until it leaves, or has to.
    pub async fn converse(self: &Rc<Session>, guest: Box<Guest>) {
        let Guest { principal, target, manners, client, incoming, key, about, phase } = *guest;
        let pool = match self.pool(&target) {
            Ok(pool) => pool,
            Err(error) => {
                self.observer.emit(&Event::Trouble { place: "conversation", reason: &error });
                return;
            }
        };
        let pinning = Pinning::new(&pool, principal.tenant().cloned());
        let presence = self.roll.enter(about, principal.clone(), Some(target.key.clone()));
        let tally = self.tally(&target);
        tally.add(Sums { clients: 1, ..Sums::default() });
        let judge = Judge {
            pool: Rc::clone(&pool),
            pinning: Rc::clone(&pinning),
            principal: principal.clone(),
            settings: target.database.tenant_settings.clone(),
            context: target.database.context,
            chosen: manners.chosen().is_some(),
            begun: manners.settings.iter().map(|(name, _)| name.clone()).collect(),
        };
        let chosen = manners.chosen().map(|tenant| Occupant::Tenant(tenant.clone()));
        let dialogue = Dialogue::new(Terms {
            judge: Box::new(move |sql, types| judge.judge(sql, types)),
            kind: principal.kind(),
            fixed: principal.kind() == PrincipalKind::Tenant || chosen.is_some(),
            prologue: manners.prologue,
            settings: manners.settings,
            context: target.database.context,
            now: now_unix,
            message_bytes_max: self.config.wire.message_bytes_max,
            sql_bytes_max: self.config.wire.sql_bytes_max,
            prepared_bytes_max: self.config.wire.prepared_bytes_max,
        });
        let mut conversation = Conversation {
            session: Rc::clone(self),
            principal,
            pool,
            borrower: Borrower {
                occupant: chosen.unwrap_or_else(|| target.borrower.occupant.clone()),
                party: target.borrower.party.clone(),
            },
            dialogue,
            client,
            incoming,
            server: None,
            active_at: Instant::now(),
            permitted_at: 0,
            queued: Duration::ZERO,
            own_timeout: self.own_timeout(&target),
            paused: Duration::ZERO,
            asked_at: None,
            began_at: None,
            bytes: relay::Count::default(),
            pinning,
            cancelling: Cancelling::new(key.bell()),
            presence,
            tally,
        };
        // The client has heard it, and stays for hours.
        drop(manners.told);
        if let Some(error) = conversation.run(&key, phase).await {
            conversation.say_last(&error).await;
        }
        conversation.part().await;
    }
}

impl Conversation {
    /// Until the client says goodbye, or the session must end; then it is told why.
    async fn run(&mut self, key: &CancelKey, mut phase: watch::Receiver<Phase>) -> Option<Error> {
        let card = Rc::clone(self.presence.card());
        loop {
            // Who is in a transaction may end it.
            let patient = self.dialogue.is_in_transaction();
            let last = if patient { Phase::Closing } else { Phase::Draining };
            let deadline = self.deadline();
            let step = tokio::select! {
                biased;
                step = poll_fn(|cx| self.poll(cx)) => step,
                () = key.rung() => Step::Cancel,
                () = card.sent_away() => Step::End(sent_away()),
                _ = phase.wait_for(|phase| *phase >= last) => Step::Stop,
                () = sleep_until(deadline) => Step::Late,
            };
            match step {
                Step::Connection(_) if self.is_expired() => return Some(expired()),
                // In a box, so that clients that wait for nothing need not hold it.
                Step::Connection(condition) => match Box::pin(self.queue(condition, key)).await {
                    Some(Step::Left) => return None,
                    Some(Step::End(error)) => return Some(error),
                    _ => {}
                },
                Step::Done => self.give_back(),
                Step::Cancel => self.cancel(),
                // It may be in one that began while it was waited for.
                Step::Stop if !patient && self.dialogue.is_in_transaction() => {}
                Step::Stop => {
                    let text = "terminating connection: the service is stopping";
                    return Some(Error::new(Kind::ShuttingDown, text));
                }
                Step::Late if self.is_out_of_time() => {
                    self.cancel();
                    self.asked_at = Some(Instant::now());
                }
                Step::Late => {
                    if let Some(error) = self.is_late() {
                        return Some(error);
                    }
                }
                // As in a queue, nobody listens meanwhile; a stop comes a little later.
                Step::Pause(time) => sleep(time).await,
                Step::End(error) => return Some(error),
                Step::Left => return None,
            }
        }
    }

    /// Credentials with an end count until then, however long the session.
    fn is_expired(&self) -> bool {
        self.principal.expires_at().is_some_and(|end| now_unix() >= end)
    }

    /// Why its tenant is served no more. Within a transaction as well: one that is begun anew with
    /// the end of the last (COMMIT AND CHAIN) would never be over.
    fn is_refused(&mut self) -> Option<Error> {
        let version = self.session.registry.version();
        if version == self.permitted_at {
            return None;
        }
        // What changes meanwhile is another version, and asked for the next time.
        let refused = self.session.permit(&self.principal).err();
        if refused.is_none() {
            self.permitted_at = version;
        }
        refused
    }

    /// When the client has been silent for too long, as far as is known now.
    fn deadline(&self) -> Instant {
        let limits = &self.session.config.limits;
        let patience = if self.dialogue.is_waiting() {
            self.own_timeout.unwrap_or(limits.transaction_age_max)
        } else if self.dialogue.is_in_transaction() {
            limits.transaction_idle_timeout
        } else if self.dialogue.pinned {
            self.session.config.wire.pinned_timeout
        } else {
            self.session.config.wire.idle_timeout
        };
        // What a client sends meanwhile does not make its statement run any longer.
        let own = self.dialogue.is_waiting() && self.own_timeout.is_some();
        let since = self.asked_at.filter(|_| own).unwrap_or(self.active_at);
        since + patience
    }

    /// Whether a statement has run for longer than this tenant's may.
    fn is_out_of_time(&self) -> bool {
        let waiting = self.dialogue.is_waiting() && self.own_timeout.is_some();
        waiting && self.deadline() <= Instant::now()
    }

    fn is_late(&self) -> Option<Error> {
        if self.deadline() > Instant::now() {
            return None;
        }
        Some(if self.dialogue.is_in_transaction() {
            self.session.observer.emit(&Event::TransactionCut { reason: "idle for too long" });
            let text = "terminating connection: the transaction was idle for too long and has \
                        been rolled back";
            Error::new(Kind::TransactionIdle, text)
        } else {
            let text = "terminating connection: nothing was said for too long";
            Error::new(Kind::SessionIdle, text)
        })
    }

    /// Nothing is outstanding, and the transaction is over.
    fn give_back(&mut self) {
        self.presence.rest();
        self.pinning.end();
        let traces = self.dialogue.traces;
        self.dialogue.end_using();
        self.dialogue.to_server = BytesMut::new();
        let Some(Server { taken, mut lease, condition, .. }) = self.server.take() else { return };
        if traces.reported {
            taken.note_session_changed();
        }
        taken.give_back();
        if self.dialogue.is_prologue_unknown() {
            // It was lent, and nothing ran that needed it.
            lease.forget_prologue();
        }
        if traces.indelible {
            lease.condemn();
        }
        if traces.defining {
            self.pool.facts().forget();
        }
        if condition == Condition::Clean && !traces.unclean {
            lease.settle();
        }
    }

    async fn say_last(&mut self, error: &Error) {
        if error.kind() == Kind::Internal || error.kind() == Kind::Unavailable {
            self.session.observer.emit(&Event::Trouble {
                place: "conversation",
                reason: &error.cause().unwrap_or("no reason is known"),
            });
        }
        self.dialogue.say_fatal(error);
        let words: Bytes = self.dialogue.to_client.split().freeze();
        let said = async {
            self.client.write_all(&words).await?;
            self.client.shutdown().await
        };
        // A client that is gone hears nothing.
        let _ = timeout(LAST_WORDS_TIMEOUT, said).await;
    }

    /// A connection on which nothing is outstanding is rolled back and reset; otherwise it is
    /// cancelled and closed.
    async fn part(&mut self) {
        let Some(server) = self.server.take() else { return };
        if let Some(began) = self.asked_at {
            // What runs for a client that has left has its price as well.
            let spent = Spent { database: began.elapsed(), ..Spent::default() };
            self.session.settle(&self.borrower.party, &spent);
        }
        if self.dialogue.is_at_rest() && server.taken.incoming.is_empty() {
            let Server { taken, mut lease, .. } = server;
            if self.dialogue.traces.indelible {
                lease.condemn();
            }
            taken.give_back();
        } else {
            cancel(self.pool.server(), server.taken.backend()).await;
        }
    }
}

fn sent_away() -> Error {
    let text = "terminating connection due to administrator command";
    Error::new(Kind::ShuttingDown, text).because("sent away by an operator")
}

fn expired() -> Error {
    let text = "terminating connection: its token has expired; connect again";
    Error::new(Kind::TokenExpired, text)
}

fn explain(failure: super::exchange::Failure) -> Error {
    use super::exchange::Failure;
    match failure {
        Failure::Refused(error) => error,
        Failure::Server(error) | Failure::Unparsed(error) | Failure::Prologue(error) => {
            Error::sql(*error)
        }
        Failure::NotCommitted(text) | Failure::Lost(text) => Error::unavailable(text),
        Failure::Overflow => Error::internal("settings answered too much"),
    }
}
