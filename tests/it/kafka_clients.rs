//! Kafka's clients against the whole cluster: brokers, controllers and coordinators.

use redeliver::client::kafka::KafkaProducerConfig;
use redeliver::client::kafka::consumer::{CommitWhen, GroupProtocol, KafkaConsumerConfig, Reset};
use redeliver::client::{Script, Target};
use redeliver::kafka::clients::Client;
use redeliver::kafka::{ClusterConfig, Profile};
use redeliver::kernel::{Dist, Fault, NodeId, Span};
use redeliver::system::SystemBuilder;
use redeliver::talk::Note;
use redeliver::talk::kafka::{GroupId, TopicId};

const MESSAGES: u32 = 300;

/// A producer, three brokers and two consumers of one group. Returns which messages took effect, in
/// order.
fn effects(
    client: &str,
    change: impl Fn(KafkaConsumerConfig) -> KafkaConsumerConfig,
    kill: Option<&str>,
) -> Vec<u32> {
    let mut builder: SystemBuilder = SystemBuilder::new();
    let mut cluster = ClusterConfig::new(Profile::default());
    let topic = cluster.topic("orders", 6);
    cluster.topics.push(topic);
    cluster.groups.push("workers".into());
    builder.kafka(cluster, 3, 1).expect("the names are free");
    builder.latency(Dist::Fixed(Span::from_micros(500))).horizon(Span::from_secs(120));
    let brokers: Vec<NodeId> =
        (1..=3).filter_map(|n| builder.node(&format!("kafka-{n}"))).collect();
    let client = Client::by_name(client).expect("the client is known");
    let java = Client::by_name("java-4.1").expect("the client is known");
    let producer = KafkaProducerConfig::of("checkout", java, brokers.clone(), TopicId(0));
    let producer = KafkaProducerConfig { messages: MESSAGES, ..producer };
    builder.kafka_producer(producer).expect("the name is free");
    let target = Target { service: 0, at: None };
    for name in ["worker-1", "worker-2"] {
        let script = Script::takes(Dist::Fixed(Span::from_millis(2))).effect(target);
        let (group, topics) = (GroupId(0), vec![TopicId(0)]);
        let config = KafkaConsumerConfig::of(client, name, brokers.clone(), group, topics, script);
        let config = KafkaConsumerConfig { reset: Reset::Earliest, ..change(config) };
        builder.kafka_consumer(config).expect("the name is free");
    }
    if let Some(victim) = kill {
        let victim = builder.node(victim).expect("it was added");
        builder.at(Span::from_secs(5), Fault::Kill(victim));
        builder.at(Span::from_secs(30), Fault::Restart(victim));
    }
    let run = builder.build().run(1, 3_000_000);
    assert!(!run.cut_off(), "it came to rest");
    let effect = |note: &Note| match note {
        Note::Effect { msg, .. } => Some(msg.0),
        _ => None,
    };
    run.history().notes().iter().filter_map(|it| effect(&it.note)).collect()
}

fn at_least_once(effects: &[u32]) {
    let mut handled = effects.to_vec();
    handled.sort_unstable();
    handled.dedup();
    assert_eq!(handled.len(), MESSAGES as usize);
}

#[test]
fn a_healthy_group_handles_every_record_once() {
    for client in ["java-4.1", "kafkajs-2.2", "librdkafka-2"] {
        let effects = effects(client, |it| it, None);
        at_least_once(&effects);
        assert_eq!(effects.len(), MESSAGES as usize, "{client}");
    }
}

#[test]
fn a_healthy_group_of_the_consumer_protocol_handles_every_record_once() {
    for client in ["java-4.1", "librdkafka-2"] {
        let change = |it| KafkaConsumerConfig { protocol: GroupProtocol::Consumer, ..it };
        let effects = effects(client, change, None);
        at_least_once(&effects);
        assert_eq!(effects.len(), MESSAGES as usize, "{client}");
    }
}

#[test]
fn a_dead_broker_or_consumer_loses_nothing() {
    for victim in ["kafka-1", "kafka-2", "kafka-3", "worker-1"] {
        for client in ["java-4.1", "kafkajs-2.2", "librdkafka-2"] {
            let change = |it| KafkaConsumerConfig { commit: CommitWhen::EachMessage, ..it };
            at_least_once(&effects(client, change, Some(victim)));
        }
    }
}
