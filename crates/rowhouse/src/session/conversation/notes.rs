//! What a conversation leaves for those who look after the gateway: its state, its figures.

use std::time::Duration;

use tokio::time::Instant;

use super::{Conversation, Sums, micros};
use crate::observe::{Event, Operation};

/// What takes less was no wait.
const WAIT_MIN: Duration = Duration::from_millis(1);

impl Conversation {
    /// It has a connection.
    pub(super) fn note_connection(&self) {
        let Some(server) = &self.server else { return };
        let card = self.presence.card();
        server.lease.note_client(card.number);
        self.presence.serve(server.taken.backend().pid);
        self.tally.add(Sums { assignments: 1, ..Sums::default() });
    }

    /// It has waited for so long, with success or without.
    pub(super) fn note_wait(&self, waited: Duration) {
        self.tally.add(Sums { wait_us: micros(waited), ..Sums::default() });
        if waited >= WAIT_MIN {
            self.session.observer.emit(&Event::Operation(Operation::Waited { long: waited }));
        }
    }

    /// What it has just said may mean that its connection stays with it.
    pub(super) fn note_pin(&self) {
        if self.dialogue.pinned
            && let Some(reason) = self.pinning.begin(&self.session.observer)
        {
            self.presence.pin(reason);
        }
    }

    /// It has been answered what it began to ask then.
    pub(super) fn note_answer(&mut self, asked_at: Instant, received: usize, sent: usize) {
        self.cancelling.note_answer();
        let mut sums = Sums {
            queries: 1,
            query_us: micros(asked_at.elapsed()),
            received: received as u64,
            sent: sent as u64,
            ..Sums::default()
        };
        let began_at = *self.began_at.get_or_insert(asked_at);
        if !self.dialogue.is_in_transaction() {
            self.began_at = None;
            sums.transactions = 1;
            sums.transaction_us = micros(began_at.elapsed());
        }
        self.tally.add(sums);
        let card = self.presence.card();
        card.requested_at.set(asked_at);
        card.prepared.set(self.dialogue.prepared_count());
    }
}
