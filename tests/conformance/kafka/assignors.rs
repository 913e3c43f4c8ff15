//! Partition assignors.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use redeliver::kafka::assign::{
    Assignment, Assignor, Group, Member, Topic, TopicId, TopicPartition,
};

use super::{Corrupted, Form, Vector, listed, outcome};
use crate::judge::Outcome;

/// The members by id, and what each is to read.
type Shares = BTreeMap<String, BTreeSet<(String, u32)>>;

/// `kafkajs_roundrobin.json`: KafkaJS's `RoundRobinAssigner`.
#[derive(Debug)]
pub struct KafkaJs;

#[derive(Deserialize)]
struct KafkaJsVector {
    #[serde(rename = "leader_topics_in_subscription_order")]
    topics: Vec<String>,
    partitions: BTreeMap<String, u32>,
    #[serde(rename = "members_in_joingroup_order")]
    members: Vec<String>,
    /// Members without partitions may be left out.
    expected: BTreeMap<String, BTreeMap<String, Vec<u32>>>,
}

impl Form for KafkaJs {
    fn fits(&self, file: &Value) -> bool {
        let first = file.get("vectors").and_then(|vectors| vectors.get(0));
        first.is_some_and(|vector| vector.get("members_in_joingroup_order").is_some())
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        let named = |fact: &Value| Vector { name: text(fact, "name"), fact: fact.clone() };
        Ok(listed(file, "vectors")?.iter().map(named).collect())
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        let read: Result<KafkaJsVector, _> = KafkaJsVector::deserialize(&vector.fact);
        let read = match read {
            Ok(read) => read,
            Err(error) => return Outcome::NotUnderstood(error.to_string()),
        };
        let topics: Vec<Topic> = read.partitions.iter().map(|(name, n)| topic(name, *n)).collect();
        let subscribed: Vec<TopicId> = read.topics.iter().map(|it| find(&topics, it)).collect();
        let member = |id: &String| Member {
            id: id.as_str().into(),
            topics: subscribed.clone(),
            ..Member::default()
        };
        let members: Vec<Member> = read.members.iter().map(member).collect();
        let group = Group { topics: &topics, members: &members, leader: 0 };
        let mut expected: Shares = BTreeMap::new();
        for (id, topics) in read.expected {
            let share = expected.entry(id).or_default();
            for (topic, partitions) in topics {
                share.extend(partitions.iter().map(|partition| (topic.clone(), *partition)));
            }
        }
        compare(&expected, &shares(group, &Assignor::KafkaJs.assign(group)))
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let expected = fact.get_mut("expected")?.as_object_mut()?;
        let (id, lists) = expected
            .iter_mut()
            .find(|(_, topics)| topics.as_object().is_some_and(|topics| !topics.is_empty()))?;
        let (topic, partitions) = lists.as_object_mut()?.iter_mut().next()?;
        let partition = partitions.as_array_mut()?.pop()?;
        let what = format!("{id} is not given {topic}-{partition}");
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
}

fn topic(name: &str, partitions: u32) -> Topic {
    Topic { name: name.into(), partitions, racks: Vec::new() }
}

/// The number of a topic; one that nobody has if it does not exist.
fn find(topics: &[Topic], name: &str) -> TopicId {
    let at = topics.iter().position(|topic| topic.name == name);
    TopicId(at.and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX))
}

/// What each member is to read, by names.
fn shares(group: Group<'_>, assignment: &Assignment) -> Shares {
    let name = |it: &TopicPartition| {
        (group.topics[it.topic.index()].name.as_str().to_owned(), it.partition)
    };
    let members = group.members.iter().zip(assignment);
    members
        .map(|(member, share)| (member.id.as_str().to_owned(), share.iter().map(name).collect()))
        .collect()
}

/// Compares as sets: in which order a member was given its partitions does not matter.
fn compare(expected: &Shares, assigned: &Shares) -> Outcome {
    let mut ids: BTreeSet<&String> = expected.keys().collect();
    ids.extend(assigned.keys());
    let nothing = BTreeSet::new();
    let difference = ids.iter().find_map(|id| {
        let of = |shares: &Shares| shares.get(*id).unwrap_or(&nothing).clone();
        let (expected, assigned) = (of(expected), of(assigned));
        (expected != assigned).then(|| {
            let missing: Vec<_> = expected.difference(&assigned).collect();
            let extra: Vec<_> = assigned.difference(&expected).collect();
            format!("{id} should have {missing:?} and should not have {extra:?}")
        })
    });
    outcome(ids.len(), difference)
}

fn text(fact: &Value, key: &str) -> String {
    match fact.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => json!(null).to_string(),
    }
}
