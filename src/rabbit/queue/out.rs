//! What queues ask for.

use std::collections::VecDeque;

use super::slab::Handle;
use super::{Command, Origin, Session};
use crate::kernel::Span;
use crate::talk::{Death, Message, Note, QueueId, RabbitTimer};

/// What a queue asks the broker for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    /// Push a message to a consumer.
    Deliver {
        session: Session,
        /// What the session calls the consumer.
        cookie: u32,
        handed: Handed,
    },
    /// Answer `basic.get`; `None` when there was nothing.
    Fetched {
        session: Session,
        handed: Option<Handed>,
        /// Ready messages that are left.
        left: u32,
    },
    /// A consumer is there.
    Consuming {
        session: Session,
        cookie: u32,
    },
    /// A consumer is there no more.
    Cancelled {
        session: Session,
        cookie: u32,
    },
    /// `basic.consume` was refused: the queue is in exclusive use.
    InUse {
        session: Session,
    },
    /// `basic.get` was refused: the queue has a single active consumer.
    NoFetch {
        session: Session,
    },
    /// `queue.purge` is done.
    Purged {
        session: Session,
        messages: u32,
    },
    /// How many messages are ready, and how many consumers there are.
    Counted {
        session: Session,
        ready: u32,
        consumers: u32,
    },
    /// The message is safe.
    Confirm(Origin),
    /// The message was not accepted.
    Refuse(Origin),
    /// A message left the queue without an acknowledgement: dead-letter it, at most once.
    Discard {
        message: Message,
        why: Death,
        /// Its delivery count.
        failed: u16,
        /// Its `x-death` header is the broker's own.
        lettered: bool,
        /// It had been in the queue: not one that was refused at the door.
        stored: bool,
    },
    /// A message is to be dead-lettered and stays until that is confirmed under this ticket.
    DeadLetter {
        message: Message,
        why: Death,
        failed: u16,
        lettered: bool,
        ticket: u64,
    },
    Note(Note),
    /// The queue is not, or not only, on this node: a command for the log that the cluster shares,
    /// or for the node that has the queue.
    Propose(Box<Command>),
    Arm(RabbitTimer, Span),
    Disarm(RabbitTimer),
}

/// A message in the hands of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handed {
    pub(crate) message: Message,
    /// Under which it is settled; meaningless with `no_ack`.
    pub(crate) handle: Handle,
    /// `x-delivery-count`
    pub(crate) count: Option<u32>,
    pub(crate) redelivered: bool,
    pub(crate) no_ack: bool,
}

/// Collects the effects of queues, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Out {
    effects: VecDeque<(QueueId, Effect)>,
}

impl Out {
    pub(crate) fn push(&mut self, queue: QueueId, effect: Effect) {
        self.effects.push_back((queue, effect));
    }

    pub(crate) fn pop(&mut self) -> Option<(QueueId, Effect)> {
        self.effects.pop_front()
    }
}
