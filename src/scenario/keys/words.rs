//! The words that some keys choose from.

use super::word;
use crate::scenario::kind::Word;

/// Whose rules and defaults apply: the names of [`crate::rabbit::Profile::all`], and of Kafka's.
pub const PROFILES: &[Word] = &[
    word("rabbitmq-3.10", "RabbitMQ 3.10: classic queues version 1, no default delivery limit."),
    word("rabbitmq-3.12", "RabbitMQ 3.12."),
    word("rabbitmq-3.13", "RabbitMQ 3.13, from 3.13.3 on."),
    word("rabbitmq-4.0", "RabbitMQ 4.0: delivery limit 20 on quorum queues, two priorities."),
    word("rabbitmq-4.1", "RabbitMQ 4.1."),
    word("rabbitmq-4.2", "RabbitMQ 4.2."),
    word(
        "rabbitmq-4.3",
        "RabbitMQ 4.3: strict priorities on quorum queues, basic.nack does not count.",
    ),
    word("kafka-2.8", "Kafka 2.8: with ZooKeeper."),
    word("kafka-3.0", "Kafka 3.0."),
    word("kafka-3.1", "Kafka 3.1."),
    word("kafka-3.2", "Kafka 3.2."),
    word("kafka-3.3", "Kafka 3.3: KRaft from here on."),
    word("kafka-3.4", "Kafka 3.4."),
    word("kafka-3.5", "Kafka 3.5."),
    word("kafka-3.6", "Kafka 3.6: transactional appends are verified (KIP-890, part 1)."),
    word("kafka-3.7", "Kafka 3.7: the high watermark waits for min.insync.replicas."),
    word("kafka-3.8", "Kafka 3.8."),
    word("kafka-3.9", "Kafka 3.9."),
    word("kafka-4.0", "Kafka 4.0: the consumer protocol of KIP-848, transaction.version 2."),
    word("kafka-4.1", "Kafka 4.1: eligible leader replicas (KIP-966)."),
    word("kafka-4.2", "Kafka 4.2: share groups."),
    word("kafka-4.3", "Kafka 4.3."),
    word("kafka-4.4", "Kafka 4.4."),
];

/// Kinds of exchanges.
pub const EXCHANGES: &[Word] = &[
    word("direct", "To the queues whose binding key equals the routing key."),
    word("fanout", "To all bound queues."),
    word("topic", "By pattern: `*` is one word, `#` any number."),
    word("headers", "By the headers of the message."),
    word("x-consistent-hash", "By a hash of the routing key; the binding key is a weight."),
];

/// Kinds of queues.
pub const QUEUES: &[Word] =
    &[word("classic", "On one node."), word("quorum", "Replicated by Raft.")];

/// Client libraries.
pub const CLIENTS: &[Word] =
    &[word("amqplib", "The client of Node.js: it does not connect again by itself.")];

/// How several publications alternate.
pub const MIXES: &[Word] = &[
    word("in-turn", "In turn, each as often as its weight says."),
    word("drawn", "Drawn for each message."),
];

/// What a producer waits for.
pub const PACES: &[Word] = &[
    word("rate", "Its rate, whatever became of the messages before (an open loop)."),
    word("window", "Room in its window (a closed loop)."),
];

/// How a message gets its entity.
pub const PICKS: &[Word] = &[
    word("in-turn", "One after the other."),
    word("drawn", "Drawn evenly."),
    word("skewed", "The first has the share `hot`, the others share the rest evenly."),
];

/// What a producer does with a message that did not arrive, or may not have.
pub const AGAIN: &[Word] = &[word("resend", "Publish it again."), word("give-up", "Leave it.")];

/// What a producer does while it is blocked.
pub const BLOCKED: &[Word] = &[
    word("keep-writing", "It does not listen: what it writes waits in its memory and the socket."),
    word("wait", "It holds back what it has."),
];

/// What a consumer does when its handler fails.
pub const FAILURES: &[Word] = &[
    word("nack-requeue", "basic.nack with requeue=true: back into the queue."),
    word("nack-discard", "basic.nack with requeue=false: dead-lettered or dropped."),
    word("reject-requeue", "basic.reject with requeue=true."),
    word("reject-discard", "basic.reject with requeue=false."),
    word("ack", "basic.ack: log and forget."),
    word("nothing", "Settle nothing: the delivery stays with the process."),
    word("crash", "An uncaught exception: the process dies."),
    word("retry", "Try again as `retry` says."),
];

/// When a consumer acknowledges.
pub const ACKS: &[Word] = &[
    word("after-effect", "After the last stage of the handler: at least once."),
    word("before-effect", "Right before the first effect of the handler: at most once."),
    word("on-receipt", "As soon as it has the delivery."),
];

/// Modes of a channel.
pub const CHANNELS: &[Word] = &[
    word("plain", "What is published may get lost."),
    word("confirm", "confirm.select"),
    word("tx", "tx.select: publishes and acknowledgements count together, at tx.commit."),
];

/// What a consumer does when the broker cancels it.
pub const CANCELS: &[Word] = &[
    word("reconnect", "It connects again, which declares its queues again."),
    word("ignore", "It ignores the null that amqplib hands it, and receives nothing more."),
    word("crash", "It does not expect null and dies of it."),
];

/// What callers meet during an outage.
pub const OUTAGES: &[Word] = &[
    word("refuses", "Calls fail at once."),
    word("hangs", "Calls hang until the outage is over."),
];
