//! What is counted of clients of the PostgreSQL door: what they do, why they keep connections, how
//! long they wait for them.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::SECONDS;
use crate::observe::Operation;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PinLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    outcome: &'static str,
}

/// Figures of the PostgreSQL door.
pub struct WireMetrics {
    clients: Family<StateLabels, Gauge<i64, AtomicI64>>,
    pins: Family<PinLabels, Counter>,
    waits: Histogram,
    cancels: Counter,
    commands: Family<CommandLabels, Counter>,
    paused: Gauge<i64, AtomicI64>,
}

impl WireMetrics {
    /// All at zero.
    pub fn register(r: &mut Registry) -> WireMetrics {
        let metrics = WireMetrics {
            clients: Family::default(),
            pins: Family::default(),
            waits: Histogram::new(SECONDS),
            cancels: Counter::default(),
            commands: Family::default(),
            paused: Gauge::default(),
        };
        r.register(
            "wire_clients",
            "Clients of the PostgreSQL door by state; a second old at most",
            metrics.clients.clone(),
        );
        r.register(
            "wire_pins",
            "Clients of the PostgreSQL door that began to keep a connection, by what is to stay",
            metrics.pins.clone(),
        );
        r.register(
            "wire_wait_seconds",
            "Time clients of the PostgreSQL door waited for a connection, where none was free",
            metrics.waits.clone(),
        );
        r.register(
            "wire_cancels",
            "Requests to cancel that PostgreSQL was sent for clients of the PostgreSQL door",
            metrics.cancels.clone(),
        );
        r.register(
            "console_commands",
            "Commands that operators gave at the console, done or refused",
            metrics.commands.clone(),
        );
        r.register("paused_databases", "Databases that are paused", metrics.paused.clone());
        metrics
    }

    /// Counts one.
    pub fn count(&self, operation: &Operation<'_>) {
        match operation {
            Operation::ClientStates { state, change } => {
                self.clients.get_or_create(&StateLabels { state }).inc_by(*change);
            }
            Operation::Pinned { reason } => {
                self.pins.get_or_create(&PinLabels { reason }).inc();
            }
            Operation::Cancelled => {
                self.cancels.inc();
            }
            Operation::Waited { long } => self.waits.observe(long.as_secs_f64()),
            Operation::Commanded { error, .. } => {
                let outcome = if error.is_some() { "refused" } else { "done" };
                self.commands.get_or_create(&CommandLabels { outcome }).inc();
            }
            Operation::Paused { databases } => {
                self.paused.set(i64::try_from(*databases).unwrap_or(i64::MAX));
            }
        }
    }
}
