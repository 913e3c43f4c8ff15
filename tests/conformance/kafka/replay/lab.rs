//! The laboratory: clusters and clients of the model, and what they did.

use redeliver::client::Pacing;
use redeliver::client::kafka::KafkaProducerConfig;
use redeliver::client::kafka::consumer::{CommitWhen, KafkaConsumerConfig, Reset};
use redeliver::client::{Script, Target};
use redeliver::kafka::clients::Client;
use redeliver::kafka::{ClusterConfig, Profile};
use redeliver::kernel::{Dist, NodeId, Seen, Span, Time, Watch};
use redeliver::system::{BuildError, Fault, System, SystemBuilder, Timeline, World};
use redeliver::talk::kafka::{GroupId, Offset, TopicId, TopicPartition};
use redeliver::talk::{KafkaNote, KafkaOrder, MessageId, Mq, Note, Order};

/// How long before the first recorded event the cluster starts: what was there is there by then.
const LEAD: f64 = 12.0;

/// When records that were there are written.
const LOADED: Span = Span::from_secs(6);

/// How long a packet is under way on the loopback.
const LATENCY: Span = Span::from_micros(150);

/// How many steps are more than any recording needs.
const MOST: u64 = 20_000_000;

/// A system that is being put together, and the relation of its time to that of a recording.
pub struct Lab {
    pub builder: SystemBuilder,
    pub brokers: Vec<NodeId>,
    /// What the first recorded event's time is, in seconds.
    origin: f64,
    /// The next message.
    next: u32,
}

/// A note, and when, in seconds of the recording.
#[derive(Clone, Debug)]
pub struct Noted {
    pub at: f64,
    pub node: NodeId,
    pub note: Note,
}

/// A cluster as it was recorded, of this many brokers, with what `more` adds: its internal topics had
/// three partitions each.
pub fn cluster(
    brokers: u16,
    origin: f64,
    more: impl FnOnce(&mut ClusterConfig) -> Result<(), String>,
) -> Result<Lab, String> {
    let profile = Profile::by_name("kafka-4.1").copied().ok_or("no profile")?;
    let mut cluster = ClusterConfig::new(profile);
    let settings = [
        ("offsets.topic.num.partitions", "3"),
        ("transaction.state.log.num.partitions", "3"),
        ("auto.create.topics.enable", "false"),
    ];
    for (name, value) in settings {
        cluster.set(name, value).map_err(text)?;
    }
    more(&mut cluster)?;
    let mut builder = SystemBuilder::new();
    builder.latency(Dist::Fixed(LATENCY));
    builder.kafka(cluster, brokers, 1).map_err(text)?;
    let name = |number| builder.node(&format!("kafka-{number}"));
    let brokers = (1..=brokers).filter_map(name).collect();
    Ok(Lab { builder, brokers, origin, next: 1 })
}

/// What a mistake says.
pub fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A span of so many seconds.
pub fn secs(seconds: f64) -> Span {
    Span::from_micros((seconds.max(0.0) * 1e6).round() as u64)
}

impl Lab {
    /// A time of the recording as one of the model.
    pub fn time(&self, at: f64) -> Span {
        secs(at - self.origin + LEAD)
    }

    /// Something is done at a time of the recording.
    pub fn at(&mut self, at: f64, fault: Fault) {
        let at = self.time(at);
        self.builder.at(at, fault);
    }

    /// A client begins.
    pub fn join(&mut self, at: f64, node: NodeId) {
        self.at(at, Fault::Order(node, Order::Join));
    }

    /// A client closes.
    pub fn leave(&mut self, at: f64, node: NodeId) {
        self.at(at, Fault::Order(node, Order::Leave));
    }

    /// This many messages that are still to be sent.
    pub fn messages(&mut self, count: u32) -> MessageId {
        let first = MessageId(self.next);
        self.next += count;
        first
    }

    /// A producer with the defaults of a client, which awaits each of its sends, for one partition of
    /// the first topic.
    pub fn sender(&mut self, client: &str, partition: u16, count: u32) -> KafkaProducerConfig {
        let name = format!("sender-{}", self.next);
        // the names are those of the model's own table
        let client = Client::by_name(client).unwrap_or(&Client::all()[0]);
        let bootstrap = self.brokers.clone();
        KafkaProducerConfig {
            joined: false,
            partition: Some(partition),
            messages: count,
            first_id: self.messages(count),
            pacing: Pacing::Window,
            window: 1,
            ..KafkaProducerConfig::of(&name, client, bootstrap, TopicId(0))
        }
    }

    /// Adds a producer that begins at a time of the recording.
    pub fn produce(&mut self, at: f64, config: KafkaProducerConfig) -> Result<NodeId, String> {
        let node = self.builder.kafka_producer(config).map_err(text)?;
        self.join(at, node);
        Ok(node)
    }

    /// Records that are there before anything was recorded: their first message.
    pub fn loaded(&mut self, partition: u16, count: u32) -> Result<MessageId, String> {
        if count == 0 {
            return Ok(MessageId(0));
        }
        let config = self.sender("java-4.1", partition, count);
        let first = config.first_id;
        let node = self.builder.kafka_producer(config).map_err(text)?;
        self.builder.at(LOADED, Fault::Order(node, Order::Join));
        Ok(first)
    }

    /// A group that committed an offset of partition 0 before, of which the log has gone on since to
    /// `end`, and begins at `start` by now.
    pub fn committed(&mut self, offset: u64, start: u64, end: u64) -> Result<(), String> {
        let clients = [(2, offset), (8, end.saturating_sub(offset))];
        for (at, count) in clients {
            let config = self.sender("java-4.1", 0, count as u32);
            let node = self.builder.kafka_producer(config).map_err(text)?;
            self.builder.at(Span::from_secs(at), Fault::Order(node, Order::Join));
        }
        let handler = self.handler(0.0).map_err(text)?;
        let mut config = self.reader("java-4.1", "reader-before", handler);
        config.commit = CommitWhen::EachMessage;
        let node = self.consume(config)?;
        self.builder.at(Span::from_secs(2), Fault::Order(node, Order::Join));
        self.builder.at(Span::from_secs(7), Fault::Order(node, Order::Leave));
        let order = KafkaOrder::DeleteRecords { at: partition(0), before: Some(start) };
        let leader = *self.brokers.first().ok_or("no broker")?;
        self.builder.at(Span::from_secs(10), Fault::Order(leader, Order::Kafka(order)));
        Ok(())
    }

    /// A consumer of the first topic with the defaults of a client, from the beginning, that is not
    /// there yet.
    pub fn reader(&self, client: &str, name: &str, handler: Script) -> KafkaConsumerConfig {
        let client = Client::by_name(client).unwrap_or(&Client::all()[0]);
        let bootstrap = self.brokers.clone();
        let (group, topics) = (GroupId(0), vec![TopicId(0)]);
        KafkaConsumerConfig {
            joined: false,
            reset: Reset::Earliest,
            ..KafkaConsumerConfig::of(client, name, bootstrap, group, topics, handler)
        }
    }

    /// Adds a consumer.
    pub fn consume(&mut self, config: KafkaConsumerConfig) -> Result<NodeId, String> {
        self.builder.kafka_consumer(config).map_err(text)
    }

    /// A handler that takes so many seconds, and then has its effect.
    pub fn handler(&mut self, seconds: f64) -> Result<Script, BuildError> {
        let name = format!("effects-{}", self.next);
        self.next += 1;
        let target: Target = self.builder.local_effect(&name)?;
        Ok(Script::takes(Dist::Fixed(secs(seconds))).effect(target))
    }

    /// The system, ready to be played.
    pub fn build(self) -> Stage {
        Stage { system: self.builder.build(), origin: self.origin }
    }
}

/// A system of the same set-up as a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    pub system: System,
    origin: f64,
}

struct Notes<'a>(&'a mut Vec<Noted>, f64);

impl Watch<Mq> for Notes<'_> {
    fn note(&mut self, seen: Seen<'_, Note>) {
        let at = seen.at.as_nanos() as f64 / 1e9 - LEAD + self.1;
        self.0.push(Noted { at, node: seen.node, note: seen.note.clone() });
    }
}

impl Stage {
    /// Plays it up to a time of the recording, and looks at what is true at others.
    pub fn play<T>(
        &self,
        seed: u64,
        end: f64,
        looks: &[f64],
        mut look: impl FnMut(f64, &World) -> T,
    ) -> (Vec<Noted>, Vec<T>) {
        let (mut notes, mut views) = (Vec::new(), Vec::new());
        let until = |at: f64| Time::ZERO + secs(at - self.origin + LEAD);
        let setup = self.system.seeded(seed);
        let mut timeline = Timeline::new(&setup, &mut Notes(&mut notes, self.origin));
        let mut looks = looks.to_vec();
        looks.sort_by(f64::total_cmp);
        for at in looks {
            timeline.run(until(at), MOST, &mut Notes(&mut notes, self.origin));
            views.push(look(at, timeline.world()));
        }
        timeline.run(until(end), MOST, &mut Notes(&mut notes, self.origin));
        (notes, views)
    }
}

/// Where each message is: its partition and offset, of those that were appended and are still there.
pub fn placed(notes: &[Noted]) -> Vec<(MessageId, u16, Offset)> {
    let appended = notes.iter().filter_map(|it| match it.note {
        Note::Kafka(KafkaNote::Appended { msg, at, offset, .. }) => {
            Some((msg, at.partition, offset))
        }
        _ => None,
    });
    appended.collect()
}

/// A partition of the first topic.
pub fn partition(number: u16) -> TopicPartition {
    TopicPartition::new(TopicId(0), number)
}
