//! The way to other shards: to their transactions, and for what operators order.
//!
//! A caller's next request may arrive on any shard; the transaction's connection stays where it is.
//! Only requests inside explicit transactions and orders take this way: a bounded queue for each
//! shard, never the hot path.

use std::rc::Rc;

use rowhouse_tenancy::principal::Principal;
use tokio::sync::{mpsc, oneshot};

use super::inside::Work;
use super::orders::{Controls, Order, Report};
use super::transaction::{Ending, not_found};
use super::transaction_id::{TransactionKey, encode};
use super::{Outcome, Session, Target};
use crate::error::{Error, Kind};

/// Requests that may wait for one shard; each is a client that waits for its answer.
const INBOX_MAX: usize = 1024;

/// Work on a transaction of another shard.
pub enum PeerWork {
    /// Statements.
    Run(Work, oneshot::Sender<Result<Vec<Outcome>, Error>>),
    /// Commit or roll back.
    End(Ending, oneshot::Sender<Result<(), Error>>),
}

/// What one shard wants of another.
enum Message {
    /// A caller's request.
    Request(PeerRequest),
    /// An operator's order.
    Order(Order, oneshot::Sender<Report>),
}

/// A request to another shard.
pub struct PeerRequest {
    pub(super) principal: Principal,
    pub(super) target: Target,
    pub(super) key: TransactionKey,
    pub(super) work: PeerWork,
}

/// What a shard receives from the others.
pub struct Inbox(mpsc::Receiver<Message>);

/// The inboxes of all shards, to send to, and what operators have said to all of them.
#[derive(Clone)]
pub struct Peers {
    senders: Vec<mpsc::Sender<Message>>,
    controls: Controls,
}

impl Peers {
    /// Inboxes for `count` shards.
    pub fn connect(count: usize, controls: Controls) -> (Peers, Vec<Inbox>) {
        let mut senders = Vec::with_capacity(count);
        let mut inboxes = Vec::with_capacity(count);
        for _ in 0..count {
            let (sender, receiver) = mpsc::channel(INBOX_MAX);
            senders.push(sender);
            inboxes.push(Inbox(receiver));
        }
        (Peers { senders, controls }, inboxes)
    }

    pub(super) fn send(&self, shard: usize, request: PeerRequest) -> Result<(), Error> {
        let Some(sender) = self.senders.get(shard) else {
            let id = encode(shard, &request.key);
            return Err(not_found(&id, "Transaction may be expired."));
        };
        sender.try_send(Message::Request(request)).map_err(|_| full())
    }

    /// What operators have said of databases.
    pub(super) fn controls(&self) -> &Controls {
        &self.controls
    }

    /// How many shards there are.
    pub(super) fn count(&self) -> usize {
        self.senders.len()
    }

    pub(super) fn order(
        &self,
        shard: usize,
        order: Order,
        answer: oneshot::Sender<Report>,
    ) -> Result<(), Error> {
        let sender = self.senders.get(shard).ok_or_else(full)?;
        sender.try_send(Message::Order(order, answer)).map_err(|_| full())
    }
}

/// Serves the requests of other shards for as long as the shard lives.
pub async fn serve(session: Rc<Session>, mut inbox: Inbox) {
    while let Some(message) = inbox.0.recv().await {
        let request = match message {
            Message::Request(request) => request,
            Message::Order(order, answer) => {
                // An operator who has left gets no answer, and what was ordered is done.
                let _ = answer.send(session.obey(&order));
                continue;
            }
        };
        let session = Rc::clone(&session);
        tokio::task::spawn_local(async move {
            let PeerRequest { principal, target, key, work } = request;
            // A receiver that is gone is a caller that left.
            match work {
                PeerWork::Run(work, answer) => {
                    let ran = session.run_here(&principal, &target, &key, work).await;
                    let _ = answer.send(ran);
                }
                PeerWork::End(ending, answer) => {
                    let _ = answer.send(session.end_here(&principal, &target, &key, ending).await);
                }
            }
        });
    }
}

fn full() -> Error {
    Error::new(Kind::Overloaded, "The service is busy. Try again.")
        .because("a shard's inbox is full or closed")
}
