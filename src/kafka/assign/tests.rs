//! What every assignor promises, for any group.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Assignment, Assignor, Group, Member, Topic};
use crate::talk::kafka::{Subscription, TopicId, TopicPartition};

const JAVA: [Assignor; 6] = [
    Assignor::Range,
    Assignor::RoundRobin,
    Assignor::Sticky,
    Assignor::CooperativeSticky,
    Assignor::Uniform,
    Assignor::BrokerRange,
];

fn topics() -> impl Strategy<Value = Vec<Topic>> {
    let racks = prop::collection::vec(prop::sample::subsequence(vec!["a", "b", "c"], 0..=2), 7);
    let named = |racks: Vec<Vec<&str>>| {
        racks.into_iter().map(|racks| racks.into_iter().map(Into::into).collect()).collect()
    };
    prop::collection::vec((0..8_u16, racks.prop_map(named)), 1..5).prop_map(|topics| {
        let topics = topics.into_iter().enumerate();
        topics
            .map(|(at, (partitions, racks))| Topic {
                name: format!("t{at}").into(),
                partitions,
                racks,
            })
            .collect()
    })
}

/// Members that claim what they like: also what does not exist and what others claim.
fn members() -> impl Strategy<Value = Vec<Member>> {
    let topics = prop::sample::subsequence(vec![0, 1, 2, 3_u16], 0..=4);
    let rack = prop::option::of(prop::sample::select(vec!["a", "b", "c"]));
    let owned = prop::collection::vec((0..4_u16, 0..8_u16), 0..6);
    let member = (topics, rack, owned, -1..3_i32, any::<bool>());
    prop::collection::vec(member, 1..7).prop_map(|members| {
        let members = members.into_iter().enumerate();
        members
            .map(|(at, (topics, rack, owned, generation, is_static))| Member {
                id: format!("c{}", at * 7 % 10).into(),
                instance: is_static.then(|| format!("i{at}").into()),
                subscription: Arc::new(Subscription {
                    topics: topics.into_iter().map(TopicId).collect(),
                    owned: (owned.into_iter())
                        .map(|(topic, partition)| TopicPartition::new(TopicId(topic), partition))
                        .collect(),
                    generation,
                    rack: rack.map(Into::into),
                }),
            })
            .collect()
    })
}

/// What somebody may read.
fn readable(group: Group<'_>) -> Vec<TopicPartition> {
    let subscribes = |topic: TopicId| {
        group.members.iter().any(|member| member.subscription.topics.contains(&topic))
    };
    let ids = (0_u16..).map(TopicId).take(group.topics.len());
    ids.filter(|topic| subscribes(*topic)).flat_map(|topic| group.partitions_of(topic)).collect()
}

fn given(assignment: &Assignment) -> Vec<TopicPartition> {
    let mut given: Vec<TopicPartition> = assignment.iter().flatten().copied().collect();
    given.sort_unstable();
    given
}

proptest! {
    #[test]
    fn each_partition_has_one_reader(topics in topics(), members in members()) {
        let group = Group { topics: &topics, members: &members, leader: 0 };
        for assignor in JAVA {
            let mut given = given(&assignor.assign(group));
            if assignor == Assignor::CooperativeSticky {
                // some may be withheld, and nothing is given twice
                let all = given.len();
                given.dedup();
                prop_assert_eq!(given.len(), all);
            } else {
                prop_assert_eq!(given, readable(group), "{:?}", assignor);
            }
        }
    }

    #[test]
    fn with_the_same_subscriptions_nobody_has_two_more(topics in topics(), mut members in members()) {
        for member in &mut members {
            Arc::make_mut(&mut member.subscription).topics = vec![TopicId(0), TopicId(1)];
        }
        let group = Group { topics: &topics, members: &members, leader: 0 };
        for assignor in [Assignor::RoundRobin, Assignor::Sticky, Assignor::Uniform] {
            let counts: Vec<usize> = assignor.assign(group).iter().map(Vec::len).collect();
            let (least, most) = (counts.iter().min(), counts.iter().max());
            prop_assert!(most <= least.map(|least| least + 1).as_ref(), "{:?}: {:?}", assignor, counts);
        }
    }

    #[test]
    fn who_joined_first_does_not_matter(topics in topics(), members in members()) {
        let group = Group { topics: &topics, members: &members, leader: 0 };
        let mut reversed = members.clone();
        reversed.reverse();
        for assignor in JAVA {
            let mut other = assignor.assign(Group { members: &reversed, ..group });
            other.reverse();
            prop_assert_eq!(assignor.assign(group), other, "{:?}", assignor);
        }
    }

    #[test]
    fn cooperatively_nobody_is_given_what_another_has_to_give_back(
        topics in topics(),
        members in members(),
    ) {
        let group = Group { topics: &topics, members: &members, leader: 0 };
        let cooperative = Assignor::CooperativeSticky.assign(group);
        let eager = Assignor::Sticky.assign(group);
        for (member, (kept, all)) in cooperative.iter().zip(&eager).enumerate() {
            prop_assert!(kept.iter().all(|partition| all.contains(partition)), "{}", member);
        }
    }
}
