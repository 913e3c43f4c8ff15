//! W3 and W4 on Kafka: one topic on three brokers, one group, every batch replicated.

use crate::client::kafka::KafkaProducerConfig;
use crate::client::kafka::consumer::{KafkaConsumerConfig, Reset};
use crate::client::{Keys, Pacing, Script};
use crate::kafka::clients::Client;
use crate::kafka::{ClusterConfig, Profile};
use crate::kernel::{Dist, Fault, NodeId, Planned, Span, Time, Timeline, Watch, mix};
use crate::system::{BuildError, System, SystemBuilder};
use crate::talk::Mq;
use crate::talk::kafka::{GroupId, TopicId};

/// One message is sent every 100 µs.
const GAP: Span = Span::from_micros(100);
const CONSUMERS: u32 = 3;
const BROKERS: u16 = 3;
const PARTITIONS: u16 = 12;
/// By when the cluster is formed, has elected its leaders, and the group has its assignment.
const FORMED: Span = Span::from_secs(6);
/// How long the group waits for a member that is silent: the least that brokers allow
/// (`group.min.session.timeout.ms`), so that a short run sees it.
const SESSION: Span = Span::from_secs(6);

/// Which producer sends, and what about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The name of the client of the producer and of the consumers.
    pub client: &'static str,
    /// Records carry the key of one of so many entities; without, none at all, and the client fills
    /// one partition after the other.
    pub entities: Option<u32>,
}

impl Shape {
    /// Without keys, as all that measured this workload batched it.
    pub const PLAIN: Shape = Shape { client: "java-4.1", entities: None };
    /// With keys, which spread each linger over all partitions: small batches.
    pub const KEYED: Shape = Shape { client: "java-4.1", entities: Some(1_000) };
}

/// One producer with the defaults of its client and acks=all, one topic of twelve partitions with
/// three replicas each, three consumers of one group that take 200 µs for a record; hops of 0.8 to
/// 1.2 ms.
///
/// # Errors
/// None that is known: what is built here is well-formed.
pub fn stream(messages: u32, shape: Shape) -> Result<System, BuildError> {
    let horizon = FORMED + GAP.times(u64::from(messages)) + Span::from_secs(5);
    build(messages, shape, CONSUMERS, horizon)
}

/// The same without consumers: it only fills the logs of three replicas.
///
/// # Errors
/// None that is known, as for [`stream`].
pub fn log(messages: u32) -> Result<System, BuildError> {
    let horizon = FORMED + GAP.times(u64::from(messages)) + Span::from_secs(1);
    build(messages, Shape::PLAIN, 0, horizon)
}

fn build(messages: u32, shape: Shape, consumers: u32, horizon: Span) -> Result<System, BuildError> {
    let mut builder: SystemBuilder<Script> = SystemBuilder::new();
    let mut cluster = ClusterConfig::new(Profile::default());
    let topic = cluster.topic("orders", PARTITIONS);
    cluster.topics.push(topic);
    cluster.groups.push("workers".into());
    builder.kafka(cluster, BROKERS, 1)?;
    let brokers: Vec<NodeId> =
        (1..=BROKERS).filter_map(|n| builder.node(&format!("kafka-{n}"))).collect();
    let target = builder.local_effect("ledger")?;
    let client = Client::by_name(shape.client).unwrap_or(&Client::all()[0]);
    let mut producer = KafkaProducerConfig::of("checkout", client, brokers.clone(), TopicId(0));
    (producer.messages, producer.begins) = (messages, FORMED);
    producer.pacing = Pacing::Every(Dist::Fixed(GAP));
    if let Some(entities) = shape.entities {
        producer.key = Some("order-{key}".into());
        (producer.pattern, producer.keys) = (1, Keys::InTurn(entities));
    }
    builder.kafka_producer(producer)?;
    for number in 1..=consumers {
        let name = format!("worker-{number}");
        let script = Script::takes(Dist::Fixed(Span::from_micros(200))).effect(target);
        let (group, topics) = (GroupId(0), vec![TopicId(0)]);
        let config = KafkaConsumerConfig::of(client, &name, brokers.clone(), group, topics, script);
        let config = KafkaConsumerConfig {
            reset: Reset::Earliest,
            session_timeout: SESSION,
            heartbeat_interval: Span::from_secs(2),
            atomic: true,
            ..config
        };
        builder.kafka_consumer(config)?;
    }
    builder.latency(Dist::Uniform(Span::from_micros(800), Span::from_micros(1_200)));
    builder.horizon(horizon);
    Ok(builder.build())
}

/// W4: a thousand records; one consumer dies for good, which makes the group rebalance, and one
/// broker is killed and starts again two seconds later, at times that depend on the seed.
pub struct Faulty {
    system: System,
    consumers: Vec<NodeId>,
    brokers: Vec<NodeId>,
}

impl Faulty {
    /// The system without its faults.
    ///
    /// # Errors
    /// None that is known, as for [`stream`].
    pub fn new() -> Result<Faulty, BuildError> {
        let system = build(1_000, Shape::PLAIN, CONSUMERS, FORMED + SESSION + Span::from_secs(6))?;
        let named = |name: &str, count: u32| {
            (1..=count).filter_map(|n| system.node(&format!("{name}-{n}"))).collect()
        };
        let (consumers, brokers) = (named("worker", CONSUMERS), named("kafka", BROKERS.into()));
        Ok(Faulty { consumers, brokers, system })
    }

    /// Plays the run of one seed; returns how many steps it took.
    pub fn run(&self, seed: u64, watch: &mut impl Watch<Mq>) -> u64 {
        let draw = |n: u64, below: u64| mix(seed.wrapping_mul(31).wrapping_add(n)) % below;
        let one = |nodes: &[NodeId], n| nodes[draw(n, nodes.len() as u64) as usize];
        let at =
            |n| Time::ZERO + FORMED + Span::from_millis(20) + Span::from_nanos(draw(n, 60_000_000));
        let (broker, down) = (one(&self.brokers, 3), at(2));
        let mut setup = self.system.seeded(seed);
        setup.plan = vec![
            Planned { at: at(1), fault: Fault::Kill(one(&self.consumers, 0)) },
            Planned { at: down, fault: Fault::Kill(broker) },
            Planned { at: down + Span::from_secs(2), fault: Fault::Restart(broker) },
        ];
        let mut timeline = Timeline::new(&setup, watch);
        timeline.run(self.system.horizon, u64::MAX, watch)
    }
}
