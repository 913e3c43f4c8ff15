//! Partition assignors.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use redeliver::kafka::assign::{Assignor, Group, Member, Topic};
use redeliver::talk::kafka::{Subscription, TopicId, TopicPartition};

use super::{Corrupted, Form, Vector, listed, outcome};
use crate::judge::Outcome;

/// What each member is to read, by its id: topics and numbers. The order does not matter.
type Shares = BTreeMap<String, BTreeSet<(String, u16)>>;

/// `range.json`, `roundrobin.json`, `sticky.json`, `cooperative_sticky.json`: single calls of one of
/// Java's assignors.
#[derive(Debug)]
pub struct Java;

/// `chains.json`: groups that members join and leave, each round with what the last one gave.
#[derive(Debug)]
pub struct Chains;

/// `kafkajs_roundrobin.json`: KafkaJS's `RoundRobinAssigner`.
#[derive(Debug)]
pub struct KafkaJs;

#[derive(Deserialize)]
struct JavaVector {
    assignor: String,
    topics: BTreeMap<String, JavaTopic>,
    members: Vec<JavaMember>,
    expected: Shares,
}

#[derive(Deserialize)]
struct JavaTopic {
    partitions: Vec<u16>,
    /// By partition; a broker may stand nowhere.
    #[serde(default)]
    replica_racks: Vec<Vec<Option<String>>>,
}

#[derive(Deserialize)]
struct JavaMember {
    id: String,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    rack: Option<String>,
    topics: Vec<String>,
    #[serde(default)]
    owned: Option<Vec<(String, u16)>>,
    #[serde(default)]
    generation: Option<i32>,
}

#[derive(Deserialize)]
struct Chain {
    assignor: String,
    topics: BTreeMap<String, u16>,
    rounds: Vec<Round>,
}

#[derive(Deserialize)]
struct Round {
    event: String,
    members: Vec<JavaMember>,
    assignment: Shares,
}

#[derive(Deserialize)]
struct KafkaJsVector {
    #[serde(rename = "leader_topics_in_subscription_order")]
    topics: Vec<String>,
    partitions: BTreeMap<String, u16>,
    #[serde(rename = "members_in_joingroup_order")]
    members: Vec<String>,
    /// Members without partitions may be left out.
    expected: BTreeMap<String, BTreeMap<String, Vec<u16>>>,
}

impl Form for Java {
    fn fits(&self, file: &Value) -> bool {
        let first = file.get("vectors").and_then(|vectors| vectors.get(0));
        first.is_some_and(|it| it.get("members").is_some() && it.get("expected").is_some())
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        let of_file = file.get("what").and_then(Value::as_str).unwrap_or_default();
        let vector = |vector: &Value| {
            let name = text(vector, "id");
            let mut fact = vector.clone();
            // the assignor is named in the title, in quotes, and before the number of each vector
            let quoted = of_file.split('\'').nth(1).filter(|name| named(name).is_some());
            let assignor = quoted.or_else(|| name.rsplit_once('-').map(|(assignor, _)| assignor));
            fact["assignor"] = json!(assignor.unwrap_or_default());
            Vector { name, fact }
        };
        Ok(listed(file, "vectors")?.iter().map(vector).collect())
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        understood(
            JavaVector::deserialize(&vector.fact).map_err(|error| error.to_string()).and_then(
                |read| {
                    let mut cast = Cast::default();
                    for (name, topic) in &read.topics {
                        cast.topic(name, topic)?;
                    }
                    let assignor = named(&read.assignor).ok_or("an unknown assignor")?;
                    cast.judge(assignor, &read.members, &read.expected)
                },
            ),
        )
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let what = spoil(fact.get_mut("expected")?, &vector.name)?;
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
}

impl Form for Chains {
    fn fits(&self, file: &Value) -> bool {
        let first = file.get("chains").and_then(|chains| chains.get(0));
        first.is_some_and(|chain| chain.get("rounds").is_some())
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        let vector = |chain: &Value| {
            let name = format!("{} {}", text(chain, "assignor"), text(chain, "id"));
            Vector { name, fact: chain.clone() }
        };
        Ok(listed(file, "chains")?.iter().map(vector).collect())
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        understood(Chain::deserialize(&vector.fact).map_err(|error| error.to_string()).and_then(
            |chain| {
                let mut cast = Cast::default();
                chain.topics.iter().for_each(|(name, partitions)| cast.plain(name, *partitions));
                let assignor = named(&chain.assignor).ok_or("an unknown assignor")?;
                let mut judged = 0;
                for (at, round) in chain.rounds.iter().enumerate() {
                    match cast.judge(assignor, &round.members, &round.assignment)? {
                        Outcome::Reproduced { judged: facts, .. } => judged += facts,
                        Outcome::Differs(what) => {
                            let round = format!("round {}, {}", at + 1, round.event);
                            return Ok(Outcome::Differs(format!("{round}: {what}")));
                        }
                        other @ Outcome::NotUnderstood(_) => return Ok(other),
                    }
                }
                Ok(outcome(judged, None))
            },
        ))
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let last = fact.get_mut("rounds")?.as_array_mut()?.last_mut()?;
        let what = spoil(last.get_mut("assignment")?, &vector.name)?;
        let what = format!("{what} in the last round");
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
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
        let read = KafkaJsVector::deserialize(&vector.fact).map_err(|error| error.to_string());
        understood(read.and_then(|read| {
            let mut cast = Cast::default();
            read.partitions.iter().for_each(|(name, partitions)| cast.plain(name, *partitions));
            let member = |id: &String| JavaMember {
                id: id.clone(),
                instance: None,
                rack: None,
                topics: read.topics.clone(),
                owned: None,
                generation: None,
            };
            let members: Vec<JavaMember> = read.members.iter().map(member).collect();
            let mut expected = Shares::new();
            for (id, topics) in read.expected {
                let share = expected.entry(id).or_default();
                for (topic, partitions) in topics {
                    share.extend(partitions.iter().map(|partition| (topic.clone(), *partition)));
                }
            }
            cast.judge(Assignor::KafkaJs, &members, &expected)
        }))
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let shares = fact.get_mut("expected")?.as_object_mut()?;
        let mut lists = shares.iter_mut().filter_map(|(id, topics)| {
            let (topic, partitions) = topics.as_object_mut()?.iter_mut().next()?;
            Some((id, topic, partitions.as_array_mut()?))
        });
        let (id, topic, partitions) = lists.find(|(_, _, partitions)| !partitions.is_empty())?;
        let what = format!("{id} is not given {topic}-{}", partitions.pop()?);
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
}

/// The topics of a vector, by their numbers.
#[derive(Default)]
struct Cast {
    topics: Vec<Topic>,
}

impl Cast {
    fn plain(&mut self, name: &str, partitions: u16) {
        self.topics.push(Topic { name: name.into(), partitions, racks: Vec::new() });
    }

    fn topic(&mut self, name: &str, topic: &JavaTopic) -> Result<(), String> {
        let numbers = topic.partitions.iter().copied();
        if !numbers.eq(0..u16::try_from(topic.partitions.len()).unwrap_or(u16::MAX)) {
            return Err(format!("the partitions of {name} are not numbered from 0"));
        }
        self.plain(name, u16::try_from(topic.partitions.len()).map_err(|it| it.to_string())?);
        for replicas in &topic.replica_racks {
            let racks = replicas.iter().flatten().map(|name| name.as_str().into()).collect();
            self.topics.last_mut().ok_or("no topic")?.racks.push(racks);
        }
        Ok(())
    }

    /// The number of a topic. One that the cluster does not have is one without partitions.
    fn find(&mut self, name: &str) -> TopicId {
        let at = self.topics.iter().position(|topic| topic.name == name).unwrap_or_else(|| {
            self.plain(name, 0);
            self.topics.len() - 1
        });
        TopicId(u16::try_from(at).expect("fewer topics than that"))
    }

    fn member(&mut self, read: &JavaMember) -> Member {
        let partition = |(topic, partition): &(String, u16), cast: &mut Cast| {
            TopicPartition::new(cast.find(topic), *partition)
        };
        Member {
            id: read.id.as_str().into(),
            instance: read.instance.as_deref().map(Into::into),
            subscription: Arc::new(Subscription {
                topics: read.topics.iter().map(|name| self.find(name)).collect(),
                owned: read.owned.iter().flatten().map(|it| partition(it, self)).collect(),
                generation: read.generation.unwrap_or(-1),
                rack: read.rack.as_deref().map(Into::into),
            }),
        }
    }

    /// Has the members assigned, in three orders of joining, and compares.
    fn judge(
        &mut self,
        assignor: Assignor,
        members: &[JavaMember],
        expected: &Shares,
    ) -> Result<Outcome, String> {
        let members: Vec<Member> = members.iter().map(|member| self.member(member)).collect();
        let mut reversed = members.clone();
        reversed.reverse();
        let mut sorted = members.clone();
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        let mut judged = 0;
        for members in [members, reversed, sorted] {
            let group = Group { topics: &self.topics, members: &members, leader: 0 };
            match compare(expected, &shares(group, assignor)) {
                Outcome::Reproduced { judged: facts, .. } => judged = facts,
                other => return Ok(other),
            }
        }
        Ok(outcome(judged, None))
    }
}

/// The assignor of this name that runs in a client.
fn named(name: &str) -> Option<Assignor> {
    let all =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
    all.into_iter().find(|assignor| assignor.name() == name)
}

/// What each member is to read, by names.
fn shares(group: Group<'_>, assignor: Assignor) -> Shares {
    let name = |it: &TopicPartition| {
        (group.topics[usize::from(it.topic.0)].name.as_str().to_owned(), it.partition)
    };
    let assignment = assignor.assign(group);
    let shares = group.members.iter().zip(&assignment);
    shares
        .map(|(member, share)| (member.id.as_str().to_owned(), share.iter().map(name).collect()))
        .collect()
}

fn compare(expected: &Shares, assigned: &Shares) -> Outcome {
    let mut ids: BTreeSet<&String> = expected.keys().collect();
    ids.extend(assigned.keys());
    let nothing = BTreeSet::new();
    let difference = ids.iter().find_map(|id| {
        let expected = expected.get(*id).unwrap_or(&nothing);
        let assigned = assigned.get(*id).unwrap_or(&nothing);
        (expected != assigned).then(|| {
            let missing = listing(expected.difference(assigned));
            let extra = listing(assigned.difference(expected));
            format!("{id} is not given [{missing}], but [{extra}]")
        })
    });
    outcome(ids.len(), difference)
}

fn listing<'a>(partitions: impl Iterator<Item = &'a (String, u16)>) -> String {
    let text = |(topic, partition): &(String, u16)| format!("{topic}-{partition}");
    partitions.map(text).collect::<Vec<_>>().join(" ")
}

/// Takes one partition from the first member that has one. By turns, so that every kind of mistake is
/// made: it is nobody's, or the next member's, or both have it.
fn spoil(shares: &mut Value, turn: &str) -> Option<String> {
    let shares = shares.as_object_mut()?;
    let ids: Vec<String> = shares.keys().cloned().collect();
    let from = ids.iter().find(|id| shares[*id].get(0).is_some())?;
    let to = ids.iter().find(|id| *id != from);
    let kind = turn.bytes().fold(0, |sum: usize, byte| sum + usize::from(byte)) % 3;
    let partition = shares.get_mut(from)?.as_array_mut()?.pop()?;
    match to.filter(|_| kind > 0) {
        None => Some(format!("{from} is not given {partition}")),
        Some(to) => {
            shares.get_mut(to)?.as_array_mut()?.push(partition.clone());
            if kind == 2 {
                shares.get_mut(from)?.as_array_mut()?.push(partition.clone());
            }
            Some(format!("{to} is given {partition}, which is {from}'s"))
        }
    }
}

fn understood(outcome: Result<Outcome, String>) -> Outcome {
    outcome.unwrap_or_else(Outcome::NotUnderstood)
}

fn text(fact: &Value, key: &str) -> String {
    match fact.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
