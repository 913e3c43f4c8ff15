//! Groups whose partitions the coordinator assigns: the consumer protocol (KIP-848) and the
//! membership of share groups (KIP-932).
//!
//! Every change of the members or of their topics moves the group to its next epoch, for which the
//! coordinator computes a target. Each member then comes to its part of the target by itself, from
//! heartbeat to heartbeat; nobody waits for anybody but for the partitions it is to get.
//!
//! What changes is written before it is answered, and is a list of [`Change`]s, by which another
//! coordinator comes to the same group.
//!
//! Source: `GroupMetadataManager`, `ConsumerGroup` and `CurrentAssignmentBuilder` of Apache Kafka
//! 4.1.1.

mod beat;
mod draft;
mod member;
mod reconcile;
mod target;
#[cfg(test)]
mod tests;

pub use member::Phase;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::pen::Pen;
use super::roster::Roster;
use crate::kafka::coordinate::Desk;
use crate::kafka::view::MemberView;
use crate::kernel::{NodeId, Span, Time};
use crate::talk::kafka::{Code, GroupId, TopicId, TopicPartition};
use crate::talk::{KafkaTimer, Name};
use member::Member;

/// Which protocol a group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// A partition belongs to one member.
    Consumer,
    /// Members share partitions.
    Share,
}

/// What changes in a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Change {
    /// A group of this kind begins, with nothing of what it may have been before.
    Protocol(Protocol),
    /// It moved to this epoch.
    Epoch(i32),
    /// So many partitions do the topics have that it reads.
    Topics(Vec<(TopicId, u16)>),
    /// A member came, or is different.
    Member(Arc<Member>),
    /// A static member came back with another id.
    Replaced(Name, Arc<Member>),
    /// A member left.
    Gone(Name),
    /// What the members are to have.
    Target {
        /// In which epoch.
        epoch: i32,
        /// When it was computed.
        at: Time,
        /// By member.
        parts: Vec<(Name, Arc<[TopicPartition]>)>,
    },
}

/// A group of the consumer protocol, or a share group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerGroup {
    id: GroupId,
    protocol: Protocol,
    epoch: i32,
    target_epoch: i32,
    assigned_at: Time,
    members: Roster<Arc<Member>>,
    instances: BTreeMap<Name, Name>,
    /// In which epoch its owner is, for each partition; -1 where nobody owns it.
    owners: BTreeMap<TopicId, Vec<i32>>,
    topics: BTreeMap<TopicId, u16>,
}

impl ConsumerGroup {
    pub(super) fn new(id: GroupId, protocol: Protocol) -> ConsumerGroup {
        ConsumerGroup {
            id,
            protocol,
            epoch: 0,
            target_epoch: 0,
            assigned_at: Time::ZERO,
            members: Roster::default(),
            instances: BTreeMap::new(),
            owners: BTreeMap::new(),
            topics: BTreeMap::new(),
        }
    }

    /// Which protocol it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Its epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Its state, as Kafka's tools write it (`ConsumerGroupState`).
    pub fn state_name(&self) -> &'static str {
        let settled = |it: &Member| it.phase == Phase::Stable && it.epoch == self.target_epoch;
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.target_epoch {
            "Assigning"
        } else if self.members.iter().all(|(_, it)| settled(it)) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Its members as they can be seen from outside.
    pub fn views(&self) -> impl Iterator<Item = MemberView> {
        self.members.iter().map(|(_, it)| MemberView {
            client: it.client,
            state: match it.phase {
                Phase::Stable => "stable",
                Phase::Unrevoked => "must revoke",
                Phase::Unreleased => "waits",
            },
            epoch: it.epoch,
            leads: false,
            partitions: it.assigned.iter().chain(&it.revoking).copied().collect(),
        })
    }

    /// Its members: id, client, epoch, how far they are, and their partitions.
    pub fn members(&self) -> impl Iterator<Item = (&Name, NodeId, i32, Phase, &[TopicPartition])> {
        self.members
            .iter()
            .map(|(_, it)| (&it.id, it.client, it.epoch, it.phase, it.assigned.as_slice()))
    }

    pub(super) fn subscribes(&self, topic: TopicId) -> bool {
        self.topics.contains_key(&topic)
    }

    /// Whether a commit is allowed: only in the epoch that the member has reached.
    ///
    /// Source: `ConsumerGroup.validateOffsetCommit` of 4.1.1.
    pub(super) fn check_commit(
        &self,
        id: &Name,
        instance: Option<&Name>,
        epoch: i32,
        transactional: bool,
    ) -> Result<(), Code> {
        let is_anonymous = id.is_empty() && instance.is_none() && epoch < 0;
        if (epoch < 0 && self.members.is_empty()) || (transactional && is_anonymous) {
            return Ok(());
        }
        let member = self.members.get(id).ok_or(Code::UnknownMemberId)?;
        if member.epoch == epoch { Ok(()) } else { Err(Code::StaleMemberEpoch) }
    }

    /// Whether nobody owns a partition.
    fn is_free(&self, at: TopicPartition) -> bool {
        let of_topic = self.owners.get(&at.topic);
        of_topic.and_then(|it| it.get(usize::from(at.partition))).is_none_or(|&epoch| epoch == -1)
    }

    /// Carries a change out. A coordinator that takes over does the same with what it reads.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Protocol(protocol) => *self = ConsumerGroup::new(self.id, *protocol),
            Change::Epoch(epoch) => self.epoch = *epoch,
            Change::Topics(topics) => self.topics = topics.iter().copied().collect(),
            Change::Member(member) => self.put(Arc::clone(member)),
            Change::Replaced(old, member) => {
                self.members.rename(old, member.id.clone());
                self.put(Arc::clone(member));
            }
            Change::Gone(id) => {
                if let Some((_, member)) = self.members.remove(id) {
                    self.own(&member, -1);
                    if let Some(instance) = &member.instance {
                        self.instances.remove(instance);
                    }
                }
            }
            Change::Target { epoch, at, parts } => {
                (self.target_epoch, self.assigned_at) = (*epoch, *at);
                for (id, target) in parts {
                    if let Some(member) = self.members.get_mut(id) {
                        Arc::make_mut(member).target = Arc::clone(target);
                    }
                }
            }
        }
    }

    fn put(&mut self, member: Arc<Member>) {
        if let Some(before) = self.members.get(&member.id).cloned() {
            self.own(&before, -1);
        }
        self.own(&member, member.epoch);
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), member.id.clone());
        }
        self.members.insert(member.id.clone(), member);
    }

    /// What a member has, or has still, is owned in this epoch.
    fn own(&mut self, member: &Member, epoch: i32) {
        if self.protocol == Protocol::Share {
            return;
        }
        for at in member.assigned.iter().chain(&member.revoking) {
            let of_topic = self.owners.entry(at.topic).or_default();
            let place = usize::from(at.partition);
            if of_topic.len() <= place {
                of_topic.resize(place + 1, -1);
            }
            of_topic[place] = epoch; // it was made long enough just now
        }
    }

    fn session_timeout(&self, pen: &Pen) -> Span {
        match self.protocol {
            Protocol::Consumer => pen.settings().group_consumer_session_timeout,
            Protocol::Share => pen.settings().group_share_session_timeout,
        }
    }

    fn interval(&self, pen: &Pen) -> Span {
        match self.protocol {
            Protocol::Consumer => pen.settings().group_consumer_heartbeat_interval,
            Protocol::Share => pen.settings().group_share_heartbeat_interval,
        }
    }

    /// All records are read: sessions begin, and the time that members have to revoke. Source:
    /// `GroupMetadataManager.onLoaded` of 4.1.1.
    pub(super) fn on_loaded(&self, pen: &Pen, desk: &mut Desk<'_, '_>) {
        for (place, member) in self.members.iter() {
            desk.arm(KafkaTimer::Session(self.id, place), self.session_timeout(pen));
            if member.phase == Phase::Unrevoked {
                desk.arm(KafkaTimer::Member(self.id, place), member.rebalance_timeout);
            }
        }
    }

    /// The group moves to another broker.
    pub(super) fn unload(&self, desk: &mut Desk<'_, '_>) {
        for (place, _) in self.members.iter() {
            desk.disarm(KafkaTimer::Session(self.id, place));
            desk.disarm(KafkaTimer::Member(self.id, place));
        }
    }
}
