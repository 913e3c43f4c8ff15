//! One replica of a partition, as the leader or as a follower.
//!
//! Source: `Partition`, `Replica`, `ReplicaState` of Apache Kafka 4.1.1.

mod follower;
mod leader;

pub(in crate::kafka) use follower::Following;
pub(in crate::kafka) use leader::{Follows, Leading, Peers, Upto};

use crate::kafka::log::{Log, LogConfig};
use crate::kernel::{Loss, NodeId, Time};
use crate::talk::Constant;
use crate::talk::kafka::{Offset, PartitionInfo};

/// A replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Replica {
    pub(in crate::kafka) log: Log,
    /// What is below it is on all replicas in sync. A follower learns of it with each fetch.
    pub(in crate::kafka) high_watermark: Offset,
    pub(in crate::kafka) role: Role,
    /// What the controller decided last, as far as this broker knows.
    pub(in crate::kafka) leader_epoch: u32,
    pub(in crate::kafka) partition_epoch: Option<u32>,
    /// Requests that wait here in the purgatory, by their slots: produce requests with the offset
    /// that the high watermark must reach and their place among the partitions of the request.
    pub(in crate::kafka) producing: std::collections::VecDeque<Producing>,
    pub(in crate::kafka) fetching: Vec<u32>,
}

/// A part of a produce request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Producing {
    pub(in crate::kafka) required: u64,
    pub(in crate::kafka) slot: u32,
    pub(in crate::kafka) place: u32,
}

/// What a replica is at present.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) enum Role {
    /// The partition has no leader, or this broker does not know of it.
    Offline,
    Leader(Box<Leading>),
    Follower(Following),
}

impl Replica {
    pub(in crate::kafka) fn new(config: Constant<LogConfig>, now: Time) -> Replica {
        Replica {
            log: Log::new(config, now),
            high_watermark: 0,
            role: Role::Offline,
            leader_epoch: 0,
            partition_epoch: None,
            producing: Default::default(),
            fetching: Vec::new(),
        }
    }

    pub(in crate::kafka) fn leading(&self) -> Option<&Leading> {
        match &self.role {
            Role::Leader(leading) => Some(leading),
            _ => None,
        }
    }

    pub(in crate::kafka) fn following(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(it) => Some(it.leader),
            _ => None,
        }
    }

    /// Whether this says more than the replica has heard.
    pub(in crate::kafka) fn is_news(&self, info: &PartitionInfo) -> bool {
        self.partition_epoch.is_none_or(|known| info.partition_epoch > known)
    }
}

impl Replica {
    /// The broker goes down: what is on disk stays, and nobody waits any more.
    pub(in crate::kafka) fn go_down(&mut self, loss: Loss, now: Time) {
        match loss {
            Loss::Graceful => self.log.shut_down(now),
            Loss::Process => {}
            Loss::Power => {
                self.log.lose_power(now);
            }
        }
        // what is written of the high watermark (replica.high.watermark.checkpoint.interval.ms) is
        // as good as what a leader finds out by itself
        self.high_watermark = self.high_watermark.min(self.log.end());
        self.role = Role::Offline;
        (self.leader_epoch, self.partition_epoch) = (0, None);
        self.producing.clear();
        self.fetching.clear();
    }

    /// Whether this high watermark is news to a follower, which then knows it.
    pub(in crate::kafka) fn tell(&mut self, follower: NodeId, high_watermark: Offset) -> bool {
        let Role::Leader(leading) = &mut self.role else { return false };
        let Some(peer) = leading.peers.iter_mut().find(|it| it.node == follower) else {
            return false;
        };
        peer.told.replace(high_watermark) != Some(high_watermark)
    }
}
