//! What brokers and controllers say to each other.

use std::sync::Arc;

use super::state::Change;
use crate::kernel::NodeId;
use crate::raft;
use crate::talk::kafka::{Image, PartitionInfo, TopicId, TopicPartition};

/// A message between brokers and controllers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) enum Word {
    /// A broker that starts wants to take part (`BrokerRegistration`).
    Register {
        /// The epoch of its last life, if that ended in an orderly way.
        clean: Option<u64>,
    },
    /// It takes part, and is fenced until it has caught up.
    Registered {
        /// The epoch of this life.
        epoch: u64,
    },
    /// Its former life is not known to be over (`DUPLICATE_BROKER_REGISTRATION`).
    Duplicate,
    /// A broker lives (`BrokerHeartbeat`).
    Heartbeat {
        /// The epoch of its registration.
        epoch: u64,
        /// The metadata that it has.
        version: u64,
        /// It wants to stop.
        stopping: bool,
    },
    /// It must register first: its epoch is not known (`STALE_BROKER_EPOCH`).
    Unknown,
    /// A leader wants other replicas in sync (`AlterPartition`).
    Alter {
        /// The epoch of its registration.
        epoch: u64,
        /// What it wants.
        proposals: Vec<Proposal>,
    },
    /// The answer.
    Altered(Vec<(TopicPartition, Result<PartitionInfo, Refusal>)>),
    /// An internal topic is needed (`CreateTopics`).
    Create(TopicId),
    /// Producer ids are needed (`AllocateProducerIds`).
    WantIds,
    /// The answer: so many from this one on.
    Ids {
        /// The first one.
        first: u32,
        /// How many.
        count: u32,
    },
    /// What is decided so far.
    Image(Arc<Image>),
    /// Ask another controller (`NOT_CONTROLLER`): the active one, if it is known.
    NotActive(Option<NodeId>),
    /// The quorum's own.
    Raft(raft::Message<Change, Box<super::state::State>>),
    /// From a controller that starts: it has no connections yet.
    Hello,
}

/// Which replicas a leader wants in sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Proposal {
    /// Of which partition.
    pub(in crate::kafka) at: TopicPartition,
    /// The leader's epoch.
    pub(in crate::kafka) leader_epoch: u32,
    /// The state of the partition that it knows.
    pub(in crate::kafka) partition_epoch: u32,
    /// The replicas, and the epoch of each broker as the leader heard of it last (KIP-903).
    pub(in crate::kafka) isr: Vec<(NodeId, Option<u64>)>,
}

/// Why a controller does not do what a leader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::kafka) enum Refusal {
    /// There is no such partition.
    Unknown,
    /// `STALE_BROKER_EPOCH`.
    StaleBroker,
    /// `NOT_CONTROLLER`: it knows less than the leader.
    NotController,
    /// `FENCED_LEADER_EPOCH`.
    Fenced,
    /// `INVALID_REQUEST`.
    Invalid,
    /// `INVALID_UPDATE_VERSION`.
    OldVersion,
    /// `INELIGIBLE_REPLICA`: one of them is fenced, stops, or has started anew.
    Ineligible,
}
