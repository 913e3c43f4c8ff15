//! Groups for tests, written in words.

use super::{Assignment, Group, Member, Topic, TopicId, TopicPartition};

/// The topics and the members of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Fixture {
    pub(super) topics: Vec<Topic>,
    pub(super) members: Vec<Member>,
}

/// A group of nobody with these topics: name and number of partitions.
pub(super) fn group(topics: &[(&str, u32)]) -> Fixture {
    let topic = |&(name, partitions): &(&str, u32)| Topic {
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
        self.members.push(Member { id: id.into(), topics, ..Member::default() });
        self
    }

    pub(super) fn group(&self) -> Group<'_> {
        Group { topics: &self.topics, members: &self.members, leader: 0 }
    }

    fn topic(&self, name: &str) -> TopicId {
        let at = self.topics.iter().position(|topic| topic.name == name).expect("a topic");
        TopicId(at.try_into().expect("a small number"))
    }
}

/// What a member is to read, as text.
pub(super) fn partitions_of(fixture: &Fixture, assignment: &Assignment, id: &str) -> Vec<String> {
    let at = fixture.members.iter().position(|member| member.id == id).expect("a member");
    let text =
        |it: &TopicPartition| format!("{}-{}", fixture.topics[it.topic.index()].name, it.partition);
    assignment[at].iter().map(text).collect()
}
