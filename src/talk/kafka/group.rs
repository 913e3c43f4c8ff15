//! Consumer groups: the classic protocol, and that of KIP-848.

use std::sync::Arc;

use super::super::name::Name;
use super::{Code, GroupId, Offset, TopicId, TopicPartition};
use crate::kernel::Span;

/// `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Join {
    /// Which group.
    pub group: GroupId,
    /// The member's id; empty for one that has none yet.
    pub member: Name,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// Its `client.id`, with which the broker begins the member's id.
    pub client_id: Name,
    /// Its `session.timeout.ms`.
    pub session_timeout: Span,
    /// How long it may take to join again: `max.poll.interval.ms`, or KafkaJS `rebalanceTimeout`.
    pub rebalance_timeout: Span,
    /// The request is of version 4 or later: a member without an id is given one and must come
    /// again (KIP-394).
    pub member_id_required: bool,
    /// The assignors that it supports, best first, with its subscription for each.
    pub protocols: Vec<Protocol>,
}

/// An assignor, and what a member tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol {
    /// `range`, `roundrobin`, `sticky`, `cooperative-sticky`, `RoundRobinAssigner`.
    pub name: Name,
    /// What the member tells the assignor of the leader.
    pub subscription: Arc<Subscription>,
}

/// What a member tells the assignor (`ConsumerProtocolSubscription`).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subscription {
    /// The topics, in the order in which the member subscribed to them.
    pub topics: Vec<TopicId>,
    /// The partitions that it owns at present (cooperative and sticky assignors).
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got them; -1 is none.
    pub generation: i32,
    /// Its `client.rack`.
    pub rack: Option<Name>,
}

/// The answer to `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Joined {
    /// What is wrong, if something is.
    pub error: Option<Code>,
    /// The generation that begins.
    pub generation: i32,
    /// The assignor that was chosen.
    pub protocol: Name,
    /// The member that computes the assignment.
    pub leader: Name,
    /// The id of the member that asked.
    pub member: Name,
    /// The leader need not compute an assignment (KIP-814).
    pub skip_assignment: bool,
    /// For the leader: all members with their instance ids and subscriptions.
    pub members: Vec<(Name, Option<Name>, Arc<Subscription>)>,
}

/// `SyncGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sync {
    /// Which group.
    pub group: GroupId,
    /// Which generation.
    pub generation: i32,
    /// Which member.
    pub member: Name,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// From the leader: who gets what. Empty from all others.
    pub assignments: Vec<(Name, Vec<TopicPartition>)>,
}

/// `LeaveGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leave {
    /// Which group.
    pub group: GroupId,
    /// Who leaves.
    pub member: Name,
    /// By its `group.instance.id`, when an operator removes a static member (KIP-345).
    pub instance: Option<Name>,
}

/// `OffsetCommit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitOffsets {
    /// Which group.
    pub group: GroupId,
    /// The generation, or the member's epoch under KIP-848; -1 from outside of the group.
    pub generation: i32,
    /// Which member; empty from outside of the group.
    pub member: Name,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// The next offset to read, for each partition. KafkaJS commits -1 or -2 after an offset that
    /// was out of range; those are `None`.
    pub offsets: Vec<(TopicPartition, Option<Offset>)>,
}

/// The epoch of a member of KIP-848. 0 joins, -1 leaves, -2 leaves for a while (static members).
pub type MemberEpoch = i32;

/// `ConsumerGroupHeartbeat`. What is `None` has not changed since the last one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerBeat {
    /// Which group.
    pub group: GroupId,
    /// The id that the client made for itself.
    pub member: Name,
    /// The epoch that it has reached.
    pub epoch: MemberEpoch,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// Its `client.rack`.
    pub rack: Option<Name>,
    /// How long it may take to revoke: `max.poll.interval.ms`.
    pub rebalance_timeout: Option<Span>,
    /// The topics that it reads.
    pub topics: Option<Vec<TopicId>>,
    /// `group.remote.assignor`.
    pub assignor: Option<Name>,
    /// The partitions that it owns.
    pub owned: Option<Vec<TopicPartition>>,
}

/// The answer to `ConsumerGroupHeartbeat`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerBeaten {
    /// What is wrong, if something is.
    pub error: Option<Code>,
    /// The member.
    pub member: Name,
    /// The epoch that it is in now.
    pub epoch: MemberEpoch,
    /// How long it waits before the next one.
    pub interval: Span,
    /// Its partitions, when they have changed.
    pub assignment: Option<Vec<TopicPartition>>,
}
