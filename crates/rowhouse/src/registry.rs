//! The tenants that somebody has said something about: who is suspended, who has which tier and
//! which limits. Kept in PostgreSQL, in the schema `rowhouse`; here in memory, never older than the
//! last answer of that database.
//!
//! One connection listens for changes on the main thread ([`Registry::keep`]); shards look records
//! up and compare a version. What was known goes on while the database is away: nobody is let in
//! because something does not answer.

mod cache;
mod change;
mod keeper;
mod rows;
pub mod schema;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rowhouse_rls::catalog::SEARCH_PATH;
use rowhouse_tenancy::ids::TenantId;
use rowhouse_tenancy::principal::Principal;
use rowhouse_tenancy::record::TenantRecord;

pub use change::{Account, Change, Filter, Refusal, Registrar};
pub use keeper::{Keeper, Unusable};

use crate::config::Config;
use crate::error::{Error, Kind};
use rows::Records;

/// Connecting and authenticating.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Names mean PostgreSQL's own; nothing is waited for as long as it takes.
const PARAMETERS: [(&str, &str); 5] = [
    ("search_path", SEARCH_PATH),
    ("application_name", "rowhouse registry"),
    ("lock_timeout", "5s"),
    ("statement_timeout", "60s"),
    ("default_transaction_read_only", "off"),
];

/// Every record, for all shards.
pub struct Registry {
    /// `None`: there is no registry, and every tenant is as good as any.
    records: Option<RwLock<Records>>,
    version: AtomicU64,
    open: bool,
}

impl Registry {
    /// The registry of a configuration, without records yet: [`Keeper::start`] reads them.
    fn new(config: &Config) -> Registry {
        let settings = config.registry.as_ref();
        Registry {
            records: settings.map(|_| RwLock::default()),
            version: AtomicU64::new(0),
            open: settings.is_none_or(|settings| settings.open),
        }
    }

    /// What is known about a tenant. The lock is held for a look-up.
    pub fn find(&self, tenant: &TenantId) -> Option<Arc<TenantRecord>> {
        let records = self.records.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        records.get(tenant).cloned()
    }

    /// Rises whenever a record has changed, come or gone.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether tenants without a record are served.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a caller is served: a tenant that is suspended is not, nor one without a record
    /// where that is needed. Applications and operators are no tenants.
    pub fn permit(&self, principal: &Principal) -> Result<(), Error> {
        let Some(tenant) = principal.tenant().filter(|_| self.records.is_some()) else {
            return Ok(());
        };
        match self.find(tenant) {
            Some(record) => match record.state.reason() {
                None => Ok(()),
                Some(reason) => {
                    let text = format!("This tenant is suspended: {reason}");
                    Err(Error::new(Kind::TenantRefused, text).because("the tenant is suspended"))
                }
            },
            None if self.open => Ok(()),
            None => {
                let text = "This tenant is not registered here.";
                Err(Error::new(Kind::TenantRefused, text).because("the tenant has no record"))
            }
        }
    }

    /// Puts other records in force; whether they are others.
    fn replace(&self, new: Records) -> bool {
        let Some(records) = &self.records else { return false };
        let changed = {
            let mut records = records.write().unwrap_or_else(PoisonError::into_inner);
            let changed = *records != new;
            if changed {
                *records = new;
            }
            changed
        };
        if changed {
            self.version.fetch_add(1, Ordering::Release);
        }
        changed
    }

    fn len(&self) -> usize {
        let records = self.records.as_ref();
        records.map_or(0, |all| all.read().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// A copy of all of them, for the file.
    fn all(&self) -> Records {
        let records = self.records.as_ref();
        records.map_or_else(Records::default, |all| {
            all.read().unwrap_or_else(PoisonError::into_inner).clone()
        })
    }
}
