//! Members of groups for tests.

use std::sync::Arc;

use super::GroupCoordinator;
use crate::kafka::config::ClusterConfig;
use crate::kafka::coordinate::lab;
use crate::kafka::profile::Profile;
use crate::kernel::Span;
use crate::talk::kafka::{
    Answer, Api, Code, CommitOffsets, ConsumerBeat, ConsumerBeaten, GroupId, Join, Joined, Leave,
    Offset, Protocol, Subscription, Sync, TopicId, TopicPartition,
};
use crate::talk::{Constant, Name};

pub(super) type Lab = lab::Lab<GroupCoordinator>;

pub(super) const G: GroupId = GroupId(0);

/// A coordinator of 4.1 that has read nothing.
pub(super) fn fresh() -> GroupCoordinator {
    of_version("kafka-4.1")
}

pub(super) fn of_version(name: &str) -> GroupCoordinator {
    let mut config = ClusterConfig::new(*Profile::by_name(name).expect("a profile"));
    config.topics.push(config.topic("orders", 6));
    config.groups.push("g".into());
    GroupCoordinator::new(Constant::new(config), TopicPartition::new(TopicId(1), 0))
}

/// A coordinator of a group that reads a topic of six partitions.
pub(super) fn lab() -> Lab {
    Lab::new(fresh(), &[6])
}

pub(super) fn secs(n: u64) -> Span {
    Span::from_secs(n)
}

pub(super) fn part(n: u16) -> TopicPartition {
    TopicPartition::new(TopicId(0), n)
}

pub(super) fn parts(numbers: impl IntoIterator<Item = u16>) -> Vec<TopicPartition> {
    numbers.into_iter().map(part).collect()
}

/// A join of a dynamic member: rebalance timeout 60 s, session timeout 10 s.
pub(super) fn join(member: &Name) -> Join {
    Join {
        group: G,
        member: member.clone(),
        instance: None,
        client_id: "c".into(),
        session_timeout: secs(10),
        rebalance_timeout: secs(60),
        member_id_required: true,
        protocols: protocols(&["range"]),
    }
}

pub(super) fn protocols(names: &[&str]) -> Vec<Protocol> {
    let subscription =
        Arc::new(Subscription { topics: vec![TopicId(0)], generation: -1, ..Default::default() });
    let protocol =
        |name: &&str| Protocol { name: (*name).into(), subscription: Arc::clone(&subscription) };
    names.iter().map(protocol).collect()
}

impl Lab {
    pub(super) fn join(&mut self, node: u32, join: Join) -> u32 {
        self.send(node, Api::JoinGroup(Box::new(join)))
    }

    /// The answer to a join.
    pub(super) fn joined(&mut self, request: u32) -> Joined {
        match self.answer(request) {
            Some(Answer::JoinGroup(joined)) => *joined,
            other => panic!("no answer to a join: {other:?}"),
        }
    }

    /// Gets an id and joins with it; both members and requests that wait are returned.
    pub(super) fn join_dynamic(&mut self, node: u32) -> (Name, u32) {
        let first = self.join(node, join(&Name::default()));
        let told = self.joined(first);
        assert_eq!(told.error, Some(Code::MemberIdRequired));
        let request = self.join(node, join(&told.member));
        (told.member, request)
    }

    pub(super) fn sync(
        &mut self,
        node: u32,
        generation: i32,
        member: &Name,
        assignments: &[(&Name, &[u16])],
    ) -> u32 {
        let of = |(id, it): &(&Name, &[u16])| ((*id).clone(), parts(it.iter().copied()));
        let sync = Sync {
            group: G,
            generation,
            member: member.clone(),
            instance: None,
            assignments: assignments.iter().map(of).collect(),
        };
        self.send(node, Api::SyncGroup(Box::new(sync)))
    }

    pub(super) fn synced(&mut self, request: u32) -> Result<Vec<u16>, Code> {
        match self.answer(request) {
            Some(Answer::SyncGroup(it)) => it.map(|it| it.iter().map(|at| at.partition).collect()),
            other => panic!("no answer to a sync: {other:?}"),
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        node: u32,
        generation: i32,
        member: &Name,
    ) -> Result<(), Code> {
        let api = Api::Heartbeat { group: G, generation, member: member.clone(), instance: None };
        match self.ask(node, api) {
            Answer::Heartbeat(it) => it,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    pub(super) fn leave(&mut self, node: u32, member: &str, instance: Option<&str>) -> Answer {
        let instance = instance.map(Name::from);
        self.ask(node, Api::LeaveGroup(Leave { group: G, member: member.into(), instance }))
    }

    /// Commits an offset of partition 0.
    pub(super) fn commit_offset(
        &mut self,
        node: u32,
        generation: i32,
        member: &Name,
        offset: Offset,
    ) -> Result<(), Code> {
        let commit = CommitOffsets {
            group: G,
            generation,
            member: member.clone(),
            instance: None,
            offsets: vec![(part(0), Some(offset))],
        };
        match self.ask(node, Api::OffsetCommit(Box::new(commit))) {
            Answer::OffsetCommit(each) => each[0].1,
            other => panic!("no answer to a commit: {other:?}"),
        }
    }

    pub(super) fn fetch_offset(&mut self, require_stable: bool) -> Result<Option<Offset>, Code> {
        let api = Api::OffsetFetch { group: G, require_stable, partitions: vec![part(0)] };
        match self.ask(7, api) {
            Answer::OffsetFetch(Ok(each)) => each[0].1,
            other => panic!("no answer to a fetch of offsets: {other:?}"),
        }
    }

    pub(super) fn beat(&mut self, node: u32, beat: ConsumerBeat) -> ConsumerBeaten {
        match self.ask(node, Api::ConsumerGroupHeartbeat(Box::new(beat))) {
            Answer::ConsumerGroupHeartbeat(it) => *it,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    /// Two members, 1 and 2, in generation `1`: the first leads and reads 0 to 2.
    pub(super) fn pair(&mut self) -> [Name; 2] {
        let (a, join_a) = self.join_dynamic(1);
        let (b, join_b) = self.join_dynamic(2);
        self.pass(secs(6));
        let (joined_a, joined_b) = (self.joined(join_a), self.joined(join_b));
        assert_eq!((joined_a.generation, joined_b.generation), (1, 1));
        assert_eq!(joined_a.leader, a);
        let sync_b = self.sync(2, 1, &b, &[]);
        let sync_a = self.sync(1, 1, &a, &[(&a, &[0, 1, 2]), (&b, &[3, 4, 5])]);
        assert_eq!(self.synced(sync_a), Ok(vec![0, 1, 2]));
        assert_eq!(self.synced(sync_b), Ok(vec![3, 4, 5]));
        [a, b]
    }
}
