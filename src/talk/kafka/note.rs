//! What an omniscient observer learns of Kafka's brokers, controllers and clients. What happens to a
//! message at a producer or in a handler is told as for every other broker: see [`Note`].
//!
//! [`Note`]: crate::talk::Note

use super::super::name::MessageId;
use super::{Code, GroupId, Offset, TopicPartition, TxnId, Verdict};
use crate::kernel::NodeId;

/// One thing that happened to a record, a partition, a group or a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaNote {
    // ── the log ──
    /// A partition exists. Told by the controller.
    PartitionCreated {
        /// Which.
        at: TopicPartition,
    },
    /// The leader appended a record.
    Appended {
        /// Which.
        msg: MessageId,
        /// Which send of it by an application.
        copy: u16,
        /// Where.
        at: TopicPartition,
        /// At which offset.
        offset: Offset,
    },
    /// The leader knew the batch by its sequence numbers and appended nothing (idempotence).
    SequenceKnown {
        /// Which.
        msg: MessageId,
        /// Where.
        at: TopicPartition,
    },
    /// A produce request was refused and nothing appended.
    ProduceRefused {
        /// Which.
        msg: MessageId,
        /// Where.
        at: TopicPartition,
        /// Why.
        code: Code,
    },
    /// A replica has the log up to here: told by each follower, and by a leader for itself.
    Replicated {
        /// Which partition.
        at: TopicPartition,
        /// The end of its log.
        end: Offset,
    },
    /// The leader moved the high watermark.
    HighWatermark {
        /// Which partition.
        at: TopicPartition,
        /// To where.
        offset: Offset,
    },
    /// A replica dropped the end of its log: it followed a leader that does not have it, or lost
    /// its power before it was flushed.
    Truncated {
        /// Which partition.
        at: TopicPartition,
        /// The end of the log now.
        to: Offset,
    },
    /// A leader deleted the start of the log: retention, or an operator.
    LogStart {
        /// Which partition.
        at: TopicPartition,
        /// The start of the log now.
        offset: Offset,
    },
    /// Compaction dropped a record, since a later one has its key, or its tombstone is old. Told by
    /// the leader.
    CompactedAway {
        /// Which.
        msg: MessageId,
        /// Where.
        at: TopicPartition,
        /// At which offset it was.
        offset: Offset,
        /// It had no value.
        tombstone: bool,
    },
    /// The controller chose a leader.
    LeaderElected {
        /// For which partition.
        at: TopicPartition,
        /// Whom; nobody when there was no candidate.
        leader: Option<NodeId>,
        /// In which leader epoch.
        epoch: u32,
        /// It may lack committed records.
        unclean: bool,
    },
    /// The set of in-sync replicas changed.
    IsrChanged {
        /// Of which partition.
        at: TopicPartition,
        /// The replica that left it or came back.
        replica: NodeId,
        /// It is in it now.
        joined: bool,
        /// How many there are now.
        size: u8,
    },
    /// The controller fenced a broker that it has not heard of, or let it take part (again).
    Fenced {
        /// Which broker.
        broker: NodeId,
        /// Whether it is fenced now.
        fenced: bool,
    },
    /// A controller became the active one.
    ControllerElected {
        /// In which epoch.
        epoch: u32,
    },

    // ── groups ──
    /// A generation of a group began: told by its coordinator.
    Rebalanced {
        /// Which group.
        group: GroupId,
        /// The generation, or the epoch of the group under KIP-848.
        generation: i32,
        /// How many members it has.
        members: u16,
    },
    /// A group began to rebalance: its members must join again.
    RebalanceBegan {
        /// Which group.
        group: GroupId,
    },
    /// A member was removed from its group: told by its coordinator.
    MemberGone {
        /// Which group.
        group: GroupId,
        /// The member's client.
        peer: NodeId,
        /// Why.
        why: Left,
    },
    /// A member was given a partition and may read it.
    Assigned {
        /// Of which group.
        group: GroupId,
        /// Which partition.
        at: TopicPartition,
        /// In which generation or member epoch.
        generation: i32,
    },
    /// A member gave a partition up.
    Revoked {
        /// Of which group.
        group: GroupId,
        /// Which partition.
        at: TopicPartition,
        /// It was taken away: the member learnt of it too late to commit (`onPartitionsLost`).
        lost: bool,
    },
    /// An offset is committed: told by the coordinator when it is replicated.
    OffsetCommitted {
        /// Of which group.
        group: GroupId,
        /// Which partition.
        at: TopicPartition,
        /// The next offset to read.
        offset: Offset,
        /// Whose client committed it.
        by: NodeId,
    },
    /// A coordinator refused a commit, a heartbeat or a join.
    MemberRefused {
        /// Which group.
        group: GroupId,
        /// Whose client.
        peer: NodeId,
        /// Why.
        code: Code,
    },
    /// A consumer moved its position without reading.
    PositionMoved {
        /// Which group.
        group: GroupId,
        /// Which partition.
        at: TopicPartition,
        /// To where.
        offset: Offset,
        /// Why.
        why: Moved,
    },
    /// A consumer's client handed a record to the application.
    Polled {
        /// Which.
        msg: MessageId,
        /// Of which group.
        group: GroupId,
        /// From where.
        at: TopicPartition,
        /// At which offset.
        offset: Offset,
    },
    /// The application went past a record without handling it: its deduplication took it for a
    /// repetition, or it puts aside what fails.
    Skipped {
        /// Which.
        msg: MessageId,
    },

    // ── transactions and share groups ──
    /// A transaction changed its state: told by its coordinator.
    Txn {
        /// Which transactional id.
        txn: TxnId,
        /// The producer id.
        producer: u32,
        /// Its epoch.
        epoch: u16,
        /// The state now.
        phase: TxnPhase,
    },
    /// An application began a transaction: told by its client.
    TxnBegun {
        /// With which producer id.
        producer: u32,
    },
    /// A leader appended records that are part of a transaction; told after their appends.
    TxnRecords {
        /// Where.
        at: TopicPartition,
        /// The offset of the first one.
        first: Offset,
        /// The offset after the last one.
        end: Offset,
        /// The producer id.
        producer: u32,
    },
    /// A leader appended the marker that ends a transaction in its partition.
    TxnMarker {
        /// Where.
        at: TopicPartition,
        /// At which offset.
        offset: Offset,
        /// The producer id.
        producer: u32,
        /// It commits.
        commit: bool,
    },
    /// A member of a share group acquired a record.
    Acquired {
        /// Which.
        msg: MessageId,
        /// Of which group.
        group: GroupId,
        /// Who.
        peer: NodeId,
        /// The how-manyeth delivery of it this is.
        delivery: u16,
    },
    /// A record of a share group is not acquired any more.
    Released {
        /// Which.
        msg: MessageId,
        /// Of which group.
        group: GroupId,
        /// What is to become of it: it is done with, or may be acquired again, or never again.
        then: Verdict,
    },
}

/// Matches a note by whether it is about a message: the one list of which are.
macro_rules! about {
    ($note:expr, $msg:ident => $about:expr, $else:expr) => {
        match $note {
            KafkaNote::Appended { $msg, .. }
            | KafkaNote::SequenceKnown { $msg, .. }
            | KafkaNote::ProduceRefused { $msg, .. }
            | KafkaNote::CompactedAway { $msg, .. }
            | KafkaNote::Polled { $msg, .. }
            | KafkaNote::Skipped { $msg, .. }
            | KafkaNote::Acquired { $msg, .. }
            | KafkaNote::Released { $msg, .. } => $about,
            KafkaNote::PartitionCreated { .. }
            | KafkaNote::Replicated { .. }
            | KafkaNote::HighWatermark { .. }
            | KafkaNote::Truncated { .. }
            | KafkaNote::LogStart { .. }
            | KafkaNote::LeaderElected { .. }
            | KafkaNote::IsrChanged { .. }
            | KafkaNote::Fenced { .. }
            | KafkaNote::ControllerElected { .. }
            | KafkaNote::Rebalanced { .. }
            | KafkaNote::RebalanceBegan { .. }
            | KafkaNote::MemberGone { .. }
            | KafkaNote::Assigned { .. }
            | KafkaNote::Revoked { .. }
            | KafkaNote::OffsetCommitted { .. }
            | KafkaNote::MemberRefused { .. }
            | KafkaNote::PositionMoved { .. }
            | KafkaNote::Txn { .. }
            | KafkaNote::TxnBegun { .. }
            | KafkaNote::TxnRecords { .. }
            | KafkaNote::TxnMarker { .. } => $else,
        }
    };
}

impl KafkaNote {
    /// The name of this kind of note, as scenarios and reports write it.
    pub const fn kind(&self) -> &'static str {
        match self {
            KafkaNote::PartitionCreated { .. } => "partition-created",
            KafkaNote::Appended { .. } => "appended",
            KafkaNote::SequenceKnown { .. } => "sequence-known",
            KafkaNote::ProduceRefused { .. } => "produce-refused",
            KafkaNote::Replicated { .. } => "replicated",
            KafkaNote::HighWatermark { .. } => "high-watermark",
            KafkaNote::Truncated { .. } => "truncated",
            KafkaNote::LogStart { .. } => "log-start",
            KafkaNote::CompactedAway { .. } => "compacted-away",
            KafkaNote::LeaderElected { .. } => "leader-elected",
            KafkaNote::IsrChanged { .. } => "isr-changed",
            KafkaNote::Fenced { .. } => "fenced",
            KafkaNote::ControllerElected { .. } => "controller-elected",
            KafkaNote::Rebalanced { .. } => "rebalanced",
            KafkaNote::RebalanceBegan { .. } => "rebalance-began",
            KafkaNote::MemberGone { .. } => "member-gone",
            KafkaNote::Assigned { .. } => "assigned",
            KafkaNote::Revoked { .. } => "revoked",
            KafkaNote::OffsetCommitted { .. } => "offset-committed",
            KafkaNote::MemberRefused { .. } => "member-refused",
            KafkaNote::PositionMoved { .. } => "position-moved",
            KafkaNote::Polled { .. } => "polled",
            KafkaNote::Skipped { .. } => "skipped",
            KafkaNote::Txn { .. } => "txn",
            KafkaNote::TxnBegun { .. } => "txn-begun",
            KafkaNote::TxnRecords { .. } => "txn-records",
            KafkaNote::TxnMarker { .. } => "txn-marker",
            KafkaNote::Acquired { .. } => "acquired",
            KafkaNote::Released { .. } => "released",
        }
    }

    /// The partition that it is about, if it is about one.
    pub const fn at(&self) -> Option<TopicPartition> {
        match *self {
            KafkaNote::PartitionCreated { at }
            | KafkaNote::Appended { at, .. }
            | KafkaNote::SequenceKnown { at, .. }
            | KafkaNote::ProduceRefused { at, .. }
            | KafkaNote::Replicated { at, .. }
            | KafkaNote::HighWatermark { at, .. }
            | KafkaNote::Truncated { at, .. }
            | KafkaNote::LogStart { at, .. }
            | KafkaNote::CompactedAway { at, .. }
            | KafkaNote::LeaderElected { at, .. }
            | KafkaNote::IsrChanged { at, .. }
            | KafkaNote::Assigned { at, .. }
            | KafkaNote::Revoked { at, .. }
            | KafkaNote::OffsetCommitted { at, .. }
            | KafkaNote::PositionMoved { at, .. }
            | KafkaNote::Polled { at, .. }
            | KafkaNote::TxnRecords { at, .. }
            | KafkaNote::TxnMarker { at, .. } => Some(at),
            KafkaNote::Fenced { .. }
            | KafkaNote::ControllerElected { .. }
            | KafkaNote::Rebalanced { .. }
            | KafkaNote::RebalanceBegan { .. }
            | KafkaNote::MemberGone { .. }
            | KafkaNote::MemberRefused { .. }
            | KafkaNote::Skipped { .. }
            | KafkaNote::Txn { .. }
            | KafkaNote::TxnBegun { .. }
            | KafkaNote::Acquired { .. }
            | KafkaNote::Released { .. } => None,
        }
    }

    /// The message that it is about, if it is about one.
    pub const fn msg(&self) -> Option<MessageId> {
        about!(self, msg => Some(*msg), None)
    }

    /// The same note about another message; nothing changes when it is about none.
    pub(in crate::talk) fn about(mut self, other: MessageId) -> KafkaNote {
        about!(&mut self, msg => *msg = other, {});
        self
    }
}

/// How a member came to leave its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// It said so.
    Left,
    /// It sent no heartbeat for its session timeout.
    Session,
    /// It did not join again within the rebalance timeout.
    Rebalance,
    /// Another client with its `group.instance.id` took its place.
    Replaced,
    /// An operator removed it.
    Removed,
}

/// Why a consumer moved its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moved {
    /// It begins at what its group has committed.
    Committed,
    /// Nothing is committed: `auto.offset.reset`.
    Nothing,
    /// The offset is not in the log (any more): `auto.offset.reset`.
    OutOfRange,
    /// The log was truncated below its position.
    Truncation,
    /// The application, or an operator, said so.
    Seek,
}

/// The state of a transaction (`TransactionState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum TxnPhase {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
    Dead,
    PrepareEpochFence,
}
