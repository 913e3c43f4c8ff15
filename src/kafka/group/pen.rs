//! What a coordinator writes with, and how it remembers what is to follow.

use std::collections::VecDeque;

use super::classic::Replaced;
use super::consumer::ConsumerGroup;
use super::record::Record;
use crate::kafka::config::{BrokerSettings, ClusterConfig};
use crate::kafka::coordinate::{Client, Desk, Ticket};
use crate::kernel::{Dist, NodeId, Site, Span, Time};
use crate::talk::kafka::{
    Answer, Code, ConsumerBeaten, GroupId, KafkaNote, Offset, ProducerIdentity, TopicPartition,
};
use crate::talk::{Constant, Name, Parcel};

/// What follows when a record is committed, or is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum After {
    /// Nothing.
    Nothing,
    /// The leader's assignment of this generation goes to the members.
    Synced(GroupId, i32, Vec<(Name, Vec<TopicPartition>)>),
    /// The new id of a static member holds.
    Replaced(GroupId, Box<Replaced>),
    /// Offsets count.
    Committed(Box<Commit>),
    /// Offsets are gone.
    Expired(GroupId, Vec<TopicPartition>),
    /// The heartbeat of a member is answered; otherwise the group is again what it was before.
    Beaten(GroupId, Client, Box<ConsumerBeaten>, Box<ConsumerGroup>),
    /// The group is again what it was before when the record could not be appended.
    Changed(GroupId, Box<ConsumerGroup>),
}

/// Offsets that are being committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Commit {
    pub(super) group: GroupId,
    pub(super) client: Client,
    pub(super) at: Time,
    pub(super) offsets: Vec<(TopicPartition, Option<Offset>)>,
    pub(super) producer: Option<ProducerIdentity>,
}

/// The partition that a coordinator writes to, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pen {
    config: Constant<ClusterConfig>,
    partition: TopicPartition,
    pending: VecDeque<(Ticket, After)>,
    tickets: u64,
}

impl Pen {
    pub(super) fn new(config: Constant<ClusterConfig>, partition: TopicPartition) -> Pen {
        Pen { config, partition, pending: VecDeque::new(), tickets: 0 }
    }

    pub(super) fn config(&self) -> &ClusterConfig {
        &self.config
    }

    pub(super) fn settings(&self) -> &BrokerSettings {
        &self.config.settings
    }

    fn ticket(&mut self, after: After) -> Ticket {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.pending.push_back((ticket, after));
        ticket
    }

    pub(super) fn write(&mut self, record: Record, after: After, desk: &mut Desk<'_, '_>) {
        let ticket = self.ticket(after);
        desk.write(self.partition, Parcel::new(record), ticket);
    }

    pub(super) fn write_in_transaction(
        &mut self,
        record: Record,
        producer: ProducerIdentity,
        after: After,
        desk: &mut Desk<'_, '_>,
    ) {
        let ticket = self.ticket(after);
        desk.write_in_transaction(self.partition, Parcel::new(record), producer, ticket);
    }

    /// What follows the write with this ticket.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<After> {
        let place = self.pending.iter().position(|(it, _)| *it == ticket)?;
        self.pending.remove(place).map(|(_, after)| after)
    }

    /// Everything that has not followed yet.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = After> {
        std::mem::take(&mut self.pending).into_iter().map(|(_, after)| after)
    }

    /// Answers that a request is refused, and tells the observer why.
    pub(super) fn refuse(
        &self,
        group: GroupId,
        client: Client,
        answer: Answer,
        code: Code,
        desk: &mut Desk<'_, '_>,
    ) {
        note_refusal(group, client.node, code, desk);
        desk.respond(client, answer);
    }

    /// A new id for a member: `client.id`, or the instance id, and something that nobody else has.
    /// Kafka takes a random UUID. All that matters of it is how it sorts, so that it is drawn as a
    /// span is: an exhaustive search does not branch over it.
    pub(super) fn member_id(
        &self,
        prefix: &Name,
        client: Client,
        is_known: impl Fn(&Name) -> bool,
        desk: &mut Desk<'_, '_>,
    ) -> Name {
        let whom = u64::from(client.node.0) << 8 | u64::from(client.lane);
        let site = Site::new("member id", whom).nth(client.correlation.into());
        let any = Dist::Uniform(Span::ZERO, Span::from_nanos(u32::MAX.into()));
        let mut number = desk.ctx.span(site, &any).as_nanos() as u32;
        loop {
            let id = Name::from(format!("{prefix}-{number:08x}"));
            if !is_known(&id) {
                return id;
            }
            number = number.wrapping_add(1);
        }
    }
}

/// Tells the observer that a coordinator refused something.
pub(super) fn note_refusal(group: GroupId, peer: NodeId, code: Code, desk: &mut Desk<'_, '_>) {
    desk.note(KafkaNote::MemberRefused { group, peer, code });
}

/// What a client learns when a record could not be written.
///
/// Source: `appendGroupMetadataErrorToResponseError` and
/// `CoordinatorOperationExceptionHelper.handleOperationException` of 4.1.1.
pub(super) fn write_error(code: Code) -> Code {
    match code {
        Code::UnknownTopicOrPartition | Code::NotEnoughReplicas | Code::RequestTimedOut => {
            Code::CoordinatorNotAvailable
        }
        Code::NotLeaderOrFollower => Code::NotCoordinator,
        other => other,
    }
}
