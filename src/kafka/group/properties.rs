//! What holds whatever members do, and whenever the coordinator moves.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::testing::*;
use super::{Group, Phase};
use crate::kernel::Span;
use crate::talk::Name;
use crate::talk::kafka::{Answer, Api, Code, ConsumerBeat, KafkaNote, TopicId, TopicPartition};

/// A member of the classic protocol, as its client sees it.
#[derive(Clone, Debug, Default)]
struct Client {
    id: Name,
    generation: i32,
    /// Its join that is not answered.
    joining: Option<u32>,
    syncing: Option<u32>,
}

/// Clients that do what they are told, in any order.
struct Crowd {
    lab: Lab,
    clients: Vec<Client>,
    /// By generation and partition: who was given it.
    owners: BTreeMap<(i32, u16), u32>,
}

impl Crowd {
    fn new() -> Crowd {
        Crowd { lab: lab(), clients: vec![Client::default(); 4], owners: BTreeMap::new() }
    }

    fn generation(&self) -> i32 {
        match self.lab.coordinator.group(G) {
            Some(Group::Classic(it)) => it.generation(),
            _ => 0,
        }
    }

    fn act(&mut self, who: usize, what: u8) {
        let node = who as u32;
        match what {
            0 | 1 => self.join(who),
            2 => {
                let client = self.clients[who].clone();
                let _ = self.lab.heartbeat(node, client.generation, &client.id);
            }
            3 => {
                let (generation, id) = (self.clients[who].generation, self.clients[who].id.clone());
                let current = self.generation();
                if !id.is_empty() && self.lab.commit_offset(node, generation, &id, 1).is_ok() {
                    assert_eq!(generation, current, "a commit of an old generation was accepted");
                }
            }
            4 => {
                let id = self.clients[who].id.clone();
                self.lab.leave(node, id.as_str(), None);
            }
            5 => self.lab.pass(secs(1)),
            6 => self.lab.pass(secs(4)),
            _ => {
                self.lab.unload();
                self.lab.fail_over(fresh());
            }
        }
        self.answers();
    }

    fn join(&mut self, who: usize) {
        if self.clients[who].joining.is_none() && self.clients[who].syncing.is_none() {
            let request = self.lab.join(who as u32, join(&self.clients[who].id));
            self.clients[who].joining = Some(request);
        }
    }

    /// Clients look at what they were answered, and sync when they have joined.
    fn answers(&mut self) {
        for who in 0..self.clients.len() {
            let client = &mut self.clients[who];
            if let Some(answer) = client.joining.and_then(|it| self.lab.answer(it)) {
                client.joining = None;
                let Answer::JoinGroup(joined) = answer else { panic!("{answer:?}") };
                match joined.error {
                    Some(Code::MemberIdRequired) => client.id = joined.member,
                    Some(Code::UnknownMemberId) => client.id = Name::default(),
                    Some(_) => {}
                    None => {
                        client.generation = joined.generation;
                        let ids: Vec<&Name> = joined.members.iter().map(|it| &it.0).collect();
                        let all: Vec<Vec<u16>> = (0..ids.len())
                            .map(|n| {
                                (0..6).filter(|it| usize::from(*it) % ids.len() == n).collect()
                            })
                            .collect();
                        let plan: Vec<(&Name, &[u16])> =
                            ids.into_iter().zip(all.iter().map(Vec::as_slice)).collect();
                        let id = client.id.clone();
                        let request = self.lab.sync(who as u32, joined.generation, &id, &plan);
                        self.clients[who].syncing = Some(request);
                    }
                }
            }
            let client = &mut self.clients[who];
            if let Some(answer) = client.syncing.and_then(|it| self.lab.answer(it)) {
                client.syncing = None;
                let Answer::SyncGroup(result) = answer else { panic!("{answer:?}") };
                let generation = client.generation;
                for at in result.unwrap_or_default() {
                    let owner = self.owners.insert((generation, at.partition), who as u32);
                    assert!(
                        owner.is_none_or(|it| it == who as u32),
                        "{at} has two owners in generation {generation}"
                    );
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn members_of_a_classic_group_never_share_a_partition_and_are_always_answered(
        acts in prop::collection::vec((0..4_usize, 0..8_u8), 1..80)
    ) {
        let mut crowd = Crowd::new();
        for (who, what) in acts {
            crowd.act(who, what);
        }
        for _ in 0..40 {
            crowd.lab.pass(secs(30));
            crowd.answers();
        }
        for client in &crowd.clients {
            prop_assert_eq!((client.joining, client.syncing), (None, None), "nobody waits for ever");
        }
        let mut last = 0;
        for note in &crowd.lab.notes {
            if let KafkaNote::Rebalanced { generation, .. } = note {
                prop_assert!(*generation > last, "generation {} after {}", generation, last);
                last = *generation;
            }
        }
    }

    #[test]
    fn members_of_the_consumer_protocol_never_share_a_partition(
        acts in prop::collection::vec((0..4_usize, 0..9_u8), 1..120)
    ) {
        let mut crowd = Consumers { lab: lab(), clients: vec![None; 4], joined: 0 };
        for (who, what) in acts {
            crowd.act(who, what);
            crowd.check();
        }
        for _ in 0..30 {
            crowd.lab.pass(secs(5));
            (0..4).for_each(|who| crowd.beat(who));
            crowd.check();
        }
        let Some(Group::Consumer(group)) = crowd.lab.coordinator.group(G) else { return Ok(()) };
        let read: usize = group.members().map(|it| it.4.len()).sum();
        prop_assert!(group.is_empty() || read == 6, "every partition is read in the end");
        prop_assert!(group.members().all(|it| it.3 == Phase::Stable));
    }
}

/// Clients of the consumer protocol: id, epoch, what they own.
struct Consumers {
    lab: Lab,
    clients: Vec<Option<(Name, i32, Vec<TopicPartition>)>>,
    joined: u32,
}

impl Consumers {
    fn act(&mut self, who: usize, what: u8) {
        match (what, self.clients[who].clone()) {
            (0..=4, Some(_)) => self.beat(who),
            (0..=4, None) => {
                self.joined += 1;
                let id: Name = format!("m{}", self.joined).into();
                self.clients[who] = Some((id, 0, Vec::new()));
                self.beat(who);
            }
            (5, Some((id, ..))) => {
                self.clients[who] = None;
                self.say(who, &id, -1, None);
            }
            // its process dies, and nobody is told
            (6, _) => self.clients[who] = None,
            (7, _) => self.lab.pass(Span::from_millis(9_500)),
            (8, _) => {
                self.lab.unload();
                self.lab.fail_over(fresh());
            }
            _ => {}
        }
    }

    fn say(
        &mut self,
        who: usize,
        id: &Name,
        epoch: i32,
        owned: Option<Vec<TopicPartition>>,
    ) -> crate::talk::kafka::ConsumerBeaten {
        let beat = ConsumerBeat {
            group: G,
            member: id.clone(),
            epoch,
            instance: None,
            rack: None,
            rebalance_timeout: Some(secs(30)),
            topics: Some(vec![TopicId(0)]),
            assignor: None,
            owned,
        };
        match self.lab.ask(who as u32, Api::ConsumerGroupHeartbeat(Box::new(beat))) {
            Answer::ConsumerGroupHeartbeat(it) => *it,
            other => panic!("no answer to a heartbeat: {other:?}"),
        }
    }

    /// A heartbeat; what it is told to give up it gives up at once.
    fn beat(&mut self, who: usize) {
        let Some((id, epoch, owned)) = self.clients[who].clone() else { return };
        let beaten = self.say(who, &id, epoch, Some(owned.clone()));
        self.clients[who] = match beaten.error {
            None => Some((id, beaten.epoch, beaten.assignment.unwrap_or(owned))),
            Some(_) => Some((id, 0, Vec::new())), // it has lost everything and joins again
        };
    }

    /// Of those whose sessions live no two own a partition.
    fn check(&self) {
        let Some(Group::Consumer(group)) = self.lab.coordinator.group(G) else { return };
        let mut owners: BTreeMap<TopicPartition, &Name> = BTreeMap::new();
        let lives = |id: &Name| group.members().any(|it| it.0 == id);
        for (id, _, owned) in self.clients.iter().flatten().filter(|it| lives(&it.0)) {
            for at in owned {
                assert_eq!(owners.insert(*at, id), None, "{at} has two owners");
            }
        }
    }
}
