//! What a scenario wants judged, and with which numbers.

use super::class::{Class, Classes};
use crate::kernel::{NodeId, Span};
use crate::talk::Name;
use crate::talk::kafka::{GroupId, TopicId};

/// Which classes are judged, and with which parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// The classes that are judged. Default: all.
    pub judged: Classes,
    /// A message that was delivered more often than this without settling is in a loop (1 and up).
    /// Default: 30, which is above the default delivery limit of quorum queues (20 returns).
    pub poison_after: u16,
    /// Whether handlers have effects in the outside world. Where they have none, the
    /// acknowledgement of a consumer is what a message is for. Default: true.
    pub effects: bool,
    /// Which orders are judged where.
    pub order: Order,
    /// What is expected of consumers. Those that are not listed may hold any number of messages.
    pub consumers: Vec<ConsumerRule>,
    /// What is expected of queues. Those that are not listed keep their order and may have any depth.
    pub queues: Vec<QueueRule>,
    /// What is expected of services, by their place in the list of the scenario.
    pub services: Vec<ServiceRule>,
    /// What is known of Kafka's topics. Those that are not listed may have any number of replicas.
    pub topics: Vec<TopicRule>,
    /// What is expected of Kafka's groups. Those that are not listed have handled a record when it
    /// took effect anywhere.
    pub groups: Vec<GroupRule>,
    /// A message about which nothing has happened for this long at the end of a run that had
    /// healed is stuck. Default: 10 s.
    pub settle: Span,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            judged: Classes::ALL,
            poison_after: 30,
            effects: true,
            order: Order::default(),
            consumers: Vec::new(),
            queues: Vec::new(),
            services: Vec::new(),
            topics: Vec::new(),
            groups: Vec::new(),
            settle: Span::from_secs(10),
        }
    }
}

impl Rules {
    /// Whether `class` is judged.
    pub fn judges(&self, class: Class) -> bool {
        self.judged.has(class)
    }
}

/// Which orders are judged. An order is always one of first occurrences: a message that comes
/// again is a duplicate, not a reordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Order {
    /// The messages of one producer about one key, in queues. Default: judged.
    pub key_at_log: bool,
    /// The messages of one producer about one key, at their consumers. Default: judged.
    pub key_at_delivery: bool,
    /// The messages of one producer about one key, in the outside world. Default: judged.
    pub key_at_effect: bool,
    /// All messages of one producer, in queues: what a channel promises. Default: judged.
    pub producer_at_log: bool,
    /// All messages of one producer, at their consumers. Default: not judged.
    pub producer_at_delivery: bool,
    /// All messages of one producer, in the outside world. Default: not judged.
    pub producer_at_effect: bool,
    /// What a queue pushes, against the order in which it stored it: what a queue promises.
    /// Default: judged.
    pub queue_at_delivery: bool,
}

impl Default for Order {
    fn default() -> Order {
        Order {
            key_at_log: true,
            key_at_delivery: true,
            key_at_effect: true,
            producer_at_log: true,
            producer_at_delivery: false,
            producer_at_effect: false,
            queue_at_delivery: true,
        }
    }
}

/// What is expected of one consumer process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerRule {
    /// Which.
    pub node: NodeId,
    /// The sum of the prefetch limits of its consumers; `None` when one of them has no limit.
    pub prefetch: Option<u32>,
    /// The declared bound on unacknowledged messages that it holds.
    pub unacked: Option<u32>,
}

/// What is expected of one queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueRule {
    /// Which.
    pub name: Name,
    /// Whether it hands out by priority, so that first in, first out does not apply.
    pub priority: bool,
    /// Whether what rests here is dead. `None`: it is when only dead letters and parked messages
    /// ever came in.
    pub dead: Option<bool>,
    /// The declared bound on its depth (ready and unacknowledged).
    pub depth: Option<u32>,
}

/// What is expected of the load on one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceRule {
    /// The declared bound on calls in any whole second of the run.
    pub calls_per_second: Option<u32>,
}

/// What is known of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TopicRule {
    /// Which.
    pub topic: TopicId,
    /// The replication factor: so many replicas are in sync at first.
    pub replicas: u8,
    /// `min.insync.replicas`, as far as there are so many replicas.
    pub min_isr: u8,
    /// `retention.ms`, where nothing else deletes the start of a log (`retention.bytes`): what is
    /// younger stays. `None`: anything may go at any time.
    pub retention: Option<Span>,
    /// `cleanup.policy` has `compact`.
    pub compacts: bool,
    /// Two of its records have the same key exactly when they are about the same entity.
    pub keyed: bool,
    /// `delete.retention.ms`: the last record of a key stays for so long when it has no value.
    pub tombstones: Span,
}

impl TopicRule {
    /// What is known of a topic with so many replicas, of which so many must be in sync, if nothing
    /// else is said: its records may go at any time.
    pub const fn new(topic: TopicId, replicas: u8, min_isr: u8) -> TopicRule {
        TopicRule {
            topic,
            replicas,
            min_isr,
            retention: None,
            compacts: true,
            keyed: false,
            tombstones: Span::ZERO,
        }
    }
}

/// What is expected of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupRule {
    /// Which.
    pub group: GroupId,
    /// What shows that it has handled a record.
    pub done: Done,
    /// Its members read committed records only (`isolation.level=read_committed`).
    pub read_committed: bool,
    /// It has to read everything: what `auto.offset.reset` passes over when it begins is lost to it.
    pub everything: bool,
    /// The declared bound on its lag: records below the high watermark that are not committed, in
    /// all its partitions.
    pub lag: Option<u64>,
}

impl GroupRule {
    /// What is expected of a group of which nothing is said.
    pub const fn new(group: GroupId) -> GroupRule {
        let done = Done::Effect(None);
        GroupRule { group, done, read_committed: false, everything: false, lag: None }
    }
}

/// What shows that a group has handled a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// It took effect at this service; `None`: at any.
    Effect(Option<u16>),
    /// A copy of it is stored in a queue of RabbitMQ: the members of this group are bridges.
    HandedOver,
    /// It reached a member: handlers of this group have no effects.
    Delivery,
}
