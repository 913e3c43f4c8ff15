//! What the clients of Kafka do unless told otherwise: Java's, KafkaJS and librdkafka. Facts only;
//! how a client behaves by them is the business of its model.
//!
//! Sources: `ProducerConfig` and `ConsumerConfig` of Apache Kafka at each version; KafkaJS 2.2.4
//! `src/index.js`, `src/producer/index.js`, `src/consumer/index.js`, `src/retry/defaults.js`;
//! librdkafka 2 `CONFIGURATION.md`.

mod idempotence;
mod rows;

use super::partition::Partitioner;
use super::version::Version;
use crate::kernel::Span;
use crate::talk::kafka::{Acks, Isolation};

pub use idempotence::{Configured, Contradiction, Why};

/// One version of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// How scenarios call it, such as `java-4.1`, `kafkajs-2.2` or `librdkafka-2`.
    pub name: &'static str,
    /// Whose it is.
    pub family: Family,
    /// Which version it is. For Java it finds the settings of producers and consumers.
    pub version: Version,
    /// What it does as a producer.
    pub producer: Producer,
    /// What it does as a consumer.
    pub consumer: Consumer,
}

/// Whose client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The client of Apache Kafka.
    Java,
    /// KafkaJS, for Node.js.
    KafkaJs,
    /// librdkafka, and what is built upon it: the clients of Confluent for Python, Go, .NET and
    /// JavaScript, and others.
    Librdkafka,
}

/// What a producer does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    /// `partitioner.class`, `createPartitioner`, `partitioner`.
    pub partitioner: Partitioner,
    /// `acks`: 1 up to Java 2.8, all since 3.0 (KIP-679) and elsewhere.
    pub acks: Acks,
    /// `enable.idempotence`, `idempotent`. Java: on since 3.0 (KIP-679), but not so in 3.0.0 and
    /// 3.1.0, where only who asked for it got it (KAFKA-13598).
    pub idempotent: bool,
    /// `batch.size` in bytes; `None` where nothing is gathered: KafkaJS sends what one call of `send`
    /// was given, in one request to each broker.
    pub batch_size: Option<u32>,
    /// `linger.ms`: how long a batch waits for more. Java: 0 up to 3.9, 5 ms since 4.0 (KIP-1030).
    pub linger: Span,
    /// `max.in.flight.requests.per.connection`, `maxInFlightRequests`; `None` for any number.
    pub max_in_flight: Option<u32>,
    /// `retries`, `message.send.max.retries`, `retry.retries`. KafkaJS means to retry for ever when
    /// idempotent, and does not: `src/index.js` always hands over an object `retry`, so that
    /// `src/producer/index.js` never falls back to its own.
    pub retries: u32,
    /// How long it waits before a retry.
    pub backoff: Backoff,
    /// `request.timeout.ms`, `requestTimeout`: after how long a request counts as failed; `None` for
    /// another rule.
    pub request_timeout: Span,
    /// `delivery.timeout.ms`, `message.timeout.ms`: how long a record may take with all its retries;
    /// `None` where the number of retries is the only bound.
    pub delivery_timeout: Option<Span>,
    /// What happens to `send` when there is no room for another record.
    pub full: Full,
    /// `transaction.timeout.ms`, `transactionTimeout`.
    pub transaction_timeout: Span,
    /// It asks the partitioner again when a record needs a new batch, after it told it so, unless the
    /// built-in one is in use: `RoundRobinPartitioner` then skips every other partition. Java 2.4 to
    /// 3.9 (KIP-480, KAFKA-9965); `onNewBatch` was removed in 4.0.
    pub asks_partitioner_again: bool,
    /// It gives sequence numbers back when a request failed, so that the next one takes them: with
    /// sends under way that loses and duplicates records. KafkaJS: `src/producer/sendMessages.js`;
    /// observed.
    pub rolls_sequences_back: bool,
    /// It takes a new epoch with every transaction where the cluster's `transaction.version` is 2:
    /// Java since 4.0 (KIP-890).
    pub epoch_per_transaction: bool,
}

/// What a consumer does by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// `isolation.level`, `readUncommitted`.
    pub isolation: Isolation,
    /// `partition.assignment.strategy`, `partitionAssigners`: the names of the protocols that it
    /// offers, best first. Java: range alone up to 2.8, and cooperative-sticky behind it since 3.0
    /// (KIP-726).
    pub assignors: &'static [&'static str],
    /// `session.timeout.ms`, `sessionTimeout`. Java: 10 s up to 2.8, 45 s since 3.0 (KIP-735).
    pub session_timeout: Span,
    /// How long the group waits for it to join again: Java and librdkafka say
    /// `max.poll.interval.ms`, KafkaJS `rebalanceTimeout`.
    pub rebalance_timeout: Span,
    /// `heartbeat.interval.ms`, `heartbeatInterval`.
    pub heartbeat_interval: Span,
    /// When it sends heartbeats.
    pub heartbeats: Heartbeats,
    /// `max.poll.interval.ms`: after what time without a poll it leaves the group; `None` where only
    /// missing heartbeats end a membership.
    pub max_poll_interval: Option<Span>,
    /// `max.poll.records`: how many records the application gets at once; `None` for what was
    /// fetched.
    pub max_poll_records: Option<u32>,
    /// What it commits without being told to, and when.
    pub commits: Commits,
    /// `fetch.min.bytes`, `minBytes`.
    pub min_bytes: u32,
    /// `fetch.max.wait.ms`, `fetch.wait.max.ms`, `maxWaitTimeInMs`.
    pub max_wait: Span,
    /// `fetch.max.bytes`, `maxBytes`.
    pub max_bytes: u32,
    /// `max.partition.fetch.bytes`, `maxBytesPerPartition`.
    pub max_partition_bytes: u32,
    /// It can be a static member, `group.instance.id` (KIP-345). KafkaJS ignores the setting;
    /// observed.
    pub static_membership: bool,
    /// It can speak `group.protocol=consumer` (KIP-848): Java since 4.0, librdkafka since 2.12. By
    /// default nobody does.
    pub consumer_protocol: bool,
    /// What it sends with offsets in a transaction lets the coordinator fence zombies (KIP-447).
    /// KafkaJS speaks versions 0 and 1 of `TxnOffsetCommit`, which do not.
    pub fenced_offsets: bool,
    /// What an error in the application's handler does.
    pub on_error: OnError,
    /// It joins its group again, which rebalances all of it, when a partition that it reads has another
    /// leader. Source: KafkaJS `src/consumer/consumerGroup.js`, `recoverFromFetch`.
    pub rejoins_for_new_leader: bool,
}

/// How long to wait before the next retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Before the first one.
    pub first: Span,
    /// At most.
    pub most: Span,
    /// How much longer each time.
    pub factor: u32,
    /// In percent, how far it may be off to either side.
    pub jitter: u8,
}

/// What happens when a producer has no room for another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// `send` waits, and throws after a time: `buffer.memory` in bytes, `max.block.ms`.
    Blocks {
        /// The room, in bytes.
        bytes: u64,
        /// How long it waits.
        most: Span,
    },
    /// `send` fails at once: `queue.buffering.max.messages`.
    Fails {
        /// The room, in messages.
        messages: u32,
    },
    /// There is always room.
    Never,
}

/// When a consumer sends heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Heartbeats {
    /// From a thread of their own, so that a slow handler does not end its membership by itself.
    FromThread,
    /// Between two messages, and when a fetch brought nothing. Source: KafkaJS
    /// `src/consumer/runner.js`; observed.
    BetweenMessages,
}

/// What a consumer commits without being told to, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Commits {
    /// What earlier polls returned, inside `poll`, `close` and a rebalance, if this long passed.
    InPoll(Span),
    /// What was handed to the application, this often, in the background.
    HandedOver(Span),
    /// What was handled, at the end of a fetched batch, after an error and before a rebalance.
    AfterBatch,
}

/// What an error in the handler of a consumer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnError {
    /// Nothing: the application polls by itself, and what it does not catch ends its loop.
    Nothing,
    /// What was handled is committed, all partitions stop, and the handler is tried again with that
    /// message; after so many retries the consumer leaves, waits once more and joins again. Of a
    /// `TypeError`, `SyntaxError`, `RangeError` or `ReferenceError` it leaves at once, and for good.
    /// Source: KafkaJS `src/consumer/runner.js`, `src/consumer/index.js`, `src/retry/index.js`;
    /// observed.
    Retries {
        /// How often.
        retries: u32,
        /// How long it waits before.
        backoff: Backoff,
    },
}

impl Client {
    /// The client of this name, such as `java-4.1`.
    pub fn by_name(name: &str) -> Option<&'static Client> {
        rows::ALL.iter().find(|client| client.name == name)
    }

    /// All clients: Java's, oldest first, and then the others.
    pub fn all() -> &'static [Client] {
        &rows::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::settings::{Owner, find};

    /// What a table says of a Java client, so that the two cannot differ.
    fn setting(client: &Client, owner: Owner, name: &str) -> String {
        let setting = find(owner, name, client.version);
        setting.map_or_else(|why| why.to_string(), |setting| setting.default.to_string())
    }

    fn java() -> impl Iterator<Item = &'static Client> {
        let first = Version::new(2, 8);
        Client::all().iter().filter(move |it| it.family == Family::Java && it.version >= first)
    }

    #[test]
    fn every_client_is_found_by_its_name() {
        for client in Client::all() {
            assert_eq!(Client::by_name(client.name), Some(client));
        }
        assert_eq!(Client::by_name("kafkajs-1.16"), None);
    }

    #[test]
    fn java_producers_default_to_what_the_settings_of_their_version_say() {
        for client in java() {
            let of = |name| setting(client, Owner::Producer, name);
            let Producer { acks, idempotent, batch_size, linger, retries, .. } = client.producer;
            let acks = if acks == Acks::All { "all" } else { "1" };
            assert_eq!(of("acks"), acks, "{}", client.name);
            let bug = ["java-3.0.0", "java-3.1.0"].contains(&client.name);
            assert_eq!(
                of("enable.idempotence"),
                (idempotent || bug).to_string(),
                "{}",
                client.name
            );
            assert_eq!(Some(of("batch.size")), batch_size.map(|it| it.to_string()));
            assert_eq!(of("linger.ms"), linger.as_millis().to_string(), "{}", client.name);
            assert_eq!(of("retries"), retries.to_string());
            let in_flight = of("max.in.flight.requests.per.connection");
            assert_eq!(Some(in_flight), client.producer.max_in_flight.map(|it| it.to_string()));
            let timeout = client.producer.delivery_timeout.map(|it| it.as_millis().to_string());
            assert_eq!(Some(of("delivery.timeout.ms")), timeout);
            let class = of("partitioner.class");
            let class = class.strip_prefix("class ").unwrap_or(&class);
            let by_class = Partitioner::java(Some(class), client.version);
            assert_eq!(by_class, Ok(client.producer.partitioner), "{}", client.name);
        }
    }

    #[test]
    fn java_consumers_default_to_what_the_settings_of_their_version_say() {
        for client in java() {
            let of = |name| setting(client, Owner::Consumer, name);
            let Consumer { session_timeout, heartbeat_interval, max_poll_interval, .. } =
                client.consumer;
            assert_eq!(of("session.timeout.ms"), session_timeout.as_millis().to_string());
            assert_eq!(of("heartbeat.interval.ms"), heartbeat_interval.as_millis().to_string());
            let polls = max_poll_interval.map(|it| it.as_millis().to_string());
            assert_eq!(Some(of("max.poll.interval.ms")), polls);
            let assignors = of("partition.assignment.strategy").matches("Assignor").count();
            assert_eq!(assignors, client.consumer.assignors.len(), "{}", client.name);
            assert_eq!(of("fetch.max.bytes"), client.consumer.max_bytes.to_string());
            assert_eq!(of("fetch.max.wait.ms"), client.consumer.max_wait.as_millis().to_string());
        }
    }
}
