//! What the nodes of a system say to each other, and what an observer is told.

pub mod amqp;
mod constant;
pub mod kafka;
pub mod message;
pub mod name;
pub mod note;
mod parcel;
pub mod rate;
mod store;
pub mod trace;

pub use amqp::{
    Bind, ChannelNo, Consume, Delivery, Done, ExchangeDeclare, Frame, Method, QueueDeclare, Reply,
    Request,
};
pub use constant::Constant;
pub use kafka::KafkaNote;
pub use message::{Headers, Message, Properties, Publication, Value};
pub use name::{MessageId, Name, QueueId};
pub use note::{Death, Failure, Fate, Gone, Note, Returned, Settle};
pub use parcel::Parcel;
pub use rate::Rate;
pub use store::{StoreCall, StoreCommand, StoreKey, Stored};
pub use trace::Trace;

use crate::kernel::{NodeId, Talk};

/// The words of this simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mq;

impl Talk for Mq {
    type Msg = Msg;
    type Timer = Timer;
    type Note = Note;
    type Order = Order;
    type Cue = Cue;

    fn matches(cue: &mut Cue, node: NodeId, note: &Note) -> bool {
        cue.matches(node, note)
    }
}

/// What one node can send another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Msg {
    /// From an AMQP client to a broker.
    Request(Request),
    /// From a broker to an AMQP client.
    Reply(Reply),
    /// Between the nodes of a RabbitMQ cluster, or between Kafka's brokers and controllers.
    Cluster(Parcel),
    /// From a Kafka client, or a broker that acts as one, to a broker.
    KafkaRequest(Box<kafka::Request>),
    /// From a Kafka broker.
    KafkaResponse(Box<kafka::Response>),
    /// From a handler to a downstream service.
    Call {
        /// For which message.
        msg: MessageId,
        /// Which call of this client, so that the answer finds its handler.
        call: u32,
    },
    /// The answer.
    CallDone {
        /// Which call.
        call: u32,
        /// Whether the effect took place (or had already).
        ok: bool,
    },
    /// From a handler to a store that remembers keys: a Redis, or a table of a database.
    Store(StoreCall),
    /// The answer.
    StoreDone {
        /// Which call.
        call: u32,
        /// What it says.
        answer: Stored,
    },
}

/// The timers of all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// A RabbitMQ broker's.
    Rabbit(RabbitTimer),
    /// A client's.
    Client(ClientTimer),
    /// A downstream service finishes the call with this number.
    Service(u64),
    /// A Kafka broker's or controller's.
    Kafka(KafkaTimer),
    /// A Kafka client's.
    KafkaClient(KafkaClientTimer),
}

impl Timer {
    /// The timer without the number that counts up in its name, and that number, if it has one.
    pub(crate) const fn split(self) -> (Timer, Option<u64>) {
        match self {
            Timer::Service(n) => (Timer::Service(0), Some(n)),
            Timer::Kafka(KafkaTimer::Delayed(n)) => (Timer::Kafka(KafkaTimer::Delayed(0)), Some(n)),
            Timer::KafkaClient(KafkaClientTimer::Handler(n)) => {
                (Timer::KafkaClient(KafkaClientTimer::Handler(0)), Some(n))
            }
            Timer::KafkaClient(KafkaClientTimer::Request(n)) => {
                (Timer::KafkaClient(KafkaClientTimer::Request(0)), Some(n))
            }
            Timer::Client(ClientTimer::Handler(n)) => {
                (Timer::Client(ClientTimer::Handler(0)), Some(n))
            }
            Timer::Client(ClientTimer::ConfirmTimeout(n)) => {
                (Timer::Client(ClientTimer::ConfirmTimeout(0)), Some(n))
            }
            Timer::Client(ClientTimer::ReplyTimeout(n)) => {
                (Timer::Client(ClientTimer::ReplyTimeout(0)), Some(n))
            }
            other => (other, None),
        }
    }

    /// The opposite of [`Timer::split`].
    pub(crate) const fn numbered(self, n: u64) -> Timer {
        match self {
            Timer::Service(_) => Timer::Service(n),
            Timer::Kafka(KafkaTimer::Delayed(_)) => Timer::Kafka(KafkaTimer::Delayed(n)),
            Timer::KafkaClient(KafkaClientTimer::Handler(_)) => {
                Timer::KafkaClient(KafkaClientTimer::Handler(n))
            }
            Timer::KafkaClient(KafkaClientTimer::Request(_)) => {
                Timer::KafkaClient(KafkaClientTimer::Request(n))
            }
            Timer::Client(ClientTimer::Handler(_)) => Timer::Client(ClientTimer::Handler(n)),
            Timer::Client(ClientTimer::ConfirmTimeout(_)) => {
                Timer::Client(ClientTimer::ConfirmTimeout(n))
            }
            Timer::Client(ClientTimer::ReplyTimeout(_)) => {
                Timer::Client(ClientTimer::ReplyTimeout(n))
            }
            other => other,
        }
    }
}

/// The timers of a RabbitMQ node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RabbitTimer {
    /// What a queue has in memory is written and confirmed.
    Flush(QueueId),
    /// The message at the head of a queue expires.
    Expire(QueueId),
    /// The lease of `x-expires` ends.
    Lease(QueueId),
    /// The periodic tick of a quorum queue (`quorum_tick_interval`).
    QuorumTick(QueueId),
    /// The periodic tick of channels: delivery acknowledgement timeouts.
    ChannelTick,
    /// A heartbeat is due to this peer, or missing from it.
    Heartbeat(NodeId),
    /// At-least-once dead lettering tries again what was not confirmed.
    DeadLetterRetry(QueueId),
    /// A member of a cluster has synced its log.
    ClusterSync,
    /// A member of a cluster that has no leader calls an election.
    ClusterElection,
    /// The members of a cluster let each other know that they are there.
    ClusterTick,
}

/// The timers of Kafka's brokers and controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaTimer {
    /// A request that waits in a purgatory has waited long enough.
    Delayed(u64),
    /// A follower fetches from this leader again after an error.
    Fetch(NodeId),
    /// A leader looks for followers that fell behind (`replica.lag.time.max.ms` / 2).
    IsrScan,
    /// `log.retention.check.interval.ms`.
    Retention,
    /// `log.cleaner.backoff.ms`.
    Clean,
    /// `flush.ms` of a partition.
    Flush(kafka::TopicPartition),
    /// `broker.heartbeat.interval.ms`.
    BrokerHeartbeat,
    /// The controller has not heard from this broker for `broker.session.timeout.ms`.
    BrokerSession(NodeId),
    /// `leader.imbalance.check.interval.seconds`.
    Imbalance,
    /// A controller has not heard from the active one.
    Election,
    /// Controllers let each other know that they are there.
    ControllerTick,
    /// A controller has synced its log.
    ControllerSync,
    /// The join phase of a group ends: the initial delay, or the rebalance timeout.
    Join(kafka::GroupId),
    /// Members of a group that have not synced are removed.
    Sync(kafka::GroupId),
    /// The session of a member ends. The number is the member's place in its group.
    Session(kafka::GroupId, u16),
    /// A member takes too long to revoke (KIP-848), or a pending member to join.
    Member(kafka::GroupId, u16),
    /// `offsets.retention.check.interval.ms`.
    OffsetRetention,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    TxnScan,
    /// Markers that were not written are sent again.
    TxnMarkers(kafka::TxnId),
    /// Acquisition locks of a share group's partition.
    Lock(kafka::GroupId, kafka::TopicPartition),
}

/// The timers of Kafka's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaClientTimer {
    /// The next message of a producer is due.
    Send,
    /// A batch has lingered, or backed off, long enough.
    Ready,
    /// No answer to the request with this number.
    Request(u64),
    /// The handler of this delivery is done with its present stage.
    Handler(u64),
    /// A heartbeat to the coordinator of the group is due.
    Heartbeat,
    /// The poll loop goes on, after a pause or a back-off.
    Poll,
    /// `auto.commit.interval.ms`.
    AutoCommit,
    /// `max.poll.interval.ms` has passed since the last poll.
    MaxPoll,
    /// A fetcher of KafkaJS for this broker has slept.
    Fetch(NodeId),
    /// Metadata is asked for again.
    Metadata,
    /// Connect to this broker again.
    Reconnect(NodeId),
    /// A batch is too old (`delivery.timeout.ms`).
    Delivery,
    /// A process that crashed, or a consumer that restarts itself, starts again.
    Respawn,
    /// A transaction is committed.
    Commit,
}

/// The timers of clients and applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientTimer {
    /// The next message of a producer is due.
    Send,
    /// No answer for this publish so far.
    ConfirmTimeout(u64),
    /// The handler of this delivery is done with its present stage.
    Handler(u64),
    /// Messages that were refused or returned are sent again.
    Resend,
    /// No answer to this request so far.
    ReplyTimeout(u64),
    /// The broker has not answered an attempt to connect.
    ConnectTimeout,
    /// Connect again.
    Reconnect,
    /// A supervisor starts the process again that killed itself.
    Respawn,
    /// A heartbeat is due or missing.
    Heartbeat,
}

/// What an operator, or the world outside, can tell a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// A memory or disk alarm goes on or off.
    Alarm(bool),
    /// Set a policy (or remove it, when there is none).
    Policy(Box<Policy>),
    /// A downstream service goes out, or comes back.
    Outage(bool),
    /// A client joins: it connects and works.
    Join,
    /// A client leaves in an orderly way.
    Leave,
    /// An operator of a Kafka cluster speaks.
    Kafka(KafkaOrder),
}

/// What an operator of a Kafka cluster, or of its clients, can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaOrder {
    /// Give a topic more partitions (to a controller).
    CreatePartitions {
        /// Which topic.
        topic: kafka::TopicId,
        /// How many it has then.
        count: u16,
    },
    /// Elect a leader that may lack committed records (to a controller).
    ElectUnclean(kafka::TopicPartition),
    /// Delete all records below an offset (to a broker).
    DeleteRecords {
        /// Of which partition.
        at: kafka::TopicPartition,
        /// Up to where; `None` is the high watermark.
        before: Option<kafka::Offset>,
    },
    /// Move a consumer's position on all its partitions (to a consumer).
    Seek(SeekTo),
    /// Stop fetching, and go on (to a consumer).
    PauseFetching(bool),
}

/// Where a consumer's position is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SeekTo {
    /// The start of the log.
    Beginning,
    /// The end of the log.
    End,
    /// This offset.
    Offset(kafka::Offset),
    /// The first record that is not older than this.
    Time(crate::kernel::Time),
}

/// A RabbitMQ policy: arguments for the queues whose names match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// The pattern, a regular expression of the subset `^`, `$`, `.`, `*`, `.*` and literals.
    pub pattern: Name,
    /// `message-ttl`, `dead-letter-exchange` and so on.
    pub definition: Headers,
}

/// What a planned fault can wait for: the `nth` note that fits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cue {
    /// By this node only.
    pub node: Option<NodeId>,
    /// About this message only.
    pub msg: Option<MessageId>,
    /// Of this kind: the name of a [`Note`] variant in lower case, such as `"pushed"`.
    pub kind: &'static str,
    /// How many more must come before the one that counts.
    pub skip: u32,
}

impl Cue {
    fn matches(&mut self, node: NodeId, note: &Note) -> bool {
        let fits = self.node.is_none_or(|wanted| wanted == node)
            && self.msg.is_none_or(|wanted| note.msg() == Some(wanted))
            && self.kind == note.kind();
        if fits && self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        fits
    }
}
