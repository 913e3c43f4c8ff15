//! Requests and responses.

use std::sync::Arc;

use super::group::{CommitOffsets, ConsumerBeat, ConsumerBeaten, Join, Joined, Leave, Sync};
use super::image::Image;
use super::record::{Aborted, Batch, Offset};
use super::share::{Acknowledge, Acquired, ShareFetch};
use super::txn::{EndTxn, InitProducer, Marker, ProducerIdentity, TxnOffsets, TxnPartitions};
use super::{Code, GroupId, TopicPartition, TxnId};
use crate::kernel::{NodeId, Span, Time};

use super::super::name::Name;

/// A request. A broker takes the next request of a connection only after it has answered the one
/// before (`SocketServer` mutes the channel), so the answers come in order on each connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// Which connection of this client to this broker it comes on: clients have one for data and
    /// another one for their coordinator.
    pub lane: u8,
    /// Its number on this client.
    pub correlation: u32,
    /// What is asked.
    pub api: Api,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// On which connection.
    pub lane: u8,
    /// To which request.
    pub correlation: u32,
    /// What is answered.
    pub answer: Answer,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// The first request of every connection.
    ApiVersions,
    /// Who leads what.
    Metadata,
    /// Append batches.
    Produce(Produce),
    /// Read batches: a consumer, or a follower.
    Fetch(Fetch),
    /// The offset at the beginning, at the end, or for a timestamp.
    ListOffsets {
        /// Up to which records.
        isolation: Isolation,
        /// Of which partitions.
        partitions: Vec<(TopicPartition, ListOffset)>,
    },
    /// Where the leader's log ends for an epoch (KIP-101).
    OffsetForLeaderEpoch(Vec<(TopicPartition, u32)>),
    /// Who coordinates a group.
    FindGroupCoordinator(GroupId),
    /// Who coordinates a transactional id.
    FindTxnCoordinator(TxnId),
    /// Join a group of the classic protocol.
    JoinGroup(Box<Join>),
    /// Get (or, from the leader, give) the assignment.
    SyncGroup(Box<Sync>),
    /// Say that a member lives.
    Heartbeat {
        /// Of which group.
        group: GroupId,
        /// Which generation the member knows.
        generation: i32,
        /// Which member.
        member: Name,
        /// Its `group.instance.id`.
        instance: Option<Name>,
    },
    /// Leave a group.
    LeaveGroup(Leave),
    /// Commit offsets.
    OffsetCommit(Box<CommitOffsets>),
    /// Which offsets are committed.
    OffsetFetch {
        /// Of which group.
        group: GroupId,
        /// Wait for what is still in an open transaction (KIP-447).
        require_stable: bool,
        /// For which partitions.
        partitions: Vec<TopicPartition>,
    },
    /// The whole of the consumer protocol of KIP-848.
    ConsumerGroupHeartbeat(Box<ConsumerBeat>),
    /// The same for a share group (KIP-932).
    ShareGroupHeartbeat(Box<ConsumerBeat>),
    /// Acquire records of a share group, and acknowledge others by the way.
    ShareFetch(Box<ShareFetch>),
    /// Acknowledge records of a share group.
    ShareAcknowledge(Box<Acknowledge>),
    /// Get a producer id, or a new epoch of it.
    InitProducerId(InitProducer),
    /// These partitions will be written to in the transaction; or (`verify_only`, from a broker)
    /// are they part of it?
    AddPartitionsToTxn(Box<TxnPartitions>),
    /// Offsets of this group will be committed in the transaction.
    AddOffsetsToTxn {
        /// Which transactional id.
        txn: TxnId,
        /// Which producer.
        producer: ProducerIdentity,
        /// Which group.
        group: GroupId,
    },
    /// Commit offsets in the transaction.
    TxnOffsetCommit(Box<TxnOffsets>),
    /// Commit or abort.
    EndTxn(EndTxn),
    /// From a transaction coordinator: write markers.
    WriteTxnMarkers(Vec<Marker>),
}

/// What is answered for each partition: an error, or what was asked for.
pub type Each<T> = Vec<(TopicPartition, Result<T, Code>)>;

/// What can be answered. Most answers hold an error or what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To `ApiVersions`.
    ApiVersions,
    /// To `Metadata`: what this broker knows of the cluster.
    Metadata(Arc<Image>),
    /// To `Produce`, unless its `acks` are 0.
    Produce(Each<Written>),
    /// To `Fetch`. Partitions that have nothing to say may be missing.
    Fetch(Vec<(TopicPartition, Fetched)>),
    /// To `ListOffsets`: the offset, and the leader's epoch.
    ListOffsets(Each<(Offset, u32)>),
    /// To `OffsetForLeaderEpoch`.
    OffsetForLeaderEpoch(Each<EpochEnd>),
    /// To `FindGroupCoordinator` and `FindTxnCoordinator`.
    FindCoordinator(Result<NodeId, Code>),
    /// To `JoinGroup`.
    JoinGroup(Box<Joined>),
    /// To `SyncGroup`: the member's partitions.
    SyncGroup(Result<Vec<TopicPartition>, Code>),
    /// To `Heartbeat`.
    Heartbeat(Result<(), Code>),
    /// To `LeaveGroup`.
    LeaveGroup(Result<(), Code>),
    /// To `OffsetCommit`.
    OffsetCommit(Each<()>),
    /// To `OffsetFetch`: `None` where nothing is committed.
    OffsetFetch(Result<Each<Option<Offset>>, Code>),
    /// To `ConsumerGroupHeartbeat` and `ShareGroupHeartbeat`.
    ConsumerGroupHeartbeat(Box<ConsumerBeaten>),
    /// To `ShareFetch`.
    ShareFetch(Each<Acquired>),
    /// To `ShareAcknowledge`.
    ShareAcknowledge(Each<()>),
    /// To `InitProducerId`.
    InitProducerId(Result<ProducerIdentity, Code>),
    /// To `AddPartitionsToTxn`.
    AddPartitionsToTxn(Each<()>),
    /// To `AddOffsetsToTxn`.
    AddOffsetsToTxn(Result<(), Code>),
    /// To `TxnOffsetCommit`.
    TxnOffsetCommit(Each<()>),
    /// To `EndTxn`: under `transaction.version` 2 the identity for the next transaction.
    EndTxn(Result<Option<ProducerIdentity>, Code>),
    /// To `WriteTxnMarkers`.
    WriteTxnMarkers(Each<()>),
}

/// How many replicas must have a batch before the producer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acks {
    /// `acks=0`: nobody is told anything.
    None,
    /// `acks=1`: the leader.
    Leader,
    /// `acks=all`: all that are in sync.
    All,
}

/// `Produce`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Produce {
    /// Who must have it.
    pub acks: Acks,
    /// How long the broker waits for that: the producer's `request.timeout.ms`.
    pub timeout: Span,
    /// The transactional id, when the batches are part of a transaction.
    pub txn: Option<TxnId>,
    /// At most one batch for each partition.
    pub batches: Vec<(TopicPartition, Batch)>,
}

/// A batch was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Written {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// Where the log starts.
    pub log_start: Offset,
}

/// Up to where a consumer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// Up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset, without what was aborted.
    ReadCommitted,
}

/// `Fetch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetch {
    /// The follower and its broker epoch; a consumer otherwise.
    pub replica: Option<(NodeId, u64)>,
    /// How long the broker waits until there are `min_bytes`.
    pub max_wait: Span,
    /// For how much it waits.
    pub min_bytes: u32,
    /// How much the answer may hold, but for the first batch.
    pub max_bytes: u32,
    /// Up to where a consumer reads.
    pub isolation: Isolation,
    /// From where. Every fetch names all its partitions: fetch sessions (KIP-227) save bytes and
    /// change nothing else.
    pub partitions: Vec<FetchFrom>,
}

/// From where to fetch one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FetchFrom {
    /// Which partition.
    pub at: TopicPartition,
    /// The first offset wanted.
    pub offset: Offset,
    /// The leader epoch that the reader knows, if it knows one (KIP-320).
    pub leader_epoch: Option<u32>,
    /// The epoch of the last batch that a follower has: the leader answers with
    /// [`Fetched::diverging`] when its own log differs (KIP-595).
    pub last_fetched_epoch: Option<u32>,
    /// Where the log of the follower starts.
    pub log_start: Offset,
    /// How much of this partition the answer may hold, but for its first batch.
    pub max_bytes: u32,
}

/// What was fetched of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fetched {
    /// What is wrong, if something is.
    pub error: Option<Code>,
    /// Up to where all in-sync replicas have the log.
    pub high_watermark: Offset,
    /// Up to where no transaction is open.
    pub last_stable_offset: Offset,
    /// Where the log starts.
    pub log_start: Offset,
    /// Where the follower's log must end before it fetches on.
    pub diverging: Option<EpochEnd>,
    /// Transactions that a reader of committed records must leave out.
    pub aborted: Vec<Aborted>,
    /// The batches. The first may begin before the offset that was asked for.
    pub batches: Vec<Batch>,
}

/// Where a log ends for an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpochEnd {
    /// The largest epoch of the log that is not larger than the one asked for.
    pub epoch: u32,
    /// The first offset after it.
    pub end: Offset,
}

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListOffset {
    /// The start of the log.
    Earliest,
    /// The end of what the reader may see.
    Latest,
    /// The first record that is not older; the end when there is none.
    At(Time),
}
