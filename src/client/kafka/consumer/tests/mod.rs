//! The set-ups of recorded runs of real clients, against a toy cluster: order and outcome as
//! recorded, times about.

mod java;
mod kafkajs;
mod librdkafka;
mod swarm;
mod toy;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::toy::{Broker, GROUP, Toy, batch};
use super::{KafkaConsumer, KafkaConsumerConfig, Reset};
use crate::client::script::{Script, Target};
use crate::kafka::clients::Client;
use crate::kernel::{Dist, Fault, NodeId, Planned, Run, Setup, Span, Time};
use crate::talk::kafka::{BrokerInfo, Image, PartitionInfo, TopicId, TopicInfo, TopicPartition};
use crate::talk::{KafkaNote, Mq, Note};

const BROKERS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];
const ME: NodeId = NodeId(3);

fn p(partition: u16) -> TopicPartition {
    TopicPartition::new(TopicId(0), partition)
}

fn ms(millis: u64) -> Span {
    Span::from_millis(millis)
}

/// A handler that takes so long, and then has its effect.
fn takes(span: Span) -> Script {
    Script::takes(Dist::Fixed(span)).effect(Target { service: 0, at: None })
}

/// A consumer of topic 0 with the defaults of its client, from the beginning.
fn consumer(client: &str, name: &str, handler: Script) -> KafkaConsumerConfig {
    let client = Client::by_name(client).expect("a client");
    let config =
        KafkaConsumerConfig::of(client, name, BROKERS.to_vec(), GROUP, vec![TopicId(0)], handler);
    KafkaConsumerConfig { reset: Reset::Earliest, topic_names: names(), ..config }
}

fn names() -> Vec<crate::talk::Name> {
    vec!["topic".into(), "retry".into()]
}

/// A cluster of three brokers, whose topic has partitions with so many records each, led by the
/// brokers in turn, and another topic that is empty; and consumers.
struct Lab {
    brokers: Vec<Broker>,
    consumers: Vec<KafkaConsumerConfig>,
    plan: Vec<Planned<Mq>>,
    /// There is a store, as the last node.
    store: bool,
}

impl Lab {
    fn new(records: &[u32]) -> Lab {
        let broker = |node| BrokerInfo { node, epoch: 1, fenced: false, shutting_down: false };
        let partition = |at: usize| PartitionInfo {
            leader: Some(BROKERS[at % 3]),
            replicas: BROKERS.to_vec(),
            isr: BROKERS.to_vec(),
            ..PartitionInfo::default()
        };
        let topic = TopicInfo { partitions: (0..records.len()).map(partition).collect() };
        let image = Arc::new(Image {
            version: 1,
            controller: None,
            brokers: BROKERS.map(broker).to_vec(),
            topics: vec![topic.clone(), topic],
        });
        let mut brokers = vec![Broker::new(image); 3];
        for (at, count) in records.iter().enumerate().filter(|(_, count)| **count > 0) {
            let first = 100 * at as u32;
            brokers[at % 3].logs.insert(p(at as u16), (0, vec![batch(0, first..first + count)]));
        }
        Lab { brokers, consumers: Vec::new(), plan: Vec::new(), store: false }
    }

    fn with(mut self, config: KafkaConsumerConfig) -> Lab {
        self.consumers.push(config);
        self
    }

    fn later(mut self, after: Span, at: TopicPartition, offset: u64, id: u32) -> Lab {
        let broker = &mut self.brokers[usize::from(at.partition) % 3];
        broker.later.push((after, at, batch(offset, id..id + 1)));
        self
    }

    fn fault(mut self, at: Span, fault: Fault<Mq>) -> Lab {
        self.plan.push(Planned { at: Time::ZERO + at, fault });
        self
    }

    fn run(self, until: Span) -> Story {
        let brokers = self.brokers.into_iter().map(|it| Toy::Broker(Box::new(it)));
        let consumers = self.consumers.into_iter().map(KafkaConsumer::new);
        let consumers = consumers.map(|it| Toy::Consumer(Box::new(it)));
        let store = self.store.then(|| Toy::Store(BTreeSet::new()));
        let mut setup = Setup::of(brokers.chain(consumers).chain(store).collect());
        setup.latency = Dist::Fixed(ms(1));
        setup.plan = self.plan;
        let run = Run::record(setup, Time::ZERO + until, 200_000);
        assert!(!run.cut_off(), "it never came to rest");
        Story { run }
    }
}

/// What happened.
struct Story {
    run: Run<Toy>,
}

impl Story {
    /// The notes that `which` picks, with the time in milliseconds.
    fn pick<T>(&self, which: impl Fn(NodeId, &Note) -> Option<T>) -> Vec<(u64, T)> {
        let notes = self.run.history().notes();
        notes.iter().filter_map(|it| Some((it.at.as_millis(), which(it.node, &it.note)?))).collect()
    }

    /// Which messages took effect, in order.
    fn effects(&self) -> Vec<u32> {
        let effect = |_, note: &Note| match note {
            Note::Effect { msg, .. } => Some(msg.0),
            _ => None,
        };
        self.pick(effect).into_iter().map(|it| it.1).collect()
    }

    fn started(&self, wanted: u32) -> Vec<u64> {
        let started = |_, note: &Note| match note {
            Note::Started { msg, .. } if msg.0 == wanted => Some(()),
            _ => None,
        };
        self.pick(started).into_iter().map(|it| it.0).collect()
    }

    /// What consumers committed, when.
    fn commits(&self) -> Vec<(u64, (u16, u64))> {
        self.pick(|_, note| match note {
            Note::Kafka(KafkaNote::OffsetCommitted { at, offset, by, .. }) if by.index() < 100 => {
                Some((at.partition, *offset))
            }
            _ => None,
        })
    }

    /// When a node was given a partition.
    fn assigned(&self, node: NodeId) -> Vec<(u64, u16)> {
        self.pick(|by, note| match note {
            Note::Kafka(KafkaNote::Assigned { at, .. }) if by == node => Some(at.partition),
            _ => None,
        })
    }

    /// When a node gave a partition up, and whether it had lost it.
    fn revoked(&self, node: NodeId) -> Vec<(u64, (u16, bool))> {
        self.pick(|by, note| match note {
            Note::Kafka(KafkaNote::Revoked { at, lost, .. }) if by == node => {
                Some((at.partition, *lost))
            }
            _ => None,
        })
    }

    fn consumer(&self, node: NodeId) -> &KafkaConsumer {
        match self.run.last().world().node(node) {
            Toy::Consumer(consumer) => consumer,
            Toy::Broker(_) | Toy::Store(_) => panic!("no consumer"),
        }
    }
}

/// Whether a time is about another one, in milliseconds.
fn about(time: u64, wanted: u64) -> bool {
    time.abs_diff(wanted) <= 300
}
