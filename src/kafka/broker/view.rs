//! What can be seen of a broker from outside.

use super::Broker;
use crate::kafka::group::Group;
use crate::kafka::replica::Role;
use crate::kafka::view::{GroupKind, GroupView, ReplicaRole, ReplicaView, TxnView};
use crate::talk::kafka::{GroupId, Offset, TopicPartition, TxnId};

impl Broker {
    /// Its replica of a partition, if it has one.
    pub fn replica_view(&self, at: TopicPartition) -> Option<ReplicaView> {
        let replica = self.replicas.get(at)?;
        Some(ReplicaView {
            role: match &replica.role {
                Role::Offline => ReplicaRole::Offline,
                Role::Leader(_) => ReplicaRole::Leader,
                Role::Follower(it) => ReplicaRole::Follower(it.leader),
            },
            leader_epoch: replica.leader_epoch,
            start: replica.log.start(),
            stable: replica.log.last_stable_offset(replica.high_watermark),
            high_watermark: replica.high_watermark,
            end: replica.log.end(),
            flushed: replica.log.flushed(),
        })
    }

    /// A group, if its coordinator lives here and has read what is known of it.
    pub fn group_view(&self, group: GroupId) -> Option<GroupView> {
        let coordinator = self.group_coordinator(self.config.group_partition(group)?)?;
        Some(match coordinator.group(group)? {
            Group::Classic(it) => GroupView {
                kind: GroupKind::Classic,
                state: it.state().name(),
                generation: it.generation(),
                assignor: it.assignor().cloned(),
                members: it.views().collect(),
            },
            Group::Consumer(it) => GroupView {
                kind: match it.protocol() {
                    crate::kafka::group::Protocol::Consumer => GroupKind::Consumer,
                    crate::kafka::group::Protocol::Share => GroupKind::Share,
                },
                state: it.state_name(),
                generation: it.epoch(),
                assignor: None,
                members: it.views().collect(),
            },
        })
    }

    /// What is committed for a group in a partition, if the group's coordinator lives here.
    pub fn committed(&self, group: GroupId, at: TopicPartition) -> Option<Offset> {
        self.group_coordinator(self.config.group_partition(group)?)?.committed(group, at)
    }

    /// Whether the coordinator of a group lives here.
    pub fn coordinates(&self, group: GroupId) -> bool {
        let at = self.config.group_partition(group);
        at.is_some_and(|at| self.group_coordinator(at).is_some())
    }

    /// A transactional id, if its coordinator lives here and has heard of it.
    pub fn txn_view(&self, txn: TxnId) -> Option<TxnView> {
        let it = self.txn_coordinator(self.config.txn_partition(txn)?)?.txn(txn)?;
        Some(TxnView {
            phase: it.phase,
            producer: it.id,
            epoch: it.epoch.unwrap_or(0),
            partitions: it.partitions.iter().copied().collect(),
        })
    }
}
