//! What becomes of what was counted, in numbers.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Event;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TroubleLabels {
    part: &'static str,
}

/// Metrics of the journal and the ledger.
#[derive(Default)]
pub struct UsageMetrics {
    folded: Counter,
    in_doubt: Counter,
    journal_bytes: Gauge<i64, AtomicI64>,
    troubles: Family<TroubleLabels, Counter>,
}

impl UsageMetrics {
    /// Puts them among the others.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "usage_answers_folded",
            "Answers of the journal that were added up in PostgreSQL",
            self.folded.clone(),
        );
        registry.register(
            "usage_answers_in_doubt",
            "Answers that a killed gateway had counted and perhaps not sent",
            self.in_doubt.clone(),
        );
        registry.register(
            "usage_journal_bytes",
            "Bytes of the journal of usage",
            self.journal_bytes.clone(),
        );
        registry.register(
            "usage_troubles",
            "Times that usage was not kept as it should be: journal, fold or events",
            self.troubles.clone(),
        );
    }

    /// Counts an event.
    pub fn count(&self, event: &Event<'_>) {
        match event {
            Event::Folded { answers, in_doubt, bytes, .. } => {
                self.folded.inc_by(*answers);
                self.in_doubt.inc_by(*in_doubt);
                self.journal_bytes.set(i64::try_from(*bytes).unwrap_or(i64::MAX));
            }
            Event::UsageTrouble { part, .. } => {
                self.troubles.get_or_create(&TroubleLabels { part }).inc();
            }
            _ => {}
        }
    }
}
