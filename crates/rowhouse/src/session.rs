//! The corridor: the only way from a door to PostgreSQL.
//!
//! A door brings a principal, what it named, and a statement. The session decides whether the
//! principal may use what it named, builds the prologue that carries its tenant, and sends both in
//! one write. One `Session` serves one shard; transactions of other shards are reached through
//! their inboxes.

mod alone;
mod batch;
mod catalog;
mod conversation;
mod exchange;
mod guard;
mod implicit;
mod inference;
mod inside;
mod orders;
mod peers;
mod pools;
mod roll;
mod series;
mod statement;
mod survey;
mod tally;
mod together;
mod transaction;
mod transaction_id;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use rowhouse_tenancy::ids::SchemaName;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::prologue::Prologue;
use tokio::time::Instant;

use alone::HUNG_GRACE;
pub use alone::{Change, too_large};
pub use conversation::{CancelKey, Cancels, Guest, Manners};
pub use inside::Work;
pub use orders::{Control, Controls, Order, Report, Scope};
pub use peers::{Inbox, Peers, serve as serve_peers};
pub use roll::{About, ClientState, Presence};
pub use statement::{Outcome, Statement, Value};
pub use survey::{ClientView, DatabasePlace, PoolName, PoolView, ServerView, SumsView, Survey};
pub use tally::Sums;
pub use transaction::Ending;

use crate::admission::{Admission, Admitted, Desk, Party};
use crate::config::{Config, Database, PrincipalKind, Resource, RoleSecret};
use crate::error::{Error, Kind};
use crate::observe::{Event, Observer, Spent};
use crate::pool::{Borrower, Occupant, Pool};
use crate::registry::Registry;
use crate::seal::Seals;
use crate::secrets::Sources;
use pools::{PoolKey, Pools};
use roll::Roll;
use series::{Local, Making};
use tally::Tally;
use transaction::Transaction;
use transaction_id::TransactionKey;

/// How often idle connections and forgotten transactions are looked for.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What comes from elsewhere and is kept for all shards.
#[derive(Clone)]
pub struct Kept {
    /// Where the roles' passwords come from.
    pub sources: Arc<Sources>,
    /// What connections to sealed databases are registered with.
    pub seals: Option<Arc<Seals>>,
    /// Which tenants there are.
    pub registry: Arc<Registry>,
    /// What they may use.
    pub admission: Arc<Admission>,
}

/// The corridor of one shard.
pub struct Session {
    config: Arc<Config>,
    registry: Arc<Registry>,
    observer: Observer,
    shard: usize,
    peers: Peers,
    pools: Pools,
    desk: Desk,
    transactions: RefCell<HashMap<TransactionKey, Rc<Transaction>, RandomState>>,
    draining: Cell<bool>,
    /// Statements that have outlived their callers' patience, or may.
    going_on: Rc<Cell<usize>>,
    /// Who is in by the PostgreSQL door.
    roll: Rc<Roll>,
    tallies: RefCell<HashMap<DatabasePlace, Rc<Tally>, RandomState>>,
}

/// What happens to a statement when its time is up. Either way its caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtTimeout {
    /// It is cancelled.
    Cancel,
    /// It goes on, up to a longer timeout.
    GoOn,
}

/// A statement that a stop waits for; dropping it takes it off the count.
struct GoingOn(Rc<Cell<usize>>);

impl Drop for GoingOn {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// What a caller named and may use.
#[derive(Debug, Clone)]
pub struct Target {
    key: PoolKey,
    database: Arc<Database>,
    /// The caller named the database; otherwise it is the resource's default.
    database_named: bool,
    /// Where its statements look for names, if the caller said so.
    schema: Option<SchemaName>,
    /// Whose its connections are meanwhile, and whose share they are taken from.
    borrower: Borrower,
}

impl Target {
    /// The bytes that a result may have, where `usual` is everybody's.
    pub fn result_bytes_max(&self, usual: usize) -> usize {
        self.borrower.party.terms.result_bytes_max(usual)
    }

    /// Whether what AWS refuses is refused, though it could be answered.
    pub fn is_strict(&self) -> bool {
        self.database.strict
    }

    /// How settings of ours are made there.
    fn making(&self) -> Making {
        Making::of(self.database.context)
    }

    /// What a caller is told of an error. Detail, hint and the rest may hold what is in others'
    /// rows, and in a sealed database nobody answers for who reads it.
    fn shown(&self, error: Error) -> Error {
        match self.borrower.occupant {
            Occupant::Anybody | Occupant::NoTenant => error,
            Occupant::Tenant(_) => error.without_details(),
        }
    }

    /// What the caller's target sets for the transaction beside its tenant.
    fn locals(&self) -> Vec<Local> {
        let path = self.schema.as_ref().map(|schema| ("search_path", schema.search_path()));
        path.into_iter().collect()
    }
}

/// The server's timeout for each statement, as a setting of the transaction.
fn statement_timeout_local(timeout: Duration) -> Local {
    ("statement_timeout", timeout.as_millis().to_string())
}

impl Session {
    /// The corridor of shard number `shard`.
    pub fn new(
        config: Arc<Config>,
        kept: Kept,
        observer: Observer,
        shard: usize,
        peers: Peers,
    ) -> Rc<Session> {
        let Kept { sources, seals, registry, admission } = kept;
        let pools_of = Arc::clone(&config);
        let controls = peers.controls().clone();
        Rc::new(Session {
            desk: Desk::new(admission),
            pools: Pools::new(pools_of, sources, seals, observer.clone(), controls),
            roll: Roll::new(shard, peers.count()),
            tallies: RefCell::default(),
            config,
            registry,
            observer,
            shard,
            peers,
            transactions: RefCell::default(),
            draining: Cell::new(false),
            going_on: Rc::default(),
        })
    }

    /// Whether a caller is served, as its tenant's record says. To be asked where identity has been
    /// proven, and again before each transaction of who stays.
    pub fn permit(&self, principal: &Principal) -> Result<(), Error> {
        self.desk.permit(principal)
    }

    /// Finds what a caller named, and refuses what it may not use.
    pub fn resolve(
        &self,
        principal: &Principal,
        resource_arn: &str,
        secret_arn: &str,
        database: Option<&str>,
        schema: Option<&str>,
    ) -> Result<Target, Error> {
        let resources = &self.config.resources;
        let resource = resources.iter().position(|resource| resource.arn == resource_arn);
        let Some((resource_index, resource)) = resource.and_then(|i| Some((i, resources.get(i)?)))
        else {
            return Err(unknown_resource(resource_arn));
        };
        let secrets = &self.config.secrets;
        let secret = secrets.iter().position(|secret| secret.arn == secret_arn);
        let Some((secret_index, secret)) = secret.and_then(|i| Some((i, secrets.get(i)?))) else {
            return Err(Error::new(Kind::SecretUnknown, "No such secret is known here."));
        };
        permit_secret(principal, secret)?;
        let (database_index, found) = find_database(resource, database)?;
        // Only tenants get here with such a secret: see `permit_secret`.
        let tenant = principal.tenant().filter(|_| secret.per_tenant).cloned();
        let schema = schema.map(|name| checked_schema(name, found.strict)).transpose()?;
        Ok(Target {
            schema,
            borrower: Borrower {
                occupant: Occupant::of(principal, found.context),
                party: self.desk.party(principal),
            },
            key: PoolKey {
                resource: resource_index,
                database: database_index,
                secret: secret_index,
                tenant,
            },
            database: found,
            database_named: database.is_some(),
        })
    }

    /// Who a caller is where turns are given, and what it may use.
    pub fn party(&self, principal: &Principal) -> Party {
        self.desk.party(principal)
    }

    /// Asks for a turn; it lasts until what is given here is dropped.
    pub fn admit(&self, party: &Party) -> Result<Admitted, Error> {
        self.desk.admit(party)
    }

    /// Charges for what ran in a conversation.
    fn settle(&self, party: &Party, spent: &Spent) {
        self.desk.settle(party, spent.database);
    }

    /// What the headers `RateLimit-Policy` and `RateLimit` say, where there is a limit.
    pub fn rate_limit(&self, party: &Party) -> Option<(String, String)> {
        self.desk.rate_limit(party)
    }

    /// How many explicit transactions are open, and statements that outlive their timeout.
    pub fn open_transactions(&self) -> usize {
        self.transactions.borrow().len() + self.going_on.get()
    }

    /// From now on no transaction begins; those that are open may end.
    pub fn drain(&self) {
        self.draining.set(true);
    }

    /// Rolls back what is still open.
    pub fn cut_off(&self) -> usize {
        let open = std::mem::take(&mut *self.transactions.borrow_mut());
        for _ in &open {
            self.observer.emit(&Event::TransactionCut { reason: "the gateway stops" });
        }
        open.len()
    }

    /// Closes idle connections and rolls back forgotten transactions, for as long as the shard
    /// lives.
    pub async fn sweep(self: Rc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let now = Instant::now();
            self.pools.sweep(now);
            self.sweep_transactions(now);
            self.roll.tell(&self.observer);
            self.tallies.borrow().values().for_each(|tally| tally.turn(now));
            self.desk.sweep();
        }
    }

    /// Puts an operator at the console on the roll.
    pub fn attend(&self, about: About, principal: &Principal) -> Presence {
        self.roll.enter(about, principal.clone(), None)
    }

    fn tally(&self, target: &Target) -> Rc<Tally> {
        let mut tallies = self.tallies.borrow_mut();
        let entry = tallies.entry(target.key.place());
        Rc::clone(entry.or_insert_with(|| Rc::new(Tally::new(Instant::now()))))
    }

    fn count_as_open(&self) -> GoingOn {
        self.going_on.set(self.going_on.get() + 1);
        GoingOn(Rc::clone(&self.going_on))
    }

    /// When the gateway itself cancels a statement. The server does so at the timeout that all
    /// have; who has a shorter one is cancelled by the gateway.
    fn hung_after(&self, target: &Target) -> Duration {
        let usual = self.config.limits.statement_timeout;
        self.own_timeout(target).unwrap_or(usual + HUNG_GRACE)
    }

    /// The timeout of statements of this target, where it is shorter than everybody's.
    fn own_timeout(&self, target: &Target) -> Option<Duration> {
        let usual = self.config.limits.statement_timeout;
        let own = target.borrower.party.terms.statement_timeout(usual);
        (own < usual).then_some(own)
    }

    fn prologue(&self, principal: &Principal, target: &Target) -> Prologue {
        let Database { tenant_settings, context, .. } = &*target.database;
        Prologue::for_principal(principal, tenant_settings, *context)
    }

    fn pool(&self, target: &Target) -> Result<Rc<Pool>, Error> {
        self.pools.of(target)
    }
}

/// The text is AWS's own, which names the cluster and not the ARN
/// (Aurora User Guide, "Troubleshooting Amazon RDS Data API issues").
fn unknown_resource(arn: &str) -> Error {
    let cluster = arn.rsplit(':').next().unwrap_or(arn);
    Error::new(Kind::ResourceUnknown, format!("HttpEndpoint isn't enabled for cluster {cluster}"))
}

fn permit_secret(principal: &Principal, secret: &RoleSecret) -> Result<(), Error> {
    let denied = || Error::new(Kind::Forbidden, "This caller may not use this secret.");
    if !secret.principals.contains(&principal.kind()) {
        return Err(denied().because(format!("not for {} principals", principal.kind().as_str())));
    }
    if secret.per_tenant && principal.kind() != PrincipalKind::Tenant {
        return Err(denied().because("its credentials are those of a tenant"));
    }
    match principal.role() {
        Some(role) if secret.role.as_deref() != Some(role) => {
            Err(denied().because(format!("the credential is for role {role}")))
        }
        _ => Ok(()),
    }
}

/// The second version of the service refuses a schema rather than ignore it.
fn schema_not_supported() -> Error {
    Error::new(Kind::Invalid, "The schema parameter isn't supported")
}

fn checked_schema(name: &str, strict: bool) -> Result<SchemaName, Error> {
    if strict {
        return Err(schema_not_supported());
    }
    SchemaName::parse(name)
        .map_err(|error| Error::new(Kind::Invalid, format!("The schema cannot be used: {error}")))
}

fn find_database(resource: &Resource, name: Option<&str>) -> Result<(usize, Arc<Database>), Error> {
    let wanted = name.unwrap_or(&resource.default_database);
    resource
        .databases
        .iter()
        .enumerate()
        .find(|(_, database)| database.name == wanted)
        .map(|(index, database)| (index, Arc::clone(database)))
        .ok_or_else(|| {
            Error::new(Kind::DatabaseUnknown, format!("database \"{wanted}\" does not exist"))
        })
}
