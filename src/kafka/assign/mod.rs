//! Who in a consumer group reads which partitions.
//!
//! The classic protocol leaves it to one member, the leader of the group, whose client runs one of
//! the assignors that all members have in common. The protocol of KIP-848 leaves it to the broker.
//! Each assignor here is a function of the group as its leader (or the broker) sees it: nothing is
//! drawn, nothing is remembered. What an assignor remembers in reality travels with the members, as
//! the partitions they say they own and the generation in which they got them.
//!
//! Sources: each file names its own. The Java code was read as it stood on trunk in October 2024
//! (commit `1eb7644349c`, between 3.9 and 4.0). For the assignors of the Java client, Kafka 4.1.1 is
//! the measure: they return what its assignors returned in every vector under
//! `tests/conformance/kafka/`. For the broker's there are no such vectors.
//!
//! Java keeps members in hash maps, and the sticky assignors walk these: which of two members keeps
//! one partition more may depend on the hashes of their ids. That order is a fact of the platform,
//! the same in every run, so it is reproduced (`java`). Where nothing is known of the order, as on
//! the broker, whose maps are others in every version, members are walked in the order of their ids.

mod java;
mod kafkajs;
mod layout;
mod racks;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod uniform;

use std::sync::Arc;

use crate::talk::Name;
use crate::talk::kafka::{Subscription, TopicId, TopicPartition};

/// A topic, as the cluster's metadata has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Topic {
    /// Its name.
    pub name: Name,
    /// How many partitions it has; 0 when it does not exist, or is not known yet.
    pub partitions: u16,
    /// The racks (`broker.rack`) of the replicas of each partition. Empty when brokers have none.
    pub racks: Vec<Vec<Name>>,
}

/// A member of the group, as it described itself when it joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Member {
    /// The id that the coordinator gave it.
    pub id: Name,
    /// `group.instance.id`: what makes it a static member.
    pub instance: Option<Name>,
    /// What it subscribes to (each topic once), where it stands, and what it owned when it joined.
    /// Only the sticky assignors and the broker's `uniform` ask what it owned; for the latter it is
    /// what the member was to have until now.
    pub subscription: Arc<Subscription>,
}

/// A group and what it may read.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// The topics by their numbers: at least those that a member names or owns.
    pub topics: &'a [Topic],
    /// The members, in the order in which they joined.
    pub members: &'a [Member],
    /// The place of the leader among the members. Only KafkaJS asks.
    pub leader: usize,
}

/// What each member is to read, by its place in [`Group::members`].
pub type Assignment = Vec<Vec<TopicPartition>>;

/// A way to divide partitions among members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// `RangeAssignor` of the Java client.
    Range,
    /// `RoundRobinAssignor` of the Java client.
    RoundRobin,
    /// `StickyAssignor` of the Java client.
    Sticky,
    /// `CooperativeStickyAssignor` of the Java client.
    CooperativeSticky,
    /// `cooperative-sticky` of librdkafka.
    LibrdkafkaSticky,
    /// `RoundRobinAssigner` of KafkaJS.
    KafkaJs,
    /// `UniformAssignor` of the broker (KIP-848).
    Uniform,
    /// `RangeAssignor` of the broker (KIP-848).
    BrokerRange,
}

impl Assignor {
    /// The name by which members agree on it: of the protocol in a `JoinGroup`, or of the server's
    /// assignor in a `ConsumerGroupHeartbeat`.
    pub const fn name(self) -> &'static str {
        match self {
            Assignor::Range | Assignor::BrokerRange => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky | Assignor::LibrdkafkaSticky => "cooperative-sticky",
            Assignor::KafkaJs => "RoundRobinAssigner",
            Assignor::Uniform => "uniform",
        }
    }

    /// Divides the partitions.
    pub fn assign(self, group: Group<'_>) -> Assignment {
        match self {
            Assignor::Range => range::assign(group),
            Assignor::RoundRobin => round_robin::assign(group),
            Assignor::Sticky => sticky::assign(group),
            Assignor::CooperativeSticky => sticky::assign_cooperatively(group),
            Assignor::LibrdkafkaSticky => sticky::assign_as_librdkafka(group),
            Assignor::KafkaJs => kafkajs::assign(group),
            Assignor::Uniform => uniform::assign(group),
            Assignor::BrokerRange => range::assign_on_broker(group),
        }
    }
}

impl Group<'_> {
    /// How many partitions a topic has; 0 for one that is not known.
    fn partitions(&self, topic: TopicId) -> u16 {
        self.topics.get(usize::from(topic.0)).map_or(0, |topic| topic.partitions)
    }

    /// The partitions of a topic, in their order.
    pub(super) fn partitions_of(
        &self,
        topic: TopicId,
    ) -> impl Iterator<Item = TopicPartition> + use<> {
        (0..self.partitions(topic)).map(move |partition| TopicPartition::new(topic, partition))
    }
}
