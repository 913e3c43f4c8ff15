//! Queues as state machines: commands come in, [`Effect`]s go out.
//!
//! A queue knows messages, consumers and sessions (channels, to the rest of the broker), but
//! neither names nor connections. That keeps it testable alone, and allows a quorum queue to be put
//! behind a replicated log.

mod classic;
mod consumers;
mod disk;
mod leveled;
mod log;
mod out;
mod quorum;
mod remote;
mod settings;
mod slab;
mod stream;

pub(crate) use classic::{Classic, Moment};
pub(crate) use consumers::{Consumer, Consumers, Subscription, Windows};
pub(crate) use log::{Command, Logged};
pub(crate) use out::{Effect, Handed, Out};
pub(crate) use remote::Remote;
pub(crate) use settings::Settings;
pub(crate) use slab::{Entry, Handle};
pub(crate) use stream::{Offset, Stream};

use crate::kernel::Span;
use crate::talk::{Message, QueueId};

/// A channel as queues know it. Slots are used again; the generation tells the users apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Session {
    pub(crate) slot: u16,
    pub(crate) generation: u16,
}

/// Who wants to know what becomes of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Origin {
    /// Nobody.
    Unconfirmed,
    /// The channel that published it, under this sequence number.
    Channel { session: Session, seq: u64 },
    /// At-least-once dead lettering from `source` to `target`; `ticket` is its name for the message.
    DeadLetter { source: QueueId, target: QueueId, ticket: u64 },
}

impl Origin {
    /// Whether anybody waits for the message to be safe.
    pub(crate) const fn waits(self) -> bool {
        !matches!(self, Origin::Unconfirmed)
    }
}

/// A message on its way into a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Incoming {
    pub(crate) message: Message,
    /// The message's own time to live.
    pub(crate) ttl: Option<Span>,
    pub(crate) origin: Origin,
    /// The queue that dead-lettered it.
    pub(crate) from: Option<QueueId>,
    /// The delivery count that it brings along (`Profile::dead_letter_keeps_delivery_count`).
    pub(crate) inherited: u16,
}

/// A queue of any type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    Classic(Box<Classic>),
    /// A classic queue of another node.
    Remote(Remote),
    Quorum(Box<Logged>),
    Stream(Box<Stream>),
}
