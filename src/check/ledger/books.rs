//! What is known of each node, queue and order.

use crate::kernel::{NodeId, StepNo, Time};
use crate::talk::kafka::{GroupId, TopicPartition};
use crate::talk::{Gone, MessageId, Name, QueueId};

/// What is known of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct NodeBook {
    /// Its slot among the producers, from 1; 0 when it never submitted anything.
    pub(super) producer: u8,
    /// How often it subscribed.
    pub(in crate::check) session: u16,
    /// What it holds unacknowledged in this session.
    pub(in crate::check) unacked: u32,
    /// Which broker closed its connection or channel; it has not come back since.
    pub(in crate::check) closed: Option<NodeId>,
    /// An alarm blocks it.
    pub(in crate::check) blocked: bool,
    pub(in crate::check) down: bool,
    pub(in crate::check) prefetch: Option<u32>,
    pub(in crate::check) bound: Option<u32>,
    /// The Kafka group that it is a member of.
    pub(in crate::check) group: Option<GroupId>,
    /// What was pushed to it and taken back before it came: it may still come, since the broker
    /// that closes a connection cannot stop what is under way on it.
    pub(super) under_way: Vec<(MessageId, QueueId)>,
}

/// What is known of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct QueueBook {
    pub(in crate::check) name: Option<Name>,
    pub(in crate::check) ready: u32,
    pub(in crate::check) unacked: u32,
    /// How many copies it ever stored.
    pub(super) stored: u32,
    /// The latest place from which it pushed a copy for the first time.
    pub(in crate::check) pushed: u32,
    /// Which node did. The nodes of a cluster push what is theirs to push each by itself.
    pub(in crate::check) pushed_by: NodeId,
    pub(in crate::check) consumers: u32,
    /// A producer's publish was stored here.
    pub(in crate::check) live: bool,
    /// A dead letter or a parked message was stored here.
    pub(in crate::check) dead: bool,
    pub(in crate::check) priority: bool,
    pub(in crate::check) bound: Option<u32>,
    pub(super) gone: Option<Gone>,
    /// The node that stores it.
    pub(in crate::check) broker: Option<NodeId>,
}

impl NodeBook {
    /// Whether it is the producer with this slot.
    pub(in crate::check) fn is_producer(&self, slot: u8) -> bool {
        self.producer == slot
    }
}

/// The latest message of an order that was seen at the log, at delivery and at the effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct Line {
    pub(in crate::check) key: u32,
    /// Message numbers plus one; 0 before the first.
    pub(in crate::check) latest: [u32; 3],
    /// At which node it was seen.
    pub(in crate::check) node: [u32; 3],
    /// The partition that its records were appended to last.
    pub(in crate::check) partition: Option<TopicPartition>,
    /// And it was another one before.
    pub(in crate::check) moved: bool,
}

/// Calls of a service in one second of the run; kept only where a bound is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct Calls {
    pub(in crate::check) second: u64,
    pub(in crate::check) calls: u32,
}

/// Where and when something was seen.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Case {
    pub(in crate::check) step: StepNo,
    pub(in crate::check) at: Time,
    pub(in crate::check) node: NodeId,
    /// The partition that it is about.
    pub(in crate::check) place: Option<TopicPartition>,
    /// The group that it is about.
    pub(in crate::check) group: Option<GroupId>,
}
