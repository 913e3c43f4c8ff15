//! Heartbeats: how members join, leave, and learn what is theirs.

use std::sync::Arc;

use super::draft::Draft;
use super::member::{Member, Phase};
use super::reconcile::{Target, reconcile};
use super::{Change, ConsumerGroup, Protocol};
use crate::kafka::coordinate::{Client, Desk};
use crate::kafka::group::pen::{Pen, note_refusal};
use crate::kafka::group::{Group, GroupCoordinator};
use crate::kafka::version::Version;
use crate::kernel::Span;
use crate::talk::kafka::{
    Answer, Code, ConsumerBeat, ConsumerBeaten, KafkaNote, Left, MemberEpoch, TopicId,
};
use crate::talk::{KafkaTimer, Name};

/// The epoch in which a member joins.
const JOIN: MemberEpoch = 0;
/// The epoch in which a member leaves.
const LEAVE: MemberEpoch = -1;
/// The epoch in which a static member leaves for a while.
const LEAVE_FOR_A_WHILE: MemberEpoch = -2;

impl GroupCoordinator {
    /// A heartbeat of a member of the consumer protocol, or of a share group.
    pub(in crate::kafka::group) fn on_beat(
        &mut self,
        protocol: Protocol,
        client: Client,
        beat: ConsumerBeat,
        desk: &mut Desk<'_, '_>,
    ) {
        let id = beat.group;
        let result = match self.groups.get(&id) {
            Some(Group::Consumer(it)) if it.protocol == protocol => Ok(false),
            Some(Group::Consumer(it)) if it.is_empty() && beat.epoch == JOIN => Ok(true),
            Some(Group::Consumer(_)) => Err(Code::InconsistentGroupProtocol),
            Some(Group::Classic(it)) if it.is_deserted() && beat.epoch == JOIN => Ok(true),
            None if beat.epoch == JOIN => Ok(true),
            Some(Group::Classic(_)) | None => Err(Code::GroupIdNotFound),
        };
        let is_new = match result {
            Ok(is_new) => is_new,
            Err(code) => {
                return refuse(
                    client,
                    beat,
                    code,
                    self.pen.settings().group_consumer_heartbeat_interval,
                    desk,
                );
            }
        };
        if is_new {
            let fresh = ConsumerGroup::new(id, protocol);
            self.groups.insert(id, Group::Consumer(Box::new(fresh)));
        }
        if let Some((it, pen)) = self.consumer(id) {
            it.on_beat(client, beat, is_new, pen, desk);
        }
    }
}

fn refuse(client: Client, beat: ConsumerBeat, code: Code, interval: Span, desk: &mut Desk<'_, '_>) {
    note_refusal(beat.group, client.node, code, desk);
    let beaten = ConsumerBeaten {
        error: Some(code),
        member: beat.member,
        epoch: beat.epoch,
        interval,
        assignment: None,
    };
    desk.respond(client, Answer::ConsumerGroupHeartbeat(Box::new(beaten)));
}

impl ConsumerGroup {
    fn on_beat(
        &mut self,
        client: Client,
        beat: ConsumerBeat,
        is_new: bool,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        let interval = self.interval(pen);
        let mut draft = Draft::new(self);
        if is_new {
            draft.change(Change::Protocol(draft.group.protocol));
        }
        let result = if beat.epoch < 0 {
            draft.leave(&beat, desk)
        } else {
            draft.beat(client, &beat, pen, desk)
        };
        match result {
            Ok((epoch, assignment)) => {
                let (error, member) = (None, beat.member);
                let beaten = ConsumerBeaten { error, member, epoch, interval, assignment };
                draft.answer(client, beaten, pen, desk);
            }
            Err(code) => refuse(client, beat, code, interval, desk),
        }
    }

    /// A member has sent no heartbeat for its session timeout.
    pub(in crate::kafka::group) fn on_session(
        &mut self,
        place: u16,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        self.fence(place, Left::Session, pen, desk);
    }

    /// A member has not given up what it must within its rebalance timeout.
    pub(in crate::kafka::group) fn on_slow(
        &mut self,
        place: u16,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if self.members.at(place).is_some_and(|it| it.phase == Phase::Unrevoked) {
            self.fence(place, Left::Rebalance, pen, desk);
        }
    }

    fn fence(&mut self, place: u16, why: Left, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let Some(id) = self.members.at(place).map(|it| it.id.clone()) else { return };
        let mut draft = Draft::new(self);
        draft.remove(&id, why, desk);
        draft.write(pen, desk);
    }

    /// Source: `throwIfConsumerGroupMemberEpochIsInvalid`, `throwIfShareGroupMemberEpochIsInvalid`:
    /// an answer may have been lost, so that a member comes with the epoch before, and with nothing
    /// that it was not given.
    fn check_epoch(&self, member: &Member, beat: &ConsumerBeat) -> Result<(), Code> {
        let has = |at: &_| member.assigned.binary_search(at).is_ok();
        let is_subset = || match self.protocol {
            Protocol::Consumer => beat.owned.as_ref().is_some_and(|it| it.iter().all(has)),
            Protocol::Share => true,
        };
        let is_one_behind = || beat.epoch < member.epoch && beat.epoch == member.previous_epoch;
        match beat.epoch == member.epoch || (is_one_behind() && is_subset()) {
            true => Ok(()),
            false => Err(Code::FencedMemberEpoch),
        }
    }

    /// How many partitions the topics have that members read.
    fn subscribed(&self, desk: &Desk<'_, '_>) -> Vec<(TopicId, u16)> {
        let mut topics: Vec<TopicId> =
            self.members.iter().flat_map(|(_, it)| it.topics.iter().copied()).collect();
        topics.sort_unstable();
        topics.dedup();
        topics.into_iter().map(|topic| (topic, desk.image.partitions(topic))).collect()
    }

    /// 4.3 waits between two assignments, so that members that come together are assigned together.
    fn may_assign(&self, pen: &Pen, desk: &Desk<'_, '_>) -> bool {
        let waits = pen.config().profile.version >= Version::new(4, 3);
        let interval = pen.settings().group_consumer_assignment_interval;
        !waits || self.target_epoch == 0 || desk.now().since(self.assigned_at) >= interval
    }
}

/// What a heartbeat is answered: the member's epoch, and its partitions when they are news to it.
type Beaten = (MemberEpoch, Option<Vec<crate::talk::kafka::TopicPartition>>);

impl Draft<'_> {
    fn leave(&mut self, beat: &ConsumerBeat, desk: &mut Desk<'_, '_>) -> Result<Beaten, Code> {
        let id = match &beat.instance {
            None => beat.member.clone(),
            Some(instance) => {
                let holder = self.group.instances.get(instance).ok_or(Code::UnknownMemberId)?;
                if *holder != beat.member {
                    return Err(Code::FencedInstanceId);
                }
                holder.clone()
            }
        };
        let member = self.group.members.get(&id).ok_or(Code::UnknownMemberId)?;
        if beat.epoch == LEAVE_FOR_A_WHILE && beat.instance.is_some() {
            // its partitions wait for it until its session ends
            let away = Member {
                epoch: LEAVE_FOR_A_WHILE,
                phase: Phase::Stable,
                revoking: Vec::new(),
                ..Member::clone(member)
            };
            self.change(Change::Member(Arc::new(away)));
            return Ok((LEAVE_FOR_A_WHILE, None));
        }
        self.remove(&id, Left::Left, desk);
        Ok((LEAVE, None))
    }

    /// A member is out: the group moves to its next epoch. Source: `consumerGroupFenceMember`.
    fn remove(&mut self, id: &Name, why: Left, desk: &mut Desk<'_, '_>) {
        let (Some(place), Some(member)) =
            (self.group.members.place(id), self.group.members.get(id))
        else {
            return;
        };
        let (group, peer) = (self.group.id, member.client);
        desk.disarm(KafkaTimer::Session(group, place));
        desk.disarm(KafkaTimer::Member(group, place));
        desk.note(KafkaNote::MemberGone { group, peer, why });
        self.change(Change::Gone(id.clone()));
        self.next_epoch(desk);
    }

    fn next_epoch(&mut self, desk: &mut Desk<'_, '_>) {
        desk.note(KafkaNote::RebalanceBegan { group: self.group.id });
        self.change(Change::Epoch(self.group.epoch + 1));
    }

    /// Source: `consumerGroupHeartbeat`, `shareGroupHeartbeat`.
    fn beat(
        &mut self,
        client: Client,
        beat: &ConsumerBeat,
        pen: &Pen,
        desk: &mut Desk<'_, '_>,
    ) -> Result<Beaten, Code> {
        let before = self.find(beat)?;
        let described = before.described(client.node, beat);
        let is_news = self.group.members.get(&described.id).is_none_or(|it| **it != described);
        let must_bump = self.group.epoch == 0 || before.wants_something_else(&described);
        if is_news {
            self.change(Change::Member(Arc::new(described)));
        }
        let topics = self.group.subscribed(desk);
        let has_new_topics =
            !topics.iter().copied().eq(self.group.topics.iter().map(|(t, n)| (*t, *n)));
        if has_new_topics {
            self.change(Change::Topics(topics));
        }
        if must_bump || has_new_topics {
            self.next_epoch(desk);
        }
        if self.group.target_epoch < self.group.epoch && self.group.may_assign(pen, desk) {
            let (epoch, at) = (self.group.epoch, desk.now());
            let parts = self.group.target(pen.config(), desk.image);
            self.change(Change::Target { epoch, at, parts });
            let (group, members) = (self.group.id, self.group.members.len() as u16);
            desk.note(KafkaNote::Rebalanced { group, generation: epoch, members });
        }
        self.advance(&beat.member, beat, desk);
        let (Some(place), Some(member)) =
            (self.group.members.place(&beat.member), self.group.members.get(&beat.member))
        else {
            return Err(Code::UnknownMemberId);
        };
        desk.arm(KafkaTimer::Session(self.group.id, place), self.group.session_timeout(pen));
        let is_full =
            beat.rebalance_timeout.is_some() && beat.topics.is_some() && beat.owned.is_some();
        let is_told = beat.epoch == JOIN || is_full || member.assigned != before.assigned;
        Ok((member.epoch, is_told.then(|| member.assigned.clone())))
    }

    /// The member as it was, a new one, or the one whose place it takes.
    ///
    /// Source: `getOrMaybeSubscribeDynamicConsumerGroupMember`,
    /// `getOrMaybeSubscribeStaticConsumerGroupMember`.
    fn find(&mut self, beat: &ConsumerBeat) -> Result<Arc<Member>, Code> {
        let fresh = || Arc::new(Member { id: beat.member.clone(), ..Member::default() });
        let holder = beat.instance.as_ref().map(|it| self.group.instances.get(it));
        let joins = beat.epoch == JOIN;
        match holder {
            None | Some(None) if joins => {
                let member = self.group.members.get(&beat.member).cloned().unwrap_or_else(fresh);
                self.group.check_epoch(&member, beat)?;
                Ok(member)
            }
            Some(None) => Err(Code::UnknownMemberId),
            None => {
                let member = self.group.members.get(&beat.member).cloned();
                let member = member.ok_or(Code::UnknownMemberId)?;
                self.group.check_epoch(&member, beat)?;
                Ok(member)
            }
            Some(Some(holder)) => {
                let held = self.group.members.get(holder).cloned().ok_or(Code::UnknownMemberId)?;
                if !joins {
                    if held.id != beat.member {
                        return Err(Code::FencedInstanceId);
                    }
                    self.group.check_epoch(&held, beat)?;
                    return Ok(held);
                }
                if held.epoch != LEAVE_FOR_A_WHILE {
                    return Err(Code::UnreleasedInstanceId);
                }
                let back = Arc::new(Member {
                    id: beat.member.clone(),
                    epoch: 0,
                    previous_epoch: 0,
                    phase: Phase::Stable,
                    ..Member::clone(&held)
                });
                self.change(Change::Replaced(held.id.clone(), Arc::clone(&back)));
                Ok(back)
            }
        }
    }

    /// The member comes nearer to what it is to have. In a share group it has that at once.
    fn advance(&mut self, id: &Name, beat: &ConsumerBeat, desk: &mut Desk<'_, '_>) {
        let (Some(place), Some(member)) =
            (self.group.members.place(id), self.group.members.get(id))
        else {
            return;
        };
        let epoch = self.group.target_epoch;
        let next = match self.group.protocol {
            Protocol::Consumer => {
                let target = Target { epoch, partitions: &member.target };
                reconcile(member, target, |at| self.group.is_free(at), beat.owned.as_deref())
            }
            Protocol::Share => (member.epoch != epoch).then(|| Member {
                epoch,
                previous_epoch: member.epoch,
                assigned: member.target.to_vec(),
                ..Member::clone(member)
            }),
        };
        let Some(next) = next else { return };
        let timer = KafkaTimer::Member(self.group.id, place);
        match next.phase {
            Phase::Unrevoked => desk.arm(timer, next.rebalance_timeout),
            Phase::Stable | Phase::Unreleased => desk.disarm(timer),
        }
        self.change(Change::Member(Arc::new(next)));
    }
}
