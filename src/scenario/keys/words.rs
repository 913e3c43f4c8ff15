//! The words that some keys choose from.

use super::word;
use crate::scenario::kind::Word;

/// Whose rules and defaults apply.
pub const PROFILES: &[Word] = &[
    word(
        "rabbitmq-3.13",
        "RabbitMQ 3.13: classic queues version 1 and 2, no default delivery limit.",
    ),
    word("rabbitmq-4.2", "RabbitMQ 4.2: delivery limit 20 on quorum queues, two priorities."),
    word(
        "rabbitmq-4.3",
        "RabbitMQ 4.3: strict priorities on quorum queues, returns without a limit.",
    ),
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

/// What a consumer answers when its handler fails.
pub const FAILURES: &[Word] = &[
    word("nack-requeue", "basic.nack with requeue=true: back into the queue."),
    word("nack-discard", "basic.nack with requeue=false: dead-lettered or dropped."),
    word("reject-requeue", "basic.reject with requeue=true."),
    word("reject-discard", "basic.reject with requeue=false."),
    word("retry", "Publish a copy to a delay queue and settle the original: see `retry`."),
    word("ack", "basic.ack as if nothing had happened."),
    word("crash", "The process dies."),
];

/// When a consumer acknowledges.
pub const ACKS: &[Word] = &[
    word("after", "When the handler has finished: at least once."),
    word("before", "Before the handler begins: at most once."),
    word("auto", "Never: the broker forgets a message when it is written to the socket (no_ack)."),
];
