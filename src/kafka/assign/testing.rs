//! Groups for tests, written in words.

use std::sync::Arc;

use super::{Assignment, Group, Member, Topic};
use crate::talk::Name;
use crate::talk::kafka::{Subscription, TopicId, TopicPartition};

/// The topics and the members of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixture {
    pub(super) topics: Vec<Topic>,
    pub(super) members: Vec<Member>,
}

/// A group of nobody with these topics: name and number of partitions.
pub(super) fn group(topics: &[(&str, u16)]) -> Fixture {
    let topic = |&(name, partitions): &(&str, u16)| Topic {
        name: name.into(),
        partitions,
        racks: Vec::new(),
    };
    Fixture { topics: topics.iter().map(topic).collect(), members: Vec::new() }
}

impl Fixture {
    /// One more member.
    pub(super) fn member(mut self, id: &str, topics: &[&str]) -> Fixture {
        let topics = topics.iter().map(|name| self.topic(name)).collect();
        let subscription = Subscription { topics, generation: -1, ..Subscription::default() };
        let subscription = Arc::new(subscription);
        self.members.push(Member { id: id.into(), subscription, ..Member::default() });
        self
    }

    /// What the last member owns, and since which generation: `"t-0"`.
    pub(super) fn owns(mut self, partitions: &[&str], generation: i32) -> Fixture {
        let owned = partitions.iter().map(|text| self.partition(text)).collect();
        let subscription = self.subscription();
        subscription.owned = owned;
        subscription.generation = generation;
        self
    }

    /// The instance id of the last member.
    pub(super) fn instance(mut self, id: &str) -> Fixture {
        self.members.last_mut().expect("a member").instance = Some(id.into());
        self
    }

    /// The rack of the last member: its letter.
    pub(super) fn rack(mut self, letter: char) -> Fixture {
        self.subscription().rack = Some(rack(letter));
        self
    }

    /// The racks of the partitions of a topic: a word for each, a letter for each replica.
    pub(super) fn racks(mut self, topic: &str, racks: &[&str]) -> Fixture {
        let at = usize::from(self.topic(topic).0);
        self.topics[at].racks = racks.iter().map(|word| word.chars().map(rack).collect()).collect();
        self
    }

    pub(super) fn group(&self) -> Group<'_> {
        Group { topics: &self.topics, members: &self.members, leader: 0 }
    }

    fn subscription(&mut self) -> &mut Subscription {
        Arc::make_mut(&mut self.members.last_mut().expect("a member").subscription)
    }

    fn topic(&self, name: &str) -> TopicId {
        let at = self.topics.iter().position(|topic| topic.name == name).expect("a topic");
        TopicId(at.try_into().expect("a small number"))
    }

    fn partition(&self, text: &str) -> TopicPartition {
        let (topic, partition) = text.rsplit_once('-').expect("topic-partition");
        let partition = partition.parse().expect("a number");
        TopicPartition { topic: self.topic(topic), partition }
    }
}

/// What a member is to read, as text.
pub(super) fn partitions_of(fixture: &Fixture, assignment: &Assignment, id: &str) -> Vec<String> {
    let at = fixture.members.iter().position(|member| member.id == id).expect("a member");
    let text = |it: &TopicPartition| {
        format!("{}-{}", fixture.topics[usize::from(it.topic.0)].name, it.partition)
    };
    assignment[at].iter().map(text).collect()
}

fn rack(letter: char) -> Name {
    letter.to_string().into()
}
