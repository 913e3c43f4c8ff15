//! Error codes.

use std::fmt;

/// Makes the enum, its numbers and its names from one table.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $number:literal, $name:literal, $retriable:literal;)*) => {
        /// An error code of the protocol (`org.apache.kafka.common.protocol.Errors`, 4.1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum Code {
            $($(#[doc = $doc])* $variant = $number,)*
        }

        impl Code {
            /// All codes that the model knows.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// Its number in the protocol.
            pub const fn number(self) -> i16 {
                self as i16
            }

            /// Its name in the protocol.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// Whether the exception that it becomes in the Java client is a `RetriableException`.
            pub const fn is_retriable(self) -> bool {
                match self { $(Code::$variant => $retriable,)* }
            }
        }
    };
}

codes! {
    /// The offset is outside of the log.
    OffsetOutOfRange = 1, "OFFSET_OUT_OF_RANGE", false;
    /// There is no such topic or partition here (yet).
    UnknownTopicOrPartition = 3, "UNKNOWN_TOPIC_OR_PARTITION", true;
    /// The partition has no leader.
    LeaderNotAvailable = 5, "LEADER_NOT_AVAILABLE", true;
    /// This broker does not lead the partition, or is no replica of it.
    NotLeaderOrFollower = 6, "NOT_LEADER_OR_FOLLOWER", true;
    /// The request timed out: it may have had its effect.
    RequestTimedOut = 7, "REQUEST_TIMED_OUT", true;
    /// The coordinator still reads its partition.
    CoordinatorLoadInProgress = 14, "COORDINATOR_LOAD_IN_PROGRESS", true;
    /// The coordinator is not active.
    CoordinatorNotAvailable = 15, "COORDINATOR_NOT_AVAILABLE", true;
    /// This broker is not the coordinator.
    NotCoordinator = 16, "NOT_COORDINATOR", true;
    /// Fewer in-sync replicas than `min.insync.replicas`: nothing was appended.
    NotEnoughReplicas = 19, "NOT_ENOUGH_REPLICAS", true;
    /// Appended, but to fewer in-sync replicas than `min.insync.replicas`.
    NotEnoughReplicasAfterAppend = 20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true;
    /// The generation is not the group's.
    IllegalGeneration = 22, "ILLEGAL_GENERATION", false;
    /// No protocol that all members support.
    InconsistentGroupProtocol = 23, "INCONSISTENT_GROUP_PROTOCOL", false;
    /// The group does not know this member.
    UnknownMemberId = 25, "UNKNOWN_MEMBER_ID", false;
    /// The session timeout is outside of what the broker allows.
    InvalidSessionTimeout = 26, "INVALID_SESSION_TIMEOUT", false;
    /// The group is rebalancing: join again.
    RebalanceInProgress = 27, "REBALANCE_IN_PROGRESS", false;
    /// The number of partitions is not valid.
    InvalidPartitions = 37, "INVALID_PARTITIONS", false;
    /// Sequence numbers have a gap.
    OutOfOrderSequenceNumber = 45, "OUT_OF_ORDER_SEQUENCE_NUMBER", false;
    /// These sequence numbers were appended before, longer ago than the broker remembers.
    DuplicateSequenceNumber = 46, "DUPLICATE_SEQUENCE_NUMBER", false;
    /// A producer with a higher epoch exists.
    InvalidProducerEpoch = 47, "INVALID_PRODUCER_EPOCH", false;
    /// The transaction is in a state that does not allow this.
    InvalidTxnState = 48, "INVALID_TXN_STATE", false;
    /// The producer id is not the one that the transactional id has.
    InvalidProducerIdMapping = 49, "INVALID_PRODUCER_ID_MAPPING", false;
    /// The transaction timeout is larger than the broker allows.
    InvalidTransactionTimeout = 50, "INVALID_TRANSACTION_TIMEOUT", false;
    /// Another operation on the transaction is under way.
    ConcurrentTransactions = 51, "CONCURRENT_TRANSACTIONS", true;
    /// A newer transaction coordinator has written already.
    TransactionCoordinatorFenced = 52, "TRANSACTION_COORDINATOR_FENCED", false;
    /// The broker knows nothing of this producer id.
    UnknownProducerId = 59, "UNKNOWN_PRODUCER_ID", false;
    /// There is no such group, or not of this kind.
    GroupIdNotFound = 69, "GROUP_ID_NOT_FOUND", false;
    /// The leader epoch of the request is older than the broker's.
    FencedLeaderEpoch = 74, "FENCED_LEADER_EPOCH", true;
    /// The leader epoch of the request is newer than the broker's.
    UnknownLeaderEpoch = 75, "UNKNOWN_LEADER_EPOCH", true;
    /// The broker epoch of the request is not the current one.
    StaleBrokerEpoch = 77, "STALE_BROKER_EPOCH", false;
    /// The offset is not available yet.
    OffsetNotAvailable = 78, "OFFSET_NOT_AVAILABLE", true;
    /// A dynamic member must join again with the id that it was given.
    MemberIdRequired = 79, "MEMBER_ID_REQUIRED", false;
    /// The group has as many members as it may have.
    GroupMaxSizeReached = 81, "GROUP_MAX_SIZE_REACHED", false;
    /// Another member has this `group.instance.id` now.
    FencedInstanceId = 82, "FENCED_INSTANCE_ID", false;
    /// A record is not valid: it has no key, and its topic is compacted.
    InvalidRecord = 87, "INVALID_RECORD", false;
    /// An offset of the group is still part of an open transaction.
    UnstableOffsetCommit = 88, "UNSTABLE_OFFSET_COMMIT", true;
    /// A producer with the same transactional id has taken over.
    ProducerFenced = 90, "PRODUCER_FENCED", false;
    /// The partition's state at the controller is newer.
    InvalidUpdateVersion = 95, "INVALID_UPDATE_VERSION", false;
    /// The member's epoch is not the group's any more: join again.
    FencedMemberEpoch = 110, "FENCED_MEMBER_EPOCH", false;
    /// Another member uses this instance id.
    UnreleasedInstanceId = 111, "UNRELEASED_INSTANCE_ID", false;
    /// The member's epoch is older than the broker's.
    StaleMemberEpoch = 113, "STALE_MEMBER_EPOCH", false;
    /// The record is not acquired by this member any more.
    InvalidRecordState = 121, "INVALID_RECORD_STATE", false;
    /// The transaction may be appended to, but not yet.
    TransactionAbortable = 120, "TRANSACTION_ABORTABLE", false;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_told_apart() {
        let numbers: std::collections::BTreeSet<_> =
            Code::ALL.iter().map(|it| it.number()).collect();
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|it| it.name()).collect();
        assert_eq!((numbers.len(), names.len()), (Code::ALL.len(), Code::ALL.len()));
    }
}
