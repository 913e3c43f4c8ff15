//! Transactions (KIP-98, KIP-447, KIP-890).

use super::super::name::Name;
use super::{GroupId, Offset, TopicPartition, TxnId};
use crate::kernel::Span;

/// A producer id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdentity {
    /// The id.
    pub id: u32,
    /// The epoch.
    pub epoch: u16,
}

/// `InitProducerId`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InitProducer {
    /// The transactional id; none for a producer that is only idempotent.
    pub txn: Option<TxnId>,
    /// Its `transaction.timeout.ms`.
    pub timeout: Span,
    /// The identity that it has already, when it asks for a new epoch (KIP-360).
    pub current: Option<ProducerIdentity>,
}

/// `AddPartitionsToTxn`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnPartitions {
    /// Which transactional id.
    pub txn: TxnId,
    /// Which producer.
    pub producer: ProducerIdentity,
    /// Which partitions.
    pub partitions: Vec<TopicPartition>,
    /// A broker asks whether they are part of an open transaction (KIP-890).
    pub verify_only: bool,
}

/// `TxnOffsetCommit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnOffsets {
    /// Which transactional id.
    pub txn: TxnId,
    /// Which producer.
    pub producer: ProducerIdentity,
    /// Which group.
    pub group: GroupId,
    /// The generation or member epoch, and the member (KIP-447); none from clients that do not
    /// send it, and the coordinator then does not fence.
    pub member: Option<(i32, Name)>,
    /// Its `group.instance.id`.
    pub instance: Option<Name>,
    /// The next offset to read, for each partition.
    pub offsets: Vec<(TopicPartition, Offset)>,
}

/// `EndTxn`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndTxn {
    /// Which transactional id.
    pub txn: TxnId,
    /// Which producer.
    pub producer: ProducerIdentity,
    /// It commits; otherwise it aborts.
    pub commit: bool,
    /// The client speaks `transaction.version` 2 (KIP-890): the epoch grows with every transaction.
    pub version_2: bool,
}

/// A marker that a transaction coordinator wants written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Marker {
    /// Whose transaction.
    pub producer: ProducerIdentity,
    /// It commits; otherwise it aborts.
    pub commit: bool,
    /// The epoch of the coordinator.
    pub coordinator_epoch: u32,
    /// Where.
    pub partitions: Vec<TopicPartition>,
}
