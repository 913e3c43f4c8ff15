//! Kafka producers against the brokers of the model: nothing that was acknowledged is lost, and each
//! client repeats and reorders what it does in reality.

use redeliver::client::kafka::KafkaProducerConfig;
use redeliver::client::{Again, Keys, Pacing};
use redeliver::kafka::Profile;
use redeliver::kafka::clients::Client;
use redeliver::kafka::config::ClusterConfig;
use redeliver::kernel::{Dist, NodeId, Span};
use redeliver::system::{Fault, System, SystemBuilder};
use redeliver::talk::kafka::TopicId;
use redeliver::talk::{KafkaNote, Note};

const PARTITIONS: u16 = 6;

/// One producer and three brokers, one of which the builder may harm.
fn system(client: &str, change: impl FnOnce(&mut KafkaProducerConfig)) -> SystemBuilder {
    let mut cluster = ClusterConfig::new(Profile::default());
    cluster.set("default.replication.factor", "3").expect("a setting");
    cluster.set("min.insync.replicas", "2").expect("a setting");
    let topic = cluster.topic("orders", PARTITIONS);
    cluster.topics.push(topic);
    let mut builder = SystemBuilder::new();
    builder.kafka(cluster, 3, 1).expect("names");
    let brokers: Vec<NodeId> =
        (1..=3).filter_map(|it| builder.node(&format!("kafka-{it}"))).collect();
    let client = Client::by_name(client).expect(client);
    let mut config = KafkaProducerConfig::of("checkout", client, brokers, TopicId(0));
    config.key = Some("order-{key}".into());
    (config.pattern, config.keys) = (1, Keys::InTurn(50));
    (config.on_failure, config.begins) = (Again::Resend, Span::from_secs(2));
    change(&mut config);
    builder.kafka_producer(config).expect("a name");
    builder.latency(Dist::Fixed(Span::from_micros(500)));
    builder.horizon(Span::from_secs(60));
    builder
}

/// How often each kind of note was made.
fn count(system: &System, seed: u64, is_it: impl Fn(&Note) -> bool) -> usize {
    let run = system.run(seed, 2_000_000);
    run.history().notes().iter().filter(|it| is_it(&it.note)).count()
}

fn confirmed(note: &Note) -> bool {
    matches!(note, Note::Confirmed { .. })
}

fn appended(note: &Note) -> bool {
    matches!(note, Note::Kafka(KafkaNote::Appended { .. }))
}

const CLIENTS: [&str; 3] = ["java-4.1", "kafkajs-2.2", "librdkafka-2"];

#[test]
fn every_client_gets_every_message_acknowledged_once_when_nothing_goes_wrong() {
    for client in CLIENTS {
        let system = system(client, |_| {}).build();
        assert_eq!(count(&system, 1, confirmed), 1_000, "{client}");
        assert_eq!(count(&system, 1, appended), 1_000, "{client}");
    }
}

#[test]
fn every_client_survives_the_crash_of_a_broker() {
    for client in CLIENTS {
        let mut builder = system(client, |config| config.messages = 5_000);
        let broker = builder.node("kafka-2").expect("it is there");
        builder.at(Span::from_secs(4), Fault::Kill(broker));
        builder.at(Span::from_secs(20), Fault::Restart(broker));
        let system = builder.build();
        assert_eq!(count(&system, 1, confirmed), 5_000, "{client}");
        assert!(count(&system, 1, appended) >= 5_000, "{client}");
    }
}

/// A connection that breaks takes answers with it: without sequence numbers what they were about is
/// written twice.
#[test]
fn only_an_idempotent_producer_repeats_nothing_when_connections_break() {
    for idempotence in [true, false] {
        let mut builder = system("java-4.1", |config| {
            config.idempotence = idempotence;
            config.messages = 20_000;
            config.pacing = Pacing::Every(Dist::Fixed(Span::from_micros(100)));
        });
        let me = builder.node("checkout").expect("it is there");
        let broker = builder.node("kafka-1").expect("it is there");
        for at in 0..100 {
            builder.at(Span::from_micros(2_200_000 + at * 7_300), Fault::Break(me, broker));
        }
        let system = builder.build();
        assert_eq!(count(&system, 1, confirmed), 20_000);
        assert_eq!(count(&system, 1, appended) == 20_000, idempotence);
    }
}

#[test]
fn a_closed_loop_awaits_every_send() {
    for client in CLIENTS {
        let system = system(client, |config| {
            (config.pacing, config.window, config.messages) = (Pacing::Window, 1, 200);
        });
        assert_eq!(count(&system.build(), 1, confirmed), 200, "{client}");
    }
}
