//! What an omniscient observer learns. Verdicts, journeys, diagrams and reports read this and the
//! steps, and nothing else.

use super::kafka::KafkaNote;
use super::name::{MessageId, Name, QueueId};
use crate::kernel::NodeId;

/// One thing that happened to a message, a queue or a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Note {
    // ── the application that sends, and its client ──
    /// An application handed a message to its client. This is where a message begins.
    Submitted {
        /// Which.
        msg: MessageId,
        /// The entity it is about; 0 when none.
        key: u32,
    },
    /// The client put a copy on the wire.
    Published {
        /// Which.
        msg: MessageId,
        /// Which publish of it: 0 is the first.
        copy: u16,
    },
    /// The client was told that the broker has it.
    Confirmed {
        /// Which.
        msg: MessageId,
    },
    /// The client was told that the broker refused it (`basic.nack`).
    Refused {
        /// Which.
        msg: MessageId,
    },
    /// The client got it back because no queue was found.
    Returned {
        /// Which.
        msg: MessageId,
    },
    /// The connection went before the client had an answer: it cannot know.
    Unknown {
        /// Which.
        msg: MessageId,
    },
    /// The client will not try again.
    GaveUp {
        /// Which.
        msg: MessageId,
    },

    // ── the broker ──
    /// A queue exists (again).
    QueueDeclared {
        /// Its number.
        queue: QueueId,
        /// Its name.
        name: Name,
    },
    /// A queue was deleted, expired, or did not survive.
    QueueGone {
        /// Its number.
        queue: QueueId,
        /// How.
        why: Gone,
    },
    /// A publish found no queue, and was dropped or returned.
    Unroutable {
        /// Which.
        msg: MessageId,
        /// Which publish of it.
        copy: u16,
    },
    /// A copy was stored in a queue.
    Enqueued {
        /// Which.
        msg: MessageId,
        /// Which publish of it.
        copy: u16,
        /// Where.
        queue: QueueId,
        /// The queue it was dead-lettered from; none when a client published it.
        from: Option<QueueId>,
    },
    /// A queue refused a publish (`reject-publish`).
    Overflowed {
        /// Which.
        msg: MessageId,
        /// Where.
        queue: QueueId,
    },
    /// A queue pushed a message to a consumer, or answered `basic.get`.
    Pushed {
        /// Which.
        msg: MessageId,
        /// From where.
        queue: QueueId,
        /// To whom.
        to: NodeId,
        /// With this flag.
        redelivered: bool,
        /// It needs no acknowledgement: the queue has let go of it.
        no_ack: bool,
    },
    /// A consumer acknowledged it and the queue let go of it.
    Acked {
        /// Which.
        msg: MessageId,
        /// Where.
        queue: QueueId,
    },
    /// It came back into the queue unacknowledged.
    Requeued {
        /// Which.
        msg: MessageId,
        /// Where.
        queue: QueueId,
        /// Why.
        why: Returned,
    },
    /// A quorum queue took it away from its consumers and keeps it until its dead-letter queues
    /// have confirmed it: dead lettering at least once.
    Dying {
        /// Which.
        msg: MessageId,
        /// Where.
        queue: QueueId,
        /// Why.
        why: Death,
    },
    /// It left a queue without an acknowledgement.
    Discarded {
        /// Which.
        msg: MessageId,
        /// From where.
        queue: QueueId,
        /// Why.
        why: Death,
        /// And then.
        then: Fate,
    },
    /// A copy did not survive a stop, a crash or a loss of power.
    Lost {
        /// Which.
        msg: MessageId,
        /// Where it was.
        queue: QueueId,
    },
    /// A copy was there again after a restart.
    Recovered {
        /// Which.
        msg: MessageId,
        /// Where.
        queue: QueueId,
        /// It had been acknowledged before: the acknowledgement was lost.
        resurrected: bool,
    },
    /// A consumer subscribed to a queue (`basic.consume`).
    Subscribed {
        /// Who.
        peer: NodeId,
        /// To which queue.
        queue: QueueId,
    },
    /// It is no longer subscribed: cancelled, or its channel or connection is gone.
    Unsubscribed {
        /// Who.
        peer: NodeId,
        /// From which queue.
        queue: QueueId,
    },
    /// The broker closed a channel because of an error.
    ChannelClosed {
        /// Whose.
        peer: NodeId,
        /// The reply code.
        code: u16,
    },
    /// The broker closed a connection, or found it gone.
    ConnectionClosed {
        /// Whose.
        peer: NodeId,
        /// The reply code; 0 when the connection was simply gone.
        code: u16,
    },
    /// A memory or disk alarm blocks this publisher.
    Blocked {
        /// Whom.
        peer: NodeId,
    },
    /// And lets it go on.
    Unblocked {
        /// Whom.
        peer: NodeId,
    },
    /// A node became leader of a replicated queue.
    Elected {
        /// Of which.
        queue: QueueId,
        /// In which term.
        term: u32,
    },

    // ── the application that receives, and its client ──
    /// A delivery reached a consumer.
    Received {
        /// Which.
        msg: MessageId,
        /// With this flag.
        redelivered: bool,
        /// How often it died before, as its `x-death` header tells the consumer: the sum of all
        /// `count`s, 0 without the header.
        deaths: u16,
    },
    /// The handler began.
    Started {
        /// Which.
        msg: MessageId,
        /// Which attempt, as far as this process can tell: 1 is the first.
        attempt: u16,
    },
    /// The handler failed.
    Failed {
        /// Which.
        msg: MessageId,
        /// Which attempt.
        attempt: u16,
        /// Why.
        why: Failure,
    },
    /// The handler's process killed itself over this message.
    Died {
        /// Which.
        msg: MessageId,
    },
    /// The handler called a downstream service.
    Called {
        /// For which.
        msg: MessageId,
        /// Which service: its place in the list of the scenario.
        service: u16,
    },
    /// An effect took place, in the outside world: where the message counts.
    Effect {
        /// Of which.
        msg: MessageId,
        /// Where: the place of the service in the list of the scenario.
        service: u16,
    },
    /// An effect was asked for again and recognised as a repetition.
    Deduplicated {
        /// Of which.
        msg: MessageId,
        /// Where.
        service: u16,
    },
    /// A service refused or failed a call.
    CallFailed {
        /// For which.
        msg: MessageId,
        /// Which service.
        service: u16,
    },
    /// The consumer sent its answer.
    Settled {
        /// For which.
        msg: MessageId,
        /// Which answer.
        how: Settle,
    },
    /// The consumer published a copy for a later attempt.
    Retried {
        /// Which.
        msg: MessageId,
        /// For which attempt.
        attempt: u16,
    },
    /// The consumer put it aside for people to look at.
    Parked {
        /// Which.
        msg: MessageId,
    },
    /// A server sent the answer to a request.
    Replied {
        /// To which request.
        msg: MessageId,
    },
    /// The answer to a request reached who asked.
    Answered {
        /// To which request.
        msg: MessageId,
        /// Whoever asked had stopped waiting for it.
        late: bool,
    },
    /// A client (re)connected.
    Connected {
        /// To which broker.
        to: NodeId,
    },
    /// A client found its connection or channel gone.
    Disconnected {
        /// From which broker.
        from: NodeId,
    },

    /// Something happened in Kafka.
    Kafka(KafkaNote),
}

/// Matches a note by whether it is about a message: the one list of which are.
macro_rules! about {
    ($note:expr, $msg:ident => $about:expr, $else:expr) => {
        match $note {
            Note::Submitted { $msg, .. }
            | Note::Published { $msg, .. }
            | Note::Confirmed { $msg, .. }
            | Note::Refused { $msg, .. }
            | Note::Returned { $msg, .. }
            | Note::Unknown { $msg, .. }
            | Note::GaveUp { $msg, .. }
            | Note::Unroutable { $msg, .. }
            | Note::Enqueued { $msg, .. }
            | Note::Overflowed { $msg, .. }
            | Note::Pushed { $msg, .. }
            | Note::Acked { $msg, .. }
            | Note::Requeued { $msg, .. }
            | Note::Dying { $msg, .. }
            | Note::Discarded { $msg, .. }
            | Note::Lost { $msg, .. }
            | Note::Recovered { $msg, .. }
            | Note::Received { $msg, .. }
            | Note::Started { $msg, .. }
            | Note::Failed { $msg, .. }
            | Note::Died { $msg, .. }
            | Note::Called { $msg, .. }
            | Note::Effect { $msg, .. }
            | Note::Deduplicated { $msg, .. }
            | Note::CallFailed { $msg, .. }
            | Note::Settled { $msg, .. }
            | Note::Retried { $msg, .. }
            | Note::Parked { $msg, .. }
            | Note::Replied { $msg, .. }
            | Note::Answered { $msg, .. } => $about,
            Note::QueueDeclared { .. }
            | Note::QueueGone { .. }
            | Note::Subscribed { .. }
            | Note::Unsubscribed { .. }
            | Note::ChannelClosed { .. }
            | Note::ConnectionClosed { .. }
            | Note::Blocked { .. }
            | Note::Unblocked { .. }
            | Note::Elected { .. }
            | Note::Connected { .. }
            | Note::Disconnected { .. }
            | Note::Kafka(_) => $else,
        }
    };
}

impl Note {
    /// The name of this kind of note, as scenarios and reports write it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Note::Submitted { .. } => "submitted",
            Note::Published { .. } => "published",
            Note::Confirmed { .. } => "confirmed",
            Note::Refused { .. } => "refused",
            Note::Returned { .. } => "returned",
            Note::Unknown { .. } => "unknown",
            Note::GaveUp { .. } => "gave-up",
            Note::QueueDeclared { .. } => "queue-declared",
            Note::QueueGone { .. } => "queue-gone",
            Note::Unroutable { .. } => "unroutable",
            Note::Enqueued { .. } => "enqueued",
            Note::Overflowed { .. } => "overflowed",
            Note::Pushed { .. } => "pushed",
            Note::Acked { .. } => "acked",
            Note::Requeued { .. } => "requeued",
            Note::Dying { .. } => "dying",
            Note::Discarded { .. } => "discarded",
            Note::Lost { .. } => "lost",
            Note::Recovered { .. } => "recovered",
            Note::Subscribed { .. } => "subscribed",
            Note::Unsubscribed { .. } => "unsubscribed",
            Note::ChannelClosed { .. } => "channel-closed",
            Note::ConnectionClosed { .. } => "connection-closed",
            Note::Blocked { .. } => "blocked",
            Note::Unblocked { .. } => "unblocked",
            Note::Elected { .. } => "elected",
            Note::Received { .. } => "received",
            Note::Started { .. } => "started",
            Note::Failed { .. } => "failed",
            Note::Died { .. } => "died",
            Note::Called { .. } => "called",
            Note::Effect { .. } => "effect",
            Note::Deduplicated { .. } => "deduplicated",
            Note::CallFailed { .. } => "call-failed",
            Note::Settled { .. } => "settled",
            Note::Retried { .. } => "retried",
            Note::Parked { .. } => "parked",
            Note::Replied { .. } => "replied",
            Note::Answered { .. } => "answered",
            Note::Connected { .. } => "connected",
            Note::Disconnected { .. } => "disconnected",
            Note::Kafka(note) => note.kind(),
        }
    }

    /// The message that it is about, if it is about one.
    pub const fn msg(&self) -> Option<MessageId> {
        match self {
            Note::Kafka(note) => note.msg(),
            _ => about!(self, msg => Some(*msg), None),
        }
    }

    /// The same note about another message; nothing changes when it is about none.
    pub(super) fn about(mut self, other: MessageId) -> Note {
        if let Note::Kafka(note) = self {
            return Note::Kafka(note.about(other));
        }
        about!(&mut self, msg => *msg = other, {});
        self
    }
}

/// How a consumer settles a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Settle {
    Ack,
    NackRequeue,
    NackDiscard,
    RejectRequeue,
    RejectDiscard,
}

/// Why a handler failed. Only an omniscient observer can tell these apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// The message is poison: it fails every time.
    Poison,
    /// It fails some times and then succeeds.
    Flaky,
    /// A downstream service was out or refused the call; the message itself is healthy.
    Downstream,
}

/// Why a message came back into its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Returned {
    /// `basic.nack` or `basic.recover` with requeue.
    Nack,
    /// `basic.reject` with requeue.
    Reject,
    /// Its channel was closed.
    Channel,
    /// Its connection was lost.
    Connection,
    /// The delivery acknowledgement timeout.
    Timeout,
}

/// Why a message left its queue without an acknowledgement. The first four are the reasons of the
/// `x-death` header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Death {
    /// `rejected`: nack or reject without requeue.
    Rejected,
    /// `expired`: its time to live was over.
    Expired,
    /// `maxlen`: the queue was too long.
    Maxlen,
    /// `delivery_limit`: it was returned too often.
    DeliveryLimit,
    /// The queue was deleted.
    QueueDeleted,
    /// The queue was unused for `x-expires`.
    QueueExpired,
    /// The queue was purged.
    Purged,
}

impl Death {
    /// The reason as the `x-death` header writes it; `None` for ends that are never dead-lettered.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Death::Rejected => Some("rejected"),
            Death::Expired => Some("expired"),
            Death::Maxlen => Some("maxlen"),
            Death::DeliveryLimit => Some("delivery_limit"),
            Death::QueueDeleted | Death::QueueExpired | Death::Purged => None,
        }
    }
}

/// What became of a message that left its queue without an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It was routed to at least one queue.
    DeadLettered,
    /// The queue has no dead-letter exchange, or this end is never dead-lettered.
    NoDeadLetterExchange,
    /// The dead-letter exchange does not exist or routes to no queue.
    Unroutable,
    /// It would have gone round in an automatic cycle.
    Cycle,
    /// The dead-letter queue was full and refused it.
    TargetFull,
}

/// How a queue came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gone {
    /// `queue.delete`.
    Deleted,
    /// Unused for `x-expires`.
    Expired,
    /// The connection of an exclusive queue, or the last consumer of an auto-delete queue, went.
    Automatic,
    /// It was not durable, and the broker stopped.
    Restart,
}
