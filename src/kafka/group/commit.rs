//! `OffsetCommit`, `TxnOffsetCommit`, `OffsetFetch`, and how offsets expire.

use super::offsets::Committed;
use super::pen::{After, Commit, note_refusal};
use super::record::Record;
use super::{ClassicGroup, Group, GroupCoordinator};
use crate::kafka::coordinate::{Client, Desk};
use crate::kernel::NodeId;
use crate::talk::Name;
use crate::talk::kafka::{
    Answer, Code, CommitOffsets, Each, GroupId, KafkaNote, Offset, TopicPartition, TxnOffsets,
};

/// Who commits, and what it knows of its group.
struct Committer<'a> {
    group: GroupId,
    member: &'a Name,
    instance: Option<&'a Name>,
    generation: i32,
    transactional: bool,
}

/// Tells the observer of an offset that counts.
pub(super) fn note(
    group: GroupId,
    at: TopicPartition,
    offset: Option<Offset>,
    by: NodeId,
    desk: &mut Desk<'_, '_>,
) {
    if let Some(offset) = offset {
        desk.note(KafkaNote::OffsetCommitted { group, at, offset, by });
    }
}

fn each(offsets: &[(TopicPartition, Option<Offset>)], result: Result<(), Code>) -> Each<()> {
    offsets.iter().map(|(at, _)| (*at, result)).collect()
}

impl GroupCoordinator {
    /// Source: `OffsetMetadataManager.commitOffset`.
    pub(super) fn on_commit(
        &mut self,
        client: Client,
        commit: CommitOffsets,
        desk: &mut Desk<'_, '_>,
    ) {
        let committer = Committer {
            group: commit.group,
            member: &commit.member,
            instance: commit.instance.as_ref(),
            generation: commit.generation,
            transactional: false,
        };
        if let Err(code) = self.check_commit(&committer, desk) {
            note_refusal(commit.group, client.node, code, desk);
            let answer = Answer::OffsetCommit(each(&commit.offsets, Err(code)));
            return desk.respond(client, answer);
        }
        if let Some((it, _)) = self.classic(commit.group) {
            it.renew_by_commit(&commit.member, desk);
        }
        let (group, at, offsets) = (commit.group, desk.now(), commit.offsets);
        let record = Record::Offsets { group, at, offsets: offsets.clone() };
        let commit = Commit { group, client, at, offsets, producer: None };
        self.pen.write(record, After::Committed(Box::new(commit)), desk);
    }

    /// Without the member's generation nothing is fenced (KafkaJS); with it a zombie is (KIP-447).
    ///
    /// Source: `OffsetMetadataManager.commitTransactionalOffset`.
    pub(super) fn on_txn_commit(
        &mut self,
        client: Client,
        commit: TxnOffsets,
        desk: &mut Desk<'_, '_>,
    ) {
        let nobody = Name::default();
        let (generation, member) = commit.member.as_ref().map_or((-1, &nobody), |it| (it.0, &it.1));
        let committer = Committer {
            group: commit.group,
            member,
            instance: commit.instance.as_ref(),
            generation,
            transactional: true,
        };
        let offsets: Vec<_> = commit.offsets.iter().map(|(at, it)| (*at, Some(*it))).collect();
        if let Err(code) = self.check_commit(&committer, desk) {
            // it is not told from an old generation
            let code = if code == Code::StaleMemberEpoch { Code::IllegalGeneration } else { code };
            note_refusal(commit.group, client.node, code, desk);
            return desk.respond(client, Answer::TxnOffsetCommit(each(&offsets, Err(code))));
        }
        let (group, at, producer) = (commit.group, desk.now(), commit.producer);
        let record = Record::Offsets { group, at, offsets: offsets.clone() };
        let commit = Commit { group, client, at, offsets, producer: Some(producer) };
        let after = After::Committed(Box::new(commit));
        self.pen.write_in_transaction(record, producer, after, desk);
    }

    fn check_commit(&mut self, by: &Committer<'_>, desk: &Desk<'_, '_>) -> Result<(), Code> {
        match self.groups.get(&by.group) {
            None if by.generation < 0 => {
                let fresh = ClassicGroup::new(by.group, desk.now());
                self.groups.insert(by.group, Group::Classic(Box::new(fresh)));
                Ok(())
            }
            None => Err(Code::IllegalGeneration),
            Some(Group::Classic(it)) => {
                it.check_commit(by.member, by.instance, by.generation, by.transactional)
            }
            Some(Group::Consumer(it)) => {
                it.check_commit(by.member, by.instance, by.generation, by.transactional)
            }
        }
    }

    /// A commit is in the log of all that are in sync, or is not known to be.
    pub(super) fn on_committed(
        &mut self,
        commit: Commit,
        result: Result<(), Code>,
        desk: &mut Desk<'_, '_>,
    ) {
        let Commit { group, client, at, offsets, producer } = commit;
        let answer = each(&offsets, result);
        if result.is_ok() {
            for (partition, offset) in offsets {
                let it = Committed { offset, at };
                match producer {
                    Some(producer) => {
                        self.offsets.commit_in_transaction(producer.id, group, partition, it);
                    }
                    None => {
                        self.offsets.commit(group, partition, it);
                        note(group, partition, offset, client.node, desk);
                    }
                }
            }
        }
        let answer = match producer {
            Some(_) => Answer::TxnOffsetCommit(answer),
            None => Answer::OffsetCommit(answer),
        };
        desk.respond(client, answer);
    }

    /// Whoever must have stable offsets waits while a transaction has one that is newer (KIP-447).
    ///
    /// Source: `OffsetMetadataManager.fetchOffsets`.
    pub(super) fn on_offset_fetch(
        &self,
        client: Client,
        group: GroupId,
        require_stable: bool,
        partitions: &[TopicPartition],
        desk: &mut Desk<'_, '_>,
    ) {
        let of = |at: &TopicPartition| {
            let is_unstable = require_stable && self.offsets.is_pending(group, *at);
            let offset = self.committed(group, *at);
            (*at, if is_unstable { Err(Code::UnstableOffsetCommit) } else { Ok(offset) })
        };
        let answer = partitions.iter().map(of).collect();
        desk.respond(client, Answer::OffsetFetch(Ok(answer)));
    }

    /// Drops offsets that are older than `offsets.retention.minutes`, and groups that nothing is left
    /// of.
    ///
    /// Source: `GroupCoordinatorShard.cleanupGroupMetadata`.
    pub(super) fn expire_offsets(&mut self, desk: &mut Desk<'_, '_>) {
        let retention = self.pen.settings().offsets_retention;
        let mut deserted = Vec::new();
        for (&group, it) in &self.groups {
            let ages_since = |at: TopicPartition, committed: Committed| match it {
                Group::Classic(it) => it.ages_since(at.topic, committed.at),
                Group::Consumer(it) => (!it.subscribes(at.topic)).then_some(committed.at),
            };
            let is_old = |&(at, committed): &(TopicPartition, Committed)| {
                !self.offsets.is_pending(group, at)
                    && ages_since(at, committed)
                        .is_some_and(|since| desk.now().since(since) >= retention)
            };
            let old: Vec<_> = self.offsets.of(group).filter(is_old).map(|(at, _)| at).collect();
            if !old.is_empty() {
                let record = Record::Expired(group, old.clone());
                self.pen.write(record, After::Expired(group, old), desk);
            } else if let Group::Classic(it) = it
                && it.is_deserted()
                && !self.offsets.has(group)
            {
                deserted.push(group);
            }
        }
        for group in deserted {
            self.groups.remove(&group);
            self.pen.write(Record::Classic(group, None), After::Nothing, desk);
        }
    }
}
