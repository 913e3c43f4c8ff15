//! What the internal topic has of a classic group (`GroupMetadataValue`).

use super::group::{ClassicGroup, Member, State};
use crate::kafka::coordinate::Desk;
use crate::kafka::group::record::Record;
use crate::kafka::group::roster::Roster;
use crate::kernel::{NodeId, Span, Time};
use crate::talk::kafka::{GroupId, Protocol, TopicPartition};
use crate::talk::{KafkaTimer, Name};

/// A generation, with its members and what they read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka::group) struct ClassicRecord {
    since: Time,
    generation: i32,
    protocol: Option<Name>,
    leader: Option<Name>,
    members: Vec<Stored>,
    is_joined: bool,
}

/// A member, with its subscription for the protocol of the generation only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Stored {
    id: Name,
    instance: Option<Name>,
    client: NodeId,
    session_timeout: Span,
    rebalance_timeout: Span,
    protocol: Option<Protocol>,
    assignment: Vec<TopicPartition>,
}

impl ClassicGroup {
    /// The group as it is.
    pub(in crate::kafka::group) fn record(&self) -> Record {
        self.record_as(|member| member.assignment.clone())
    }

    /// The group as it will be when its members have these partitions.
    pub(super) fn record_with(&self, assignments: &[(Name, Vec<TopicPartition>)]) -> Record {
        let of = |member: &Member| {
            let found = assignments.iter().find(|(id, _)| *id == member.id);
            found.map(|(_, partitions)| partitions.clone()).unwrap_or_default()
        };
        self.record_as(of)
    }

    fn record_as(&self, assignment: impl Fn(&Member) -> Vec<TopicPartition>) -> Record {
        let stored = |(_, it): (u16, &Member)| Stored {
            id: it.id.clone(),
            instance: it.instance.clone(),
            client: it.client,
            session_timeout: it.session_timeout,
            rebalance_timeout: it.rebalance_timeout,
            protocol: it
                .protocols
                .iter()
                .find(|it| Some(&it.name) == self.protocol.as_ref())
                .cloned(),
            assignment: assignment(it),
        };
        let record = ClassicRecord {
            since: self.since,
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.members.iter().map(stored).collect(),
            is_joined: self.is_joined,
        };
        Record::Classic(self.id, Some(Box::new(record)))
    }

    /// The group as a record has it. Source: `GroupMetadataManager.replay` of 4.1.1.
    pub(in crate::kafka::group) fn restored(id: GroupId, record: &ClassicRecord) -> ClassicGroup {
        let state = if record.members.is_empty() { State::Empty } else { State::Stable };
        let mut group = ClassicGroup {
            state,
            previous: state,
            generation: record.generation,
            protocol: record.protocol.clone(),
            members: Roster::default(),
            ..ClassicGroup::new(id, record.since)
        };
        for it in &record.members {
            group.add(Member {
                id: it.id.clone(),
                instance: it.instance.clone(),
                client: it.client,
                session_timeout: it.session_timeout,
                rebalance_timeout: it.rebalance_timeout,
                protocols: it.protocol.iter().cloned().collect(),
                assignment: it.assignment.clone(),
                joining: None,
                syncing: None,
                is_new: false,
                must_sync: false,
            });
        }
        group.leader = record.leader.clone();
        group.is_joined = record.is_joined;
        group
    }

    /// All records are read: the sessions of its members begin. Source: `onLoaded` of 4.1.1.
    pub(in crate::kafka::group) fn on_loaded(&self, desk: &mut Desk<'_, '_>) {
        for (place, member) in self.members.iter() {
            desk.arm(KafkaTimer::Session(self.id, place), member.session_timeout);
        }
    }
}
