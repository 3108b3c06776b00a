//! Why a client keeps its connection to itself, and whether it may.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use rowhouse_protocol::lasting::{Lasting, lasting};
use rowhouse_tenancy::ids::TenantId;

use crate::error::Error;
use crate::observe::{Event, Observer, Operation};
use crate::pool::{Pin, Pool};

/// What one client has asked to stay.
pub struct Pinning {
    pool: Rc<Pool>,
    /// Whose connections are counted.
    tenant: Option<TenantId>,
    pinned: Cell<bool>,
    /// What was asked for last.
    meant: Cell<Option<Lasting>>,
    pin: RefCell<Option<Pin>>,
}

impl Pinning {
    /// Nothing yet.
    pub fn new(pool: &Rc<Pool>, tenant: Option<TenantId>) -> Rc<Pinning> {
        Rc::new(Pinning {
            pool: Rc::clone(pool),
            tenant,
            pinned: Cell::new(false),
            meant: Cell::new(None),
            pin: RefCell::new(None),
        })
    }

    /// Whether a text may be sent that asks for something to stay.
    pub fn check(&self, sql: &str) -> Result<(), Error> {
        if self.pinned.get() {
            return Ok(());
        }
        self.meant.set(lasting(sql));
        self.tenant.as_ref().map_or(Ok(()), |tenant| self.pool.pins().check(tenant))
    }

    /// The client keeps its connection no more.
    pub fn end(&self) {
        self.pinned.set(false);
        self.pin.replace(None);
    }

    /// The client keeps its connection from now on. Why, the first time.
    pub fn begin(&self, observer: &Observer) -> Option<&'static str> {
        if self.pinned.replace(true) {
            return None;
        }
        let pin = self.tenant.as_ref().map(|tenant| Pin::new(&self.pool, tenant));
        self.pin.replace(pin);
        let reason = self.meant.get().map_or("other", Lasting::as_str);
        observer.emit(&Event::Operation(Operation::Pinned { reason }));
        Some(reason)
    }
}
