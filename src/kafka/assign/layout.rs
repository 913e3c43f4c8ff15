//! The partitions that a group may read, numbered through, so that assignors count instead of looking
//! names up.

use std::cmp::Ordering;

use super::{Group, Member, java};
use crate::talk::Name;
use crate::talk::kafka::{TopicId, TopicPartition};

/// The topics that exist and that a member subscribes to, in the order of their names, and their
/// partitions. Both are known by their places in that order.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    topics: Vec<Stretch<'a>>,
    /// By [`TopicId`]; `None` for a topic that does not exist or that nobody subscribes to.
    places: Vec<Option<usize>>,
    /// The place of the topic of each partition.
    topic_of: Vec<usize>,
}

/// A topic: its partitions follow one another.
#[derive(Clone, Copy, Debug)]
struct Stretch<'a> {
    id: TopicId,
    first: usize,
    len: usize,
    hash_code: u32,
    racks: &'a [Vec<Name>],
}

impl<'a> Layout<'a> {
    pub(super) fn of(group: Group<'a>) -> Layout<'a> {
        let mut subscribed = vec![false; group.topics.len()];
        for topic in group.members.iter().flat_map(|member| &member.subscription.topics) {
            if let Some(subscribed) = subscribed.get_mut(usize::from(topic.0)) {
                *subscribed = group.partitions(*topic) > 0;
            }
        }
        let mut order: Vec<usize> = (0..group.topics.len()).filter(|at| subscribed[*at]).collect();
        order.sort_by_key(|at| &group.topics[*at].name);

        let mut layout = Layout {
            topics: Vec::with_capacity(order.len()),
            places: vec![None; group.topics.len()],
            topic_of: Vec::new(),
        };
        for (place, at) in order.into_iter().enumerate() {
            let topic = &group.topics[at];
            let (first, len) = (layout.topic_of.len(), usize::from(topic.partitions));
            // a group has no more topics than there are ids
            let id = TopicId(u16::try_from(at).unwrap_or(u16::MAX));
            let hash_code = java::hash_code(topic.name.as_str());
            layout.topics.push(Stretch { id, first, len, hash_code, racks: &topic.racks });
            layout.places[at] = Some(place);
            layout.topic_of.resize(first + len, place);
        }
        layout
    }

    /// How many topics there are.
    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// How many partitions there are.
    pub(super) fn partitions(&self) -> usize {
        self.topic_of.len()
    }

    /// The place of a topic.
    pub(super) fn place(&self, topic: TopicId) -> Option<usize> {
        self.places.get(usize::from(topic.0)).copied().flatten()
    }

    /// The places of the topics that a member subscribes to.
    pub(super) fn subscribed(&self, member: &Member) -> impl Iterator<Item = usize> {
        member.subscription.topics.iter().filter_map(|topic| self.place(*topic))
    }

    /// Whether each member subscribes to each topic: by member, then by topic.
    pub(super) fn subscriptions(&self, members: &[Member]) -> Vec<Vec<bool>> {
        let of_member = |member: &Member| {
            let mut subscribed = vec![false; self.topics()];
            self.subscribed(member).for_each(|topic| subscribed[topic] = true);
            subscribed
        };
        members.iter().map(of_member).collect()
    }

    /// The places of the partitions of a topic.
    pub(super) fn partitions_of(&self, topic: usize) -> std::ops::Range<usize> {
        let Stretch { first, len, .. } = self.topics[topic];
        first..first + len
    }

    /// The place of the topic of a partition.
    pub(super) fn topic_of(&self, partition: usize) -> usize {
        self.topic_of[partition]
    }

    /// The number of a partition within its topic.
    pub(super) fn number(&self, partition: usize) -> usize {
        partition - self.topics[self.topic_of[partition]].first
    }

    /// The place of a partition. `None` for one that does not exist or that nobody may read.
    pub(super) fn find(&self, partition: TopicPartition) -> Option<usize> {
        let Stretch { first, len, .. } = self.topics[self.place(partition.topic)?];
        let number = usize::from(partition.partition);
        (number < len).then_some(first + number)
    }

    /// The racks of the replicas of a partition.
    pub(super) fn racks(&self, partition: usize) -> &'a [Name] {
        let racks = self.topics[self.topic_of[partition]].racks;
        racks.get(self.number(partition)).map_or(&[], Vec::as_slice)
    }

    /// The hash code of a partition in Java.
    ///
    /// Source: Kafka 4.1.1, `TopicPartition.hashCode`.
    pub(super) fn hash_code(&self, partition: usize) -> u32 {
        let topic = self.topics[self.topic_of[partition]].hash_code;
        let number = u32::from(self.named(partition).partition);
        (number + 31).wrapping_mul(31).wrapping_add(topic)
    }

    /// The partition at a place, by its names.
    pub(super) fn named(&self, partition: usize) -> TopicPartition {
        let Stretch { id, first, .. } = self.topics[self.topic_of[partition]];
        // a topic has no more partitions than there are numbers
        TopicPartition::new(id, u16::try_from(partition - first).unwrap_or(u16::MAX))
    }
}

/// Whether all members name the same topics, also of those that do not exist.
///
/// Java's sticky assignors take a member that names none for one that names what the next member
/// names, if their map happens to yield it first. Here it is what it is: different.
pub(super) fn subscribe_to_the_same(members: &[Member]) -> bool {
    let sorted = |member: &Member| {
        let mut topics: Vec<TopicId> = member.subscription.topics.clone();
        topics.sort_unstable();
        topics
    };
    let mut topics = members.iter().map(sorted);
    let first = topics.next();
    topics.all(|topics| Some(topics) == first)
}

/// The places of the members in the order of their ids.
pub(super) fn by_id(members: &[Member]) -> Vec<usize> {
    sorted(members, |a, b| java::compare(a.id.as_str(), b.id.as_str()))
}

/// The places of the members as a Java hash map by their ids is walked, if they came in this order.
pub(super) fn by_hash(members: &[Member]) -> Vec<usize> {
    let bucket = |member: &Member| java::bucket(java::hash_code(member.id.as_str()), members.len());
    sorted(members, |a, b| bucket(a).cmp(&bucket(b)))
}

/// The places of the members: static ones first, by their instance ids, then the others, by their
/// member ids.
///
/// Source: Kafka, `AbstractPartitionAssignor.MemberInfo` of the clients, and the same order in
/// the broker's `RangeAssignor`. A static member that restarts gets a new member id; so it keeps its
/// place.
pub(super) fn static_first(members: &[Member]) -> Vec<usize> {
    sorted(members, |a, b| match (&a.instance, &b.instance) {
        (Some(a), Some(b)) => java::compare(a.as_str(), b.as_str()),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => java::compare(a.id.as_str(), b.id.as_str()),
    })
}

fn sorted(members: &[Member], order: impl Fn(&Member, &Member) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..members.len()).collect();
    places.sort_by(|a, b| order(&members[*a], &members[*b]));
    places
}
