//! The clients, one row each: what differs from the one before.

use super::{
    Backoff, Client, Commits, Consumer, Family, Full, Heartbeats, Isolation, OnError, Partitioner,
    Producer, Span, Version,
};
use crate::talk::kafka::Acks;

const MIB: u32 = 1_048_576;

/// `retry.backoff.ms` alone, up to Java 3.6.
const CONSTANT: Backoff =
    Backoff { first: Span::from_millis(100), most: Span::from_millis(100), factor: 1, jitter: 0 };

/// `retry.backoff.ms` and `retry.backoff.max.ms` (KIP-580): Java since 3.7, librdkafka since 2.3.
const EXPONENTIAL: Backoff =
    Backoff { first: Span::from_millis(100), most: Span::from_secs(1), factor: 2, jitter: 20 };

/// `src/retry/defaults.js` of KafkaJS 2.2.4.
const KAFKAJS_RETRY: Backoff =
    Backoff { first: Span::from_millis(300), most: Span::from_secs(30), factor: 2, jitter: 20 };

const JAVA_2_3: Client = Client {
    name: "java-2.3",
    family: Family::Java,
    version: Version::new(2, 3),
    producer: Producer {
        partitioner: Partitioner::InTurn,
        acks: Acks::Leader,
        idempotent: false,
        batch_size: Some(16_384),
        linger: Span::ZERO,
        max_in_flight: Some(5),
        retries: i32::MAX as u32,
        backoff: CONSTANT,
        request_timeout: Span::from_secs(30),
        delivery_timeout: Some(Span::from_secs(120)),
        full: Full::Blocks { bytes: 33_554_432, most: Span::from_secs(60) },
        transaction_timeout: Span::from_secs(60),
        asks_partitioner_again: false,
        rolls_sequences_back: false,
        epoch_per_transaction: false,
    },
    consumer: Consumer {
        isolation: Isolation::ReadUncommitted,
        assignors: &["range"],
        session_timeout: Span::from_secs(10),
        rebalance_timeout: Span::from_secs(300),
        heartbeat_interval: Span::from_secs(3),
        heartbeats: Heartbeats::FromThread,
        max_poll_interval: Some(Span::from_secs(300)),
        max_poll_records: Some(500),
        commits: Commits::InPoll(Span::from_secs(5)),
        min_bytes: 1,
        max_wait: Span::from_millis(500),
        max_bytes: 50 * MIB,
        max_partition_bytes: MIB,
        static_membership: true,
        consumer_protocol: false,
        fenced_offsets: false,
        on_error: OnError::Nothing,
        rejoins_for_new_leader: false,
    },
};

const JAVA_2_8: Client = Client {
    name: "java-2.8",
    version: Version::new(2, 8),
    producer: Producer {
        partitioner: Partitioner::Sticky,
        asks_partitioner_again: true,
        ..JAVA_2_3.producer
    },
    consumer: Consumer { fenced_offsets: true, ..JAVA_2_3.consumer },
    ..JAVA_2_3
};

const JAVA_3_0_0: Client = Client {
    name: "java-3.0.0",
    version: Version::new(3, 0),
    producer: Producer { acks: Acks::All, ..JAVA_2_8.producer },
    consumer: Consumer {
        assignors: &["range", "cooperative-sticky"],
        session_timeout: Span::from_secs(45),
        ..JAVA_2_8.consumer
    },
    ..JAVA_2_8
};

/// As of 3.0.1.
const JAVA_3_0: Client = Client {
    name: "java-3.0",
    producer: Producer { idempotent: true, ..JAVA_3_0_0.producer },
    ..JAVA_3_0_0
};

const JAVA_3_1_0: Client = Client { name: "java-3.1.0", version: Version::new(3, 1), ..JAVA_3_0_0 };

/// As of 3.1.1.
const JAVA_3_1: Client = Client { name: "java-3.1", version: Version::new(3, 1), ..JAVA_3_0 };

const JAVA_3_2: Client = Client { name: "java-3.2", version: Version::new(3, 2), ..JAVA_3_1 };

const JAVA_3_3: Client = Client {
    name: "java-3.3",
    version: Version::new(3, 3),
    producer: Producer { partitioner: Partitioner::BuiltIn, ..JAVA_3_2.producer },
    ..JAVA_3_2
};

const JAVA_3_4: Client = Client { name: "java-3.4", version: Version::new(3, 4), ..JAVA_3_3 };

const JAVA_3_5: Client = Client { name: "java-3.5", version: Version::new(3, 5), ..JAVA_3_4 };

const JAVA_3_6: Client = Client { name: "java-3.6", version: Version::new(3, 6), ..JAVA_3_5 };

const JAVA_3_7: Client = Client {
    name: "java-3.7",
    version: Version::new(3, 7),
    producer: Producer { backoff: EXPONENTIAL, ..JAVA_3_6.producer },
    ..JAVA_3_6
};

const JAVA_3_8: Client = Client { name: "java-3.8", version: Version::new(3, 8), ..JAVA_3_7 };

const JAVA_3_9: Client = Client { name: "java-3.9", version: Version::new(3, 9), ..JAVA_3_8 };

const JAVA_4_0: Client = Client {
    name: "java-4.0",
    version: Version::new(4, 0),
    producer: Producer {
        linger: Span::from_millis(5),
        asks_partitioner_again: false,
        epoch_per_transaction: true,
        ..JAVA_3_9.producer
    },
    consumer: Consumer { consumer_protocol: true, ..JAVA_3_9.consumer },
    ..JAVA_3_9
};

const JAVA_4_1: Client = Client { name: "java-4.1", version: Version::new(4, 1), ..JAVA_4_0 };

const JAVA_4_2: Client = Client { name: "java-4.2", version: Version::new(4, 2), ..JAVA_4_1 };

const JAVA_4_3: Client = Client { name: "java-4.3", version: Version::new(4, 3), ..JAVA_4_2 };

const JAVA_4_4: Client = Client { name: "java-4.4", version: Version::new(4, 4), ..JAVA_4_3 };

const KAFKAJS_2_2: Client = Client {
    name: "kafkajs-2.2",
    family: Family::KafkaJs,
    version: Version::new(2, 2),
    producer: Producer {
        partitioner: Partitioner::KafkaJs,
        acks: Acks::All,
        idempotent: false,
        batch_size: None,
        linger: Span::ZERO,
        max_in_flight: None,
        retries: 5,
        backoff: KAFKAJS_RETRY,
        request_timeout: Span::from_secs(30),
        delivery_timeout: None,
        full: Full::Never,
        transaction_timeout: Span::from_secs(60),
        asks_partitioner_again: false,
        rolls_sequences_back: true,
        epoch_per_transaction: false,
    },
    consumer: Consumer {
        isolation: Isolation::ReadCommitted,
        assignors: &["RoundRobinAssigner"],
        session_timeout: Span::from_secs(30),
        rebalance_timeout: Span::from_secs(60),
        heartbeat_interval: Span::from_secs(3),
        heartbeats: Heartbeats::BetweenMessages,
        max_poll_interval: None,
        max_poll_records: None,
        commits: Commits::AfterBatch,
        min_bytes: 1,
        max_wait: Span::from_secs(5),
        max_bytes: 10 * MIB,
        max_partition_bytes: MIB,
        static_membership: false,
        consumer_protocol: false,
        fenced_offsets: false,
        on_error: OnError::Retries { retries: 5, backoff: KAFKAJS_RETRY },
        rejoins_for_new_leader: true,
    },
};

/// As of 2.12.
const LIBRDKAFKA_2: Client = Client {
    name: "librdkafka-2",
    family: Family::Librdkafka,
    version: Version::new(2, 12),
    producer: Producer {
        partitioner: Partitioner::ConsistentRandom,
        acks: Acks::All,
        idempotent: false,
        batch_size: Some(1_000_000),
        linger: Span::from_millis(5),
        max_in_flight: Some(1_000_000),
        retries: i32::MAX as u32,
        backoff: EXPONENTIAL,
        request_timeout: Span::from_secs(30),
        delivery_timeout: Some(Span::from_secs(300)),
        full: Full::Fails { messages: 100_000 },
        transaction_timeout: Span::from_secs(60),
        asks_partitioner_again: false,
        rolls_sequences_back: false,
        epoch_per_transaction: false,
    },
    consumer: Consumer {
        isolation: Isolation::ReadCommitted,
        assignors: &["range", "roundrobin"],
        session_timeout: Span::from_secs(45),
        rebalance_timeout: Span::from_secs(300),
        heartbeat_interval: Span::from_secs(3),
        heartbeats: Heartbeats::FromThread,
        max_poll_interval: Some(Span::from_secs(300)),
        max_poll_records: None,
        commits: Commits::HandedOver(Span::from_secs(5)),
        min_bytes: 1,
        max_wait: Span::from_millis(500),
        max_bytes: 50 * MIB,
        max_partition_bytes: MIB,
        static_membership: true,
        consumer_protocol: true,
        fenced_offsets: true,
        on_error: OnError::Nothing,
        rejoins_for_new_leader: false,
    },
};

pub(super) const ALL: [Client; 21] = [
    JAVA_2_3,
    JAVA_2_8,
    JAVA_3_0_0,
    JAVA_3_0,
    JAVA_3_1_0,
    JAVA_3_1,
    JAVA_3_2,
    JAVA_3_3,
    JAVA_3_4,
    JAVA_3_5,
    JAVA_3_6,
    JAVA_3_7,
    JAVA_3_8,
    JAVA_3_9,
    JAVA_4_0,
    JAVA_4_1,
    JAVA_4_2,
    JAVA_4_3,
    JAVA_4_4,
    KAFKAJS_2_2,
    LIBRDKAFKA_2,
];
