//! What the controller decided: the metadata of a cluster.

use super::{TopicId, TopicPartition};
use crate::kernel::NodeId;

/// The metadata of a cluster at one moment. Brokers and clients share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Image {
    /// The offset of the metadata log up to which it goes: a larger one is newer.
    pub version: u64,
    /// The active controller, in which epoch.
    pub controller: Option<(NodeId, u32)>,
    /// The brokers that have registered, in the order of their nodes.
    pub brokers: Vec<BrokerInfo>,
    /// The topics, by their ids. A topic that does not exist has no partitions.
    pub topics: Vec<TopicInfo>,
}

/// What is known of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerInfo {
    /// Which.
    pub node: NodeId,
    /// The epoch of its registration: it grows with every start.
    pub epoch: u64,
    /// It is fenced: it leads nothing and is in no in-sync replica set.
    pub fenced: bool,
    /// It is about to stop in an orderly way.
    pub shutting_down: bool,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TopicInfo {
    /// Its partitions.
    pub partitions: Vec<PartitionInfo>,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PartitionInfo {
    /// Who leads it, if anybody does.
    pub leader: Option<NodeId>,
    /// Grows with every change of the leader.
    pub leader_epoch: u32,
    /// Grows with every change of anything here.
    pub partition_epoch: u32,
    /// The brokers that it is assigned to; the first is the preferred leader.
    pub replicas: Vec<NodeId>,
    /// The in-sync replicas.
    pub isr: Vec<NodeId>,
    /// The eligible leader replicas (KIP-966).
    pub elr: Vec<NodeId>,
    /// Those that were in sync or eligible last, for unclean recovery.
    pub last_known_elr: Vec<NodeId>,
}

impl Image {
    /// What is known of a partition, if it exists.
    pub fn partition(&self, at: TopicPartition) -> Option<&PartitionInfo> {
        self.topics.get(usize::from(at.topic.0))?.partitions.get(usize::from(at.partition))
    }

    /// How many partitions a topic has; 0 when it does not exist.
    pub fn partitions(&self, topic: TopicId) -> u16 {
        self.topics.get(usize::from(topic.0)).map_or(0, |topic| topic.partitions.len() as u16)
    }

    /// What is known of a broker, if it has ever registered.
    pub fn broker(&self, node: NodeId) -> Option<&BrokerInfo> {
        self.brokers.iter().find(|broker| broker.node == node)
    }

    /// Whether a broker is registered and not fenced.
    pub fn is_active(&self, node: NodeId) -> bool {
        self.broker(node).is_some_and(|broker| !broker.fenced)
    }
}
