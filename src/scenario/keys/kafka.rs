//! `[kafka]`: brokers, topics and their clients, with the configuration names of the real things.

use super::client::{
    BROKER, CONNECT_TIMEOUT, DECLARES, HANDLER, HEADERS, HEARTBEAT, INSTANCES, KEYS, POISON, RECONNECT,
};
use super::{AGAIN, ANY, Key, MESSAGES, PACES, SOME, Table, may, must, or, word};
use crate::scenario::kind::{Kind, Space, Word};

/// Client libraries.
pub const KAFKA_CLIENTS: &[Word] = &[
    word("kafkajs-2.2", "KafkaJS 2.2.4, the client of the guide."),
    word("java-2.3", "Apache Kafka's own client, 2.3: round robin without a key."),
    word("java-2.8", "Apache Kafka's own client, 2.8: the defaults of before 3.0."),
    word("java-3.0.0", "Apache Kafka's own client, 3.0.0: idempotence by default did not work yet (KAFKA-13598)."),
    word("java-3.0", "Apache Kafka's own client, 3.0."),
    word("java-3.1.0", "Apache Kafka's own client, 3.1.0: idempotence by default did not work yet (KAFKA-13598)."),
    word("java-3.1", "Apache Kafka's own client, 3.1."),
    word("java-3.2", "Apache Kafka's own client, 3.2."),
    word("java-3.3", "Apache Kafka's own client, 3.3."),
    word("java-3.4", "Apache Kafka's own client, 3.4."),
    word("java-3.5", "Apache Kafka's own client, 3.5."),
    word("java-3.6", "Apache Kafka's own client, 3.6."),
    word("java-3.7", "Apache Kafka's own client, 3.7."),
    word("java-3.8", "Apache Kafka's own client, 3.8."),
    word("java-3.9", "Apache Kafka's own client, 3.9."),
    word("java-4.0", "Apache Kafka's own client, 4.0."),
    word("java-4.1", "Apache Kafka's own client, 4.1."),
    word("java-4.2", "Apache Kafka's own client, 4.2."),
    word("java-4.3", "Apache Kafka's own client, 4.3."),
    word("java-4.4", "Apache Kafka's own client, 4.4."),
    word("librdkafka-2", "librdkafka 2: Python, Go, C#, PHP, and confluent-kafka-javascript."),
];

/// When a consumer commits.
const COMMITS: &[Word] = &[
    word("auto", "As its client does by itself (enable.auto.commit, autoCommit)."),
    word("each-message", "The offset after every message that was handled, and it waits for that."),
    word("each-message-async", "The same, without waiting."),
    word("each-batch", "After all that one poll (or one fetched batch) brought."),
    word("transaction", "What one poll brought, in a transaction with what its handlers produced (sendOffsetsToTransaction)."),
    word("never", "Never."),
];

/// What a consumer does when its handler fails.
const FAILURES: &[Word] = &[
    word("throw", "The error leaves the handler: what then happens is up to the client."),
    word("skip", "It logs the error and goes on: the message counts as handled."),
    word("go-on", "It catches the error, does not commit the message, and goes on with the next one, whose commit covers it."),
    word("dead-letter", "It produces the message to `dead_letter`, and goes on."),
    word("retry-topic", "It produces the message to the next of the `retry_topics`, and in the end to `dead_letter`."),
    word("seek-back", "It seeks back to the message and polls it again."),
];

/// Which error a KafkaJS handler throws.
const ERRORS: &[Word] = &[
    word("Error", "Any error that KafkaJS retries."),
    word("SyntaxError", "What JSON.parse throws, or a TypeError, RangeError or ReferenceError: KafkaJS does not retry, and the consumer stops for good."),
];

/// How messages are handed to the application.
const HANDLINGS: &[Word] = &[
    word("message", "One by one (eachMessage)."),
    word("batch", "A fetched batch at a time (eachBatch)."),
];

const CONFIG_DOC: &str = "A setting under its real name, such as \"min.insync.replicas\" = 2; names with dots may stand without quotes.";

const fn config(name: &'static str, noun: &'static str, doc: &'static str) -> Table {
    Table::new(name, noun, doc, &[]).rest(Kind::Amqp, CONFIG_DOC).flat()
}

static BROKER_CONFIG: Table =
    config("kafka.config", "[kafka.config]", "server.properties of all brokers.");
static TOPIC_CONFIG: Table =
    config("kafka.topic.config", "the configuration of a topic", "Settings of a topic.");
static PRODUCER_CONFIG: Table = config(
    "kafka.producer.config",
    "the configuration of a producer",
    "Settings of a producer, under the names that its client uses.",
);
static CONSUMER_CONFIG: Table = config(
    "kafka.consumer.config",
    "the configuration of a consumer",
    "Settings of a consumer, under the names that its client uses.",
);

pub(super) static KAFKA: Table = Table::new(
    "kafka",
    "[kafka]",
    "The Kafka cluster: its brokers, topics and clients.",
    &[
        or("brokers", Kind::Whole(1, 9), "3", "How many brokers. They are called kafka-1, kafka-2 and so on."),
        or("controllers", Kind::Whole(1, 5), "1", "How many controllers: 1, 3 or 5. They are called controller, or controller-1 and so on."),
        or("config", Kind::Table(&BROKER_CONFIG), "{}", "server.properties of all brokers."),
        or("disk", Kind::Dist, "\"50us\"", "How long a write of a batch takes until it is in the page cache."),
        may("topic", Kind::Tables(&TOPIC), "Topics that exist from the beginning."),
        may("producer", Kind::Tables(&PRODUCER), "Applications that send to Kafka."),
        may("consumer", Kind::Tables(&CONSUMER), "Applications that read from Kafka."),
    ],
)
.aliases(&[
    ("topics", "write [[kafka.topic]]"),
    ("nodes", "write `brokers`"),
    ("replicas", "write `brokers`; the replication factor belongs to a topic"),
    ("version", "the version is in `profile`, at the top level"),
]);

static TOPIC: Table = Table::new(
    "kafka.topic",
    "[[kafka.topic]]",
    "A topic.",
    &[
        must("name", Kind::Name, "Its name."),
        or("partitions", Kind::Whole(1, 10_000), "1", "How many partitions."),
        may("replication_factor", Kind::Whole(1, 9), "How many replicas each partition has; as many as there are brokers, at most 3, if nothing is said."),
        may("assignment", Kind::List(&Kind::List(&Kind::Whole(1, 9))), "For each partition the brokers that have a replica, the preferred leader first: [[1, 2, 3], [2, 3, 1]]."),
        or("config", Kind::Table(&TOPIC_CONFIG), "{}", "Its own settings: min.insync.replicas, retention.ms, cleanup.policy and so on."),
    ],
)
.aliases(&[
    ("replication.factor", "write `replication_factor`"),
    ("replicas", "write `replication_factor`"),
]);

const CLIENT: Key = or(
    "client",
    Kind::Choice(KAFKA_CLIENTS),
    "\"kafkajs-2.2\"",
    "Which client library it uses: its partitioner, its defaults and its habits.",
);
const JOINED: Key = or(
    "joined",
    Kind::Bool,
    "true",
    "It is there from the beginning; otherwise it waits for a fault that says `join`.",
);

static PRODUCER: Table = Table::new(
    "kafka.producer",
    "[[kafka.producer]]",
    "An application that sends to Kafka.",
    &[
        must("name", Kind::Name, "Its name; with several instances they are called name-1, name-2 and so on."),
        or("instances", INSTANCES, "1", "How many processes, each with so many `messages`."),
        must("topic", Kind::Ref(Space::Topic), "To which topic."),
        may("key", Kind::Text, "The key: a text in which {key} is the number of the entity, {message} that of the message, {second} and {ms} the time. Without it records have no key."),
        may("keys", Kind::Either(&[Kind::Whole(1, MESSAGES), Kind::Table(&KEYS)]), "How many entities the messages are about."),
        may("partition", Kind::Whole(0, 9_999), "It names the partition itself."),
        or("size", Kind::Whole(0, 100_000_000), "100", "How many bytes key, value and headers take."),
        may("tombstones", Kind::Chance, "How many of its records have no value."),
        or("messages", Kind::Whole(0, MESSAGES), "1000", "How many messages it submits."),
        or("begins", ANY, "\"0s\"", "When it submits the first one."),
        or("pace", Kind::Choice(PACES), "\"rate\"", "What it waits for before it submits the next one; with \"window\" it awaits each send."),
        or("rate", Kind::Rate, "\"50/s\"", "How fast it submits them: \"50/s\", or { poisson = \"50/s\" }."),
        or("window", Kind::Whole(0, MESSAGES), "0", "With pace = \"window\": how many sends it does not wait for; 0 and 1 are one after the other."),
        or("send_of", Kind::Whole(1, 1_000_000), "1", "KafkaJS: how many messages one call of send() holds."),
        or("on_failure", Kind::Choice(AGAIN), "\"give-up\"", "What the application does when its client gives a message up."),
        or("again_after", ANY, "\"1s\"", "How long it waits before it sends again."),
        or("outbox", Kind::Bool, "false", "It keeps what is not acknowledged in a database and sends it after a crash of its own."),
        may("transaction", Kind::Table(&TRANSACTION), "It sends in transactions; needs transactional.id in its config."),
        may("poison", Kind::Some(&Kind::Table(&POISON)), "Messages with which something is wrong."),
        or("config", Kind::Table(&PRODUCER_CONFIG), "{}", "Its settings, under the names that its client uses."),
        CLIENT,
        JOINED,
    ],
)
.aliases(&[
    ("acks", "settings of the client stand in `config`: config = { acks = \"all\" }"),
    ("linger.ms", "settings of the client stand in `config`"),
    ("publish", "a Kafka producer has a `topic` and a `key`"),
    ("count", "the number of messages is called `messages`"),
]);

static TRANSACTION: Table = Table::new(
    "kafka.producer.transaction",
    "`transaction`",
    "How a producer uses transactions.",
    &[
        or("records", Kind::Whole(1, 1_000_000), "10", "How many records a transaction has."),
        or("takes", Kind::Dist, "\"0s\"", "How long it waits before it commits."),
        or("aborts", Kind::Chance, "\"0%\"", "How often it aborts."),
    ],
);

static CONSUMER: Table = Table::new(
    "kafka.consumer",
    "[[kafka.consumer]]",
    "An application that reads from Kafka.",
    &[
        must("name", Kind::Name, "Its name; with several instances they are called name-1, name-2 and so on."),
        or("instances", INSTANCES, "1", "How many processes."),
        may("group", Kind::Name, "Its group (group.id); its own name if nothing is said."),
        must("topics", Kind::Some(&Kind::Ref(Space::Topic)), "Which topics it subscribes to."),
        or("handler", Kind::Table(&HANDLER), "{}", "What it does with a message."),
        or("each", Kind::Choice(HANDLINGS), "\"message\"", "How messages are handed to it."),
        may("returns_after", Kind::Whole(1, 1_000_000), "With each = \"batch\": it returns after so many messages of a batch."),
        or("awaited", Kind::Bool, "true", "The handler is awaited; otherwise it is started and left to itself."),
        or("commit", Kind::Choice(COMMITS), "\"auto\"", "When it commits."),
        may("transaction", Kind::Table(&IN_TRANSACTION), "With commit = \"transaction\": the producer whose transactions it commits with."),
        or("on_failure", Kind::Choice(FAILURES), "\"throw\"", "What it does when its handler fails."),
        or("error", Kind::Choice(ERRORS), "\"Error\"", "KafkaJS: which error the handler throws."),
        may("dead_letter", Kind::Ref(Space::Topic), "Where messages go that fail for good."),
        may("retry_topics", Kind::List(&Kind::Ref(Space::Topic)), "Where messages go that failed, one after the other."),
        or("pause", SOME, "\"1s\"", "With on_failure = \"seek-back\": how long the partition rests."),
        may("dedup", Kind::Table(&DEDUP), "How it recognises repetitions."),
        may("forward", Kind::Ref(Space::Topic), "A topic to which it produces a copy after its effects: the next station of a pipeline."),
        may("publish", Kind::Some(&Kind::Table(&PUBLISH)), "What it publishes to RabbitMQ after its effects: a bridge. Several tables are published one after the other."),
        or("amqp", Kind::Table(&AMQP), "{}", "With `publish`: its AMQP client."),
        or("static", Kind::Bool, "false", "Each instance has a group.instance.id: its own name."),
        or("respawn", Kind::Either(&[Kind::Bool, Kind::Dist]), "\"1s\"", "How long a supervisor takes to start it again after it has killed itself; false for never."),
        or("atomic", Kind::Bool, "false", "Stages that take no time happen in one step: faster, but no crash can fall between them."),
        or("config", Kind::Table(&CONSUMER_CONFIG), "{}", "Its settings, under the names that its client uses."),
        CLIENT,
        JOINED,
    ],
)
.aliases(&[
    ("topic", "write topics = \"…\""),
    ("group.id", "write `group`"),
    ("group.instance.id", "write static = true: each instance then has its own name as its id"),
    ("prefetch", "Kafka has no prefetch count: see max.poll.records in `config`"),
    ("replicas", "the number of processes is called `instances`"),
]);

static IN_TRANSACTION: Table = Table::new(
    "kafka.consumer.transaction",
    "`transaction`",
    "The producer inside of a consumer that consumes, processes and produces in transactions.",
    &[
        must("id", Kind::Name, "Its transactional.id; with several instances they have id-1, id-2 and so on."),
        may("timeout", SOME, "Its transaction.timeout.ms; that of its client if nothing is said."),
    ],
)
.aliases(&[("transactional.id", "write `id`"), ("transaction.timeout.ms", "write `timeout`")]);

static PUBLISH: Table = Table::new(
    "kafka.consumer.publish",
    "`publish`",
    "basic.publish: where to, and with which properties.",
    &[
        or("exchange", Kind::Ref(Space::Exchange), "\"\"", "The exchange; \"\" is the default exchange."),
        or("routing_key", Kind::Text, "\"\"", "The routing key, in which {key} is the number of the entity; with the default exchange the name of the queue."),
        or("persistent", Kind::Bool, "true", "delivery_mode 2."),
        may("priority", Kind::Whole(0, 255), "The priority of the message."),
        may("expiration", Kind::Text, "The time to live of the message: a text of milliseconds, such as \"60000\"."),
        may("headers", Kind::Table(&HEADERS), "Headers, for a headers exchange."),
        or("mandatory", Kind::Bool, "false", "What cannot be routed comes back, and the handler fails if it waits for the confirm."),
        or("wait_for_confirm", Kind::Bool, "false", "The handler waits for the confirm; needs amqp = { channel = \"confirm\" }."),
    ],
)
.aliases(&[
    ("queue", "with the default exchange, the queue is the `routing_key`"),
    ("delivery_mode", "write persistent = true for 2, persistent = false for 1"),
    ("ttl", "the time to live of a message is its `expiration`: a text of milliseconds"),
    ("size", "a message is as large as the record that it is made of"),
    ("confirm", "write wait_for_confirm = true, and amqp = { channel = \"confirm\" }"),
]);

/// The channel of a bridge.
const CHANNELS: &[Word] = &[
    word("plain", "What is published may get lost."),
    word("confirm", "confirm.select"),
];

/// What becomes of a publish without a connection.
const CLOSED: &[Word] = &[
    word("throw", "It throws, and its handler fails: amqplib."),
    word("buffer", "It waits in memory, and what was not confirmed is sent again: amqp-connection-manager."),
];

static AMQP: Table = Table::new(
    "kafka.consumer.amqp",
    "`amqp`",
    "The AMQP client of a bridge.",
    &[
        or("channel", Kind::Choice(CHANNELS), "\"plain\"", "The mode of its channel."),
        may("confirm_timeout", SOME, "How long a handler waits for a confirm before it fails."),
        or("on_closed", Kind::Choice(CLOSED), "\"throw\"", "What becomes of a publish without a connection."),
        BROKER,
        HEARTBEAT,
        CONNECT_TIMEOUT,
        RECONNECT,
        DECLARES,
    ],
);

/// Where a repetition is looked up.
const DEDUPS: &[Word] = &[
    word("before", "SET … NX before the handler: the guide's way."),
    word("after", "SET … after the handler."),
    word("transaction", "In the same transaction of a database as the effect."),
];

/// What makes two messages the same.
const DEDUP_KEYS: &[Word] = &[
    word("id", "The identity of the message in the business, such as the order's number."),
    word("id+offset", "That, and the offset: the guide's `kafka:processed:<orderId>:<offset>`, where an order is told of once."),
    word("entity+offset", "The number of the entity, and the offset: the same, where several messages tell of one order."),
    word("partition+offset", "Where the record is."),
];

static DEDUP: Table = Table::new(
    "kafka.consumer.dedup",
    "`dedup`",
    "How a consumer recognises repetitions.",
    &[
        must("store", Kind::Ref(Space::Service), "Which [[service]] remembers: its `dedup_for` is the expiry of keys."),
        or("when", Kind::Choice(DEDUPS), "\"before\"", "When it looks and remembers."),
        or("key", Kind::Choice(DEDUP_KEYS), "\"id\"", "What makes two messages the same."),
    ],
);
