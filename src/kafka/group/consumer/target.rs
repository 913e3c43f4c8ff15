//! What the members of a group are to have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ConsumerGroup, Protocol};
use crate::kafka::assign::{Assignor, Group, Member, Topic};
use crate::kafka::config::ClusterConfig;
use crate::kafka::group::share;
use crate::talk::Name;
use crate::talk::kafka::{Image, Subscription, TopicPartition};

impl ConsumerGroup {
    /// Divides the partitions by the assignor that most members ask for, `uniform` if they ask for
    /// none.
    ///
    /// Source: `TargetAssignmentBuilder`, `ConsumerGroup.preferredServerAssignor` of 4.1.1; share
    /// groups have one assignor, `simple`.
    pub(super) fn target(
        &self,
        config: &ClusterConfig,
        image: &Image,
    ) -> Vec<(Name, Arc<[TopicPartition]>)> {
        let topics: Vec<Topic> = (0..)
            .zip(&image.topics)
            .map(|(id, topic)| Topic {
                name: config
                    .spec(crate::talk::kafka::TopicId(id))
                    .map(|it| it.name.clone())
                    .unwrap_or_default(),
                partitions: topic.partitions.len() as u16,
                racks: Vec::new(),
            })
            .collect();
        let members: Vec<Member> = self
            .members
            .iter()
            .map(|(_, it)| Member {
                id: it.id.clone(),
                instance: it.instance.clone(),
                subscription: Arc::new(Subscription {
                    topics: it.topics.clone(),
                    owned: it.target.to_vec(),
                    generation: it.epoch,
                    rack: it.rack.clone(),
                }),
            })
            .collect();
        let group = Group { topics: &topics, members: &members, leader: 0 };
        let parts = match self.protocol {
            Protocol::Consumer => self.assignor().assign(group),
            Protocol::Share => share::simple(group),
        };
        let in_order = |mut part: Vec<TopicPartition>| {
            part.sort_unstable();
            Arc::from(part)
        };
        members.into_iter().map(|it| it.id).zip(parts.into_iter().map(in_order)).collect()
    }

    fn assignor(&self) -> Assignor {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for name in self.members.iter().filter_map(|(_, it)| it.assignor.as_ref()) {
            *votes.entry(name.as_str()).or_default() += 1;
        }
        match votes.get("range") > votes.get("uniform") {
            true => Assignor::BrokerRange,
            false => Assignor::Uniform,
        }
    }
}
