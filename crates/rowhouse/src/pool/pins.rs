//! Connections that clients of the PostgreSQL door keep to themselves, and how many of them tenants
//! may have: who keeps one takes it from all others for as long as it likes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::RandomState;
use rowhouse_tenancy::ids::TenantId;

use super::Pool;
use crate::config;
use crate::error::{Error, Kind};

/// Of every so many connections, tenants together leave one to those who keep none.
const LEFT_OF: usize = 4;

/// How many each tenant has.
pub struct Pins {
    tenants: RefCell<HashMap<TenantId, usize, RandomState>>,
    total: Cell<usize>,
    tenant_max: usize,
    total_max: usize,
}

/// One that a tenant keeps, until it is dropped.
pub struct Pin {
    pool: Rc<Pool>,
    tenant: TenantId,
}

impl Pins {
    /// Nobody has one.
    pub fn new(settings: &config::Pool) -> Pins {
        let connections = settings.wire_connections;
        Pins {
            tenants: RefCell::default(),
            total: Cell::new(0),
            tenant_max: settings.pinned_per_tenant_max,
            total_max: (connections - connections.div_ceil(LEFT_OF)).max(1),
        }
    }

    /// Whether a tenant may keep one more.
    pub fn check(&self, tenant: &TenantId) -> Result<(), Error> {
        let own = self.tenants.borrow().get(tenant).copied().unwrap_or(0);
        if own >= self.tenant_max {
            let text = "too many clients of this tenant keep a connection to themselves (SET, \
                        temporary tables, LISTEN and the like); use SET LOCAL, or end another \
                        session";
            let cause = "pool.pinned_per_tenant_max is reached";
            return Err(Error::new(Kind::LimitReached, text).because(cause));
        }
        if self.total.get() >= self.total_max {
            let text = "too many clients keep a connection to themselves (SET, temporary tables, \
                        LISTEN and the like); use SET LOCAL, or try again later";
            let cause = "the share of pool.wire_connections that tenants may pin is used up";
            return Err(Error::new(Kind::LimitReached, text).because(cause));
        }
        Ok(())
    }
}

impl Pin {
    /// A tenant keeps one from now on.
    pub fn new(pool: &Rc<Pool>, tenant: &TenantId) -> Pin {
        let pins = pool.pins();
        *pins.tenants.borrow_mut().entry(tenant.clone()).or_default() += 1;
        pins.total.set(pins.total.get() + 1);
        Pin { pool: Rc::clone(pool), tenant: tenant.clone() }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let pins = self.pool.pins();
        pins.total.set(pins.total.get().saturating_sub(1));
        let mut tenants = pins.tenants.borrow_mut();
        if let Some(own) = tenants.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }
}
