//! The pools of one shard, by what callers name; where each tenant has a secret of its own, by
//! tenant as well, and then only so many of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rowhouse_tenancy::ids::TenantId;
use tokio::time::Instant;

use super::Target;
use super::orders::Controls;
use crate::config::{Config, Context, Database, PrincipalKind};
use crate::error::{Error, Kind};
use crate::observe::Observer;
use crate::pool::{Destination, Pool};
use crate::seal::Seals;
use crate::secrets::Sources;

/// What a tenant of a sealed database could do harm with, had it a way to `ALTER ROLE … SET` for
/// the role that all share: plans that show what functions work with, expressions that mean
/// something else, sessions that end with their first error.
const SEALED_PARAMETERS: [(&str, &str); 5] = [
    ("debug_print_parse", "off"),
    ("debug_print_plan", "off"),
    ("debug_print_rewritten", "off"),
    ("exit_on_error", "off"),
    ("transform_null_equals", "off"),
];

/// What a pool belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PoolKey {
    /// The resource's place in the configuration.
    pub resource: usize,
    /// The database's place in the resource.
    pub database: usize,
    /// The secret's place in the configuration.
    pub secret: usize,
    /// Whose it is, where the secret is one of each tenant: a connection that one tenant's
    /// credentials opened never serves another.
    pub tenant: Option<TenantId>,
}

/// The pools of one shard.
pub struct Pools {
    config: Arc<Config>,
    sources: Arc<Sources>,
    seals: Option<Arc<Seals>>,
    observer: Observer,
    controls: Controls,
    pools: RefCell<HashMap<PoolKey, Rc<Pool>, RandomState>>,
}

impl Pools {
    /// No pools yet; they come when they are needed.
    pub fn new(
        config: Arc<Config>,
        sources: Arc<Sources>,
        seals: Option<Arc<Seals>>,
        observer: Observer,
        controls: Controls,
    ) -> Pools {
        Pools { config, sources, seals, observer, controls, pools: RefCell::default() }
    }

    /// Looks at every pool.
    pub fn each(&self, mut look: impl FnMut(&PoolKey, &Rc<Pool>)) {
        self.pools.borrow().iter().for_each(|(key, pool)| look(key, pool));
    }

    /// Does something with the pools of databases of certain names.
    pub fn each_of(&self, is_meant: impl Fn(&str) -> bool, mut act: impl FnMut(&Rc<Pool>)) {
        self.each(|key, pool| {
            let resource = self.config.resources.get(key.resource);
            let database = resource.and_then(|resource| resource.databases.get(key.database));
            if database.is_some_and(|database| is_meant(&database.name)) {
                act(pool);
            }
        });
    }

    /// The pool of a target.
    pub fn of(&self, target: &Target) -> Result<Rc<Pool>, Error> {
        if let Some(pool) = self.pools.borrow().get(&target.key) {
            if target.key.tenant.is_some() {
                pool.note_use(Instant::now());
            }
            return Ok(Rc::clone(pool));
        }
        self.open(target)
    }

    /// Closes idle connections; pools of tenants that nobody uses go with them.
    pub fn sweep(&self, now: Instant) {
        let idle_timeout = self.config.pool.idle_timeout;
        self.pools.borrow_mut().retain(|key, pool| {
            pool.sweep(now);
            let idle = now.saturating_duration_since(pool.used_at()) > idle_timeout;
            !(idle && is_removable(key, pool))
        });
    }

    fn open(&self, target: &Target) -> Result<Rc<Pool>, Error> {
        let key = &target.key;
        let resource = self.config.resources.get(key.resource);
        let secret = self.config.secrets.get(key.secret);
        let (Some(resource), Some(secret)) = (resource, secret) else {
            return Err(Error::internal("a target outside the configuration"));
        };
        let source = self.sources.source(key.secret, key.tenant.as_ref())?;
        if key.tenant.is_some() {
            self.make_room()?;
        }
        let for_tenants = secret.principals.contains(&PrincipalKind::Tenant);
        let unseen = for_tenants && !source.is_fixed();
        let destination = Destination {
            server: Arc::clone(&resource.server),
            database: target.database.name.clone(),
            source,
            vetting: unseen.then(|| self.config.gate_accept.clone()),
            seals: self.seals.clone().filter(|_| target.database.context == Context::Sealed),
            parameters: parameters(&target.database),
        };
        let (settings, limits) = (&self.config.pool, &self.config.limits);
        let pool = Pool::new(destination, settings, limits, self.observer.clone());
        if self.controls.of(&target.database.name).paused {
            pool.pause();
        }
        self.pools.borrow_mut().insert(key.clone(), Rc::clone(&pool));
        Ok(pool)
    }

    /// Takes away the pool of a tenant that was not used for longest, when there are too many.
    fn make_room(&self) -> Result<(), Error> {
        let mut pools = self.pools.borrow_mut();
        let tenants = pools.keys().filter(|key| key.tenant.is_some()).count();
        if tenants < self.config.pool.tenant_pools_max {
            return Ok(());
        }
        let removable = pools.iter().filter(|(key, pool)| is_removable(key, pool));
        let oldest = removable.min_by_key(|(_, pool)| pool.used_at()).map(|(key, _)| key.clone());
        match oldest.and_then(|oldest| pools.remove(&oldest)) {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::Overloaded, "The service is busy. Try again.")
                .because("every pool of a tenant is in use; see pool.tenant_pools_max")),
        }
    }
}

/// What sessions start with because of their database. These win over `ALTER ROLE … SET`, and are
/// the values that a reset goes back to.
fn parameters(database: &Database) -> Vec<(&'static str, String)> {
    let path = database.search_path.iter().map(|path| ("search_path", path.clone()));
    let pinned: &[(&str, &str)] = match database.context {
        Context::Standard => &[],
        Context::Sealed => &SEALED_PARAMETERS,
    };
    path.chain(pinned.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect()
}

/// Whether nobody but this table holds it: what runs, waits or is lent holds its pool.
fn is_removable(key: &PoolKey, pool: &Rc<Pool>) -> bool {
    key.tenant.is_some() && Rc::strong_count(pool) == 1
}
