//! The coordinator of groups: who is a member of a group, who reads what, and how far they came.
//!
//! A [`GroupCoordinator`] belongs to one partition of `__consumer_offsets` and serves the groups
//! whose names hash to it. Three kinds of groups share it: those of the [classic](ClassicGroup)
//! protocol, in which one of the members assigns, those of KIP-848 and share groups, for which the
//! coordinator does (see [`ConsumerGroup`]).
//!
//! Source: `GroupCoordinatorService`, `GroupMetadataManager` and `OffsetMetadataManager` of Apache
//! Kafka 4.1.1.

mod classic;
mod commit;
mod consumer;
mod offsets;
mod pen;
#[cfg(test)]
mod properties;
mod record;
mod roster;
pub mod share;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use classic::{ClassicGroup, State};
pub use consumer::{ConsumerGroup, Phase, Protocol};

use std::collections::BTreeMap;

use super::config::ClusterConfig;
use super::coordinate::{Client, Coordinator, Desk, Stored, Ticket};
use crate::talk::kafka::{
    Answer, Api, Code, GroupId, Join, Leave, Offset, ProducerIdentity, Sync, TopicPartition,
};
use crate::talk::{Constant, KafkaTimer, Name};
use offsets::{Committed, Offsets};
use pen::{After, Pen, note_refusal, write_error};
use record::Record;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// Of the classic protocol, or only a holder of offsets.
    Classic(Box<ClassicGroup>),
    /// Of the consumer protocol, or a share group.
    Consumer(Box<ConsumerGroup>),
}

/// The coordinator of the groups of one partition of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupCoordinator {
    pen: Pen,
    groups: BTreeMap<GroupId, Group>,
    offsets: Offsets,
}

impl GroupCoordinator {
    /// A coordinator that has read nothing yet, for this partition.
    pub fn new(config: Constant<ClusterConfig>, partition: TopicPartition) -> GroupCoordinator {
        let pen = Pen::new(config, partition);
        GroupCoordinator { pen, groups: BTreeMap::new(), offsets: Offsets::default() }
    }

    /// A group, if it exists.
    pub fn group(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(&group)
    }

    /// The next offset that a group reads from a partition, as far as it is committed.
    pub fn committed(&self, group: GroupId, at: TopicPartition) -> Option<Offset> {
        self.offsets.get(group, at)?.offset
    }

    /// The group, if it is of the classic protocol.
    fn classic(&mut self, group: GroupId) -> Option<(&mut ClassicGroup, &mut Pen)> {
        match self.groups.get_mut(&group) {
            Some(Group::Classic(it)) => Some((it, &mut self.pen)),
            _ => None,
        }
    }

    fn consumer(&mut self, group: GroupId) -> Option<(&mut ConsumerGroup, &mut Pen)> {
        match self.groups.get_mut(&group) {
            Some(Group::Consumer(it)) => Some((it, &mut self.pen)),
            _ => None,
        }
    }

    fn on_join(&mut self, client: Client, join: Join, desk: &mut Desk<'_, '_>) {
        let group = join.group;
        let settings = self.pen.settings();
        let allowed = settings.group_min_session_timeout..=settings.group_max_session_timeout;
        let refused = if !allowed.contains(&join.session_timeout) {
            Some(Code::InvalidSessionTimeout)
        } else {
            match self.groups.get(&group) {
                // a new group of the other kind may begin where nobody is left
                Some(Group::Consumer(it)) if it.is_empty() => {
                    self.groups.remove(&group);
                    None
                }
                Some(Group::Consumer(_)) => Some(Code::InconsistentGroupProtocol),
                None if !join.member.is_empty() => Some(Code::UnknownMemberId),
                _ => None,
            }
        };
        if let Some(code) = refused {
            let answer = classic::refusal(join.member, code);
            return self.pen.refuse(group, client, answer, code, desk);
        }
        let is_new = !self.groups.contains_key(&group);
        if is_new {
            let fresh = ClassicGroup::new(group, desk.now());
            self.groups.insert(group, Group::Classic(Box::new(fresh)));
        }
        let Some((it, pen)) = self.classic(group) else { return };
        it.on_join(client, join, pen, desk);
        if is_new {
            let record = it.record();
            pen.write(record, After::Nothing, desk);
        }
    }

    fn on_sync(&mut self, client: Client, sync: Sync, desk: &mut Desk<'_, '_>) {
        match self.classic(sync.group) {
            Some((it, pen)) => it.on_sync(client, sync, pen, desk),
            None => {
                let code = Code::UnknownMemberId;
                self.pen.refuse(sync.group, client, Answer::SyncGroup(Err(code)), code, desk);
            }
        }
    }

    fn on_heartbeat(
        &mut self,
        client: Client,
        (group, generation): (GroupId, i32),
        (member, instance): (&Name, Option<&Name>),
        desk: &mut Desk<'_, '_>,
    ) {
        let result = match self.classic(group) {
            Some((it, _)) => it.on_heartbeat(member, instance, generation, desk),
            None => Err(Code::UnknownMemberId),
        };
        if let Err(code) = result
            && code != Code::RebalanceInProgress
        {
            note_refusal(group, client.node, code, desk);
        }
        desk.respond(client, Answer::Heartbeat(result));
    }

    fn on_leave(&mut self, client: Client, leave: &Leave, desk: &mut Desk<'_, '_>) {
        let result = match self.classic(leave.group) {
            Some((it, pen)) => it.on_leave(leave, pen, desk),
            None => Err(Code::UnknownMemberId),
        };
        desk.respond(client, Answer::LeaveGroup(result));
    }

    /// What follows a write, now that its outcome is known.
    fn follow(&mut self, after: After, result: Result<(), Code>, desk: &mut Desk<'_, '_>) {
        let answered = result.map_err(write_error);
        match after {
            After::Nothing => {}
            After::Synced(group, generation, assignments) => {
                if let Some((it, pen)) = self.classic(group) {
                    it.on_synced(generation, assignments, answered, pen, desk);
                }
            }
            After::Replaced(group, before) => {
                if let Some((it, _)) = self.classic(group) {
                    it.on_replaced(*before, answered, desk);
                }
            }
            After::Committed(commit) => self.on_committed(*commit, answered, desk),
            After::Expired(group, partitions) => {
                if result.is_ok() {
                    partitions.into_iter().for_each(|at| self.offsets.forget(group, at));
                }
            }
            After::Beaten(group, client, mut beaten, before) => {
                self.revert(group, result, before, desk);
                beaten.error = answered.err();
                desk.respond(client, Answer::ConsumerGroupHeartbeat(beaten));
            }
            After::Changed(group, before) => self.revert(group, result, before, desk),
        }
    }

    /// A record that was refused changes nothing. One of which nothing is known is in the log.
    fn revert(
        &mut self,
        group: GroupId,
        result: Result<(), Code>,
        before: Box<ConsumerGroup>,
        desk: &mut Desk<'_, '_>,
    ) {
        if matches!(result, Err(code) if code != Code::RequestTimedOut) {
            before.on_loaded(&self.pen, desk);
            self.groups.insert(group, Group::Consumer(before));
        }
    }

    fn replay(&mut self, record: &Record, producer: Option<ProducerIdentity>) {
        match record {
            Record::Classic(group, Some(record)) => {
                let restored = ClassicGroup::restored(*group, record);
                self.groups.insert(*group, Group::Classic(Box::new(restored)));
            }
            Record::Classic(group, None) => {
                self.groups.remove(group);
            }
            Record::Consumer(group, changes) => {
                if !matches!(self.groups.get(group), Some(Group::Consumer(_))) {
                    let fresh = ConsumerGroup::new(*group, Protocol::Consumer);
                    self.groups.insert(*group, Group::Consumer(Box::new(fresh)));
                }
                if let Some((it, _)) = self.consumer(*group) {
                    changes.iter().for_each(|change| it.apply(change));
                }
            }
            Record::Offsets { group, at, offsets } => {
                for (partition, offset) in offsets {
                    let it = Committed { offset: *offset, at: *at };
                    match producer {
                        None => self.offsets.commit(*group, *partition, it),
                        Some(producer) => {
                            self.offsets.commit_in_transaction(producer.id, *group, *partition, it)
                        }
                    }
                }
            }
            Record::Expired(group, partitions) => {
                partitions.iter().for_each(|at| self.offsets.forget(*group, *at));
            }
        }
    }
}

impl Coordinator for GroupCoordinator {
    fn on_request(&mut self, client: Client, api: Api, desk: &mut Desk<'_, '_>) {
        match api {
            Api::JoinGroup(join) => self.on_join(client, *join, desk),
            Api::SyncGroup(sync) => self.on_sync(client, *sync, desk),
            Api::Heartbeat { group, generation, member, instance } => {
                let who = (&member, instance.as_ref());
                self.on_heartbeat(client, (group, generation), who, desk);
            }
            Api::LeaveGroup(leave) => self.on_leave(client, &leave, desk),
            Api::OffsetCommit(commit) => self.on_commit(client, *commit, desk),
            Api::TxnOffsetCommit(commit) => self.on_txn_commit(client, *commit, desk),
            Api::OffsetFetch { group, require_stable, partitions } => {
                self.on_offset_fetch(client, group, require_stable, &partitions, desk);
            }
            Api::ConsumerGroupHeartbeat(beat) => {
                self.on_beat(Protocol::Consumer, client, *beat, desk);
            }
            Api::ShareGroupHeartbeat(beat) => self.on_beat(Protocol::Share, client, *beat, desk),
            _ => {}
        }
    }

    fn on_written(
        &mut self,
        ticket: Ticket,
        result: Result<Offset, Code>,
        desk: &mut Desk<'_, '_>,
    ) {
        if let Some(after) = self.pen.take(ticket) {
            self.follow(after, result.map(drop), desk);
        }
    }

    fn on_timer(&mut self, timer: KafkaTimer, desk: &mut Desk<'_, '_>) {
        if timer == KafkaTimer::OffsetRetention {
            return self.expire_offsets(desk);
        }
        let (KafkaTimer::Join(group)
        | KafkaTimer::Sync(group)
        | KafkaTimer::Session(group, _)
        | KafkaTimer::Member(group, _)) = timer
        else {
            return;
        };
        let pen = &mut self.pen;
        match (self.groups.get_mut(&group), timer) {
            (Some(Group::Classic(it)), KafkaTimer::Join(_)) => it.on_join_timer(pen, desk),
            (Some(Group::Classic(it)), KafkaTimer::Sync(_)) => it.on_sync_timer(pen, desk),
            (Some(Group::Classic(it)), KafkaTimer::Session(_, at)) => it.on_session(at, pen, desk),
            (Some(Group::Classic(it)), KafkaTimer::Member(_, at)) => it.on_expected(at, pen, desk),
            (Some(Group::Consumer(it)), KafkaTimer::Session(_, at)) => it.on_session(at, pen, desk),
            (Some(Group::Consumer(it)), KafkaTimer::Member(_, at)) => it.on_slow(at, pen, desk),
            _ => {}
        }
    }

    fn on_marker(&mut self, producer: ProducerIdentity, commit: bool, desk: &mut Desk<'_, '_>) {
        let by = desk.ctx.me;
        for (group, at, it) in self.offsets.end_transaction(producer.id, commit) {
            commit::note(group, at, it.offset, by, desk);
        }
    }

    fn load<'a>(
        &mut self,
        records: impl Iterator<Item = (Offset, Stored<'a>)>,
        desk: &mut Desk<'_, '_>,
    ) {
        self.groups.clear();
        self.offsets = Offsets::default();
        for (_, stored) in records {
            match stored {
                Stored::Record(parcel, producer) => {
                    if let Some(record) = parcel.open::<Record>() {
                        self.replay(record, producer);
                    }
                }
                Stored::Marker { producer, commit } => {
                    self.offsets.end_transaction(producer.id, commit);
                }
            }
        }
        for group in self.offsets.groups() {
            let fresh = || Group::Classic(Box::new(ClassicGroup::new(group, desk.now())));
            self.groups.entry(group).or_insert_with(fresh);
        }
        for group in self.groups.values() {
            match group {
                Group::Classic(it) => it.on_loaded(desk),
                Group::Consumer(it) => it.on_loaded(&self.pen, desk),
            }
        }
    }

    fn unload(&mut self, desk: &mut Desk<'_, '_>) {
        let pending: Vec<After> = self.pen.take_all().collect();
        for group in self.groups.values_mut() {
            match group {
                Group::Classic(it) => it.unload(desk),
                Group::Consumer(it) => it.unload(desk),
            }
        }
        for after in pending {
            match after {
                After::Committed(commit) => {
                    self.on_committed(*commit, Err(Code::NotCoordinator), desk);
                }
                After::Beaten(_, client, mut beaten, _) => {
                    beaten.error = Some(Code::NotCoordinator);
                    desk.respond(client, Answer::ConsumerGroupHeartbeat(beaten));
                }
                _ => {}
            }
        }
        self.groups.clear();
        self.offsets = Offsets::default();
    }
}
