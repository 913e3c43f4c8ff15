//! What can be seen of a cluster from outside, at one moment: what an administrator's tools would
//! show, if they could look at every broker at the same time.

use crate::kernel::NodeId;
use crate::talk::kafka::{Offset, TopicPartition};
use crate::talk::{Name, kafka::TxnPhase};

/// What a replica takes itself for. Two can take themselves for the leader for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaRole {
    /// It knows of no leader.
    Offline,
    /// It leads.
    Leader,
    /// It follows this broker.
    Follower(NodeId),
}

/// A replica of a partition as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// What it takes itself for.
    pub role: ReplicaRole,
    /// In which leader epoch.
    pub leader_epoch: u32,
    /// Its first offset.
    pub start: Offset,
    /// Up to where a reader of committed records sees.
    pub stable: Offset,
    /// Up to where it knows that all replicas in sync are.
    pub high_watermark: Offset,
    /// The offset after its last record.
    pub end: Offset,
    /// Up to where its log would survive a loss of power.
    pub flushed: Offset,
}

/// Which protocol a group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// One of its members assigns; its turns are generations.
    Classic,
    /// Its coordinator assigns (KIP-848); its turns are epochs.
    Consumer,
    /// A share group (KIP-932).
    Share,
}

/// A group as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The protocol.
    pub kind: GroupKind,
    /// Its state, as Kafka's tools write it.
    pub state: &'static str,
    /// The generation, or the epoch of the group.
    pub generation: i32,
    /// The assignor that the members agreed on (classic groups).
    pub assignor: Option<Name>,
    /// Its members.
    pub members: Vec<MemberView>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Its client.
    pub client: NodeId,
    /// What it is at, in a word.
    pub state: &'static str,
    /// The epoch that it has reached; the generation in classic groups.
    pub epoch: i32,
    /// It computes the assignment (classic groups).
    pub leads: bool,
    /// What the coordinator has assigned to it.
    pub partitions: Vec<TopicPartition>,
}

/// A transactional id as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnView {
    /// Its state.
    pub phase: TxnPhase,
    /// The producer id.
    pub producer: u32,
    /// Its epoch.
    pub epoch: u16,
    /// The partitions that the transaction has written to.
    pub partitions: Vec<TopicPartition>,
}
