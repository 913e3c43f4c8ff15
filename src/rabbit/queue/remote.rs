//! A classic queue that lives on another node of the cluster, and what that node does for channels
//! elsewhere.

use super::out::{Effect, Out};
use super::{Classic, Command, Moment, Origin, Session};
use crate::kernel::NodeId;
use crate::talk::{Death, QueueId};

/// A classic queue of another node, as the nodes that do not have it know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Remote {
    id: QueueId,
    /// The node that it lives on.
    pub(crate) home: NodeId,
}

impl Remote {
    pub(crate) fn new(id: QueueId, home: NodeId) -> Remote {
        Remote { id, home }
    }

    /// Tells the queue to do something.
    pub(crate) fn append(&self, command: Command, out: &mut Out) {
        out.push(self.id, Effect::Propose(Box::new(command)));
    }
}

impl Classic {
    /// What a channel of another node asks for.
    pub(crate) fn apply(&mut self, command: Command, at: &mut Moment<'_>) {
        let id = self.id();
        match command {
            Command::Enqueue(incoming) => self.publish(incoming, at),
            Command::Settle(handle) => self.acknowledge(&[handle], at),
            Command::SettleAll(handles) => self.acknowledge(&handles, at),
            Command::Discard(handle) => self.reject(&[handle], at),
            Command::DiscardAll(handles) => self.reject(&handles, at),
            Command::Return(handle, why) => self.requeue(&[handle], why, at),
            Command::ReturnAll(handles, why) => self.requeue(&handles, why, at),
            Command::Consume(wanted) => self.consume(&wanted, at),
            Command::Cancel { session, cookie } => self.cancel(session, cookie, at),
            Command::Fetch { session, no_ack } => self.fetch(session, no_ack, at),
            Command::Purge { session } => {
                let messages = self.purge(Death::Purged, at);
                at.out.push(id, Effect::Purged { session, messages });
            }
            Command::Down { session, why, .. } => self.down(session, why, at),
            Command::Count { session } => {
                self.renew_lease(at);
                let (ready, consumers) = (self.ready() as u32, self.consumers().count() as u32);
                at.out.push(id, Effect::Counted { session, ready, consumers });
            }
            // these are said to quorum queues only
            Command::TimeOut { .. }
            | Command::Expire
            | Command::DeadLetterDone { .. }
            | Command::Configure(_) => {}
        }
    }

    /// The sessions that this queue knows.
    pub(crate) fn sessions(&self) -> Vec<Session> {
        let consuming = self.consumers().iter().map(|(_, consumer)| consumer.session);
        let holding = self.held().into_iter().map(|entry| entry.session);
        let mut sessions: Vec<Session> = consuming.chain(holding).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }
}

impl Effect {
    /// The channel that it is for.
    pub(crate) fn session(&self) -> Option<Session> {
        match self {
            Effect::Deliver { session, .. }
            | Effect::Fetched { session, .. }
            | Effect::Consuming { session, .. }
            | Effect::Cancelled { session, .. }
            | Effect::InUse { session }
            | Effect::NoFetch { session }
            | Effect::Purged { session, .. }
            | Effect::Counted { session, .. }
            | Effect::Confirm(Origin::Channel { session, .. })
            | Effect::Refuse(Origin::Channel { session, .. }) => Some(*session),
            Effect::Confirm(_)
            | Effect::Refuse(_)
            | Effect::Discard { .. }
            | Effect::DeadLetter { .. }
            | Effect::Note(_)
            | Effect::Propose(_)
            | Effect::Arm(..)
            | Effect::Disarm(_) => None,
        }
    }
}
