//! What all trials share: one `rowhouse dev` with its cluster, and gateways in front of that
//! cluster.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use rustix::process::Pid;

use crate::folder::Folder;
use crate::gateway::Gateway;
use crate::person::Person;
use crate::postgres::Cluster;
use crate::process::is_running;
use crate::schema;
use crate::sealed::Stage;

/// Started when somebody needs it.
pub struct Stand {
    dev: OnceLock<Dev>,
    gateways: Mutex<HashMap<String, Arc<Gateway>>>,
    sealed: OnceLock<Stage>,
}

/// A running `rowhouse dev`.
pub struct Dev {
    /// The gateway of it.
    pub gateway: Gateway,
    /// The PostgreSQL of it.
    pub cluster: Cluster,
    postmaster: Pid,
    /// Its data directory.
    pub directory: Folder,
}

impl Stand {
    /// Nothing runs yet.
    pub fn new() -> Stand {
        Stand { dev: OnceLock::new(), gateways: Mutex::default(), sealed: OnceLock::new() }
    }

    /// The `rowhouse dev` of all trials, with the trials' own data beside the demo data.
    pub fn dev(&self) -> &Dev {
        self.dev.get_or_init(|| {
            let directory = Folder::new("data");
            let gateway = Gateway::dev(directory.path());
            let cluster = Cluster::of(directory.path());
            let postmaster = cluster.postmaster().unwrap();
            schema::make(&cluster.address);
            Dev { gateway, cluster, postmaster, directory }
        })
    }

    /// The PostgreSQL of all trials but those that kill theirs.
    pub fn cluster(&self) -> &Cluster {
        &self.dev().cluster
    }

    /// A gateway that trials share, by name; it is started when the first of them asks.
    pub fn gateway(&self, name: &str, settings: &[(&str, &str)]) -> Arc<Gateway> {
        let address = &self.cluster().address;
        self.gateway_of(name, || Gateway::serve(address, settings))
    }

    /// The same for one that is started in a way of its own.
    pub fn gateway_of(&self, name: &str, start: impl FnOnce() -> Gateway) -> Arc<Gateway> {
        let mut gateways = self.gateways.lock().unwrap_or_else(|broken| broken.into_inner());
        let gateway = gateways.entry(name.to_owned()).or_insert_with(|| Arc::new(start()));
        Arc::clone(gateway)
    }

    /// The sealed database of all trials, and its gateway.
    pub fn sealed(&self) -> &Stage {
        self.sealed.get_or_init(|| Stage::new(&self.cluster().address))
    }

    /// The next who asks for this gateway gets a new one.
    pub fn replace(&self, name: &str) {
        let mut gateways = self.gateways.lock().unwrap_or_else(|broken| broken.into_inner());
        gateways.remove(name);
    }

    /// The gateway of all trials that need nothing special: two shards, whatever the machine has.
    pub fn main(&self) -> Arc<Gateway> {
        self.gateway("main", &[("POOL__SHARDS", "2")])
    }

    /// Somebody with a token for a tenant.
    pub fn tenant(&self, tenant: &str) -> Person {
        self.main().tenant(tenant)
    }

    /// The application, which picks the tenant itself.
    pub fn app(&self) -> Person {
        self.main().app()
    }

    /// The administrator, as superuser.
    pub fn admin(&self) -> Person {
        self.main().admin()
    }

    /// Stops everything in good order, and looks that nothing is left.
    pub fn stop(self: Arc<Self>) -> Result<(), String> {
        let mut left = Vec::new();
        let gateways = std::mem::take(&mut *self.gateways.lock().map_err(|e| e.to_string())?);
        for (name, gateway) in gateways {
            match Arc::into_inner(gateway) {
                Some(mut gateway) => {
                    note_badly_ended(&mut left, &format!("the gateway {name}"), &mut gateway);
                }
                None => left.push(format!("the gateway {name} is still in use")),
            }
        }
        let stand = Arc::into_inner(self).ok_or("a trial still holds the stand")?;
        if let Some(mut stage) = stand.sealed.into_inner() {
            note_badly_ended(&mut left, "the sealed gateway", &mut stage.gateway);
        }
        if let Some(mut dev) = stand.dev.into_inner() {
            note_badly_ended(&mut left, "rowhouse dev", &mut dev.gateway);
            if dev.cluster.postmaster().is_some() || is_running(dev.postmaster) {
                left.push("its PostgreSQL still runs".to_owned());
            }
        }
        if left.is_empty() { Ok(()) } else { Err(left.join("; ")) }
    }
}

fn note_badly_ended(left: &mut Vec<String>, name: &str, gateway: &mut Gateway) {
    let status = gateway.process.stop();
    if !status.success() {
        left.push(format!("{name} ended with {status}:\n{}", gateway.process.last_lines()));
    }
}
