//! Where the roles' passwords come from, and the newest of them.
//!
//! One [`Source`] for each secret, or for each secret and tenant where every tenant has its own.
//! The sources are the whole process's: however many shards ask, one of them fetches.

#[cfg(feature = "aws")]
mod aws;
mod origin;
mod source;
mod value;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rowhouse_tenancy::ids::TenantId;
use tokio::runtime::Handle;

pub use source::{Credentials, Source};

use crate::config::{Config, RoleSecret};
use crate::error::{Error, Kind};
use crate::observe::Observer;
use origin::{Origin, Origins};

/// How often it is looked whose credentials are due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Every source of the process.
pub struct Sources {
    shared: Vec<Option<Arc<Source>>>,
    /// They live as long as somebody has connections by them.
    tenants: Mutex<HashMap<(usize, TenantId), Weak<Source>>>,
    config: Arc<Config>,
    origins: Origins,
    observer: Observer,
    runtime: Handle,
}

impl Sources {
    /// The sources of a configuration. They fetch on the runtime that this is called on, which must
    /// live as long as they do.
    pub fn new(config: &Arc<Config>, observer: &Observer) -> Arc<Sources> {
        let mut sources = Sources {
            shared: Vec::with_capacity(config.secrets.len()),
            tenants: Mutex::default(),
            config: Arc::clone(config),
            origins: Origins::new(config),
            observer: observer.clone(),
            runtime: Handle::current(),
        };
        for secret in &config.secrets {
            // No tenant, no name that a tenant is missing in: this cannot fail.
            let source = match secret.per_tenant {
                true => None,
                false => sources.origins.of(secret, None).ok().map(|o| sources.make(secret, o)),
            };
            sources.shared.push(source);
        }
        Arc::new(sources)
    }

    /// The source of the secret at this place in the configuration; `tenant` counts only where each
    /// tenant has its own.
    pub fn source(&self, secret: usize, tenant: Option<&TenantId>) -> Result<Arc<Source>, Error> {
        if let Some(Some(source)) = self.shared.get(secret) {
            return Ok(Arc::clone(source));
        }
        let (Some(named), Some(tenant)) = (self.config.secrets.get(secret), tenant) else {
            return Err(Error::internal("a secret of a tenant without the tenant"));
        };
        let mut tenants = self.tenants();
        let key = (secret, tenant.clone());
        if let Some(source) = tenants.get(&key).and_then(Weak::upgrade) {
            return Ok(source);
        }
        let origin = self.origins.of(named, Some(tenant)).map_err(|unfit| {
            let public = "This secret is one of each tenant, and this tenant's id cannot be a part \
                          of its name.";
            Error::new(Kind::Forbidden, public).because(unfit)
        })?;
        let source = self.make(named, origin);
        tenants.insert(key, Arc::downgrade(&source));
        Ok(source)
    }

    /// Fetches everything anew that is not fixed, whatever its age: after a change that an operator
    /// knows of. What is in use goes on being used until then.
    pub fn refetch(&self) {
        self.live().iter().for_each(Source::refetch);
    }

    /// Fetches everything before its time is over, for as long as the gateway runs.
    pub async fn keep_fresh(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            self.tenants().retain(|_, source| source.strong_count() > 0);
            self.live().iter().for_each(Source::refresh_if_due);
        }
    }

    fn make(&self, secret: &RoleSecret, origin: Origin) -> Arc<Source> {
        let ttl = self.config.pool.secret_ttl;
        let (observer, runtime) = (self.observer.clone(), self.runtime.clone());
        Source::new(&secret.arn, origin, ttl, observer, runtime)
    }

    fn live(&self) -> Vec<Arc<Source>> {
        let mut live: Vec<_> = self.tenants().values().filter_map(Weak::upgrade).collect();
        live.extend(self.shared.iter().flatten().cloned());
        live
    }

    /// Held for a look-up, never while anything is waited for.
    fn tenants(&self) -> MutexGuard<'_, HashMap<(usize, TenantId), Weak<Source>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
